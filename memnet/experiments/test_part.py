"""The test part of a run: scored by the written weight file, and compared with human scores."""

from __future__ import annotations

from pathlib import Path

from memnet.compare.comparison import compare_scores
from memnet.compare.report.render import write_report
from memnet.data.inputs import Inputs, Item
from memnet.data.score_columns import FAILED
from memnet.reimpl.training.run_folder import TEST, WEIGHTS
from memnet.reimpl.training.training_set import TrainingSet
from memnet.scoring.runner import Settings, score_to_file
from memnet.util.atomic import write_text
from memnet.util.csv_text import to_csv_text


def judge_test_part(
    out: Path, data: TrainingSet, device: str, command: str, target: str = ""
) -> list[str]:
    """Score the test part with the run's weight file, and compare with the human scores.

    Returns
    -------
    list of str
        a sentence for each picture that could not be read.
    """
    import torch

    if device == "auto":  # as in training, which takes no GPU of Apple's
        device = "cuda" if torch.cuda.is_available() else "cpu"
    rows = data.table[data.table["part"] == "test"]
    items = [Item(i, path, path) for i, path in zip(rows["image_id"], rows["path"], strict=True)]
    folder = out / TEST
    scores = folder / "scores.parquet"
    summary = score_to_file(
        Inputs(items=items), scores, Settings(models=[str(out / WEIGHTS)], device=device)
    )
    truth = folder / "truth.csv"
    human = rows[["image_id", "score"]].rename(columns={"score": "human_score"})
    write_text(truth, to_csv_text(human))
    record = compare_scores(
        truth,
        [scores],
        truth_column="human_score",
        dataset=data.test_name,
        target=target,
        command=command,
    )
    write_report(record, folder)
    return [f"{row.image_id}: {row.warning.removeprefix(FAILED)}" for row in summary.failed]

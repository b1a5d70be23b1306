"""``memnet.compare``: human scores and predictions in, a RunRecord out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from memnet.compare.contamination import contamination
from memnet.compare.data.join import JOIN_RULE, Joined, Scores, join, read_column, read_scores
from memnet.compare.data.tables import some
from memnet.compare.environment import environment
from memnet.compare.record import Result, RunRecord
from memnet.compare.stats import bootstrap
from memnet.compare.stats.density import plot_data
from memnet.compare.stats.metrics import METRICS
from memnet.errors import MemnetError
from memnet.weights.catalogue import catalogue
from memnet.weights.files import file_digest

RESAMPLES = 10_000
SEED = 20220101
LEVEL = 0.95
_EXAMPLES = 20

Table = str | os.PathLike[str] | pd.DataFrame


def compare(
    truth: Table,
    scores: Table | Sequence[Table],
    *,
    truth_column: str,
    id_column: str = "image_id",
    score_column: str = "score",
    dataset: str = "",
    resamples: int = RESAMPLES,
    seed: int = SEED,
    command: str = "memnet.compare(...)",
) -> RunRecord:
    """Compare predictions with human scores, all models on the same pictures.

    Parameters
    ----------
    truth : CSV, TSV or Parquet file, or a DataFrame, with a row per picture.
    scores : score tables of ``memnet score`` (or ``model.score``), or any table with an id and a
        score column; one or more.
    truth_column : the column with the human scores (hit rates in [0, 1]).
    id_column : the column with the picture's id; a score table may also call it ``image_id``.
    score_column : the column with the predictions.
    dataset : ``"lamem"``, ``"memcat"``, ... names the data set, for contamination.
    resamples, seed : of the bootstrap intervals.
    command : what the record says was run.

    Returns
    -------
    RunRecord
        value, n and 95 % interval of each metric and model, and what did not match.

    Raises
    ------
    MemnetError
        if a column is missing, ids repeat, or nothing matches.

    Examples
    --------
    >>> import pandas as pd
    >>> truth = pd.DataFrame({"image_id": list("abcd"), "hit_rate": [0.5, 0.6, 0.8, 0.9]})
    >>> scores = pd.DataFrame({"image_id": list("dcba"), "score": [0.7, 0.8, 0.6, 0.5]})
    >>> record = compare(truth, scores, truth_column="hit_rate", resamples=200)
    >>> round(record.value("spearman"), 3), record.result("spearman").n
    (0.8, 4)
    """
    if resamples < 1:
        raise MemnetError(f"resamples is {resamples}; at least 1 is needed.")
    human = read_column(truth, column=truth_column, id_column=id_column, name=truth_column)
    tables = [scores] if isinstance(scores, (str, os.PathLike, pd.DataFrame)) else list(scores)
    models = [
        model
        for table in tables
        for model in read_scores(table, id_column=id_column, score_column=score_column)
    ]
    joined = join(human, models)
    results, plots = [], {}
    for model in models:
        results += _results(joined, model, dataset, resamples, seed)
        plots[model.name] = plot_data(joined.truth, joined.predictions[model.name], seed=seed)
    return RunRecord(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        command=command,
        dataset=dataset,
        truth=_truth_info(truth, human, joined, id_column),
        models=[_model_info(model) for model in models],
        items=_items(joined, human, models),
        results=results,
        plots=plots,
        warnings=_warnings(joined, human, models),
        environment=environment(),
    )


def _results(
    joined: Joined, model: Scores, dataset: str, resamples: int, seed: int
) -> list[Result]:
    prediction = joined.predictions[model.name]
    drawn = bootstrap.intervals(
        joined.truth, prediction, resamples=resamples, seed=seed, level=LEVEL
    )
    word = contamination(_model_info(model).get("trained_on"), dataset)
    results = []
    for name, metric in METRICS.items():
        value = metric.function(joined.truth, prediction)
        interval = drawn[name]
        defined = bool(np.isfinite(value))
        reasons = [interval.reason] if defined else [metric.undefined]
        results.append(
            Result(
                model=model.name,
                variant=model.variant,
                dataset=dataset,
                metric=name,
                value=value if defined else None,
                n=len(joined.ids),
                interval=None if interval.low is None else [interval.low, float(interval.high)],  # type: ignore[arg-type]
                level=LEVEL,
                method=bootstrap.METHOD,
                resamples=resamples,
                seed=seed,
                contamination=word,
                reason="; ".join(filter(None, reasons)),
            )
        )
    return results


def _truth_info(truth: Table, human: Scores, joined: Joined, id_column: str) -> dict[str, Any]:
    file = None if isinstance(truth, pd.DataFrame) else Path(truth)
    return {
        "source": "a DataFrame" if file is None else file.name,
        "sha256": None if file is None else file_digest(file),
        "column": human.name,
        "id_column": id_column,
        "rows": human.rows,
        "mean": float(joined.truth.mean()),
        "sd": float(joined.truth.std(ddof=1)) if len(joined.ids) > 1 else None,
        "lowest": float(joined.truth.min()),
        "highest": float(joined.truth.max()),
    }


def _model_info(model: Scores) -> dict[str, Any]:
    """Describe a model by its table's sidecar, or by its name, and say by which."""
    info: dict[str, Any] = {
        "name": model.name,
        "variant": model.variant,
        "source": Path(model.source).name,
        "rows": model.rows,
        "known_by": "sidecar" if model.identity else "name",
    }
    entry = catalogue().get(model.name.split(":")[0])
    if entry is not None:
        info |= {
            "title": entry.title,
            "trained_on": list(entry.trained_on),
            "training_note": entry.training_note,
            "licence": entry.licence,
            "citation": entry.citation,
        }
    if model.identity:
        copied = (
            "trained_on",
            "licence",
            "citation",
            "preprocess_digest",
            "weights_sha256",
            "remark",
        )
        info |= {name: model.identity[name] for name in copied}
    return info


def _items(joined: Joined, human: Scores, models: Sequence[Scores]) -> dict[str, Any]:
    aside = [*human.set_aside, *(line for model in models for line in model.set_aside)]
    return {
        "n": len(joined.ids),
        "digest": joined.digest(),
        "join_rule": JOIN_RULE,
        "set_aside": len(aside),
        "set_aside_examples": aside[:_EXAMPLES],
        "without_score": len(joined.truth_only),
        "without_score_examples": joined.truth_only[:_EXAMPLES],
        "without_truth": {name: len(ids) for name, ids in joined.scores_only.items()},
        "without_truth_examples": {
            name: ids[:_EXAMPLES] for name, ids in joined.scores_only.items() if ids
        },
    }


def _warnings(joined: Joined, human: Scores, models: Sequence[Scores]) -> list[str]:
    sentences = [
        f"{model.name}: {model.identity['remark']}"
        for model in models
        if model.identity and model.identity["remark"]
    ]
    sentences += joined.warnings
    for column in (human, *models):
        if column.set_aside:
            sentences.append(
                f"{len(column.set_aside)} row(s) of {column.name} were set aside: "
                f"{some(column.set_aside, 3)}."
            )
    if joined.truth_only:
        sentences.append(
            f"{len(joined.truth_only)} picture(s) with a human score were left out, since not "
            f"every model scored them: {some(joined.truth_only)}."
        )
    for name, ids in joined.scores_only.items():
        if ids:
            sentences.append(
                f"{len(ids)} picture(s) scored by {name} were left out, since they are not in "
                f"the comparison: {some(ids)}."
            )
    if len(joined.ids) < 10:
        sentences.append(f"Only {len(joined.ids)} picture(s): nothing can be concluded from that.")
    return sentences

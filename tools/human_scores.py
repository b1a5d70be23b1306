"""Make memnet/data/human_scores.toml: histograms of LaMem's and MemCat's human scores.

    python tools/human_scores.py LAMEM MEMCAT

LAMEM is the folder with LaMem's split files (train_1.txt ...), MEMCAT its memcat_image_data.csv.

The labels of a picture of LaMem differ between the five splits, since each split draws its people
anew. So a picture counts once, with its label of split 1 (its training, validation and test part
together are all 58,741 pictures). The other four are read, too, and must have the same pictures and
nearly the same distribution: what a percentile of split 1 is among their scores is written to the
file. A mean over the splits would be a label that nobody published, with a smaller SD (.1155).
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from memnet.data.human_scores import EDGES
from memnet.data.lamem import SPLITS, read_split, split_file
from memnet.data.memcat import read_memcat
from memnet.data.targets import HIT_RATE

OUT = Path(__file__).parents[1] / "memnet" / "data" / "human_scores.toml"
PARTS = ("train", "val", "test")


def entry(
    dataset: str, target: str, label: str, url: str, scores: np.ndarray, files: list[Path]
) -> str:
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    counts = np.histogram(scores, EDGES)[0].tolist()
    assert sum(counts) == len(scores)
    lines = [", ".join(map(str, counts[i : i + 10])) for i in range(0, len(counts), 10)]
    return (
        f'\n[[distribution]]\ndataset = "{dataset}"\ntarget = "{target}"\nlabel = "{label}"\n'
        f'url = "{url}"\nn = {len(scores)}\nmean = {scores.mean():.6f}\nsd = {scores.std():.6f}\n'
        f'sha256 = "{digest}"\ncounts = [\n' + "".join(f"    {line},\n" for line in lines) + "]\n"
    )


def furthest(scores: np.ndarray, others: np.ndarray) -> float:
    """Return how far a score's percentile in one is at most from that in the other."""
    every = np.union1d(scores, others)
    ranks = [np.searchsorted(np.sort(one), every, "right") / len(one) for one in (scores, others)]
    return float(100 * np.abs(ranks[0] - ranks[1]).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lamem", type=Path)
    parser.add_argument("memcat", type=Path)
    args = parser.parse_args()
    splits = {k: pd.concat([read_split(args.lamem, k, part) for part in PARTS]) for k in SPLITS}
    lamem = splits[1]
    for k, other in splits.items():
        assert other.index.is_unique
        assert set(other.index) == set(lamem.index), f"split {k} has other pictures"
    off = max(furthest(lamem.to_numpy(), other.to_numpy()) for other in splits.values())
    table = read_memcat(args.memcat, label="wo-fa").table
    doi = "https://doi.org/10.7717/peerj.8169"
    text = f"""\
# Human scores of LaMem and MemCat in {len(EDGES) - 1} bins from 0 to 1.
# Made by tools/human_scores.py from the published tables, for memnet/data/human_scores.py.
#
# LaMem: each picture once, with its label of split 1, since the labels of one picture differ
# between the five splits. Among those of another split a percentile is off by at most {off:.1f}.
"""
    text += entry(
        "lamem",
        HIT_RATE,
        "hit rate in split 1, training, validation and test part together",
        "https://doi.org/10.1109/ICCV.2015.275",
        lamem.to_numpy(),
        [split_file(args.lamem, 1, part) for part in PARTS],
    )
    text += entry(
        "memcat",
        HIT_RATE,
        "hit rate, without a correction for false alarms",
        doi,
        table["human_score"].to_numpy(),
        [args.memcat],
    )
    text += entry(
        "memcat",
        "false_alarm_rate",
        "false alarms among responses",
        doi,
        (table["false_alarms"] / table["n_resp"]).to_numpy(),
        [args.memcat],
    )
    OUT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

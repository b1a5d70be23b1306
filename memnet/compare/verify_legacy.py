"""Does the original MemNet still give its published 0.565 on LaMem? A verdict, with its interval.

Published: rho about 0.565 for the public MemNet (Needell & Bainbridge 2022, who tested it again)
and 0.57, the mean of five splits (Khosla et al. 2015, Table 1, without false alarms; their 0.64 is
another model, trained with false alarms). The band below was fixed before anything was measured:
with 10,000 pictures the standard error of rho is 0.0073, and the band is two of them on each side.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from memnet.compare.data.lamem import picture_paths, read_test_split
from memnet.compare.environment import environment
from memnet.compare.scoring.engine import Item
from memnet.compare.scoring.inputs import Inputs
from memnet.compare.scoring.job import Settings, Summary, score_to_file
from memnet.compare.scoring.table import read_table
from memnet.compare.stats import bootstrap, metrics
from memnet.errors import MemnetError

PUBLISHED = (
    (0.565, "public MemNet, tested again: Needell & Bainbridge (2022)"),
    (0.57, "mean of five splits, without false alarms: Khosla et al. (2015), Table 1"),
)
BAND = (0.55, 0.58)
"""Accepted: 0.565 +- 0.015. A rho in here counts as the published one."""

RESAMPLES = 2_000
SEED = 20150000
LEVEL = 0.95

REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced", "undecided"


@dataclass(frozen=True, kw_only=True)
class SplitResult:
    """One test split.

    Attributes
    ----------
    split : 1 to 5.
    n, failed : pictures compared; pictures of the split that could not be scored.
    spearman, interval : rho and its 95 % bootstrap interval (paired, percentile).
    mse : mean squared error of the scaled scores.
    sd : SD of the predictions (n - 1).
    verdict : see :func:`judge`.
    """

    split: int
    n: int
    failed: int
    spearman: float | None
    interval: list[float] | None
    mse: float
    sd: float
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What ``memnet verify-legacy`` found.

    Attributes
    ----------
    model, remark : the weight file, and what it says about itself.
    splits : one result each; they share pictures but not labels, so they are never merged.
    mean, spread : mean and SD of rho over the splits (None for one split).
    band, published : what was fixed beforehand, and where the figures come from.
    verdict, sentence : the judgement, and what it means.
    resamples, seed : of the intervals.
    environment : versions.
    """

    model: str
    remark: str
    splits: list[SplitResult]
    mean: float | None
    spread: float | None
    band: list[float]
    published: list[tuple[float, str]]
    verdict: str
    sentence: str
    resamples: int
    seed: int
    environment: dict[str, str]

    def write(self, path: Path) -> None:
        """Write strict JSON."""
        try:
            text = json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise MemnetError(f"{path} cannot be written ({error.strerror}).") from error


def judge(rho: float | None, interval: Sequence[float] | None) -> str:
    """Say whether a rho is the published one.

    ``reproduced``: rho lies in :data:`BAND`. ``not reproduced``: rho's whole interval lies outside
    it. ``undecided``: rho lies outside, but its interval reaches in (too few pictures to tell), or
    there is no rho.
    """
    if rho is None or interval is None:
        return UNDECIDED
    if BAND[0] <= rho <= BAND[1]:
        return REPRODUCED
    if interval[1] < BAND[0] or interval[0] > BAND[1]:
        return NOT_REPRODUCED
    return UNDECIDED


def verify_legacy(
    model: str | Path,
    lamem: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    splits: Sequence[int],
    settings: Settings,
    remark: str = "",
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> tuple[Verification, Summary]:
    """Score LaMem's test splits through the model's whole path and judge the result.

    Each picture is scored once, whatever number of splits it is in, into ``out/scores.parquet``,
    which an interrupted run continues. The result is ``out/verification.json``.

    Raises
    ------
    MemnetError
        if a split file or the pictures are missing or damaged, or nothing could be scored.
    """
    lamem, out = Path(lamem), Path(out)
    truths = {split: read_test_split(lamem, split) for split in splits}
    names = sorted(set().union(*(truth.index for truth in truths.values())))
    paths = picture_paths(lamem, names)
    inputs = Inputs(items=[Item(name, str(path), path) for name, path in paths.items()])
    table = out / "scores.parquet"
    summary = score_to_file(inputs, table, settings)
    scored = read_table(table)
    scored = scored[scored["image_id"].isin(names) & scored["score"].notna()]
    scores = pd.Series(scored["score"].to_numpy(), index=scored["image_id"])
    results = [_split(split, truth, scores, resamples, seed) for split, truth in truths.items()]
    found = _overall(str(model), remark, results, resamples, seed)
    found.write(out / "verification.json")
    return found, summary


def _split(
    split: int, truth: pd.Series, scores: pd.Series, resamples: int, seed: int
) -> SplitResult:
    common = [name for name in truth.index if name in scores.index]
    if len(common) < 2:
        raise MemnetError(f"Only {len(common)} picture(s) of test split {split} could be scored.")
    human = truth.loc[common].to_numpy(np.float64)
    predicted = scores.loc[common].to_numpy(np.float64)
    rho = metrics.spearman(human, predicted)
    drawn = bootstrap.intervals(human, predicted, resamples=resamples, seed=seed, level=LEVEL)
    low, high = drawn["spearman"].low, drawn["spearman"].high
    interval = None if low is None or high is None else [low, high]
    defined = float(rho) if np.isfinite(rho) else None
    return SplitResult(
        split=split,
        n=len(common),
        failed=len(truth) - len(common),
        spearman=defined,
        interval=interval,
        mse=metrics.mse(human, predicted),
        sd=float(np.std(predicted, ddof=1)),
        verdict=judge(defined, interval),
    )


def _overall(
    model: str, remark: str, results: list[SplitResult], resamples: int, seed: int
) -> Verification:
    rhos = [result.spearman for result in results if result.spearman is not None]
    verdicts = {result.verdict for result in results}
    mean = float(np.mean(rhos)) if len(rhos) == len(results) else None
    if mean is not None and BAND[0] <= mean <= BAND[1]:
        verdict = REPRODUCED
    else:
        verdict = NOT_REPRODUCED if verdicts == {NOT_REPRODUCED} else UNDECIDED
    return Verification(
        model=model,
        remark=remark,
        splits=results,
        mean=mean,
        spread=float(np.std(rhos, ddof=1)) if len(rhos) > 1 else None,
        band=list(BAND),
        published=list(PUBLISHED),
        verdict=verdict,
        sentence=_sentence(verdict, mean, results),
        resamples=resamples,
        seed=seed,
        environment=environment(),
    )


def _sentence(verdict: str, mean: float | None, results: list[SplitResult]) -> str:
    what = f"rho {mean:.4f}" if mean is not None else "no rho"
    over = "on one split" if len(results) == 1 else f"the mean of {len(results)} splits"
    wide = max((r.interval[1] - r.interval[0] for r in results if r.interval), default=0.0)
    says = {
        REPRODUCED: "lies within the accepted band",
        NOT_REPRODUCED: "lies outside the accepted band, with its whole interval",
        UNDECIDED: "lies outside the accepted band, but the data do not exclude it",
    }[verdict]
    sentence = f"{what} ({over}) {says} of {BAND[0]} to {BAND[1]}"
    if wide > BAND[1] - BAND[0] + 0.005:
        sentence += (
            f"; with at most {max(r.n for r in results):,} pictures a split the interval is wider "
            "than the band (the official splits have 10,000)"
        )
    return sentence + "."

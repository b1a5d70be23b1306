"""Does the original MemNet still give its published 0.565 on LaMem? A verdict, with its interval.

Published: rho about 0.565 for the public MemNet (Needell & Bainbridge 2022, who tested it again)
and 0.57, the mean of five splits (Khosla et al. 2015, Table 1, without false alarms; their 0.64 is
another model, trained with false alarms). The band below was fixed before anything was measured:
with 10,000 pictures the standard error of rho is 0.0073, and the band is two of them on each side.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from memnet.data.inputs import Inputs, Item
from memnet.data.lamem import picture_paths, read_test_split
from memnet.errors import MemnetError
from memnet.scoring.runner import Settings, Summary, score_to_file
from memnet.scoring.table import read_table
from memnet.stats import bootstrap, metrics
from memnet.stats.levels import LEVEL
from memnet.util.atomic import write_text
from memnet.util.versions import environment

PUBLISHED = (
    (0.565, "public MemNet, tested again: Needell & Bainbridge (2022)"),
    (0.57, "mean of five splits, without false alarms: Khosla et al. (2015), Table 1"),
)
BAND = (0.55, 0.58)
"""Accepted: 0.565 +- 0.015. A rho in here counts as the published one."""

RESAMPLES = 2_000
SEED = 20150000

DISCLAIMER = "This network is not the original MemNet, so this says nothing about the original."
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
    verdict : see :func:`decide_verdict`.
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
    original : False for a network that is not MemNet at its own widths, whatever it scores.
    splits : one result each; they share pictures but not labels, so they are never merged.
    pictures : distinct pictures scored.
    mean, interval, spread : mean of rho over the splits, its 95 % interval (pictures are drawn
        once for all splits, so that shared ones count as shared), SD over the splits.
    mse, sd : means over the splits.
    band, published : what was fixed beforehand, and where the values come from.
    verdict, sentence : the judgement, and what it means.
    resamples, seed : of the intervals.
    environment : versions.
    """

    model: str
    remark: str
    original: bool
    splits: list[SplitResult]
    pictures: int
    mean: float | None
    interval: list[float] | None
    spread: float | None
    mse: float
    sd: float
    band: list[float]
    published: list[tuple[float, str]]
    verdict: str
    sentence: str
    resamples: int
    seed: int
    environment: dict[str, str]

    def write(self, path: Path) -> None:
        """Write strict JSON."""
        write_text(path, json.dumps(asdict(self), indent=1, allow_nan=False) + "\n")


def decide_verdict(rho: float | None, interval: Sequence[float] | None) -> str:
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


def read_lamem(lamem: Path, splits: Sequence[int]) -> tuple[dict[int, pd.Series], dict[str, Path]]:
    """Read the splits and find their pictures; raises what their readers raise."""
    truths = {split: read_test_split(lamem, split) for split in splits}
    names = sorted(set().union(*(truth.index for truth in truths.values())))
    return truths, picture_paths(lamem, names)


def verify_legacy(
    model: str | Path,
    lamem: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    splits: Sequence[int],
    settings: Settings,
    remark: str = "",
    original: bool = True,
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
    out = Path(out)
    truths, paths = read_lamem(Path(lamem), splits)
    names = list(paths)
    inputs = Inputs(items=[Item(name, str(path), path) for name, path in paths.items()])
    table = out / "scores.parquet"
    summary = score_to_file(inputs, table, replace(settings, cache=False))  # it measures
    scored = read_table(table)
    mine = scored["model"] == Path(model).as_posix()  # a name without folders stays as it is
    scored = scored[mine & scored["image_id"].isin(names) & scored["score"].notna()]
    scores = pd.Series(scored["score"].to_numpy(), index=scored["image_id"])
    results = [_split(split, truth, scores, resamples, seed) for split, truth in truths.items()]
    result = _overall(results, truths, scores, resamples=resamples, seed=seed)
    result = replace(
        result,
        model=str(model),
        remark=remark,
        original=original,
        sentence=result.sentence if original else f"{DISCLAIMER} {result.sentence}",
    )
    result.write(out / "verification.json")
    return result, summary


def _split(
    split: int, truth: pd.Series, scores: pd.Series, resamples: int, seed: int
) -> SplitResult:
    common = [name for name in truth.index if name in scores.index]
    if len(common) < 2:
        raise MemnetError(f"Only {len(common)} picture(s) of test split {split} could be scored.")
    human = truth.loc[common].to_numpy(np.float64)
    predicted = scores.loc[common].to_numpy(np.float64)
    rho = metrics.spearman(human, predicted)
    resampled = bootstrap.intervals(
        human, predicted, resamples=resamples, seed=seed, level=LEVEL, only=("spearman",)
    )
    interval = _ends(resampled["spearman"])
    defined = float(rho) if np.isfinite(rho) else None
    return SplitResult(
        split=split,
        n=len(common),
        failed=len(truth) - len(common),
        spearman=defined,
        interval=interval,
        mse=metrics.mse(human, predicted),
        sd=float(np.std(predicted, ddof=1)),
        verdict=decide_verdict(defined, interval),
    )


def _overall(
    results: list[SplitResult],
    truths: Mapping[int, pd.Series],
    scores: pd.Series,
    *,
    resamples: int,
    seed: int,
) -> Verification:
    rhos = [result.spearman for result in results if result.spearman is not None]
    mean = float(np.mean(rhos)) if len(rhos) == len(results) else None
    interval = results[0].interval
    if len(results) > 1:
        interval = _interval_of_the_mean(truths, scores, resamples=resamples, seed=seed)
    verdict = decide_verdict(mean, interval)
    return Verification(
        model="",
        remark="",
        original=True,
        splits=results,
        pictures=len(scores),
        mean=mean,
        interval=interval,
        spread=float(np.std(rhos, ddof=1)) if len(rhos) > 1 else None,
        mse=float(np.mean([result.mse for result in results])),
        sd=float(np.mean([result.sd for result in results])),
        band=list(BAND),
        published=list(PUBLISHED),
        verdict=verdict,
        sentence=_sentence(verdict, mean, interval, results),
        resamples=resamples,
        seed=seed,
        environment=environment(),
    )


def _interval_of_the_mean(
    truths: Mapping[int, pd.Series], scores: pd.Series, *, resamples: int, seed: int
) -> list[float] | None:
    """Bootstrap the mean rho over the splits; a picture is drawn for all its splits at once."""
    generator = np.random.default_rng(seed)
    names = scores.index
    predicted = scores.to_numpy(np.float64)
    splits = []
    for truth in truths.values():
        at = names.get_indexer(truth.index)
        splits.append((at[at >= 0], truth.to_numpy(np.float64)[at >= 0]))
    means = np.empty(resamples)
    for number in range(resamples):
        resampled = np.bincount(
            generator.integers(len(names), size=len(names)), minlength=len(names)
        )
        rhos = [
            metrics.spearman(
                np.repeat(human, resampled[at]), np.repeat(predicted[at], resampled[at])
            )
            for at, human in splits
        ]
        means[number] = np.mean(rhos)
    return _ends(bootstrap.interval_of(means, LEVEL))


def _ends(interval: bootstrap.Interval) -> list[float] | None:
    if interval.low is None or interval.high is None:
        return None
    return [interval.low, interval.high]


def _sentence(
    verdict: str,
    mean: float | None,
    interval: Sequence[float] | None,
    results: list[SplitResult],
) -> str:
    band = f"the accepted band of {BAND[0]} to {BAND[1]}"
    if mean is None:
        return "There is no rho: the scores or the labels are all equal."
    where = "on one split" if len(results) == 1 else f"the mean of {len(results)} splits"
    what = f"rho {mean:.4f} ({where})"
    if interval is None:
        return f"{what} has no interval: there are too few pictures to tell."
    says = {
        REPRODUCED: f"lies within {band}",
        NOT_REPRODUCED: f"lies outside {band}, and so does its whole interval",
        UNDECIDED: f"lies outside {band}, but its interval reaches into it",
    }[verdict]
    sentence = f"{what} {says}"
    if interval[1] - interval[0] > BAND[1] - BAND[0] + 0.005:
        sentence += (
            f"; with at most {max(r.n for r in results):,} pictures a split that interval is "
            "wider than the band (the official splits have 10,000)"
        )
    return sentence + "."

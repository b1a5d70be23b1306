"""What a reader of a record is warned of, in the order in which it arises.

Which of it threatens an answer most is said in :mod:`memnet.compare.report.threats`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from memnet.data.columns import Scores
from memnet.data.contamination import DatasetName
from memnet.data.datasets import known_datasets
from memnet.data.matching import Joined
from memnet.data.two_classes import Classes
from memnet.stats.resampling import Draws
from memnet.util.arrays import Array
from memnet.util.caution import Caution
from memnet.util.text import shorten_list

_FEW_RESAMPLES = 1_000
_FEW_PICTURES = 30
_FEW_OF_A_CLASS = 10
_UNEQUAL = 4.0
_SAME_RANKS = 0.999


def warn_of_tables(
    joined: Joined, human: Scores, models: Sequence[Scores], no_counts: str
) -> list[Caution]:
    """Say what was doubtful or left out as the tables were read and matched."""
    sentences = [
        Caution(f"{model.name}: {model.identity['remark']}", "remark")
        for model in models
        if model.identity and model.identity.get("remark")
    ]
    sentences += joined.warnings
    if no_counts:
        sentences.append(
            Caution(f"Hits and responses were not used: {no_counts}.", "counts-not-used")
        )
    for column in (human, *models):
        sentences += warn_of_doubts(column.doubts)
        if column.set_aside:
            sentences.append(
                Caution(
                    f"{len(column.set_aside)} row(s) of {column.name} were set aside: "
                    f"{shorten_list(column.set_aside, 3)}.",
                    "set-aside",
                )
            )
    if joined.truth_only:
        sentences.append(
            Caution(
                f"{len(joined.truth_only)} picture(s) with a human score were left out, since not "
                f"every model scored them: {shorten_list(joined.truth_only)}.",
                "left-out",
            )
        )
    for name, ids in joined.scores_only.items():
        if ids:
            sentences.append(
                Caution(
                    f"{len(ids)} picture(s) scored by {name} were left out, since they are not in "
                    f"the comparison: {shorten_list(ids)}.",
                    "left-out",
                )
            )
    if (n := len(joined.ids)) < 10:
        sentences.append(
            Caution(f"Only {n} picture(s): nothing can be concluded from that.", "few-pictures")
        )
    elif n < _FEW_PICTURES:
        sentences.append(
            Caution(
                f"Only {n} pictures: intervals from so few are approximate, and a correlation may "
                "be off by .3 and more by chance.",
                "few-pictures",
            )
        )
    return sentences


def warn_of_doubts(doubts: Iterable[str]) -> list[Caution]:
    """Give the doubts about columns (:attr:`memnet.data.columns.Scores.doubts`) their kind."""
    return [Caution(sentence, "missing-code") for sentence in doubts]


def warn_of_baseline(baseline: Mapping[str, Array], truth: Array) -> list[Caution]:
    """Say which numbers of a baseline rank the pictures as the human scores themselves do."""
    same = [
        name
        for name, values in baseline.items()
        if np.ptp(values) > 0
        and np.ptp(truth) > 0
        and abs(float(spearmanr(values, truth).statistic)) >= _SAME_RANKS
    ]
    if not same:
        return []
    return [
        Caution(
            f"{shorten_list(same)}, in the baseline, ranks the pictures as the human scores do "
            f"(rho of {_SAME_RANKS:g} or more, or its negative): if it is made of the same "
            "answers, that a model adds nothing to it means nothing.",
            "baseline-is-truth",
        )
    ]


def warn_of_lone_pictures(ids: Sequence[str], draws: Draws, column: str) -> list[Caution]:
    """Say which pictures are alone in their group, and thus in every resample."""
    assert draws.groups is not None
    alone = np.flatnonzero(np.bincount(draws.groups)[draws.groups] == 1).tolist()
    if not alone:
        return []
    one_or_more = "is alone in its group" if len(alone) == 1 else "are alone in their group"
    return [
        Caution(
            f"{len(alone):,} of {len(ids):,} pictures {one_or_more} of {column!r} "
            f"({shorten_list([ids[row] for row in alone], 3)}) and so in every resample, which "
            "makes intervals too narrow; a coarser grouping would not.",
            "lone-pictures",
        )
    ]


def warn_of_small_classes(classes: Classes, joined: Joined) -> list[Caution]:
    """Say where the smaller class has too few pictures for an interval of the AUC."""
    positives = int(joined.truth.sum())
    sizes = {classes.positive: positives, classes.negative: len(joined.truth) - positives}
    name, n = min(sizes.items(), key=lambda item: item[1])
    if not 0 < n < _FEW_OF_A_CLASS:
        return []
    return [
        Caution(
            f"Only {n} {'picture is' if n == 1 else 'pictures are'} of the class {name!r}: with "
            f"fewer than {_FEW_OF_A_CLASS}, intervals of the AUC (DeLong's and the bootstrap's) "
            "and tests of it are not reliable.",
            "few-of-a-class",
        )
    ]


def warn_of_counts(ids: Sequence[str], responses: Any | None) -> list[Caution]:
    """Say where counts allow no halves, or are so unequal that the ceiling is too high."""
    if responses is None:
        return []
    single = [ids[row] for row in np.flatnonzero(responses < 2).tolist()]
    if single:
        return [
            Caution(
                f"{len(single):,} picture(s) have a single answer, which cannot be halved "
                f"({shorten_list(single)}); without their rows there would be a reliability and a "
                "ceiling.",
                "single-answers",
            )
        ]
    low, high = np.quantile(responses, [0.1, 0.9])
    if high < _UNEQUAL * low:
        return []
    return [
        Caution(
            f"The numbers of answers are very unequal (a tenth of the pictures have {low:g} or "
            f"fewer, a tenth {high:g} or more), so that the ceiling of rho is too high, by some "
            ".02 where half of the pictures have 10 and half 40, by .07 where they have 3 and 60: "
            "Spearman and Brown's formula supposes labels of one reliability.",
            "unequal-answers",
        )
    ]


def warn_of_unknown_dataset(dataset: str, words: Collection[str]) -> list[Caution]:
    """Say that a data set is unknown, where a model's contamination depends on it.

    Parameters
    ----------
    dataset : its name, "".
    words : the models' contamination.
    """
    if not dataset or DatasetName.parse(dataset).known or set(words) <= {"clean", "contaminated"}:
        return []
    return [
        Caution(
            f"memnet does not know the data set {dataset} (it knows "
            f"{', '.join(known_datasets())}), so it cannot tell which models were trained on it.",
            "unknown-dataset",
        )
    ]


def warn_of_unused_false_alarms(column: str) -> list[Caution]:
    """Say that a column of false alarms was named, "" for none, and the scores hold none."""
    if not column:
        return []
    return [
        Caution(
            f"The column {column} was not used: the human scores are hits / responses, with no "
            "false alarms taken off.",
            "false-alarms-unused",
        )
    ]


def warn_of_few_resamples(resamples: int) -> list[Caution]:
    """Say that intervals and p values are imprecise."""
    if resamples >= _FEW_RESAMPLES:
        return []
    sentence = f"Only {resamples} resamples: intervals and p values are imprecise."
    return [Caution(sentence, "few-resamples")]

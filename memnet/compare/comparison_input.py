"""What :func:`memnet.compare.analysis.analyse` analyses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memnet.stats.metrics import Metric, metrics_for
from memnet.stats.participants import Measure
from memnet.stats.recognition import Answers
from memnet.stats.resampling import Draws
from memnet.util.arrays import Array

MARGIN = 0.02
"""Rank correlations that differ by less are called equivalent, unless the user says otherwise."""

NO_COLUMNS = "no columns with hits and responses were named"

NO_SCORES = "the human scores are two classes"
"""Why there are no errors, distributions, counts and ceilings."""


@dataclass(frozen=True, kw_only=True)
class ComparisonInput:
    """What is analysed: the pictures that human scores and all models have in common.

    Attributes
    ----------
    truth : float64 ``(N,)``.
    predictions : model -> float64 ``(N,)``.
    variants, words : model -> its variant, its contamination.
    dataset, manifest : name; sha256 of ids and labels.
    hits, responses : int ``(N,)`` where the labels are hits / responses, else None.
    false_alarms : int ``(N,)`` where they are (hits - false_alarms) / responses, else None.
    no_counts : why there are none, for the reader.
    draws : the resamples.
    answers, measure : what single participants answered, and which measure of it the human scores
        are; None where that is not known.
    margin : of the equivalence tests.
    classes : whether the truth is two classes, 0 and 1.
    target : what the truth is, "" where that is not known.
    """

    truth: Array
    predictions: Mapping[str, Array]
    variants: Mapping[str, str]
    words: Mapping[str, str]
    dataset: str
    manifest: str
    hits: Any | None
    responses: Any | None
    no_counts: str
    draws: Draws
    false_alarms: Any | None = None
    answers: Answers | None = None
    measure: Measure | None = None
    margin: float = MARGIN
    classes: bool = False
    target: str = ""

    @property
    def metrics(self) -> dict[str, Metric]:
        """The metrics for this kind of truth."""
        return metrics_for(classes=self.classes)

"""How human scores of the large data sets are distributed: the scale to read a score on.

The histograms are in ``human_scores.toml``, which ``tools/human_scores.py`` makes from the
published tables. 50 bins between 0 and 1; a score on an edge counts to the bin above it, 1 to the
last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise

from memnet.data.datasets import known_datasets
from memnet.data.targets import HIT_RATE, check_target
from memnet.errors import MemnetError, unknown_name
from memnet.util.resources import packaged_toml

BINS = 50
EDGES = tuple(edge / BINS for edge in range(BINS + 1))
"""Edges of the bins, 0 to 1: each the closest float to its decimal, as the scores are."""


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """Human scores of one data set.

    Attributes
    ----------
    dataset, title, citation, url : as :func:`memnet.data.datasets.known_datasets` names it, and
        where the scores were published.
    target : what the scores are (:data:`memnet.data.targets.TARGETS`).
    label : which of the published labels they are, in words.
    n, mean, sd : number of pictures, mean and SD of their scores (divided by n).
    counts : pictures in each of the 50 bins between :data:`EDGES`.
    sha256 : of the published files, joined in the order in which ``tools/human_scores.py`` reads
        them.
    """

    dataset: str
    title: str
    citation: str
    url: str
    target: str
    label: str
    n: int
    mean: float
    sd: float
    counts: tuple[int, ...]
    sha256: str

    def percentile(self, score: float) -> float:
        """Return how many of 100 pictures have a human score below this one.

        At an edge of a bin this is the share of all human scores below the edge. In between, the
        scores of a bin count as evenly spread over it, so that the middle of a bin has the middle
        rank. Against SciPy's ``percentileofscore(kind="mean")`` on the raw tables it is 0.1 off on
        average; most at scores that many pictures share: 1.4 among hit rates (at 4/5), 3.8 among
        false-alarm rates (near 0, where whole false alarms leave gaps).

        Parameters
        ----------
        score : on the scale of the human scores; below 0 counts as 0, above 1 as 1.

        Returns
        -------
        float
            0 to 100.

        Raises
        ------
        MemnetError
            if the score is not a number.
        """
        if math.isnan(score):
            raise MemnetError("A score that is not a number has no percentile.")
        place = min(max(score, 0.0), 1.0)
        below = list(accumulate(self.counts, initial=0))
        number = next(
            (i for i, (_, upper) in enumerate(pairwise(EDGES)) if place < upper), BINS - 1
        )
        within = (place - EDGES[number]) * BINS
        return 100 * (below[number] + within * self.counts[number]) / self.n


@cache
def distributions() -> tuple[Distribution, ...]:
    """Return the distributions of human scores that memnet brings.

    LaMem's hit rates (each of the 58,741 pictures once, with its label of split 1), MemCat's hit
    rates and MemCat's false-alarm rates (10,000 pictures).

    Examples
    --------
    >>> [(one.dataset, one.target, one.n) for one in distributions()][:2]
    [('lamem', 'hit_rate', 58741), ('memcat', 'hit_rate', 10000)]
    """
    return tuple(
        Distribution(
            title=known_datasets()[entry["dataset"]].title,
            citation=known_datasets()[entry["dataset"]].citation,
            counts=tuple(entry.pop("counts")),
            **entry,
        )
        for entry in packaged_toml("memnet.data", "human_scores.toml")["distribution"]
    )


def percentile(dataset: str, score: float, target: str = HIT_RATE) -> float:
    """Return how many of 100 pictures of a data set have a human score below this one.

    Parameters
    ----------
    dataset : ``"lamem"`` or ``"memcat"``.
    score : 0 to 1; see :meth:`Distribution.percentile` for how ranks within a bin are found.
    target : what the score is, ``"hit_rate"`` or ``"false_alarm_rate"``.

    Raises
    ------
    MemnetError
        if there are no such human scores, or the score is not a number.

    Examples
    --------
    >>> round(percentile("lamem", 0.8), 1)
    58.3
    """
    known = {one.dataset: one for one in distributions() if one.target == check_target(target)}
    if dataset not in known:
        raise unknown_name("data set with such human scores", dataset, known)
    return known[dataset].percentile(score)


def percentiles(score: float, target: str = HIT_RATE) -> dict[str, float]:
    """Return a score's percentile among each data set's human scores of that kind.

    Parameters
    ----------
    score, target : as :func:`percentile` takes them.

    Returns
    -------
    dict
        data set -> percentile, rounded to one decimal: the histograms tell no more. Empty where
        memnet has no human scores of that kind.

    Examples
    --------
    >>> percentiles(0.5), percentiles(1.2, "d_prime")
    ({'lamem': 3.0, 'memcat': 5.3}, {})
    """
    check_target(target)
    return {
        one.dataset: round(one.percentile(score), 1)
        for one in distributions()
        if one.target == target
    }

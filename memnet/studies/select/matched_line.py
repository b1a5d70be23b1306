"""What is known of people's scores within pictures that are alike in other columns."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from memnet.studies.select.people_line import PeopleLine
from memnet.studies.select.selection import Candidates
from memnet.util.arrays import Array
from memnet.util.text import join_names

_LEAST_SHARE = 0.02
"""Of the scores' variance: matched columns that explain less make no difference to speak of."""


def line_of_matched(line: PeopleLine, candidates: Candidates, scores: Array) -> PeopleLine:
    """Move the ends of a line to what groups may show that are alike in other columns.

    The slope over all candidates is a mean of two, weighted by the shares of the scores' variance:
    that between pictures unlike in the matched columns (``R^2``), and that within alike ones, which
    alone matters to matched groups. The latter is ``(slope - R^2 best) / (1 - R^2)`` where a model
    tells kinds of pictures apart perfectly, and kinds make up no more of people's variance than of
    the scores'. It is ``slope / (1 - R^2)`` where people's scores do not go with the kinds at all,
    and no more than ``best / sqrt(1 - R^2)``. Beyond that, people's own R^2 would have to be known,
    so that the ends are those of a range, not of a 95 % interval.
    """
    share = share_of_matched(candidates, scores)
    if share < _LEAST_SHARE:
        return line
    slope, root = line.value.slope, math.sqrt(1 - share)
    within = min(max((slope - share * line.best) / (1 - share), 0.0), slope)
    # Alike pictures differ less in score, so that a slope among them is known less well.
    below, above = (slope - line.low.slope) / root, (line.high.slope - slope) / root
    end = max(min(line.high.slope / (1 - share), line.best / root + above), line.high.slope)
    if not line.measured:  # of a measured line, what a perfect prediction gives is estimated, too
        end = min(end, max(line.best, line.high.slope) / root)
    names = join_names([*candidates.covariate_names, *candidates.category_names])
    caution = (
        f"What was matched ({names}) explains {100 * share:.0f} % of the variance of the scores. A "
        "model may tell such kinds of pictures apart better than pictures of one kind, or worse; "
        "the range allows for both. How well it is within a kind is not known: this is no 95 % "
        "interval."
    )
    return replace(
        line,
        low=replace(line.low, slope=max(within - below, 0.0)),
        high=replace(line.high, slope=end),
        cautions=[*line.cautions, caution],
        confident=False,
    )


def share_of_matched(candidates: Candidates, scores: Array) -> float:
    """Return the share of the scores' variance that the matched columns explain, adjusted.

    By linear regression on the covariates and a column per category; 0 where nothing is matched.
    """
    columns = [*candidates.covariates.T]
    for values in candidates.categories.T:
        columns += [(values == each).astype(np.float64) for each in sorted(set(values.tolist()))]
    if not columns or not scores.std():
        return 0.0
    design = np.column_stack([np.ones(len(scores)), *columns])
    design[:, 1:] -= design[:, 1:].mean(axis=0)
    design[:, 1:] /= np.where(design[:, 1:].std(axis=0) > 0, design[:, 1:].std(axis=0), 1.0)
    fitted, _, rank, _ = np.linalg.lstsq(design, scores, rcond=None)
    left, n = np.sum((scores - design @ fitted) ** 2), len(scores)
    if n <= rank:
        return 1.0 - 1e-9
    adjusted = 1 - left / (n - rank) / scores.var(ddof=1)
    return float(min(max(adjusted, 0.0), 1.0 - 1e-9))

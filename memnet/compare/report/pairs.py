"""The difference of two models in a record, and whether it is beyond chance."""

from __future__ import annotations

from memnet.compare.record import Difference, RunRecord
from memnet.stats.levels import ALPHA


def find_pair(
    record: RunRecord, first: str, second: str, metric: str = "spearman"
) -> tuple[Difference | None, int]:
    """Return the difference of two models in a metric, and -1 where it is the other way round."""
    for row in record.differences:
        if row.metric == metric:
            if (row.model_a, row.model_b) == (first, second):
                return row, 1
            if (row.model_a, row.model_b) == (second, first):
                return row, -1
    return None, 1


def corrected_pairs(record: RunRecord, metric: str = "spearman") -> int:
    """Return over how many pairs of models Holm's correction was made."""
    return sum(row.metric == metric and row.p_holm is not None for row in record.differences)


def is_apart(row: Difference | None) -> bool:
    """Whether two models differ beyond chance, by interval and corrected permutation test both."""
    return row is not None and excludes_nought(row) and is_unlikely(row)


def is_identical(row: Difference) -> bool:
    """Whether two models have one value in every resample: they rank the pictures alike."""
    return row.value == 0 and row.interval is not None and not any(row.interval)


def is_disputed(row: Difference) -> bool:
    """Whether interval and corrected permutation test disagree on whether two models differ."""
    return excludes_nought(row) != is_unlikely(row)


def excludes_nought(row: Difference) -> bool:
    """Whether the interval of a difference does not hold 0."""
    return row.interval is not None and (row.interval[0] > 0 or row.interval[1] < 0)


def is_unlikely(row: Difference) -> bool:
    """Whether the corrected permutation test calls a difference unlikely by chance alone."""
    return row.p_holm is not None and row.p_holm < ALPHA

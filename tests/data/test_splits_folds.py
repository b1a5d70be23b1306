"""Folds: of about one size, the same on every machine, groups never cut."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from memnet.data.splits import draw_folds
from memnet.errors import MemnetError

IDS = [f"{number:03d}.jpg" for number in range(103)]


def test_folds_depend_on_id_and_seed_alone():
    folds = dict(zip(IDS, draw_folds(IDS, 5, 1), strict=True))
    turned = dict(zip(IDS[::-1], draw_folds(IDS[::-1], 5, 1), strict=True))
    assert folds == turned
    assert folds != dict(zip(IDS, draw_folds(IDS, 5, 2), strict=True))
    assert sorted(Counter(folds.values()).values()) == [20, 20, 21, 21, 21]


def test_groups_stay_whole_and_folds_are_filled_evenly():
    groups = [f"g{number % 13 if number < 60 else number % 7}" for number in range(103)]
    folds = draw_folds(IDS, 4, 1, groups)
    for group in set(groups):
        assert len({int(folds[row]) for row in range(103) if groups[row] == group}) == 1
    sizes = np.bincount(folds)
    assert len(sizes) == 4
    assert sizes.max() - sizes.min() <= max(Counter(groups).values())


def test_fewer_groups_than_folds_are_a_fold_each():
    folds = draw_folds(IDS[:9], 5, 1, list("aaabbbccc"))
    assert len(set(folds.tolist())) == 3


@pytest.mark.parametrize(
    ("ids", "count", "groups", "said"),
    [
        (IDS, 2, None, "--folds is 2"),
        (IDS[:9], 5, None, "too few for 5 folds"),
        (IDS[:4], 3, list("aabb"), "The groups are 2"),
    ],
)
def test_too_few_are_refused(ids, count, groups, said):
    with pytest.raises(MemnetError, match=said):
        draw_folds(ids, count, 1, groups)

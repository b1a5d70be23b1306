"""The running best of a stream, beside sorting it all."""

from __future__ import annotations

import numpy as np
import pytest

from memnet.inspect.running_top import NONE, RunningTop

FILTERS, COUNT = 5, 60


@pytest.mark.parametrize("k", [1, 4, 100])
@pytest.mark.parametrize("seed", range(4))
def test_any_order_and_batches_give_what_sorting_gives_also_with_ties(k, seed):
    random = np.random.default_rng(seed)
    values = random.integers(8, size=(COUNT, FILTERS)).astype(float)  # many are equal
    ranks = random.permutation(COUNT)
    top = RunningTop.empty(FILTERS, k)
    stream = random.permutation(COUNT)
    for part in np.split(stream, sorted(random.integers(COUNT, size=9))):
        top.add(values[part], part, np.add.outer(part, 1000 * np.arange(FILTERS)), ranks)
    for place in range(FILTERS):
        best = sorted(range(COUNT), key=lambda n: (-values[n, place], ranks[n]))[:k]
        missing = [NONE] * (k - len(best))
        assert top.pictures[place].tolist() == best + missing
        assert top.values[place, : len(best)].tolist() == values[best, place].tolist()
        expected = [n + 1000 * place for n in best]
        assert top.places[place, : len(best)].tolist() == expected


def test_what_is_kept_does_not_come_in_twice():
    top = RunningTop.empty(1, 3)
    for _ in range(2):
        top.add(np.array([[2.0], [1.0]]), np.array([0, 1]), np.zeros((2, 1), int), np.arange(2))
    assert top.pictures.tolist() == [[0, 1, NONE]]

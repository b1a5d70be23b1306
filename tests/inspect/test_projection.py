"""The random projection: distances are kept, and numbers are the same everywhere."""

from __future__ import annotations

import numpy as np
import pytest

from memnet.inspect import projection
from memnet.inspect.projection import project


def by_hand(values: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Add each input to its four outputs, or subtract it, with Philox asked block by block."""
    result = np.zeros((len(values), size))
    for block in range(-(-values.shape[1] // 65_536)):
        inputs = values[:, block * 65_536 : (block + 1) * 65_536]
        words = np.random.Philox(key=[seed, 0], counter=[0, block, 0, 0]).random_raw(
            4 * inputs.shape[1]
        )
        for place, word in enumerate(words.tolist()):
            number, part = divmod(place, 4)
            begin, end = part * size // 4, (part + 1) * size // 4
            output = begin + ((word >> 32) * (end - begin) >> 32)
            result[:, output] += inputs[:, number] * (-0.5 if word & 1 else 0.5)
    return result


def test_every_number_is_the_one_of_the_description():
    values = np.random.default_rng(1).normal(size=(2, 70_000)).astype(np.float32)
    got = project(values, 50, seed=3)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, by_hand(values, 50, 3), rtol=1e-5, atol=1e-4)


def test_the_generator_is_the_same_everywhere():
    """Philox-4x64 is fixed by its paper: these outputs must never change."""
    rows = project(np.eye(3, 8, dtype=np.float32), 400, seed=0)
    numbered = rows * 2 * np.arange(1, 401)  # an output's number, with the sign of its half
    assert [row[row != 0].tolist() for row in numbered] == [
        [-2, 125, -212, 357],
        [-51, -128, -295, 399],
        [-26, 120, 272, 314],
    ]


def test_squared_distances_are_kept_with_the_stated_spread():
    random = np.random.default_rng(2)
    values = random.standard_gamma(0.3, size=(40, 20_000)).astype(np.float32)
    pairs = np.triu_indices(40, 1)
    ratios = []
    for seed in range(6):
        projected = project(values, 500, seed=seed)
        before, after = (
            ((each[:, None] - each[None]) ** 2).sum(axis=2)[pairs] for each in (values, projected)
        )
        ratios.append(after / before)
    ratios = np.concatenate(ratios)
    assert abs(ratios.mean() - 1) < 0.01
    assert np.std(ratios) == pytest.approx(np.sqrt(2 / 500), rel=0.15)


def test_rows_do_not_depend_on_their_neighbours():
    values = np.random.default_rng(3).normal(size=(5, 3000)).astype(np.float32)
    together = project(values, 100, seed=1)
    np.testing.assert_array_equal(together[3:4], project(values[3:4], 100, seed=1))


def test_seeds_give_other_projections():
    values = np.random.default_rng(4).normal(size=(1, 3000)).astype(np.float32)
    assert abs(np.corrcoef(project(values, 400, seed=0), project(values, 400, seed=1))[0, 1]) < 0.3


def test_memory_is_that_of_a_block(monkeypatch):
    counts = []
    matrix = projection._matrix

    def counted(*args):
        counts.append(args[1])
        return matrix(*args)

    monkeypatch.setattr(projection, "_matrix", counted)
    project(np.zeros((1, 150_000), np.float32), 10, seed=0)
    assert counts == [65_536, 65_536, 18_928]


def test_fewer_outputs_than_parts():
    values = np.ones((1, 100), np.float32)
    assert project(values, 1, seed=0).shape == (1, 1)

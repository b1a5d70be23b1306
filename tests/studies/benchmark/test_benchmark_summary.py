"""What is averaged over data sets, what is left out and why, and how two models are compared."""

from __future__ import annotations

import math
from typing import Any

import pytest

from memnet.stats.random_effects import ONE, random_effects, variance_of
from memnet.studies.benchmark.record import BenchmarkCell, PairedDifference
from memnet.studies.benchmark.summary import NO_CLEAN, contrast, summarise


def cell(dataset: str, value: float, model: str = "a", **other: Any) -> BenchmarkCell:
    about: dict[str, Any] = {
        "rho": 0.8 * value,
        "ceiling": 0.8,
        "disattenuated": value,
        "disattenuated_interval": [value - 0.06, value + 0.06],
        "contamination": "clean",
    }
    return BenchmarkCell(dataset=dataset, model=model, **(about | other))


def difference(dataset: str, a: str, b: str, value: float) -> PairedDifference:
    return PairedDifference(
        dataset=dataset,
        model_a=a,
        model_b=b,
        value=value,
        interval=[value - 0.04, value + 0.06],
        p_value=0.01,
        p_holm=0.02,
        contamination="clean",
    )


def test_the_mean_is_that_of_the_clean_cells() -> None:
    cells = [
        cell("one", 0.60),
        cell("two", 0.70),
        cell("three", 0.75),
        cell("seen", 0.99, contamination="contaminated", why="trained on seen"),
        cell("perhaps", 0.98, contamination="possibly", why="part not named"),
        cell("nobody knows", 0.97, contamination="unknown"),
        cell("crossed", 0.96, crossed=True),
        cell("no ceiling", 0.95, disattenuated=None, disattenuated_interval=None, ceiling=None),
        cell("lost", 0.94, rho=None, missing="the pictures are not at hand"),
    ]

    [mine] = summarise(["a"], cells)
    expected = random_effects([0.60, 0.70, 0.75], [variance_of([-0.06, 0.06])] * 3)

    assert mine.datasets == ["one", "two", "three"]
    assert mine.mean == pytest.approx(expected.mean)
    assert mine.interval == pytest.approx(expected.interval)
    assert mine.tau == pytest.approx(expected.tau)
    assert mine.left_out["seen"] == "contaminated: trained on seen"
    assert mine.left_out["lost"] == "no number: the pictures are not at hand"
    assert list(mine.left_out) == [
        "seen",
        "perhaps",
        "nobody knows",
        "crossed",
        "no ceiling",
        "lost",
    ]


def test_one_clean_data_set_keeps_its_own_interval_which_is_not_symmetric() -> None:
    [mine] = summarise(["a"], [cell("one", 0.60, disattenuated_interval=[0.41, 0.71])])

    assert (mine.mean, mine.interval, mine.tau) == (0.60, [0.41, 0.71], None)
    assert mine.reason == ONE


def test_a_model_that_is_clean_nowhere_has_no_mean() -> None:
    [mine] = summarise(["a"], [cell("one", 0.60, contamination="contaminated")])

    assert (mine.mean, mine.interval, mine.datasets, mine.reason) == (None, None, [], NO_CLEAN)


def test_intervals_end_where_no_true_value_can_be() -> None:
    [mine] = summarise(["a"], [cell("one", 0.7), cell("two", 0.95)])

    assert mine.interval is not None
    assert -1 < mine.interval[0] < 0  # with two data sets t is 12.7
    assert mine.interval[1] == 1.0


def test_values_above_one_are_kept() -> None:
    [mine] = summarise(["a"], [cell("one", 1.04), cell("two", 1.02)])

    assert mine.mean == pytest.approx(1.03)
    assert mine.interval is not None
    assert mine.interval[1] == pytest.approx(1.03)


def test_two_models_are_compared_where_both_are_clean() -> None:
    cells = [
        *(cell(name, 0.7) for name in ("one", "two", "three")),
        *(cell(name, 0.6, "b") for name in ("one", "two")),
        cell("three", 0.9, "b", contamination="contaminated"),
    ]
    rows = [
        difference("one", "a", "b", 0.08),
        difference("two", "b", "a", -0.04),  # the other way round
        difference("three", "a", "b", -0.16),
    ]

    [found] = contrast(["a", "b"], cells, rows)
    expected = random_effects([0.1, 0.05], [variance_of([-0.05 / 0.8, 0.05 / 0.8])] * 2)

    assert found.datasets == ["one", "two"]
    assert found.mean == pytest.approx(expected.mean) == pytest.approx(0.075)
    assert found.interval == pytest.approx(expected.interval)
    assert found.p_value == pytest.approx(expected.p_value)
    assert found.p_holm == found.p_value


def test_p_of_contrasts_is_corrected_over_all_of_them() -> None:
    models, names = ["a", "b", "c"], ["one", "two", "three"]
    cells = [cell(name, 0.6, model) for model in models for name in names]
    rows = [
        difference(name, *pair, value + 0.01 * place)
        for pair, value in ((("a", "b"), 0.3), (("a", "c"), 0.1), (("b", "c"), 0.0))
        for place, name in enumerate(names)
    ]

    found = contrast(models, cells, rows)
    smallest = min(found, key=lambda each: each.p_value or math.inf)

    assert smallest.p_holm == pytest.approx(3 * (smallest.p_value or math.nan))


def test_one_shared_data_set_gives_a_difference_without_p() -> None:
    cells = [cell("one", 0.7), cell("one", 0.6, "b")]

    [found] = contrast(["a", "b"], cells, [difference("one", "a", "b", 0.08)])

    assert found.mean == pytest.approx(0.1)
    assert found.interval == pytest.approx([0.05, 0.175])
    assert (found.p_value, found.p_holm, found.reason) == (None, None, ONE)


def test_models_that_share_no_clean_data_set_are_not_compared() -> None:
    cells = [cell("one", 0.7), cell("two", 0.6, "b")]

    [found] = contrast(["a", "b"], cells, [])

    assert (found.mean, found.p_holm, found.datasets) == (None, None, [])
    assert "no data set" in found.reason

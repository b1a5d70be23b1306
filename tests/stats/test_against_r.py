"""Statistics of comparisons and of migrated studies, as R and its packages compute them.

``tests/golden/statistics_in_r.json`` is what R says of the 375 scenes of the package
(``tests/helpers/statistics_in_r.R``, which names the packages). Steiger's Z2* is in none of them;
it is compared with cocor's published output in ``test_dependent_correlations.py``.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import isotonic_regression
from scipy.stats import rankdata

from memnet.stats.bootstrap import interval_of
from memnet.stats.dependent_correlations import benjamini_hochberg, holm, williams
from memnet.stats.metrics.spearman import spearman
from memnet.studies.migrate.claims import statistics
from memnet.studies.migrate.crosswalk_fit import isotonic_knots

IN_R = json.loads(
    (Path(__file__).parents[1] / "golden" / "statistics_in_r.json").read_text(encoding="utf-8")
)
LIMIT = 1e-12


@pytest.fixture(scope="module")
def scenes() -> pd.DataFrame:
    with (files("memnet.samples") / "scenes375.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    table["false_alarm"] = table["false_alarms"] / table["responses"]
    table["other"] = (table["score"] + np.roll(table["score"], -1)) / 2
    table["group"] = table["image_id"].str.extract("^([a-z]+)", expand=False)
    return table


def agrees(ours: Any, name: str) -> bool:
    return bool(np.allclose(ours, np.squeeze(IN_R[name]), rtol=LIMIT, atol=0))


def columns(scenes: pd.DataFrame, kind: str, *names: str) -> np.ndarray:
    values = [scenes[name].to_numpy(dtype=float) for name in names]
    return np.array(values if kind == "pearson" else [rankdata(each) for each in values])


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
def test_williams_is_that_of_psych(scenes: pd.DataFrame, kind: str) -> None:
    r = np.corrcoef(columns(scenes, kind, "hit_rate", "score", "other"))

    test = williams(r[0, 1], r[0, 2], r[1, 2], len(scenes))

    assert agrees(test.t, f"williams_t_{kind}")
    assert agrees(test.p, f"williams_p_{kind}")


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
def test_partial_and_semipartial_correlations_are_those_of_psych(
    scenes: pd.DataFrame, kind: str
) -> None:
    values = columns(scenes, kind, "hit_rate", "score", "responses", "false_alarm")
    all_four = np.corrcoef(values)[None]
    without_score = np.corrcoef(values[[0, 2, 3]])[None]
    gained = statistics.r_squared(all_four) - statistics.r_squared(without_score)

    assert agrees(statistics.partial_correlation(all_four), f"partial_{kind}")
    assert agrees(np.sqrt(gained), f"semipartial_{kind}")
    if kind == "pearson":
        shares = [statistics.r_squared(without_score), statistics.r_squared(all_four)]
        assert agrees(np.ravel(shares), "r_squared")


def test_the_coefficient_and_its_p_are_those_of_sandwich_and_clubsandwich(
    scenes: pd.DataFrame,
) -> None:
    values = columns(scenes, "pearson", "false_alarm", "score", "hit_rate", "responses")
    clusters = np.unique(scenes["group"], return_inverse=True)[1]

    assert agrees(statistics.coefficient(np.corrcoef(values)[None]), "coefficient")
    assert agrees(statistics.p_of_coefficient(values[0], values[1:]), "coefficient_hc3_p")
    p = statistics.p_of_clustered_coefficient(values[0], values[1:], clusters)
    assert agrees(p, "coefficient_cr2_p")


def test_groups_are_compared_as_r_compares_them(scenes: pd.DataFrame) -> None:
    samples = [each["score"].to_numpy() for _, each in scenes.groupby("group")]
    means, variances, sizes = of_samples(samples)

    f, within = statistics.welch(means, variances, sizes)

    assert agrees(f, "welch_f")
    assert agrees([len(sizes) - 1, within[0]], "welch_df")
    assert agrees(statistics.p_of_groups(samples), "welch_p")
    assert agrees(statistics.omega_squared(f, len(sizes), len(scenes)), "omega_squared")


def test_two_groups_are_compared_as_r_compares_them(scenes: pd.DataFrame) -> None:
    first = scenes["group"] == "pn"
    samples = [scenes["score"][first].to_numpy(), scenes["score"][~first].to_numpy()]

    assert agrees(statistics.p_of_groups(samples), "welch_t_p")
    assert agrees(statistics.hedges_g(*of_samples(samples)), "hedges_g")


def of_samples(samples: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        np.array([[each.mean() for each in samples]]),
        np.array([[each.var(ddof=1) for each in samples]]),
        np.array([len(each) for each in samples], dtype=float),
    )


def test_the_isotonic_fit_is_that_of_isoreg(scenes: pd.DataFrame) -> None:
    ordered = scenes.sort_values("score", kind="stable")
    x, y = ordered["score"].to_numpy(), ordered["hit_rate"].to_numpy()
    in_r = np.array(IN_R["isotonic"])

    assert np.allclose(isotonic_regression(y).x, in_r, rtol=LIMIT, atol=0)
    knots, heights = isotonic_knots(x, y)
    assert np.allclose(heights, np.unique(in_r.round(12)), rtol=1e-11, atol=0)
    middle = [x[np.isclose(in_r, height, rtol=1e-11)].mean() for height in heights[1:-1]]
    assert np.allclose(knots[1:-1], middle, rtol=LIMIT, atol=0)


def test_corrected_p_values_are_those_of_p_adjust() -> None:
    assert agrees(holm(IN_R["several"]), "holm")
    assert agrees(benjamini_hochberg(IN_R["several"]), "benjamini_hochberg")


def test_the_interval_of_rho_is_that_of_boot_but_for_chance(scenes: pd.DataFrame) -> None:
    truth, score = columns(scenes, "pearson", "hit_rate", "score")
    rows = np.random.default_rng(20).integers(len(truth), size=(4_000, len(truth)))

    ends = interval_of(np.array([spearman(truth[r], score[r]) for r in rows]), 0.95).ends

    # An end of 4,000 and of 20,000 resamples: an SD of .0025 between them.
    assert np.allclose(ends, IN_R["spearman_interval"], rtol=0, atol=0.008)

"""Rho within categories, against pandas, R's decomposition by hand, and on each resample."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from memnet.stats.categories import (
    WITHIN,
    between_share,
    cochran_q,
    resampled_rhos,
    within_rho,
)
from memnet.stats.metrics import spearman
from memnet.stats.resampling import Draws


def pictures(seed=0, n=90, k=4):
    """Pictures with ties in both columns, and categories of unequal sizes that differ."""
    generator = np.random.default_rng(seed)
    groups = np.concatenate([np.arange(k), generator.integers(0, k, n - k) // 2 * 2])
    truth = np.round(groups + generator.normal(size=n), 1)
    prediction = np.round(groups + 0.5 * truth + generator.normal(size=n), 1)
    return truth, prediction, groups


@pytest.mark.parametrize("seed", range(5))
def test_within_rho_is_the_correlation_of_ranks_centred_by_category(seed):
    truth, prediction, groups = pictures(seed)
    frame = pd.DataFrame({"t": truth, "p": prediction, "g": groups})
    ranks = frame[["t", "p"]].rank()
    centred = ranks - ranks.groupby(frame["g"]).transform("mean")
    expected = np.corrcoef(centred["t"], centred["p"])[0, 1]
    assert within_rho(truth, prediction, groups) == pytest.approx(expected, abs=1e-12)


def test_within_rho_is_the_partial_rank_correlation_given_dummy_variables():
    """Residuals of least squares on a dummy variable for each category."""
    truth, prediction, groups = pictures(3)
    dummies = np.eye(4)[groups]
    residuals = []
    for values in (truth, prediction):
        ranks = stats.rankdata(values)
        residuals.append(ranks - dummies @ np.linalg.lstsq(dummies, ranks, rcond=None)[0])
    expected = stats.pearsonr(*residuals).statistic
    assert within_rho(truth, prediction, groups) == pytest.approx(expected, abs=1e-12)


def test_simpsons_case_by_hand():
    """Three categories of three: within each the order is reversed, over all it is not.

    Midranks minus 5 are -4 -3 -2 | -1 0 1 | 2 3 4 and -2 -3 -4 | 1 0 -1 | 4 3 2; their products
    sum to 52 of 60. Within categories the deviations are -1 0 1 and 1 0 -1: -6 of 6.
    """
    truth = np.array([1, 2, 3, 11, 12, 13, 21, 22, 23])
    prediction = np.array([3, 2, 1, 13, 12, 11, 23, 22, 21])
    groups = np.repeat([0, 1, 2], 3)
    assert spearman(truth, prediction) == pytest.approx(48 / 60, abs=1e-12)
    assert within_rho(truth, prediction, groups) == pytest.approx(-1, abs=1e-12)
    assert between_share(truth, prediction, groups) == pytest.approx(54 / 48, abs=1e-12)


def test_within_and_between_add_up_to_rho():
    truth, prediction, groups = pictures(1)
    x, y = (stats.rankdata(each) - (len(truth) + 1) / 2 for each in (truth, prediction))
    means = [pd.Series(each).groupby(groups).transform("mean").to_numpy() for each in (x, y)]
    share = (means[0] @ means[1]) / (x @ y)
    assert between_share(truth, prediction, groups) == pytest.approx(share, abs=1e-12)


def test_one_category_gives_rho_and_no_scale_changes_it():
    truth, prediction, groups = pictures(2)
    one = np.zeros(len(truth), dtype=int)
    rho = spearman(truth, prediction)
    assert within_rho(truth, prediction, one) == pytest.approx(rho, abs=1e-12)
    assert between_share(truth, prediction, one) == pytest.approx(0, abs=1e-12)
    bent = within_rho(np.exp(truth), prediction**3, groups)
    assert bent == pytest.approx(within_rho(truth, prediction, groups), abs=1e-12)


def test_a_model_that_knows_categories_alone_has_no_rho_within_them():
    """The mean of the categories' own rhos, weighted, would not be 0 for a constant."""
    truth, _, groups = pictures(4)
    assert np.isnan(within_rho(truth, groups.astype(float), groups))
    assert between_share(truth, groups.astype(float), groups) == pytest.approx(1, abs=1e-12)


def test_resampled_values_are_those_of_the_drawn_pictures():
    truth, prediction, groups = pictures(5)
    draws = Draws(n=len(truth), resamples=40, seed=1, kind="strata", groups=groups)
    drawn = resampled_rhos(truth, {"m": prediction}, draws, [0, 2])["m"]
    (counts,) = [counts for _, counts in draws.chunks()]
    within, inside = [], []
    for row in counts:
        t, p, g = (np.repeat(values, row) for values in (truth, prediction, groups))
        within.append(within_rho(t, p, g))
        inside.append(spearman(t[g == 2], p[g == 2]))
    assert drawn[WITHIN] == pytest.approx(within, abs=1e-12)
    assert drawn[2] == pytest.approx(inside, abs=1e-12, nan_ok=True)


def test_a_resample_that_is_constant_within_categories_is_undefined():
    truth, groups = np.array([1.0, 2, 3, 4]), np.array([0, 0, 1, 1])
    draws = Draws(n=4, resamples=100, seed=0, kind="strata", groups=groups)
    drawn = resampled_rhos(truth, {"m": truth}, draws, [])["m"][WITHIN]
    (counts,) = [counts for _, counts in draws.chunks()]
    constant = (counts.max(axis=1) == 2) & ((counts == 1).sum(axis=1) == 0)
    assert constant.any()
    assert np.array_equal(np.isnan(drawn), constant)


def test_cochrans_q_by_hand_and_against_chance():
    """z = atanh(0.2), atanh(0.6); weights 50 / 1.06 and 100 / 1.06."""
    z, w = np.arctanh([0.2, 0.6]), np.array([50, 100]) / 1.06
    q = float((w * (z - (w * z).sum() / w.sum()) ** 2).sum())
    found = cochran_q([0.2, 0.6], [53, 103])
    assert found == pytest.approx({"q": q, "df": 1, "p": stats.chi2.sf(q, 1)}, abs=1e-12)
    assert cochran_q([0.4, 0.4, 0.4], [20, 50, 90])["q"] == pytest.approx(0, abs=1e-12)
    assert np.isnan(cochran_q([0.4], [20])["q"])
    assert np.isnan(cochran_q([1.0, 0.4], [20, 20])["p"])  # Fisher's z of 1 is infinite

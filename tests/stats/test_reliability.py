"""Reliability, ceiling and label noise: published figures, theory, and brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from memnet.stats import reliability
from memnet.stats.metrics import spearman
from memnet.stats.resampling import Draws
from single_model import split_half


@pytest.fixture(scope="module")
def people():
    random = np.random.default_rng(3)
    p = random.beta(6, 2, 3000)
    responses = random.integers(36, 45, 3000)
    return p, random.binomial(responses, p), responses


def plan(n, resamples=200):
    return Draws(n=n, resamples=resamples, seed=1)


def test_memcats_counts_give_the_published_split_half_of_078(shared):
    """Goetschalckx & Wagemans (2019): 0.78; drawn from the counts, 0.777."""
    table = pd.read_csv(shared / "data" / "human_scores" / "memcat_image_data.csv")
    half = split_half(table["H"].to_numpy(), table["n_resp"].to_numpy(), seed=20220101)
    assert half == pytest.approx(0.777, abs=0.001)
    assert round(half, 2) == 0.78


def test_lamem_splits_agree_as_halves_that_overlap_by_half(shared):
    """Labels of two splits share half their workers: r = (1 + reliability) / 2 (RESEARCH 4.3)."""
    folder = shared / "data" / "lamem_splits"
    read = lambda name: pd.read_csv(folder / name, sep=" ", header=None, index_col=0)[1]  # noqa: E731
    both = pd.concat([read("test_1.txt"), read("train_2.txt")], axis=1, join="inner")
    rho = spearman(*both.to_numpy().T)
    assert 2 * rho - 1 == pytest.approx(0.67, abs=0.015)  # Khosla et al. (2015): 0.67


def test_spearman_brown_of_a_half_is_what_the_textbook_says():
    assert reliability.spearman_brown(0.6) == pytest.approx(0.75)
    assert reliability.spearman_brown(0.78) == pytest.approx(0.876, abs=5e-4)
    assert reliability.ceiling(0.67) == pytest.approx(0.8185, abs=5e-5)  # not 0.67


def test_halves_are_dealt_without_replacement(people):
    _, hits, responses = people
    first, second = reliability.deal_halves(hits, responses, np.random.default_rng(0))
    total = first * (responses // 2) + second * (responses - responses // 2)
    assert np.allclose(total, hits)
    assert (first >= 0).all()
    assert (second <= 1).all()
    mean = np.mean(
        [
            reliability.deal_halves(hits[:1], responses[:1], np.random.default_rng(s))[0]
            for s in range(4000)
        ]
    )
    share, n = hits[0] / responses[0], responses[0]
    sd = np.sqrt(share * (1 - share) / (n // 2) * (n - n // 2) / (n - 1))  # hypergeometric
    assert mean == pytest.approx(share, abs=4 * sd / np.sqrt(4000))


def test_the_ceiling_is_what_a_perfect_predictor_reaches(people):
    p, hits, responses = people
    found = reliability.from_counts(hits, responses, plan(3000))
    reached = stats.pearsonr(p, hits / responses).statistic
    assert found.values["ceiling_pearson"] == pytest.approx(reached, abs=0.005)
    reached = stats.spearmanr(p, hits / responses).statistic
    assert found.values["ceiling_spearman"] == pytest.approx(reached, abs=0.01)
    assert found.values["ceiling_spearman"] > found.values["split_half"] + 0.1


def test_label_noise_is_unbiased(people):
    p, _, responses = people
    random = np.random.default_rng(0)
    drawn = [reliability.label_noise(random.binomial(responses, p), responses) for _ in range(200)]
    assert np.mean(drawn) == pytest.approx(np.mean(p * (1 - p) / responses), rel=2e-3)


def test_the_interval_resamples_pictures_and_averages_the_same_halves(people):
    _, hits, responses = (column[:60] for column in people)
    found = reliability.from_counts(hits, responses, Draws(n=60, resamples=7, seed=5))
    generator = np.random.default_rng([5, 3])
    dealt = [reliability.deal_halves(hits, responses, generator) for _ in range(reliability.HALVES)]
    index = np.random.default_rng(5).integers(60, size=(7, 60))
    expected = np.mean([spearman(a[index[6]], b[index[6]]) for a, b in dealt])
    assert found.resampled["split_half"][6] == pytest.approx(expected, abs=1e-12)
    labels = (hits / responses)[index[6]]
    noise = reliability.label_noise(hits, responses)[index[6]].mean()
    assert found.resampled["reliability_pearson"][6] == pytest.approx(
        1 - noise / labels.var(ddof=1), abs=1e-12
    )


def test_at_most_2000_resamples_are_spent_on_halves(people):
    _, hits, responses = (column[:30] for column in people)
    found = reliability.from_counts(hits, responses, plan(30, resamples=2500))
    assert {len(values) for values in found.resampled.values()} == {2000}


def test_one_resample_gives_no_interval_and_says_so():
    responses = np.full(60, 40)
    hits = np.random.default_rng(0).binomial(responses, np.linspace(0.4, 0.9, 60))
    found = reliability.from_counts(hits, responses, plan(60, resamples=1))
    interval = found.interval("ceiling_spearman", 0.95)
    assert interval.ends is None
    assert "one resample has no spread" in interval.reason


def test_single_responses_leave_it_unknown_with_a_reason():
    found = reliability.from_counts(np.array([1, 3]), np.array([1, 4]), plan(2))
    assert found.kind == "unknown"
    assert "1 picture(s) have fewer than 2 responses" in found.reason


def test_a_published_reliability_is_taken_as_it_is():
    truth = np.array([0.2, 0.6, 0.8, 1.0])
    found = reliability.from_published(0.67, truth, "Khosla et al. (2015)")
    assert found.values["noise"] == pytest.approx(0.33 * truth.var())
    assert found.interval("ceiling_spearman", 0.95).ends is None
    assert "published" in found.interval("ceiling_spearman", 0.95).reason

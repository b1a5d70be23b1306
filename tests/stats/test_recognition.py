"""Measures of recognition by their formulas; reliability by participants against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from memnet.stats.recognition import MEASURES, Answers, Sums, d_prime, hit_rate, split_half


def everybody_sees_all(people=21, pictures=40, seed=0, spread=1.2):
    """Answers of a fully crossed design: participants differ in how often they say yes."""
    random = np.random.default_rng(seed)
    easy, bias = random.normal(0.9, 0.7, pictures), random.normal(0, spread, people)
    old = np.array([[True], [False]])
    logits = np.where(old[:, None], easy, -1.5) + bias[:, None]
    yes = random.random((2, people, pictures)) < 1 / (1 + np.exp(-logits))
    which, who, what = np.indices((2, people, pictures)).reshape(3, -1)
    return Answers(who, what, which == 0, yes.ravel(), (people, pictures)), yes


def test_measures_are_their_formulas():
    sums = Sums(*(np.array(counts, dtype=float) for counts in ([8, 5], [10, 10], [3, 6], [12, 12])))
    assert MEASURES["hit_rate"](sums).tolist() == [0.8, 0.5]
    assert MEASURES["false_alarm_rate"](sums).tolist() == [0.25, 0.5]
    assert MEASURES["corrected"](sums) == pytest.approx([0.55, 0.0])
    z = stats.norm.ppf
    assert d_prime(sums) == pytest.approx(
        [z(8.5 / 11) - z(3.5 / 13), z(5.5 / 11) - z(6.5 / 13)]  # Hautus (1995)
    )
    # Snodgrass & Corwin (1988), table 1: 0.5 + (H - F) (1 + H - F) / (4 H (1 - F)).
    assert MEASURES["a_prime"](sums) == pytest.approx([0.5 + 0.55 * 1.55 / (4 * 0.8 * 0.75), 0.5])


def test_a_prime_is_as_far_below_chance_as_above():
    above = Sums(*map(np.array, ([9.0], [10.0], [2.0], [10.0])))
    below = Sums(*map(np.array, ([2.0], [10.0], [9.0], [10.0])))
    assert MEASURES["a_prime"](above) + MEASURES["a_prime"](below) == pytest.approx([1.0])


def test_pictures_without_the_answers_are_undefined():
    sums = Sums(*map(np.array, ([3.0], [4.0], [0.0], [0.0])))
    defined = {name: bool(np.isfinite(measure(sums))[0]) for name, measure in MEASURES.items()}
    assert defined == dict.fromkeys(MEASURES, False) | {"hit_rate": True}


@pytest.mark.parametrize("name", MEASURES)
def test_halves_of_the_participants_are_those_of_plain_numpy(name):
    answers, yes = everybody_sees_all()
    found = split_half(answers, MEASURES[name], halves=30, seed=4)
    generator = np.random.default_rng(4)
    rho, r = [], []
    for _ in range(30):
        order = generator.permutation(21)
        values = []
        for half in (order[:10], order[10:20]):
            hits, false = yes[0][half].sum(axis=0), yes[1][half].sum(axis=0)
            h, f = hits / 10, false / 10
            high, low = np.maximum(h, f), np.minimum(h, f)
            sign = np.where(h >= f, 1, -1)
            with np.errstate(invalid="ignore"):
                area = np.nan_to_num((high - low) * (1 + high - low) / (4 * high * (1 - low)))
            z = stats.norm.ppf
            values.append(
                {
                    "hit_rate": h,
                    "false_alarm_rate": f,
                    "corrected": h - f,
                    "d_prime": z((hits + 0.5) / 11) - z((false + 0.5) / 11),
                    "a_prime": 0.5 + sign * area,
                }[name]
            )
        rho.append(stats.spearmanr(*values).statistic)
        r.append(stats.pearsonr(*values).statistic)
    assert found.spearman == pytest.approx(np.mean(rho), abs=1e-12)
    assert found.pearson == pytest.approx(np.mean(r), abs=1e-12)
    assert found.spearman_brown == pytest.approx(2 * np.mean(rho) / (1 + np.mean(rho)), abs=1e-12)
    assert (found.halves, found.pictures) == (30, 40)


def test_where_everybody_sees_everything_halves_of_the_answers_agree_too_little():
    """300 pictures, 40 people whose yes differs by 1.2 logits: .526 by people, .444 by answers."""
    answers, yes = everybody_sees_all(40, 300, seed=5)
    by_people = split_half(answers, hit_rate, halves=100, seed=0).spearman
    hits = yes[0].sum(axis=0)
    random = np.random.default_rng(0)
    dealt = [random.hypergeometric(hits, 40 - hits, 20) for _ in range(100)]
    by_answers = np.mean([stats.spearmanr(half, hits - half).statistic for half in dealt])
    assert by_people - by_answers > 0.05


def test_sums_of_halves_make_the_whole():
    answers, yes = everybody_sees_all(10, 12)
    weights = np.zeros((2, 10))
    weights[0, :4] = weights[1, 4:] = 1
    halves, whole = answers.sums(weights), answers.sums()
    for name in ("hits", "n_old", "false_alarms", "n_new"):
        assert getattr(halves, name).sum(axis=0) == pytest.approx(getattr(whole, name))
    assert whole.hits.tolist() == yes[0].sum(axis=0).tolist()


def test_one_participant_cannot_be_halved():
    answers, _ = everybody_sees_all(1, 12)
    found = split_half(answers, hit_rate, halves=5)
    assert np.isnan(found.spearman)
    assert found.halves == 0

"""How much of a statistic's variance comes from who the participants were."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import crossed_design
from memnet.stats import participants
from memnet.stats.bootstrap import distributions
from memnet.stats.recognition import Answers, hit_rate
from memnet.stats.resampling import Draws


def answers_of(yes):
    who, what = np.indices(yes.shape).reshape(2, -1)
    return Answers(who, what, np.ones(yes.size, bool), yes.ravel(), yes.shape)


def mean_hit_rate(answers, weights):
    return np.array([hit_rate(answers.sums(weights)).mean()])


def variance(yes, seed=0):
    return float(participants.variance_over_participants(answers_of(yes), mean_hit_rate, seed)[0])


def test_of_people_who_differ_it_is_the_variance_of_their_mean():
    """20 people of whom k say yes to 10 k of 200 pictures: s^2 / 20, by hand."""
    rates = np.arange(20) / 20
    yes = np.arange(200) < 200 * rates[:, None]
    expected = rates.var(ddof=1) / 20
    of_answers = (rates * (1 - rates)).mean() / yes.size  # what is taken off, nearly
    assert variance(yes) == pytest.approx(expected - of_answers, rel=0.05)


def test_of_people_who_do_not_differ_it_is_nothing_and_answers_are_not_counted_twice():
    """The jackknife over participants alone would give .25 / (20 x 200) each time."""
    found = [
        variance(np.random.default_rng(seed).random((20, 200)) < 0.5, seed) for seed in range(60)
    ]
    assert np.mean(found) < 0.4 * 0.25 / (20 * 200)
    assert min(found) == 0


def test_nothing_is_left_to_chance_but_the_groups():
    yes = np.random.default_rng(0).random((12, 30)) < 0.6
    assert variance(yes, 1) == variance(yes, 1)


def test_the_ceiling_of_a_crossed_design_is_that_of_participants():
    """Of one experiment; tools/statistics_page.py measures bias and coverage over many."""
    found = crossed_design.simulate(0)
    name, true = "ceiling_spearman", 0.831
    by_people, low, high = found[name, crossed_design.PARTICIPANTS]
    by_answers, _, highest = found[name, crossed_design.ANSWERS]
    assert low < true < high
    assert by_answers < by_people - 0.03
    assert highest < high
    rho, low_of_both, high_of_both = found[crossed_design.RHO, crossed_design.BOTH]
    assert low_of_both < rho < high_of_both


def over_participants(answers, truth, models):
    draws = Draws(n=len(truth), resamples=20, seed=0)
    drawn = distributions(truth, models, draws, only=("spearman",))
    rhos = {model: values["spearman"] for model, values in drawn.items()}
    return participants.over_participants(answers, hit_rate, truth, models, rhos, draws, level=0.95)


def test_labels_without_some_participants_are_computed_once_for_all_models(monkeypatch):
    one = crossed_design.draw(np.random.default_rng(2), 40)
    models = {str(k): one.prediction + 0.1 * k * np.arange(40) for k in range(3)}
    alone = {
        model: over_participants(one.answers(), one.labels, {model: values})[model]
        for model, values in models.items()
    }
    calls, sums = [], Answers.sums
    monkeypatch.setattr(Answers, "sums", lambda *args: calls.append(1) or sums(*args))
    assert over_participants(one.answers(), one.labels, models) == alone
    assert len(calls) == 40  # 20 groups of participants, 20 of answers


def test_participants_without_whom_rho_is_undefined_give_no_interval():
    yes = np.random.default_rng(0).random((1, 30)) < 0.6
    truth = yes[0].astype(float)
    interval = over_participants(answers_of(yes), truth, {"m": np.arange(30.0)})["m"]
    assert interval.ends is None
    assert interval.reason == "undefined where some participants are left out"


def test_with_few_participants_the_interval_has_their_degrees_of_freedom():
    one = crossed_design.draw(np.random.default_rng(1), 60)
    draws = Draws(n=60, resamples=50, seed=0)
    found = participants.from_participants(one.answers(), hit_rate, one.labels, draws)
    name, z = "ceiling_spearman", np.arctanh
    low, high = found.interval(name, 0.95).ends
    over_pictures = np.var(z(found.resampled[name]), ddof=1) * 60 / 59
    sd = np.sqrt(over_pictures + found.people["spearman"] ** 2)
    t = stats.t.ppf(0.975, crossed_design.PEOPLE - 1)
    assert [z(low), z(high)] == pytest.approx(z(found.values[name]) + t * sd * np.array([-1, 1]))

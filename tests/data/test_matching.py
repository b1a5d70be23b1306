"""Joining human scores and predictions: by exact id, and nothing is dropped silently."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import memnet
from memnet.data.columns import read_column, read_extras
from memnet.data.digests import manifest_digest
from memnet.data.matching import MATCH_RULES, join, match_ids
from memnet.data.missing import find_doubtful_codes, find_missing_codes
from memnet.data.numbers import to_numbers
from memnet.data.score_rows import read_score_rows
from memnet.data.score_tables import read_scores
from memnet.data.tables import read_table_any
from memnet.errors import MemnetError


def frame(ids, values, column="score") -> pd.DataFrame:
    return pd.DataFrame({"image_id": list(ids), column: values})


def truth_of(table, column="hit_rate"):
    return read_column(table, column=column, id_column="image_id", name=column)


def models_of(table, **options):
    return read_scores(table, id_column="image_id", **options)


def test_rows_are_matched_by_id_not_by_order():
    joined = join(
        truth_of(frame("abc", [0.1, 0.2, 0.3], "hit_rate")), models_of(frame("cab", [3, 1, 2]))
    )
    assert joined.ids == ["a", "b", "c"]
    assert joined.truth.tolist() == [0.1, 0.2, 0.3]
    assert joined.predictions["the table given"].tolist() == [1, 2, 3]


def test_what_does_not_match_is_named_on_both_sides():
    joined = join(
        truth_of(frame("abc", [0.1, 0.2, 0.3], "hit_rate")), models_of(frame("bcd", [1, 2, 3]))
    )
    assert joined.truth_only == ["a"]
    assert joined.scores_only == {"the table given": ["d"]}


def test_all_models_are_judged_on_the_same_pictures():
    scores = pd.concat(
        [
            frame("abc", [0.1, 0.2, 0.3]).assign(model="one"),
            frame("bcd", [0.4, 0.5, 0.6]).assign(model="two"),
        ]
    )
    joined = join(truth_of(frame("abcd", [0.1, 0.2, 0.3, 0.4], "hit_rate")), models_of(scores))
    assert joined.ids == ["b", "c"]
    assert joined.predictions["one"].tolist() == [0.2, 0.3]
    assert joined.predictions["two"].tolist() == [0.4, 0.5]
    assert joined.scores_only == {"one": ["a"], "two": ["d"]}


def test_variants_of_one_model_are_told_apart():
    scores = pd.concat(
        [
            frame("ab", [0.1, 0.2]).assign(model="m", variant=""),
            frame("ab", [0.3, 0.4]).assign(model="m", variant="x"),
        ]
    )
    assert [model.name for model in models_of(scores)] == ["m", "m:x"]


def test_leading_zeros_and_spaces_of_ids_are_kept(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("image_id,hit_rate\n007,0.5\n 7,0.6\n7,0.7\n")
    assert list(truth_of(path).by_id.index) == ["007", " 7", "7"]


def test_duplicate_ids_are_refused_and_named():
    with pytest.raises(MemnetError, match=r"1 id\(s\) more than once.*b"):
        truth_of(frame("abb", [0.1, 0.2, 0.3], "hit_rate"))
    with pytest.raises(MemnetError, match="more than once"):
        models_of(frame("abb", [0.1, 0.2, 0.3]))


def test_a_missing_column_names_the_nearest_and_all():
    with pytest.raises(MemnetError, match=r"no column 'hit_rate'.*Did you mean 'hitrate'.*hitrate"):
        truth_of(frame("ab", [0.1, 0.2], "hitrate"))


def test_missing_and_wordy_scores_are_set_aside_with_their_row(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("image_id,hit_rate\na,0.5\nb,\nc,n/a\nd,inf\ne,0.75\n")
    scores = truth_of(path)
    assert scores.by_id.to_dict() == {"a": 0.5, "e": 0.75}
    assert len(scores.set_aside) == 3
    assert "row 3 (b): hit_rate is missing" in scores.set_aside[0]
    assert "row 4 (c): hit_rate is missing ('n/a')" in scores.set_aside[1]
    assert "row 5 (d)" in scores.set_aside[2]


def test_a_column_without_any_number_is_an_error():
    with pytest.raises(MemnetError, match=r"no usable number.*'high'"):
        truth_of(frame("ab", ["high", "low"], "hit_rate"))


@pytest.mark.parametrize(
    ("left", "right", "hint"),
    [
        (["1.jpg", "2.jpg"], ["1", "2"], "without file endings"),
        (["1.jpg", "2.jpg"], ["x/1.jpg", "x/2.jpg"], "without folders"),
        (["A.jpg", "B.jpg"], ["a.JPG", "b.JPG"], "in one letter case"),
        (["a", "b"], ["c", "d"], "--id-column"),
    ],
)
def test_no_common_id_says_what_would_match(left, right, hint):
    with pytest.raises(MemnetError, match=hint) as caught:
        join(truth_of(frame(left, [0.1, 0.2], "hit_rate")), models_of(frame(right, [1, 2])))
    assert repr(left[0]) in str(caught.value)
    assert repr(right[0]) in str(caught.value)


def test_two_models_of_one_name_are_refused():
    table = frame("ab", [0.1, 0.2])
    with pytest.raises(MemnetError, match="Two sets of scores"):
        join(truth_of(frame("ab", [0.1, 0.2], "hit_rate")), [*models_of(table), *models_of(table)])


def test_percentages_are_suspected():
    joined = join(
        truth_of(frame("abc", [51.0, 62.0, 75.0], "hit_rate")),
        models_of(frame("abc", [0.5, 0.6, 0.7])),
    )
    assert len(joined.warnings) == 1
    assert "divide by 100" in joined.warnings[0]


def test_the_digest_names_the_pictures_whatever_their_order():
    truth = truth_of(frame("abc", [0.1, 0.2, 0.3], "hit_rate"))
    first = join(truth, models_of(frame("abc", [1, 2, 3]))).digest()
    assert join(truth, models_of(frame("cba", [3, 2, 1]))).digest() == first
    assert join(truth, models_of(frame("ab", [3, 2]))).digest() != first


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_of_spreadsheets_are_read(tmp_path, separator):
    path = tmp_path / "truth.csv"
    rows = [["image_id", "hit_rate"], ["a", "0,5" if separator == ";" else "0.5"]]
    path.write_text("\ufeff" + "\n".join(separator.join(row) for row in rows), encoding="utf-8")
    assert truth_of(path).by_id.to_dict() == {"a": 0.5}


def test_numbers_are_read_to_the_last_digit():
    text = ["0.65555340051651", "0.1234567890123456789", "1e-3", " 0.5 "]
    assert to_numbers(pd.Series(text)).tolist() == [float(cell) for cell in text]


def test_files_that_are_no_tables(tmp_path):
    path = tmp_path / "truth.csv"
    with pytest.raises(MemnetError, match="no file"):
        read_table_any(path)
    path.write_bytes(b"")
    with pytest.raises(MemnetError, match="is empty"):
        read_table_any(path)
    path.write_bytes("image_id,größe\n\x81".encode("latin-1"))
    with pytest.raises(MemnetError, match="UTF-8"):
        read_table_any(path)
    path = tmp_path / "truth.parquet"
    path.write_text("no")
    with pytest.raises(MemnetError, match="Parquet"):
        truth_of(path)


def test_rows_without_an_id_are_set_aside_and_named(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("image_id,hit\na,0.5\n,0.6\nb,0.7\n ,0.8\n")
    scores = read_column(path, column="hit", id_column="image_id", name="hit")
    assert list(scores.by_id.index) == ["a", "b"]
    assert [line.split("truth.csv, ")[1] for line in scores.set_aside] == [
        "row 3: image_id is missing",
        "row 5: image_id is missing",
    ]


def test_a_score_table_with_an_id_twice_is_named_not_called_a_dataframe(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("image_id,score,model\na,0.5,m\na,0.6,m\n")
    with pytest.raises(MemnetError, match=r"two\.csv has 1 id"):
        read_scores(path, id_column="image_id")


def test_ids_that_differ_only_in_case_or_ending_are_named_where_others_match():
    truth = truth_of(frame(["a.jpg", "B.jpg", "c.jpg", "C.jpeg", "x/d.jpg"], [0.5] * 5, "hit_rate"))
    model = frame(["a.jpg", "b.JPG", "c.png", "d.jpg", "other.jpg"], [0.5] * 5)
    joined = join(truth, models_of(model))
    assert joined.ids == ["a.jpg"]
    (sentence,) = joined.warnings
    assert sentence.startswith("3 id(s) of the table given")
    assert "1 without file endings ('c.jpg' and 'c.png')" in sentence
    assert "1 without folders ('x/d.jpg' and 'd.jpg')" in sentence
    assert "1 in one letter case ('B.jpg' and 'b.JPG')" in sentence
    assert "other.jpg" not in sentence


def test_an_extra_or_a_missing_picture_is_no_near_miss():
    """Only where both sides have a partnerless id can one be the other."""
    both = frame(["a.jpg", "b.jpg", "A.jpg", "a.png"], [0.1, 0.2, 0.3, 0.4], "hit_rate")
    joined = join(truth_of(both), models_of(frame(["a.jpg", "b.jpg"], [0.1, 0.2])))
    assert joined.truth_only == ["A.jpg", "a.png"]
    assert joined.warnings == []


def test_ids_of_one_table_that_differ_in_case_are_two_pictures(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("image_id,hit_rate\na.jpg,0.25\nA.jpg,0.75\n")
    joined = join(truth_of(path), models_of(frame(["A.jpg", "a.jpg"], [0.7, 0.2])))
    assert joined.ids == ["A.jpg", "a.jpg"]
    assert joined.truth.tolist() == [0.75, 0.25]
    assert joined.predictions["the table given"].tolist() == [0.7, 0.2]


@pytest.mark.parametrize(
    ("left", "right", "hint"),
    [
        (["007", "008"], ["7", "8"], "without leading zeros"),
        (["007.jpg", "a/008.png"], ["7", "8"], "without folders, endings and leading zeros"),
        (["Ma\u0308dchen.jpg"], ["M\u00e4dchen.jpg"], "in one Unicode normal form"),
        (["a "], ["a"], "without spaces around them"),
        (["a.jpg"], ["a.jpg\u200b"], "without spaces around them"),
        (["a.jpg"], ["'a.jpg"], "without quotation marks around them"),
        (["001"], ['="001"'], "without quotation marks around them"),
        (["a.jpg"], ["a.jpg.JPG"], "with their file ending once"),
        (["1000"], ["1E+03"], "as numbers"),
        (["a b.jpg"], ["a%20b.jpg"], "with what %20 and no-break spaces stand for"),
        (["a b.jpg"], ["a\xa0b.jpg"], "with what %20 and no-break spaces stand for"),
        (["caf\xe9.jpg"], ["cafe\u0301.png"], "in one Unicode normal form, without folders and"),
        (["caf\xe9.jpg"], ["caf\xc3\xa9.jpg"], "with \xe9 for \xc3\xa9"),
        (["x\\1.jpg"], ["1.jpg"], "without folders"),
        (["x/A.jpg"], ["a.png"], "in one letter case, without folders and endings"),
        (
            ["p/1.jpg", "p/2.jpg", "3.png"],
            ["1.jpg", "2.jpg", "3.jpg"],
            "3 would agree without folders and",
        ),
        (["."], ["/"], r"like '\.' and '/'\. Is --id-column right\?$"),
    ],
)
def test_the_reading_under_which_most_ids_agree_is_suggested(left, right, hint):
    truth = truth_of(frame(left, [0.5] * len(left), "hit_rate"))
    with pytest.raises(MemnetError, match=hint):
        join(truth, models_of(frame(right, [0.5] * len(right))))


def test_a_table_of_one_row(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("image_id,hit_rate\na.jpg,0.5\n")
    joined = join(truth_of(path), models_of(frame(["a.jpg"], [0.75])))
    assert (joined.ids, joined.truth.tolist(), joined.warnings) == (["a.jpg"], [0.5], [])


def test_missing_values_in_all_their_spellings_are_set_aside(tmp_path):
    spellings = ["", "NaN", "nan", "NA", "None", "-inf", "0_5", "1 000"]
    path = tmp_path / "truth.csv"
    path.write_text("image_id,hit_rate\nok,0.5\n" + "".join(f"{s}x,{s}\n" for s in spellings))
    scores = truth_of(path)
    assert scores.by_id.to_dict() == {"ok": 0.5}
    assert len(scores.set_aside) == len(spellings)
    assert scores.set_aside[1].endswith("row 4 (NaNx): hit_rate is missing ('NaN')")
    assert scores.set_aside[5].endswith("row 8 (-infx): hit_rate is '-inf', no number")
    table = pd.DataFrame({"image_id": ["a", "b", None], "hit_rate": [np.nan, 0.5, 0.6]})
    assert [line.split(", ")[1] for line in truth_of(table).set_aside] == [
        "row 0 (a): hit_rate is missing",
        "row 2: image_id is missing",
    ]


@pytest.mark.parametrize("kind", ["float64", "float32", "Float64", "object", "str"])
def test_numbers_of_a_dataframe_keep_every_bit(kind):
    values = np.array([0.1, 1 / 3, 0.65555340051651, 5e-324])
    column = pd.Series(values).astype(kind)
    expected = values.astype(np.float32) if kind == "float32" else values
    assert to_numbers(column).tolist() == expected.tolist()


@pytest.mark.parametrize("code", [-9, -99, -999, -9999, 999, 9999])
def test_a_usual_code_for_a_missing_value_is_set_aside_in_every_column(tmp_path, code):
    path = tmp_path / "truth.csv"
    path.write_text(f"image_id,hit_rate,score\na,0.5,0.7\nb,{code},{code}.0\nc,0.75,0.6\n")
    truth = truth_of(path)
    assert truth.by_id.to_dict() == {"a": 0.5, "c": 0.75}
    (sentence,) = truth.set_aside
    assert sentence.endswith(
        f"row 3 (b): hit_rate is '{code}', taken for the code of a missing value"
    )
    (model,) = models_of(path)
    assert model.by_id.to_dict() == {"a": 0.7, "c": 0.6}
    assert join(truth, [model]).truth_only == []


def test_codes_that_may_be_numbers_are_kept_and_named_with_their_rows(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("image_id,rating\na,0\nb,-9\nc,10\nd,-999\n")
    ratings = read_column(path, column="rating")
    assert ratings.by_id.to_dict() == {"a": 0, "b": -9, "c": 10}
    (said,) = ratings.doubts
    assert "rating has -9 in row 3, outside all other numbers (0 to 10). Such a number may" in said
    model = frame("abc", [0.1, 0.2, 0.3])
    assert said in memnet.compare(path, model, truth_column="rating", resamples=2).warnings
    path.write_text("image_id,rating\na,0\nb,-9\nc,-10\n")
    assert read_column(path, column="rating").doubts == ()


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ([400.0, 999.0, 900.0], []),  # outside the others by less than their range
        ([0.0, 1.0, -9.0, 999.0], [2, 3]),
        ([40.0, 95.0, -9.0], []),  # may be a corrected hit rate, in per cent
        ([200.0, 2000.0, -999.0, -99.0], [2, 3]),  # within the width, but no time is negative
        ([-5.0, 200.0, 2000.0, -99.0], []),  # a difference may be
        ([0.65, 0.65, -9.0], [2]),
        ([998.0, 999.0], []),
        ([-999.0, 0.0, 999.0, 1500.0, -1500.0], []),
        ([0.5, 0.7, -998.0], []),  # no usual code
        ([-999.0, -999.0], [0, 1]),
        ([np.nan, 0.5, -999.0], [2]),
    ],
)
def test_codes_are_those_far_outside_all_other_numbers(values, missing):
    assert np.flatnonzero(find_missing_codes(np.array(values))).tolist() == missing


@pytest.mark.parametrize(
    ("values", "doubtful"),
    [
        ([1, 2, 3, 4, 5, 99, 99], [5, 6]),
        ([1, 2, 3, 4, 5, 98, 99, -1, 8], [5, 6, 7, 8]),  # the range is without them
        ([1, 2, 3, 4, 5, 8, 9, -9], [5, 6, 7]),
        ([0.3, 0.5, 0.9, -1], [3]),
        ([0.3, 0.5, 0.9, 7.5, -1.5], []),  # no codes
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 9], []),  # a rating
        ([1, 3, 5, 7, 8, 9], []),
        ([-2, -1, 0, 1, 2], []),
        ([-1, 1], []),  # two groups
        ([51, 77, 88, 93, 99], []),  # in per cent
        ([1, 1, 2, 2, np.nan, 99], [5]),
        ([7, 8, 9, 999], [3]),
        ([99, 99], []),
        ([], []),
    ],
)
def test_doubtful_codes_lie_apart_from_all_other_numbers(values, doubtful):
    found = find_doubtful_codes(np.array(values, dtype=float))
    missing = find_missing_codes(np.array(values, dtype=float))
    assert np.flatnonzero(found | missing).tolist() == doubtful


@pytest.mark.parametrize("code", [99, -1])
def test_numbers_that_may_be_codes_are_named_and_no_hint_is_made_of_them(code):
    ids = [f"{number}.jpg" for number in range(8)]
    rates = [0.25, 0.3, 0.5, code, 0.6, 0.75, 0.8, code]
    truth, (model,) = truth_of(frame(ids, rates, "hit_rate")), models_of(frame(ids, rates))
    assert truth.by_id.tolist() == rates
    for scores in (truth, model):
        (said,) = scores.doubts
        assert f"has {code}.0 in row 3, {code}.0 in row 7, outside all other numbers" in said
        assert said.endswith("may stand for a missing value, and is used as it stands: if it does, "
                             "empty the cell.")  # fmt: skip
    assert join(truth, [model]).warnings == []
    percent = [rate * 100 if rate != code else 777 for rate in rates]
    (sentence,) = join(truth, models_of(frame(ids, percent))).warnings
    assert ", from 25 to 80); they look like percentages: divide by 100" in sentence


def test_a_doubtful_number_is_named_where_no_other_row_has_an_id():
    table = frame(["", "", "a"], [0.0, 10.0, -9.0])
    (said,) = read_column(table, column="score").doubts
    assert "-9.0 in row 2, outside all other numbers (0 to 10)" in said


def test_two_classes_are_said_to_be_such():
    ids = [f"{number}.jpg" for number in range(8)]
    truth = pd.DataFrame({"image_id": ids, "high": [0, 1] * 4})
    (model,) = read_scores(
        pd.DataFrame({"image_id": ids, "score": np.linspace(0.1, 0.9, 8)}), id_column="image_id"
    )
    sentences = join(read_column(truth, column="high"), [model]).warnings
    assert sentences == []  # 0 and 1 are compared as classes, with an AUC
    codes = read_column(truth.assign(high=[1, 2] * 4), column="high")
    (sentence,) = join(codes, [model]).warnings
    assert "only two values, 1 and 2: classes, not scores" in sentence
    assert "--positive 2" in sentence
    words = truth.assign(high=["H", "L"] * 4)
    with pytest.raises(MemnetError, match="two classes, 'H' and 'L': write them as 0 and 1"):
        read_column(words, column="high")


def test_rows_without_an_id_do_not_hinder_counts_and_categories():
    table = pd.DataFrame(
        {"image_id": ["a", "", " ", "b"], "hits": [3, 9, 9, 4], "group": ["x", "", "", "y"]}
    )
    extras = read_extras(
        table, {"hits": "hits", "group": "group"}, id_column="image_id", ids=["b", "a"]
    )
    assert extras["hits"].tolist() == [4, 3]
    assert extras["group"].tolist() == ["y", "x"]


def test_rows_of_one_id_have_the_value_on_which_they_agree():
    table = frame("abacbd", [0.5, 0.25, 0.5, np.nan, 0.75, 1.0])
    rows = read_score_rows(table, column="score", id_column="image_id")
    per_id = rows.one_value_per_id()
    assert per_id.ids == ("a", "b", "c", "d")
    assert per_id.place.tolist() == [0, 1, 0, 2, 1, 3]
    assert per_id.differing.tolist() == [False, True, False, False]
    np.testing.assert_array_equal(per_id.values, [0.5, np.nan, np.nan, 1.0])
    near = read_score_rows(frame("aa", [1.0, 1 + 1e-10]), column="score", id_column="image_id")
    assert near.one_value_per_id().differing.tolist() == [True]
    assert near.one_value_per_id(1e-9).values.tolist() == [1.0]


def test_rows_with_more_cells_than_names_are_refused(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("image_id,hit_rate\na,b,0.5\n")
    with pytest.raises(MemnetError, match="more cells than there are names"):
        truth_of(path)


def test_an_id_that_could_be_several_pictures_is_named_and_not_suggested():
    match = match_ids(
        ["pic1", "whole.jpg", "b"],
        ["whole.jpg", "x/pic1.jpg", "y/pic1.png", "b.jpg"],
        left_name="old.csv",
        right_name="the pictures",
    )
    assert match.matched == ["whole.jpg"]
    assert match.ambiguous == {"pic1": ["x/pic1.jpg", "y/pic1.png"]}
    assert match.suggestions == [("without file endings", 1, "b", "b.jpg")]
    loose, several = match.sentences()
    assert loose.startswith("1 id(s) of old.csv do not agree letter for letter with the pictures")
    assert "'pic1' could be 'x/pic1.jpg', 'y/pic1.png'" in several


def test_scores_with_a_percent_sign_are_refused_with_what_to_write():
    with pytest.raises(MemnetError, match=r"first cell is '75 %'\); write 75 % as 75 or 0.75"):
        truth_of(frame("ab", ["75 %", "80 %"], "hit_rate"))


def test_each_side_outside_its_range_is_told_what_it_looks_like():
    ids = list("abc")
    percent, hits, raw = [51.0, 62.0, 75.0], [0.5, 0.6, 0.7], [-0.2, 0.6, 1.3]

    def warned(truth, scores):
        return join(truth_of(frame(ids, truth, "hit_rate")), models_of(frame(ids, scores))).warnings

    (sentence,) = warned(hits, percent)
    assert sentence.startswith(
        "the table given has scores outside [0, 1] (3 of 3, from 51 to 75); they look"
    )
    assert [line.split(" has ")[0] for line in warned(percent, percent)] == [
        "hit_rate (truth)",
        "the table given",
    ]
    assert "raw outputs" in warned(hits, raw)[0]
    (sentence,) = warned([-0.05, 0.6, 0.7], hits)  # (H - FA) / n can be below 0
    assert "corrected for false alarms may be below 0" in sentence
    assert warned([0, 0.5, 1], [0, 0.5, 1]) == []
    assert "they look like ratings, not like shares" in warned([3, 5, 6], hits)[0]
    mixed = warned([0.5, 62, 75], hits)[0]
    assert "2 of 3 are above 1: some may be percentages, others not" in mixed
    assert mixed.endswith("nor do ranks, as long as some are percentages.")


def test_two_classes_are_called_so_and_not_percentages_as_well():
    classes = frame("abcdef", [1, 2, 1, 2, 2, 1], "hit_rate")
    (sentence,) = join(truth_of(classes), models_of(frame("abcdef", [0.5] * 6))).warnings
    assert "only two values, 1 and 2: classes" in sentence


def test_a_model_column_with_an_empty_cell_is_refused_and_no_row_is_lost():
    table = frame("abc", [0.1, 0.2, 0.3]).assign(model=["m", None, "m"])
    with pytest.raises(MemnetError, match=r"1 row\(s\) without a name in column 'model'"):
        models_of(table)


def test_the_manifest_digest_is_over_ids_and_labels():
    """The literal is what `printf 'a\\t0.1\\nb\\t0.5\\n' | sha256sum` gives."""
    digest = "14624226e1c7ed48d71ef6accc9b0198a33ca890a89f044af79846caa8e85b13"
    assert manifest_digest(["b", "a"], [0.5, 0.1]) == digest
    table = frame("bac", [0.5, 0.1, 0.3], "hit_rate")
    assert join(truth_of(table), models_of(frame("ab", [1, 0]))).manifest_digest() == digest
    assert manifest_digest(["b", "a"], [0.1, 0.5]) != digest
    assert manifest_digest(["b", "a"], np.array([0.5, 0.1 + 2**-56])) != digest


COUNTED = "image_id,hits,n,kind\nb,3,4,food\na,0,5,food\nc,,,\n"


def extras(tmp_path, text=COUNTED, ids=("a", "b"), **columns):
    path = tmp_path / "truth.csv"
    path.write_text(text)
    columns = columns or {"hits": "hits", "responses": "n", "category": "kind"}
    return read_extras(path, columns, id_column="image_id", ids=list(ids))


def test_counts_and_categories_come_in_the_order_of_the_items(tmp_path):
    found = extras(tmp_path)
    assert found.index.tolist() == ["a", "b"]
    assert found["hits"].tolist() == [0, 3]
    assert found["responses"].tolist() == [5, 4]
    assert found["hits"].dtype == found["responses"].dtype == np.int64
    assert found["category"].tolist() == ["food", "food"]
    table = pd.DataFrame({"image_id": ["a", "b"], "h": [1.0, 2.0], "n": [3, 4]})
    columns = {"hits": "h", "responses": "n"}
    found = read_extras(table, columns, id_column="image_id", ids=["b"])
    assert found.to_dict("list") == {"hits": [2], "responses": [4]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (COUNTED.replace("b,3", "b,"), r"whole number in column 'hits'.*row 2, ''"),
        (COUNTED.replace("b,3", "b,2.5"), r"whole number in column 'hits'.*row 2, '2.5'"),
        (COUNTED.replace("b,3", "b,-1"), r"whole number in column 'hits'.*'-1'"),
        (COUNTED.replace("a,0,5", "a,0,0"), r"1 or more, in column 'n'.*row 3, '0'"),
        (COUNTED.replace("b,3,4", "b,4,3"), r"more hits \('hits'\) than responses.*b; .*swapped"),
        (COUNTED.replace("4,food", "4,"), r"a name in column 'kind'.*row 2"),
        (COUNTED.replace("b,3,4,food\n", ""), r"no row for 1 picture\(s\): b"),
        (COUNTED + "a,1,2,x\n", r"1 id\(s\) more than once"),
        (COUNTED.replace("hits", "hit"), "no column 'hits'.*Did you mean 'hit'"),
    ],
)
def test_unusable_counts_are_one_sentence(tmp_path, text, says):
    with pytest.raises(MemnetError, match=says):
        extras(tmp_path, text)


def test_many_rows(tmp_path):
    """Exactly, and in whatever order."""
    n = 200_000
    number = np.random.default_rng(6).permutation(n)
    truth = (number + 0.5) / n  # exact text of 17 digits each
    path = tmp_path / "truth.csv"
    pd.DataFrame({"image_id": [f"{i:07d}" for i in number], "hit_rate": truth}).to_csv(
        path, index=False
    )
    scores = pd.DataFrame({"image_id": [f"{i:07d}" for i in range(n)], "score": np.arange(n) / n})
    joined = join(truth_of(path), models_of(scores.iloc[::-1]))
    assert joined.ids[:2] == ["0000000", "0000001"]
    assert len(joined.ids) == n
    assert np.array_equal(joined.truth, (np.arange(n) + 0.5) / n)
    assert np.array_equal(joined.predictions["the table given"], np.arange(n) / n)


@pytest.mark.parametrize(
    ("rule", "left", "right"),
    [
        ("basename", "aardvark/a.jpg", "images/aardvark/a.jpg"),
        ("basename", "aardvark\\a.jpg", "a.jpg"),
        ("stem", "x/a.jpg", "y/a.png"),
        ("normalised", "A B.JPG", "a%20b.png"),
        ("normalised", "caf\u00e9.jpg", "cafe\u0301.JPEG"),
        ("normalised", "a\xa0b.jpg", " a b.jpg "),
    ],
)
def test_a_looser_rule_matches_where_it_was_chosen_and_is_named_where_it_was_not(rule, left, right):
    names = {"left_name": "truth.csv", "right_name": "scores.csv"}
    match = match_ids([left, "z.jpg"], ["other", right], **names, rule=rule)
    assert match.matched == [left]
    assert match.positions.tolist() == [1, -1]
    stricter = list(MATCH_RULES)[: list(MATCH_RULES).index(rule)]
    for other in stricter:
        assert match_ids([left], [right], **names, rule=other).matched == []
        with pytest.raises(MemnetError, match=f"With --match {rule}, 1 would match"):
            match_ids([left], [right], **names, rule=other).require_any()


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("000.5", "000.7", False),
        ("face.v0", "face.v1", False),
        ("face.v0", "face.v0.jpg", True),
        ("face.v0.jpg", "face.v1.jpg", False),
        ("a.jp2", "a.MP4", True),
        ("a.webp", "a", True),
        (".jpg", ".png", False),
        ("x/.jpg", "x/.png", False),
    ],
)
def test_an_ending_is_letters_not_what_stands_behind_any_point(left, right, equal):
    for rule in ("stem", "normalised"):
        found = match_ids([left], [right], left_name="x", right_name="y", rule=rule)
        assert found.matched == [left] * equal
    found = match_ids([left, "z"], [right, "z"], left_name="x", right_name="y")
    assert ("without" in " ".join(found.sentences())) == equal


def test_what_normalised_evens_out_is_what_it_says():
    meaning = MATCH_RULES["normalised"].meaning
    for words, left, right in (
        ("in one letter case", "A.jpg", "a.jpg"),
        ("Unicode normal form (NFC)", "caf\u00e9.jpg", "cafe\u0301.jpg"),
        ("%20: a space", "a%20b.jpg", "a b.jpg"),
        ("no-break spaces as spaces", "a\xa0b.jpg", "a b.jpg"),
        ("no spaces around them", " a.jpg ", "a.jpg"),
        ("without their endings", "a.jpg", "a.png"),
        ("at the end of the ids", "x/a.jpg", "y\\a.jpg"),
    ):
        assert words in meaning
        found = match_ids([left], [right], left_name="x", right_name="y", rule="normalised")
        assert found.partners == {right: left}
        assert meaning in found.note
    assert match_ids(["a"], ["a"], left_name="x", right_name="y").note == ""


def test_what_does_not_agree_by_a_looser_rule_is_said_to_be_so():
    names = {"left_name": "truth.csv", "right_name": "scores.csv"}
    found = match_ids(["x/a.jpg", "b.jpg"], ["a.jpg", "b.png"], **names, rule="basename")
    (sentence,) = found.sentences()
    assert "1 id(s) of truth.csv do not agree by --match basename with scores.csv" in sentence
    assert "With --match stem, 2 would match" in sentence


def test_a_rule_that_takes_two_pictures_for_one_is_refused_and_not_recommended():
    names = {"left_name": "truth.csv", "right_name": "scores.csv"}
    left, right = ["a.jpg", "b.jpg"], ["x/a.jpg", "y/a.jpg", "x/b.jpg"]
    with pytest.raises(
        MemnetError, match=r"takes 'x/a\.jpg' and 'y/a\.jpg' of scores\.csv for one"
    ):
        match_ids(left, right, **names, rule="basename")
    with pytest.raises(MemnetError) as caught:
        match_ids(left, right, **names).require_any()
    assert "--match" not in str(caught.value)
    with pytest.raises(MemnetError, match="no rule of matching 'loose'"):
        match_ids(left, right, **names, rule="loose")


def test_a_comparison_by_file_name_says_so_in_its_record():
    truth = pd.DataFrame({"image_id": [f"cats/{i}.jpg" for i in range(9)], "score": range(9)})
    scores = truth.assign(image_id=[f"images/cats/{i}.jpg" for i in range(9)])
    with pytest.raises(MemnetError, match="With --match basename, 9 would match"):
        memnet.compare(truth, scores, truth_column="score", resamples=2)
    record = memnet.compare(truth, scores, truth_column="score", match="basename", resamples=2)
    assert record.value("spearman") == 1.0
    assert "file names at the end of the ids are equal" in record.items["join_rule"]


def test_of_two_tables_given_it_is_said_which_lacks_the_ids_of_which():
    truth = pd.DataFrame({"image_id": ["a", "b"], "score": [1, 2]})
    scores = truth.assign(image_id=["c", "d"])
    with pytest.raises(MemnetError, match=r"^No id of the table given is in the scores given: "):
        memnet.compare(truth, scores, truth_column="score", resamples=2)
    with pytest.raises(MemnetError, match=r" is in the scores given \(mine\): "):
        memnet.compare(truth, {"mine": scores}, truth_column="score", resamples=2)


def test_a_stray_prediction_outside_does_not_put_the_scale_in_doubt():
    ids, rates = [f"{k}.jpg" for k in range(200)], np.linspace(0.2, 0.9, 200)

    def warned(*scores):
        given = np.concatenate([scores, rates[len(scores) :]])
        truth = truth_of(frame(ids, rates.tolist(), "hit_rate"))
        return join(truth, models_of(frame(ids, given.tolist()))).warnings

    (stray,) = warned(1.001, 1.05)
    assert "has 2 of 200 scores (1.00%) just outside [0, 1] (from " in stray
    assert stray.kind == "stray-scores"
    assert warned(1.001, 1.001, 1.001)[0].kind == "scale"
    assert warned(1.06)[0].kind == "scale"


def test_whole_numbers_may_be_counts():
    ids = list("abcd")
    hits = models_of(frame(ids, [0.5, 0.6, 0.7, 0.8]))
    (said,) = join(truth_of(frame(ids, [1, 9, 27, 14], "hit_rate")), hits).warnings
    assert "(3 of 4, from 1 to 27); perhaps they are counts (divide by the number" in said

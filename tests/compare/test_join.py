"""Joining human scores and predictions: by exact id, and nothing is dropped silently."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from memnet.compare.data.join import join, read_column, read_scores
from memnet.compare.data.tables import read_csv, to_numbers
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
    assert joined.predictions["a DataFrame"].tolist() == [1, 2, 3]


def test_what_does_not_match_is_named_on_both_sides():
    joined = join(
        truth_of(frame("abc", [0.1, 0.2, 0.3], "hit_rate")), models_of(frame("bcd", [1, 2, 3]))
    )
    assert joined.truth_only == ["a"]
    assert joined.scores_only == {"a DataFrame": ["d"]}


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
    assert "row 4 (c): hit_rate is 'n/a', no number" in scores.set_aside[1]
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
    assert np.isnan(to_numbers(pd.Series(["0.5", "0,5"]))[1])  # not both in one column


def test_files_that_are_no_tables(tmp_path):
    path = tmp_path / "truth.csv"
    with pytest.raises(MemnetError, match="no file"):
        read_csv(path)
    path.write_bytes(b"")
    with pytest.raises(MemnetError, match="is empty"):
        read_csv(path)
    path.write_bytes("image_id,größe\n".encode("latin-1"))
    with pytest.raises(MemnetError, match="UTF-8"):
        read_csv(path)
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

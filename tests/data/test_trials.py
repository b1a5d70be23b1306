"""Tables of trials as laboratories write them: read as meant, or refused with what to say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from memnet.data.trials import Codebook, read_trials
from memnet.errors import MemnetError

CODEBOOK = Codebook(participant="p", picture="image", response="said")


def trials_of(said, old=None, **how):
    """Read trials of one participant with one picture each, from answers as they are written."""
    columns = {"p": "s1", "image": [f"{k}.jpg" for k in range(len(said))], "said": said}
    if old is not None:
        columns["old"] = old
        how["old"] = "old"
    how.setdefault("response", "said")
    return read_trials(pd.DataFrame(columns), Codebook(participant="p", picture="image", **how))


@pytest.mark.parametrize(
    "said",
    [
        [1, 0, 1, 0],
        [1.0, 0.0, 1.0, 0.0],
        ["1", "0", "1", "0"],
        [True, False, True, False],
        ["Yes", "no", " YES ", "NO"],
        ["old", "new", "Old", "New"],
        ["TRUE", "FALSE", "TRUE", "FALSE"],
        ["repeat", "first", "repeated", "first"],
    ],
)
def test_the_words_that_people_use_are_read(said):
    assert trials_of(said).yes.tolist() == [True, False, True, False]
    assert trials_of([1] * 4, old=said).old.tolist() == [True, False, True, False]


def test_keys_must_be_explained_and_then_are_read():
    asked = "holds 'j' and 'k', which may mean anything; say which .* old: --yes j or --yes k"
    with pytest.raises(MemnetError, match=asked):
        trials_of(["k", "j", "k"])
    found = trials_of(["j", "k", "J"], yes=["j"])
    assert found.yes.tolist() == [True, False, True]
    assert "of column 'said', these mean no: k (1)" in found.assumed
    with pytest.raises(MemnetError, match="never holds 'l'"):
        trials_of(["j", "k"], yes=["l"])


def test_ratings_are_no_answers_and_old_must_be_two_valued():
    with pytest.raises(MemnetError, match="may mean anything"):
        trials_of([1, 2, 3, 6])
    with pytest.raises(MemnetError, match=r"column 'old', holds '2'; it must say yes"):
        trials_of([1, 0, 1], old=[1, 0, 2])


def test_no_value_is_suggested_as_yes_where_another_may_be_meant():
    """With 1 = old and 2 = new, a hint that names the strange 2 alone would invert the study."""
    with pytest.raises(MemnetError, match=r"'1' and '2'.*picture was called old: --yes 1 or --ye"):
        trials_of([1, 2, 1])
    with pytest.raises(MemnetError, match=r"'1', '2', '3', which.*\(--yes VALUE, once for each"):
        trials_of([1, 2, 3])
    with pytest.raises(MemnetError, match=r"only 'k'.*--yes k; if not, write no"):
        trials_of(["k", "k"])
    with pytest.raises(MemnetError, match="that the answer was right: --yes 1 or --yes 2"):
        trials_of([1, 2], old=[1, 0], response="", correct="said")


def test_rows_that_are_the_same_are_counted_and_kept():
    table = pd.DataFrame({"p": 1, "image": list("aab"), "said": [1, 1, 1], "x": [[1], [1], [1]]})
    for frame in (table, table.drop(columns="x")):
        found = read_trials(frame, CODEBOOK)
        assert (found.doubles, len(found.yes)) == (1, 3)


def test_an_empty_answer_is_never_guessed():
    """In a task of repeats nothing is pressed for new pictures; elsewhere an answer may be lost."""
    with pytest.raises(MemnetError, match=r"2 of 4 trials have no answer.*--empty no.*leave-out"):
        trials_of([1, None, 0, ""])
    pressed = trials_of([1, None, None, 1], old=[1, 0, 1, 0], empty="no")
    assert pressed.yes.tolist() == [True, False, False, True]
    assert "2 empty answers are no" in pressed.assumed
    left = trials_of([1, None, 0, ""], empty="leave out")
    assert left.yes.tolist() == [True, False]
    assert left.pictures == ["0.jpg", "2.jpg"]


def test_right_answers_become_answers():
    found = trials_of([1, 1, 0, 0], old=[1, 0, 1, 0], response="", correct="said")
    assert found.yes.tolist() == [True, False, False, True]
    with pytest.raises(MemnetError, match="needed, too"):
        trials_of([1, 0], response="", correct="said")
    with pytest.raises(MemnetError, match="Say either"):
        trials_of([1, 0], response="")


def test_rows_without_ids_are_left_out_and_counted(tmp_path):
    path = tmp_path / "trials.csv"
    path.write_text("p;image;said\ns1;a.jpg;1\n;a.jpg;0\ns2;;1\ns2;b.jpg;0\n")
    found = read_trials(path, CODEBOOK)
    assert (found.participants, found.pictures) == (["s1", "s2"], ["a.jpg", "b.jpg"])
    assert [len(found.yes), found.rows] == [2, 4]
    assert [said.partition(": ")[2] for said in found.set_aside] == [
        "1 row(s) have no id in column 'p' and are left out.",
        "1 row(s) have no id in column 'image' and are left out.",
    ]


def test_participants_with_numbers_keep_their_names():
    table = pd.DataFrame({"p": [7, 7, 12], "image": list("aba"), "said": [1, 0, 1]})
    found = read_trials(table, CODEBOOK)
    assert sorted(found.participants) == ["12", "7"]
    assert np.array(found.participants)[found.who].tolist() == ["7", "7", "12"]

"""What is said of a file that is not there, where another was probably meant."""

from __future__ import annotations

import pytest

from memnet.errors import PictureError
from memnet.preprocess.decode import open_picture
from memnet.util.near_files import near_file


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (" p/a b.jpg ", "But 'p/a b.jpg' is there (without blanks around it)."),
        ("p\\a b.jpg", "(with / for \\)."),
        ("p/a%20b.jpg", "(with what its %-codes stand for)."),
        ("p/cafe\u0301.jpg", "(in another Unicode form): write it so"),
        ("p/A B.JPG", "But 'a b.jpg' is there (in another letter case)"),
        ("p/a b", "But 'a b.jpg' is there (with another ending)"),
        ("p/a b.png", "But 'a b.jpg' is there (with another ending)"),
        ("p/c.png", ""),
        ("https://example.org/a.jpg", "an address: `memnet score --allow-addresses`"),
        ("q/a b.jpg", ""),
    ],
)
def test_the_file_that_was_probably_meant_is_named(tmp_path, monkeypatch, asked, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p").mkdir()
    for name in ("a b.jpg", "caf\u00e9.jpg"):
        (tmp_path / "p" / name).touch()
    assert near_file(asked).endswith(said) or said in near_file(asked)
    assert bool(near_file(asked)) == bool(said)


def test_a_picture_that_is_not_there_says_which_is(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(PictureError, match=r"no such file\. But 'a\.jpg' is there"):
        open_picture(tmp_path / "A.jpg")

"""Texts of others on their way to a terminal."""

from __future__ import annotations

import os

import pytest

from memnet.util.text import abridged, printable, shorten_list


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a plain name, äöü 日本 😀.jpg", "a plain name, äöü 日本 😀.jpg"),
        ("\x1b[2J\x07\x7f\x9b", r"\x1b[2J\x07\x7f\x9b"),
        ("one\r\ntwo\tthree", r"one\x0d\x0atwo\x09three"),
        ("a\u2028b\u202egpj.exe", r"a\u2028b\u202egpj.exe"),
        (os.fsdecode(b"caf\xe9.jpg"), r"caf\xe9.jpg"),
        ("\ud800", r"\ud800"),
    ],
)
def test_nothing_that_a_terminal_obeys_is_left(text: str, shown: str) -> None:
    assert printable(text) == shown
    printable(text).encode()


def test_a_long_text_is_cut() -> None:
    assert printable("x" * 5_000_000, 10) == "xxxxxxxxxx... (4,999,990 more characters)"
    assert printable("x" * 10, 10) == "x" * 10


def test_a_long_id_keeps_both_ends_and_a_list_of_long_ones_stays_a_sentence() -> None:
    path = "/data/" + "x" * 4_000 + "/a.jpg"
    assert abridged(path).startswith("/data/x")
    assert abridged(path).endswith("x/a.jpg")
    assert len(abridged(path)) < 210
    listed = shorten_list([path] * 50, 50)
    assert 800 < len(listed) < 1_100
    assert listed.endswith(" more")
    assert shorten_list(["a" * 30] * 20, 50).count("a" * 30) == 20
    assert shorten_list(["a\nb", "c\x1b[2J"]) == r"a\x0ab, c\x1b[2J"

"""Files that changed are told from those that did not, also where a path leads into one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memnet.scoring.verified_files import is_verified, remember, stamp_of
from memnet.util.file_stamps import stamp_container, stamp_file


def test_a_stamp_is_written_as_size_and_time_in_nanoseconds(tmp_path):
    """As tables of earlier versions have it; a copy that keeps times is the same file."""
    file = tmp_path / "a.jpg"
    file.write_bytes(b"123")
    os.utime(file, ns=(5, 1_700_000_000_123_456_700))
    assert str(stamp_file(file)) == "3 1700000000123456700"
    copy = tmp_path / "b.jpg"
    copy.write_bytes(b"123")
    os.utime(copy, ns=(9, 1_700_000_000_123_456_700))
    assert str(stamp_file(copy)) == str(stamp_file(file))
    assert stamp_file(copy) != stamp_file(file)


@pytest.mark.parametrize("path", ["", "missing.jpg", ".", "a\0b", "missing/a.jpg", "/"])
def test_what_is_no_file_has_no_stamp(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert stamp_file(path) is None
    assert stamp_container(path) is None


def test_a_path_into_a_file_is_stamped_as_that_file(tmp_path):
    archive = tmp_path / "a.zip"
    archive.write_bytes(b"zip")
    assert stamp_container(f"{archive}/x/y.jpg") == stamp_file(archive)
    assert stamp_container(f"{archive}/../y.jpg") in (None, stamp_file(archive))
    assert stamp_container(str(archive)) is None
    assert stamp_container(str(tmp_path / "x" / "y.jpg")) is None


def test_a_weight_file_leaves_one_note_however_often_it_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path / "home"))
    file = tmp_path / "w.safetensors"
    for content in (b"1", b"22", b"333"):
        file.write_bytes(content)
        stamped = stamp_of(file)
        assert not is_verified(stamped)
        remember(stamped)
        assert is_verified(stamp_of(file))
    assert len(list(Path(tmp_path, "home", "verified").iterdir())) == 1
    assert not is_verified(stamp_of(tmp_path / "missing"))

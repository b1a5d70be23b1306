"""Paths and command lines for systems that are not this one."""

from __future__ import annotations

import os
from pathlib import Path

from memnet.util import paths


def test_from_another_drive_there_is_only_the_absolute_path(monkeypatch, tmp_path):
    assert paths.relative_path(tmp_path / "a" / "b", tmp_path / "c") == Path("../a/b")

    def other_drive(path, start):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", other_drive)
    assert paths.relative_path(tmp_path / "a", tmp_path) == tmp_path / "a"


def test_a_command_line_can_be_copied_on_either_system(monkeypatch):
    words = ["memnet", "score", r"C:\my pictures", "a$b"]
    assert paths.command_text(words) == r"memnet score 'C:\my pictures' 'a$b'"
    monkeypatch.setattr(paths, "WINDOWS", True)
    assert paths.command_text(words) == r'memnet score "C:\my pictures" a$b'

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from memnet import MemnetError
from memnet.util.locking import hold_lock

BUSY = "Another process is at work there"


def test_one_holds_it_and_another_is_told(tmp_path):
    lock = tmp_path / "new" / ".lock"
    with hold_lock(lock, busy=BUSY), pytest.raises(MemnetError, match=BUSY):
        hold_lock(lock, busy=BUSY).__enter__()
    with hold_lock(lock, busy=BUSY):
        pass


def test_who_opened_the_file_before_the_release_and_who_comes_after_exclude_each_other(tmp_path):
    lock = tmp_path / ".lock"
    with hold_lock(lock, busy=BUSY):
        opened = os.stat(lock).st_ino
    with hold_lock(lock, busy=BUSY):
        assert os.stat(lock).st_ino == opened  # one file, so one lock


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOLCK, "No locks available"), NotImplementedError("use SoftFileLock")],
    ids=["ENOLCK", "ENOSYS of an older filelock"],
)
def test_where_there_are_no_locks_the_block_runs_and_that_is_said(
    tmp_path, monkeypatch, capsys, error
):
    def none_here(*_, **__):
        raise error

    monkeypatch.setattr(FileLock, "acquire", none_here)
    with hold_lock(tmp_path / ".lock", busy=BUSY):
        assert f"the file system of {tmp_path} has no locks" in capsys.readouterr().err


@pytest.mark.parametrize("wait", [False, True])
def test_a_folder_without_permission_is_no_lock_of_another_process(tmp_path, monkeypatch, wait):
    """Windows, with an older filelock: one cannot open the file, and is told that it is locked."""
    calls = []

    def acquire(self, timeout=-1):
        calls.append(timeout)
        raise Timeout(self.lock_file)

    def refuse(self, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(FileLock, "acquire", acquire)
    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(MemnetError, match=r"cannot be written \(Permission denied\)"):
        hold_lock(tmp_path / ".lock", busy=BUSY, wait=wait).__enter__()
    assert calls == [0]  # it was not waited for


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MemnetError, match=r"cannot be written .*; choose another --out"):
        hold_lock(tmp_path / "file" / ".lock", busy=BUSY, advice="choose another --out").__enter__()

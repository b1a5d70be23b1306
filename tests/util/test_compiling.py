"""Numba's cache is a help, and never a reason to fail."""

from __future__ import annotations

import errno

import numba
import pytest
from numba.core.caching import IndexDataCacheFile

from memnet.util.compiling import compiled


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def thrice(x):
    return 3 * x


def test_what_was_compiled_is_kept(cache):
    assert compiled(thrice)(14) == 42
    again = compiled(thrice)
    assert again(14) == 42
    assert sum(again.stats.cache_hits.values()) == 1


def test_for_a_user_without_a_home_nothing_is_kept(cache, monkeypatch):
    """As in a container that is told a number for its user. Numba would make a folder `~`."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert compiled(thrice)(14) == 42
    assert list(cache.iterdir()) == []


def test_a_full_disk_is_no_reason_to_fail(cache, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "_save_data", full)
    assert compiled(thrice)(14) == 42


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_file_that_a_crash_left_empty_is_written_anew(ending, cache):
    assert compiled(thrice)(14) == 42
    (file,) = cache.rglob(f"*.{ending}")
    file.write_bytes(b"")
    assert compiled(thrice)(14) == 42
    again = compiled(thrice)
    assert again(14) == 42
    assert sum(again.stats.cache_hits.values()) == 1

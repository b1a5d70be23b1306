"""`memnet cache`: what is kept, by model, and forgetting it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from command import run_memnet
from memnet.errors import MemnetError
from memnet.scoring import cache_contents, score_cache
from memnet.scoring.score_cache import ScoreCache
from memnet.scoring.scored import Scored

MODELS = ["resmem.published"] * 2 + ["resmem.published:pillow-12", "resmem.published2"]


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    """A cache with scores of a model, of its variant, and of another model."""
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path))
    monkeypatch.delenv("MEMNET_NO_CACHE")
    cache = ScoreCache(score_cache.path())
    numbers = {"raw": 0.5, "score": 0.5, "clamped": False, "width": 3, "height": 4}
    scored = Scored(outputs=(0.5,), mode="RGB", warning="", **numbers)
    for number, model in enumerate(MODELS):
        cache.add(bytes([number]) * 32, model, scored)
    cache.close()
    return score_cache.path()


def test_info_names_the_place_the_size_and_the_models(file):
    (file.parent / "training").mkdir()
    (file.parent / "training" / "pixels.npy").write_bytes(bytes(3_400_000))
    out = run_memnet("cache", "info").stdout
    lines = out.splitlines()
    assert lines[0].startswith(f"{file}: 12 kB of at most 1.0 GB")
    rows = [line.split() for line in lines]
    assert ["resmem.published", "2"] in rows
    assert ["resmem.published:pillow-12", "1"] in rows
    assert "3.4 MB" in lines[-1]
    assert "not in use" not in out
    assert "not in use" in run_memnet("cache", "info", env={"MEMNET_NO_CACHE": "1"}).stdout


def test_one_models_scores_are_forgotten_or_all(file):
    done = run_memnet("cache", "clear", "--model", "resmem.published")
    assert "3 scores forgotten" in done.stderr
    assert cache_contents.read_contents().scores == {"resmem.published2": 1}
    assert "1 score forgotten" in run_memnet("cache", "clear").stderr
    assert cache_contents.read_contents().scores == {}
    assert "It is empty." in run_memnet("cache", "info").stdout


def test_a_misspelt_model_forgets_nothing(file):
    done = run_memnet("cache", "clear", "--model", "resmem.publishd", check=2)
    assert "resmem.published" in done.stderr
    done = run_memnet("cache", "clear", "--model", "", check=2)
    assert "--model names no model" in done.stderr
    assert sum(cache_contents.read_contents().scores.values()) == 4


def test_where_there_is_no_cache_nothing_is_made(file):
    file.unlink()
    assert "It is empty." in run_memnet("cache", "info").stdout
    assert "0 scores forgotten" in run_memnet("cache", "clear").stderr
    assert not file.exists()


@pytest.mark.parametrize("start", [0, 3000])
def test_a_damaged_file_is_named_and_removed(file, start):
    content = file.read_bytes()
    file.write_bytes(content[:start] + b"damaged " * 900 + content[start + 7200 :])
    try:
        run_memnet("cache", "info", check=2)
    except AssertionError:
        assert start  # SQLite reads no more than it needs
    run_memnet("cache", "clear")
    assert cache_contents.read_contents().scores == {}
    cache = ScoreCache(file)
    cache.close()
    assert cache_contents.read_contents().scores == {}


def test_a_file_that_may_not_be_written_is_not_to_be_removed(file, monkeypatch):
    read_only = f"{file.as_uri()}?mode=ro"
    monkeypatch.setattr(
        cache_contents, "connect", lambda file: sqlite3.connect(read_only, uri=True)
    )
    with pytest.raises(MemnetError, match="; you may not write it, and whoever may can clear it"):
        cache_contents.clear()


def test_a_file_in_use_is_not_cleared_and_said_to_be(file, monkeypatch):
    monkeypatch.setattr(score_cache, "_WAIT", 0.05)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(MemnetError, match="locked"):
        cache_contents.clear()
    holder.execute("ROLLBACK")
    holder.close()
    assert cache_contents.clear() == 4
    assert file.stat().st_size < 20_000

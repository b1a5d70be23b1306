"""Every step of the original's path against real Caffe, at the limits of `tests/limits.toml`."""

from __future__ import annotations

from pathlib import Path

import pytest

import references

DOCS = Path(__file__).parents[2] / "docs" / "precision.md"


def worst_case(found: list[references.Measured]) -> references.Measured:
    """Print the worst case of each rung, so that `pytest -rP` shows it; return the worst of all."""
    for rung in dict.fromkeys(one.rung for one in found):
        worst = max((one for one in found if one.rung == rung), key=lambda one: one.worst)
        print(f"{rung:28s} {worst.worst:.2e}  {worst.over}")
    return max(found, key=lambda one: one.worst / (references.limit(one.rung.split(":")[0]) or 1))


def test_the_small_network_equals_real_caffe_blob_by_blob(tmp_path):
    found = references.small_ladder(tmp_path)
    print(worst_case(found))
    assert references.too_far(found) == []
    measured = {one.rung for one in found}
    for size in ("legacy.blob", "legacy.blob224"):
        assert {f"{size}:{name}" for name in ("conv1", "norm2", "fc7", "fc8-euclidean")} <= measured
    assert {"legacy.input", "legacy.raw", "legacy.score", "legacy.torch"} <= measured


def test_the_full_size_network_and_the_originals_mean_equal_real_caffe(tmp_path, shared):
    found = references.shared_ladder(tmp_path, shared)
    print(worst_case(found))
    assert references.too_far(found) == []
    assert any(one.over.startswith("full-size network") for one in found)


@pytest.mark.slow  # real Caffe's own numbers are the quick witness
def test_the_full_size_network_as_it_scores_is_close_to_exact_arithmetic(tmp_path):
    found = references.exact(tmp_path)
    print(worst_case(found))
    assert references.too_far(found) == []
    assert len(found) == 13


def test_a_distance_above_its_limit_is_named():
    above = references.Measured("legacy.blob:conv1", 2e-5, "a made-up network")
    nothing = references.Measured("legacy.raw", float("nan"), "a made-up network")
    fine = references.Measured("legacy.score", 1e-6, "a made-up network")
    first, second = references.too_far([above, nothing, fine])
    assert first.startswith("legacy.blob:conv1: 2.00e-05 > 1e-05")
    assert second.startswith("legacy.raw: nan")


def test_the_precision_page_shows_every_limit_with_a_measurement_within_it():
    text = DOCS.read_text(encoding="utf-8").split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    shown = {}
    for what, _, limit, measured, unit, _ in rows[2:]:
        shown.setdefault(what, []).append((limit, measured, unit))
    for rung in references.rungs().values():
        assert shown.get(rung.what), f"{rung.name} is not on the page; write it again"
        for limit, measured, unit in shown[rung.what]:
            assert (float(limit), unit) == (rung.limit, rung.unit), rung.name
            assert float(measured) <= rung.limit, rung.name

"""Figures of migrated studies are right as often as they say, by simulation; `pytest -m slow`.

What is simulated, its seeds and its bounds are in ``tools/migrate_page.py``, which also
writes the measured figures into docs/migrate.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import migrate_page
from memnet.studies.migrate.crosswalk_fit import fit_crosswalk
from migrate_page import POPULATIONS
from processes import processes

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs" / "migrate.md"


@pytest.fixture(scope="module")
def pool():
    with processes() as found:
        yield found


@pytest.mark.parametrize("population", POPULATIONS)
def test_intervals_hold_nulls_stay_nulls_and_the_page_says_so(population, pool):
    measured = migrate_page.measure(population, pool)
    assert not migrate_page.outside(measured, population)
    shown = migrate_page.shown(PAGE.read_text(encoding="utf-8"))
    rows = migrate_page.table({population: measured})[-len(migrate_page.NAMES) :]
    for name, cells in zip(migrate_page.NAMES, map(migrate_page.cells_of, rows), strict=True):
        written = shown[migrate_page.NAMES[name], population]
        for cell, there in zip(cells[2:], written, strict=True):
            assert (cell == "") == (there == "")
            if cell:
                assert float(there) == pytest.approx(float(cell), abs=1.0), (name, population)


@pytest.mark.parametrize("name", migrate_page.HARD)
def test_where_simpler_ways_fail_ours_hold_and_the_page_says_so(name, pool):
    measured = migrate_page.measure_hard(name, pool)
    for row, share in measured.items():
        limits = migrate_page.hard_bound(name, row)
        assert limits is None or limits[0] <= share <= limits[1], (row, share)
    shown = migrate_page.shown(PAGE.read_text(encoding="utf-8"))
    for row, share in measured.items():
        assert float(shown[name, row][0]) == pytest.approx(100 * share, abs=1.0), row


@pytest.mark.parametrize("population", ["effect", "equally valid", "effect, skewed"])
def test_true_values_by_formula_and_by_two_million_items_agree(population):
    planted = replace(POPULATIONS[population], skewed=False)
    counted = migrate_page.from_large_sample(planted)
    for name, pair in migrate_page.from_formulas(planted).items():
        assert pair == pytest.approx(counted[name], abs=0.003), name


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("n", [30, 300])
def test_prediction_intervals_of_a_crosswalk_hold_their_level(n, level):
    """On skewed, rounded and clamped scores, in both directions."""
    held = {"forward": [], "backward": []}
    population = POPULATIONS["effect, skewed"]
    for seed in range(600):
        items = population.draw(n + 500, np.random.default_rng([n, seed, 1]))
        old, new = items["old"], items["new"]
        found = fit_crosswalk(
            old[:n], new[:n], old_name="old", new_name="new", level=level, provenance={}
        )
        for name, x, y in (("forward", old[n:], new[n:]), ("backward", new[n:], old[n:])):
            mapped = getattr(found, name).apply(x)
            inside = ~mapped.outside
            held[name].append(np.mean((mapped.low <= y)[inside] & (y <= mapped.high)[inside]))
    assert np.mean(held["forward"]) == pytest.approx(level, abs=0.03)
    assert np.mean(held["backward"]) == pytest.approx(level, abs=0.03)

"""Intervals cover and tests err as often as they say, by simulation; minutes, `pytest -m slow`.

What each study does, its seeds and its bounds are in ``tools/statistics_page.py``, which also
writes the measured figures into docs/statistics.md.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import crossed_design
import statistics_page
from memnet.stats import noise_matched
from memnet.stats.resampling import Draws
from populations import POPULATIONS, true_values
from processes import processes
from single_model import noise_matched_of
from statistics_page import STUDIES, Study

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"


@pytest.fixture(scope="module")
def pool():
    with processes() as found:
        yield found


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_figures_lie_within_their_bounds_and_are_those_of_the_page(study: Study, pool):
    measured = statistics_page.measure(study, pool)
    assert not statistics_page.outside(study, measured)
    shown = statistics_page.shown(PAGE.read_text(encoding="utf-8"))
    for row in statistics_page.table([(study, measured)])[2:]:
        ((key, share),) = statistics_page.shown(row).items()
        assert shown[key] == pytest.approx(share, abs=0.01), key  # other versions draw otherwise


def test_where_everybody_sees_everything_participants_give_the_ceiling_and_answers_do_not():
    rows = crossed_design.measure()
    page = PAGE.read_text(encoding="utf-8")
    for row, line in zip(rows, crossed_design.table(rows)[2:], strict=True):
        if row.bound is not None:
            assert row.bound[0] <= row.covered <= row.bound[1], line
            assert abs(row.mean - row.true) < 0.01, line
        if row.way == crossed_design.ANSWERS:
            assert row.covered < 0.5, line
        start = f"| {row.value} | {row.way} | {row.true:.3f} | "
        (shown,) = [each for each in page.splitlines() if each.startswith(start)]
        mean, bias, covered = (float(cell) for cell in shown.split(" | ")[3:6])
        # Other versions draw otherwise.
        assert [mean, bias] == pytest.approx([row.mean, row.mean - row.true], abs=0.003)
        assert covered == pytest.approx(100 * row.covered, abs=1)


def test_every_bound_is_used_and_every_row_of_the_page_is_a_study():
    shown = statistics_page.shown(PAGE.read_text(encoding="utf-8"))
    populations = {(name, n) for _, name, n in shown}
    assert populations == {(study.population, f"{study.n:,}") for study in STUDIES}
    for study in STUDIES:
        here = study.population, f"{study.n:,}"
        for start in study.bounds:
            assert any(
                figure.partition(", ")[2].startswith(start) or figure.startswith(start)
                for figure, *place in shown
                if tuple(place) == here
            )


def test_the_true_values_are_those_of_the_theory():
    """Of a normal copula: rho = 6 / pi asin(r / 2); of binomial noise: r = the square root."""
    true = true_values("unequal, no ties")
    population = POPULATIONS["unequal, no ties"]
    for model, r in (("a", population.r_a), ("b", population.r_b)):
        rho = 6 / math.pi * math.asin(r / 2)
        assert true[f"spearman_{model}"] == pytest.approx(rho, abs=0.002)
    assert true_values("normal, unequal")["pearson"] == pytest.approx(0.1, abs=0.002)
    labels = true_values("unequal")
    assert labels["ceiling_pearson"] == pytest.approx(labels["attained_pearson"], abs=0.002)


def test_spearman_browns_ceiling_lies_within_a_hundredth_of_what_the_true_hit_rates_attain():
    true = true_values("unequal")
    assert 0 < true["ceiling_spearman"] - true["attained_spearman"] < 0.01


def test_ties_are_as_in_lamem():
    sample = POPULATIONS["equal"].draw(1000, np.random.default_rng(0))
    assert sample.responses.min() == 36
    assert sample.responses.max() == 44
    assert len(np.unique(sample.truth)) < 300
    assert len(np.unique(sample.a)) < 70
    assert 0.74 < sample.truth.mean() < 0.78
    assert 0.11 < sample.truth.std() < 0.14


def test_the_noise_matched_p_values_do_not_depend_on_the_number_of_noisy_draws(monkeypatch):
    """What lets the study make one draw where the library makes a hundred."""
    sample = POPULATIONS["equal"].draw(100, np.random.default_rng(1))
    draws = Draws(n=100, resamples=99, seed=3)
    columns = sample.truth, sample.rate, sample.responses, draws
    whole = noise_matched_of(*columns).p_values
    monkeypatch.setattr(noise_matched, "NOISY_DRAWS", 1)
    assert noise_matched_of(*columns).p_values == whole

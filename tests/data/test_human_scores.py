"""The distributions of human scores are those of the published tables, and so are percentiles."""

from __future__ import annotations

import runpy
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import percentileofscore

from memnet.data.human_scores import EDGES, distributions, percentile, percentiles
from memnet.errors import MemnetError
from needs import skip_for
from references import SHARED, TESTS

LAMEM, MEMCAT, FALSE_ALARMS = distributions()
TOOL = TESTS.parent / "tools" / "human_scores.py"


def raw_scores():
    """The published tables, read without memnet."""
    if not SHARED.is_dir():
        skip_for("../shared")
    folder = SHARED / "data" / "lamem_splits"
    lamem = [line.split() for part in ("train", "val", "test")
             for line in (folder / f"{part}_1.txt").read_text().splitlines()]  # fmt: skip
    memcat = pd.read_csv(SHARED / "data" / "human_scores" / "memcat_image_data.csv")
    return {
        LAMEM: np.array([float(score) for _, score in lamem]),
        MEMCAT: (memcat.H / memcat.n_resp).to_numpy(),
        FALSE_ALARMS: (memcat.FA / memcat.n_resp).to_numpy(),
    }


def test_they_have_the_published_numbers_of_pictures():
    assert [sum(one.counts) for one in (LAMEM, MEMCAT, FALSE_ALARMS)] == [58_741, 10_000, 10_000]
    assert (LAMEM.n, LAMEM.mean, LAMEM.sd) == (58_741, 0.756077, 0.123752)


@pytest.mark.parametrize("one", distributions(), ids=lambda one: f"{one.dataset}-{one.target}")
def test_histograms_have_the_mean_and_sd_of_the_scores(one):
    middles = np.array(EDGES[:-1]) + 0.01
    mean = np.average(middles, weights=one.counts)
    sd = np.sqrt(np.average((middles - mean) ** 2, weights=one.counts))
    assert mean == pytest.approx(one.mean, abs=0.002)
    assert sd == pytest.approx(one.sd, abs=0.001)


def test_few_of_lamem_lie_below_the_floor_of_the_published_model():
    """0.6861 % of LaMem's scores are below .411."""
    assert percentile("lamem", 0.411) == pytest.approx(0.6861, abs=0.05)


@pytest.mark.parametrize("one", distributions(), ids=lambda one: f"{one.dataset}-{one.target}")
def test_percentiles_are_scipys_of_scores_spread_evenly_over_each_bin(one):
    spread = np.concatenate(
        [
            low + 0.02 * (np.arange(n) + 0.5) / n
            for low, n in zip(EDGES[:-1], one.counts, strict=True)
            if n
        ]
    )
    for score in (0.0, 0.05, 0.2, 0.411, 0.5, 0.61, 0.7, 0.703, 0.79, 0.98, 1.0):
        wanted = percentileofscore(spread, score, kind="mean")
        assert one.percentile(score) == pytest.approx(wanted, abs=0.6 * 100 / one.n), score


def test_the_middle_of_a_bin_has_the_middle_rank():
    below, within = sum(LAMEM.counts[:40]), LAMEM.counts[40]
    assert percentile("lamem", 0.81) == pytest.approx(100 * (below + within / 2) / 58_741)


def test_a_score_on_an_edge_counts_to_the_bin_above():
    """Edges of np.linspace would put 0.58 and 0.7 into the bins below."""
    counted = np.histogram([float(f"{k / 50:.6f}") for k in range(51)], EDGES)[0]
    assert counted.tolist() == [1] * 49 + [2]


def test_scores_beyond_the_scale_have_the_first_and_last_percentile():
    assert percentile("memcat", -0.2) == 0
    assert percentile("memcat", 1.7) == 100
    with pytest.raises(MemnetError, match="no percentile"):
        percentile("memcat", float("nan"))


def test_false_alarms_are_ranked_among_false_alarms():
    assert percentiles(0.1, "false_alarm_rate")["memcat"] > 75
    assert percentiles(0.1)["memcat"] == 0
    assert percentiles(0.1, "corrected") == {}


def test_unknown_data_sets_and_targets_are_named():
    with pytest.raises(MemnetError, match=r"no data set .* 'figrim'.*'lamem'"):
        percentile("figrim", 0.5)
    with pytest.raises(MemnetError, match="'memcat'"):
        percentile("lamem", 0.1, "false_alarm_rate")
    with pytest.raises(MemnetError, match="no target"):
        percentiles(0.5, "hitrates")


def test_percentiles_are_within_the_documented_distance_of_the_raw_tables():
    for one, scores in raw_scores().items():
        ordered = np.sort(scores)
        grid = np.linspace(0, 1, 1001)
        wanted = np.array([percentileofscore(ordered, score, kind="mean") for score in grid])
        off = np.abs(np.array([one.percentile(score) for score in grid]) - wanted)
        assert off.max() < (1.4 if one.target == "hit_rate" else 3.8), one.dataset
        assert off.mean() < 0.13, one.dataset


def test_the_tool_makes_the_packaged_file(tmp_path, monkeypatch):
    raw_scores()
    data = SHARED / "data"
    monkeypatch.setattr(sys, "argv", [str(TOOL), str(data / "lamem_splits"),
        str(data / "human_scores" / "memcat_image_data.csv")])  # fmt: skip
    space = runpy.run_path(str(TOOL))
    packaged = space["OUT"].read_text(encoding="utf-8")
    space["main"].__globals__["OUT"] = tmp_path / "made.toml"
    space["main"]()
    assert (tmp_path / "made.toml").read_text(encoding="utf-8") == packaged

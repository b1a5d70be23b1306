"""Windows of time and events of BIDS: figures worked out by hand, and the rules of the format."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from memnet.errors import MemnetError
from memnet.studies.bids_events import events_json, events_tsv, one_video
from memnet.studies.windows import WINDOW_COLUMNS, score_windows


def frames(times, scores, *, clip="film.mp4", model="m") -> pd.DataFrame:
    return pd.DataFrame(
        {"clip": clip, "model": model, "variant": "", "time": times, "score": scores}
    )


def test_mean_peak_and_slope_are_those_worked_out_by_hand():
    """Scores 1, 3, 2 at 0, 1, 2 s: mean 2, slope 1/2; 5, 4 at 3, 4 s: mean 4.5, slope -1."""
    table = frames([0, 1, 2, 3, 4], [0.1, 0.3, 0.2, 0.5, 0.4])
    first, second = score_windows(table, 3).to_dict("records")
    assert (first["onset"], first["duration"], first["n"]) == (0, 3, 3)
    assert first["mean"] == pytest.approx(0.2)
    assert (first["peak"], first["peak_time"]) == (0.3, 1)
    assert first["slope"] == pytest.approx(0.05)
    assert (second["onset"], second["duration"], second["n"]) == (3, 2, 2)  # it ends at 5 s
    assert second["mean"] == pytest.approx(0.45)
    assert (second["peak"], second["peak_time"]) == (0.5, 3)
    assert second["slope"] == pytest.approx(-0.1)


def test_slopes_are_those_of_scipy_at_uneven_times():
    random = np.random.default_rng(3)
    times = np.sort(random.uniform(0, 10, 60))
    scores = random.uniform(0, 1, 60)
    found = score_windows(frames(times, scores), 2.5)
    assert found["n"].sum() == 60
    for row in found.to_dict("records"):
        inside = (times >= row["onset"]) & (times < row["onset"] + 2.5)
        assert row["n"] == inside.sum()
        expected = stats.linregress(times[inside], scores[inside]).slope
        assert row["slope"] == pytest.approx(expected, rel=1e-9)


def test_a_frame_at_the_border_begins_the_next_window_also_where_binary_numbers_round():
    """0.3 / 0.1 is 2.9999999999999996."""
    times = [k / 10 for k in range(20)]
    found = score_windows(frames(times, [0.5] * 20), 0.1)
    assert found["n"].tolist() == [1] * 20
    found = score_windows(frames(times, [0.5] * 20), 0.3)
    assert found["n"].tolist() == [3] * 6 + [2]
    assert found["duration"].tolist() == pytest.approx([0.3] * 6 + [0.2])


def test_failed_frames_and_gaps_leave_windows_that_say_so():
    table = frames([0, 1, 2, 3, 8, 9], [0.2, math.nan, math.nan, math.nan, 0.6, 0.6])
    found = score_windows(table, 2)
    assert found["n"].tolist() == [1, 0, 0, 0, 2]
    assert found["n_failed"].tolist() == [1, 2, 0, 0, 0]
    assert found["mean"].tolist() == pytest.approx(
        [0.2, math.nan, math.nan, math.nan, 0.6], nan_ok=True
    )
    assert found["slope"].tolist() == pytest.approx([math.nan] * 4 + [0], nan_ok=True)


def test_each_clip_and_model_has_windows_of_its_own():
    table = pd.concat(
        [
            frames([0, 1], [0.1, 0.2], model="a"),
            frames([0, 1], [0.3, 0.4], model="b"),
            frames([0, 1, 2], [0.5, 0.6, 0.7], clip="other.mp4", model="a"),
        ]
    )
    found = score_windows(table, 2)
    assert list(found) == list(WINDOW_COLUMNS)
    assert found["mean"].tolist() == pytest.approx([0.15, 0.35, 0.55, 0.7])
    assert found["duration"].tolist() == [2, 2, 2, 1]


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 1e-9])
def test_what_is_no_window_is_refused(seconds):
    with pytest.raises(MemnetError, match="--window"):
        score_windows(frames([0, 10], [0.1, 0.2]), seconds)


def test_frames_without_times_are_refused():
    with pytest.raises(MemnetError, match="--fps"):
        score_windows(frames([0], [0.5]).drop(columns="time"), 1)


# Events.


def test_events_keep_the_rules_of_bids():
    scores = [0.5, 0.7, math.nan, math.nan, 1e-5, 2e-5]
    windows = score_windows(frames([0, 0.5, 1, 1.5, 2, 2.5], scores), 1)
    text = events_tsv(windows, onset=7.25)
    names, *rows = [line.split("\t") for line in text.removesuffix("\n").split("\n")]
    assert names[:2] == ["onset", "duration"]
    assert "\r" not in text
    assert '"' not in text
    assert all(re.fullmatch("[a-z][a-z0-9_]*", name) for name in names)
    assert len(set(names)) == len(names)
    assert all(len(row) == len(names) for row in rows)
    for row in rows:
        for name, cell in zip(names, row, strict=True):
            if name != "trial_type" and cell != "n/a":
                assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", cell), name
    assert [row[:3] for row in rows] == [
        ["7.25", "1", "video"],
        ["8.25", "1", "video"],
        ["9.25", "1", "video"],
    ]
    assert rows[1][3:] == ["n/a"] * 3
    table = pd.read_csv(pd.io.common.StringIO(text), sep="\t", na_values="n/a")
    assert table["memorability"].tolist() == pytest.approx([0.6, math.nan, 1.5e-5], nan_ok=True)
    assert table["memorability"][0] == windows["mean"][0]  # every digit
    assert table["memorability_peak"][2] == 2e-5
    described = json.loads(events_json(windows, seconds=1, onset=7.25))
    assert set(described) == set(names)
    assert set(described["trial_type"]["Levels"]) == set(table["trial_type"])
    assert described["onset"]["Units"] == described["duration"]["Units"] == "s"
    assert all(isinstance(column["Description"], str) for column in described.values())


def test_events_are_of_one_video_and_one_model():
    two = pd.concat([frames([0], [0.1]), frames([0], [0.2], clip="b.mp4")])
    windows = score_windows(two, 1)
    with pytest.raises(MemnetError, match=r"has 2 \(film.mp4, b.mp4\).*--clip"):
        one_video(windows)
    assert one_video(windows, "b.mp4")["mean"].tolist() == [0.2]
    with pytest.raises(MemnetError, match=r"no clip 'c\.mp4'"):
        one_video(windows, "c.mp4")
    models = score_windows(pd.concat([frames([0], [0.1]), frames([0], [0.2], model="n")]), 1)
    with pytest.raises(MemnetError, match=r"those of 2 \(m, n\)"):
        one_video(models)

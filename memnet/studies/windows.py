"""Scores of frames as a time series: mean, peak and slope in windows of equal length.

A frame at time t stands for what is shown until the next one. Window k begins at k times its length
and holds the frames from there up to, but not at, the next window's beginning; the last window ends
where the last frame does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from memnet.errors import MemnetError

_KEYS = ["clip", "model", "variant"]

WINDOW_COLUMNS = {
    "clip": "object",
    "model": "object",
    "variant": "object",
    "onset": "float64",
    "duration": "float64",
    "n": "int64",
    "n_failed": "int64",
    "mean": "float64",
    "peak": "float64",
    "peak_time": "float64",
    "slope": "float64",
}
"""Column -> type of what :func:`score_windows` returns."""

_ROUNDING = 1e-9
"""Of a window's length: times such as 0.3 are not exact in binary."""

_MOST_WINDOWS = 1_000_000


def score_windows(frames: pd.DataFrame, seconds: float) -> pd.DataFrame:
    """Summarise the scores of each window of time.

    Parameters
    ----------
    frames : a row per frame and model: ``clip``, ``model``, ``variant``, ``time`` (seconds),
        ``score`` (NaN where it failed); :attr:`memnet.studies.clips.Clips.frames`.
    seconds : length of a window.

    Returns
    -------
    DataFrame
        a row per clip, model and window, also where a window has no frame: ``onset`` and
        ``duration`` (s; NaN of the last window where the clip has one frame), ``n`` (frames with a
        score), ``n_failed``, ``mean``, ``peak`` (the highest score), ``peak_time`` (of the first
        frame that has it), ``slope`` (least squares, score per second; NaN of fewer than two
        frames).

    Raises
    ------
    MemnetError
        if ``seconds`` is no length, there are no times, or the windows are very many.

    Examples
    --------
    >>> frames = pd.DataFrame({"clip": "a", "model": "m", "variant": "",
    ...                        "time": [0.0, 0.5, 1.0, 1.5], "score": [0.2, 0.4, 0.9, 0.5]})
    >>> score_windows(frames, 1)[["onset", "duration", "n", "mean", "peak", "peak_time", "slope"]]
       onset  duration  n  mean  peak  peak_time  slope
    0    0.0       1.0  2   0.3   0.4        0.5    0.4
    1    1.0       1.0  2   0.7   0.9        1.0   -0.8
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise MemnetError(f"--window {seconds:g} is no length of time; give seconds above 0.")
    if "time" not in frames:
        raise MemnetError(
            "Windows need the times of the frames, and this table has none. Score the video itself "
            "(`memnet score film.mp4 --fps 2`), or say with --fps how many of the numbered frames "
            "make a second."
        )
    timed = frames[frames["time"].notna()]
    count = timed["time"].max() / seconds if len(timed) else 0
    if count > _MOST_WINDOWS:
        raise MemnetError(f"--window {seconds:g} makes {count:,.0f} windows; give a longer one.")
    rows = [
        {**dict(zip(_KEYS, key, strict=True)), **window}
        for key, rows in timed.groupby(_KEYS, sort=False, dropna=False)
        for window in _windows(rows["time"].to_numpy(), rows["score"].to_numpy(), seconds)
    ]
    return pd.DataFrame(rows, columns=list(WINDOW_COLUMNS)).astype(WINDOW_COLUMNS)


def _windows(
    times: np.ndarray, scores: np.ndarray, seconds: float
) -> Iterator[dict[str, float | int]]:
    place = np.floor(times / seconds + _ROUNDING).astype(int)
    steps = np.diff(np.unique(times))
    end = times.max() + np.median(steps) if len(steps) else math.nan
    for number in range(place.max() + 1):
        inside = place == number
        good = inside & ~np.isnan(scores)
        onset = number * seconds
        last = number == place.max()
        yield {
            "onset": onset,
            "duration": float(np.minimum(seconds, end - onset)) if last else seconds,  # or NaN
            "n": int(good.sum()),
            "n_failed": int((inside & ~good).sum()),
            **_summary(times[good], scores[good]),
        }


def _summary(times: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Return mean, peak and slope of a window's good frames."""
    if not len(scores):
        return dict.fromkeys(("mean", "peak", "peak_time", "slope"), math.nan)
    apart = times - times.mean()
    spread = apart @ apart
    return {
        "mean": scores.mean(),
        "peak": scores.max(),
        "peak_time": times[scores.argmax()],
        "slope": apart @ scores / spread if spread else math.nan,
    }

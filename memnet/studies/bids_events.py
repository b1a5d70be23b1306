"""Windows of a video as events of BIDS, with its memorability as a parametric modulator.

BIDS (1.10, *Task events*): a file of tab-separated columns, the first ``onset`` and the second
``duration``, both in seconds from the first volume of the run; ``n/a`` where there is no value; a
JSON file of the same name that describes the columns.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from memnet.errors import MemnetError, unknown_name
from memnet.util.text import model_label, shorten_list

TRIAL_TYPE = "video"
MODULATORS = {"memorability": "mean", "memorability_peak": "peak", "memorability_slope": "slope"}
"""Column of the events -> column of the windows."""


def one_video(windows: pd.DataFrame, clip: str = "") -> pd.DataFrame:
    """Take the windows of one video, scored by one model: the events of a run are those of one.

    Parameters
    ----------
    windows : of :func:`memnet.studies.windows.score_windows`.
    clip : which video; "" where there is only one.

    Raises
    ------
    MemnetError
        if there is no such video, or there are several and none is named, or several models.
    """
    clips = list(dict.fromkeys(windows["clip"]))
    if clip and clip not in clips:
        raise unknown_name("clip", clip, clips)
    if not clip and len(clips) > 1:
        raise MemnetError(
            f"--events holds the events of one video, and the table has {len(clips):,} "
            f"({shorten_list(clips)}); name one with --clip."
        )
    windows = windows[windows["clip"] == (clip or clips[0])]
    models = list(dict.fromkeys(zip(windows["model"], windows["variant"], strict=True)))
    if len(models) > 1:
        names = shorten_list(model_label(*each) for each in models)
        raise MemnetError(
            f"--events holds one model's scores, and the table has those of {len(models)} "
            f"({names}); give a table of one."
        )
    return windows.reset_index(drop=True)


def events_tsv(windows: pd.DataFrame, *, onset: float = 0.0) -> str:
    """Write a video's windows as the text of an events file.

    Parameters
    ----------
    windows : of one video and one model (:func:`one_video`).
    onset : when the video began, in seconds of the run.

    Examples
    --------
    >>> windows = pd.DataFrame({"onset": [0.0, 2.0], "duration": [2.0, 1.5],
    ...     "mean": [0.5, np.nan], "peak": [0.75, np.nan], "slope": [-0.00001, np.nan]})
    >>> for line in events_tsv(windows, onset=10).splitlines():
    ...     print(line.split())
    ['onset', 'duration', 'trial_type', 'memorability', 'memorability_peak', 'memorability_slope']
    ['10', '2', 'video', '0.5', '0.75', '-0.00001']
    ['12', '1.5', 'video', 'n/a', 'n/a', 'n/a']
    """
    lines = ["\t".join(("onset", "duration", "trial_type", *MODULATORS))]
    for row in windows.to_dict("records"):
        times = (_number(round(value, 6)) for value in (row["onset"] + onset, row["duration"]))
        values = (_number(row[column]) for column in MODULATORS.values())
        lines.append("\t".join((*times, TRIAL_TYPE, *values)))
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """Write a number in full, without an exponent, which not every reader takes."""
    return np.format_float_positional(value, trim="-") if np.isfinite(value) else "n/a"


def events_json(windows: pd.DataFrame, *, seconds: float, onset: float = 0.0) -> str:
    """Describe the columns of an events file, as its JSON sidecar.

    Parameters
    ----------
    windows, onset : as of :func:`events_tsv`.
    seconds : the length of a window.
    """
    first = windows.iloc[0]
    scored = f"the frames' scores by {model_label(first['model'], first['variant'])}"
    per_window = f"in a window of {seconds:g} s of the video {first['clip']}"
    columns: dict[str, dict[str, Any]] = {
        "onset": {
            "Description": f"Beginning of the window; the video began at {onset:g} s",
            "Units": "s",
        },
        "duration": {
            "Description": "Length of the window; the last one may be shorter",
            "Units": "s",
        },
        "trial_type": {
            "Description": "What was presented",
            "Levels": {TRIAL_TYPE: "A window of a video"},
        },
        "memorability": {
            "LongName": "Predicted memorability",
            "Description": f"Mean of {scored} {per_window}; not centred",
            "Units": "arbitrary",
        },
        "memorability_peak": {
            "LongName": "Highest predicted memorability",
            "Description": f"Highest of {scored} {per_window}; not centred",
            "Units": "arbitrary",
        },
        "memorability_slope": {
            "LongName": "Slope of predicted memorability",
            "Description": f"Least-squares slope of {scored} {per_window}, per second",
            "Units": "1/s",
        },
    }
    return json.dumps(columns, indent=2, ensure_ascii=False) + "\n"

"""Scores of video frames: which clip and which frame a picture is, and statistics per clip.

The number of a frame is the last run of digits in the file's name. What stands before it, with the
folder, is the clip; separators and the word *frame* at its end do not belong to it. Where the name
is only a number, the folder is the clip:

=========================  =============  =====
picture                    clip           frame
=========================  =============  =====
``ads/cola_frame_0012.png``  ``ads/cola``      12
``beach-0007.jpg``           ``beach``         7
``waves/0001.png``           ``waves``         1
=========================  =============  =====

Frames that ``memnet score`` took from a video itself have their numbers and times in the table.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath
from typing import TypeAlias

import numpy as np
import pandas as pd

from memnet.data.videos import FRAME, TIME, split_frame_id
from memnet.errors import MemnetError
from memnet.util.text import shorten_list

STILL_IMAGES = (
    "A frame's score is that of a single picture. The models were made for still pictures, and a "
    "clip's memorability is neither the mean nor the highest of its frames: on the videos of "
    "MediaEval 2019, MemNet reached a Spearman's rho of .39 with short-term and .17 with long-term "
    "memorability."
)
"""What must be said with every table of clips (baseline of dazcona/memorability)."""

_LAST_NUMBER = re.compile(r"(?P<clip>.*?)(?P<frame>[0-9]+)[^0-9]*")
_TAIL = re.compile(r"([-_. ]+|(?<![^\W\d_])frame)$", re.IGNORECASE)  # not the end of "keyframe"
_MOST_DIGITS = 18  # longer numbers do not fit into 64 bits, and are no count of frames


@dataclass(frozen=True, kw_only=True)
class Clips:
    """Frames and clips of a score table.

    Attributes
    ----------
    frames : a row per frame and model, in order: ``clip``, ``frame`` (whole number), ``time``
        (seconds; only where it is known), ``image_id``, ``model``, ``variant``, ``score`` (NaN
        where it failed).
    clips : a row per clip and model: ``clip``, ``model``, ``variant``, ``n_frames`` (failed ones
        included), ``n_failed``, ``first``, ``last`` (frame numbers), ``step`` (greatest common
        divisor of the distances between frames: 5 where every fifth was kept; none where frames
        were chosen by time), ``missing`` (numbers
        of that step that lie between first and last and are not there), then of the scores
        ``mean``, ``sd`` (over n - 1), ``median``, ``min``, ``max``, ``frame_of_max`` (the first, of
        several) and ``clamped`` (how many were moved to stay within 0 and 1).
    set_aside : a sentence for each picture, or group of pictures, that is in neither.
    """

    frames: pd.DataFrame
    clips: pd.DataFrame
    set_aside: tuple[str, ...]

    @property
    def warning(self) -> str:
        """A sentence where the numbers may not be those of frames, "" where they seem to be."""
        single = self.clips["clip"][self.clips["n_frames"] == 1].drop_duplicates()
        if not len(single):
            return ""
        return (
            f"{len(single):,} clip(s) have one frame only "
            f"({shorten_list(single)}): if the last number of "
            "a file's name is not the frame number, say where that is with --pattern "
            "'(?P<clip>.+)_(?P<frame>[0-9]+)_.*'"
        )


def sort_frames(
    scores: pd.DataFrame, *, pattern: str | None = None, fps: Fraction | None = None
) -> Clips:
    """Sort a score table by clips and frames.

    Parameters
    ----------
    scores : a table of ``memnet score`` (:func:`memnet.scoring.table.read_table`).
    pattern : a regular expression that finds the frame's number in ``image_id`` as group
        ``frame`` and the clip as group ``clip``, for names that the rule above misreads
        (``0012_720p.png``); without a group ``clip``, the folder is the clip.
    fps : how many of the numbers make a second, of frames that were extracted: then a clip's first
        frame is at time 0.

    Raises
    ------
    MemnetError
        if the pattern is none or has no group ``frame``, or if no picture is a frame.
    """
    rule = None if pattern is None else _compiled(pattern)
    # A picture that several rows of the user's table name has as many rows, and is one frame.
    scores = scores.drop_duplicates(["image_id", "model", "variant", "score"])
    if scores.empty:
        raise MemnetError("The score table has no rows, so there are no frames to sort.")
    set_aside, kept, places = [], [], []
    nothing = pd.Series("", index=scores.index)
    cells = (scores.get(name, nothing) for name in (FRAME, TIME))
    for image_id, path, *known in zip(scores["image_id"], scores["path"], *cells, strict=True):
        if rule is None and (video := split_frame_id(str(image_id))):
            place = _located(video[0], *known)
        else:
            place = _locate(str(image_id), str(path), rule)
        kept.append(not isinstance(place, str))
        if isinstance(place, str):
            set_aside.append(f"{image_id}: {place}")
        else:
            places.append(place)
    if not places:
        ids = dict.fromkeys(scores["image_id"])
        raise MemnetError(
            f"None of the {len(ids):,} pictures has a frame number in its name "
            f"({shorten_list(ids)}); name them like clip_0001.png, or say where the number is with "
            "--pattern '(?P<frame>[0-9]+)'."
        )
    frames = scores.loc[kept, ["image_id", "model", "variant", "score", "clamped"]]
    for column, name in enumerate(("clip", "frame", "time")):
        frames.insert(column, name, [place[column] for place in places])
    frames, repeated = _each_number_once(frames)
    frames = _in_order(frames)
    clips = pd.DataFrame(_summarise(frames), columns=list(_CLIP_COLUMNS)).astype(_CLIP_COLUMNS)
    if fps is not None:
        _add_times(frames, fps)
    has_times = bool(frames["time"].notna().any())
    return Clips(
        frames=frames.drop(columns=["clamped"] if has_times else ["clamped", "time"]),
        clips=clips,
        set_aside=tuple(dict.fromkeys([*set_aside, *repeated])),
    )


_CLIP_COLUMNS = {
    "clip": "object",
    "model": "object",
    "variant": "object",
    "n_frames": "int64",
    "n_failed": "int64",
    "first": "int64",
    "last": "int64",
    "step": "Int64",
    "missing": "int64",
    "mean": "float64",
    "sd": "float64",
    "median": "float64",
    "min": "float64",
    "max": "float64",
    "frame_of_max": "Int64",
    "clamped": "int64",
}


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        rule = re.compile(pattern)
    except re.error as error:
        raise MemnetError(f"--pattern {pattern!r} is not a regular expression ({error}).") from None
    if "frame" not in rule.groupindex:
        raise MemnetError(
            f"--pattern {pattern!r} has no group for the frame number: write it as "
            "(?P<frame>[0-9]+), and the clip, if you like, as (?P<clip>.+)."
        )
    return rule


_Place: TypeAlias = tuple[str, int, float]
"""Clip, number of the frame, and its time in seconds, NaN where it is not known."""


def _located(clip: str, frame: object, time: object) -> _Place | str:
    """Return the place of a frame that was taken from a video, of the table's cells."""
    try:
        number, seconds = int(str(frame)), float(str(time))
    except ValueError:
        number, seconds = 0, math.nan
    if math.isfinite(seconds):
        return clip, number, seconds
    return (
        f"it is a frame of {clip}, and its number or time is missing in the table's columns "
        f"{FRAME!r} and {TIME!r}, so it is not used"
    )


def _add_times(frames: pd.DataFrame, fps: Fraction) -> None:
    """Give times to frames that have only numbers: the first of each clip is at 0."""
    if frames["time"].notna().all():
        raise MemnetError(
            "--fps is for frames that were extracted; these were taken from a video by `memnet "
            "score`, and have their times already. Leave it out."
        )
    first = frames.groupby("clip", sort=False)["frame"].transform("min")
    frames["time"] = frames["time"].fillna((frames["frame"] - first) / float(fps))


def _locate(image_id: str, path: str, rule: re.Pattern[str] | None) -> _Place | str:
    """Return clip and number, or why there is none."""
    name = PurePosixPath(image_id)
    folder = "" if name.parent == PurePosixPath(".") else str(name.parent)
    # The id is relative to the folder that was given, so a lone file's folder is in its path.
    folder_or_given = folder or PurePosixPath(path.replace("\\", "/")).parent.name or "."
    if rule is None:
        match = _LAST_NUMBER.fullmatch(name.stem)
        if match is None:
            return "its name has no number, so it is not used as a frame"
        before = _without_tail(match["clip"])
        clip = "/".join(filter(None, (folder, before))) if before else folder_or_given
    else:
        match = rule.search(image_id)
        if match is None:
            return "--pattern does not match its name, so it is not used as a frame"
        clip = match.groupdict().get("clip") or folder_or_given
    digits = match["frame"] or ""
    if not re.fullmatch(rf"[0-9]{{1,{_MOST_DIGITS}}}", digits):
        return f"{digits!r} is not a frame number (1 to {_MOST_DIGITS} digits)"
    return clip, int(digits), math.nan


def _without_tail(text: str) -> str:
    while (shorter := _TAIL.sub("", text)) != text:
        text = shorter
    return text


def _each_number_once(frames: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Set pictures aside that claim one number, since nobody can tell which is the frame."""
    # A frame of a video may be shown at several of the times that were asked for.
    key = ["clip", "frame", "time", "model", "variant"]
    twice = frames.duplicated(key, keep=False)
    groups = frames[twice].groupby(["clip", "frame"], sort=False)["image_id"]
    sentences = [
        f"frame {number} of clip {clip} is the number of several pictures "
        f"({shorten_list(dict.fromkeys(ids))}), so none of them is used; rename them, or say where "
        "the number is with --pattern"
        for (clip, number), ids in groups
    ]
    if twice.all():
        raise MemnetError(
            f"Every frame number occurs more than once: {sentences[0]} '(?P<frame>[0-9]+)'."
        )
    return frames[~twice], sentences


def _in_order(frames: pd.DataFrame) -> pd.DataFrame:
    """Sort by clip and model as they first appear, then by number and time."""
    rank = [pd.factorize(frames[name])[0] for name in ("clip", "model", "variant")]
    numbers = frames["time"].to_numpy(), frames["frame"].to_numpy()
    order = np.lexsort((*numbers, *reversed(rank)))
    return frames.iloc[order].reset_index(drop=True)


_KEYS = ["clip", "model", "variant"]  # a variant that a table leaves empty is a value, too


def _summarise(frames: pd.DataFrame) -> Iterator[dict[str, object]]:
    for (clip, model, variant), rows in frames.groupby(_KEYS, sort=False, dropna=False):
        numbers = rows["frame"].to_numpy()
        good = rows[rows["score"].notna()]
        scores = good["score"]
        numbered = len(rows) > 1 and rows["time"].isna().all()
        step = int(np.gcd.reduce(np.diff(numbers))) if numbered else None
        yield {
            "clip": clip,
            "model": model,
            "variant": variant,
            "n_frames": len(rows),
            "n_failed": len(rows) - len(good),
            "first": numbers[0],
            "last": numbers[-1],
            "step": step,
            "missing": (numbers[-1] - numbers[0]) // step + 1 - len(rows) if step else 0,
            "mean": scores.mean(),
            "sd": scores.std(ddof=1),
            "median": scores.median(),
            "min": scores.min(),
            "max": scores.max(),
            "frame_of_max": good["frame"].to_numpy()[scores.argmax()] if len(good) else None,
            "clamped": int(good["clamped"].fillna(False).sum()),
        }

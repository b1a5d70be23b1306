"""The contact sheet of a selection: the chosen pictures by group, each with its score."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from memnet.compare.report.contact_sheet import (
    ContactSheet,
    make_thumbnails,
    say_failed,
    short_score,
)
from memnet.compare.report.markdown import escape_markdown
from memnet.preprocess.decode import PictureOrCrop
from memnet.studies.select.selection import Selection

MOST = 240
"""Pictures of a sheet; of larger groups, so many are shown, evenly over their scores."""


def shown_places(selection: Selection) -> dict[str, list[int]]:
    """Return the places shown of each group, the highest score first; of pairs, pair by pair."""
    groups, kind = selection.groups, selection.settings.kind
    most = max(MOST // len(groups), 1)
    shown = {}
    for name, places in groups.items():
        ordered = np.asarray(places)
        if kind != "pairs":
            score = selection.candidates.scores[ordered, 0]
            ordered = ordered[np.argsort(-score, kind="stable")]
        if len(ordered) > most:
            ordered = ordered[np.linspace(0, len(ordered) - 1, most).round().astype(int)]
        shown[name] = ordered.tolist()
    return shown


def make_sheet(
    selection: Selection, pictures: Mapping[str, PictureOrCrop]
) -> tuple[ContactSheet | None, str]:
    """Make the thumbnails of the chosen pictures, and the Markdown that shows them.

    Returns
    -------
    tuple
        None and "" where none of the pictures is at hand.
    """
    shown, candidates = shown_places(selection), selection.candidates
    ids = {candidates.ids[place]: 1 for places in shown.values() for place in places}
    sheet = make_thumbnails(ids, pictures)
    if sheet is None:
        return None, ""
    parts = []
    for name, places in shown.items():
        number = len(selection.groups[name])
        parts.append(f"### {escape_markdown(name)}, {number:,} pictures")
        if len(places) < number:
            parts.append(f"{len(places):,} of them, evenly over the scores.")
        images = []
        for at, place in enumerate(places, start=1):
            pair = f"pair {at}, " if selection.settings.kind == "pairs" else ""
            score = short_score(float(candidates.scores[place, 0]))
            text = escape_markdown(f"{pair}{candidates.ids[place]}: {score}")
            images.append(f"![{text}]({sheet.sources[candidates.ids[place]]})")
        parts.append("\n".join(images))
    parts += filter(None, [say_failed(sheet)])
    return sheet, "".join(f"{part}\n\n" for part in parts)

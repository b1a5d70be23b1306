"""At how many frames a second the videos of a score table were scored, as its sidecar says.

Frames at two rates are evenly spaced in time only where one rate is a multiple of the other; a mean
over any others would count some stretches of the film more than others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from memnet.data.sidecar import read_sidecar
from memnet.data.videos import split_frame_id
from memnet.errors import MemnetError
from memnet.preprocess.video import parse_fps
from memnet.scoring.score_file import ScoreFile, shard_of

Rates: TypeAlias = Mapping[str, set[Fraction]]
"""A video's id -> the rates at which it was scored."""

FPS = "fps"
"""Of a sidecar: rate (``"30000/1001"``) -> the ids of the videos that were scored at it."""


def declare_rates(table: ScoreFile, rates: Mapping[str, Fraction]) -> None:
    """Say at which rate a run scores each video.

    Raises
    ------
    MemnetError
        if the table has frames of one at a rate that is neither a multiple nor a part of it.
    """
    before = rates_of(table)
    for video, now in rates.items():
        for known in before.get(video, ()):
            if 1 not in ((now / known).denominator, (known / now).denominator):
                raise MemnetError(
                    f"{table.out} has frames of {video} at --fps {known}, and this run is at --fps "
                    f"{now}: together they would not be evenly spaced in time. Take a multiple of "
                    f"{known}, or another --out."
                )
    record_rates(table, [before, {video: {now} for video, now in rates.items()}])


def rates_of(table: ScoreFile) -> Rates:
    """Return the rates of the videos of which a table has frames.

    Raises
    ------
    MemnetError
        if the sidecar has a rate that is none.
    """
    if FPS not in table.sidecar:
        return {}
    there = {frame[0] for key in table.rows if (frame := split_frame_id(key[2]))}
    rates: dict[str, set[Fraction]] = {}
    for rate, videos in table.sidecar[FPS].items():
        try:
            fps = parse_fps(rate)
        except MemnetError as error:
            raise MemnetError(f"{table.sidecar_path} is damaged ({error}).") from error
        for video in there.intersection(videos):
            rates.setdefault(video, set()).add(fps)
    return rates


def record_rates(table: ScoreFile, several: Sequence[Rates]) -> None:
    """Put the rates of several runs, or tables, into a sidecar."""
    videos: dict[Fraction, set[str]] = {}
    for rates in several:
        for video, each in rates.items():
            for rate in each:
                videos.setdefault(rate, set()).add(video)
    table.sidecar.pop(FPS, None)
    if videos:
        table.sidecar[FPS] = {str(rate): sorted(videos[rate]) for rate in sorted(videos)}


def refuse_different_rates(tables: Sequence[ScoreFile]) -> None:
    """Raise ``MemnetError`` where tables have one model's frames of a video at different rates."""
    first: dict[tuple[str, str], tuple[Path, Fraction]] = {}
    for table in tables:
        for video, rates in rates_of(table).items():
            for model in table.sidecar["models"]:
                out, rate = first.setdefault((model, video), (table.out, max(rates)))
                if rate != max(rates):
                    raise MemnetError(
                        f"{out} has frames of {video} at --fps {rate}, and {table.out} at --fps "
                        f"{max(rates)}: together they would not be evenly spaced in time. Score "
                        "both at one rate, then merge."
                    )


def note_on_part(scores: Path) -> str:
    """Say that a score table is known to be of a part of the pictures only; "" where it is not."""
    try:
        sidecar = read_sidecar(scores)
        shard, limit = shard_of(sidecar), sidecar.get("limit")
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or it is another program's
        return ""
    if shard:
        return (
            f"{scores} is shard {shard[0]}/{shard[1]} alone, and these statistics lack the frames "
            "of the others; put all together by `memnet merge` first"
        )
    if limit:
        return (
            f"{scores} was made with --limit {limit}, and these statistics may lack frames; score "
            "without it first"
        )
    return ""

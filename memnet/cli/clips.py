"""``memnet clips``: the scores of video frames by clip, and as a time series."""

from __future__ import annotations

import math
from pathlib import Path

import typer

from memnet.cli.paths import keep_inputs


def clips(
    scores: Path = typer.Argument(help="A score table of `memnet score`."),
    out: Path = typer.Option(
        ..., "--out", "-o", file_okay=False, help="Folder for frames.csv and clips.csv."
    ),
    pattern: str | None = typer.Option(
        None,
        help="Regular expression with groups (?P<frame>...) and, if you like, (?P<clip>...), for "
        "names whose last number is not the frame's.",
    ),
    fps: str = typer.Option(
        "",
        metavar="RATE",
        help="How many of the numbers make a second, for frames that were extracted: the first of "
        "a clip is at time 0. Frames of `memnet score film.mp4` have their times already.",
    ),
    window: float | None = typer.Option(
        None, metavar="SECONDS", help="Write windows.csv: mean, peak and slope of each window."
    ),
    events: Path | None = typer.Option(
        None,
        dir_okay=False,
        help="Write the windows of one video as events of BIDS: FILE_events.tsv, and FILE_events."
        "json. Needs --window.",
    ),
    onset: float = typer.Option(
        0.0, metavar="SECONDS", help="When the video began in the run, for --events."
    ),
    clip: str = typer.Option("", help="Which video --events is of, where there are several."),
) -> None:
    """Sort the scores of video frames by clip and frame, with statistics for each clip.

    A frame's number is the last number in the file's name; what stands before it, with the folder,
    is the clip. frames.csv has a row per frame, clips.csv one per clip. With --window, windows.csv
    has a row per window of time.
    """
    from memnet.cli.messages import say_some
    from memnet.errors import MemnetError
    from memnet.preprocess.video import parse_fps
    from memnet.scoring.frame_rates import note_on_part
    from memnet.scoring.table import read_rows_and_extras, to_frame
    from memnet.studies import clips as sorting
    from memnet.studies.bids_events import events_json, events_tsv, one_video
    from memnet.studies.windows import score_windows
    from memnet.util.atomic import write_text
    from memnet.util.csv_text import to_csv_text
    from memnet.util.messages import say

    if not scores.is_file():
        raise MemnetError(f"There is no score table {scores}; `memnet score` makes one.")
    if events is None and (onset or clip):
        raise MemnetError(f"{'--onset' if onset else '--clip'} is for --events; give that, too.")
    if events is not None and (window is None or events.suffix != ".tsv"):
        raise MemnetError(
            "--events needs --window SECONDS: each window becomes an event."
            if window is None
            else f"--events {events} must end in .tsv, as in sub-01_task-film_events.tsv."
        )
    if not math.isfinite(onset):
        raise MemnetError(f"--onset {onset} is no time; give seconds.")
    names = ["frames.csv", "clips.csv"] + ["windows.csv"] * (window is not None)
    sidecar = [] if events is None else [events, events.with_suffix(".json")]
    keep_inputs([*(out / name for name in names), *sidecar], [scores])
    table = to_frame(*read_rows_and_extras(scores))
    result = sorting.sort_frames(table, pattern=pattern, fps=parse_fps(fps) if fps else None)
    tables = [result.frames, result.clips]
    if window is not None:
        windows = score_windows(result.frames, window)
        tables.append(windows)
        if events is not None:
            of_one = one_video(windows, clip)
    for name, each in zip(names, tables, strict=True):
        write_text(out / name, to_csv_text(each))
    if window is not None and events is not None:
        write_text(events, events_tsv(of_one, onset=onset))
        write_text(events.with_suffix(".json"), events_json(of_one, seconds=window, onset=onset))
        empty = int(of_one["mean"].isna().sum())
        without = f", {empty:,} of them n/a (no frame has a score)" if empty else ""
        say(f"{len(of_one):,} events{without} -> {events}, {events.with_suffix('.json')}")
        if not events.stem.endswith("_events"):
            say(f"BIDS wants names that end in _events.tsv (sub-01_task-film_events.tsv): {events}")
    say_some(result.set_aside, "set aside as well")
    failed = result.frames["image_id"][result.frames["score"].isna()]
    say_some(
        [f"{image_id}: could not be scored" for image_id in failed], "without a score in frames.csv"
    )
    n_clips = result.clips["clip"].nunique()
    aside = f", {len(result.set_aside):,} set aside" if result.set_aside else ""
    say(
        f"{result.frames['image_id'].nunique():,} frames of {n_clips:,} clip"
        f"{'' if n_clips == 1 else 's'}{aside} -> {', '.join(str(out / name) for name in names)}"
    )
    for warning in filter(None, (result.warning, note_on_part(scores))):
        say(warning)
    say(sorting.STILL_IMAGES)
    if result.set_aside or len(failed):
        raise typer.Exit(1)

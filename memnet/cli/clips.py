"""``memnet clips``: the scores of video frames, by clip."""

from __future__ import annotations

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
) -> None:
    """Sort the scores of video frames by clip and frame, with statistics for each clip.

    A frame's number is the last number in the file's name; what stands before it, with the folder,
    is the clip. frames.csv has a row per frame, clips.csv one per clip.
    """
    from memnet.cli.messages import say_some
    from memnet.errors import MemnetError
    from memnet.scoring.table import read_table
    from memnet.studies import clips as sorting
    from memnet.util.atomic import write_text
    from memnet.util.csv_text import to_csv_text
    from memnet.util.messages import say

    if not scores.is_file():
        raise MemnetError(f"There is no score table {scores}; `memnet score` makes one.")
    keep_inputs([out / "frames.csv", out / "clips.csv"], [scores])
    result = sorting.sort_frames(read_table(scores), pattern=pattern)
    for name, table in (("frames.csv", result.frames), ("clips.csv", result.clips)):
        write_text(out / name, to_csv_text(table))
    say_some(result.set_aside, "set aside as well")
    failed = result.frames["image_id"][result.frames["score"].isna()]
    say_some(
        [f"{image_id}: could not be scored" for image_id in failed], "without a score in frames.csv"
    )
    n_clips = result.clips["clip"].nunique()
    aside = f", {len(result.set_aside):,} set aside" if result.set_aside else ""
    say(
        f"{result.frames['image_id'].nunique():,} frames of {n_clips:,} clip"
        f"{'' if n_clips == 1 else 's'}{aside} -> {out / 'frames.csv'}, {out / 'clips.csv'}"
    )
    if result.warning:
        say(result.warning)
    say(sorting.STILL_IMAGES)
    if result.set_aside or len(failed):
        raise typer.Exit(1)

"""What the commands say on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memnet.data.score_columns import FAILED
from memnet.util.messages import say
from memnet.util.paths import command_text

if TYPE_CHECKING:
    from memnet.data.inputs import Inputs
    from memnet.scoring.runner import Summary

_LISTED = 50


def say_some(sentences: Sequence[str], where: str, most: int = 10) -> None:
    """Print the first sentences to stderr, and how many more there are and where."""
    for sentence in sentences[:most]:
        say(sentence)
    if len(sentences) > most:
        say(f"... and {len(sentences) - most:,} more, {where}")


def command_line() -> str:
    """Return the command as typed, without the folder that the program lies in."""
    program = Path(sys.argv[0]).name
    words = ["python", "-m", "memnet"] if program == "__main__.py" else [program]
    return command_text([*words, *sys.argv[1:]])


def say_ignored(inputs: Inputs) -> None:
    """Say how many files were no pictures, by their ending."""
    from memnet.data.containers import CONTAINER_SUFFIXES
    from memnet.data.contents import HIDDEN_FOLDERS
    from memnet.preprocess.video import VIDEO_SUFFIXES

    for suffix, count in sorted(inputs.ignored.items()):
        if suffix == HIDDEN_FOLDERS:
            say(f"passed over {count} hidden folder(s)")
            continue
        hint = "; `memnet score --fps` takes videos" if suffix in VIDEO_SUFFIXES else ""
        if suffix in CONTAINER_SUFFIXES:
            hint = "; to score the pictures in one, name the file itself"
        say(f"ignored {count} file(s) that are no pictures ({suffix}){hint}")


def say_if_misspelt(dataset: str) -> None:
    """Doubt the name of a data set that memnet does not know, but one that is nearly the same."""
    from memnet.data.contamination import nearly_known

    for name, near in nearly_known(dataset).items():
        say(
            f"memnet knows no data set {name!r}; if you mean {near!r}, say so: else whether "
            "a model was trained on these pictures cannot be told"
        )


def say_unreadable(inputs: Inputs) -> None:
    """Say which folders could not be listed, and which files have names that no table can hold."""
    for place in inputs.unreadable:
        say(f"not read: {place}")


def say_unread(inputs: Inputs, failed: Sequence[str], where: str) -> None:
    """Say what a command could not take, at its end: no pictures, unread ones, failures.

    Parameters
    ----------
    failed : a sentence each; the first fifty are said.
    where : where all of them stand.
    """
    say_ignored(inputs)
    say_unreadable(inputs)
    say_some(failed, where, _LISTED)


def _folder_of(file: Path) -> Path:
    return Path(os.path.abspath(file)).parent


def report_failures(inputs: Inputs, summary: Summary, out: Path | None) -> None:
    """Say what was scored, what was not and why, and where the table is."""
    from memnet.data.remote import is_address

    say_ignored(inputs)
    say_unreadable(inputs)
    for note in inputs.notes:
        say(note)
    for row in summary.failed[:_LISTED]:
        say(f"{row.path or row.image_id}: {row.warning.removeprefix(FAILED)}")
    if len(summary.failed) > _LISTED:
        say(f"... and {len(summary.failed) - _LISTED} more: see the warning column")
    gone = [row.path for row in summary.failed if row.path and not os.path.exists(row.path)]
    if not all(map(is_address, gone)):
        for manifest in inputs.manifests:
            say(f"the paths of {manifest} are looked for from its folder, {_folder_of(manifest)}")
    done = summary.scored - len(summary.failed)
    rate = f", {summary.scored / summary.seconds:.1f} pictures/s" if summary.seconds > 0 else ""
    before = f", {summary.already} were scored before" if summary.already else ""
    cached = f", {summary.cached} of them from the score cache" if summary.cached else ""
    failed = f", {len(summary.failed)} failed" if summary.failed else ""
    if summary.kept:
        say(
            f"{summary.kept} row(s) of earlier runs, of other pictures or models, stay in the table"
        )
    if summary.dropped:
        say(
            f"{summary.dropped} row(s) of frames, boxes or pictures that a video, table or "
            "archive, changed since, no longer has were taken out of the table"
        )
    say_some(summary.outdated, "of other files or models")
    if summary.changed:
        say(f"{summary.changed} picture(s) changed since they were scored, and were scored again")
    where = f" -> {out}" if out else ""
    if len(inputs.table_rows) > len(inputs.items):  # as of trials
        where = f" ({len(inputs.table_rows):,} rows of {len(inputs.items):,} pictures){where}"
    say(f"{done} scored{rate if done else ''}{cached}{before}{failed}{where}")

"""Whether tables that are merged were scored from one version of each file."""

from __future__ import annotations

import os
from collections.abc import Sequence

from memnet.data.containers import is_container
from memnet.errors import MemnetError
from memnet.scoring.score_file import ScoreFile, shard_of
from memnet.scoring.table import Row
from memnet.util.file_stamps import stamp_file
from memnet.util.text import shorten_list


def check_versions(tables: Sequence[ScoreFile]) -> list[str]:
    """Compare the sizes and times that archives, videos and plain files had in each table.

    They are told by their paths, and pictures also by their ids, since another computer may see one
    at another path. Rows that failed play no part: they are tried again.

    Returns
    -------
    list
        a sentence, where files have one size and several times, as copies on other computers may.

    Raises
    ------
    MemnetError
        if a file had two sizes: then it was replaced between the runs, and the table would mix its
        old pictures with its new ones. If two pictures have one id, by whatever models.
    """
    first: dict[str, tuple[str, ScoreFile]] = {}
    pictures: dict[str, tuple[Row, str, ScoreFile]] = {}
    folders: dict[str, str] = {}  # -> the container that it is or lies in, "" if none
    retimed: dict[str, None] = {}
    seen_in: dict[str, None] = {}
    for table in tables:
        for key, row in table.rows.items():
            if key not in table.stamps or row.score is None:
                continue
            folder = os.path.dirname(row.path)
            if folder not in folders:
                folders[folder] = _container(folder)
            file = folders[folder] or row.path
            stamp = " ".join(table.stamps[key].split()[:2])  # a box follows
            known, earlier = first.setdefault(file, (stamp, table))
            if stamp != known:
                _refuse_other_size(file, (known, earlier), (stamp, table))
                retimed[file] = None
                seen_in |= dict.fromkeys((str(earlier.out), str(table.out)))
            before, known, earlier = pictures.setdefault(row.image_id, (row, stamp, table))
            if before.path != row.path and known != stamp:
                _refuse_another_picture((before, known, earlier), (row, stamp, table))
                retimed[row.path] = None
                seen_in |= dict.fromkeys((str(earlier.out), str(table.out)))
    if not retimed:
        return []
    return [
        f"{shorten_list(retimed)} had one size but several times when {shorten_list(seen_in)} were "
        "made: if that is no copy of one file but another version, run their commands again, then "
        "merge"
    ]


def _refuse_other_size(file: str, one: tuple[str, ScoreFile], other: tuple[str, ScoreFile]) -> None:
    sizes = [int(stamp.split()[0]) for stamp, _ in (one, other)]
    if sizes[0] == sizes[1]:
        return
    if one[1] is other[1]:
        raise MemnetError(
            f"{one[1].out} has scores of two versions of {file} (of {sizes[0]:,} and {sizes[1]:,} "
            "bytes), which was replaced between its runs; run its command again with another "
            "--out, then merge."
        )
    now = str(stamp_file(file) or "")  # "" on another computer
    if now in (one[0], other[0]):
        outdated, why = (other if now == one[0] else one)[1], "which is no longer there"
    else:
        older = min(one, other, key=lambda version: int(version[0].split()[1]))
        outdated, why = older[1], "by its time the older"
    shard = shard_of(outdated.sidecar)
    again = f"shard {shard[0]}/{shard[1]} again" if shard else "its command again"
    raise MemnetError(
        f"{one[1].out} has scores of {file} when it had {sizes[0]:,} bytes, and {other[1].out} "
        f"when it had {sizes[1]:,}: it was replaced between the runs; {outdated.out} is of the "
        f"version {why}: run {again}, then merge. (Two files of one path: score them from their "
        "common folder.)"
    )


def _refuse_another_picture(
    one: tuple[Row, str, ScoreFile], other: tuple[Row, str, ScoreFile]
) -> None:
    if one[1].split()[0] != other[1].split()[0]:
        raise MemnetError(
            f"{one[2].out} has a score of {one[0].image_id!r} from {one[0].path}, and "
            f"{other[2].out} from {other[0].path}, which had another size: these are two pictures "
            "with one image_id; score them from their common folder."
        )


def _container(folder: str) -> str:
    """Return the container that a path leads into, by its letters: it may be on another computer.

    A folder of such a name is none.
    """
    while folder and not (is_container(folder) and not os.path.isdir(folder)):
        parent = os.path.dirname(folder)
        folder = "" if parent == folder else parent
    return folder

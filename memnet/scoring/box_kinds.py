"""Which boxes of the pictures a score table is of, as its sidecar says.

A row of a table of boxes says its box by its number in the user's table alone: nobody could tell
crops of 90 pixels from those of 50 beside them, or one list of boxes from another.
"""

from __future__ import annotations

from collections.abc import Sequence

from memnet.errors import MemnetError
from memnet.scoring.score_file import ScoreFile

BOXES = "boxes"
"""Of a sidecar: the option that says which boxes; "" for whole pictures."""


def boxes_of(table: ScoreFile) -> str:
    """Return the option that says which boxes a table is of; "" for whole pictures."""
    return str(table.sidecar.get(BOXES, ""))


def declare_boxes(table: ScoreFile, boxes: str) -> None:
    """Say which boxes of the pictures a run scores.

    Raises
    ------
    MemnetError
        if the table is of others.
    """
    before = boxes_of(table)
    if table.sidecar["models"] and before != boxes:
        raise MemnetError(
            f"{table.out} holds scores of {_name(before)}, and this run is of {_name(boxes)}; "
            "choose another --out."
        )
    table.sidecar[BOXES] = boxes


def refuse_different_boxes(tables: Sequence[ScoreFile], *, is_one_list: bool) -> None:
    """Raise ``MemnetError`` where tables are of different boxes, or shards of different lists."""
    first = tables[0]
    for table in tables:
        if boxes_of(table) != boxes_of(first):
            raise MemnetError(
                f"{first.out} holds scores of {_name(boxes_of(first))}, and {table.out} of "
                f"{_name(boxes_of(table))}; merge only tables of one kind."
            )
    if boxes_of(first) and not is_one_list:
        raise MemnetError(
            "The shards were not made of one list of boxes (the table changed between the runs), "
            "and a box may be in none or in two of them; run all shards again, each with a new "
            "--out."
        )


def _name(boxes: str) -> str:
    return f"boxes ({boxes})" if boxes else "whole pictures"

"""Boxes of pictures in a table: crops round fixations, faces, objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from memnet.errors import MemnetError
from memnet.preprocess.decode import Box

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class BoxColumns:
    """Which columns of a table have a box of each row's picture, in pixels.

    Attributes
    ----------
    columns : left, top, right, bottom; or x and y of the centre, width, height, where the last two
        may be a number of pixels for all rows instead of a column.
    centre : whether it is the latter.
    """

    columns: tuple[str, ...]
    centre: bool

    @classmethod
    def parse(cls, *, box_columns: str = "", centre_columns: str = "") -> BoxColumns | None:
        """Read ``"left,top,right,bottom"`` or ``"x,y,width,height"``; None where neither is given.

        Raises
        ------
        MemnetError
            if both are given, or not four.

        Examples
        --------
        >>> str(BoxColumns.parse(centre_columns="x, y, 100, 100"))
        '--centre-columns x,y,100,100'
        """
        if not (box_columns or centre_columns):
            return None
        if box_columns and centre_columns:
            raise MemnetError(
                "--box-columns and --centre-columns are two ways to say where the boxes are; give "
                "one."
            )
        columns = tuple(part.strip() for part in (box_columns or centre_columns).split(","))
        given = cls(columns, bool(centre_columns))
        if len(columns) != 4 or "" in columns:
            wanted = "x,y,width,height" if given.centre else "left,top,right,bottom"
            raise MemnetError(f"{given} must name four columns, {wanted}, with commas between.")
        return given

    def __str__(self) -> str:
        option = "--centre-columns" if self.centre else "--box-columns"
        return f"{option} {','.join(self.columns)}"

    def read(self, frame: pd.DataFrame, source: Path | str) -> list[Box]:
        """Return the box of each row of a table; an edge is NaN where a cell is no number.

        Raises
        ------
        MemnetError
            if a column is missing, or its numbers can be read in two ways.
        """
        first, second, third, fourth = (
            self._numbers(frame, place, source) for place in range(len(self.columns))
        )
        edges = (first, second, third, fourth)
        if self.centre:
            left, top = first - third / 2, second - fourth / 2
            edges = (left, top, left + third, top + fourth)
        return [(row[0], row[1], row[2], row[3]) for row in np.column_stack(edges).tolist()]

    def _numbers(self, frame: pd.DataFrame, place: int, source: Path | str) -> np.ndarray:
        # Here: a folder of pictures needs no pandas.
        from memnet.data.numbers import to_numbers
        from memnet.data.tables import has_column, require_column

        column = self.columns[place]
        size = _pixels(column) if self.centre and place >= 2 else None
        if size is not None and not has_column(frame, column, source):
            return np.full(len(frame), size)
        if _is_number(column) and not has_column(frame, column, source):
            raise MemnetError(
                f"{self}: {column} is a number, and no column of {source} is called so; only width "
                "and height of --centre-columns may be numbers, above 0."
            )
        require_column(frame, column, source)
        return to_numbers(frame[column], str(source))


def _pixels(text: str) -> float | None:
    """Read a number of pixels; None for the name of a column."""
    number = float(text) if _is_number(text) else 0.0
    return number if 0 < number < float("inf") else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

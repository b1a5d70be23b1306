"""An old column of scores as it was written: the text of each cell, not only its number.

How many decimals were written says how much a number can tell: 0.7 in a column of two decimals is
anything from 0.695 to 0.705 (a spreadsheet drops the zero at the end).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

import numpy as np
import pandas as pd

from memnet.data.matching import match_ids
from memnet.data.numbers import to_numbers
from memnet.data.score_rows import ScoreRows, read_score_rows
from memnet.data.tables import TableInput, name_of, read_table_any
from memnet.errors import MemnetError
from memnet.util.text import shorten_list

FULL_PRECISION = 12
"""A column with this many decimals or more was not rounded."""

_WHOLE = (0.0, 1.0, 100.0)  # what clamped scores are; their zeros at the end are often lost
_LOST_ZEROS = 0.2  # share of shorter rows that lost zeros explain; one number in ten ends in 0


@dataclass(frozen=True, kw_only=True)
class OldColumn:
    """A column of scores, clean.

    Attributes
    ----------
    source : the file.
    name : the column.
    ids : the pictures' ids, ``N``, each once.
    texts : the cells as they were written.
    values : float64 ``(N,)``, finite.
    set_aside : a sentence for each row that could not be used.
    assumed : sentences on what the file was taken to be.
    doubts : sentences on numbers that are used, and may stand for missing values.
    path : the file as it was given; "" for a DataFrame.
    id_column : the column of ids.
    """

    source: str
    name: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    values: np.ndarray
    set_aside: tuple[str, ...]
    assumed: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    path: str = ""
    id_column: str = "image_id"

    def take(self, rows: Sequence[int]) -> OldColumn:
        """Return the column with these rows only, in this order."""
        return replace(
            self,
            ids=tuple(self.ids[row] for row in rows),
            texts=tuple(self.texts[row] for row in rows),
            values=self.values[np.asarray(rows, dtype=int)],
        )


def read_old_column(
    table: TableInput, id_column: str = "image_id", score_column: str = "score"
) -> OldColumn:
    """Read one column of an old table (a file or a DataFrame), or of a score table of memnet's.

    Rows that :func:`memnet.data.score_rows.read_score_rows` finds unusable, or with a second and
    other number for one id, are set aside, each with a sentence; a row that says the same again is
    counted once.

    Raises
    ------
    MemnetError
        if the file or a column is missing, the table holds several models, or no row is usable.
    """
    source = name_of(table)
    frame = read_table_any(table)
    rows = read_score_rows(frame, column=score_column, id_column=id_column, source=source)
    _refuse_several_models(frame, rows)
    set_aside = rows.set_aside()
    per_id = rows.one_value_per_id()
    usable = rows.usable
    for place in np.flatnonzero(per_id.differing):
        values = dict.fromkeys(rows.values[usable & (per_id.place == place)].tolist())
        set_aside.append(
            f"{source}: {per_id.ids[place]} has {len(values)} different values of {score_column} "
            f"({shorten_list(values, 3)}), so none is used"
        )
    kept = usable & ~np.isin(per_id.place, np.flatnonzero(per_id.differing))
    repeats = pd.Series(np.where(kept, per_id.place, -1)).duplicated().to_numpy(dtype=bool) & kept
    if repeats.any():
        count = int(repeats.sum())
        repeat = "1 row repeats" if count == 1 else f"{count:,} rows repeat"
        set_aside.append(f"{source}: {repeat} the id and score of an earlier row")
    rows.require_usable()
    kept &= ~repeats
    if not kept.any():
        raise MemnetError(f"{source} has no usable row: {set_aside[0]}.")
    return OldColumn(
        source=source,
        name=score_column,
        ids=tuple(rows.ids[kept]),
        texts=tuple(rows.texts[kept]),
        values=rows.values[kept],
        set_aside=tuple(set_aside),
        assumed=rows.assumed,
        doubts=tuple(rows.doubts()),
        path="" if isinstance(table, pd.DataFrame) else os.fspath(table),
        id_column=id_column,
    )


def _refuse_several_models(frame: pd.DataFrame, rows: ScoreRows) -> None:
    names = [name for name in ("model", "variant") if name in frame.columns]
    if not names or not pd.Series(rows.ids).duplicated().any():
        return
    models = frame[names].drop_duplicates()
    if len(models) > 1:
        listed = shorten_list(
            [" ".join(filter(None, model)) for model in models.itertuples(index=False)]
        )
        raise MemnetError(
            f"{rows.source} holds scores of {len(models)} models ({listed}); keep the rows of one."
        )


def decimals(text: str) -> int:
    """Return the number of decimals a cell was written with: 2 of ``0.70``, 4 of ``1.5e-3``.

    Sixteen digits that are a shorter number but for the last (71.23400000000001, the mark of a
    multiplication by 100) count as that shorter number. Text that is no number has 0.
    """
    try:
        written = Decimal(text.strip().replace(",", "."))
        digits, exponent = written.as_tuple().digits, written.as_tuple().exponent
        if not isinstance(exponent, int):
            return 0
        if len(digits) >= 15:
            shorter = Decimal(f"{written:.12e}").normalize()
            if len(shorter.as_tuple().digits) <= 9:
                exponent = int(shorter.as_tuple().exponent)
    except InvalidOperation:
        return 0
    return max(0, -exponent)


def written_decimals(texts: Sequence[str]) -> tuple[int, np.ndarray]:
    """Return how many decimals a column was written with, and the rounding step of each row.

    The column's decimals are those that most rows have; cells that are exactly 0, 1 or 100 have no
    say, and a column of nothing else counts as not rounded. A row with fewer has lost zeros at its
    end and counts as the others; but where more than a fifth of the rows have fewer, that is no
    accident (one number in ten ends in 0), and they keep their own, coarser step. A row with more
    (a column of so many significant digits, a cell from elsewhere) keeps its own, finer step.

    Returns
    -------
    decimals, steps : int; float64 ``(N,)``, 0.01 for a row of two decimals.
    """
    each = np.array([decimals(text) for text in texts], dtype=int)
    numbers = to_numbers(pd.Series(list(texts), dtype=object))
    whole = np.isin(numbers, _WHOLE)
    if whole.all():
        return FULL_PRECISION, np.full(len(each), 10.0**-FULL_PRECISION)
    telling = Counter(each[~whole].tolist())
    most = max(telling.values())
    common = max(count for count, rows in telling.items() if rows == most)
    coarser = ~whole & (each < common)
    if coarser.sum() > _LOST_ZEROS * (~whole).sum():
        return common, 10.0 ** -np.where(coarser, each, np.maximum(each, common)).astype(np.float64)
    return common, 10.0 ** -np.maximum(each, common).astype(np.float64)


def match_pictures(
    column: OldColumn, image_ids: Sequence[str], rule: str = "exact"
) -> tuple[dict[str, str], list[str]]:
    """Find the pictures of a column by their ids; see :func:`memnet.data.matching.match_ids`.

    Returns
    -------
    ids, sentences
        a picture's id -> the column's for it; what to change so that more agree.

    Raises
    ------
    MemnetError
        if no id agrees; it says what would.
    """
    match = match_ids(
        column.ids, image_ids, left_name=column.source, right_name="the pictures", rule=rule
    )
    match.require_any()
    sentences = [*filter(None, [match.note]), *match.sentences()]
    if match.left_only:
        sentences.append(
            f"{len(match.left_only):,} of {len(column.ids):,} ids have no picture of that name: "
            f"{shorten_list(match.left_only)}"
        )
    return match.partners, sentences

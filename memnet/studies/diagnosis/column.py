"""An old column of scores as it was written: the text of each cell, not only its number.

How many decimals were written says how much a number can tell: 0.7 in a column of two decimals is
anything from 0.695 to 0.705 (a spreadsheet drops the zero at the end).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
import pandas as pd

from memnet.data.id_suggestions import near_misses, nearest_rule, unclear
from memnet.data.tables import (
    MISSING_CODES,
    as_text,
    read_table_any,
    require_column,
    to_numbers,
)
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
    """

    source: str
    name: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    values: np.ndarray
    set_aside: tuple[str, ...]

    def take(self, rows: Sequence[int]) -> OldColumn:
        """Return the column with these rows only, in this order."""
        return OldColumn(
            source=self.source,
            name=self.name,
            ids=tuple(self.ids[row] for row in rows),
            texts=tuple(self.texts[row] for row in rows),
            values=self.values[np.asarray(rows, dtype=int)],
            set_aside=self.set_aside,
        )


def read_old_column(
    path: str | os.PathLike[str], id_column: str = "image_id", score_column: str = "score"
) -> OldColumn:
    """Read one column of an old table, or of a score table that memnet wrote.

    Rows without an id, without a number, with a usual code for a missing value (-999, 9999 ...)
    far outside the other numbers, or with a second and other number for one id are set aside, each
    with a sentence; a row that says the same again is counted once.

    Raises
    ------
    MemnetError
        if the file or a column is missing, the table holds several models, or no row is usable.
    """
    source = str(path)
    frame = read_table_any(Path(path))
    for wanted in (id_column, score_column):
        require_column(frame, wanted, source)
    frame.index = pd.RangeIndex(2, len(frame) + 2)  # as a spreadsheet counts: the header is row 1
    ids = as_text(frame[id_column])
    _refuse_several_models(frame, ids, source)
    texts = as_text(frame[score_column]).str.strip()
    values = to_numbers(frame[score_column])
    nameless = (ids.str.strip() == "").to_numpy(dtype=bool)
    bad = np.isnan(values) | nameless | _coded_missing(values)
    set_aside = [
        f"{source}, row {row}: {id_column} is missing"
        if no_id
        else f"{source}, row {row} ({image_id}): {score_column} is {_not_usable(text)}"
        for row, image_id, text, no_id in zip(
            frame.index[bad], ids[bad], texts[bad], nameless[bad], strict=True
        )
    ]
    differing = _differing(ids[~bad], values[~bad])
    for image_id, numbers in differing.items():
        set_aside.append(
            f"{source}: {image_id} has {len(numbers)} different values of {score_column} "
            f"({shorten_list(numbers, 3)}), so none is used"
        )
    again = (ids[~bad].duplicated() & ~ids[~bad].isin(list(differing))).sum()
    if again:
        rows = "1 row repeats" if again == 1 else f"{again:,} rows repeat"
        set_aside.append(f"{source}: {rows} the id and score of an earlier row")
    usable = ~bad & ~ids.isin(list(differing)).to_numpy(dtype=bool)
    usable &= ~ids.where(usable, other=pd.NA).duplicated().to_numpy(dtype=bool)
    if not usable.any():
        first = f" (the first is {_not_usable(texts.iloc[0])})" if len(texts) else " (no rows)"
        raise MemnetError(f"{source} has no usable number in column {score_column!r}{first}.")
    return OldColumn(
        source=source,
        name=score_column,
        ids=tuple(ids[usable]),
        texts=tuple(texts[usable]),
        values=values[usable],
        set_aside=tuple(set_aside),
    )


def _coded_missing(values: np.ndarray) -> np.ndarray:
    """Whether each number is a usual code for a missing value, far outside all others."""
    coded: np.ndarray = np.isin(values, MISSING_CODES)
    others = values[~coded & np.isfinite(values)]
    if len(others) == 0:
        return coded
    low, high, width = others.min(), others.max(), np.ptp(others)
    far: np.ndarray = coded & ((values < low - width) | (values > high + width))
    return far


def _not_usable(text: str) -> str:
    if not text:
        return "missing"
    share = text.removesuffix("%").strip()
    if share != text and np.isfinite(number := to_numbers(pd.Series([share], dtype=object))[0]):
        return f"{text!r}, no number: write {share} or {number / 100:.{decimals(share) + 2}f}"
    if np.isfinite(to_numbers(pd.Series([text], dtype=object))[0]):
        return f"{text!r}, a usual code for a missing value"
    return f"{text!r}, no number"


def _refuse_several_models(frame: pd.DataFrame, ids: pd.Series, source: str) -> None:
    names = [name for name in ("model", "variant") if name in frame.columns]
    if not names or not ids.duplicated().any():
        return
    models = frame[names].drop_duplicates()
    if len(models) > 1:
        listed = shorten_list(
            [" ".join(filter(None, row)) for row in models.itertuples(index=False)]
        )
        raise MemnetError(
            f"{source} holds scores of {len(models)} models ({listed}); keep the rows of one."
        )


def _differing(ids: pd.Series, values: np.ndarray) -> dict[str, list[float]]:
    by_id = pd.Series(values, index=ids.to_numpy(dtype=object))
    repeated = by_id[by_id.index.duplicated(keep=False)]
    return {
        str(image_id): numbers.unique().tolist()
        for image_id, numbers in repeated.groupby(level=0, sort=False)
        if numbers.nunique() > 1
    }


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


def match_pictures(column: OldColumn, image_ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """Find the pictures of a column: ids that agree letter for letter, file ending included.

    Returns
    -------
    ids, sentences
        the ids that both have, in the pictures' order; what to change so that more agree.

    Raises
    ------
    MemnetError
        if no id agrees; it says what would.
    """
    known, there = set(column.ids), set(image_ids)
    shared = [image_id for image_id in image_ids if image_id in known]
    alone = [image_id for image_id in column.ids if image_id not in there]
    left = [image_id for image_id in image_ids if image_id not in known]
    several = _several(alone, left)
    if not shared:
        how, count = nearest_rule(alone, left)
        hint = f" {count:,} would agree {how}: change the column so." if count else ""
        raise MemnetError(
            f"No id of {column.source} is that of a picture: ids must agree letter for letter, "
            f"file ending included, and here they look like {column.ids[0]!r} and "
            f"{image_ids[0]!r}.{hint or ' Is --id-column right?'}{several and ' ' + several}"
        )
    sentences = []
    for how, count, mine, picture in near_misses(alone, left):
        sentences.append(
            f"{_ids(count)} of {column.source} would agree with a picture {how} ({mine!r} and "
            f"{picture!r}) and {'is' if count == 1 else 'are'} left out: write the picture's id"
        )
    if several:
        sentences.append(several)
    if alone:
        sentences.append(
            f"{len(alone):,} of {len(column.ids):,} ids have no picture of that name: "
            f"{shorten_list(alone)}"
        )
    return shared, sentences


def _several(alone: Sequence[str], pictures: Sequence[str]) -> str:
    """Name ids that are the bare name of more than one picture."""
    ambiguous = unclear(alone, pictures)
    if not ambiguous:
        return ""
    first, found = next(iter(ambiguous.items()))
    return (
        f"{_ids(len(ambiguous))} could each be several pictures, for example {first!r}: "
        f"{shorten_list(found, 3)}; write the path within the folder as the id."
    )


def _ids(count: int) -> str:
    return "1 id" if count == 1 else f"{count:,} ids"

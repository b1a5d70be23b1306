"""Human scores that are two classes (memorable or not), as 1 and 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from memnet.data.columns import Scores, read_column
from memnet.data.matching import has_classes
from memnet.data.missing import EMPTY_CELLS, find_missing_codes
from memnet.data.numbers import as_text, to_numbers
from memnet.data.tables import TABLE_GIVEN, TableInput, frame_and_name, require_column
from memnet.errors import MemnetError
from memnet.util.text import quoted, shorten_list


@dataclass(frozen=True)
class Classes:
    """What the two classes are called where they come from."""

    positive: str
    negative: str


def read_truth(
    table: TableInput, *, column: str, id_column: str, positive: str = ""
) -> tuple[Scores, Classes | None]:
    """Read the human scores, and two classes as 1 and 0 where ``positive`` says which is which.

    Parameters
    ----------
    table, column, id_column : as for :func:`memnet.data.columns.read_column`.
    positive : what the class of the memorable pictures is called; "" for scores.

    Returns
    -------
    tuple
        the scores, and what the classes are called; None where ``positive`` is "".

    Raises
    ------
    MemnetError
        as ``read_column``; also where the column holds two words, and nobody says which of them is
        the memorable class, or where ``positive`` is none of two classes.

    Examples
    --------
    >>> table = pd.DataFrame({"image_id": ["a", "b", "c"], "class": ["H", "L", ""]})
    >>> scores, classes = read_truth(table, column="class", id_column="image_id", positive="H")
    >>> scores.by_id.to_dict(), classes
    ({'a': 1.0, 'b': 0.0}, Classes(positive='H', negative='L'))
    """
    frame, source = frame_and_name(table, TABLE_GIVEN)
    require_column(frame, column, source)
    words = _words(frame[column], source)
    distinct = sorted(set(words) - {""})
    if not positive:
        if len(distinct) == 2 and not any(map(_is_number, distinct)):
            first, second = map(quoted, distinct)
            raise MemnetError(
                f"Column {column!r} of {source} holds two classes, {first} and {second}: say which "
                f"of them is the memorable one (--positive {distinct[0]} or --positive "
                f"{distinct[1]})."
            )
        return read_column(frame, column=column, id_column=id_column, source=source), None
    if len(distinct) != 2:
        raise MemnetError(
            f"--positive {positive} is for a column with two classes, and {column!r} of {source} "
            f"holds {len(distinct):,} different values ({shorten_list(map(quoted, distinct), 3)}); "
            "leave --positive out if they are scores."
        )
    named = _canonical(positive)
    if named not in distinct:
        first, second = map(quoted, distinct)
        raise MemnetError(
            f"Column {column!r} of {source} holds the classes {first} and {second}, and --positive "
            f"{positive} is neither of them."
        )
    (other,) = set(distinct) - {named}
    coded = frame.copy(deep=False)
    coded[column] = [{named: "1", other: "0"}.get(word, "") for word in words]
    coded.attrs = dict(frame.attrs)
    scores = read_column(coded, column=column, id_column=id_column, source=source)
    return scores, Classes(named, other)


def classes_of(truth: np.ndarray, named: Classes | None) -> Classes | None:
    """Return the classes of the pictures that are compared; None where the truth is scores.

    Parameters
    ----------
    truth : float64 ``(N,)``.
    named : what :func:`read_truth` found.
    """
    if named is not None:
        return named
    return Classes("1", "0") if has_classes(truth) else None


def _words(cells: pd.Series, source: str) -> list[str]:
    """Return each cell's class, "" where it is missing; 1 and 1.0 are one class."""
    texts = as_text(cells).str.strip().tolist()
    coded = find_missing_codes(to_numbers(cells, source))
    return [
        "" if missing or text.lower() in EMPTY_CELLS else _canonical(text)
        for text, missing in zip(texts, coded.tolist(), strict=True)
    ]


def _canonical(text: str) -> str:
    text = text.strip()
    return f"{float(text):.12g}" if _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False

"""Tables with one row a trial: who saw which picture, whether it was old, and what they answered.

Two columns have two values each, and are read by the words that people use for them (``1``,
``yes``, ``old``, ...). Words of other kinds must be explained (``yes=["j"]``), and so must empty
answers, which can mean "no" or "nobody knows": nothing is guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from memnet.data.numbers import as_text
from memnet.data.tables import (
    TABLE_GIVEN,
    TableInput,
    assumed_of,
    broken_rows,
    frame_and_name,
    require_column,
)
from memnet.errors import MemnetError
from memnet.util.paths import command_text
from memnet.util.text import abridged, quoted, shorten_list

YES = ("1", "yes", "y", "true", "old", "seen", "repeat", "repeated", "target")
NO = ("0", "no", "n", "false", "new", "unseen", "first", "lure", "foil")
"""How two-valued columns are written; letter case and ``.0`` make no difference."""

EmptyAnswers = Literal["", "no", "leave out"]


@dataclass(frozen=True, kw_only=True)
class Trials:
    """T trials of P participants with N pictures.

    Attributes
    ----------
    participants, pictures : their ids, sorted.
    who, what : int ``(T,)``, places among these.
    old : bool ``(T,)``, whether the picture had been shown to the participant before.
    yes : bool ``(T,)``, whether the participant said that it had.
    flag : bool ``(T,)``, whether it is a vigilance trial; all False where there is no such column.
    source : the table.
    rows : rows that the table had.
    set_aside : a sentence for each kind of rows that could not be used.
    assumed : sentences on how the table was read.
    doubles : rows, of those that are used, that are the same in every column as an earlier one.
    """

    participants: list[str]
    pictures: list[str]
    who: Any
    what: Any
    old: Any
    yes: Any
    flag: Any
    source: str
    rows: int
    set_aside: tuple[str, ...]
    assumed: tuple[str, ...]
    doubles: int


@dataclass(frozen=True, kw_only=True)
class Codebook:
    """What the columns of a table of trials are, and what their values mean.

    Attributes
    ----------
    participant, picture : the columns with their ids.
    response : the column that says whether the participant called the picture old (seen before).
    correct : instead, the column that says whether the answer was right; it needs ``old``.
    old : the column that says whether the picture was old; "" where all trials are of old pictures.
    vigilance : the column that marks trials which only show whether a participant paid attention.
    yes : values of ``response`` (or ``correct``), texts or numbers, that mean yes, or one such
        value; all others then mean no. By default the words of :data:`YES` and :data:`NO`.
    empty : what an empty answer means: ``"no"`` (nothing was pressed) or ``"leave out"``.

    Raises
    ------
    MemnetError
        if there is not one of ``response`` and ``correct``, or ``correct`` without ``old``; if
        ``empty`` is something else.
    """

    participant: str
    picture: str
    response: str = ""
    correct: str = ""
    old: str = ""
    vigilance: str = ""
    yes: Sequence[object] | str | float = ()
    empty: EmptyAnswers = ""

    def __post_init__(self) -> None:
        if self.empty not in ("", "no", "leave out"):
            raise MemnetError(
                f"empty is {self.empty!r}; an empty answer means 'no' (nothing was pressed) or "
                "'leave out' (nobody knows)."
            )
        if bool(self.response) == bool(self.correct):
            raise MemnetError(
                "Say either which column has the answers (--response: was the picture called old?) "
                "or which says whether they were right (--correct)."
            )
        if self.correct and not self.old:
            raise MemnetError(
                f"Column {self.correct!r} says whether answers were right; to know what was "
                "answered, the column that says which pictures were old is needed, too (--old)."
            )

    @property
    def answer(self) -> str:
        """The column with the answers, of either kind."""
        return self.response or self.correct

    @property
    def columns(self) -> list[str]:
        """All columns that are read."""
        given = (self.participant, self.picture, self.answer, self.old, self.vigilance)
        return [column for column in given if column]


def read_trials(table: TableInput, codebook: Codebook, *, source: str = TABLE_GIVEN) -> Trials:
    """Read a table of trials.

    Parameters
    ----------
    table : CSV, TSV, Excel, Parquet, or a DataFrame, which ``source`` names.
    codebook : its columns.

    Raises
    ------
    MemnetError
        if a column is missing, holds values that cannot be read, or answers are empty and
        ``empty`` does not say what that means; if no trial is left.

    Examples
    --------
    >>> table = pd.DataFrame({"p": [1, 1, 2], "image": list("aba"), "said": ["old", "new", "old"]})
    >>> codebook = Codebook(participant="p", picture="image", response="said")
    >>> trials = read_trials(table, codebook)
    >>> trials.participants, trials.pictures, trials.yes.tolist()
    (['1', '2'], ['a', 'b'], [True, False, True])
    """
    frame, source = frame_and_name(table, source)
    for column in codebook.columns:
        require_column(frame, column, source)
    people, shown = (_ids(frame[name]) for name in (codebook.participant, codebook.picture))
    set_aside = list(broken_rows(frame))
    assumed = list(assumed_of(frame))
    usable = np.ones(len(frame), dtype=bool)
    for column, ids in ((codebook.participant, people), (codebook.picture, shown)):
        usable &= _present(ids, f"{source}: {{}} row(s) have no id in column {column!r}", set_aside)
    was_old = np.ones(len(frame), dtype=bool)
    if old := codebook.old:
        cells = _cells(frame[old])
        usable &= _present(
            cells, f"{source}: {{}} row(s) have nothing in column {old!r}", set_aside
        )
        was_old = _two_valued(cells, old, source, usable)
    flag = np.zeros(len(frame), dtype=bool)
    if vigilance := codebook.vigilance:
        flag = _two_valued(_cells(frame[vigilance]), vigilance, source, usable, blank_is_no=True)
    called_old, usable = _called_old(frame, codebook, was_old, usable, source, assumed)
    if not usable.any():
        raise MemnetError(f"{source} has no trial that can be used.")
    who, participants = pd.factorize(people[usable], sort=True)
    what, pictures = pd.factorize(shown[usable], sort=True)
    return Trials(
        participants=list(map(str, participants)),
        pictures=list(map(str, pictures)),
        who=who,
        what=what,
        old=was_old[usable],
        yes=called_old[usable],
        flag=flag[usable],
        source=source,
        rows=len(frame) + len(broken_rows(frame)),
        set_aside=tuple(set_aside),
        assumed=tuple(assumed),
        doubles=_doubles(frame[usable]),  # rows that are left out are told of as such
    )


def read_answers(path: Path) -> pd.DataFrame:
    """Read ``answers.parquet`` of `memnet responses`: participant, image_id, old, yes.

    Raises
    ------
    MemnetError
        if it is missing or something else.
    """
    try:
        frame = pd.read_parquet(path)
        answers = frame[["participant", "image_id", "old", "yes"]]
        return answers.astype({"participant": str, "image_id": str, "old": bool, "yes": bool})
    except FileNotFoundError:
        raise MemnetError(
            f"There is no {path}, which its table's manifest names; run `memnet responses` again, "
            "or keep the files of its folder together."
        ) from None
    except Exception as error:  # pyarrow raises of many kinds
        reason = " ".join(str(error).split())[:200]
        raise MemnetError(
            f"{path} cannot be read as the answers of `memnet responses` ({reason}); run it again."
        ) from error


def _called_old(
    frame: pd.DataFrame,
    codebook: Codebook,
    was_old: Any,
    usable: Any,
    source: str,
    assumed: list[str],
) -> tuple[Any, Any]:
    """Return of which trials the picture was called old, and which of ``usable`` have an answer."""
    cells = _cells(frame[codebook.answer])
    blank = np.array([cell == "" for cell in cells], dtype=bool) & usable
    if blank.any():
        if not codebook.empty:
            raise MemnetError(
                f"{source}: {int(blank.sum()):,} of {int(usable.sum()):,} trials have no answer in "
                f"column {codebook.answer!r}. Say what that means: that nothing was pressed, and "
                "so no (--empty no), or that nobody knows (--empty leave-out)."
            )
        means = "are no" if codebook.empty == "no" else "are left out"
        assumed.append(f"{int(blank.sum()):,} empty answers {means}")
    yes = _answers(cells, codebook, source, usable & ~blank, assumed)
    called_old = yes == was_old if codebook.correct else yes
    if codebook.empty == "no":
        return called_old & ~blank, usable
    return called_old, usable & ~blank


def _doubles(frame: pd.DataFrame) -> int:
    try:
        return int(frame.duplicated().sum())
    except TypeError:  # a cell of a DataFrame holds a list or the like
        return int(frame.astype(str).duplicated().sum())


def _ids(cells: pd.Series) -> Any:
    return as_text(cells).str.strip().to_numpy(dtype=object)


def _cells(cells: pd.Series) -> list[str]:
    """Write each cell as it is compared: without blanks, in lower case, whole numbers as such."""
    texts = [text.strip().casefold() for text in as_text(cells)]
    return [text.removesuffix(".0") if text[:-2].isdecimal() else text for text in texts]


def _present(cells: Sequence[str], sentence: str, set_aside: list[str]) -> Any:
    """Mark the cells that hold something, and say of how many others they do not."""
    there = np.array([cell != "" for cell in cells], dtype=bool)
    if missing := int((~there).sum()):
        set_aside.append(f"{sentence.format(f'{missing:,}')} and are left out.")
    return there


def _two_valued(
    cells: Sequence[str], column: str, source: str, usable: Any, *, blank_is_no: bool = False
) -> Any:
    known = {*YES, *NO} | ({""} if blank_is_no else set())
    others = Counter(cell for cell, used in zip(cells, usable, strict=True) if used) - Counter()
    strange = [value for value in others if value not in known]
    if strange:
        raise MemnetError(
            f"{source}, column {column!r}, holds {shorten_list(map(quoted, strange), 4)}; it must "
            f"say yes ({', '.join(YES[:5])} ...) or no ({', '.join(NO[:5])} ...)."
        )
    return np.array([cell in YES for cell in cells], dtype=bool)


def _answers(
    cells: Sequence[str], codebook: Codebook, source: str, usable: Any, assumed: list[str]
) -> Any:
    """Say which answers are yes, as they stand: old, or right."""
    counted = Counter(cell for cell, used in zip(cells, usable, strict=True) if used)
    if meant := _meant(codebook.yes):
        if missing := sorted(meant - set(counted)):
            raise MemnetError(
                f"{source}, column {codebook.answer!r}, never holds "
                f"{shorten_list(map(repr, missing))}; it holds "
                f"{shorten_list(map(quoted, counted), 6)}."
            )
        others = [
            f"{abridged(value)} ({n:,})" for value, n in counted.items() if value not in meant
        ]
        assumed.append(f"of column {codebook.answer!r}, these mean no: {shorten_list(others, 6)}")
        return np.array([cell in meant for cell in cells], dtype=bool)
    if any(value not in YES and value not in NO for value in counted):
        meaning = "the answer was right" if codebook.correct else "the picture was called old"
        raise MemnetError(
            f"{source}, column {codebook.answer!r}, holds {_ask_for_yes(sorted(counted), meaning)}"
        )
    return np.array([cell in YES for cell in cells], dtype=bool)


def _meant(yes: Sequence[object] | str | float) -> set[str]:
    """Write values that mean yes as the cells are written that they are compared with."""
    values = [yes] if isinstance(yes, str) or not isinstance(yes, Iterable) else list(yes)
    return set(_cells(pd.Series(values, dtype=object))) - {""}


def _ask_for_yes(values: Sequence[str], meaning: str) -> str:
    """Name all values and ask which mean yes; to suggest one of them would be to guess."""
    if len(values) == 1:
        return (
            f"only {quoted(values[0])}, which may mean anything. If it means that {meaning}: "
            f"{_yes(values[0])}; if not, write no in its place."
        )
    if len(values) == 2:
        first, second = values
        return (
            f"{quoted(first)} and {quoted(second)}, which may mean anything; say which of them "
            f"means that {meaning}: {_yes(first)} or {_yes(second)}."
        )
    return (
        f"{shorten_list(map(quoted, values), 6)}, which may mean anything; say which of them mean "
        f"that {meaning} (--yes VALUE, once for each; all others then mean no)."
    )


def _yes(value: str) -> str:
    return command_text(["--yes", abridged(value, 40)])

"""Reading text tables as Excel, R, pandas, PsychoPy, Qualtrics and SPSS write them.

The separator, the way in which quotes are escaped, and what stands before the first line of names
are found out from the text. What cannot be known is an error that names the row.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from memnet.errors import MemnetError
from memnet.util.text import shorten_list

SEPARATORS = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "vertical bar", " ": "blank"}
"""The separators that tables have, and their names; where several fit alike, the first is taken."""

_LOOKED_AT = 200
"""How many rows decide which separator a table has."""

_SEP_LINE = re.compile(r'\s*"?sep=([^\s"]|\t)"?[;,]*\s*', re.IGNORECASE)
_NOTE = re.compile(r"(#|//|%)(\s|[^\t,;|]*$)")  # what begins like a comment and cannot be names
EMPTY_ROWS = "row(s) of empty cells were passed over"
PASSED_OVER = "the line {} above the names was passed over"
ROW_NAMES = "the first cell of every row is the name of the row, as R writes it"
"""What :attr:`TextTable.assumed` says of such rows, a comment, and a column without a name."""

_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff"  # without width: web pages and forms leave them
_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANKS = re.compile(r'"((?:[^"\\]|""|\\.)*)"(?=\s|$)|(\S+)')


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """A text table: names of columns, rows of as many cells, and how it was read.

    Attributes
    ----------
    names : the names of the columns, without blanks around them.
    rows : the cells of each row, as they stand.
    numbers : the number of each row, as a spreadsheet counts: the first line is row 1.
    separator : a key of :data:`SEPARATORS`.
    broken : sentences on rows that are left out, since it is not known which cell has which name.
    assumed : sentences on what was passed over, or taken to be so.
    """

    names: list[str]
    rows: list[list[str]]
    numbers: list[int]
    separator: str
    broken: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)


def parse_text_table(text: str, source: str) -> TextTable:
    r"""Read a text table.

    Parameters
    ----------
    text : the file's content, without a byte order mark.
    source : what messages call the file.

    Raises
    ------
    MemnetError
        if there is no line of names, a quote is never closed, or a row has more cells than there
        are names and it is not clear which is which.

    Examples
    --------
    >>> table = parse_text_table("sep=;\nimage_id;score\na.jpg;0,5\n", "x.csv")
    >>> table.names, table.rows
    (['image_id', 'score'], [['a.jpg', '0,5']])
    """
    assumed: list[str] = []
    text = text.replace("\ufeff", "")  # a byte order mark that a program put into the middle
    separator = ""
    first, rest = _first_line(text)
    if match := _SEP_LINE.fullmatch(first):
        separator, text = match[1], rest
    if "\0" in text:
        raise MemnetError(f"{source} is no text table: it has bytes of value 0.")
    skipped, text = _skip_notes(text, assumed)
    with cells_of_any_length(text):
        separator = separator or _find_separator(text)
        records = _records(text, separator, source)
    if not records or not _width(records[0][1]):  # names of control characters alone are none
        raise MemnetError(f"{source} is empty.")
    (_, header), *lines = records
    body = [
        (number + skipped, cells) for number, cells in lines if any(cell.strip() for cell in cells)
    ]
    last = body[-1][0] - skipped if body else 0
    one_column = _width(header) == 1  # an empty cell is an empty line in it
    if empty := sum(
        bool(cells) or (one_column and number < last)
        for number, cells in lines
        if not any(cell.strip() for cell in cells)
    ):
        assumed.append(f"{empty:,} {EMPTY_ROWS}")
    names, body = _fit(header, body, text, separator, source, assumed)
    body, broken = _set_apart(names, body, source)
    return TextTable(
        names=list(map(clean_name, names)),
        rows=[cells for _, cells in body],
        numbers=[number for number, _ in body],
        separator=separator,
        broken=broken,
        assumed=assumed,
    )


def clean_name(name: str) -> str:
    """Return a column's name without blanks around it, seen or not, on one line."""
    return re.sub(r"\s*[\r\n]+\s*", " ", name).strip().strip(_UNSEEN).strip()


def is_note(line: str) -> bool:
    """Whether a line above the names is a comment (``# made on Monday``)."""
    return bool(_NOTE.match(line))


@contextmanager
def cells_of_any_length(text: str) -> Iterator[None]:
    """Let the csv module read cells as long as the whole text; it refuses more than 131,072."""
    limit = csv.field_size_limit(len(text) + 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _first_line(text: str) -> tuple[str, str]:
    """Split off the first line, which ends as on Unix, on Windows or on an old Mac."""
    line, *rest = _LINE_END.split(text, maxsplit=1)
    return line, "".join(rest)


def _skip_notes(text: str, assumed: list[str]) -> tuple[int, str]:
    """Pass over blank lines and comments above the names; returns how many and what is left."""
    skipped = 0
    while text:
        line, rest = _first_line(text)
        if line.strip(" \t,;") and not (is_note(line) and rest.strip()):
            break
        if line.strip(" \t,;"):
            assumed.append(PASSED_OVER.format(repr(line.strip()[:40])))
        skipped, text = skipped + 1, rest
    return skipped, text


def _find_separator(text: str) -> str:
    """Choose the separator that gives the most rows as many cells as there are names, 2 or more."""
    best, best_rank = ",", (-1.0, -1, 0)
    for place, separator in enumerate(SEPARATORS):
        rows = _first_rows(text, separator)
        count = _width(rows[0]) if rows else 0
        if count < 2:
            continue
        lengths = [min(len(cells), max(count, _width(cells))) for cells in rows[1:]]
        fitting = sum(length == count for length in lengths) / len(lengths) if lengths else 1.0
        # Names of files have blanks, and a bar is rare: only where all rows agree (R writes a row's
        # name before it).
        if separator in "| " and set(lengths) not in ({count}, {count + 1}):
            continue
        rank = (fitting, count if separator != " " else 0, -place)
        if rank > best_rank:
            best, best_rank = separator, rank
    return best


def _width(cells: list[str]) -> int:
    """Return how many cells there are up to the last one with something in it."""
    return max((place + 1 for place, cell in enumerate(cells) if cell.strip()), default=0)


def _first_rows(text: str, separator: str) -> list[list[str]]:
    reader = _blanks(text) if separator == " " else iter(_reader(text, separator))
    used = (cells for cells in reader if any(cell.strip() for cell in cells))
    return list(itertools.islice(used, _LOOKED_AT))


def _reader(text: str, separator: str, **options: object) -> csv._reader:  # type: ignore[name-defined]
    lines = io.StringIO(text, newline="")
    return csv.reader(lines, delimiter=separator, **options)  # type: ignore[arg-type]


def _blanks(text: str) -> Iterator[list[str]]:
    """Split lines at blanks, as R writes them: any number of blanks is one separator."""
    for line in text.splitlines():
        cells = []
        for match in _BLANKS.finditer(line):
            quoted, plain = match.groups()
            cells.append(plain if quoted is None else quoted.replace('""', '"').replace('\\"', '"'))
        yield cells


def _records(text: str, separator: str, source: str) -> list[tuple[int, list[str]]]:
    """Split text into records; each with its number, counted from 1."""
    if separator == " ":
        return list(enumerate(_blanks(text), start=1))
    if '\\"' in text:
        # R and SQL write \" for a quote within quotes; everybody else writes "".
        plain = list(enumerate(_reader(text, separator), start=1))
        doubled = re.sub(r'(?<!\\)\\"', '""', text)
        if len({len(cells) for _, cells in plain if cells}) > 1 and doubled != text:
            other = list(enumerate(_reader(doubled, separator), start=1))
            if len({len(cells) for _, cells in other[1:] if cells}) == 1:
                return other
    return _split(text, separator, source)


def _split(text: str, separator: str, source: str) -> list[tuple[int, list[str]]]:
    records: list[tuple[int, list[str]]] = []
    try:
        records.extend(enumerate(_reader(text, separator, strict=True), start=1))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise _unclosed(len(records) + 1, source) from None
        # Text behind a closing quote ("12"" screen): as other readers do, it belongs to the cell.
        # But then a quote that is never closed can end at another one, so no cell may span lines.
        records, reader, line = [], _reader(text, separator), 0
        for number, cells in enumerate(reader, start=1):
            if reader.line_num > line + 1:
                raise _unclosed(number, source) from None
            records.append((number, cells))
            line = reader.line_num
    return records


def _unclosed(row: int, source: str) -> MemnetError:
    return MemnetError(
        f"{source}: a quotation mark that opens in row {row} is never closed, so that rows below "
        "it would be one cell with it; close it, or delete it."
    )


def _fit(
    header: list[str],
    body: list[tuple[int, list[str]]],
    text: str,
    separator: str,
    source: str,
    assumed: list[str],
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Make rows as long as the line of names, where it is clear which cell has which name."""
    count = _width(header)  # names may end in separators, as the rows do
    if all(_width(cells) <= count for _, cells in body):
        if any(len(cells) > len(header) for _, cells in body):
            assumed.append("rows end in a separator that the line of names has not")
        return header[:count], [(number, cells[:count]) for number, cells in body]
    if count < len(header):
        return header, body
    if all(len(cells) == count + 1 for _, cells in body) and _have_row_names(body, text, separator):
        assumed.append(ROW_NAMES)
        return header, [(number, cells[1:]) for number, cells in body]
    return header, body


def _have_row_names(body: list[tuple[int, list[str]]], text: str, separator: str) -> bool:
    """Whether each row begins with its name, as R's ``write.table`` and pandas write it.

    That is a number in quotes, or a count from 1 or 0. Where a mark of numbers separates cells, two
    whole numbers side by side could be one (0,75; 1 071): then nobody knows.
    """
    names = [cells[0] for _, cells in body]
    if not all(name.isdecimal() for name in names) or len(set(names)) < len(names):
        return False
    quoted = names == re.findall(r'^"(\d+)"' + re.escape(separator), text, flags=re.MULTILINE)
    first = int(names[0])
    counted = first in (0, 1) and names == [str(first + place) for place in range(len(names))]
    if separator not in ", " or (separator == " " and quoted):
        return quoted or counted
    whole = re.compile(r"[+-]?\d+")
    return (quoted or counted) and not any(
        whole.fullmatch(left) and whole.fullmatch(right)
        for _, cells in body
        for left, right in itertools.pairwise(cells[1:] if quoted else cells)
    )


def _set_apart(
    names: list[str], body: list[tuple[int, list[str]]], source: str
) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """Leave rows out that have another number of cells than there are names; refuse many of them.

    Raises
    ------
    MemnetError
        if half of the rows or more have more cells than there are names.
    """
    count = len(names)
    longer = [(number, cells) for number, cells in body if len(cells) > count]
    if longer and 2 * len(longer) >= len(body):
        numbers = shorten_list([number for number, _ in longer], 3)
        cells = longer[0][1]
        title = "; or delete a title above the names" if count == 1 else ""
        raise MemnetError(
            f"{source}: {len(longer):,} row(s) have more cells than there are names "
            f"(row {numbers}; the first has {len(cells)} cells, "
            f"{shorten_list(map(repr, cells), 4)}, for {count} names, "
            f"{shorten_list(map(repr, names), 4)}), so that it is not known which cell belongs to "
            "which name; name every column, or put cells that hold the separator into quotes"
            f"{title}."
        )
    broken = [
        f"{source}, row {number} ({shorten_list(cells, 2)}) has {len(cells)} cell(s) for {count} "
        "names, so that it is not known which cell belongs to which"
        for number, cells in body
        if len(cells) != count
    ]
    return [(number, cells) for number, cells in body if len(cells) == count], broken

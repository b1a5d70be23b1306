"""Tables under a name that a user chose: its ending says which kind of file is written."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from memnet.errors import MemnetError
from memnet.util.atomic import replace_file, write_text
from memnet.util.csv_text import to_csv_text
from memnet.util.workbook import require_room, require_sheet, write_workbook

if TYPE_CHECKING:
    import pandas as pd

_KINDS = (".csv", ".parquet", ".xlsx")


def check_table_name(path: Path, *, reading: bool = False) -> None:
    """Raise ``MemnetError`` where no table can be written, or be, under this name."""
    kind = path.suffix.lower()
    if kind not in _KINDS:
        if reading:
            raise MemnetError(f"{path} is no score table: those end in .csv, .parquet or .xlsx.")
        raise MemnetError(f"--out {path} must end in .csv, .parquet or .xlsx.")
    if kind == ".xlsx" and find_spec("openpyxl") is None:
        raise MemnetError(
            f"{path} would be an Excel file, which needs openpyxl: pip install "
            '"memnet-harness[excel]", or choose a name that ends in .csv.'
        )


def check_rows(path: Path, rows: int) -> None:
    """Raise ``MemnetError`` where a file of this kind cannot hold so many rows."""
    if path.suffix.lower() == ".xlsx":
        require_room(rows, path)


def check_table(frame: pd.DataFrame, path: Path) -> None:
    """Raise ``MemnetError`` where this table cannot be written under this name."""
    check_table_name(path)
    if path.suffix.lower() == ".xlsx":
        require_sheet(frame, path)


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    r"""Write a table without its index, whole or not at all.

    Parameters
    ----------
    frame : the table.
    path : ends in ``.csv``, ``.parquet`` or ``.xlsx``; a file that is there is replaced.

    Raises
    ------
    MemnetError
        if the ending is another, the file cannot be written, or the kind of file cannot hold the
        table.

    Examples
    --------
    >>> import pandas as pd
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_frame(pd.DataFrame({"image_id": ["a"], "score": [0.5]}), Path(folder, "s.csv"))
    ...     Path(folder, "s.csv").read_text()
    'image_id,score\na,0.5\n'
    """
    check_table(frame, path)
    kind = path.suffix.lower()
    if kind == ".csv":
        write_text(path, to_csv_text(frame))
    elif kind == ".xlsx":
        write_workbook(frame, path)
    else:
        with replace_file(path) as temporary:
            frame.to_parquet(temporary, index=False)

"""Tables that are given from Python: a path, or a DataFrame, which is read as its CSV would be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from memnet.util.atomic import write_text

TableInput = str | os.PathLike[str] | pd.DataFrame


@contextmanager
def table_file(table: TableInput, name: str) -> Iterator[Path]:
    """Give the path of a table; a DataFrame is written to a temporary file ``name.csv``.

    One reader, for files, serves both: what it says of empty cells, codes and decimals holds for
    a DataFrame as well. The index of a DataFrame is left out.
    """
    if not isinstance(table, pd.DataFrame):
        yield Path(table)
        return
    with TemporaryDirectory(prefix="memnet-") as folder:
        path = Path(folder) / f"{name}.csv"
        write_text(path, table.to_csv(index=False))
        yield path

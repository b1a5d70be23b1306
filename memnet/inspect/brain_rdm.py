"""An RDM from a file: that of a brain, of judgements, of another model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.distance import squareform

from memnet.data.numbers import as_text, to_numbers
from memnet.data.tables import broken_rows, read_table_any
from memnet.errors import MemnetError
from memnet.stats.rdm import pictures_of, subset_rdm, undefined_pictures
from memnet.util.arrays import AnyArray, Array
from memnet.util.text import quoted, shorten_list, words_of

_ROUNDING = 1e-6
"""Share of the largest dissimilarity: half an RDM may differ so much from its other half."""


@dataclass(frozen=True, kw_only=True)
class GivenRdm:
    """An RDM that somebody measured.

    Attributes
    ----------
    source : the file.
    ids : of its N pictures.
    rdm : float64 ``(N (N - 1) / 2,)``, finite.
    set_aside : ids of pictures without any number, which are not among ``ids``.
    """

    source: str
    ids: list[str]
    rdm: Array
    set_aside: list[str]


def read_rdm(path: Path, ids: Path | None = None) -> GivenRdm:
    r"""Read an RDM.

    Parameters
    ----------
    path : a table (CSV, TSV, Excel or Parquet), N by N: the ids in its first column, and again as
        the names of the others, in any order. Or a NumPy file (``.npy``) with the ``(N, N)``
        matrix or the ``(N (N - 1) / 2,)`` numbers above its diagonal, row by row, as SciPy's
        ``pdist``, rsatoolbox and MATLAB's ``pdist`` have them.
    ids : for a NumPy file: a text file with the pictures' ids, one a line, in its order.

    Raises
    ------
    MemnetError
        if it cannot be read; is not square, not symmetric or not 0 on its diagonal; has other ids
        in its rows than in its columns, or none; has numbers for some pairs of a picture only; or
        one number for all pairs.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "V4.csv")
    ...     _ = path.write_text("id,b.jpg,a.jpg\nb.jpg,0,0.4\na.jpg,0.4,0\n")
    ...     found = read_rdm(path)
    >>> found.ids, found.rdm.tolist()
    (['b.jpg', 'a.jpg'], [0.4])
    """
    if is_numpy(path):
        names, rdm = _read_numpy(path, ids)
    elif path.suffix.lower() == ".npz":
        raise MemnetError(
            f"{path} may hold several arrays; save the one that is meant as .npy (numpy.save), and "
            "give the pictures' ids by --brain-ids."
        )
    else:
        names, rdm = _read_table(path)
    if not len(rdm):
        raise MemnetError(f"{path} has {len(names)} picture(s); an RDM needs two or more.")
    without = undefined_pictures(rdm)
    if without.all():
        raise MemnetError(f"{path} has no number besides its diagonal.")
    kept = np.flatnonzero(~without)
    rdm = subset_rdm(rdm, kept)
    kept_names = [names[row] for row in kept]
    if not np.isfinite(rdm).all():
        pair = np.flatnonzero(~np.isfinite(rdm))[0]
        one, other = (kept_names[rows[pair]] for rows in np.triu_indices(len(kept), 1))
        raise MemnetError(
            f"{path} has no number for {np.count_nonzero(~np.isfinite(rdm)):,} pair(s) of pictures "
            f"that have others, such as {quoted(one)} and {quoted(other)}; leave one of each pair "
            "out."
        )
    if len(rdm) > 1 and np.ptp(rdm) == 0:
        raise MemnetError(
            f"{path} has {rdm[0]:g} for every two pictures, so no RDM is more like it than another."
        )
    return GivenRdm(
        source=str(path),
        ids=kept_names,
        rdm=rdm,
        set_aside=[names[row] for row in np.flatnonzero(without)],
    )


def is_numpy(path: Path) -> bool:
    """Whether a file is a NumPy one by its name, so that the ids must be told apart from it."""
    return path.suffix.lower() == ".npy"


def _read_numpy(path: Path, ids: Path | None) -> tuple[list[str], Array]:
    try:
        numbers = np.load(path, allow_pickle=False).astype(np.float64)
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise MemnetError(
            f"{path} cannot be read as a NumPy array of numbers ({words_of(error)})."
        ) from error
    if ids is None:
        raise MemnetError(
            f"{path} does not say which pictures it is about: give their ids, one a line and in "
            "its order, in a text file (--brain-ids)."
        )
    names = _read_ids(ids)
    if numbers.ndim == 1:
        try:
            count = pictures_of(numbers)
        except MemnetError as error:
            raise MemnetError(f"{path}: {error}") from None
    elif numbers.ndim == 2 and numbers.shape[0] == numbers.shape[1]:
        count = len(numbers)
    else:
        raise MemnetError(
            f"{path} is of shape {numbers.shape}; an RDM is a square, or the numbers above its "
            "diagonal in a row."
        )
    if count != len(names):
        ends = f"{quoted(names[0])} to {quoted(names[-1])}" if names else "none"
        raise MemnetError(
            f"{path} is an RDM of {count:,} pictures, and {ids} has {len(names):,} ids ({ends})."
        )
    return names, numbers if numbers.ndim == 1 else _upper(numbers, names, path)


def _read_ids(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MemnetError(f"{path} cannot be read as text ({words_of(error)}).") from error
    return [line for line in lines if line.strip()]


def _read_table(path: Path) -> tuple[list[str], Array]:
    table = read_table_any(path)
    broken = broken_rows(table)
    if broken:
        raise MemnetError(f"An RDM must be whole: {broken[0]}.")
    columns = [str(name) for name in table.columns[1:]]
    rows = as_text(table.iloc[:, 0]).tolist()
    if _are_numbers([str(table.columns[0]), *columns]):
        raise MemnetError(
            f"{path} has numbers where ids should be: its first row and its first column must be "
            "the pictures' ids. (A matrix without ids: save it as .npy, and give --brain-ids.)"
        )
    if sorted(rows) != sorted(columns) or len(set(rows)) < len(rows):
        raise MemnetError(_not_square(path, rows, columns))
    numbers = np.stack([to_numbers(table[name], str(path)) for name in rows], axis=1)
    return rows, _upper(numbers, rows, path)


def _are_numbers(names: list[str]) -> bool:
    """Whether names are those of a matrix's first row: numbers, some of them broken ones."""
    try:
        numbers = [float(name) for name in names]
    except ValueError:
        return False
    return not all(number.is_integer() for number in numbers)


def _not_square(path: Path, rows: list[str], columns: list[str]) -> str:
    text = (
        f"{path} is no RDM: it has {len(rows):,} rows and {len(columns):,} columns besides the "
        "first; the ids in its first column must be the names of its other columns"
    )
    for ids, others, where, there in (
        (rows, columns, "rows", "columns"),
        (columns, rows, "columns", "rows"),
    ):
        missing = [each for each in ids if each not in set(others)]
        if missing:
            text += f"; {len(missing):,} of the {where} are no {there}: {shorten_list(missing, 3)}"
    return f"{text}."


def _upper(square: AnyArray, names: list[str], path: Path) -> Array:
    """Return the numbers above the diagonal of a matrix that is an RDM."""
    if np.isinf(square).any():
        raise MemnetError(f"{path} has infinite numbers.")
    largest = float(np.nanmax(np.abs(square), initial=0.0))
    diagonal = np.abs(np.nan_to_num(np.diag(square)))
    if diagonal.max(initial=0.0) > _ROUNDING * largest:
        place = int(diagonal.argmax())
        raise MemnetError(
            f"{path} is no RDM: {quoted(names[place])} has {square[place, place]:g} to itself, "
            "where a dissimilarity is 0. If these are similarities (correlations), give 1 minus "
            "them."
        )
    apart = np.abs(np.nan_to_num(square) - np.nan_to_num(square).T)
    one, other = np.unravel_index(int(apart.argmax()), apart.shape)
    if apart[one, other] > _ROUNDING * largest:
        raise MemnetError(
            f"{path} is not symmetric: from {quoted(names[one])} to {quoted(names[other])} it has "
            f"{square[one, other]:g}, and back {square[other, one]:g}. Fill both halves alike."
        )
    upper: Array = squareform(square, checks=False)
    return upper

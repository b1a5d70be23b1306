"""HDF5 files that hold pictures, as arrays or encoded: the stimuli of the NSD, for one.

A dataset of pictures is ``N x H x W x 3`` or ``N x 3 x H x W``, of bytes or of numbers from 0 to 1,
or ``N`` encoded pictures (of bytes of any length, or opaque).

MATLAB's ``save -v7.3`` writes the axes of an array in reverse, and says so by an attribute: its
``height x width x 3 x N`` is ``N x 3 x width x height`` here.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from memnet.data.contents import Contents, row_names
from memnet.errors import MemnetError, PictureError, unknown_name
from memnet.preprocess.decode import MAX_BYTES
from memnet.preprocess.members import Container, Member, Stored, keep_open, too_long
from memnet.util.text import shorten_list, words_of

_CHANNELS = 3

_FEW_ROWS, _FEWEST_BYTES = 1_000_000, 32
"""A file may say that it has more rows than memory could number; pictures have some bytes each."""

_CHUNK_CACHE = 2**27
"""Bytes of unpacked chunks that are kept: one may hold many pictures."""


class Hdf5Container(Container):
    """A dataset of pictures; a place is a row of it.

    ``axes`` are those of a picture as it is stored, in the order of height, width and colours;
    ``single`` is whether the dataset is one picture.
    """

    def __init__(self, path: Path, dataset: str, *, axes: tuple[int, ...], single: bool) -> None:
        super().__init__(path)
        self.part = dataset
        self._axes = axes
        self._single = single

    def read_stored(self, place: int, size: int, max_bytes: int) -> Stored:
        """Read a row."""
        rows = keep_open(self, lambda: _open(self.path)[self.part])
        cell = rows[()] if self._single else rows[place]
        if isinstance(cell, np.ndarray) and cell.ndim > 1:
            return np.ascontiguousarray(cell.transpose(self._axes))
        content = cell.tobytes()
        if not content:
            raise PictureError("This row holds no picture (0 bytes).")
        if len(content) > max_bytes:
            raise too_long(len(content), max_bytes)
        encoded: bytes = content
        return encoded


def _open(path: str | Path) -> Any:
    """Open a file for reading.

    Raises
    ------
    MemnetError
        if h5py is not installed, or it is no HDF5 file.
    """
    try:
        import h5py
    except ImportError as error:
        raise MemnetError(
            f'{path} is an HDF5 file; to read it, install h5py: pip install "memnet-harness[hdf5]".'
        ) from error
    try:
        return h5py.File(path, "r", rdcc_nbytes=_CHUNK_CACHE, locking="best-effort")
    except (OSError, ValueError) as error:
        if str(path).lower().endswith(".mat"):
            raise MemnetError(
                f"{path} is no file of MATLAB's version 7.3, which can be read here: in MATLAB, "
                "save the pictures with save(..., '-v7.3'), or as files of their own with imwrite."
            ) from error
        raise MemnetError(
            f"{path} is no HDF5 file, or a damaged one ({words_of(error)}); copy it again from its "
            "source."
        ) from error


def list_hdf5(path: Path, dataset: str = "") -> Contents:
    """List the pictures in an HDF5 file, in the order of its rows, which are numbered from 0.

    Parameters
    ----------
    path : the file.
    dataset : which dataset (``group/name``); "" for the only one that holds pictures.

    Raises
    ------
    MemnetError
        if it is no HDF5 file, the dataset holds no pictures, there are several, its shape has two
        readings, or its numbers are on another scale than from 0 to 1.
    """
    with _open(path) as file:
        kinds = _kinds(file)
        known = {name: kind for name, kind in kinds.items() if kind != _OTHER}
        dataset = dataset.strip("/")
        if dataset and dataset not in kinds:
            raise unknown_name(f"dataset in {path}", dataset, kinds)
        if dataset and dataset not in known:
            raise MemnetError(f"{path}::{dataset} is {_described(file[dataset])}; {_WANTED}.")
        if not known:
            there = shorten_list(f"{name}: {_described(file[name])}" for name in kinds)
            raise MemnetError(f"{path} holds no pictures ({there or 'no dataset'}); {_WANTED}.")
        if not dataset and len(known) > 1:
            raise MemnetError(
                f"{path} has {len(known)} datasets of pictures ({shorten_list(known)}); say which: "
                f"{path}::{next(iter(known))}"
            )
        dataset = dataset or next(iter(known))
        if known[dataset] == _EITHER:
            raise MemnetError(
                f"{path}::{dataset} has the shape {file[dataset].shape}, in which nobody can tell "
                "rows, columns and colours apart; write it as N x height x width x 3 with more "
                "than 3 columns and rows."
            )
        rows = file[dataset]
        single = _is_single(rows)
        if len(rows) > max(_FEW_ROWS, path.stat().st_size // _FEWEST_BYTES):
            raise MemnetError(
                f"{path}::{dataset} says that it has {len(rows):,} pictures, in "
                f"{path.stat().st_size:,} bytes; it is damaged, or has none yet."
            )
        size = 0  # of encoded pictures of variable length, which nobody knows before
        axes: tuple[int, ...] = ()
        if known[dataset] != _ENCODED:
            axes = tuple(range(rows.ndim - (not single)))
            size = rows.dtype.itemsize * math.prod(rows.shape[-len(axes) :])
            if _matlab_class(rows):
                axes = axes[::-1]
            if known[dataset] == _FIRST:
                axes = (*axes[1:], axes[0])
            if len(rows) and size <= MAX_BYTES:
                _require_scale(rows[()][None] if single else rows, f"{path}::{dataset}")
        container = Hdf5Container(path, dataset, axes=axes, single=single)
        contents = Contents()
        contents.members = {
            f"{dataset}/{name}": Member(container, row, size)
            for row, name in enumerate(row_names(1 if single else len(rows)))
        }
    return contents


_LOOKED_AT = 16
"""Pictures, spread over a dataset, that show its scale."""

_ROUNDING = 0.1
"""So far beyond 0 or 1, a picture is a damaged one (a failed row), not one on another scale."""


def _require_scale(rows: Any, name: str) -> None:
    """Raise ``MemnetError`` unless the pictures looked at have numbers from 0 to 1, or bytes more.

    Of grey levels from 0 to 255, a black picture would pass by itself.
    """
    low, high = 0.0, 0.0
    for row in sorted(set(np.linspace(0, len(rows) - 1, _LOOKED_AT).astype(int).tolist())):
        try:
            picture = rows[row]
        except OSError:  # it is damaged, and says so when its turn comes
            continue
        finite = picture[np.isfinite(picture)]
        low = min(low, finite.min(initial=0))
        high = max(high, finite.max(initial=0))
    if rows.dtype.kind != "f":
        if high == 1:
            raise MemnetError(
                f"{name} has only 0 and 1 in the pictures looked at, which is black and nearly "
                "black on the scale of whole numbers, 0 to 255; multiply by 255."
            )
        return
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        advice = "undo its normalisation, so that black is 0 and white is 1"
        if low >= -_ROUNDING:
            advice = "divide them by what white has, or write grey levels from 0 to 255 as uint8"
        raise MemnetError(
            f"{name} has numbers from {low:g} to {high:g} in the pictures looked at, and pictures "
            f"of numbers have them from 0 to 1; {advice}."
        )


_LAST, _FIRST, _EITHER, _ENCODED, _OTHER = "last", "first", "either", "encoded", "other"
"""Where a dataset has its colours, or what else it is."""

_WANTED = (
    "pictures are N x height x width x 3 or N x 3 x height x width (in MATLAB, height x width x 3 "
    "x N), of bytes (uint8) or numbers from 0 to 1, or N encoded pictures (of variable length, or "
    "opaque)"
)


def _kinds(file: Any) -> dict[str, str]:
    """Return what each dataset of a file is."""
    import h5py

    kinds: dict[str, str] = {}

    def visit(name: str, each: Any) -> None:
        if isinstance(each, h5py.Dataset) and not name.startswith(_MATLABS_OWN):
            kinds[name] = _kind(each)

    file.visititems(visit)
    return kinds


def _kind(dataset: Any) -> str:
    import h5py

    kind = dataset.dtype
    if dataset.ndim == 1:
        is_opaque = kind.kind == "V" and not kind.names
        return _ENCODED if is_opaque or h5py.check_vlen_dtype(kind) == np.uint8 else _OTHER
    matlab = _matlab_class(dataset)
    single = _is_single(dataset)
    if not (kind == np.uint8 or kind.kind == "f") or matlab == "logical":
        return _OTHER
    shape = dataset.shape if single else dataset.shape[1:]
    if matlab:
        shape = shape[::-1]
        if len(shape) == 2 and min(shape) > 1:  # grey; single ones of numbers are mostly others
            return _LAST if not single or kind == np.uint8 else _OTHER
    if len(shape) != _CHANNELS:
        return _OTHER
    first, last = shape[0] == _CHANNELS, shape[2] in ((1, _CHANNELS) if matlab else (_CHANNELS,))
    if first and last:
        return _EITHER
    return _LAST if last else _FIRST if first else _OTHER


def _matlab_class(dataset: Any) -> str:
    """Return the class that MATLAB wrote it of, with its axes in reverse; "" for other writers."""
    name = dataset.attrs.get("MATLAB_class", "")
    return name.decode("latin-1") if isinstance(name, bytes) else str(name)


def _is_single(dataset: Any) -> bool:
    """Whether it is one picture of MATLAB: height x width, or height x width x 3."""
    if not _matlab_class(dataset):
        return False
    return bool(dataset.ndim == 2 or (dataset.ndim == _CHANNELS and dataset.shape[0] == _CHANNELS))


_MATLABS_OWN = ("#refs#", "#subsystem#")
"""Groups with the contents of cell arrays, and of objects."""


def _described(dataset: Any) -> str:
    matlab = _matlab_class(dataset)
    if matlab == "cell":
        return "a cell array, which cat(4, x{:}) makes an array of, where all have one size"
    shape = " x ".join(map(str, dataset.shape[::-1] if matlab else dataset.shape))
    return f"{shape or 'a single value'} of {matlab or dataset.dtype}"

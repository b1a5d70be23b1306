"""Files of activations: ids of pictures, and an array for each layer.

``.npz`` has ``image_id`` and the layers by their names. ``.safetensors`` has the layers, and in its
metadata the ids and the layers' order as JSON lists. ``.h5`` and ``.hdf5`` have a group for each
layer, laid out as rsatoolbox saves a ``Dataset``. ``.parquet`` has ``image_id`` and a column for
each layer, of lists of one length whose shape its metadata tell. All numbers are float32.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import numpy as np

from memnet.errors import MemnetError
from memnet.util.arrays import Float32Array

IDS = "image_id"
"""What the ids of pictures are called in all of them."""

_ORDER = "layers"
"""The layers' names in order, in the metadata of a safetensors file, whose own order is another."""

_BLOCK = 32_000_000
"""Bytes of a layer that are in memory while it is written."""


@dataclass(frozen=True)
class RowFile:
    """A layer's rows as they lie in a file of 32-bit floats, one after the other.

    Not a memory map: its pages would count as memory of the process.
    """

    path: Path
    shape: tuple[int, ...]  # pictures x ...

    @property
    def row_size(self) -> int:
        """Numbers for each picture."""
        return math.prod(self.shape[1:])

    def rows(self, first: int, count: int) -> Float32Array:
        """Read up to so many rows, ``(count, row_size)``."""
        size = self.row_size
        numbers = np.fromfile(self.path, "<f4", count * size, offset=4 * first * size)
        return numbers.reshape(-1, size)

    def blocks(self) -> Iterator[tuple[int, Float32Array]]:
        """Yield the rows, so many at a time as memory should hold, with the place of the first."""
        count = max(1, _BLOCK // (4 * self.row_size))
        for first in range(0, self.shape[0], count):
            yield first, self.rows(first, count)


RowFiles: TypeAlias = Mapping[str, RowFile]
"""By the names of the layers."""


def check_name(path: Path) -> None:
    """Raise ``MemnetError`` where no activations can be written, or be, under this name."""
    kind = path.suffix.lower()
    if kind not in _WRITERS:
        raise MemnetError(f"{path} must end in {', '.join(_WRITERS)}.")
    if kind in (".h5", ".hdf5") and find_spec("h5py") is None:
        raise MemnetError(
            f'{path} would be an HDF5 file, which needs h5py: pip install "memnet-harness[hdf5]", '
            "or choose a name that ends in .npz."
        )


def write_arrays(path: Path, kind: str, ids: Sequence[str], layers: RowFiles) -> None:
    """Write a file of a kind (``".npz"``); no layer is in memory as a whole."""
    _WRITERS[kind](path, ids, layers)


def read_arrays(path: Path) -> tuple[list[str], dict[str, Float32Array]]:
    """Read a file that :func:`write_arrays` wrote; errors are those of its library."""
    check_name(path)
    return _READERS[path.suffix.lower()](path)


def _write_npz(path: Path, ids: Sequence[str], layers: RowFiles) -> None:
    with zipfile.ZipFile(path, "w", allowZip64=True) as file:
        with file.open(f"{IDS}.npy", "w") as entry:
            np.lib.format.write_array(entry, np.array(ids, dtype=str), allow_pickle=False)
        for name, layer in layers.items():
            about = {"descr": "<f4", "fortran_order": False, "shape": layer.shape}
            with file.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array_header_1_0(entry, about)
                for _, block in layer.blocks():
                    entry.write(block.tobytes())


def _read_npz(path: Path) -> tuple[list[str], dict[str, Float32Array]]:
    with np.load(path, allow_pickle=False) as file:
        layers = {name: file[name] for name in file.files if name != IDS}
        return file[IDS].tolist(), layers


def _write_safetensors(path: Path, ids: Sequence[str], layers: RowFiles) -> None:
    about = {IDS: json.dumps(list(ids)), _ORDER: json.dumps(list(layers))}
    header: dict[str, object] = {"__metadata__": about}
    end = 0
    for name, layer in layers.items():
        begin, end = end, end + 4 * layer.shape[0] * layer.row_size
        header[name] = {"dtype": "F32", "shape": layer.shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for layer in layers.values():
            for _, block in layer.blocks():
                file.write(block.tobytes())


def _read_safetensors(path: Path) -> tuple[list[str], dict[str, Float32Array]]:
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        about = file.metadata() or {}
        names = json.loads(about[_ORDER])
        return json.loads(about[IDS]), {name: file.get_tensor(name) for name in names}


def _write_hdf5(path: Path, ids: Sequence[str], layers: RowFiles) -> None:
    import h5py

    # rsatoolbox makes text of fixed lengths of ASCII alone.
    plain = all(each.isascii() for each in ids)
    names = np.array(ids, dtype="S") if plain else np.array(ids, dtype=object)
    with h5py.File(path, "w", track_order=True) as file:
        for name, layer in layers.items():
            group = file.create_group(name)
            group.attrs["type"] = "Dataset"
            group.attrs["shape"] = layer.shape[1:]
            values = group.create_dataset(
                "measurements", (layer.shape[0], layer.row_size), dtype="f4"
            )
            for first, block in layer.blocks():
                values[first : first + len(block)] = block
            group.create_group("descriptors").attrs["layer"] = name
            kind = None if plain else h5py.string_dtype("utf-8")
            group.create_group("obs_descriptors").create_dataset(IDS, data=names, dtype=kind)
            group.create_group("channel_descriptors")


def _read_hdf5(path: Path) -> tuple[list[str], dict[str, Float32Array]]:
    import h5py

    with h5py.File(path, "r", locking="best-effort") as file:
        ids: list[str] = []
        layers = {}
        for name, layer in file.items():
            ids = [each.decode() for each in layer["obs_descriptors"][IDS][:]]
            values = layer["measurements"][:]
            layers[name] = values.reshape(len(ids), *layer.attrs["shape"])
        return ids, layers


def _write_parquet(path: Path, ids: Sequence[str], layers: RowFiles) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [pa.field(IDS, pa.string())]
    for name, layer in layers.items():
        shape = {"shape": json.dumps(layer.shape[1:])}
        kind = pa.list_(pa.float32(), layer.row_size)
        fields.append(pa.field(name, kind, metadata=shape))
    schema = pa.schema(fields)
    count = max(1, _BLOCK // (4 * sum(layer.row_size for layer in layers.values())))
    with pq.ParquetWriter(path, schema, use_dictionary=[IDS]) as file:
        for first in range(0, len(ids), count):
            columns = [pa.array(ids[first : first + count], pa.string())]
            for layer in layers.values():
                numbers = pa.array(layer.rows(first, count).ravel())
                columns.append(pa.FixedSizeListArray.from_arrays(numbers, layer.row_size))
            file.write_table(pa.Table.from_arrays(columns, schema=schema))


def _read_parquet(path: Path) -> tuple[list[str], dict[str, Float32Array]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        table = file.read()
    layers = {}
    for field in table.schema:
        if field.name != IDS:
            numbers = table[field.name].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            shape = json.loads(field.metadata[b"shape"])
            layers[field.name] = numbers.reshape(table.num_rows, *shape)
    return table[IDS].to_pylist(), layers


_Writer: TypeAlias = Callable[[Path, Sequence[str], RowFiles], None]
_Reader: TypeAlias = "Callable[[Path], tuple[list[str], dict[str, Float32Array]]]"

_WRITERS: dict[str, _Writer] = {
    ".npz": _write_npz,
    ".safetensors": _write_safetensors,
    ".h5": _write_hdf5,
    ".hdf5": _write_hdf5,
    ".parquet": _write_parquet,
}
_READERS: dict[str, _Reader] = {
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
    ".parquet": _read_parquet,
}

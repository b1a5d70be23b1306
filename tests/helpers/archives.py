"""The pictures of a folder in one file, in the order in which a folder is scored."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path


def files_of(folder: Path) -> dict[str, bytes]:
    """Return name -> content of the files below a folder, sorted as memnet does."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return {name: (folder / name).read_bytes() for name in names}


def write_zip(path: Path, files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED):
    """Write a zip file and return its path."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, files: Mapping[str, bytes], mode: str = "w"):
    """Write a tar file and return its path."""
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def write_parquet(path: Path, files: Mapping[str, bytes], group: int = 7, **columns: object):
    """Write a Parquet file as Hugging Face's `datasets` does, and return its path."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [{"bytes": content, "path": name} for name, content in files.items()]
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    table = pa.table({"image": pa.array(cells, kind), **columns})
    pq.write_table(table, path, row_group_size=group)
    return path


def write_hdf5(path: Path, files: Mapping[str, bytes]):
    """Write encoded pictures as a dataset of bytes of any length, and return its path."""
    import h5py
    import numpy as np

    with h5py.File(path, "w") as file:
        rows = file.create_dataset("images", len(files), dtype=h5py.vlen_dtype(np.uint8))
        for row, content in enumerate(files.values()):
            rows[row] = np.frombuffer(content, np.uint8)
    return path

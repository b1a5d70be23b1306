"""Pictures decoded and resized once, kept as one memory-mapped file of 8-bit RGB.

Layout, under a digest of everything that decides the pixels::

    pictures-<digest16>.npy     uint8 (N, H, W, 3), a NumPy file like any other
    pictures-<digest16>.json    what it is; "complete" says whether every row is there
    pictures-<digest16>.rows    a byte per row, 1 where it is there; only until it is complete
    pictures-<digest16>.lock    held by the process that fills it

Rows are marked only after their pixels were flushed to the disk, so a row that a kill cut in half
is not marked, and is decoded again by the next call. Rows whose picture failed are not marked
either: a cache that was interrupted tries them once more.

The pixels are those of :meth:`memnet.preprocess.spec.PreprocessSpec.apply_decoded` before channel
order, mean image, crops and scaling, which come later and at random.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import PIL
from PIL import Image
from tqdm import tqdm

from memnet import __version__
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.decode import MAX_PIXELS, decode
from memnet.preprocess.resize import RESIZERS
from memnet.preprocess.spec import PreprocessSpec
from memnet.reimpl.training.cache_files import (
    FORMAT,
    SCHEMA_VERSION,
    CacheFiles,
    RowWriter,
    unwritable,
)

Pixels: TypeAlias = "np.ndarray[Any, Any]"

_THREADS = min(16, os.cpu_count() or 1)


@dataclass(frozen=True, kw_only=True)
class PictureCache:
    """Pictures as they lie on the disk.

    Attributes
    ----------
    pixels : uint8 ``(N, H, W, 3)``, RGB, 0 to 255, read-only; mapped, not read.
    digest : sha256 of what decides the pixels; see :func:`cache_digest`.
    failed : row -> why its picture could not be decoded; these rows are zeros.
    seconds : what this call took; next to nothing where the cache was complete.
    path : of the ``.npy`` file.
    """

    pixels: np.memmap[Any, np.dtype[np.uint8]]
    digest: str
    failed: dict[int, str]
    seconds: float
    path: Path


def build_cache(
    ids: Sequence[str],
    paths: Sequence[str | Path],
    *,
    folder: Path,
    spec: PreprocessSpec,
    threads: int | None = None,
) -> PictureCache:
    """Decode and resize pictures into ``folder``, or open what an earlier call left there.

    A call that was killed is continued by the next one; of two processes at once the second waits.
    Memory does not grow with the number of pictures. What was changed *inside* a complete file of
    the right length is not noticed: opening reads no pixels.

    Parameters
    ----------
    ids, paths : N pictures, in the order of the rows.
    folder : of the caches; made where it is missing. Nothing in it is ever deleted but a damaged
        cache of these very pictures.
    spec : its ``exif_orientation``, ``resize_kind`` and ``resize_hw`` are what is applied.
    threads : that decode; by default as many as there are cores, 16 at most.

    Raises
    ------
    MemnetError
        if ``ids`` and ``paths`` are empty or differ in number, the resizer gives no 8-bit pixels,
        or the disk has no room or cannot be written. A picture that cannot be decoded is no
        error; it is in ``failed``.
    """
    start = time.perf_counter()
    if not ids or len(ids) != len(paths):
        raise MemnetError(
            f"A picture cache needs one path per id, and was given {len(ids):,} id(s) and "
            f"{len(paths):,} path(s)."
        )
    _require_eight_bit(spec.resize_kind)
    digest = cache_digest(ids, paths, spec=spec)
    files = CacheFiles(Path(folder), digest, (len(ids), *spec.resize_hw, 3))
    failed = files.complete()
    readable_again = failed and [row for row in failed if _readable(paths[row], spec)]
    if failed is None or readable_again:
        with files.locked():
            failed = files.complete()  # another process may have been faster
            if (
                failed and readable_again
            ):  # a disk that was away, or a file that nobody was allowed to read
                files.reopen(failed)
                failed = None
            if failed is None:
                about = {
                    "pictures": len(ids),
                    "ids_sha256": hashlib.sha256(_bytes("\n".join(ids))).hexdigest(),
                    "resize_kind": spec.resize_kind,
                    "resize_hw": list(spec.resize_hw),
                    "exif_orientation": spec.exif_orientation,
                    "max_pixels": MAX_PIXELS,
                    "pillow": PIL.__version__,
                    "memnet_version": __version__,
                }
                try:
                    files.prepare(about)
                    failed = _fill(files, paths, spec, threads or _THREADS)
                    files.finish(about, failed)
                except OSError as error:
                    raise unwritable(files.npy, files.what, files.bytes, error) from error
    return PictureCache(
        pixels=np.load(files.npy, mmap_mode="r"),
        digest=digest,
        failed=failed,
        seconds=time.perf_counter() - start,
        path=files.npy,
    )


def cache_digest(ids: Sequence[str], paths: Sequence[str | Path], *, spec: PreprocessSpec) -> str:
    """Sha256 of what decides the pixels, without opening a picture.

    It is taken over the resizer, the size, the EXIF policy, the most pixels that a picture
    may have and the version of Pillow (whose decoders and filters change), and per row over the id
    and the file's name, size and time of last change. The folder is left out, so that pictures
    moved together with their times keep their cache.
    """
    policy = [spec.resize_kind, spec.resize_hw, spec.exif_orientation, MAX_PIXELS, PIL.__version__]
    digest = hashlib.sha256(json.dumps([FORMAT, SCHEMA_VERSION, *policy]).encode())
    for image_id, path in zip(ids, paths, strict=True):
        try:
            status = os.stat(path)
            size, changed = status.st_size, status.st_mtime_ns
        except (OSError, ValueError):  # it fails when decoded; once it is there the digest differs
            size, changed = -1, -1
        digest.update(_bytes(f"\n{image_id}\0{os.path.basename(path)}\0{size}\0{changed}"))
    return digest.hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # file names on Linux need not be UTF-8


def _readable(path: str | Path, spec: PreprocessSpec) -> bool:
    try:
        decode(os.fspath(path), exif_orientation=spec.exif_orientation)
    except PictureError:
        return False
    return True


def _require_eight_bit(kind: str) -> None:
    def eight_bit(name: str) -> bool:
        return bool(RESIZERS[name](Image.new("RGB", (2, 2)), (2, 2)).dtype == np.uint8)

    if not eight_bit(kind):
        fitting = ", ".join(name for name in RESIZERS if eight_bit(name))
        raise MemnetError(
            f"The resizer {kind!r} gives fractions, and a picture cache holds 8-bit pixels; train "
            f"with resize_kind {fitting}."
        )


def _fill(
    files: CacheFiles,
    paths: Sequence[str | Path],
    spec: PreprocessSpec,
    threads: int,
) -> dict[int, str]:
    """Decode the rows that are missing; returns those that failed."""

    def prepare(row: int) -> Pixels:
        decoded = decode(os.fspath(paths[row]), exif_orientation=spec.exif_orientation)
        return RESIZERS[spec.resize_kind](decoded.rgb, spec.resize_hw)

    failed: dict[int, str] = {}
    blank = np.zeros(files.shape[1:], dtype=np.uint8)
    todo = files.missing()
    with (
        RowWriter(files) as writer,
        tqdm(
            total=len(paths),
            initial=len(paths) - len(todo),
            desc="decoding pictures",
            unit=" pictures",
            file=sys.stderr,
            disable=None,
        ) as bar,
        closing(_in_order(todo.tolist(), prepare, threads)) as decoded,
    ):
        for row, future in decoded:
            try:
                writer.write(row, future.result())
            except PictureError as error:
                failed[row] = str(error)
                writer.write(row, blank, mark=False)
            bar.update()
    return failed


def _in_order(
    rows: Sequence[int], prepare: Callable[[int], Pixels], threads: int
) -> Generator[tuple[int, Future[Pixels]], None, None]:
    """Run ``prepare`` in threads; a few rows are ahead of the one that is yielded, never more."""
    queue = iter(rows)
    with ThreadPoolExecutor(threads, thread_name_prefix="memnet-cache") as pool:
        waiting: deque[tuple[int, Future[Pixels]]] = deque()
        try:
            for row in itertools.islice(queue, 4 * threads):
                waiting.append((row, pool.submit(prepare, row)))
            while waiting:
                yield waiting.popleft()
                for row in itertools.islice(queue, 1):
                    waiting.append((row, pool.submit(prepare, row)))
        finally:
            for _, future in waiting:
                future.cancel()

"""Pictures on their way to a server: read shortly before they are sent, a few at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from memnet.data.folders import add_folder
from memnet.data.inputs import Inputs
from memnet.data.score_columns import FAILED
from memnet.errors import MemnetError, PictureError
from memnet.util.text import split_label

SentPicture: TypeAlias = str | os.PathLike[str] | bytes
"""A picture's file, a folder of them, or an encoded picture."""

PICTURES = 16
"""Most pictures in a request: a server computes several at once, and others want their turn."""

_OVERHEAD = 1_000  # bytes of a request beside each picture's own


@dataclass
class Outgoing:
    """A picture to be sent; its bytes are read shortly before, and dropped after."""

    image_id: str
    path: str
    data: bytes
    failed: str = ""

    def rows(self, labels: Sequence[str], answer: dict[str, Any] | None) -> list[dict[str, Any]]:
        """Make its rows of the table, of what the server said of it; None: it was not sent."""
        scores = {} if answer is None else {score["model"]: score for score in answer["scores"]}
        seen = answer or {}
        failed = self.failed or seen.get("failed") or "the server gave no score"
        rows = []
        for label in dict.fromkeys(labels):
            model, variant = split_label(label)
            row = {"image_id": self.image_id, "path": self.path, "model": model, "mode": ""}
            row["variant"] = variant
            if label in scores:
                row |= {
                    name: scores[label][name] for name in ("score", "raw", "n_crops", "clamped")
                }
                row |= {name: seen[name] for name in ("width", "height", "mode")}
                row["warning"] = " ".join(each["sentence"] for each in seen["warnings"])
            else:
                row["warning"] = FAILED + failed
            rows.append(row)
        return rows


def _listed(pictures: SentPicture | Iterable[SentPicture]) -> Iterator[tuple[str, str, bytes]]:
    """Yield id, path ("" for bytes) and bytes (b"" for a path, which is read later)."""
    if isinstance(pictures, (str, bytes, os.PathLike)):
        pictures = [pictures]
    for index, picture in enumerate(pictures):
        if isinstance(picture, bytes):
            yield f"item-{index}", "", picture
        elif not isinstance(picture, (str, os.PathLike)):
            raise MemnetError(
                f"A {type(picture).__name__} cannot be sent; give files, folders or encoded bytes."
            )
        elif Path(picture).is_dir():
            inputs = Inputs()
            add_folder(Path(picture), inputs)
            for item in inputs.items:
                yield item.image_id, item.path, b""
        else:
            yield Path(picture).name, os.fspath(picture), b""


def chunks(
    pictures: SentPicture | Iterable[SentPicture], limits: dict[str, int]
) -> Iterator[list[Outgoing]]:
    """Read pictures, and put together what one request takes.

    Parameters
    ----------
    pictures : files, folders and encoded bytes.
    limits : what ``GET /v1/models`` says of them.

    Raises
    ------
    MemnetError
        if something is no picture's file, a folder cannot be read or holds no picture.
    """
    most = min(PICTURES, limits["files"])
    chunk: list[Outgoing] = []
    size = 0
    for image_id, path, data in _listed(pictures):
        picture = Outgoing(image_id, path, data)
        try:
            picture.data = _read(path, data, limits["bytes_per_file"])
        except PictureError as error:
            picture.data, picture.failed = b"", str(error)
        added = len(picture.data) + _OVERHEAD
        if chunk and (len(chunk) == most or size + added > limits["bytes"]):
            yield chunk
            chunk, size = [], 0
        chunk.append(picture)
        size += added
    if chunk:
        yield chunk


def _read(path: str, data: bytes, most: int) -> bytes:
    """Return the bytes of a file, or those given where it is none."""
    try:
        if (size := os.stat(path).st_size if path else len(data)) > most:
            raise PictureError(f"The picture has {size:,} bytes; the server takes {most:,}.")
        return Path(path).read_bytes() if path else data
    except OSError as error:
        raise PictureError(f"The file cannot be read ({error.strerror}).") from error

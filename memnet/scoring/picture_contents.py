"""What is in a picture's file, by its digest: the half of a score's key that is not the model's."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from memnet.preprocess.decode import Box, Crop, Picture, PictureLimits, PictureOrCrop
from memnet.util.file_stamps import FileStamp, stamp_file
from memnet.weights.digests import file_digest


@dataclass(frozen=True)
class Content:
    """The sha256 of a picture's file or bytes, the box cut out of it, and the file's stamp."""

    sha256: bytes
    box: Box | None
    stamp: FileStamp | None

    def key(self, digest: bytes) -> bytes:
        """Return what the score of a model with this ``scoring_digest`` is filed under."""
        box = b"" if self.box is None else repr(tuple(map(float, self.box))).encode()
        return hashlib.sha256(self.sha256 + digest + box).digest()

    def is_still(self, picture: PictureOrCrop, limits: PictureLimits) -> bool:
        """Whether what was decoded since is what was digested."""
        if isinstance(picture, Crop):
            picture = picture.picture
        return isinstance(picture, bytes) or _stamp(picture, limits) == self.stamp


def digest_picture(picture: PictureOrCrop, limits: PictureLimits) -> Content | None:
    """Digest a file or encoded bytes; None for what is decoded already, and for no readable file.

    A frame of a video counts as decoded.

    Parameters
    ----------
    picture : as of :func:`memnet.preprocess.decode.decode`.
    limits : a file with more bytes is not read.
    """
    box = None
    if isinstance(picture, Crop):
        box = picture.box
        picture = picture.picture
    if isinstance(picture, bytes):
        return Content(hashlib.sha256(picture).digest(), box, None)
    stamp = _stamp(picture, limits)
    if not stamp or not isinstance(picture, str | os.PathLike):
        return None
    try:
        return Content(bytes.fromhex(file_digest(Path(picture))), box, stamp)
    except OSError:
        return None  # reading it again says what is wrong


def _stamp(picture: Picture, limits: PictureLimits) -> FileStamp | None:
    """Return what changes when a file does; None for no file, and one that is too long to read."""
    stamp = stamp_file(picture) if isinstance(picture, str | os.PathLike) else None
    return stamp if stamp and stamp.size <= limits.max_bytes else None

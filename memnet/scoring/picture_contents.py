"""What is in a picture's file, by its digest: the half of a score's key that is not the model's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

from memnet.errors import PictureError
from memnet.preprocess.decode import Box, Crop, Picture, PictureLimits, PictureOrCrop
from memnet.preprocess.members import Member, Stored
from memnet.util.file_stamps import stamp_file
from memnet.weights.digests import file_digest


@dataclass(frozen=True)
class Content:
    """The sha256 of a picture's file or bytes, and the box cut out of it.

    ``state`` is what changes when the picture does: of a file, its stamp.
    """

    sha256: bytes
    box: Box | None
    state: Hashable

    def key(self, digest: bytes) -> bytes:
        """Return what the score of a model with this ``scoring_digest`` is filed under."""
        box = b"" if self.box is None else repr(tuple(map(float, self.box))).encode()
        return hashlib.sha256(self.sha256 + digest + box).digest()

    def is_still(self, picture: PictureOrCrop, limits: PictureLimits) -> bool:
        """Whether what was decoded since is what was digested."""
        if isinstance(picture, Crop):
            picture = picture.picture
        return isinstance(picture, bytes) or _state(picture, limits) == self.state


def digest_picture(picture: PictureOrCrop, limits: PictureLimits) -> Content | None:
    """Digest a file, encoded bytes or what a container holds; None for what is decoded already.

    None, too, for what cannot be read. A frame of a video counts as decoded.

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
    state = _state(picture, limits)
    try:
        if isinstance(picture, Member):
            digest = _digest(picture.read(limits.max_bytes))
            # Of what is elsewhere nobody can tell before it is read.
            return Content(digest, box, state or picture.state())
        if state and isinstance(picture, str | os.PathLike):
            return Content(bytes.fromhex(file_digest(Path(picture))), box, state)
    except (OSError, PictureError):
        pass  # reading it again says what is wrong
    return None


def _digest(stored: Stored) -> bytes:
    if isinstance(stored, bytes):
        return hashlib.sha256(stored).digest()
    kind = repr((stored.dtype.str, stored.shape)).encode()
    return hashlib.sha256(kind + stored.tobytes()).digest()


def _state(picture: Picture, limits: PictureLimits) -> Hashable:
    """Return what changes when a picture does; None for no file, and for one too long to read."""
    if isinstance(picture, Member):
        return picture.state()
    stamp = stamp_file(picture) if isinstance(picture, str | os.PathLike) else None
    return stamp if stamp and stamp.size <= limits.max_bytes else None

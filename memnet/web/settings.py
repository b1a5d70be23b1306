"""How a server is set up, and the limits of what it takes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from memnet.preprocess.decode import MAX_SIDE, PictureLimits
from memnet.scoring import DEFAULT_BATCH_SIZE
from memnet.scoring.precision import EXACT

PORT = 8400


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one request may bring, and all of them together.

    Attributes
    ----------
    files : pictures in a request.
    bytes_per_file : of an encoded picture.
    bytes : of the body of a request.
    bytes_together : of all bodies that are in memory at a time; more are answered with 503.
    pixels, side : of a picture, before it is unpacked.
    decoding_seconds : for one picture, after which its decoder is ended.
    decoding_bytes : that a decoder may take beyond what it has when it starts.
    waiting, waiting_seconds : pictures that were accepted and are not scored yet, and how long
        they will take by the last ones; more are answered with 503.
    body_seconds : until a body, or the head of a request, must have come; long bodies have more
        time, at :data:`memnet.web.intake.SLOWEST` bytes per second.
    """

    files: int = 100
    bytes_per_file: int = 64_000_000
    bytes: int = 256_000_000
    bytes_together: int = 1_000_000_000
    pixels: int = 100_000_000
    side: int = MAX_SIDE
    decoding_seconds: float = 30.0
    decoding_bytes: int = 2_500_000_000
    waiting: int = 200
    waiting_seconds: float = 30.0
    body_seconds: float = 20.0

    @property
    def of_a_picture(self) -> PictureLimits:
        """Those that the decoder checks."""
        return PictureLimits(
            max_pixels=self.pixels, max_side=self.side, max_bytes=self.bytes_per_file
        )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a server is set up.

    Attributes
    ----------
    models : names or weight files, as :func:`memnet.load` takes them.
    host, port : where it listens.
    device, precision : as of :func:`memnet.load`.
    batch_size : pictures per pass through a network.
    key : that every request of the API must bring; "" for none.
    names : host names by which it may be called, besides addresses and this machine's own names.
    demo : whether the page begins with the pictures that the package carries.
    decoders : processes that decode.
    limits : see there.
    """

    models: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = PORT
    device: str = "auto"
    precision: str = EXACT
    batch_size: int = DEFAULT_BATCH_SIZE
    key: str = field(default="", repr=False)
    names: tuple[str, ...] = ()
    demo: bool = False
    decoders: int = min(4, os.cpu_count() or 1)
    limits: Limits = field(default_factory=Limits)

"""What the processes that decode run: a picture's bytes in, what the networks need out.

A picture may be made to take hours, all memory, or to crash a decoder. It then costs a process that
has nothing else in it, has a limit of memory, and gives way to the networks.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from memnet.errors import LimitError, PictureError
from memnet.preprocess import pillow_compiled, pillow_resize  # noqa: F401
from memnet.preprocess.decode import USUAL_LIMITS, PictureLimits, decode
from memnet.preprocess.spec import PreprocessSpec
from memnet.scoring.engine import Prepared, decode_for, prepare
from memnet.studies.cautions import face_cascade, look_at
from memnet.web.picture_warnings import Warned, warnings_of

_NICE = 5
"""A quarter of a core against a network's threads, which wait for the slowest of them; and enough
to get on beside other programs of the machine."""


@dataclass(frozen=True)
class Recipe:
    """What happens to a picture before a network sees it, as it travels to another process."""

    preprocess: PreprocessSpec | None
    exif_orientation: Literal["ignore", "apply"]
    mean_image: np.ndarray | None


@dataclass(frozen=True)
class Ready:
    """A picture that is ready for the networks.

    Attributes
    ----------
    width, height, mode : of the picture.
    warnings : what to know of it, kind and sentence.
    inputs : place of a recipe -> what it makes of the picture. Tensors travel as arrays.
    """

    width: int
    height: int
    mode: str
    warnings: list[Warned]
    inputs: dict[int, Prepared]


_recipes: tuple[Recipe, ...] = ()
_cascade: Any = None


def begin(recipes: tuple[Recipe, ...], more_bytes: int) -> None:
    """Set up a process: what it makes of pictures, and how much memory it may take from now on."""
    global _recipes, _cascade
    _recipes, _cascade = recipes, face_cascade()
    torch.set_num_threads(1)
    if hasattr(os, "nice"):
        os.nice(_NICE)
    pillow_resize.expect_many()
    buffer = io.BytesIO()
    Image.new("RGB", (300, 300)).save(buffer, "JPEG")
    # What the first picture would wait for is imported and compiled now.
    for place in range(len(recipes)):
        get_ready(buffer.getvalue(), [place], USUAL_LIMITS)
    limit_memory(more_bytes)


def limit_memory(more_bytes: int) -> None:
    """Let the process take so much address space more, where the system can hold it to that."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError):  # not Linux
        return
    most = pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def get_ready(data: bytes, wanted: Sequence[int], limits: PictureLimits) -> Ready | str:
    """Decode a picture and make what the wanted recipes feed their networks.

    Returns
    -------
    Ready or str
        why it cannot be decoded.
    """
    recipes = {place: _recipes[place] for place in wanted}
    try:
        decoded = decode_for(data, recipes.values() or _recipes[:1], limits)
        first = next(iter(decoded.values()))
        made = prepare(decoded, recipes)
        return Ready(
            width=first.width,
            height=first.height,
            mode=first.mode,
            warnings=warnings_of(first, look_at(first, _cascade)),
            inputs={place: _as_array(each) for place, each in made.items()},
        )
    except (PictureError, MemoryError) as error:
        return _sentence(error)


def get_pixels(
    data: bytes, exif_orientation: Literal["ignore", "apply"], limits: PictureLimits
) -> np.ndarray | str:
    """Decode a picture, and return it as uint8 ``(H, W, 3)``, or why it cannot be decoded."""
    try:
        return np.asarray(decode(data, exif_orientation=exif_orientation, limits=limits).rgb)
    except (PictureError, MemoryError) as error:
        return _sentence(error)


def _sentence(error: PictureError | MemoryError) -> str:
    """Say why a picture cannot be decoded, to those who cannot change the limits."""
    if isinstance(error, MemoryError):
        return "The memory does not hold this picture; shrink it."
    return error.where_fixed if isinstance(error, LimitError) else str(error)


def _as_array(prepared: Prepared) -> Prepared:
    """Turn a tensor into an array: torch would pass tensors on by files that nobody removes."""
    content: Any = prepared.content
    if isinstance(content, Tensor):
        content = content.numpy()
    return replace(prepared, content=content)


def as_tensor(prepared: Prepared) -> Prepared:
    """Undo what the process did to a tensor so that it could travel."""
    content: Any = prepared.content
    if isinstance(content, np.ndarray):
        content = torch.from_numpy(content)
    return replace(prepared, content=content)


def be_there() -> None:
    """Do nothing, which a process can do once it has begun."""

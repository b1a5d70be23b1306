"""What libraries of MemNet's day make of the eight pictures; needs only the library and NumPy.

    python tests/helpers/old_libraries.py tensorflow    # with tensorflow and pillow installed
    python tests/helpers/old_libraries.py pillow        # with a Pillow up to version 12

write `tests/golden/resized_by_tensorflow1.npz` and `tests/golden/resized_by_pillow12.json`. OpenCV
and scikit-image are compared live.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, __version__

TESTS = Path(__file__).parent.parent
PILLOW = TESTS / "golden" / "resized_by_pillow12.json"
TENSORFLOW = TESTS / "golden" / "resized_by_tensorflow1.npz"
LINES = sorted({0, 1, 2, 224, 225, 226, *range(5, 227, 23)})
"""Rows and columns kept of 227."""


def pictures() -> dict[str, Path]:
    folders = (TESTS / "golden" / "images", TESTS.parent / "memnet" / "data" / "pictures")
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.png"))}


def digest(pixels: np.ndarray) -> str:
    assert pixels.dtype == np.uint8
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def with_pillow() -> None:
    assert int(__version__.split(".")[0]) <= 12, __version__
    found = {
        f"{name} {side}": digest(
            np.asarray(Image.open(path).convert("RGB").resize((side, side), Image.BILINEAR))
        )
        for name, path in pictures().items()
        for side in (227, 256)
    }
    about = {
        "certificate": f"Pillow {__version__}, Image.resize((side, side), BILINEAR) of 8-bit RGB; "
        "sha256 of the uint8 pixels in C order; made by python tests/helpers/old_libraries.py "
        "pillow",
        "sha256": found,
    }
    PILLOW.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def with_tensorflow() -> None:
    import tensorflow as tf

    found = {}
    for name, path in pictures().items():
        picture = np.asarray(Image.open(path).convert("RGB"), dtype=np.float32)[None]
        resized = tf.compat.v1.image.resize_bilinear(
            picture, (227, 227), align_corners=False, half_pixel_centers=False
        )
        found[name] = resized.numpy()[0][np.ix_(LINES, LINES)]
    certificate = (
        f"rows and columns {LINES} of TensorFlow {tf.__version__}, tf.compat.v1.image."
        "resize_bilinear(..., (227, 227), align_corners=False, half_pixel_centers=False), RGB "
        "float32; made by python tests/helpers/old_libraries.py tensorflow"
    )
    np.savez_compressed(TENSORFLOW, certificate=np.array(certificate), **found)


if __name__ == "__main__":
    {"pillow": with_pillow, "tensorflow": with_tensorflow}[sys.argv[1]]()

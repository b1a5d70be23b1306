"""Takes a sample of the reference's resized pictures: every border pixel and a grid inside.

    python tests/helpers/resized_sample.py ../shared/golden/resized_256_matlab_bilinear.npz

writes `tests/golden/resized_sample.npz`. The whole file (4 MB) is compared where it is at hand.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np

OUT = Path(__file__).parent.parent / "golden" / "resized_sample.npz"
EDGE = [0, 1, 2, 253, 254, 255]
LINES = sorted({*EDGE, *range(5, 256, 23)})
"""Rows and columns kept: the mirrored border, where resizers differ most, and some inside."""


def main(source: Path) -> None:
    whole = np.load(source)
    sample = {name: whole[name][np.ix_(LINES, LINES)] for name in whole.files}
    certificate = (
        f"rows and columns {LINES} of {source.name} "
        f"(sha256 {hashlib.sha256(source.read_bytes()).hexdigest()}): MATLAB's "
        "imresize(single(im), [256 256], 'bilinear') arithmetic in float64, RGB float32; "
        "made by python tests/helpers/resized_sample.py"
    )
    np.savez_compressed(OUT, certificate=np.array(certificate), **sample)
    print(OUT, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

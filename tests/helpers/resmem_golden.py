"""Asks the published `resmem` package for its pixels and scores of the eight golden pictures.

Run where the package is installed; it writes `tests/golden/resmem_pictures.json`:

    python tests/helpers/resmem_golden.py
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

GOLDEN = Path(__file__).parent.parent / "golden" / "resmem_pictures.json"


def digest(pixels: Tensor) -> str:
    """Sha256 of a network input's float32 values, in C order."""
    return hashlib.sha256(pixels.contiguous().numpy().tobytes()).hexdigest()


if __name__ == "__main__":
    import resmem as published
    import torchvision.models
    from PIL import Image

    published.resnet152 = lambda pretrained=False: torchvision.models.resnet152(weights=None)
    network = published.ResMem(pretrained=True).eval()
    root = Path(__file__).parents[2]
    paths = [*(root / "memnet/samples/pictures").glob("*.png"), *GOLDEN.parent.glob("images/*.png")]
    pictures = {}
    for path in sorted(paths, key=lambda path: path.name):
        with Image.open(path) as image:
            pixels = published.transformer(image.convert("RGB"))
        with torch.inference_mode():
            score = network(pixels[None]).item()
        pictures[path.name] = {"score": score, "pixels_sha256": digest(pixels)}
    packages = ("resmem", "torch", "torchvision", "pillow")
    certificate = {
        "what": "the resmem package's own transformer and network on the golden pictures",
        "command": "python tests/helpers/resmem_golden.py",
        "versions": {name: version(name) for name in packages},
        "pictures": pictures,
    }
    GOLDEN.write_text(json.dumps(certificate, indent=1) + "\n")

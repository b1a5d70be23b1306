"""How far the variants and the resizers of MemNet's day lie from the libraries they imitate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import old_libraries
from memnet.data.inputs import Item
from memnet.preprocess.resize import RESIZERS
from memnet.studies.variants.scores import VariantScores, score_variants
from references import GOLDEN, Measured, golden_pictures, imported

SIZES = ((256, 256), (227, 227))


def expected_outputs() -> dict[str, np.ndarray]:
    """What Caffe's own caffe.io gave: variant -> ``(8 pictures, crops)``, as `golden_pictures`."""
    expected = json.loads((GOLDEN / "mini" / "expected_variants.json").read_text())["raw_fc8"]
    slugs = next(iter(expected.values()))
    return {slug: np.array([expected[name][slug] for name in golden_pictures()]) for slug in slugs}


def small_network_variants(folder: Path) -> VariantScores:
    """Every variant of the small network on the eight pictures."""
    model = imported(GOLDEN / "mini" / "mini_v2.caffemodel", folder)
    items = [Item(name, str(path), path) for name, path in golden_pictures().items()]
    return score_variants(model, items)


def variants_ladder(folder: Path) -> list[Measured]:
    ours = small_network_variants(folder)
    worst = 0.0
    for slug, outputs in expected_outputs().items():
        theirs = outputs.mean(axis=1)
        worst = max(worst, float(np.abs(ours.raw(slug) - theirs).max() / theirs.std(ddof=1)))
    return [Measured("variants.raw", worst, "small network, nine variants, eight pictures")]


def _worst(resize_kind: str, theirs: Callable[[Image.Image, tuple[int, int]], np.ndarray]) -> float:
    return max(
        float(
            np.abs(
                RESIZERS[resize_kind](picture, size).astype(np.float64) - theirs(picture, size)
            ).max()
        )
        for picture in (Image.open(path).convert("RGB") for path in golden_pictures().values())
        for size in SIZES
    )


def _opencv(picture: Image.Image, size_hw: tuple[int, int]) -> np.ndarray:
    import cv2

    return cv2.resize(np.asarray(picture), size_hw[::-1], interpolation=cv2.INTER_LINEAR)


def _skimage(smooth: bool) -> Callable[[Image.Image, tuple[int, int]], np.ndarray]:
    """What ``caffe.io.resize_image`` does: stretch to [0, 1], resize, stretch back."""
    from skimage.transform import resize

    def resized(picture: Image.Image, size_hw: tuple[int, int]) -> np.ndarray:
        values = np.asarray(picture) / 255.0
        low, high = values.min(), values.max()
        stretched = (values - low) / (high - low)
        small = resize(stretched, size_hw, order=1, mode="constant", anti_aliasing=smooth)
        return (small * (high - low) + low) * 255

    return resized


def resizers_ladder() -> list[Measured]:
    frozen = json.loads(old_libraries.PILLOW.read_text(encoding="utf-8"))["sha256"]
    tensorflow = np.load(old_libraries.TENSORFLOW)
    differ, far = 0, 0.0
    for name, path in old_libraries.pictures().items():
        picture = Image.open(path).convert("RGB")
        for side in (227, 256):
            pixels = RESIZERS["pillow12-bilinear-8bit"](picture, (side, side))
            differ += old_libraries.digest(pixels) != frozen[f"{name} {side}"]
        pixels = RESIZERS["tensorflow1-bilinear-float"](picture, (227, 227))
        lines = np.ix_(old_libraries.LINES, old_libraries.LINES)
        far = max(far, float(np.abs(pixels[lines] - tensorflow[name]).max()))
    sharp, smooth = "skimage-linear-float", "skimage-linear-antialiased-float"
    over = "eight pictures, every pixel"
    return [
        Measured("resize.pillow12", differ, over),
        Measured("resize.opencv", _worst("opencv-linear-8bit", _opencv), over),
        Measured("resize.tensorflow1", far, "eight pictures, a sample of pixels"),
        Measured("resize.skimage", _worst(sharp, _skimage(False)), over),
        Measured("resize.skimage_smoothed", _worst(smooth, _skimage(True)), over),
    ]

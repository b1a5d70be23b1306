"""ViTMem against the published `vitmem` package, with random weights in its own layout."""

from __future__ import annotations

from copy import deepcopy
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image

import references
from memnet.reimpl.vitmem import ViTMem
from needs import skip_for

SIZES = [(256, 256), (640, 480), (97, 64), (200, 600), (224, 224), (1, 300)]


@pytest.fixture(scope="module")
def vitmem(tmp_path_factory):
    """The package's transform and network with random weights, and memnet's model of them."""
    if find_spec("vitmem") is None:
        skip_for("the vitmem package")
    return references.random_vitmem(tmp_path_factory.mktemp("vitmem"))


@pytest.fixture
def made(tmp_path):
    """Six pictures with edges and noise, of shapes that resize, stretch and enlarge."""
    random = np.random.default_rng(5)
    paths = []
    for number, (width, height) in enumerate(SIZES):
        coarse = random.integers(256, size=(4, 4, 3), dtype=np.uint8)
        pixels = np.asarray(
            Image.fromarray(coarse).resize((width, height), Image.Resampling.NEAREST)
        )
        noise = random.integers(-20, 20, pixels.shape)
        picture = Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))
        paths.append(tmp_path / f"{number}.png")
        picture.save(paths[-1])
    return paths


def test_six_made_pictures_have_the_packages_pixels_and_scores(vitmem, made):
    assert references.too_far([references.vitmem_scores(vitmem, made)]) == []


@pytest.mark.slow
def test_50_real_pictures_have_the_packages_pixels_and_scores(vitmem, shared):
    paths = sorted((shared / "data" / "pictures" / "images").iterdir())[:400:8]
    assert len(paths) == 50
    assert references.too_far([references.vitmem_scores(vitmem, paths)]) == []


def test_in_64_bit_floats_the_two_networks_are_one(vitmem):
    """What is left in 32 bits is rounding: two orders of the same sums."""
    pixels = torch.rand(2, 3, 224, 224, dtype=torch.float64)
    theirs, ours = (deepcopy(each).double() for each in (vitmem[1], vitmem[2].network))
    with torch.inference_mode():
        assert (theirs(pixels).flatten() - ours(pixels)).abs().max() < 1e-13


def test_the_whole_checksum_is_kept_and_the_training_is_known(vitmem):
    header = vitmem[2].header
    assert len(header.weights_sha256) == 64
    assert header.pretrained_on == ("ImageNet-21k",)
    assert header.trained_on == ("lamem", "memcat", "lamem+memcat")


def test_it_has_the_parameters_of_vit_b_16_with_one_output():
    with torch.device("meta"):
        network = ViTMem()
    numbers = sum(parameter.numel() for parameter in network.parameters())
    assert numbers == 86_567_656 - 768 * 999 - 999  # torchvision's own table, 1000 classes

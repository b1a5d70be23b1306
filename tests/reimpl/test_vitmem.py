"""ViTMem against the published `vitmem` package, with random weights in its own layout."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image

import memnet
import references
from memnet.reimpl.vitmem import ViTMem
from memnet.weights import store
from memnet.weights.catalogue import catalogue, find
from memnet.weights.digests import file_digest
from needs import skip_for

NAME = "vitmem.published"
LIMIT = references.limit("vitmem.score")
SIZES = [(256, 256), (640, 480), (97, 64), (200, 600), (224, 224), (1, 300)]


@pytest.fixture(scope="module")
def package():
    """The package's transform and its network, every parameter drawn at random."""
    if find_spec("vitmem") is None:
        skip_for("the vitmem package")
    import vitmem

    torch.manual_seed(3)
    network = vitmem.ViTMem_model().eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.normal_(std=0.3 if parameter.dim() < 2 else 0.05)  # logits of about 1
            if name.endswith(("norm1.weight", "norm2.weight", "norm.weight")):
                parameter.add_(1)
    return vitmem.transform, network


@pytest.fixture(scope="module")
def imported(package, tmp_path_factory):
    """The same weights by `memnet`: written as they are published, imported and loaded."""
    folder = tmp_path_factory.mktemp("vitmem")
    path = folder / "published.pth"
    torch.save(package[1].state_dict(), path)
    entry = replace(find(NAME), sha256=file_digest(path)[:8])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMNET_HOME", str(folder / "home"))
        patch.setitem(catalogue(), NAME, entry)
        store.fetch(entry, file=path)
        path.unlink()
        yield memnet.load(NAME, device="cpu")


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


def worst_against(package, model, paths) -> float:
    transform, network = package
    scores = model.score(paths).score
    worst, theirs = 0.0, []
    for path, score in zip(paths, scores, strict=True):
        with Image.open(path) as image:
            pixels = transform(image.convert("RGB"))
        assert torch.equal(model.preprocess.apply(path)[0], pixels), path
        with torch.inference_mode():
            theirs.append(network(pixels[None]).item())
        worst = max(worst, abs(theirs[-1] - score))
    assert np.std(theirs) > 1e-3  # else an answer that is always the same would do
    return worst


def test_six_made_pictures_have_the_packages_pixels_and_scores(package, imported, made):
    assert worst_against(package, imported, made) <= LIMIT


@pytest.mark.slow
def test_50_real_pictures_have_the_packages_pixels_and_scores(package, imported, shared):
    paths = sorted((shared / "data" / "pictures" / "images").iterdir())[:400:8]
    assert len(paths) == 50
    assert worst_against(package, imported, paths) <= LIMIT


def test_in_64_bit_floats_the_two_networks_are_one(package, imported):
    """What is left in 32 bits is rounding: two orders of the same sums."""
    pixels = torch.rand(2, 3, 224, 224, dtype=torch.float64)
    theirs, ours = deepcopy(package[1]).double(), deepcopy(imported.network).double()
    with torch.inference_mode():
        assert (theirs(pixels).flatten() - ours(pixels)).abs().max() < 1e-13


def test_the_whole_checksum_is_kept_and_the_training_is_known(imported):
    assert len(imported.header.weights_sha256) == 64
    assert imported.header.pretrained_on == ("ImageNet-21k",)
    assert imported.header.trained_on == ("lamem", "memcat", "lamem+memcat")


def test_it_has_the_parameters_of_vit_b_16_with_one_output():
    with torch.device("meta"):
        network = ViTMem()
    numbers = sum(parameter.numel() for parameter in network.parameters())
    assert numbers == 86_567_656 - 768 * 999 - 999  # torchvision's own table, 1000 classes

"""ResMem against the published `resmem` package: live where it is installed, frozen everywhere."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import memnet
import references
from memnet.reimpl.resmem import ResMem
from memnet.weights.catalogue import find
from memnet.weights.files import match_tensors
from resmem_golden import digest
from resmem_recipe import recipe_inputs, recipe_weights

SCORE_LIMIT = references.limit("resmem.score")
SPEC = find("resmem.published").preprocess


@pytest.fixture(scope="module")
def frozen(golden):
    return json.loads((golden / "resmem_pictures.json").read_text())["pictures"]


@pytest.fixture(scope="module")
def published():
    """The `resmem` package's transformer and network."""
    if find_spec("resmem") is None:
        pytest.skip("needs the resmem package; frozen numbers are tested")
    import resmem as package
    import torchvision.models

    patch = pytest.MonkeyPatch()  # or the package would download ImageNet weights
    patch.setattr(
        package, "resnet152", lambda pretrained=False: torchvision.models.resnet152(weights=None)
    )
    network = package.ResMem(pretrained=True).eval()
    patch.undo()
    return package.transformer, network


@pytest.fixture(scope="module")
def eight(resmem, golden_pictures):
    """The score table of the eight pictures, computed in one batch."""
    return resmem.score(list(golden_pictures.values()), batch_size=8)


@pytest.fixture(scope="module")
def recipe_network():
    with torch.device("meta"):
        network = ResMem()
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    network.load_state_dict(recipe_weights(shapes), assign=True)
    network.eval()
    # What ResNet-152 gives for the inputs of the recipe is computed once, not for each test.
    forward, known = network.features.forward, {}

    def remembered(x):
        key = x.numpy().tobytes()
        if key not in known:
            known[key] = forward(x)
        return known[key]

    network.features.forward = remembered
    return network


def test_it_has_the_parameters_of_the_published_file():
    with torch.device("meta"):
        network = ResMem()
    assert len(network.state_dict()) == 956
    assert (
        sum(parameter.numel() for parameter in network.parameters()) == 60_192_808 + 71_496_001
    )  # ResNet-152, the rest


def test_the_network_computes_what_the_packages_class_computes(recipe_network, golden):
    expected = json.loads((golden / "resmem_recipe.json").read_text())["scores"]
    with torch.inference_mode():
        got = recipe_network(recipe_inputs())
    assert got.shape == (4,)
    assert np.abs(got.numpy() - expected).max() < SCORE_LIMIT


@pytest.mark.parametrize("mistake", ["swapped branches", "no LRN", "alpha not divided by size"])
def test_the_frozen_outputs_notice_a_well_known_mistake(recipe_network, golden, mistake):
    expected = json.loads((golden / "resmem_recipe.json").read_text())["scores"]
    network = recipe_network
    patch = pytest.MonkeyPatch()
    if mistake == "swapped branches":
        order = torch.cat
        patch.setattr(torch, "cat", lambda parts, dim: order(parts[::-1], dim=dim))
    elif mistake == "no LRN":
        patch.setattr(network.lrn1, "forward", lambda x: x)
    else:
        patch.setattr(network.lrn1, "alpha", 5e-4)
    with torch.inference_mode():
        got = network(recipe_inputs())
    patch.undo()
    assert np.abs(got.numpy() - expected).max() > SCORE_LIMIT


def test_building_it_downloads_nothing(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a download was tried")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with torch.device("meta"):
        assert ResMem().features.fc.out_features == 1000


def test_dropout_acts_in_training_only(recipe_network):
    inputs = recipe_inputs()[:1]
    torch.manual_seed(0)
    recipe_network.dropout.train()  # batch normalisation stays as it is
    with torch.inference_mode():
        dropped = [recipe_network(inputs).item() for _ in range(2)]
    recipe_network.dropout.eval()
    with torch.inference_mode():
        kept = [recipe_network(inputs).item() for _ in range(2)]
    assert dropped[0] != dropped[1]
    assert kept[0] == kept[1]


def test_a_missing_and_a_spare_tensor_are_both_named():
    with torch.device("meta"):
        targets = ResMem().state_dict()
    numbers = {each.dtype: torch.zeros((), dtype=each.dtype) for each in targets.values()}
    tensors = {name: numbers[each.dtype].expand(each.shape) for name, each in targets.items()}
    tensors["fc13.weight"] = tensors.pop("fc12.weight")
    with pytest.raises(memnet.MemnetError, match=r"fc13\.weight.*fc12\.weight"):
        match_tensors(tensors, targets, "model.pt")


def test_pixels_equal_the_packages_bit_for_bit(frozen, golden_pictures):
    assert frozen.keys() == golden_pictures.keys()
    assert len(frozen) == 8
    for name, path in golden_pictures.items():
        assert digest(SPEC.apply(path)[0]) == frozen[name]["pixels_sha256"], name


def test_frozen_scores_of_eight_pictures(eight, frozen):
    table = eight.set_index("image_id")
    worst = max(abs(table.score[name] - frozen[name]["score"]) for name in frozen)
    assert worst <= SCORE_LIMIT


def test_live_scores_and_pixels_of_three_pictures(eight, published, golden_pictures):
    paths = list(golden_pictures.values())[:3]
    eight = eight[:3]
    assert _worst_against_package(eight, published, paths) <= SCORE_LIMIT


@pytest.mark.slow  # the frozen scores of the same pictures are the package's
def test_live_scores_and_pixels_of_50_real_pictures(resmem, published, shared):
    paths = sorted((shared / "data" / "pictures" / "images").iterdir())[:400:8]
    assert len(paths) == 50
    assert _worst_against_package(resmem.score(paths), published, paths) <= SCORE_LIMIT


@pytest.mark.parametrize("step", [50, pytest.param(8, marks=pytest.mark.slow)])
def test_frozen_scores_of_real_pictures(resmem, shared, step):
    table = pd.read_csv(shared / "golden" / "resmem_pictures400.csv", dtype=str)
    expected = table.set_index("image_id").score[::step].map(float)
    folder = shared / "data" / "pictures" / "images"
    table = resmem.score([folder / name for name in expected.index]).set_index("image_id")
    assert len(table) == 400 // step
    assert (table.score - expected).abs().max() <= SCORE_LIMIT


def _worst_against_package(table, published, paths) -> float:
    transformer, network = published
    worst = 0.0
    for path, score in zip(paths, table.score, strict=True):
        with Image.open(path) as image:
            pixels = transformer(image.convert("RGB"))
        assert torch.equal(SPEC.apply(path)[0], pixels), path
        with torch.inference_mode():
            worst = max(worst, abs(network(pixels[None]).item() - score))
    return worst


def test_a_batch_of_one_equals_a_batch_of_eight(resmem, eight, golden_pictures):
    alone = resmem.score(list(golden_pictures.values())[:3], batch_size=1).score
    assert (alone - eight.score[:3]).abs().max() <= SCORE_LIMIT


def test_the_licence_is_said_once_on_stderr(resmem, capsys, monkeypatch):
    from memnet.util import messages

    monkeypatch.setattr(messages, "_said", set())
    memnet.load("resmem.published")
    memnet.load("resmem.published")
    captured = capsys.readouterr()
    assert captured.err.count("non-commercial") == 1
    assert captured.out == ""


def test_loading_does_not_import_the_resmem_package(resmem, monkeypatch):
    monkeypatch.setitem(sys.modules, "resmem", None)  # its import would be an error
    with pytest.raises(ImportError):
        __import__("resmem")
    assert memnet.load("resmem.published").header == resmem.header

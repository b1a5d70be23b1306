"""The layers of networks, counted as others count them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import memnet
from inspected import FEW, make_model, make_small, make_spec
from memnet.inspect.layers import find_layer, layers_of
from memnet.legacy.network import LAYER_NAMES, MemNetCaffe
from memnet.reimpl.resmem import ResMem
from memnet.reimpl.vitmem import ViTMem

PUBLISHED_NUMBERS = (13, 35, 81, 96, 105, 126, 139)
"""Of the paper's figures 13 and 14."""


@pytest.fixture(scope="module")
def deep() -> memnet.Predictor:
    """As deep as the published ResMem, with few channels."""
    return make_model(ResMem(sizes=FEW))


@pytest.fixture(scope="module")
def deep_layers(deep):
    return layers_of(deep)


def test_resnet152_has_155_convolutions_and_alexnet_five(deep_layers):
    names = [layer.name for layer in deep_layers if layer.kind == "convolution"]
    assert sum(name.startswith("features.") for name in names) == 155
    assert [name for name in names if "." not in name] == [f"conv{n}" for n in range(1, 6)]


def test_dense_layers_are_the_classes_and_the_head(deep_layers):
    names = [layer.name for layer in deep_layers if layer.kind == "dense"]
    assert names == ["features.fc", *(f"fc{n}" for n in range(6, 13))]


def walk(module: nn.Module) -> list[nn.Conv2d]:
    """Collect the convolutions as published: children in order, and theirs in their place."""
    found = []
    for child in module.children():
        found += [child] if isinstance(child, nn.Conv2d) else walk(child)
    return found


def test_numbers_of_the_paper_are_those_of_a_walk_over_children(deep):
    walked = walk(deep.network.features)
    assert len(walked) == 155
    for number in PUBLISHED_NUMBERS:
        assert find_layer(deep, f"resnet-{number}").module is walked[number]


def test_the_shortcut_of_a_block_is_counted_last(deep):
    assert find_layer(deep, "features.layer1.0.downsample.0").aliases == ("resnet-4",)
    assert find_layer(deep, "resnet-5").name == "features.layer1.1.conv1"


def test_addresses_of_the_published_analysis(deep):
    layer = find_layer(deep, "resnet:6-23-2")
    assert layer.name == "features.layer3.23.conv2"
    features = list(deep.network.features.children())
    assert layer.module is list(list(features[6].children())[23].children())[2]


def test_layers_come_in_the_order_of_their_calls(deep, deep_layers):
    calls = []
    hooks = [
        layer.module.register_forward_hook(lambda module, *_: calls.append(module))
        for layer in deep_layers
    ]
    with torch.no_grad():
        deep.network(torch.zeros(1, 3, 227, 227))
    for hook in hooks:
        hook.remove()
    assert [layer.module for layer in deep_layers] == calls
    place = {layer.name: n for n, layer in enumerate(deep_layers)}
    block = "features.layer2.0"
    assert place[f"{block}.downsample.0"] < place[f"{block}.conv1"] < place[f"{block}.conv2"]


def test_shapes_are_those_of_the_outputs(deep_layers):
    shapes = {layer.name: layer.shape for layer in deep_layers}
    assert shapes["conv1"] == (48, 55, 55)
    assert shapes["conv5"] == (256, 13, 13)
    assert shapes["features.conv1"] == (64, 114, 114)
    assert shapes["features.layer4.2.conv3"] == (2048, 8, 8)
    assert shapes["fc12"] == (1,)


def test_parameters_of_all_layers_are_those_of_the_network_without_its_norms(deep, deep_layers):
    norms = [m for m in deep.network.modules() if isinstance(m, nn.BatchNorm2d)]
    in_norms = sum(each.numel() for norm in norms for each in norm.parameters())
    whole = sum(each.numel() for each in deep.network.parameters())
    assert sum(layer.parameters for layer in deep_layers) == whole - in_norms


def test_memnet_by_caffes_names():
    model = make_model(MemNetCaffe({"fc6": 8, "fc7": 8}))
    assert [layer.name for layer in layers_of(model)] == list(LAYER_NAMES)
    last = find_layer(model, "fc8-euclidean")
    assert (last.name, last.filters, last.parameters) == ("fc8", 1, 9)


def test_a_transformer_has_its_patches_and_its_dense_layers():
    model = make_model(ViTMem(), side=224)
    patches, *dense = layers_of(model)
    assert patches.name == "vit.conv_proj"
    assert patches.shape == (768, 14, 14)
    assert (patches.receptive_field.size, patches.receptive_field.stride) == (16, 16)
    assert len(dense) == 12 * 2 + 1
    assert dense[0].shape == (1 + 14 * 14, 3072)
    assert dense[0].filters == 3072
    assert {layer.receptive_field for layer in dense} == {None}


def test_looking_leaves_nothing_behind(deep):
    layers_of(deep)
    assert not any(module._forward_hooks for module in deep.network.modules())


def test_a_layer_that_is_not_there():
    with pytest.raises(memnet.MemnetError) as error:
        find_layer(make_small(), "secon")
    assert str(error.value) == (
        "random.test has no layer 'secon'. Did you mean 'second' or 'score'? "
        "`memnet inspect layers random.test` lists them all."
    )


def test_a_number_that_is_not_there(deep):
    with pytest.raises(memnet.MemnetError, match=r"no layer 'resnet-155'.*'resnet-15'"):
        find_layer(deep, "resnet-155")


def test_a_function_of_pictures_has_no_layers():
    model = memnet.Predictor.from_function("mine.v1", lambda pictures: [0.5] * len(pictures))
    with pytest.raises(memnet.MemnetError, match=r"mine\.v1 is a function that memnet cannot look"):
        layers_of(model)


def test_a_function_of_crops_has_no_layers():
    model = memnet.Predictor.from_function(
        "mine.v1", lambda crops: crops.mean(dim=(1, 2, 3)), preprocess=make_spec(33)
    )
    with pytest.raises(memnet.MemnetError, match="give a torch module"):
        layers_of(model)


def test_a_torch_module_of_ones_own_has_layers():
    means = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = nn.Sequential(nn.Conv2d(3, 2, 3), means, nn.Linear(2, 1))
    model = memnet.Predictor.from_function("mine.v1", network, preprocess=make_spec(33))
    assert [(layer.name, layer.kind) for layer in layers_of(model)] == [
        ("0", "convolution"),
        ("2", "dense"),
    ]

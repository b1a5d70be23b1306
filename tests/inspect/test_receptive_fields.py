"""Receptive fields are the boxes of pixels with a gradient, where nothing can cancel."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, pad
from torch.overrides import TorchFunctionMode

from inspected import FEW, make_model
from memnet.inspect.layers import find_layer, layers_of
from memnet.legacy.network import MemNetCaffe
from memnet.reimpl.m3m import M3M
from memnet.reimpl.resmem import ResMem

MAX_POOLS = (max_pool2d, torch.max_pool2d, torch.nn.functional.max_pool2d_with_indices)


class MeansForMaxima(TorchFunctionMode):
    """Pool by means: the gradient of a maximum goes to one pixel of its window only."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func in MAX_POOLS:
            assert kwargs.pop("dilation", 1) == 1
            kwargs.pop("return_indices", None)
            return avg_pool2d(*args, **kwargs, count_include_pad=False)
        return func(*args, **kwargs)


def make_positive(network: nn.Module) -> nn.Module:
    """Make every weight positive, and outputs of about the size of the inputs."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            with torch.no_grad():
                module.weight.uniform_(0.5, 1.5).div_(module.weight[0].numel())
    return network.double().eval()


def box_by_gradient(network: nn.Module, module: nn.Module, side: int, row: int, column: int):
    """Return left, top, right, bottom of the pixels on which a unit's value depends."""
    picture = torch.rand(1, 3, side, side, dtype=torch.float64).add_(0.5).requires_grad_()
    kept: list[Tensor] = []
    hook = module.register_forward_hook(lambda _, __, output: kept.append(output.clone()))
    with MeansForMaxima():
        network(picture)
    hook.remove()
    kept[0][0, :, row, column].sum().backward()
    seen = picture.grad[0].abs().sum(dim=0) > 0
    rows, columns = (seen.any(dim=axis).nonzero().flatten().tolist() for axis in (1, 0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def compare(network: nn.Module, side: int, names: list[str], places=("middle", "corner")) -> None:
    model = make_model(network, side=side)
    layers = [find_layer(model, name) for name in names]
    positive = make_positive(network)
    for layer in layers:
        height, width = layer.shape[1:]
        at = {"middle": (height // 2, width // 2 - 1), "corner": (height - 1, 0)}
        for place in places:
            expected = box_by_gradient(positive, layer.module, side, *at[place])
            assert layer.receptive_field.box(*at[place], side, side) == expected, layer.name


class Chain(nn.Module):
    """Padding, stride, dilation, pools and a shift, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 4, 5, stride=2, padding=1)
        self.b = nn.Conv2d(4, 4, 3, padding=2, dilation=2)
        self.c = nn.Conv2d(4, 4, 2, stride=2)
        self.d = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = max_pool2d(torch.relu(self.a(x)), 3, stride=2, padding=1)
        x = avg_pool2d(self.b(x), 2, stride=1, padding=1)
        x = self.c(pad(x, (1, 0, 1, 0)))
        return self.d(x).mean(dim=(1, 2, 3))


class Branches(nn.Module):
    """A sum of a narrow and a wide branch that are shifted against each other, and a joint one."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(3, 4, 1, stride=2)
        self.wide = nn.Conv2d(3, 4, 7, stride=2, padding=3)
        self.after = nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        left = self.narrow(pad(x, (4, -4, 4, -4)))
        x = left + self.wide(x)
        return self.after(torch.cat((x, left), dim=1)).mean(dim=(1, 2, 3))


def test_a_chain():
    compare(Chain(), 71, ["a", "b", "c", "d"])


def test_the_union_of_branches():
    compare(Branches(), 64, ["narrow", "wide", "after"], places=("middle",))


class Other(nn.Module):
    """What cannot be said in squares: other sizes of both sides, and what mixes places."""

    def __init__(self) -> None:
        super().__init__()
        self.oblong = nn.Conv2d(3, 4, (1, 3))
        self.turned = nn.Conv2d(4, 4, 1)
        self.square = nn.Conv2d(3, 4, 3)
        self.larger = nn.Conv2d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        beside = self.larger(nn.functional.interpolate(self.square(x), scale_factor=2))
        return self.turned(self.oblong(x).mT).mean(dim=(1, 2, 3)) + beside.mean(dim=(1, 2, 3))


def test_what_squares_cannot_say_is_left_open():
    fields = {
        layer.name: layer.receptive_field for layer in layers_of(make_model(Other(), side=20))
    }
    assert fields["square"].size == 3
    assert fields["oblong"] is fields["turned"] is fields["larger"] is None


ALEXNET = {"conv1": 11, "conv2": 51, "conv3": 99, "conv4": 131, "conv5": 163}
"""Published sizes of AlexNet's receptive fields at these strides and pools."""


def shallow_resmem() -> ResMem:
    return ResMem(sizes={**FEW, **{f"resnet_stage{n}": 1 for n in (1, 2, 3, 4)}})


def small_memnet() -> MemNetCaffe:
    return MemNetCaffe({"fc6": 8, "fc7": 8})


@pytest.mark.parametrize("make", [shallow_resmem, small_memnet])
def test_fields_of_the_alexnet_branches(make):
    network = make()
    layers = {layer.name: layer for layer in layers_of(make_model(network))}
    assert {name: layers[name].receptive_field.size for name in ALEXNET} == ALEXNET
    compare(network, 227, ["conv1", "conv3", "conv5"])


def test_fields_of_pools_that_round_up():
    compare(small_memnet(), 225, ["conv2", "conv5"], places=("middle",))


def test_fields_of_the_published_resnet_by_gradient():
    names = ["resnet-0", "resnet-4", "resnet-10", "resnet-13"]
    compare(ResMem(sizes={**FEW, "resnet_stage3": 1, "resnet_stage4": 1}), 227, names)


@pytest.mark.slow
def test_deeper_fields_of_the_published_resnet_by_gradient():
    compare(ResMem(sizes=FEW), 227, [f"resnet-{n}" for n in (35, 81, 96, 105, 126, 139, 154)])


def test_what_lies_behind_a_whole_view_is_whole():
    """M3M's third branch reads what an FCN says of every pixel, at the size of the input."""
    network = M3M(sizes={**FEW, "resnet_stage3": 1, "fcn_width": 4})
    fields = {layer.name: layer.receptive_field for layer in layers_of(make_model(network))}
    assert fields["fcn.backbone.layer4.2.conv3"].size > 227
    assert fields["segment1"] is None

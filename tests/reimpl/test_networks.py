"""The paper's networks: sizes, shapes, what freezing freezes, where gradients go."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import resnet152
from torchvision.models.segmentation import fcn_resnet50

from memnet.errors import MemnetError
from memnet.legacy.network import MemNetCaffe
from memnet.reimpl import TRAINABLE
from memnet.reimpl.m3m import M3M
from memnet.reimpl.memnet import MemNet48, MemNet96
from memnet.reimpl.resmem import ResMem
from memnet.reimpl.training.config import network_class
from planted import SMALL

KINDS = {"memnet48": MemNet48, "memnet96": MemNet96, "resmem": ResMem, "m3m": M3M}


def small(kind):
    torch.manual_seed(0)
    network = kind(sizes={k: v for k, v in SMALL.items() if k in kind.published_sizes})
    network.initialise(tuple(kind.branches))
    return network


def on_meta(kind):
    with torch.device("meta"):
        return kind()


def parameters(network, *modules):
    return sum(p.numel() for n, p in network.named_parameters() if n.split(".")[0] in modules)


def test_the_registry_has_these_networks():
    assert {name: network_class(name) for name in TRAINABLE} == KINDS


def test_memnet48_has_the_parameters_of_its_layers():
    # weights of conv1 ... fc8 as Needell & Bainbridge's code has them, then biases
    convolutions = 48 * 3 * 121 + 256 * 24 * 25 + 384 * 128 * 9 + 384 * 192 * 9 + 256 * 192 * 9
    full = 4096 * 9216 + 4096 * 4096 + 4096
    biases = 48 + 256 + 384 + 384 + 256 + 4096 + 4096 + 1
    assert sum(p.numel() for p in on_meta(MemNet48).parameters()) == convolutions + full + biases


def test_memnet96_is_the_originals_layout_to_the_tensor():
    with torch.device("meta"):
        original = MemNetCaffe()
    shapes = {name: tuple(t.shape) for name, t in original.state_dict().items()}
    ours = {name: tuple(t.shape) for name, t in on_meta(MemNet96).state_dict().items()}
    assert ours == shapes
    assert sum(p.numel() for p in on_meta(MemNet96).parameters()) == 56_872_321


def test_memnet48_differs_from_it_in_conv1_and_conv3_alone():
    first, second = (on_meta(kind).state_dict() for kind in (MemNet48, MemNet96))
    other = {name for name in first if first[name].shape != second[name].shape}
    assert other == {"conv1.weight", "conv1.bias", "conv2.weight", "conv3.weight"}


def test_memnet96_computes_what_the_original_computes():
    torch.manual_seed(3)
    original = MemNetCaffe({"fc6": 64, "fc7": 64}).eval()
    network = MemNet96(sizes={"fc6": 64, "fc7": 64}).eval()
    network.load_state_dict(original.state_dict())
    crops = torch.randn(2, 3, 227, 227) * 60
    with torch.inference_mode():
        expected, got = original(crops), network(crops)
    assert torch.allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_m3m_is_resmem_and_torchvisions_fcn_and_a_small_network():
    network = on_meta(M3M)
    with torch.device("meta"):
        fcn = fcn_resnet50(weights=None, weights_backbone=None, num_classes=21)
    theirs = {f"fcn.{name}": tuple(t.shape) for name, t in fcn.state_dict().items()}
    ours = {n: tuple(t.shape) for n, t in network.state_dict().items() if n.startswith("fcn.")}
    assert ours == theirs
    segments = (21 * 121 + 32 * 25 + 32 * 9) * 32 + 3 * 32
    assert parameters(network, "segment1", "segment2", "segment3") == segments
    wider = 4096 * 32 * 6 * 6  # fc6 reads the third branch, too
    resmem = sum(p.numel() for p in on_meta(ResMem).parameters())
    fcn_size = sum(p.numel() for p in fcn.parameters())
    assert sum(p.numel() for p in network.parameters()) == resmem + fcn_size + segments + wider


def test_the_third_branch_has_21_channels_at_the_size_of_the_input():
    network = small(M3M).eval()
    with torch.inference_mode():
        channels = network.segmentation(torch.rand(2, 3, 227, 227))
        assert channels.shape == (2, 21, 227, 227)
        assert network.segments(channels).shape == (2, 8 * 6 * 6)


def test_resmems_default_resnet_is_torchvisions_resnet152():
    with torch.device("meta"):
        theirs = resnet152(weights=None)
    shapes = {f"features.{name}": tuple(t.shape) for name, t in theirs.state_dict().items()}
    ours = on_meta(ResMem).state_dict()
    assert {n: tuple(t.shape) for n, t in ours.items() if n.startswith("features.")} == shapes


@pytest.mark.parametrize("kind", KINDS.values())
def test_one_number_a_picture_and_in_the_unit_interval_where_it_is_squashed(kind):
    network = small(kind).eval()
    with torch.inference_mode():
        outputs = network(torch.rand(3, 3, 227, 227))
    assert outputs.shape == (3,)
    assert outputs.dtype == torch.float32
    if issubclass(kind, ResMem):
        assert ((outputs > 0) & (outputs < 1)).all()
    else:
        assert (outputs.abs() > 1e-3).any()


@pytest.mark.parametrize("kind", KINDS.values())
def test_every_parameter_is_in_one_branch_and_gets_a_gradient(kind):
    network = small(kind).train()
    network.dropout.p = 0.0
    network(torch.rand(4, 3, 227, 227)).sum().backward()
    for name, parameter in network.named_parameters():
        assert network.branch_of(name), name
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(("kind", "branch"), [(ResMem, "resnet"), (M3M, "segmentation")])
def test_a_frozen_branch_is_really_frozen_batch_norm_too(kind, branch):
    network = small(kind)
    network.freeze((branch,))
    network.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    trained = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        (network(torch.rand(4, 3, 227, 227)) - 0.3).square().mean().backward()
        optimiser.step()
    for name, tensor in network.state_dict().items():
        moved = not torch.equal(tensor, before[name])
        if network.branch_of(name) == branch:
            assert not moved, name
        elif name.endswith("weight") and network.branch_of(name) in ("head", "convolutions"):
            assert moved, name


def test_an_unfrozen_resnets_statistics_do_move():
    network = small(ResMem).train()
    before = network.features.bn1.running_mean.clone()
    network(torch.rand(4, 3, 227, 227))
    assert not torch.equal(network.features.bn1.running_mean, before)


@pytest.mark.parametrize("kind", KINDS.values())
def test_known_branch_outputs_give_the_same_score(kind):
    network = small(kind).eval()
    pictures = torch.rand(3, 3, 227, 227)
    with torch.inference_mode():
        known = {b: network.frozen_output(b, pictures) for b in kind.branches if b != "head"}
        assert torch.equal(network(pictures), network(torch.empty(3, 3, 0, 0), known))
        known = {name: torch.zeros_like(tensor) for name, tensor in known.items()}
        assert not torch.equal(network(pictures), network(pictures, known))


@pytest.mark.parametrize("kind", KINDS.values())
def test_the_sizes_are_read_off_the_tensors(kind):
    network = small(kind)
    again = kind.shaped_like(network.state_dict())
    shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
    assert {name: tensor.shape for name, tensor in again.state_dict().items()} == shapes


@pytest.mark.parametrize("kind", [MemNet48, ResMem])
def test_a_new_network_tells_pictures_apart(kind):
    """With PyTorch's own initial weights two pictures differ in the sixth digit."""
    sizes = {"fc6": 512, "fc7": 512, "resnet_stage3": 1}
    torch.manual_seed(0)
    network = kind(sizes={k: v for k, v in sizes.items() if k in kind.published_sizes}).eval()
    pictures = torch.rand(6, 3, 1, 1).expand(6, 3, 227, 227) * torch.rand(6, 3, 227, 227)
    with torch.inference_mode():
        plain = network(pictures).std()
        network.initialise(("convolutions", "head"))
        ours = network(pictures).std()
    assert plain < 1e-3
    assert ours > 10 * plain


@pytest.mark.parametrize(
    ("sizes", "words"),
    [({"conv9": 3}, "conv9"), ({"conv1": 0}, "whole number"), ({"fc6": 1.5}, "whole number")],
)
def test_wrong_sizes_are_refused(sizes, words):
    with pytest.raises(MemnetError, match=words):
        MemNet48(sizes=sizes)


def test_freezing_an_unknown_branch_or_everything_is_refused():
    network = small(ResMem)
    with pytest.raises(MemnetError, match="resnett"):
        network.freeze(("resnett",))
    with pytest.raises(MemnetError, match="nothing would be trained"):
        network.freeze(("resnet", "convolutions", "head"))

"""Our ResNet against torchvision's: the same names, the same drawing, the same numbers."""

from __future__ import annotations

import pytest
import torch
from torchvision.models.resnet import Bottleneck
from torchvision.models.resnet import ResNet as Published

from memnet.reimpl.resnet import ResNet

CASES = [
    ((3, 4, 6, 3), 64, False),
    ((3, 4, 6, 3), 64, True),
    ((1, 2, 1, 1), 16, False),
    ((1, 1, 2, 2), 128, True),
]


@pytest.fixture(params=CASES, ids=str)
def both(request):
    blocks, width, dilated = request.param
    torch.manual_seed(3)
    published = Published(
        Bottleneck,
        list(blocks),
        width_per_group=width,
        replace_stride_with_dilation=[False, True, True] if dilated else None,
    )
    torch.manual_seed(3)
    return ResNet(blocks, width=width, dilated=dilated), published


def test_names_and_drawn_weights_are_torchvisions_in_every_bit(both):
    ours, published = (network.state_dict() for network in both)
    assert list(ours) == list(published)
    assert all(torch.equal(ours[name], published[name]) for name in ours)
    children = [[name for name, _ in network.named_children()] for network in both]
    assert children[0] == children[1]  # by which an FCN takes the trunk apart


def test_outputs_are_torchvisions_in_every_bit(both):
    pictures = torch.rand(2, 3, 75, 90)
    for training in (False, True):  # in training, batch norm changes what comes after
        outputs = [network.train(training)(pictures) for network in both]
        assert torch.equal(*outputs)
    gradients = []
    for network in both:
        network(pictures).square().sum().backward()
        gradients.append(network.conv1.weight.grad)
    assert torch.equal(*gradients)


def test_all_152_layers_have_torchvisions_tensors():
    from torchvision.models import resnet152

    with torch.device("meta"):
        ours, published = ResNet((3, 8, 36, 3)).state_dict(), resnet152().state_dict()
    assert [(name, each.shape) for name, each in ours.items()] == [
        (name, each.shape) for name, each in published.items()
    ]

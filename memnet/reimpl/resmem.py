"""ResMem and ResMemRetrain: AlexNet-like convolutions beside a ResNet-152, one score out.

Sources
-------
Needell & Bainbridge (2022), "Embracing New Techniques in Deep Learning for Estimating Image
Memorability", Computational Brain & Behavior 5, 168-184, doi 10.1007/s42113-022-00126-5.
The layer sizes are those of the published weights (distribution ``resmem`` 1.1.6, file
``resmem/model.pt``; names of its state dict are kept, so the table that loads it is one to one).

ResMem and ResMemRetrain are one network. They differ in training alone: ResMem keeps the
ResNet at its ImageNet weights, ResMemRetrain trains it too and is what ``resmem`` publishes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from memnet.reimpl.branches import (
    CONVOLUTIONS,
    Network,
    bottleneck_resnet,
    last_layer,
    resnet_sizes,
)


class ResMem(Network):
    """ResMem (Needell & Bainbridge 2022), 132 million parameters.

    Parameters are random until a state dict is loaded: building it downloads nothing.

    Parameters
    ----------
    sizes : output channels of a layer (``conv1`` ... ``fc11``), blocks of a stage of the ResNet
        (``resnet_stage1`` ...) and its channels per group (``resnet_width``) where they are not
        the published ones; for tests and small experiments.
    dropout : share of the outputs of fc6 and of fc7 that are dropped in training.

    Shapes
    ------
    input: ``(N, 3, 227, 227)`` float32, RGB, values in [0, 1], no normalisation.
    output: ``(N,)`` float32 in (0, 1): the probability that the picture is remembered.
    """

    branches: ClassVar = {
        "resnet": ("features",),
        "convolutions": CONVOLUTIONS,
        "head": ("fc6", "fc7", "fc8", "fc9", "fc10", "fc11", "fc12"),
    }
    published_sizes: ClassVar = {
        "resnet_stage1": 3,
        "resnet_stage2": 8,
        "resnet_stage3": 36,
        "resnet_stage4": 3,
        "resnet_width": 64,
        "conv1": 48,
        "conv2": 256,
        "conv3": 384,
        "conv4": 384,
        "conv5": 256,
        "fc6": 4096,
        "fc7": 4096,
        "fc8": 2048,
        "fc9": 1024,
        "fc10": 512,
        "fc11": 256,
    }
    resnet_outputs: ClassVar = 1000  # all of its classes, not the 2048 features

    def __init__(self, *, sizes: Mapping[str, int] | None = None, dropout: float = 0.5) -> None:
        super().__init__()
        w = self.all_sizes(sizes)
        self.features = self.build_resnet(w)

        self.conv1 = nn.Conv2d(3, w["conv1"], kernel_size=11, stride=4)
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.lrn1 = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)
        self.conv2 = nn.Conv2d(w["conv1"], w["conv2"], kernel_size=5, padding=2, groups=2)
        self.pool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.lrn2 = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)
        self.conv3 = nn.Conv2d(w["conv2"], w["conv3"], kernel_size=3, padding=1, groups=2)
        self.conv4 = nn.Conv2d(w["conv3"], w["conv4"], kernel_size=3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(w["conv4"], w["conv5"], kernel_size=3, padding=1, groups=2)
        self.pool5 = nn.MaxPool2d(kernel_size=3, stride=2)

        self.fc6 = nn.Linear(w["conv5"] * 6 * 6 + self.resnet_outputs, w["fc6"])
        self.fc7 = nn.Linear(w["fc6"], w["fc7"])
        self.fc8 = nn.Linear(w["fc7"], w["fc8"])
        self.fc9 = nn.Linear(w["fc8"], w["fc9"])
        self.fc10 = nn.Linear(w["fc9"], w["fc10"])
        self.fc11 = nn.Linear(w["fc10"], w["fc11"])
        self.fc12 = nn.Linear(w["fc11"], 1)
        # After fc6 and fc7. The published code drops after fc7 with the module it calls drp8.
        self.dropout = nn.Dropout(p=dropout)

    def build_resnet(self, sizes: Mapping[str, int]) -> nn.Module:
        return bottleneck_resnet(sizes, "resnet")

    @classmethod
    def sizes_of(cls, tensors: Mapping[str, Tensor]) -> dict[str, int]:
        return super().sizes_of(tensors) | resnet_sizes(tensors, "features", "resnet")

    def convolutions(self, pictures: Tensor) -> Tensor:
        x = relu(self.conv1(pictures))  # N x 48 x 55 x 55
        x = self.lrn1(self.pool1(x))  # N x 48 x 27 x 27
        x = relu(self.conv2(x))  # N x 256 x 27 x 27
        x = self.lrn2(self.pool2(x))  # N x 256 x 13 x 13
        x = relu(self.conv3(x))  # N x 384 x 13 x 13
        x = relu(self.conv4(x))  # N x 384 x 13 x 13
        x = relu(self.conv5(x))  # N x 256 x 13 x 13
        x = self.pool5(x)  # N x 256 x 6 x 6
        return torch.flatten(x, 1)  # N x 9216

    def resnet(self, pictures: Tensor) -> Tensor:
        deep: Tensor = self.features(pictures)  # N x 1000
        return deep

    def head(self, joined: Tensor) -> Tensor:
        x = self.dropout(relu(self.fc6(joined)))  # N x 4096
        x = self.dropout(relu(self.fc7(x)))  # N x 4096
        x = relu(self.fc8(x))  # N x 2048
        x = relu(self.fc9(x))  # N x 1024
        x = relu(self.fc10(x))  # N x 512
        x = relu(self.fc11(x))  # N x 256
        x = torch.sigmoid(last_layer(self.fc12, x))  # N x 1
        return x.flatten()  # N

    def forward(self, pictures: Tensor, known: Mapping[str, Tensor] | None = None) -> Tensor:
        shallow = self.output_of("convolutions", pictures, known)  # N x 9216
        deep = self.output_of("resnet", pictures, known)  # N x 1000
        joined = torch.cat(
            (shallow, deep), dim=1
        )  # N x 10216    the order of the published weights
        return self.head(joined)

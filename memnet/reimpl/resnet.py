"""Residual networks of bottlenecks: ResNet-50, -101 and -152, and dilated as a trunk of an FCN.

He et al. (2016), doi 10.1109/CVPR.2016.90, with the stride in the 3 x 3 convolution, as torchvision
builds them and publishes their weights. The names of modules, the numbers and the weights that are
drawn from a seed are torchvision's (tested); importing its collection of models takes as long as
importing torch, which everybody who scores one picture would wait for.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

EXPANSION = 4
"""A block has four times as many channels as its 3 x 3 convolution at the usual width."""

USUAL_WIDTH = 64


class Bottleneck(nn.Module):
    """Three convolutions, 1 x 1, 3 x 3 and 1 x 1, beside a shortcut.

    Parameters
    ----------
    before, width, after : channels of the input, within the block, and of its output.
    stride, dilation : of the 3 x 3 convolution.
    downsample : what the shortcut goes through; None for nothing.
    """

    def __init__(
        self,
        before: int,
        width: int,
        after: int,
        *,
        stride: int,
        dilation: int,
        downsample: nn.Module | None,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(
            width, width, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, after, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        x += shortcut
        summed: Tensor = self.relu(x)
        return summed


class ResNet(nn.Module):
    """A stem, four stages of bottlenecks, and 1000 classes.

    Parameters
    ----------
    blocks : of each stage; 3, 8, 36, 3 are ResNet-152.
    width : channels inside the first stage's blocks.
    dilated : whether the last two stages keep their resolution.

    Shapes
    ------
    input: ``(N, 3, H, W)`` float32. output: ``(N, 1000)``.
    """

    def __init__(
        self, blocks: Sequence[int], *, width: int = USUAL_WIDTH, dilated: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = stage(64, 64, blocks[0], width)
        self.layer2 = stage(256, 128, blocks[1], width, stride=2)
        if dilated:
            self.layer3 = stage(512, 256, blocks[2], width, dilations=(1, 2))
            self.layer4 = stage(1024, 512, blocks[3], width, dilations=(2, 4))
        else:
            self.layer3 = stage(512, 256, blocks[2], width, stride=2)
            self.layer4 = stage(1024, 512, blocks[3], width, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * EXPANSION, 1000)
        if self.fc.weight.is_meta:  # nothing to draw, and torch would import its compiler for it
            return
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        classes: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return classes


def stage(
    before: int,
    channels: int,
    blocks: int,
    width: int,
    *,
    stride: int = 1,
    dilations: tuple[int, int] = (1, 1),
) -> nn.Sequential:
    """Build a stage.

    Parameters
    ----------
    before : channels of the input.
    channels : of the 3 x 3 convolutions at the usual width; a quarter of the output's.
    blocks : how many.
    width : see :class:`ResNet`.
    stride : of the first block.
    dilations : of the first block, and of the others.
    """
    after, within = channels * EXPANSION, int(channels * (width / USUAL_WIDTH))
    first, others = dilations
    downsample = None
    if stride != 1 or before != after:
        downsample = nn.Sequential(
            nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after)
        )
    made = [Bottleneck(before, within, after, stride=stride, dilation=first, downsample=downsample)]
    for _ in range(1, blocks):
        made.append(Bottleneck(after, within, after, stride=1, dilation=others, downsample=None))
    return nn.Sequential(*made)

"""The original MemNet, layer by layer as Caffe computes it.

Sources
-------
Khosla, Raju, Torralba & Oliva (2015), "Understanding and Predicting Image Memorability at a Large
Scale", ICCV, doi 10.1109/ICCV.2015.275; its ``deploy.prototxt`` for the layers.
BVLC Caffe 1.0 for their arithmetic: ``src/caffe/layers/pooling_layer.cpp`` (output size),
``lrn_layer.cpp`` (alpha over local_size).

A fine-tuned Hybrid-CNN, which is AlexNet with pooling before normalisation. The worst distance of
every blob from real Caffe is in ``docs/precision.md``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d

from memnet.legacy.architecture import ORIGINAL_WIDTHS

LAYER_NAMES = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
"""The learnt layers by their names here; Caffe calls the last ``fc8-euclidean``."""


def max_pool_like_caffe(x: Tensor) -> Tensor:
    """3 x 3 maximum with stride 2, as Caffe: the output size is rounded up, not down.

    The last window may hang over the edge (``pooling_layer.cpp``, ``ceil``). At MemNet's 227
    pixels both ways give the same sizes; at 224 Caffe's pool1 has 27 columns, floor gives 26.
    Equal to real Caffe to the bit, given equal input.
    """
    return max_pool2d(x, kernel_size=3, stride=2, ceil_mode=True)


def lrn_like_caffe(x: Tensor) -> Tensor:
    """Local response normalisation across 5 channels: ``x / (1 + alpha / 5 * sum(x^2))^0.75``.

    Caffe divides alpha (1e-4) by the number of channels (``lrn_layer.cpp``); TensorFlow's and the
    paper's alpha are not divided. Worst distance from real Caffe: ``docs/precision.md``.
    """
    channels = x.shape[1]
    square = x * x
    total = square.clone()
    for shift in (1, 2):
        if shift < channels:
            total[:, shift:] += square[:, :-shift]
            total[:, :-shift] += square[:, shift:]
    scale = total.mul_(1e-4 / 5).add_(1.0)
    root = scale.sqrt()
    return x / (root * root.sqrt())  # scale^0.75; two square roots are faster than a power


class ConvInHalves(nn.Conv2d):
    """Convolve the two halves of the input channels apart, and add.

    The same sum in another order, for its rounding: on a CPU in channels-last layout, where
    PyTorch is fastest, one sum runs over up to 2,304 products in 32-bit floats and ends up to
    1.4e-5 of the blob's RMS from the exact value; two of half the length stay below 9e-6 and cost
    5 % (``docs/precision.md``, ``benchmarks/legacy.py``).
    """

    def forward(self, x: Tensor) -> Tensor:
        each = self.in_channels // self.groups
        half = each // 2
        if not half:
            return super().forward(x)
        apart = x.reshape(x.shape[0], self.groups, each, *x.shape[2:])
        first, second = apart[:, :, :half].flatten(1, 2), apart[:, :, half:].flatten(1, 2)
        weight = self.weight
        layout = torch.channels_last if x.is_contiguous(memory_format=torch.channels_last) else None
        if layout is not None:
            first, second = (part.contiguous(memory_format=layout) for part in (first, second))
        sum_ = conv2d(first, weight[:, :half], self.bias, 1, self.padding, 1, self.groups)
        return sum_ + conv2d(second, weight[:, half:], None, 1, self.padding, 1, self.groups)


class MemNetCaffe(nn.Module):
    """The original MemNet (Khosla et al. 2015), 57 million parameters at its own widths.

    Parameters
    ----------
    widths : output channels per learnt layer; networks of the same shape at other widths are for
        tests and fine-tuned relatives, and are not the original.

    Shapes
    ------
    input: ``(N, 3, 227, 227)`` float32, BGR, grey levels 0 to 255 minus the mean image.
    output: ``(N,)`` float32, the raw output; scaling to a score is not the network's business.
    """

    def __init__(self, widths: Mapping[str, int] | None = None) -> None:
        super().__init__()
        full = {name.split("-")[0]: width for name, width in ORIGINAL_WIDTHS.items()}
        w = {**full, **(widths or {})}
        self.conv1 = nn.Conv2d(3, w["conv1"], kernel_size=11, stride=4)
        self.conv2 = ConvInHalves(w["conv1"], w["conv2"], kernel_size=5, padding=2, groups=2)
        self.conv3 = ConvInHalves(w["conv2"], w["conv3"], kernel_size=3, padding=1)
        self.conv4 = ConvInHalves(w["conv3"], w["conv4"], kernel_size=3, padding=1, groups=2)
        self.conv5 = ConvInHalves(w["conv4"], w["conv5"], kernel_size=3, padding=1, groups=2)
        self.fc6 = nn.Linear(w["conv5"] * 6 * 6, w["fc6"])
        self.fc7 = nn.Linear(w["fc6"], w["fc7"])
        self.fc8 = nn.Linear(w["fc7"], w["fc8"])
        self.dropout = nn.Dropout(p=0.5)

    @classmethod
    def shaped_like(cls, tensors: Mapping[str, Tensor]) -> MemNetCaffe:
        """Build the network at the widths of given tensors (``conv1.weight`` ... ``fc8.bias``)."""
        biases = {name: tensors.get(f"{name}.bias") for name in LAYER_NAMES}
        return cls({name: len(bias) for name, bias in biases.items() if bias is not None})

    def forward(self, crops: Tensor) -> Tensor:
        return self.blobs(crops)["fc8-euclidean"].flatten()

    def blobs(self, crops: Tensor) -> dict[str, Tensor]:
        """Compute every blob, by its name in Caffe (where ReLU writes over the blob it reads).

        The shapes are those at 227 x 227 pixels and the original's widths.
        """
        relu = torch.relu_  # in place, as Caffe's: it writes over the blob of the layer before it
        b = {"data": crops}  # N x 3 x 227 x 227
        b["conv1"] = relu(self.conv1(b["data"]))  # N x 96 x 55 x 55
        b["pool1"] = max_pool_like_caffe(b["conv1"])  # N x 96 x 27 x 27    Caffe: rounds up
        b["norm1"] = lrn_like_caffe(b["pool1"])  # N x 96 x 27 x 27    after pooling, not before
        b["conv2"] = relu(self.conv2(b["norm1"]))  # N x 256 x 27 x 27    two groups
        b["pool2"] = max_pool_like_caffe(b["conv2"])  # N x 256 x 13 x 13
        b["norm2"] = lrn_like_caffe(b["pool2"])  # N x 256 x 13 x 13
        b["conv3"] = relu(self.conv3(b["norm2"]))  # N x 384 x 13 x 13    one group
        b["conv4"] = relu(self.conv4(b["conv3"]))  # N x 384 x 13 x 13    two groups
        b["conv5"] = relu(self.conv5(b["conv4"]))  # N x 256 x 13 x 13    two groups
        b["pool5"] = max_pool_like_caffe(b["conv5"])  # N x 256 x 6 x 6
        x = torch.flatten(b["pool5"], 1)  # N x 9216    channel, row, column, as Caffe lays it out
        b["fc6"] = self.dropout(relu(self.fc6(x)))  # N x 4096
        b["fc7"] = self.dropout(relu(self.fc7(b["fc6"])))  # N x 4096
        b["fc8-euclidean"] = self.fc8(b["fc7"])  # N x 1    no squashing
        return b

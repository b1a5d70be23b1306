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

import torch
from torch import Tensor, nn
from torch.nn.functional import relu
from torchvision.models import resnet152


class ResMem(nn.Module):
    """ResMem (Needell & Bainbridge 2022), 132 million parameters.

    Parameters are random until a state dict is loaded: building it downloads nothing.

    Shapes
    ------
    input: ``(N, 3, 227, 227)`` float32, RGB, values in [0, 1], no normalisation.
    output: ``(N,)`` float32 in (0, 1): the probability that the picture is remembered.
    """

    input_shape = (3, 227, 227)

    def __init__(self) -> None:
        super().__init__()
        self.features = resnet152(weights=None)  # all 1000 outputs are used, not the 2048 features

        self.conv1 = nn.Conv2d(3, 48, kernel_size=11, stride=4)
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.lrn1 = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)
        self.conv2 = nn.Conv2d(48, 256, kernel_size=5, padding=2, groups=2)
        self.pool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.lrn2 = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)
        self.conv3 = nn.Conv2d(256, 384, kernel_size=3, padding=1, groups=2)
        self.conv4 = nn.Conv2d(384, 384, kernel_size=3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, kernel_size=3, padding=1, groups=2)
        self.pool5 = nn.MaxPool2d(kernel_size=3, stride=2)

        self.fc6 = nn.Linear(9216 + 1000, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, 2048)
        self.fc9 = nn.Linear(2048, 1024)
        self.fc10 = nn.Linear(1024, 512)
        self.fc11 = nn.Linear(512, 256)
        self.fc12 = nn.Linear(256, 1)
        # After fc6 and fc7. The published code drops after fc7 with the module it calls drp8.
        self.dropout = nn.Dropout(p=0.5)

    def forward(self, pictures: Tensor) -> Tensor:
        x = relu(self.conv1(pictures))  # N x 48 x 55 x 55
        x = self.lrn1(self.pool1(x))  # N x 48 x 27 x 27
        x = relu(self.conv2(x))  # N x 256 x 27 x 27
        x = self.lrn2(self.pool2(x))  # N x 256 x 13 x 13
        x = relu(self.conv3(x))  # N x 384 x 13 x 13
        x = relu(self.conv4(x))  # N x 384 x 13 x 13
        x = relu(self.conv5(x))  # N x 256 x 13 x 13
        x = self.pool5(x)  # N x 256 x 6 x 6
        shallow = torch.flatten(x, 1)  # N x 9216
        deep = self.features(pictures)  # N x 1000
        x = torch.cat((shallow, deep), dim=1)  # N x 10216    the order of the published weights
        x = self.dropout(relu(self.fc6(x)))  # N x 4096
        x = self.dropout(relu(self.fc7(x)))  # N x 4096
        x = relu(self.fc8(x))  # N x 2048
        x = relu(self.fc9(x))  # N x 1024
        x = relu(self.fc10(x))  # N x 512
        x = relu(self.fc11(x))  # N x 256
        x = torch.sigmoid(self.fc12(x))  # N x 1
        return x.flatten()  # N

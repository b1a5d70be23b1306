"""Pictures as numbers that are good to optimise: waves in decorrelated colours.

A step along the gradient of pixels gives noise of high frequencies. In the Fourier domain, with
each frequency scaled as it is in photographs (1/f) and colours along the axes of photographs'
colours, a step of the same length changes all that makes up a photograph alike.

Sources
-------
Olah, Mordvintsev & Schubert (2017), "Feature Visualization", Distill, doi 10.23915/distill.00007,
section "Preconditioning and Parameterization".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
"""Red, green and blue (rows) of the three axes of colours in ImageNet's photographs: a square root
of the matrix of their covariances, as published with Olah et al. (2017) in the library Lucid (file
``lucid/optvis/param/color.py``). The first axis is brightness, the second red to blue, the third
green to purple."""

_START = 0.01
"""Standard deviation of the noise at the start, which is hardly visible."""

_CONTRAST = 0.25
"""A factor that leaves a step of Adam's usual rates small against the range of the sigmoid."""


class FourierPictures:
    """Pictures whose numbers are those of their waves.

    Attributes
    ----------
    spectrum : what is optimised, ``(N, 3, height, width // 2 + 1, 2)`` float32: for each axis of
        colour and each frequency a real and an imaginary part.
    """

    def __init__(
        self,
        size_hw: tuple[int, int],
        generators: Sequence[torch.Generator],
        device: torch.device,
    ) -> None:
        height, width = size_hw
        self._size_hw = size_hw
        rows, columns = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
        frequencies = (rows**2 + columns**2).sqrt().clamp(min=1 / max(size_hw))
        self._scale = (_CONTRAST / frequencies).to(device)  # height x (width // 2 + 1)
        colours = torch.tensor(COLOURS)
        self._colours = (colours / colours.norm(dim=0).max()).to(device)
        shape = (3, *frequencies.shape, 2)
        drawn = [torch.randn(shape, generator=each) for each in generators]  # on the CPU: the same
        self.spectrum = (torch.stack(drawn) * _START).to(device).requires_grad_()

    def __call__(self) -> Tensor:
        """Return the pictures, ``(N, 3, height, width)`` float32, RGB, 0 to 1."""
        waves = torch.view_as_complex(self.spectrum) * self._scale
        axes = torch.fft.irfft2(waves, s=self._size_hw, norm="ortho")
        return torch.sigmoid(torch.einsum("ca,nahw->nchw", self._colours, axes))

"""Two recipes of gradient ascent: that of the published analysis of 2020, and a modern one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from memnet.errors import MemnetError
from memnet.inspect.memory import require_memory
from memnet.inspect.objectives import FilterObjective, Objective
from memnet.inspect.picture_parameters import FourierPictures
from memnet.inspect.transforms import transformed
from memnet.util.arrays import UInt8Array


@dataclass(frozen=True)
class Ascent:
    """What came of a batch.

    Attributes
    ----------
    pictures : of each, height x width x 3, 8 bits.
    starts : value of each picture's objective before the first step.
    curves : of each picture, its objective's value at every step, as it was optimised.
    """

    pictures: list[UInt8Array]
    starts: list[float]
    curves: list[list[float]]


@dataclass(frozen=True, kw_only=True)
class Modern:
    """Olah et al. (2017): Fourier parametrisation, decorrelated colours, transforms, Adam.

    Each picture's gradient is divided by its root mean square, and Adam's epsilon is 1 instead of
    1e-8: else it would move waves that hardly matter as far as those that do, which is noise.

    A picture that is shifted by 8 pixels is nearly the same to a deep layer, and another one to a
    filter that looks at 7: so the transforms grow with the receptive field.

    Attributes
    ----------
    steps, rate : of Adam.
    jitter, degrees, scale : the largest transforms (:func:`.transforms.transformed`).
    full_reach : receptive field in pixels, from which on the transforms are that large; below,
        in proportion.
    diversity : how much unlikeness of several pictures of one filter counts, against the value of
        the objective.
    """

    name: ClassVar = "modern"
    steps: int = 256
    rate: float = 0.3
    jitter: float = 8.0
    degrees: float = 10.0
    scale: float = 0.1
    full_reach: int = 100
    diversity: float = 3.0

    @property
    def all_steps(self) -> int:
        """How many steps a picture takes."""
        return self.steps

    def ascend(
        self,
        objective: Objective,
        filters: Sequence[int],
        generators: Sequence[torch.Generator],
        device: torch.device,
        after_step: Callable[[], object] = lambda: None,
    ) -> Ascent:
        """Optimise pictures as one batch.

        Parameters
        ----------
        objective : what is raised.
        filters : of each picture; pictures of one filter are made unlike each other.
        generators : of each picture, on the CPU.
        device : where they are computed.
        after_step : called after each step.

        Raises
        ------
        MemnetError
            if the batch needs more memory than there is.
        """
        pictures = FourierPictures(objective.size_hw, generators, device)
        with torch.no_grad():
            first = pictures()
            starts = objective(first, filters)[0].tolist()
        require_memory(objective, first, filters, objective.size_hw, "use a smaller --batch-size")
        strength = min(1.0, objective.reach / self.full_reach) if objective.reach else 1.0
        optimiser = torch.optim.Adam([pictures.spectrum], lr=self.rate, eps=1.0)
        curves: list[list[float]] = []
        for _ in range(self.steps):
            seen = transformed(
                pictures(),
                generators,
                jitter=int(self.jitter * strength),
                degrees=self.degrees * strength,
                scale=self.scale * strength,
            )
            values, outputs = objective(seen, filters)
            gain = values.sum()
            if outputs is not None:
                gain = gain - self.diversity * _likeness(outputs, values.detach(), filters)
            (gradient,) = torch.autograd.grad(-gain, pictures.spectrum)
            pictures.spectrum.grad = gradient / _size(gradient)
            optimiser.step()
            curves.append(values.tolist())
            after_step()
        levels = (pictures().detach() * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        return Ascent(list(levels), starts, [list(curve) for curve in zip(*curves, strict=True)])


@dataclass(frozen=True, kw_only=True)
class Of2020:
    """The recipe of the published analysis of ResMem's features (``resmem`` 1.x, ``analysis.py``).

    Noise of 67 x 67 pixels is optimised, enlarged and blurred, sixteen times; the last picture is
    enlarged and blurred, too. One thing differs: pixels beyond black and white are cut off as the
    picture becomes 8-bit, where the original's wrapped around (256 became 0).

    Attributes
    ----------
    octaves : how often.
    steps, rate, weight_decay : of Adam in each octave, on pixels from 0 to 1.
    side, darkest, lightest : of the noise, in pixels and grey levels.
    enlarge, blur : by what a side is multiplied (Pillow's bicubic), and radius of the box blur.
    """

    name: ClassVar = "2020"
    octaves: int = 16
    steps: int = 36
    rate: float = 0.01
    weight_decay: float = 1e-6
    side: int = 67
    darkest: int = 150
    lightest: int = 180
    enlarge: float = 1.2
    blur: int = 2

    @property
    def all_steps(self) -> int:
        """How many steps a picture takes."""
        return self.octaves * self.steps

    def ascend(
        self,
        objective: Objective,
        filters: Sequence[int],
        generators: Sequence[torch.Generator],
        device: torch.device,
        after_step: Callable[[], object] = lambda: None,
    ) -> Ascent:
        """Optimise pictures as one batch; as :meth:`Modern.ascend`."""
        if not isinstance(objective, FilterObjective) or not objective.is_convolution:
            raise MemnetError(
                "The recipe of 2020 is for convolutions, which take pictures of any size; for "
                "other layers and the score use --recipe modern."
            )
        levels = [self._noise(each) for each in generators]
        with torch.no_grad():
            starts = objective(_tensor(levels, device), filters)[0].tolist()
        last = self.side
        for _ in range(self.octaves - 1):
            last = int(last * self.enlarge)
        advice = f"its last octave is {last:,} x {last:,} pixels; use fewer --octaves"
        require_memory(objective, _tensor(levels, device), filters, (last, last), advice)
        curves: list[list[float]] = []
        for _ in range(self.octaves):
            pictures = _tensor(levels, device).requires_grad_()
            optimiser = torch.optim.Adam([pictures], lr=self.rate, weight_decay=self.weight_decay)
            for _ in range(self.steps):
                values, _outputs = objective(pictures, filters)
                (pictures.grad,) = torch.autograd.grad(-values.sum(), pictures)
                optimiser.step()
                curves.append(values.tolist())
                after_step()
            cut = (pictures.detach() * 255).clamp(0, 255).byte()  # towards 0, as the original's
            levels = [self._larger(each) for each in cut.permute(0, 2, 3, 1).cpu().numpy()]
        return Ascent(levels, starts, [list(curve) for curve in zip(*curves, strict=True)])

    def _noise(self, generator: torch.Generator) -> UInt8Array:
        shape = (self.side, self.side, 3)
        drawn = torch.rand(shape, generator=generator) * (self.lightest - self.darkest)
        noise: UInt8Array = (drawn + self.darkest).byte().numpy()
        return noise

    def _larger(self, levels: UInt8Array) -> UInt8Array:
        side = int(len(levels) * self.enlarge)
        larger = Image.fromarray(levels).resize((side, side), Image.Resampling.BICUBIC)
        return np.asarray(larger.filter(ImageFilter.BoxBlur(self.blur)))


Recipe: TypeAlias = "Modern | Of2020"

RECIPES = {recipe.name: recipe for recipe in (Modern, Of2020)}
"""The recipes by name."""


def _tensor(levels: Sequence[UInt8Array], device: torch.device) -> Tensor:
    """Bring 8-bit pictures to ``(N, 3, H, W)`` float32, 0 to 1."""
    return torch.from_numpy(np.stack(levels)).permute(0, 3, 1, 2).to(device).float() / 255


def _size(gradient: Tensor) -> Tensor:
    """Return the root mean square of each picture's gradient; a dead filter's stays 0."""
    squares = gradient.square().mean(dim=tuple(range(1, gradient.ndim)), keepdim=True)
    return squares.sqrt().clamp(min=torch.finfo(gradient.dtype).tiny)


def _likeness(outputs: Tensor, values: Tensor, filters: Sequence[int]) -> Tensor:
    """How alike the pictures of one filter are, in the unit of the objective.

    The mean cosine of the Gram matrices of each picture and its others (Olah et al. 2017, section
    "Diversity"), times the objective's size, summed over pictures.
    """
    total = torch.zeros((), device=outputs.device)
    of_filter = torch.tensor(filters)
    for number in dict.fromkeys(filters):
        those = (of_filter == number).nonzero().flatten().to(outputs.device)
        if len(those) < 2:
            continue
        active = outputs[those].relu()  # K x filters x places
        gram = (active @ active.transpose(1, 2)).flatten(1)
        gram = torch.nn.functional.normalize(gram, dim=1)
        cosines = gram @ gram.T
        alike = (cosines.sum() - cosines.diagonal().sum()) / (len(those) - 1)
        total = total + alike * values[those].abs().mean()
    return total

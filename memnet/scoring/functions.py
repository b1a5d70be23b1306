"""Models that are a function and no weight file: what is known of one, and how it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from memnet.data.targets import HIT_RATE
from memnet.errors import MemnetError
from memnet.preprocess.spec import OutputSpec, PreprocessSpec

FUNCTION = "function"
"""What stands for the architecture of such a model, in sidecars and records."""

AS_IT_IS = OutputSpec(crop_reduction="mean", subtract=0.0, multiply=1.0, add=0.0, clamp="none")
"""The function's output is the score."""


@dataclass(frozen=True, kw_only=True)
class FunctionHeader:
    """What is known of a model that is a function: as of a weight file, without checksums.

    Attributes
    ----------
    name, licence, licence_notice, citation, trained_on, pretrained_on, remark, output, target : as
        of :class:`memnet.weights.files.WeightHeader`.
    preprocess : pixels in; None where the function takes pictures.
    exif_orientation : what happens to a picture's EXIF orientation, where it takes pictures.
    arch : :data:`FUNCTION`.
    weights_sha256, tensors_sha256 : "", since there is no file.
    """

    name: str
    preprocess: PreprocessSpec | None
    output: OutputSpec = AS_IT_IS
    target: str = HIT_RATE
    trained_on: tuple[str, ...] | None = None
    pretrained_on: tuple[str, ...] = ()
    licence: str = ""
    licence_notice: str = ""
    citation: str = ""
    remark: str = ""
    exif_orientation: Literal["ignore", "apply"] = "ignore"
    arch: str = FUNCTION
    weights_sha256: str = ""
    tensors_sha256: str = ""


class CheckedFunction:
    """Call a function and check that it gives a number for each thing that it got.

    Parameters
    ----------
    name : of the model, for messages.
    function : what the user gave.
    """

    def __init__(self, name: str, function: Callable[[Any], Any]) -> None:
        self.name, self.function = name, function

    def __call__(self, inputs: Tensor | Sequence[Any]) -> Tensor:
        """Return ``(N,)`` float outputs; raises ``MemnetError`` for anything else."""
        try:
            outputs = self.function(inputs)
        except MemnetError:  # it says itself what is wrong
            raise
        except Exception as error:  # anybody's function may raise anything
            raise MemnetError(
                f"The function of {self.name} failed on its {len(inputs)} inputs "
                f"({type(error).__name__}: {error}). It gets all of a batch at once: a list of "
                "pictures, or a tensor of crops."
            ) from error
        try:
            numbers = torch.as_tensor(outputs)
            numbers = numbers if numbers.is_floating_point() else numbers.cpu().double()
            if numbers.numel() == len(inputs):
                return numbers.reshape(len(inputs))
            what = f"values of shape {tuple(numbers.shape)}"
        except (TypeError, ValueError, RuntimeError):
            what = f"a {type(outputs).__name__}"
        raise MemnetError(
            f"The function of {self.name} must return one number for each of its {len(inputs)} "
            f"inputs; it returned {what}."
        )

"""What a picture is made to raise: a filter's output, or the score of the whole network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from memnet.errors import MemnetError
from memnet.inspect.layers import Layer, network_of
from memnet.preprocess.differentiable import network_input, preprocess_tensor
from memnet.scoring.predictor import Predictor, WithoutTensorFloat32
from memnet.util.text import printable


class Objective(Protocol):
    """Something that gives each picture a number.

    Attributes
    ----------
    aim : ``"channel"``, ``"neuron"`` or ``"score"``.
    layer_name : of the layer, None for the score.
    size_hw : of the pictures, height and width.
    reach : how many pixels of a picture it looks at along a side, 0 for all of them.
    box : left, top, right and bottom of what it looks at, where that is a part of the picture.
    """

    aim: str
    layer_name: str | None
    size_hw: tuple[int, int]
    reach: int
    box: tuple[int, int, int, int] | None

    def __call__(self, pictures: Tensor, filters: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Evaluate pictures, each for a filter of its own.

        Parameters
        ----------
        pictures : ``(N, 3, height, width)`` float32, RGB, 0 to 1.
        filters : N numbers, from 0.

        Returns
        -------
        values, outputs : ``(N,)``, and of the layer ``(N, filters, places)``, or None.
        """
        ...


class FilterObjective:
    """The output of a filter: its mean over space, or that of the unit in the centre.

    The network is computed up to the layer, no further.

    Parameters
    ----------
    predictor, layer : the model, and one of its layers.
    aim : ``"channel"`` (mean over space) or ``"neuron"`` (the unit in the centre; where there are
        two middle rows or columns, the upper, the left one).
    """

    def __init__(
        self, predictor: Predictor, layer: Layer, aim: Literal["channel", "neuron"] = "channel"
    ) -> None:
        self._network = network_of(predictor)
        self._predictor, self._layer = predictor, layer
        self.aim: str = aim
        self.layer_name: str | None = layer.name
        assert predictor.preprocess is not None
        self.size_hw = predictor.preprocess.crop_hw
        self.is_convolution = layer.kind == "convolution"
        self.reach = 0 if layer.receptive_field is None else layer.receptive_field.size
        self.box: tuple[int, int, int, int] | None = None
        if aim == "neuron" and layer.receptive_field is not None:
            row, column = ((side - 1) // 2 for side in layer.shape[1:])
            self.box = layer.receptive_field.box(row, column, *self.size_hw)
        if aim == "neuron" and layer.kind == "dense" and len(layer.shape) > 1:
            raise MemnetError(
                f"{layer.name} has a unit for each of {layer.shape[0]:,} pieces of the picture, "
                "and none in its centre; its mean over them is --objective channel."
            )

    def __call__(self, pictures: Tensor, filters: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Evaluate pictures, as :class:`Objective` says."""
        outputs = self._outputs(pictures)
        if not self.is_convolution:
            outputs = outputs.reshape(len(outputs), -1, outputs.shape[-1]).transpose(1, 2)
            outputs = outputs[..., None]  # N x units x pieces of the picture x 1
        height, width = outputs.shape[2:]
        of_filter = outputs[torch.arange(len(outputs)), torch.tensor(filters)]  # N x rows x columns
        if self.aim == "channel":
            values = of_filter.mean(dim=(1, 2))
        else:
            values = of_filter[:, (height - 1) // 2, (width - 1) // 2]
        return values, outputs.flatten(2)

    def _outputs(self, pictures: Tensor) -> Tensor:
        """Run the network until the layer has its output."""
        predictor = self._predictor
        assert predictor.preprocess is not None
        inputs = network_input(pictures, predictor.preprocess, mean_image=predictor.mean_image)
        try:
            with WithoutTensorFloat32(), _Stop(self._layer.module):
                self._network(inputs.to(predictor.device))
        except _ReachedError as reached:
            return reached.output.float()
        except Exception as error:  # a network for one size, say
            height, width = pictures.shape[2:]
            reason = printable(f"{type(error).__name__}: {error}", 300)
            raise MemnetError(
                f"The network of {predictor.label} failed on {len(pictures)} pictures of {height} "
                f"x {width} before {self._layer.name} ({reason}). A smaller --batch-size may fit "
                "the memory; for a network that takes pictures of one size use --recipe modern."
            ) from error
        raise MemnetError(f"{predictor.label} did not compute {self._layer.name}.")


class ScoreObjective:
    """The raw output of the whole network, scaled to a score but not clamped.

    The pictures have the size to which the model's preprocessing resizes them, so that nothing is
    resized: `memnet score` gives the same number for such a picture.
    """

    aim: str = "score"
    layer_name: str | None = None
    reach = 0
    box: tuple[int, int, int, int] | None = None

    def __init__(self, predictor: Predictor) -> None:
        network_of(predictor)
        assert predictor.preprocess is not None
        self._predictor = predictor
        self.size_hw = predictor.preprocess.resize_hw

    def __call__(self, pictures: Tensor, filters: Sequence[int]) -> tuple[Tensor, None]:
        """Evaluate pictures, as :class:`Objective` says; there are no filters."""
        raw, _ = self._predictor.score_tensor(pictures, exact=False)
        return raw, None

    def seen(self) -> Tensor:
        """Return which pixels the network sees, ``(height, width)`` of truth values.

        Some models cut the middle out of each picture.
        """
        spec = self._predictor.preprocess
        assert spec is not None
        blank = torch.full((1, 3, *self.size_hw), 0.5, requires_grad=True)
        crops = preprocess_tensor(blank, spec, mean_image=self._predictor.mean_image, exact=False)
        (gradient,) = torch.autograd.grad(crops.sum(), blank)
        return gradient[0].abs().amax(dim=0) > 0


class _ReachedError(Exception):
    """Leaves the network once the layer has its output; whatever comes after it is not computed."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output


class _Stop:
    """While this lasts, a network is left as soon as a module has given its output."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def __enter__(self) -> None:
        def leave(module: nn.Module, inputs: object, output: Tensor) -> None:
            raise _ReachedError(output)

        self._hook = self._module.register_forward_hook(leave)

    def __exit__(self, *_: object) -> None:
        self._hook.remove()

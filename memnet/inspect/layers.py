"""The layers of a model by name and by depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

import torch
from torch import Tensor, nn

from memnet.errors import MemnetError
from memnet.inspect.receptive_fields import FieldTracer, ReceptiveField
from memnet.legacy.network import MemNetCaffe
from memnet.reimpl.resmem import ResMem
from memnet.scoring.functions import CheckedFunction
from memnet.scoring.predictor import Predictor


@dataclass(frozen=True)
class Layer:
    """A convolution or dense layer of a network.

    Its value is what the module gives: before any ReLU or batch normalisation that follows.

    Attributes
    ----------
    name : path of the module: ``features.layer3.23.conv2``, ``conv4``.
    aliases : other names of it, see :func:`layers_of`.
    module : of the network, not a copy.
    kind : ``"convolution"`` or ``"dense"``.
    shape : of its output for one picture: ``(channels, height, width)``; of a dense layer
        ``(units,)``, or ``(tokens, units)`` in a transformer.
    receptive_field : the pixels of the network's input that a unit depends on; None: all of them
        (or, in networks of other people, more than a square can say).
    """

    name: str
    aliases: tuple[str, ...]
    module: nn.Module
    kind: Literal["convolution", "dense"]
    shape: tuple[int, ...]
    receptive_field: ReceptiveField | None

    @property
    def filters(self) -> int:
        """How many channels or units it has."""
        return self.shape[0] if self.kind == "convolution" else self.shape[-1]

    @property
    def is_linear(self) -> bool:
        """Whether it is a convolution of the pixels themselves: a first one."""
        if not isinstance(self.module, nn.Conv2d) or self.receptive_field is None:
            return False
        return self.receptive_field.size == self.module.kernel_size[0]

    @property
    def parameters(self) -> int:
        """How many numbers were learnt."""
        return sum(each.numel() for each in self.module.parameters())


def layers_of(predictor: Predictor) -> list[Layer]:
    """List every convolution and dense layer, in the order in which the network calls them.

    The network runs once, on black. Dense layers inside PyTorch's attention are not among them:
    it computes them in one piece with the attention.

    Besides its module path, a layer is known by

    - ``resnet-K``: the K-th convolution of the ResNet of ResMem, FalseResMem or M3M, counted from
      0 in the order of its modules, as the published code counts; in a block that has one, the
      convolution of the shortcut comes last;
    - ``resnet:6-23-2``: the same by the places of stage, block and part among the children of the
      ResNet, of the stage and of the block, as in the analysis code of 2020;
    - the name of its blob in Caffe, for the original MemNet: ``fc8-euclidean``.

    Raises
    ------
    MemnetError
        if the model is a function that is no torch module, or not loaded with precision
        ``exact``.

    Examples
    --------
    >>> import memnet
    >>> from memnet.weights.catalogue import find
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, stride=2), torch.nn.Flatten(1))
    >>> model = memnet.Predictor.from_function(
    ...     "mine.v1", network, preprocess=find("resmem.published").preprocess
    ... )
    >>> [(layer.name, layer.shape, layer.receptive_field.size) for layer in layers_of(model)]
    [('0', (8, 112, 112), 5)]
    """
    network = network_of(predictor)
    spec = predictor.preprocess
    assert spec is not None
    names = {module: name for name, module in network.named_modules()}
    also = _aliases(network)
    layers: dict[nn.Module, Layer] = {}

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        name = names[module]
        if module not in layers:
            layers[module] = Layer(
                name=name,
                aliases=tuple(also.get(name, ())),
                module=module,
                kind="convolution" if isinstance(module, nn.Conv2d) else "dense",
                shape=tuple(output.shape[1:]),
                receptive_field=tracer.field_of(output),
            )

    black = torch.zeros(1, 3, *spec.crop_hw, device=predictor.device)
    hooks = [
        module.register_forward_hook(look)
        for module in names
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    try:
        with torch.no_grad(), FieldTracer(black) as tracer:
            network(black)
    finally:
        for hook in hooks:
            hook.remove()
    return list(layers.values())


def find_layer(predictor: Predictor, text: str) -> Layer:
    """Find a layer by its name or one of its aliases.

    Raises
    ------
    MemnetError
        if there is none of that name; the nearest ones are named. Else as :func:`layers_of`.
    """
    return find_layers(predictor, [text])[0]


def find_layers(predictor: Predictor, texts: list[str]) -> list[Layer]:
    """Find several layers, in the order in which they are asked for; as :func:`find_layer`."""
    layers = layers_of(predictor)
    known = {alias: layer for layer in layers for alias in layer.aliases}
    known |= {layer.name: layer for layer in layers}
    for text in texts:
        if text not in known:
            near = " or ".join(map(repr, get_close_matches(text[:200], known, n=3)))
            raise MemnetError(
                f"{predictor.label} has no layer {text[:200]!r}."
                f"{f' Did you mean {near}?' if near else ''} "
                f"`memnet inspect layers {predictor.label}` lists them all."
            )
    return [known[text] for text in texts]


def network_of(predictor: Predictor) -> nn.Module:
    """Return the network of a model, or raise ``MemnetError`` if memnet cannot look inside."""
    network = predictor.network
    if isinstance(network, CheckedFunction):
        network = network.function
    if predictor.preprocess is None or not isinstance(network, nn.Module):
        raise MemnetError(
            f"{predictor.label} is a function that memnet cannot look inside: give a torch module "
            "and its preprocess= to Predictor.from_function."
        )
    if predictor.computing is not None:
        raise MemnetError(
            f"What is inside is that of the exact network: load {predictor.label} without "
            "precision=."
        )
    return network


def _aliases(network: nn.Module) -> dict[str, list[str]]:
    """Return other names of layers, by their module paths."""
    if isinstance(network, MemNetCaffe):
        return {"fc8": ["fc8-euclidean"]}
    if not isinstance(network, ResMem):
        return {}
    convolutions = [
        f"features.{name}"
        for name, module in network.features.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    also = {name: [f"resnet-{place}"] for place, name in enumerate(convolutions)}
    for name, address in _addresses(network.features):
        also[f"features.{name}"].append(f"resnet:{address}")
    return also


def _addresses(features: nn.Module) -> Iterator[tuple[str, str]]:
    """Yield the convolutions of a ResNet's blocks, and their places among children."""
    for a, (stage_name, stage) in enumerate(features.named_children()):
        for b, (block_name, block) in enumerate(stage.named_children()):
            for c, (part_name, part) in enumerate(block.named_children()):
                if isinstance(part, nn.Conv2d):
                    yield f"{stage_name}.{block_name}.{part_name}", f"{a}-{b}-{c}"

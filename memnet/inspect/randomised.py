"""The same network with parameters drawn anew: what a map shows without anything learnt."""

from __future__ import annotations

import copy
import dataclasses

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from memnet.inspect.layers import network_of
from memnet.scoring.functions import AS_IT_IS, CheckedFunction
from memnet.scoring.predictor import Predictor

_PICTURES, _SQUARES = 8, 16
"""How many pictures batch normalisation sees, of how many squares a side."""


def randomised(predictor: Predictor, seed: int = 0) -> Predictor:
    """Return a predictor whose network has random parameters, and is else the same.

    Its score is the raw one: the scale and clamp of a trained network could make all scores 0.

    Each layer is initialised as PyTorch initialises one of its kind; parameters of no such layer
    (the position embeddings of a transformer) are shuffled. Batch normalisation takes its running
    statistics from random pictures: with those of the trained network, or none, the signal of a
    deep network would be lost on its way.

    Parameters
    ----------
    predictor : stays as it is.
    seed : equal seeds, equal parameters.

    Raises
    ------
    MemnetError
        if memnet cannot look inside the model (:func:`memnet.inspect.layers.network_of`).

    Examples
    --------
    >>> import memnet
    >>> from memnet.weights.catalogue import find
    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 227 * 227, 1), nn.Flatten(0))
    >>> model = memnet.Predictor.from_function(
    ...     "mine.v1", network, preprocess=find("resmem.published").preprocess
    ... )
    >>> other = randomised(model, seed=1)
    >>> (other.network.function[1].weight == network[1].weight).any().item()
    False
    """
    network = copy.deepcopy(network_of(predictor)).cpu()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in network.modules():
            _draw(module)
    network.eval().requires_grad_(False)
    given: object = network
    if isinstance(predictor.network, CheckedFunction):
        given = CheckedFunction(predictor.network.name, network)
    other = Predictor(
        predictor.name,
        given,  # type: ignore[arg-type]  # one or the other
        dataclasses.replace(predictor.header, output=AS_IT_IS),
        variant=predictor.variant,
        mean_image=predictor.mean_image,
        device=predictor.device,
    )
    _measure_statistics(other, network, seed)
    return other


def _draw(module: nn.Module) -> None:
    for name in ("reset_parameters", "_reset_parameters"):  # the latter is attention's
        if callable(reset := getattr(module, name, None)):
            reset()
            return
    with torch.no_grad():
        for parameter in module.parameters(recurse=False):
            parameter.copy_(
                parameter.flatten()[torch.randperm(parameter.numel())].view_as(parameter)
            )


def _measure_statistics(predictor: Predictor, network: nn.Module, seed: int) -> None:
    """Let batch normalisation see pictures of random squares."""
    layers = [each for each in network.modules() if isinstance(each, _BatchNorm)]
    if not layers:
        return
    generator = torch.Generator().manual_seed(seed)
    squares = torch.rand(_PICTURES, 3, _SQUARES, _SQUARES, generator=generator)
    for layer in layers:
        layer.momentum = None  # the plain mean
        layer.train()
    with torch.no_grad():
        predictor.score_tensor(squares.to(predictor.device), exact=False)
    network.eval()

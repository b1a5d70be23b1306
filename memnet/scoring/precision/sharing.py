"""What every kind of computing begins with: the same network once more, with the same numbers."""

from __future__ import annotations

import copy

from torch import nn


class UnsuitableError(Exception):
    """A kind of computing has nothing to change in a network, or cannot compute it; says why."""


def sharing_copy(network: nn.Module) -> nn.Module:
    """Copy a network's modules, but not its numbers."""
    numbers = (*network.parameters(), *network.buffers())
    return copy.deepcopy(network, {id(each): each for each in numbers}).eval()

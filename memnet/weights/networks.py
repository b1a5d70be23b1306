"""Which network class reads the weights of which architecture.

The networks of :mod:`memnet.legacy` and :mod:`memnet.reimpl` register here as anybody's do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from memnet.errors import MemnetError, unknown_name

if TYPE_CHECKING:
    from torch import nn

_registered: dict[str, str | type[nn.Module]] = {}


def register_network(arch: str, network: type[nn.Module] | str) -> None:
    """Make a network known, so that weight files of its architecture can be loaded.

    Parameters
    ----------
    arch : the architecture's name, which weight files carry in their header.
    network : a class of ``torch.nn.Module`` that maps ``(N, 3, H, W)`` float32 crops to ``(N,)``
        raw outputs, or ``"module:Class"``, which is imported when it is needed. It is built without
        arguments; a class that comes in several sizes has a class method ``shaped_like(tensors)``
        instead, which gets the tensors of the weight file by name and returns the network.

    Raises
    ------
    MemnetError
        if another class has that name already. The same class may be registered again.

    Examples
    --------
    >>> from torch import nn
    >>> class MeanGrey(nn.Module):
    ...     def forward(self, crops):
    ...         return crops.mean(dim=(1, 2, 3))
    >>> register_network("mean-grey", MeanGrey)
    >>> network_class("mean-grey").__name__
    'MeanGrey'
    """
    known = _registered.get(arch)
    if known is not None and _path_of(known) != _path_of(network):
        raise MemnetError(
            f"The architecture {arch!r} is {_path_of(known)} already, so {_path_of(network)} needs "
            "another name."
        )
    _registered[arch] = network


def network_class(arch: str) -> type[nn.Module]:
    """Look an architecture up; an unknown one raises ``MemnetError``."""
    if arch not in _registered:
        error = unknown_name("architecture", arch, _registered)
        raise MemnetError(f"{error} Make yours known by memnet.register_network({arch!r}, CLASS).")
    network = _registered[arch]
    if isinstance(network, str):
        module, _, name = network.partition(":")
        imported: type[nn.Module] = getattr(import_module(module), name)
        return imported
    return network


def _path_of(network: type[nn.Module] | str) -> str:
    return network if isinstance(network, str) else f"{network.__module__}:{network.__qualname__}"

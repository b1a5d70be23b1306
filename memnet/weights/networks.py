"""Which network class reads the weights of which architecture.

:func:`register_network` adds a network from outside the package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memnet.errors import MemnetError, unknown_name
from memnet.util.importing import import_named, path_of

if TYPE_CHECKING:
    from torch import nn

_registered: dict[str, str | type[nn.Module]] = {
    "memnet": "memnet.legacy.network:MemNetCaffe",
    "memnet48": "memnet.reimpl.memnet:MemNet48",
    "memnet96": "memnet.reimpl.memnet:MemNet96",
    "resmem": "memnet.reimpl.resmem:ResMem",
    "falseresmem": "memnet.reimpl.falseresmem:FalseResMem",
    "vitmem": "memnet.reimpl.vitmem:ViTMem",
    "m3m": "memnet.reimpl.m3m:M3M",
    "probe": "memnet.reimpl.probe.network:Probe",
}


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
    if known is not None and path_of(known) != path_of(network):
        raise MemnetError(
            f"The architecture {arch!r} is {path_of(known)} already, so {path_of(network)} needs "
            "another name."
        )
    _registered[arch] = network


def registered(arch: str) -> str | type[nn.Module] | None:
    """Return what :func:`register_network` was given; None for memnet's own and what is unknown."""
    return None if is_own(arch) else _registered.get(arch)


def is_own(arch: str) -> bool:
    """Whether an architecture's network is memnet's own, so that its code is known."""
    return path_of(_registered.get(arch, "")).startswith("memnet.")


def network_class(arch: str) -> type[nn.Module]:
    """Look an architecture up; an unknown one raises ``MemnetError``."""
    if arch not in _registered:
        error = unknown_name("architecture", arch, _registered)
        raise MemnetError(f"{error} Make yours known by memnet.register_network({arch!r}, CLASS).")
    network = _registered[arch]
    if isinstance(network, str):
        try:
            imported: type[nn.Module] = import_named(network)
        except (ImportError, AttributeError, ValueError) as error:
            raise MemnetError(
                f"The network {network!r} of the architecture {arch!r} cannot be imported "
                f"({error}); register it as a class, or as 'module:Class'."
            ) from error
        return imported
    return network

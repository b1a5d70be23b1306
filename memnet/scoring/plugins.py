"""Models that other installed packages bring, by the entry-point group ``memnet.models``.

In such a package's ``pyproject.toml``::

    [project.entry-points."memnet.models"]
    "mine.v1" = "my_package:model"

The name is the model's; the object is called without arguments, or with ``device`` where it has
such a parameter, and returns a :class:`memnet.Predictor`.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from memnet.errors import MemnetError
from memnet.util.messages import say
from memnet.weights.catalogue import catalogue

if TYPE_CHECKING:
    import torch

GROUP = "memnet.models"


@dataclass(frozen=True)
class Plugin:
    """A model of another installed package.

    Attributes
    ----------
    name : ``arch.tag``.
    package : name and version of the distribution.
    licence : as the distribution names it.
    title : first line of the object's docstring; "" before it is imported.
    """

    name: str
    package: str
    licence: str
    title: str


def plugins() -> dict[str, list[EntryPoint]]:
    """Return every entry point of the group by the model's name; nothing is imported."""
    by_name: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        points = by_name.setdefault(point.name, [])
        # A folder that is on sys.path twice gives its entry points twice.
        if (point.value, package_of(point)) not in [(p.value, package_of(p)) for p in points]:
            points.append(point)
    return by_name


def find_plugin(name: str) -> EntryPoint | None:
    """Return a model's entry point, None where no package has one.

    Raises
    ------
    MemnetError
        if two packages have one, or one has the name of a model of the catalogue.
    """
    points = plugins().get(name)
    if not points:
        return None
    owners = [f"the package {package_of(point)}" for point in points]
    if name in catalogue():
        owners.append("memnet's own catalogue")
    if len(owners) > 1:
        raise MemnetError(
            f"There is more than one model {name!r}: of {' and of '.join(owners)}; uninstall one, "
            "or ask its authors for another name."
        )
    return points[0]


def call_plugin(point: EntryPoint, device: torch.device) -> object:
    """Call what an entry point names; it should return a predictor.

    Raises
    ------
    MemnetError
        naming the package, if it fails.
    """
    build = _imported(point)
    try:
        takes_device = "device" in inspect.signature(build).parameters
        return build(device=str(device)) if takes_device else build()
    except Exception as error:  # anything may go wrong in code of others
        raise MemnetError(_broken(point, error)) from error


def working_plugins() -> list[Plugin]:
    """List the models of other packages that can be imported; say on stderr which cannot."""
    working = []
    for name in plugins():
        try:
            point = find_plugin(name)
            if point is None:
                continue
            title = (inspect.getdoc(_imported(point)) or "").partition("\n")[0]
        except MemnetError as error:
            say(str(error))
            continue
        working.append(Plugin(name, package_of(point), _licence(point), title))
    return working


def package_of(point: EntryPoint) -> str:
    """Name the package that an entry point belongs to, with its version."""
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value


def _imported(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:  # anything may go wrong in code of others
        raise MemnetError(_broken(point, error)) from error


def _broken(point: EntryPoint, error: Exception) -> str:
    reason = " ".join(str(error).split()) or "no message"
    return (
        f"The model {point.name} of the package {package_of(point)} is broken "
        f"({type(error).__name__}: {reason})."
    )


def _licence(point: EntryPoint) -> str:
    for field in ("License-Expression", "License"):
        if point.dist is not None and field in point.dist.metadata:
            return str(point.dist.metadata[field]).partition("\n")[0]
    return "unknown"

"""Filters of a layer by their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from memnet.errors import MemnetError
from memnet.inspect.layers import Layer, find_layers
from memnet.scoring.predictor import Predictor
from memnet.util.text import printable

FIRST = 8
"""Filters of a layer that are taken where none are named: a page of a contact sheet."""


def choose_filters(
    predictor: Predictor, layers: str, filters: str
) -> list[tuple[Layer, Sequence[int]]]:
    """Read ``--layers`` and ``--filters``: the same filters of several layers.

    Parameters
    ----------
    layers : names or aliases with commas between them.
    filters : as for :func:`parse_filters`, or nothing, for the first :data:`FIRST`.

    Raises
    ------
    MemnetError
        if no layer is named, there is none of a name, or one has no such filter.
    """
    names = [name.strip() for name in layers.split(",") if name.strip()]
    if not names:
        raise MemnetError(
            f"--layers names no layer; `memnet inspect layers {predictor.label}` lists them."
        )
    wanted: list[tuple[Layer, Sequence[int]]] = []
    for layer in find_layers(predictor, names):
        first = range(min(FIRST, layer.filters))
        wanted.append((layer, parse_filters(filters, layer) if filters else first))
    return wanted


def check_filters(layer: Layer, filters: Iterable[int]) -> list[int]:
    """Return numbers of filters without repetitions, in the order given.

    Raises
    ------
    MemnetError
        if the layer has no filter of such a number, or none is named.
    """
    numbers = list(dict.fromkeys(filters))
    for number in numbers:
        if not 0 <= number < layer.filters:
            raise MemnetError(
                f"{layer.name} has no filter {number}: its {layer.filters:,} filters are 0 to "
                f"{layer.filters - 1}."
            )
    if not numbers:
        raise MemnetError(f"No filter of {layer.name} is named; give 0 to {layer.filters - 1}.")
    return numbers


def parse_filters(text: str, layer: Layer) -> list[int]:
    """Read numbers of filters as a command line has them: ``3,17,40-43``, or ``all``.

    Raises
    ------
    MemnetError
        if it cannot be read, or the layer has no such filter.
    """
    if text.strip() == "all":
        return list(range(layer.filters))
    numbers: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part, flags=re.ASCII)
        if match is None:
            raise MemnetError(
                f"{printable(repr(text), 80)} names no filters; write numbers from 0, as in "
                "3,17,40-43, or all."
            )
        first, last = int(match[1]), int(match[2] or match[1])
        check_filters(layer, (first, last))  # before a billion of them are listed
        numbers += range(first, last + 1)
        if last < first:
            raise MemnetError(f"{part.strip()!r} counts down; write {last}-{first}.")
    return check_filters(layer, numbers)

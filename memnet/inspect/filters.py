"""Filters of a layer by their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from memnet.errors import MemnetError
from memnet.inspect.layers import Layer
from memnet.util.text import printable


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
    """Read numbers of filters as a command line has them: ``3,17,40-43``.

    Raises
    ------
    MemnetError
        if it cannot be read, or the layer has no such filter.
    """
    numbers: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part, flags=re.ASCII)
        if match is None:
            raise MemnetError(
                f"{printable(repr(text), 80)} names no filters; write numbers from 0, as in "
                "3,17,40-43."
            )
        first, last = int(match[1]), int(match[2] or match[1])
        check_filters(layer, (first, last))  # before a billion of them are listed
        numbers += range(first, last + 1)
        if last < first:
            raise MemnetError(f"{part.strip()!r} counts down; write {last}-{first}.")
    return check_filters(layer, numbers)

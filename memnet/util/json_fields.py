"""Whether what was read from JSON has every field that it must have, each of its kind."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from memnet.util.text import printable

_SHOWN = 40
_LARGEST = 2**63  # a whole number beyond it fits no array


@dataclass(frozen=True)
class Text:
    """A text of at most so many letters."""

    longest: int


NAME = Text(500)
"""The name of a model, a column, a data set: what is drawn and what files are called after."""

Shape: TypeAlias = Any
"""What a value must be: ``str``, ``int``, ``bool``, ``float`` (any finite number), ``None`` or a
:class:`Text`; ``[shape]`` for a list of such values, ``[shape, shape]`` for two of them;
``{"name": shape}`` for what has these fields (``"name?"`` may be missing) and maybe others;
``{str: shape}`` for what has such a value under any name; a tuple for one of several."""

_KINDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    None: "null",
}


def check_shape(value: Any, shape: Shape, where: str) -> None:
    """Raise ``ValueError`` where a value of JSON is not what it must be.

    Parameters
    ----------
    value : as ``json.loads`` gives it.
    shape : see :data:`Shape`.
    where : the value's name, for the sentence; "" where it is the whole file.

    Examples
    --------
    >>> check_shape({"n": 3}, {"n": int, "names?": [str]}, "")
    >>> check_shape({"n": 3, "names": ["a", 7]}, {"n": int, "names?": [str]}, "")
    Traceback (most recent call last):
    ValueError: names[1] is 7, which must be text
    """
    if isinstance(value, str) and not _is_whole(value):
        raise ValueError(
            f"{where} is {printable(repr(value), _SHOWN)}, with half a character in it"
        )
    allowed = shape if isinstance(shape, tuple) else (shape,)
    found = next((each for each in allowed if _is_kind(value, each)), _NOTHING)
    if found is _NOTHING:
        kinds = " or ".join(map(_describe, allowed))
        raise ValueError(f"{where} is {printable(repr(value), _SHOWN)}, which must be {kinds}")
    if isinstance(found, list):
        plain = not isinstance(found[0], (list, dict, tuple))
        for place, each in enumerate(value):
            if isinstance(each, str) or not (plain and _is_kind(each, found[0])):
                check_shape(each, found[0], f"{where}[{place}]")
    elif isinstance(found, dict):
        _check_fields(value, found, where)


def check_known(values: Iterable[str], kind: type, where: str) -> None:
    """Raise ``ValueError`` for the name of a field that a dataclass does not have."""
    known = {each.name for each in fields(kind)}
    for name in values:
        if name not in known:
            raise ValueError(f"{where or 'it'} has the unknown field {printable(repr(name))}")


_NOTHING = object()


def _check_fields(value: dict[str, Any], shape: dict[Any, Shape], where: str) -> None:
    if str in shape:
        for name, each in value.items():
            check_shape(name, NAME, f"a name in {where}" if where else "a name")
            check_shape(each, shape[str], f"{where}[{name!r}]")
        return
    for key, wanted in shape.items():
        name = key.removesuffix("?")
        if name in value:
            check_shape(value[name], wanted, f"{where}.{name}" if where else name)
        elif name == key:
            raise ValueError(f"{where or 'it'} has no {name}")


def _is_kind(value: Any, shape: Shape) -> bool:
    if shape is None:
        return value is None
    if shape is str:
        return isinstance(value, str)
    if isinstance(shape, Text):
        return isinstance(value, str) and len(value) <= shape.longest
    if shape is bool:
        return isinstance(value, bool)
    if isinstance(shape, list):
        return isinstance(value, list) and len(shape) in (1, len(value))
    if isinstance(shape, dict):
        return isinstance(value, dict)
    if isinstance(value, bool) or not isinstance(value, int if shape is int else (int, float)):
        return False
    return abs(value) < _LARGEST if isinstance(value, int) else math.isfinite(value)


def _is_whole(text: str) -> bool:
    """Whether no half of a letter is in it, which JSON can write and no file can hold."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _describe(shape: Shape) -> str:
    if isinstance(shape, Text):
        return f"text of at most {shape.longest:,} letters"
    if isinstance(shape, list):
        return "a list" if len(shape) == 1 else f"a list of {len(shape)}"
    return "a set of named fields" if isinstance(shape, dict) else _KINDS[shape]

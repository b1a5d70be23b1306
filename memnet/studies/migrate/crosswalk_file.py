"""A crosswalk's small file, checked while it is read: a damaged one must not give scores."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from memnet.errors import MemnetError

SCHEMA = "memnet.crosswalk"
SCHEMA_VERSION = 1

_KNOTS = {
    "quantile_x": "quantile_y",
    "quantile_y": "quantile_x",
    "isotonic_x": "isotonic_y",
    "isotonic_y": "isotonic_x",
}


def write_record(content: Mapping[str, Any]) -> str:
    """Return the file's text, with numbers that are read again to the last bit."""
    record = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **content}
    return json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def read_record(text: str, source: str) -> dict[str, Any]:
    """Return what the file ``source`` holds, or raise MemnetError where it is no crosswalk."""
    try:
        record = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise MemnetError(f"{source}: this is not a readable JSON file ({error}).") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise MemnetError(
            f"{source}: this is no crosswalk; `memnet migrate` writes one as crosswalk.json."
        )
    version = record.get("schema_version")
    if version != SCHEMA_VERSION:
        raise MemnetError(
            f"{source}: this crosswalk has version {version!r}, and this memnet reads version "
            f"{SCHEMA_VERSION}; use the memnet that wrote it, or fit it again."
        )
    if not isinstance(record.get("provenance"), dict):
        raise damaged(source, "it does not say what it was fitted on")
    return record


def read_direction(found: Any, which: str, types: Mapping[str, str], source: str) -> dict[str, Any]:
    """Return a direction's fields.

    ``types``: field -> "str", "int", "float", "float | None" or "tuple...".
    """
    if not isinstance(found, dict) or set(found) != set(types):
        raise damaged(source, f"{which!r} does not have the fields it should have")
    for name, kind in types.items():
        if not _is(kind, found[name]):
            raise damaged(source, f"{which}.{name} is not what it should be")
    for name, partner in _KNOTS.items():
        values = found[name]
        rising = all(a < b for a, b in pairwise(values))
        if len(values) < 2 or len(values) != len(found[partner]) or not rising:
            raise damaged(source, f"the knots in {which}.{name} do not rise in pairs")
    if found["quantile_x"][0] != found["isotonic_x"][0] or (
        found["quantile_x"][-1] != found["isotonic_x"][-1]
    ):
        raise damaged(source, f"the two maps of {which!r} do not span the same scores")
    if not 0 < found["level"] < 1 or found["half_width"] < 0:
        raise damaged(source, f"the prediction interval of {which!r} is none")
    low, high = found["target_low"], found["target_high"]
    for name in ("quantile_y", "isotonic_y"):
        if (low is not None and found[name][0] < low) or (
            high is not None and found[name][-1] > high
        ):
            raise damaged(source, f"{which}.{name} goes beyond the limits of its scale")
    return {name: _as(types[name], value) for name, value in found.items()}


def damaged(source: str, how: str) -> MemnetError:
    """Build the error for a file whose content cannot be."""
    return MemnetError(f"{source}: this crosswalk is damaged: {how}.")


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _is(kind: str, value: Any) -> bool:
    if kind.startswith("tuple"):
        return isinstance(value, list) and all(_is("float", one) for one in value)
    if kind == "str":
        return isinstance(value, str)
    if kind == "float | None":
        return value is None or _is("float", value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if kind == "int" or whole:  # another program may write 1.0 as 1
        return whole
    return isinstance(value, float) and math.isfinite(value)


def _as(kind: str, value: Any) -> Any:
    if kind.startswith("tuple"):
        return tuple(map(float, value))
    return float(value) if kind.startswith("float") and value is not None else value

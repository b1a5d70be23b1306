"""A crosswalk: one map between two scales of memorability, in both directions, and its small file.

:mod:`.crosswalk_fit` fits one; here stands what it holds, how scores are mapped with it, and how
its file is written and read. The file is checked while it is read: a damaged one must not give
scores.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from memnet.errors import MemnetError
from memnet.util.arrays import Array
from memnet.util.json_text import parse_json, read_json_bytes
from memnet.util.text import printable, words_of

SCHEMA = "memnet.crosswalk"
SCHEMA_VERSION = 1

_TOO_LARGE = 2**53
"""Beyond it not every whole number is a float: no count and no score is so large."""

_KNOTS = {
    "quantile_x": "quantile_y",
    "quantile_y": "quantile_x",
    "isotonic_x": "isotonic_y",
    "isotonic_y": "isotonic_x",
}


@dataclass(frozen=True, kw_only=True)
class MappedScores:
    """Scores on the other scale, float64 ``(n,)`` each, in the order given.

    Attributes
    ----------
    quantile : the equipercentile score.
    isotonic : the expected score.
    low, high : the prediction interval around it, cut where the target's scale ends.
    outside : bool ``(n,)``: the score lies outside those of the fit, so all four are NaN.
    """

    quantile: Array
    isotonic: Array
    low: Array
    high: Array
    outside: Any

    @property
    def n_outside(self) -> int:
        """How many scores were not mapped because they lie outside those of the fit."""
        return int(np.count_nonzero(self.outside))


@dataclass(frozen=True, kw_only=True)
class ScaleMap:
    """The map from one scale to the other.

    Attributes
    ----------
    source, target : names of the scales.
    quantile_x, quantile_y : knots of the equipercentile map, rising strictly.
    isotonic_x, isotonic_y : knots of the expected score, rising strictly, over the same range.
    half_width : half the width of the prediction interval, in units of the target; the same for
        all scores, so that the interval holds ``level`` on average, not for each score.
    level : share of new pictures that the interval is to hold, 0 to 1.
    target_low, target_high : lowest and highest score that the target can give, where the interval
        is cut; None where its scale has no end.
    rmse_quantile, rmse_isotonic, rmse_mean : root mean square error on pictures left out of the
        fit, in units of the target; of the two maps, and of always saying the mean, which a map
        has to beat. Left-out scores beyond the rest are taken at the end of the map.
    mae_quantile, mae_isotonic : mean absolute error, likewise.
    spearman, pearson : correlation of the two scales on the pictures of the fit.
    n : number of these pictures.
    """

    source: str
    target: str
    quantile_x: tuple[float, ...]
    quantile_y: tuple[float, ...]
    isotonic_x: tuple[float, ...]
    isotonic_y: tuple[float, ...]
    half_width: float
    level: float
    target_low: float | None
    target_high: float | None
    rmse_quantile: float
    rmse_isotonic: float
    rmse_mean: float
    mae_quantile: float
    mae_isotonic: float
    spearman: float
    pearson: float
    n: int

    def apply(self, values: Array) -> MappedScores:
        """Map scores of the source.

        Parameters
        ----------
        values : ``(n,)``, in units of the source; NaN stays NaN.

        Returns
        -------
        MappedScores
            NaN, and ``outside``, where a score lies beyond those that the map was fitted on.
        """
        x = np.asarray(values, dtype=np.float64)
        outside = (x < self.quantile_x[0]) | (x > self.quantile_x[-1])
        inside = np.where(outside, np.nan, x)
        expected = np.interp(inside, self.isotonic_x, self.isotonic_y)
        return MappedScores(
            quantile=np.interp(inside, self.quantile_x, self.quantile_y),
            isotonic=expected,
            low=self._clip(expected - self.half_width),
            high=self._clip(expected + self.half_width),
            outside=outside,
        )

    def _clip(self, ends: Array) -> Array:
        if self.target_low is None and self.target_high is None:
            return ends
        return np.clip(ends, self.target_low, self.target_high)


@dataclass(frozen=True, kw_only=True)
class Crosswalk:
    """The maps between two scales, in both directions.

    Attributes
    ----------
    forward, backward : from old to new scores, and from new to old.
    provenance : what the maps were fitted on, in JSON's types: models, digests, versions, pictures.
    """

    forward: ScaleMap
    backward: ScaleMap
    provenance: dict[str, Any]

    def to_json(self) -> str:
        """Return the small file that can be published; :meth:`from_json` reads it exactly."""
        return _write_record(asdict(self))

    @classmethod
    def from_json(cls, text: str, source: str) -> Crosswalk:
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : the file's content.
        source : the file's name, for messages.

        Raises
        ------
        MemnetError
            it is no crosswalk, of another version, or damaged.
        """
        record = _read_record(text, source)
        types = {field.name: str(field.type) for field in fields(ScaleMap)}
        forward, backward = (
            ScaleMap(**_read_scale_map(record.get(which), which, types, source))
            for which in ("forward", "backward")
        )
        if (forward.source, forward.target) != (backward.target, backward.source):
            raise _damaged(source, "its two directions are not between the same two scales")
        return cls(forward=forward, backward=backward, provenance=record["provenance"])


def read_crosswalk(path: Path) -> tuple[Crosswalk, str, str]:
    """Read a crosswalk file: the crosswalk, the file's name and its sha256.

    Raises
    ------
    MemnetError
        if it is missing, damaged or no crosswalk.
    """
    try:
        content = read_json_bytes(path)
        text = content.decode("utf-8")
    except FileNotFoundError:
        raise MemnetError(
            f"There is no crosswalk {path}. `memnet migrate` writes one where enough pictures have "
            "both scores and these rise together; else its report says why there is none."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise MemnetError(f"The crosswalk {path} cannot be read ({reason}).") from error
    crosswalk = Crosswalk.from_json(text, path.name)
    return crosswalk, path.name, hashlib.sha256(content).hexdigest()


def _write_record(content: Mapping[str, Any]) -> str:
    """Return the file's text, with numbers that are read again to the last bit."""
    record = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **content}
    return json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _read_record(text: str, source: str) -> dict[str, Any]:
    """Return what the file ``source`` holds, or raise MemnetError where it is no crosswalk."""
    try:
        record = parse_json(text, parse_constant=_no_number)
    except ValueError as error:
        raise MemnetError(
            f"{source}: this is not a readable JSON file ({words_of(error)}); `memnet migrate` "
            "writes a crosswalk as crosswalk.json."
        ) from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise MemnetError(
            f"{source}: this is not a crosswalk; `memnet migrate` writes one as crosswalk.json."
        )
    version = record.get("schema_version")
    if version != SCHEMA_VERSION:
        raise MemnetError(
            f"{source}: this crosswalk has version {printable(repr(version), 80)}, and this memnet "
            f"reads version {SCHEMA_VERSION}; use the memnet that wrote it, or fit it again."
        )
    if not isinstance(record.get("provenance"), dict):
        raise _damaged(source, "it does not say what it was fitted on")
    return record


def _read_scale_map(
    content: Any, which: str, types: Mapping[str, str], source: str
) -> dict[str, Any]:
    """Return a direction's fields.

    ``types``: field -> "str", "int", "float", "float | None" or "tuple...".
    """
    if not isinstance(content, dict) or set(content) != set(types):
        raise _damaged(source, f"{which!r} does not have the fields it should have")
    for name, kind in types.items():
        if not _is(kind, content[name]):
            raise _damaged(source, f"{which}.{name} has the wrong type or value")
    for name, partner in _KNOTS.items():
        values = content[name]
        rising = all(a < b for a, b in pairwise(values))
        if len(values) < 2 or len(values) != len(content[partner]) or not rising:
            raise _damaged(source, f"the knots in {which}.{name} do not rise in pairs")
    if content["quantile_x"][0] != content["isotonic_x"][0] or (
        content["quantile_x"][-1] != content["isotonic_x"][-1]
    ):
        raise _damaged(source, f"the two maps of {which!r} do not span the same scores")
    if not 0 < content["level"] < 1 or content["half_width"] < 0:
        raise _damaged(source, f"the prediction interval of {which!r} is not valid")
    low, high = content["target_low"], content["target_high"]
    for name in ("quantile_y", "isotonic_y"):
        if (low is not None and content[name][0] < low) or (
            high is not None and content[name][-1] > high
        ):
            raise _damaged(source, f"{which}.{name} goes beyond the limits of its scale")
    return {name: _as(types[name], value) for name, value in content.items()}


def _damaged(source: str, how: str) -> MemnetError:
    """Build the error for a file whose content cannot be."""
    return MemnetError(f"{source}: this crosswalk is damaged: {how}.")


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _is(kind: str, value: Any) -> bool:
    if kind.startswith("tuple"):
        return isinstance(value, list) and all(_is("float", number) for number in value)
    if kind == "str":
        return isinstance(value, str)
    if kind == "float | None":
        return value is None or _is("float", value)
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < _TOO_LARGE
    if kind == "int" or whole:  # another program may write 1.0 as 1
        return whole
    return isinstance(value, float) and math.isfinite(value)


def _as(kind: str, value: Any) -> Any:
    if kind.startswith("tuple"):
        return tuple(map(float, value))
    return float(value) if kind.startswith("float") and value is not None else value

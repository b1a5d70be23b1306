"""The settings of a training run: everything that decides its weights, and nothing else.

Where the run's files lie, how many processes load data and which GPU works do not belong here
(:class:`memnet.reimpl.training.loop.Machine`).
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

from memnet.errors import MemnetError, unknown_name
from memnet.reimpl import TRAINABLE
from memnet.reimpl.branches import Network
from memnet.util.resources import packaged_toml, parse_toml
from memnet.util.text import words_of
from memnet.weights import networks

PRESETS = ("memnet", "memnet96", "resmem", "resmem-retrain", "m3m")
"""Settings of Needell & Bainbridge (2022), and of the original's layout; see ``presets/*.toml``."""

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
"""Our word -> Lightning's. With the last two the weights themselves stay 32-bit."""

CROPS = ("centre", "random")


_LARGEST = sys.float_info.max
_MOST = 2**31 - 1  # of what is counted
LIMITS: dict[str, tuple[float, float, str]] = {
    "dropout": (0, 1 - 1e-9, "from 0 to below 1"),
    "learning_rate": (1e-30, _LARGEST, "above 0"),
    "momentum": (0, 1 - 1e-9, "from 0 to below 1"),
    "weight_decay": (0, _LARGEST, "0 or more"),
    "batch_size": (1, _MOST, f"from 1 to {_MOST}"),
    "epochs": (1, _MOST, f"from 1 to {_MOST}"),
    "patience": (1, _MOST, f"from 1 to {_MOST}"),
    "validations_per_epoch": (1, _MOST, f"from 1 to {_MOST}"),
    "seed": (0, 2**32 - 1, "from 0 to 4294967295"),
}
"""Setting -> lowest value, highest value, and what a message calls what lies between."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of a run. No field has a default: what a file does not say, its preset does.

    Attributes
    ----------
    preset : the preset that the settings began from, "" for none; says nothing by itself.
    arch : one of :data:`memnet.reimpl.TRAINABLE`.
    sizes : of layers, where they are not the published ones; see the network's class.
    dropout : share of outputs dropped in training, 0 to below 1.
    starts : branch -> where its weights begin; see
        :func:`memnet.reimpl.initial_weights.start_network`.
    freeze : branches that are not trained.
    cache_frozen : compute the outputs of frozen branches once, and keep them on disk; needs
        pictures that never change: ``crop = "centre"`` and no mirroring.
    crop : the 227 x 227 pixels of the 256 x 256 that training sees: ``"centre"``, or ``"random"``
        anew each time. Validation and test always see the centre.
    mirror : whether training sees each picture mirrored half of the time.
    learning_rate, momentum, weight_decay : of stochastic gradient descent.
    batch_size : pictures per step, over all devices together.
    epochs : at most.
    patience : validations without a better Spearman after which training stops.
    validations_per_epoch : 1 or more; with n they are every (batches // n)-th batch.
    precision : a key of :data:`PRECISIONS`.
    seed : of initial weights, order, crops, mirroring and dropout.
    """

    preset: str
    arch: str
    sizes: Mapping[str, int]
    dropout: float
    starts: Mapping[str, str]
    freeze: tuple[str, ...]
    cache_frozen: bool
    crop: str
    mirror: bool
    learning_rate: float
    momentum: float
    weight_decay: float
    batch_size: int
    epochs: int
    patience: int
    validations_per_epoch: int
    precision: str
    seed: int

    def __post_init__(self) -> None:
        network = network_class(self.arch)
        network.all_sizes(self.sizes)
        for name, allowed in (("crop", CROPS), ("precision", tuple(PRECISIONS))):
            if getattr(self, name) not in allowed:
                raise MemnetError(
                    f"{name} is {getattr(self, name)!r}; it must be {' or '.join(allowed)}."
                )
        for name, (low, high, meaning) in LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                finite = " and finite" if value in (math.inf, -math.inf) or value != value else ""
                raise MemnetError(f"{name} is {value}; it must be {meaning}{finite}.")
        for name in (*self.freeze, *self.starts):
            if name not in network.branches:
                raise unknown_name(f"branch of {self.arch}", name, network.branches)
        if missing := set(network.branches) - set(self.starts):
            raise MemnetError(
                f"starts does not say where {', '.join(sorted(missing))} of {self.arch} begins; "
                'add it, as "random" or the name or path of weights.'
            )
        if set(self.freeze) >= set(network.branches):
            raise MemnetError("freeze names every branch, so nothing would be trained; free one.")
        if self.cache_frozen and self.freeze and (self.crop != "centre" or self.mirror):
            raise MemnetError(
                "The outputs of frozen branches can be kept only for pictures that never change: "
                'set cache_frozen = false, or crop = "centre" and mirror = false.'
            )
        if self.cache_frozen and "head" in self.freeze:
            raise MemnetError(
                "The head has no output to be kept; set cache_frozen = false, or do not freeze it."
            )

    @property
    def cached(self) -> tuple[str, ...]:
        """The branches whose outputs are computed once."""
        return self.freeze if self.cache_frozen else ()

    def batches(self, pictures: int) -> int:
        """How many batches an epoch of so many pictures has, the last one perhaps smaller."""
        return -(-pictures // self.batch_size)

    def advice(self, pictures: int) -> str:
        """Say where so few steps of such a length will hardly move a weight; "" where they may.

        The paper's 20 epochs of more than 60,000 pictures are 37,500 steps of 1e-5, 0.375 together.
        """
        steps = self.epochs * self.batches(pictures)
        if steps * self.learning_rate >= 0.02:
            return ""
        larger = ", such as --learning-rate 0.001" if self.learning_rate < 0.001 else ""
        return (
            f"{steps:,} step(s) with a learning rate of {self.learning_rate:g} will change little: "
            f"the paper's 1e-5 is for 37,500 steps. With few pictures take a larger one{larger}, "
            "or let `memnet tune` look for it."
        )

    def build(self) -> Network:
        """Build the network, with random weights everywhere."""
        try:
            network: Network = network_class(self.arch)(
                sizes=dict(self.sizes), dropout=self.dropout
            )
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            # No memory, groups that do not divide, or a product beyond 64 bits.
            raise MemnetError(
                f"A {self.arch} of the given sizes cannot be built ({str(error).splitlines()[0]})."
            ) from error
        network.initialise([branch for branch, start in self.starts.items() if start == "random"])
        return network

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON types."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    def to_toml(self) -> str:
        """Write the settings as TOML, as :func:`read_config` takes them."""
        return "".join(f"{name} = {_toml(value)}\n" for name, value in self.to_dict().items())


def network_class(arch: str) -> type[Network]:
    """Look an architecture up; an unknown one raises ``MemnetError``."""
    if arch not in TRAINABLE:
        raise unknown_name("architecture", arch, TRAINABLE)
    kind: Any = networks.network_class(arch)
    return cast("type[Network]", kind)


def read_config(
    preset: str = "", file: Path | None = None, changes: Mapping[str, Any] | None = None
) -> TrainConfig:
    """Put settings together: a preset, then a file, then single changes; the last word counts.

    Parameters
    ----------
    preset : a name of :data:`PRESETS`; "" for the one that ``file`` names in ``preset``.
    file : TOML with any of the fields of :class:`TrainConfig`.
    changes : field -> value. ``sizes`` and ``starts`` are merged into what is there, field by
        field, as those of the file are.

    Raises
    ------
    MemnetError
        for an unknown field or preset, a value of the wrong type or out of range, a file that is
        no TOML, or a field that nothing gives.
    """
    given = read_toml(file) if file else {}
    named = preset or given.get("preset", "")
    values: dict[str, Any] = {}
    where = f"{file}: " if file else ""
    layers = [(given, where), (dict(changes or {}), "")]
    if named:
        if named not in PRESETS:
            raise unknown_name("preset", str(named), PRESETS)
        settings = packaged_toml("memnet.reimpl.training", "presets", f"{named}.toml")
        layers.insert(0, (settings, ""))
    for source, meaning in layers:
        for name, value in source.items():
            values[name] = _checked(name, value, values.get(name), meaning)
    values["preset"] = named
    missing = [field.name for field in fields(TrainConfig) if field.name not in values]
    if missing:
        raise MemnetError(
            f"{where}the settings {', '.join(missing)} are missing; name a preset "
            f"({', '.join(PRESETS)}), or give them."
        )
    return TrainConfig(**values)


_TYPES: dict[str, tuple[type, str]] = {
    "str": (str, "a text"),
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "bool": (bool, "true or false"),
    "tuple[str, ...]": (tuple, "a list of texts"),
    "Mapping[str, int]": (dict, "a table of whole numbers"),
    "Mapping[str, str]": (dict, "a table of texts"),
}


def _checked(name: str, value: Any, before: Any, where: str) -> Any:
    """Check a setting's type; tables are merged into what was there before."""
    known = {field.name: str(field.type) for field in fields(TrainConfig)}
    if name not in known:
        raise MemnetError(f"{where}{unknown_name('setting', name, known)}")
    kind, meaning = _TYPES[known[name]]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            raise MemnetError(
                f"{where}{name} is a whole number of {len(str(value))} digits, too large."
            ) from None
    if kind is tuple and isinstance(value, (list, tuple)):
        value = tuple(value)
    inner = int if known[name].endswith("int]") else str
    items = value.values() if isinstance(value, dict) else value if kind is tuple else ()
    invalid = not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)
    if invalid or not all(isinstance(item, inner) and not isinstance(item, bool) for item in items):
        raise MemnetError(f"{where}{name} is {value!r}; it must be {meaning}.")
    return {**(before or {}), **value} if kind is dict else value


def read_toml(file: Path) -> dict[str, Any]:
    """Read a TOML file; one that is missing or damaged raises ``MemnetError``."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MemnetError(f"There is no file {file}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise MemnetError(f"{file} cannot be read ({words_of(error)}).") from error
    try:
        return parse_toml(text)
    except ValueError as error:
        raise MemnetError(f"{file} is no TOML: {str(error).rstrip('.')}.") from error


def _toml(value: Any) -> str:
    """Write one value as TOML; our settings hold no more kinds than these."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # texts, numbers, true and false read the same

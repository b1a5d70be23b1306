"""The catalogue: every known model, read from ``catalogue.toml`` and checked field by field."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from memnet.errors import MemnetError, unknown_name
from memnet.preprocess.spec import OutputSpec, PreprocessSpec
from memnet.util.resources import packaged_toml
from memnet.weights.targets import HIT_RATE, check_target


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """One known weight file.

    Attributes
    ----------
    name : ``arch.tag``, unique.
    arch : which network reads it.
    title : one line for people.
    sha256, bytes : of the file as published; "" and 0 where nobody has published a checksum and
        only the user can supply the file (:attr:`user_supplied`): the four fields below are empty.
    tensors_sha256 : of its numbers alone (:func:`memnet.weights.files.tensors_digest`).
    distribution, distribution_file : the installed Python distribution that carries the file.
    url : where it can be downloaded.
    obtain : the command that gets it; where the user must supply it, how.
    licence, licence_notice : name of the licence; the sentence said when it loads.
    citation : what to cite.
    trained_on : names of data sets it may have seen in training.
    split_unpublished : those of ``trained_on`` of which a part was held out, and which part was not
        published: no picture of them is known to have been seen, and none to be unseen.
    training_note : what is known about that.
    preprocess, output : pixels in, scores out.
    target : what the score estimates (:data:`memnet.weights.targets.TARGETS`).
    """

    name: str
    arch: str
    title: str
    sha256: str
    bytes: int
    tensors_sha256: str
    distribution: str
    distribution_file: str
    url: str
    obtain: str
    licence: str
    licence_notice: str
    citation: str
    trained_on: tuple[str, ...]
    split_unpublished: tuple[str, ...]
    training_note: str
    preprocess: PreprocessSpec
    output: OutputSpec
    target: str = HIT_RATE

    @property
    def user_supplied(self) -> bool:
        """Whether only the user can supply the file, since no checksum of it was published."""
        return not self.sha256


@cache
def catalogue() -> dict[str, ModelEntry]:
    """Return every known model by name, in the order of the file."""
    tables = packaged_toml("memnet.weights", "catalogue.toml")["model"]
    entries = [_entry(table) for table in tables]
    names = [entry.name for entry in entries]
    if len(set(names)) != len(names):
        raise MemnetError(f"The catalogue names a model twice: {sorted(names)}.")
    return {entry.name: entry for entry in entries}


def find(name: str) -> ModelEntry:
    """Look a model up; an unknown name raises ``MemnetError`` with the nearest known one."""
    try:
        return catalogue()[name]
    except KeyError:
        raise unknown_name("model", name, catalogue()) from None


def _entry(table: dict[str, Any]) -> ModelEntry:
    values = {
        **table,
        "trained_on": tuple(table["trained_on"]),
        "split_unpublished": tuple(table["split_unpublished"]),
        "preprocess": PreprocessSpec.from_dict(table["preprocess"]),
        "output": OutputSpec.from_dict(table["output"]),
    }
    unknown = values.keys() - {field.name for field in fields(ModelEntry)}
    if unknown:
        raise MemnetError(f"The catalogue entry {table['name']} has unknown fields {unknown}.")
    check_target(values.get("target", HIT_RATE))
    if strange := set(values["split_unpublished"]) - set(values["trained_on"]):
        raise MemnetError(
            f"The catalogue entry {table['name']} has {strange} in split_unpublished, and not in "
            "trained_on."
        )
    return ModelEntry(**values)

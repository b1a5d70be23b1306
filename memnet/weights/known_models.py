"""Models that others score with: what they were trained on, for tables of scores named after them.

The facts are in ``known_models.toml``, and in the catalogue where the weights can be loaded, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from memnet.data.contamination import check_trained_on
from memnet.data.targets import check_target
from memnet.errors import MemnetError, unknown_name
from memnet.util.resources import packaged_toml
from memnet.weights.catalogue import ModelEntry, catalogue


@dataclass(frozen=True, kw_only=True)
class KnownModel:
    """A published model whose weights memnet does not load.

    Attributes
    ----------
    name, title : unique; one line for people.
    aliases : how tables of scores name it.
    trained_on, split_unpublished, training_note, pretrained_on, target, citation : as in
        :class:`~memnet.weights.catalogue.ModelEntry`; ``trained_on`` is None where nobody knows.
    url : where its training is described.
    licence : of its weights, which memnet does not have: "".
    """

    name: str
    title: str
    aliases: tuple[str, ...]
    training_note: str
    citation: str
    url: str
    target: str
    trained_on: tuple[str, ...] | None = None
    split_unpublished: tuple[str, ...] = ()
    pretrained_on: tuple[str, ...] = ()
    licence: str = ""


@cache
def known_models() -> dict[str, KnownModel]:
    """Return the models without weights by name, in the order of the file."""
    entries = [_entry(table) for table in _file()["model"]]
    return {entry.name: entry for entry in entries}


def named_after(name: str) -> ModelEntry | KnownModel | None:
    """Find the model that a table of scores is named after.

    Parameters
    ----------
    name : as the table or the user says it: a name of the catalogue, with or without a variant
        behind a colon, or a usual spelling of a published model's name.

    Returns
    -------
    ModelEntry or KnownModel
        None where the name is nobody's.

    Examples
    --------
    >>> named_after("AMNet").trained_on
    ('lamem',)
    >>> named_after("Clip_HBA-mem").name
    'clip-hba-mem'
    >>> named_after("mine")
    """
    base = name.partition(":")[0]
    if base in catalogue():
        return catalogue()[base]
    return _by_spelling().get(_spelling(base))


def no_such_model(kind: str, name: str, known: Iterable[str]) -> MemnetError:
    """Build the error for a name that cannot be loaded: that of a known model has no weights here.

    Parameters
    ----------
    kind, name, known : as for :func:`memnet.errors.unknown_name`.
    """
    model, known = named_after(name), list(known)
    begun = [each for each in known if each.startswith(f"{name.lower()}.")]  # "MemNet", say
    if isinstance(model, KnownModel) and not begun:
        return MemnetError(
            f"memnet has no weights of {model.title}. It knows what {model.name} was trained on: "
            "`memnet compare` judges a table of its scores, which are to be had with its authors' "
            f"program ({model.url})."
        )
    meant = [model.name] if isinstance(model, ModelEntry) else begun
    return unknown_name(kind, name, known, meant[0] if len(meant) == 1 else "")


@cache
def _by_spelling() -> dict[str, ModelEntry | KnownModel]:
    found: dict[str, ModelEntry | KnownModel] = {
        _spelling(alias): catalogue()[name] for alias, name in _file()["aliases"].items()
    }
    for model in known_models().values():
        for spelling in {_spelling(alias) for alias in (model.name, *model.aliases)}:
            if spelling in found:
                raise MemnetError(f"Two known models are spelt {spelling!r}: {model.name}.")
            found[spelling] = model
    return found


def _spelling(name: str) -> str:
    return re.sub(r"[-_. ]", "", name.lower())


def _file() -> dict[str, Any]:
    return packaged_toml("memnet.weights", "known_models.toml")


def _entry(table: dict[str, Any]) -> KnownModel:
    if unknown := table.keys() - {field.name for field in fields(KnownModel)}:
        raise MemnetError(f"The known model {table['name']} has unknown fields {unknown}.")
    listed = {key: tuple(value) for key, value in table.items() if isinstance(value, list)}
    check_trained_on(listed.get("trained_on"))
    check_target(table["target"])
    return KnownModel(**{**table, **listed})

"""What somebody wrote down about a model of a score table, in the file beside it.

A table of ``memnet score`` has such a file by itself (:mod:`memnet.data.sidecar`). Beside a table
that another program made, it can be written by hand: ``lab.csv.json`` beside ``lab.csv`` holds
``{"models": {"lab": {"trained_on": ["memcat:train:1"], "target": "hit_rate", "pretrained_on":
["CLIP"]}}}``, every field of which may be left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memnet.data.contamination import check_trained_on
from memnet.data.targets import check_target
from memnet.errors import MemnetError, unknown_name
from memnet.util.caution import Caution
from memnet.util.text import printable, shorten_list

FIELDS = ("trained_on", "target", "pretrained_on", "licence", "citation", "remark")
"""What may be said of a model by hand."""

_WRITTEN_BY_MEMNET = ("arch", "weights_sha256")


def is_by_hand(about: Mapping[str, Any]) -> bool:
    """Whether what a sidecar says of a model was written by hand: it names no network."""
    return not any(name in about for name in _WRITTEN_BY_MEMNET)


def check_by_hand(models: Mapping[str, Mapping[str, Any]], source: str) -> None:
    """Refuse what was written by hand and cannot be meant so; ``source`` is the file.

    Raises
    ------
    MemnetError
        for a field that there is not, a data set or target that cannot be read, and text where a
        list must stand.
    """
    for model, about in models.items():
        if not is_by_hand(about):
            continue
        where = f"{source}, {printable(model)}"
        for name, value in about.items():
            if name not in FIELDS:
                raise MemnetError(f"{where}: {unknown_name('field', name, FIELDS)}")
            if name in FIELDS[3:] and not isinstance(value, str):
                raise MemnetError(f"{where}: {name} must be text.")
        try:
            if not isinstance(about.get("trained_on", []), (list, str, type(None))):
                raise MemnetError('trained_on must be a list, as in ["lamem:train:1"].')
            check_trained_on(about.get("trained_on"))
            if "target" in about:
                check_target(str(about["target"]))
        except MemnetError as error:
            raise MemnetError(f"{where}: {error}") from error
        words = about.get("pretrained_on", [])
        if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
            raise MemnetError(f'{where}: pretrained_on must be a list, as in ["ImageNet"].')


def about_model(
    models: Mapping[str, dict[str, Any]], label: str, *, named: bool
) -> dict[str, Any] | None:
    """Find what the file beside a table without a column ``model`` says of its one model.

    Parameters
    ----------
    models : model -> what is known of it.
    label : what the model is called in the comparison.
    named : whether the user called it so. Else the only entry is meant, whatever its name; of one
        that was written by hand, ``written_for`` is the name, which may be that of a known model.
    """
    if label in models:
        return models[label]
    if len(models) != 1 or named:
        return None
    ((written_for, about),) = models.items()
    return {**about, "written_for": written_for} if is_by_hand(about) else about


def warn_of_unused(
    models: Mapping[str, Mapping[str, Any]], labels: Iterable[str], source: str
) -> tuple[Caution, ...]:
    """Say which entries of a file that was written by hand are of none of its table's models."""
    labels = list(labels)
    unused = [name for name, about in models.items() if is_by_hand(about) and name not in labels]
    if not unused:
        return ()
    return (
        Caution(
            f"{source} describes {shorten_list(unused)}, and its table's scores are called "
            f"{shorten_list(labels)} here: what it says was not used; call them alike.",
            "sidecar",
        ),
    )


def read_declared(
    trained_on: Mapping[str, Iterable[str] | str] | None, models: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return model -> the data sets that the caller of a comparison says it was trained on.

    Parameters
    ----------
    trained_on : model -> names of data sets, or one name; () for none.
    models : those that are compared.

    Raises
    ------
    MemnetError
        for a model that is not compared, and for a data set's name that cannot be read.

    Examples
    --------
    >>> read_declared({"mine": "lamem:train:1", "yours": ()}, ["mine", "yours", "ours"])
    {'mine': ('lamem:train:1',), 'yours': ()}
    """
    if not isinstance(trained_on or {}, Mapping):
        raise MemnetError(
            "trained_on names the training data of each model, as in "
            '{"mine": ["lamem:train:1"]}; () is for a model trained on none.'
        )
    declared = {}
    for name, sets in (trained_on or {}).items():
        if name not in models:
            raise unknown_name("compared model", str(name), models)
        checked = check_trained_on((sets,) if isinstance(sets, str) else sets)
        if checked is not None:
            declared[name] = checked
    return declared


def words_of_declaration(model: Mapping[str, Any]) -> str:
    """Say who declared what a model of a record was trained on; "" where its file says it."""
    by = model.get("declared_by", "")
    if not by:
        return ""
    part = "" if set(model["trained_on"]) <= set(model["declared"]) else "in part "
    return f"{part}declared {'with' if by.startswith('--') else 'in'} {by}"

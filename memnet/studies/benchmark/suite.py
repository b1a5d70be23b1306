"""``suite.toml``: which models a benchmark compares, and on which data sets.

A few names at the top, a ``[[dataset]]`` for each data set and, where a name is not enough, a
``[[model]]`` for a model; the fields are those of the three classes below. Paths are relative to
the file, ``~`` is the home folder, and ``package:scenes375`` is a table that memnet carries.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from memnet.compare.comparison import RESAMPLES, SEED
from memnet.compare.comparison_input import MARGIN
from memnet.data.contamination import DatasetName, check_trained_on
from memnet.data.listed_pictures import MANIFEST_SUFFIXES
from memnet.data.matching import MATCH_RULES
from memnet.data.tables import split_sheet
from memnet.data.targets import check_target
from memnet.errors import MemnetError, unknown_name
from memnet.scoring.named import split_variant
from memnet.util.checks import require_whole
from memnet.util.json_fields import NAME, Shape, check_shape
from memnet.util.near_files import near_file
from memnet.util.resources import parse_toml
from memnet.util.text import abridged, printable, shorten_list, words_of

CARRIED = "package:"
"""Before the name of a table that memnet carries."""


@dataclass(frozen=True, kw_only=True)
class SuiteModel:
    """A model of a benchmark.

    Attributes
    ----------
    name : what the benchmark calls it.
    weights : what scores pictures: a name of ``memnet weights list`` or a weight file; "" for a
        foreign predictor, whose scores are in tables.
    title : one line for people, "".
    target : what it estimates (:data:`memnet.data.targets.TARGETS`), as you declare it; "" for
        what its own files or the catalogue say.
    trained_on : its training data, as you declare them; None for what its own files or the
        catalogue say.
    pretrained_on : what parts of it were trained on before for another purpose ("ImageNet").
    """

    name: str
    weights: str = ""
    title: str = ""
    target: str = ""
    trained_on: tuple[str, ...] | None = None
    pretrained_on: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SuiteDataset:
    """A data set of a benchmark; what is not explained here is as :func:`memnet.compare` takes it.

    Attributes
    ----------
    name : what the benchmark calls it.
    truth : the table with the human scores.
    dataset : its name as ``--dataset`` takes it, by which contamination is judged; "" where the
        table's manifest says it, or nobody knows.
    target : what its human scores are (:data:`memnet.data.targets.TARGETS`).
    pictures : folders, globs or manifests, to be scored by the models that have no table here.
    scores : model -> the file of its scores and the column, "" for ``score``.
    """

    name: str
    truth: str
    dataset: str = ""
    truth_column: str = ""
    id_column: str = ""
    hits_column: str = ""
    responses_column: str = ""
    false_alarms_column: str = ""
    strata_column: str = ""
    clusters_column: str = ""
    match: str = "exact"
    target: str = ""
    pictures: tuple[str, ...] = ()
    scores: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What a benchmark compares.

    Attributes
    ----------
    name : its title.
    models, datasets : in the order of the file.
    resamples, seed, margin : of every comparison, as :func:`memnet.compare` takes them.
    """

    name: str
    models: tuple[SuiteModel, ...]
    datasets: tuple[SuiteDataset, ...]
    resamples: int = RESAMPLES
    seed: int = SEED
    margin: float = MARGIN


def carried_suites() -> dict[str, Path]:
    """Return the suites that memnet carries, by name: they need no pictures."""
    folder = Path(str(files("memnet.studies.benchmark") / "suites"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_suite(suite: str | os.PathLike[str]) -> Suite:
    """Read a suite.

    Parameters
    ----------
    suite : a TOML file, or the name of a suite that memnet carries (:func:`carried_suites`).

    Raises
    ------
    MemnetError
        if there is no such file, or something in it is misspelt, missing or of a wrong kind.

    Examples
    --------
    >>> suite = read_suite("scenes375")
    >>> [model.name for model in suite.models], [each.dataset for each in suite.datasets]
    (['resmem.published'], ['scenes375'])
    """
    path = Path(suite)
    if not path.is_file() and os.fspath(suite) in carried_suites():
        path = carried_suites()[os.fspath(suite)]
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        if path.suffix == ".toml" or len(path.parts) > 1:
            raise MemnetError(f"There is no file {path}.{near_file(path)}") from None
        raise unknown_name("suite (nor a file of that name)", str(path), carried_suites()) from None
    except (OSError, UnicodeDecodeError) as error:
        raise MemnetError(f"{path} cannot be read ({words_of(error)}).") from error
    try:
        values = parse_toml(text)
    except ValueError as error:
        raise MemnetError(f"{path} is no TOML: {str(error).rstrip('.')}.") from error
    try:
        return _suite(values, path)
    except ValueError as error:
        raise MemnetError(f"{path}: {words_of(error)}.") from error
    except MemnetError as error:
        raise MemnetError(f"{path}: {error}") from error


_COLUMNS = (
    "truth_column",
    "id_column",
    "hits_column",
    "responses_column",
    "false_alarms_column",
    "strata_column",
    "clusters_column",
)
_MODEL: Shape = {
    "name": NAME,
    **dict.fromkeys(("weights?", "title?", "target?"), str),
    "trained_on?": [str],
    "pretrained_on?": [str],
}
_DATASET: Shape = {
    "name": NAME,
    "truth": str,
    **{f"{column}?": str for column in _COLUMNS},
    **dict.fromkeys(("dataset?", "match?", "target?"), str),
    "pictures?": (str, [str]),
    "scores?": {str: str},
}
_SUITE: Shape = {
    "name?": NAME,
    "models?": [NAME],
    "model?": [_MODEL],
    "dataset": [_DATASET],
    "resamples?": int,
    "seed?": int,
    "margin?": float,
}


def _suite(values: Mapping[str, Any], path: Path) -> Suite:
    _check_names(values, _SUITE, "setting of a suite")
    for kind, shape, what in (("model", _MODEL, "[[model]]"), ("dataset", _DATASET, "[[dataset]]")):
        rows = values.get(kind, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise MemnetError(f"{kind} must be a table; write {what} above its settings.")
        for row in rows:
            _check_names(row, shape, f"setting of a {what}")
    if "dataset" not in values:
        raise MemnetError("it names no data set; add a [[dataset]] with name and truth.")
    check_shape(values, _SUITE, "")
    folder = path.absolute().parent
    models = (
        *(_named(name, folder) for name in values.get("models", [])),
        *(_model(row, folder) for row in values.get("model", [])),
    )
    datasets = tuple(_dataset(row, folder, models) for row in values["dataset"])
    if not models:
        raise MemnetError(
            'it names no model; write models = ["resmem.published"], or add a [[model]].'
        )
    _refuse_repeats("model", [model.name for model in models])
    _refuse_repeats("data set", [folder_name(each.name) for each in datasets])
    require_whole("resamples", values.get("resamples", 1), 1)
    require_whole("seed", values.get("seed", 0), 0)
    if not 0 < values.get("margin", MARGIN) < 2:
        raise MemnetError(f"margin is {values['margin']:g}; it must lie between 0 and 2.")
    numbers = {name: values[name] for name in ("resamples", "seed", "margin") if name in values}
    return Suite(name=values.get("name", path.stem), models=models, datasets=datasets, **numbers)


def folder_name(name: str) -> str:
    """Return the name of a folder or file for a data set or model, fit for every system.

    Examples
    --------
    >>> folder_name("Scenes (day)"), folder_name("runs/a.safetensors")
    ('scenes-day', 'runs-a.safetensors')
    """
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower())[:80].strip("-.") or "unnamed"


def _check_names(values: Mapping[str, Any], shape: Mapping[str, Shape], kind: str) -> None:
    known = [name.removesuffix("?") for name in shape]
    for name in values:
        if name not in known:
            raise unknown_name(kind, name, known)


def _refuse_repeats(kind: str, names: Sequence[str]) -> None:
    if twice := [name for name in names if names.count(name) > 1]:
        raise MemnetError(f"two {kind}s are called {abridged(twice[0])!r}; rename one.")


def _named(name: str, folder: Path) -> SuiteModel:
    """Make a model of an entry of ``models``, which is named as ``memnet score --model`` does."""
    if split_variant(name)[0].endswith(".safetensors"):
        return SuiteModel(name=name, weights=_path(name, folder))
    return SuiteModel(name=name, weights=name)


def _model(row: Mapping[str, Any], folder: Path) -> SuiteModel:
    name = row["name"]
    if not name.strip() or name != printable(name):
        raise MemnetError(f"{abridged(name)!r} can name no model; take letters on one line.")
    weights = row.get("weights", "")
    if row.get("target"):
        check_target(row["target"])
    try:
        trained_on = check_trained_on(row.get("trained_on"))
    except MemnetError as error:
        raise MemnetError(f"model {name!r}: {error}") from error
    return SuiteModel(
        name=name,
        weights=_named(weights, folder).weights if weights else "",
        title=row.get("title", ""),
        target=row.get("target", ""),
        trained_on=trained_on,
        pretrained_on=tuple(row.get("pretrained_on", ())),
    )


def _dataset(row: Mapping[str, Any], folder: Path, models: Sequence[SuiteModel]) -> SuiteDataset:
    name = row["name"]
    try:
        if row.get("target"):
            check_target(row["target"])
        if row.get("match", "exact") not in MATCH_RULES:
            raise unknown_name("rule of matching", row["match"], MATCH_RULES)
        DatasetName.parse(row.get("dataset", ""))
        scores = row.get("scores", {})
        for model in scores:
            if model not in {each.name for each in models}:
                raise MemnetError(
                    f"Its [dataset.scores] has a table of {model!r}, which is no model of the "
                    "suite: add it to models, or as [[model]] with that name (those that it has: "
                    f"{shorten_list([each.name for each in models]) or 'none'})."
                )
        pictures = row.get("pictures", [])
        return SuiteDataset(
            name=name,
            truth=_table(row["truth"], folder),
            pictures=tuple(
                _path(each, folder)
                for each in ([pictures] if isinstance(pictures, str) else pictures)
            ),
            scores={model: _scores(given, folder) for model, given in scores.items()},
            **{key: row[key] for key in (*_COLUMNS, "dataset", "match", "target") if key in row},
        )
    except MemnetError as error:
        raise MemnetError(f"data set {name!r}: {error}") from error


def _path(text: str, folder: Path) -> str:
    return str(folder / Path(text).expanduser())


def _table(text: str, folder: Path) -> str:
    """Return the path of a table: one of the user's, or one that memnet carries."""
    if not text.startswith(CARRIED):
        return _path(text, folder)
    samples = Path(str(files("memnet.samples")))
    carried = {f"{CARRIED}{path.stem}": path for path in sorted(samples.glob("*.csv"))}
    if text not in carried:
        raise unknown_name("table in the package", text, carried)
    return str(carried[text])


def _scores(text: str, folder: Path) -> tuple[str, str]:
    """Split ``FILE:COLUMN``; what is a file as it stands is that file, whatever its name holds."""
    file, mark, column = text.rpartition(":")
    if (
        not mark
        or file in ("", CARRIED[:-1])
        or os.path.isfile(split_sheet(_path(text, folder))[0])
    ):
        return _table(text, folder), ""
    if file.startswith(CARRIED) or split_sheet(file)[0].suffix.lower() in MANIFEST_SUFFIXES:
        return _table(file, folder), column
    return _table(text, folder), ""

"""What one comparison of a benchmark takes: a table of scores for each model, or why there is none.

A model that has no table for a data set scores its pictures, once: the table is kept, and a later
run finds it. Nothing that is wrong with one model keeps the others from being compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from memnet import __version__
from memnet.data.columns import Scores
from memnet.data.declared import check_by_hand, is_by_hand
from memnet.data.digests import manifest_digest
from memnet.data.inputs import Inputs
from memnet.data.manifest import read_manifest
from memnet.data.matching import join
from memnet.data.numbers import as_text
from memnet.data.pictures import collect
from memnet.data.score_columns import FAILED
from memnet.data.score_tables import ScoreTable
from memnet.data.sidecar import read_sidecar, sidecar_path
from memnet.data.tables import (
    has_column,
    id_column_of,
    read_table_any,
    require_column,
    split_sheet,
)
from memnet.data.targets import HIT_RATE, TARGETS
from memnet.data.two_classes import read_truth
from memnet.errors import MemnetError
from memnet.scoring.named import split_variant
from memnet.scoring.runner import Settings, Summary, score_to_file
from memnet.studies.benchmark.suite import Suite, SuiteDataset, SuiteModel, folder_name
from memnet.util.text import model_label, shorten_list
from memnet.weights.digests import file_digest

_ENOUGH = 0.5
"""Of the pictures that another model has: with fewer, a model would cost the others too many."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """How pictures are scored: as the options of ``memnet score``."""

    device: str
    batch_size: int
    command: str


@dataclass
class DatasetInputs:
    """What a comparison takes.

    Attributes
    ----------
    tables : model -> its scores, for those that can be compared.
    missing : model -> why it cannot be compared.
    warnings : sentences on pictures that could not be scored, or that a model costs the others.
    digest : of everything that decides the comparison's record.
    ids : of the pictures that are compared.
    """

    tables: dict[str, ScoreTable] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    digest: str = ""
    ids: frozenset[str] = frozenset()


def gather(suite: Suite, dataset: SuiteDataset, scores: Path, machine: Machine) -> DatasetInputs:
    """Find or make each model's scores on a data set, and read them to see which can be compared.

    ``scores`` is the folder for tables that are made now.
    """
    inputs = DatasetInputs()
    try:
        human = _read_human(dataset)
    except MemnetError as error:
        inputs.missing = {model.name: str(error) for model in suite.models}
        return inputs
    pictures = _Pictures(dataset)
    read: dict[str, Scores] = {}
    for model in suite.models:
        try:
            if model.name in dataset.scores:
                table = table_of(*dataset.scores[model.name], model)
            else:
                file = scores / f"{folder_name(model.name)}.parquet"
                table = pictures.score(model, file, machine, inputs.warnings)
            (read[model.name],) = table.read(id_column=human.id_column, score_column="score")
            join(human.scores, [read[model.name]], rule=dataset.match)
            inputs.tables[model.name] = table
        except MemnetError as error:
            read.pop(model.name, None)
            inputs.missing[model.name] = str(error)
    _leave_out_the_short(inputs, human.scores, read, dataset)
    inputs.digest = _digest(suite, dataset, {name: read[name] for name in inputs.tables})
    return inputs


@dataclass(frozen=True)
class _Human:
    scores: Scores
    id_column: str


def _read_human(dataset: SuiteDataset) -> _Human:
    known = read_manifest(dataset.truth) or {}
    column = dataset.truth_column or known.get("truth_column") or ""
    id_column = dataset.id_column or known.get("id_column") or "image_id"
    if not column:
        raise MemnetError(
            f"Nothing says which column of {dataset.truth} has the human scores; add truth_column "
            f"to the data set {dataset.name}."
        )
    ids = id_column_of(dataset.truth, id_column)
    return _Human(read_truth(dataset.truth, column=column, id_column=ids)[0], id_column)


def table_of(file: str, column: str, model: SuiteModel) -> ScoreTable:
    """Return one model's scores, whatever the table calls it and whichever models it has besides.

    Raises
    ------
    MemnetError
        if the table cannot be read, is of several models and none is called so, or says that it
        estimates something else than the suite does.
    """
    frame = read_table_any(file)
    require_column(frame, column or "score", file)
    label = model.name
    if has_column(frame, "model", file):
        variants = as_text(frame["variant"]) if has_column(frame, "variant", file) else ""
        frame = frame.assign(model=as_text(frame["model"]), variant=variants)
        labels = [model_label(*pair) for pair in zip(frame["model"], frame["variant"], strict=True)]
        if label not in labels and len(set(labels)) > 1:
            raise MemnetError(
                f"{file} has the scores of {shorten_list(sorted(set(labels)))}, and none of "
                f"{label}."
            )
        label = label if label in labels else labels[0] if labels else label
        if set(labels) == {model.name} and not (model.target or model.pretrained_on):
            return ScoreTable(file, column)
        frame = frame[[each == label for each in labels]]
    elif not (model.target or model.pretrained_on):
        return ScoreTable(file, column, model.name)
    rows = frame.assign(model=model.name, variant="")
    rows.attrs = {**frame.attrs, "models": {model.name: _identity(file, label, model)}}
    return ScoreTable(rows, column)


def _identity(file: str, label: str, model: SuiteModel) -> dict[str, Any]:
    """Return what is known of a model beside its table, with what the suite declares."""
    path = split_sheet(file)[0]
    try:
        beside = read_sidecar(path)["models"]
    except (OSError, ValueError):  # beside a table that is not memnet's lies none, or another file
        beside = {}
    check_by_hand(beside, sidecar_path(path).name)
    known: dict[str, Any] = beside.get(label, {})
    target = model.target or known.get("target", "")
    ours = known.get("target", "" if is_by_hand(known) else HIT_RATE)
    if ours and target and ours != target:
        raise MemnetError(
            f"The suite says that {model.name} estimates {TARGETS[target]}, and the file beside "
            f"{file} {TARGETS[ours]}; correct one of them."
        )
    pretrained = list(dict.fromkeys([*known.get("pretrained_on", ()), *model.pretrained_on]))
    return {
        **known,
        **({"target": target} if target else {}),
        **({"pretrained_on": pretrained} if pretrained else {}),
    }


class _Pictures:
    """The pictures of a data set, which are looked for when the first model has to score them."""

    def __init__(self, dataset: SuiteDataset) -> None:
        self.dataset = dataset
        self.inputs: Inputs | None = None

    def score(
        self, model: SuiteModel, file: Path, machine: Machine, warnings: list[str]
    ) -> ScoreTable:
        """Score them with a model, or find that this was done."""
        if not model.weights:
            raise MemnetError(
                f"There is no table of its scores: add one under [dataset.scores] of "
                f"{self.dataset.name}."
            )
        if not self.dataset.pictures:
            raise MemnetError(
                f"There is neither a table of its scores nor a picture to score: add a table "
                f"under [dataset.scores] of {self.dataset.name}, or pictures."
            )
        if self.inputs is None:
            self.inputs = collect(self.dataset.pictures)
            warnings += [
                f"{self.dataset.name}: not read: {each}" for each in self.inputs.unreadable
            ]
        # A file has its path for a name, which is another on another machine.
        is_file = split_variant(model.weights)[0].endswith(".safetensors")
        renamed = split_variant(model.name)[0] if is_file else ""
        summary = score_to_file(
            self.inputs,
            file,
            Settings(
                models=[model.weights],
                name=renamed,
                device=machine.device,
                batch_size=machine.batch_size,
                command=machine.command,
            ),
        )
        warnings += _failures(self.dataset, model, summary)
        return table_of(str(file), "", model)


def _failures(dataset: SuiteDataset, model: SuiteModel, summary: Summary) -> list[str]:
    if not summary.failed:
        return []
    named = [f"{row.image_id} ({row.warning.removeprefix(FAILED)})" for row in summary.failed]
    return [
        f"{dataset.name}: {model.name} could not score {len(named):,} picture(s): "
        f"{shorten_list(named, 3)}."
    ]


def _leave_out_the_short(
    inputs: DatasetInputs, human: Scores, read: Mapping[str, Scores], dataset: SuiteDataset
) -> None:
    """Leave out a model with few pictures, and say which other models cost the rest pictures.

    All models of a data set are compared on the pictures that every one of them has.
    """
    counts = {
        name: len(join(human, [read[name]], rule=dataset.match).ids) for name in inputs.tables
    }
    most = max(counts.values(), default=0)
    for name, count in counts.items():
        if count < _ENOUGH * most:
            del inputs.tables[name]
            inputs.missing[name] = (
                f"It has scores for {count:,} of the {most:,} pictures that another model has, "
                "and all models are compared on the same ones; compare it by itself."
            )
    try:
        joined = join(human, [read[name] for name in inputs.tables], rule=dataset.match)
    except MemnetError as error:
        inputs.missing |= dict.fromkeys(inputs.tables, str(error))
        inputs.tables.clear()
        return
    inputs.ids, common = frozenset(joined.ids), len(joined.ids)
    if common < most:
        short = [f"{name} {counts[name]:,}" for name in inputs.tables if counts[name] < most]
        inputs.warnings.append(
            f"{dataset.name}: all models are compared on the same {common:,} pictures, though "
            f"there are models with {most:,}; scores for fewer have {shorten_list(short)}."
        )


def _digest(suite: Suite, dataset: SuiteDataset, read: Mapping[str, Scores]) -> str:
    """Sha256 of what the record of this comparison is made from."""
    truth = split_sheet(dataset.truth)[0]
    beside = [sidecar_path(truth)]
    if answers := (read_manifest(dataset.truth) or {}).get("answers"):
        beside.append(truth.parent / answers)
    settings = asdict(dataset) | {"pictures": [], "scores": {}, "truth": truth.name}
    made_from = {
        "memnet": __version__,
        "files": [file_digest(file) for file in (truth, *beside) if file.is_file()],
        "dataset": settings,
        "numbers": [suite.resamples, suite.seed, suite.margin],
        "declared": [asdict(model) for model in suite.models if model.name in read],
        "scores": [_content(scores) for scores in read.values()],
    }
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def _content(scores: Scores) -> Sequence[Any]:
    return [
        scores.name,
        Path(scores.source).name,  # a folder that was moved holds the same
        scores.rows,
        scores.identity,
        [*scores.set_aside, *scores.assumed, *scores.doubts],
        manifest_digest(scores.by_id.index, scores.by_id),
    ]

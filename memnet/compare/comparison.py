"""``memnet.compare``: human scores and predictions in, a RunRecord out."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from memnet.compare.analysis import analyse
from memnet.compare.baseline import beyond_baseline, read_baseline
from memnet.compare.categories import analyse_categories, category_rhos, category_warnings
from memnet.compare.cautions import (
    warn_of_baseline,
    warn_of_counts,
    warn_of_doubts,
    warn_of_few_resamples,
    warn_of_lone_pictures,
    warn_of_small_classes,
    warn_of_tables,
    warn_of_unknown_dataset,
    warn_of_unused_false_alarms,
)
from memnet.compare.comparison_input import MARGIN, NO_SCORES, ComparisonInput
from memnet.compare.description import (
    describe_classes,
    describe_items,
    describe_model,
    describe_truth,
    list_published,
    name_extremes,
)
from memnet.compare.labels import find_answers, read_counts
from memnet.compare.record import RunRecord, legible
from memnet.compare.targets import settle_target, warn_of_targets
from memnet.data.columns import read_extras
from memnet.data.contamination import DatasetName
from memnet.data.datasets import PARTS
from memnet.data.declared import read_declared
from memnet.data.lamem import SPLITS
from memnet.data.manifest import Truth, read_manifest
from memnet.data.matching import join
from memnet.data.score_tables import ScoreTable
from memnet.data.tables import TableInput, id_column_of
from memnet.data.targets import HIT_RATE, check_target
from memnet.data.two_classes import classes_of, read_truth
from memnet.errors import MemnetError
from memnet.stats.levels import LEVEL
from memnet.stats.resampling import FEWEST_CLUSTERS, Draws
from memnet.util.caution import kind_of
from memnet.util.checks import require_whole
from memnet.util.clock import utc_now
from memnet.util.json_fields import NAME
from memnet.util.text import printable, shorten_list
from memnet.util.versions import environment

RESAMPLES = 10_000
SEED = 20220101
ScoresInput = TableInput | ScoreTable | tuple[TableInput, str]
"""A table with predictions, or a table and its column with the predictions."""

_LARGEST = 1e100  # squares must be finite
MOST_ALONE = 0.5  # of the pictures may be alone in their stratum


def compare_scores(
    truth: TableInput | Truth,
    scores: ScoresInput | Sequence[ScoresInput] | Mapping[str, ScoresInput],
    *,
    truth_column: str = "",
    id_column: str = "",
    score_column: str = "score",
    match: str = "exact",
    dataset: str = "",
    hits_column: str = "",
    responses_column: str = "",
    false_alarms_column: str = "",
    strata_column: str = "",
    clusters_column: str = "",
    positive: str | int = "",
    beyond: str | Sequence[str] = (),
    margin: float = MARGIN,
    target: str = "",
    trained_on: Mapping[str, Iterable[str] | str] | None = None,
    declared_by: str = "the call",
    resamples: int = RESAMPLES,
    seed: int = SEED,
    command: str = "memnet.compare(...)",
) -> RunRecord:
    """Compare predictions with human scores, all models on the same pictures.

    Parameters
    ----------
    truth : CSV, TSV, Excel or Parquet file, or a DataFrame, with a row per picture. A table of
        ``memnet dataset`` says by its manifest what the other columns and the data set are, and so
        does a :class:`memnet.Truth`.
    scores : score tables of ``memnet score`` (or ``model.score``), or any table with an id and a
        score column, each a file or a DataFrame; one or more. A dict gives names to models whose
        tables have none: ``{"mine": frame}``. Where a table calls the column with the predictions
        otherwise than ``score_column``: ``(table, column)``.
    truth_column : the column with the human scores (hit rates in [0, 1]; see ``target``).
    id_column : the column with the picture's id, ``image_id`` by default; either table may also
        call it ``image_id``.
    score_column : the column with the predictions.
    match : how ids are matched: ``"exact"``, letter for letter; ``"basename"``, by file name;
        ``"stem"``, by file name without ending; ``"normalised"``, besides in one letter case and
        one Unicode form, %20 and no-break spaces as spaces. Ids that could be several are refused.
    dataset : ``"lamem"``, ``"memcat"``, ... names the data set, for contamination, published
        values and published reliability.
    hits_column, responses_column : columns of whole numbers with human score = hits / responses
        (or, with ``false_alarms_column``, (hits - false alarms) / responses, without the last);
        they give reliability, ceiling, label noise and the noise-matched distributions.
    strata_column : pictures are resampled within its groups (``category``), and rho is given
        within each group, and with the group held constant.
    clusters_column : whole groups are resampled, where pictures of a group are not independent.
    positive : where the human scores are two classes (``H`` and ``L``), what the memorable one is
        called. Classes that are 0 and 1 need none. They have an AUC, and no errors, distributions
        or ceiling.
    beyond : a baseline, to which the (other) models may add: models of the comparison, or columns
        of the table with the human scores; several together are one baseline.
    margin : correlations of two models that differ by less count as equivalent.
    target : what the human scores are: ``"hit_rate"``, ``"false_alarm_rate"``, ``"corrected"``
        (hits less false alarms) or ``"d_prime"``. Without it the manifest says so, else hits and
        responses do. A model that estimates something else is compared by its ranking, and never
        called the best.
    trained_on : model -> names of the data sets that it was trained on, as
        :mod:`memnet.data.contamination` explains, for models whose tables do not say it:
        ``{"mine": ["lamem:train:1"]}``; () for none. It adds to what memnet knows of a model.
    declared_by : who says so, for the record and the report.
    resamples, seed : of the bootstrap intervals and the permutation tests.
    command : what the record says was run.

    Returns
    -------
    RunRecord
        value, n and 95 % interval of each metric and model, every pair of models, and what did
        not match.

    Raises
    ------
    MemnetError
        if a column is missing, ids repeat, nothing matches, ``target`` contradicts the table, or
        ``trained_on`` names a model that is not compared.

    Examples
    --------
    >>> import pandas as pd
    >>> truth = pd.DataFrame({"image_id": list("abcd"), "hit_rate": [0.5, 0.6, 0.8, 0.9]})
    >>> scores = pd.DataFrame({"image_id": list("dcba"), "score": [0.7, 0.8, 0.6, 0.5]})
    >>> record = compare_scores(truth, scores, truth_column="hit_rate", resamples=200)
    >>> round(record.value("spearman"), 3), record.result("spearman").n
    (0.8, 4)
    """
    truth_column, id_column, dataset = truth_column or "", id_column or "", dataset or ""
    hits_column, responses_column = hits_column or "", responses_column or ""
    false_alarms_column, strata_column = false_alarms_column or "", strata_column or ""
    clusters_column, score_column = clusters_column or "", score_column or "score"
    target = target or ""
    if target:
        check_target(target)  # before anything is read
    positive, beyond = "" if positive is None else str(positive), beyond or ()
    require_whole("resamples", resamples, 1)
    require_whole("seed", seed, 0)
    if not 0 < margin < 2:
        raise MemnetError(f"The margin is {margin:g}; it must lie between 0 and 2.")
    if strata_column and clusters_column:
        raise MemnetError("Resample within strata or by clusters, not both.")
    table, manifest, set_aside = _open(truth)
    known, named_false_alarms = manifest or {}, false_alarms_column
    truth_column = truth_column or known.get("truth_column") or ""
    if not truth_column:
        raise MemnetError("Say which column has the human scores (--truth-column).")
    id_column = id_column or known.get("id_column") or "image_id"
    if truth_column == known.get("truth_column"):
        hits_column = hits_column or known.get("hits_column") or ""
        responses_column = responses_column or known.get("responses_column") or ""
        false_alarms_column = false_alarms_column or known.get("false_alarms_column") or ""
    dataset = _dataset(dataset, known)
    truth_id = id_column_of(table, id_column, "the table with the human scores")
    human, named = read_truth(table, column=truth_column, id_column=truth_id, positive=positive)
    human = replace(
        human, rows=human.rows + len(set_aside), set_aside=(*set_aside, *human.set_aside)
    )
    models = [
        model
        for each in _score_tables(scores)
        for model in each.read(id_column=id_column, score_column=score_column)
    ]
    if not models:
        raise MemnetError("There are no scores to compare; give one score table or more.")
    _check_names(
        {
            "column": [truth_column, id_column, truth_id, strata_column, clusters_column],
            "model": [name for model in models for name in (model.name, model.variant)],
            "data set": [dataset],
        }
    )
    declared = read_declared(trained_on, [model.name for model in models])
    joined = join(human, models, rule=match, classes=named is not None)
    wanted = {
        "hits": hits_column,
        "responses": responses_column,
        "false_alarms": false_alarms_column if hits_column else "",
        "group": strata_column or clusters_column,
    }
    columns = {role: column for role, column in wanted.items() if column}
    counts = {hits_column, responses_column, false_alarms_column} | {
        known.get(f"{name}_column") or "" for name in ("hits", "responses", "false_alarms")
    }
    _refuse_answers_as_groups(strata_column, clusters_column, truth_column, counts)
    if bool(hits_column) != bool(responses_column):
        raise MemnetError("Hits and responses go together: name both columns, or neither.")
    if false_alarms_column and not hits_column:
        raise MemnetError("False alarms need hits and responses: name those columns, too.")
    for name, values in [(truth_column, joined.truth), *joined.predictions.items()]:
        if float(np.abs(values).max()) > _LARGEST:
            raise MemnetError(
                f"{name} has a score of {np.abs(values).max():g}, too large to be squared; mend or "
                "leave out its row."
            )
    extras = read_extras(table, columns, id_column=truth_id, ids=joined.ids)
    baseline, doubts = read_baseline(
        [beyond] if isinstance(beyond, str) else beyond,
        table,
        joined.predictions,
        truth_column=truth_column,
        id_column=truth_id,
        ids=joined.ids,
        counts=counts,
    )
    draws, resampling = _draws(extras, strata_column, clusters_column, resamples, seed)
    described = [
        describe_model(model, dataset, declared.get(model.name), declared_by) for model in models
    ]
    infos = [info for info, _ in described]
    classes = classes_of(joined.truth, named)
    hits, responses, false_alarms, no_counts = read_counts(joined, extras, known)
    answers, measure = find_answers(table, known, truth_column, joined)
    if classes is not None:
        hits = responses = false_alarms = answers = measure = None
        no_counts = NO_SCORES
    counted = "" if hits is None else HIT_RATE if false_alarms is None else "corrected"
    target = settle_target(
        target,
        known,
        truth_column,
        hits_column=hits_column,
        false_alarms_column=false_alarms_column,
        counted=counted,
    )
    rhos = category_rhos(joined.truth, joined.predictions, draws) if strata_column else None
    analysis = analyse(
        ComparisonInput(
            truth=joined.truth,
            predictions=joined.predictions,
            variants={model.name: model.variant for model in models},
            words={info["name"]: info["contamination"] for info in infos},
            dataset=dataset,
            manifest=joined.manifest_digest(),
            hits=hits,
            responses=responses,
            false_alarms=false_alarms,
            no_counts=no_counts,
            draws=draws,
            answers=answers,
            measure=measure,
            margin=margin,
            classes=classes is not None,
            target=target,
        ),
        also=None if rhos is None else rhos.add,
    )
    categories: dict[str, Any] = {}
    if rhos is not None:
        names = np.unique(extras["group"].to_numpy(dtype=str)).tolist()
        categories = analyse_categories(
            joined.truth, joined.predictions, names, draws.groups, rhos, column=strata_column
        )
    warnings = [
        *warn_of_targets(target, infos, known, truth_column),
        *(caution for _, cautions in described for caution in cautions),
        *(category_warnings(categories, analysis.results) if categories else ()),
        *warn_of_tables(joined, human, models, no_counts if columns.get("hits") else ""),
        *warn_of_doubts(doubts),
        *warn_of_baseline(baseline, joined.truth),
        *(warn_of_lone_pictures(joined.ids, draws, strata_column) if strata_column else ()),
        *(warn_of_small_classes(classes, joined) if classes is not None else ()),
        *warn_of_counts(joined.ids, responses),
        *(warn_of_unused_false_alarms(named_false_alarms) if counted == HIT_RATE else ()),
        *warn_of_unknown_dataset(dataset, [info["contamination"] for info in infos]),
        *warn_of_few_resamples(resamples),
    ]
    record = RunRecord(
        created=utc_now(),
        command=command,
        dataset=dataset,
        truth=describe_truth(table, human, joined, truth_id)
        | {"manifest": manifest, "target": target}
        | describe_classes(classes, joined),
        models=infos,
        items=describe_items(joined, human, models, match),
        results=analysis.results,
        plots=analysis.plots,
        warnings=list(map(str, warnings)),
        warning_kinds=list(map(kind_of, warnings)),
        environment=environment() | {name: version(name) for name in ("numba", "diptest")},
        differences=analysis.differences,
        labels=analysis.labels,
        published=[]  # those are about scores
        if classes is not None
        else list_published(
            dataset,
            [model.name for model in models],
            measured=analysis.labels["kind"] == "counts" and false_alarms is None,
            target=target,
        ),
        resampling=resampling,
        categories=categories,
        extremes=name_extremes(joined),
        increments=beyond_baseline(
            joined.truth,
            baseline,
            joined.predictions,
            {info["name"]: info["contamination"] for info in infos},
            draws,
            level=LEVEL,
        ),
    )
    legibly: RunRecord = legible(record)
    return legibly


def _open(
    truth: TableInput | Truth,
) -> tuple[TableInput, dict[str, Any] | None, tuple[str, ...]]:
    """Return the table, its manifest where it has one, and what its reader set aside."""
    if isinstance(truth, Truth):
        return truth.table, truth.manifest, truth.set_aside
    return truth, None if isinstance(truth, pd.DataFrame) else read_manifest(truth), ()


def _score_tables(
    scores: ScoresInput | Sequence[ScoresInput] | Mapping[str, ScoresInput],
) -> list[ScoreTable]:
    if isinstance(scores, (pd.Series, np.ndarray)):
        raise MemnetError(
            f"The scores are a {type(scores).__name__}, whose numbers no picture can be told by: "
            "give a table with the columns image_id and score."
        )
    if isinstance(scores, (str, os.PathLike, pd.DataFrame, ScoreTable)):
        return [_score_table(scores)]
    if isinstance(scores, Mapping):
        return [_score_table(table)._replace(name=name) for name, table in scores.items()]
    return list(map(_score_table, scores))


def _score_table(given: ScoresInput) -> ScoreTable:
    if isinstance(given, ScoreTable):
        return given
    return ScoreTable(*given) if isinstance(given, tuple) else ScoreTable(given)


def _check_names(names: Mapping[str, Iterable[str]]) -> None:
    """Refuse names that are no names, and that no record would be read with again."""
    for what, each in names.items():
        for name in each:
            if len(name) > NAME.longest:
                raise MemnetError(
                    f"The name of a {what} has {len(name):,} letters ({name[:40]}...); give it one "
                    f"of at most {NAME.longest}."
                )


def _dataset(given: str, manifest: Mapping[str, Any]) -> str:
    """Settle the data set's name: the manifest's, which what the user says must not contradict."""
    named = _dataset_name(manifest)
    if given and named:
        tested, known = DatasetName.parse(given), DatasetName.parse(named)
        if tested.base != known.base or (tested.part and str(tested) != str(known)):
            raise MemnetError(
                f"The table's manifest says that the data set is {named}, and --dataset {given}; "
                "leave --dataset out, or delete the manifest if the table is your own."
            )
    dataset = named or given
    if dataset:
        name = DatasetName.parse(dataset)
        if name.base == "lamem" and name.split and name.split not in map(str, SPLITS):
            raise MemnetError(
                f"LaMem has splits {SPLITS[0]} to {SPLITS[-1]}; --dataset {dataset} names another."
            )
    return dataset


def _dataset_name(manifest: Mapping[str, Any]) -> str:
    """Name the data set of a manifest, with part and split, as contamination understands it."""
    if not manifest:
        return ""
    name, part, split = manifest["dataset"], manifest.get("part"), manifest.get("split")
    if part not in PARTS:  # the whole of it
        return str(name)
    if manifest.get("seed") is not None:
        split = f"seed{manifest['seed']}-held{manifest['held_out']}-lamem{split}"
    return ":".join(str(each) for each in (name, part, split) if each)


def _refuse_answers_as_groups(
    strata: str, clusters: str, truth_column: str, counts: Collection[str]
) -> None:
    """Refuse groups that are made of the human scores: within them, these would hardly vary."""
    column, option = (strata, "--strata-column") if strata else (clusters, "--clusters-column")
    if column and (column == truth_column or column in counts):
        what = "has the human scores themselves" if column == truth_column else "has their counts"
        raise MemnetError(
            f"{option} {printable(column)} {what}, and pictures of equal scores are no group; name "
            "a column with a property of the pictures, such as their category, or leave "
            f"{option} out."
        )


def _draws(
    extras: pd.DataFrame, strata: str, clusters: str, resamples: int, seed: int
) -> tuple[Draws, dict[str, Any]]:
    n = len(extras)
    column = strata or clusters
    if not column:
        return (
            Draws(n=n, resamples=resamples, seed=seed),
            {"kind": "pictures", "column": "", "groups": 0},
        )
    names, groups = np.unique(extras["group"].to_numpy(dtype=str), return_inverse=True)
    alone = int((np.bincount(groups) == 1).sum())
    too_fine = alone > MOST_ALONE * n
    if strata and too_fine:
        raise MemnetError(
            f"Column {strata!r} has {len(names):,} different values for {n:,} pictures, and "
            f"{alone:,} pictures are alone in their group: drawn within groups, those would be in "
            "every resample, and intervals far too narrow; name a coarser column with "
            "--strata-column, or leave it out."
        )
    if clusters and len(names) < FEWEST_CLUSTERS:
        instead = "a finer grouping" if too_fine else "it as strata, or a finer grouping"
        raise MemnetError(
            f"Column {clusters!r} has {len(names)} cluster(s) "
            f"({shorten_list(names)}), and intervals from "
            f"fewer than {FEWEST_CLUSTERS} mean nothing; use {instead}."
        )
    kind: Any = "strata" if strata else "clusters"
    return (
        Draws(n=n, resamples=resamples, seed=seed, kind=kind, groups=groups),
        {"kind": kind, "column": column, "groups": len(names)},
    )

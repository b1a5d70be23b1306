"""``memnet.compare``: human scores and predictions in, a RunRecord out."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from memnet.compare.analysis import (
    MARGIN,
    NO_COLUMNS,
    NO_SCORES,
    ComparisonInput,
    analyse,
)
from memnet.compare.baseline import beyond_baseline, read_baseline
from memnet.compare.categories import analyse_categories, category_rhos, category_warnings
from memnet.compare.extremes import find_extremes
from memnet.compare.published import HUMAN, published_for
from memnet.compare.record import RunRecord, legible
from memnet.data.columns import Scores, read_extras
from memnet.data.contamination import DatasetName, judge_contamination
from memnet.data.datasets import PARTS, known_datasets
from memnet.data.lamem import SPLITS
from memnet.data.manifest import Truth, read_manifest
from memnet.data.matching import MATCH_RULES, Joined, join
from memnet.data.score_tables import ScoreTable
from memnet.data.tables import TABLE_GIVEN, TableInput, split_sheet
from memnet.data.trials import read_answers
from memnet.data.two_classes import Classes, classes_of, read_truth
from memnet.errors import MemnetError
from memnet.stats.levels import LEVEL
from memnet.stats.participants import Measure
from memnet.stats.recognition import MEASURES, Answers
from memnet.stats.resampling import FEWEST_CLUSTERS, Draws
from memnet.util.checks import require_whole
from memnet.util.clock import utc_now
from memnet.util.json_fields import NAME
from memnet.util.text import printable, shorten_list
from memnet.util.versions import environment
from memnet.weights.catalogue import catalogue
from memnet.weights.digests import file_digest

RESAMPLES = 10_000
SEED = 20220101
_EXAMPLES = 20
ScoresInput = TableInput | ScoreTable | tuple[TableInput, str]
"""A table with predictions, or a table and its column with the predictions."""

_LARGEST = 1e100  # squares must be finite
_FEW_RESAMPLES = 1_000
_FEW_PICTURES = 30
_FEW_OF_A_CLASS = 10
_MOST_ALONE = 0.5  # of the pictures may be alone in their stratum
_FEW_WRONG = 0.05  # of the labels may be typing errors; more are another kind of label
_UNEQUAL = 4.0
_ROUNDED_LABELS = 0.006  # labels rounded to two decimals are still hits / responses


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
    positive: str = "",
    beyond: str | Sequence[str] = (),
    margin: float = MARGIN,
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
    truth_column : the column with the human scores (hit rates in [0, 1]).
    id_column : the column with the picture's id, ``image_id`` by default; a score table may also
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
        if a column is missing, ids repeat, or nothing matches.

    Examples
    --------
    >>> import pandas as pd
    >>> truth = pd.DataFrame({"image_id": list("abcd"), "hit_rate": [0.5, 0.6, 0.8, 0.9]})
    >>> scores = pd.DataFrame({"image_id": list("dcba"), "score": [0.7, 0.8, 0.6, 0.5]})
    >>> record = compare_scores(truth, scores, truth_column="hit_rate", resamples=200)
    >>> round(record.value("spearman"), 3), record.result("spearman").n
    (0.8, 4)
    """
    require_whole("resamples", resamples, 1)
    require_whole("seed", seed, 0)
    if not 0 < margin < 2:
        raise MemnetError(f"The margin is {margin:g}; it must lie between 0 and 2.")
    if strata_column and clusters_column:
        raise MemnetError("Resample within strata or by clusters, not both.")
    table, manifest, set_aside = _open(truth)
    known = manifest or {}
    truth_column = truth_column or known.get("truth_column") or ""
    if not truth_column:
        raise MemnetError("Say which column has the human scores (--truth-column).")
    id_column = id_column or known.get("id_column") or "image_id"
    if truth_column == known.get("truth_column"):
        hits_column = hits_column or known.get("hits_column") or ""
        responses_column = responses_column or known.get("responses_column") or ""
        false_alarms_column = false_alarms_column or known.get("false_alarms_column") or ""
    dataset = _dataset(dataset, known)
    human, named = read_truth(table, column=truth_column, id_column=id_column, positive=positive)
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
            "column": [truth_column, id_column, strata_column, clusters_column],
            "model": [name for model in models for name in (model.name, model.variant)],
            "data set": [dataset],
        }
    )
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
    extras = read_extras(table, columns, id_column=id_column, ids=joined.ids)
    baseline, doubts = read_baseline(
        [beyond] if isinstance(beyond, str) else beyond,
        table,
        joined.predictions,
        truth_column=truth_column,
        id_column=id_column,
        ids=joined.ids,
        counts=counts,
    )
    draws, resampling = _draws(extras, strata_column, clusters_column, resamples, seed)
    infos = [_model_info(model, dataset) for model in models]
    classes = classes_of(joined.truth, named)
    hits, responses, false_alarms, no_counts = _counts(joined, extras, known)
    answers, measure = _answers(table, known, truth_column, joined)
    if classes is not None:
        hits = responses = false_alarms = answers = measure = None
        no_counts = NO_SCORES
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
        ),
        also=None if rhos is None else rhos.add,
    )
    categories: dict[str, Any] = {}
    if rhos is not None:
        names = np.unique(extras["group"].to_numpy(dtype=str)).tolist()
        categories = analyse_categories(
            joined.truth, joined.predictions, names, draws.groups, rhos, column=strata_column
        )
    warnings = category_warnings(categories, analysis.results) if categories else []
    warnings += _warnings(joined, human, models, no_counts if columns.get("hits") else "")
    warnings += doubts
    warnings += _alone_in_strata(joined.ids, draws, strata_column) if strata_column else []
    warnings += _few_of_a_class(classes, joined) if classes is not None else []
    warnings += _doubtful_counts(joined.ids, responses)
    told = {info["contamination"] for info in infos} <= {"clean", "contaminated"}
    if dataset and not DatasetName.parse(dataset).known and not told:
        warnings.append(
            f"memnet does not know the data set {dataset} (it knows "
            f"{', '.join(known_datasets())}), so it cannot tell which models were trained on it."
        )
    if resamples < _FEW_RESAMPLES:
        warnings.append(f"Only {resamples} resamples: intervals and p values are imprecise.")
    record = RunRecord(
        created=utc_now(),
        command=command,
        dataset=dataset,
        truth=_truth_info(table, human, joined, id_column)
        | {"manifest": manifest}
        | _class_info(classes, joined),
        models=infos,
        items=_items(joined, human, models, match),
        results=analysis.results,
        plots=analysis.plots,
        warnings=warnings,
        environment=environment() | {name: version(name) for name in ("numba", "diptest")},
        differences=analysis.differences,
        labels=analysis.labels,
        published=[]  # those are about scores
        if classes is not None
        else _published(
            dataset,
            [model.name for model in models],
            measured=analysis.labels["kind"] == "counts" and false_alarms is None,
        ),
        resampling=resampling,
        categories=categories,
        extremes=_extremes(joined),
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


def _extremes(joined: Joined) -> dict[str, Any]:
    """Name the pictures that a contact sheet shows, of the first model."""
    model, prediction = next(iter(joined.predictions.items()))
    groups = find_extremes(joined.ids, joined.truth, prediction)
    return {"model": model, "groups": groups}


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
    too_fine = alone > _MOST_ALONE * n
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


def _alone_in_strata(ids: Sequence[str], draws: Draws, column: str) -> list[str]:
    """Say which pictures are alone in their group, and thus in every resample."""
    assert draws.groups is not None
    alone = np.flatnonzero(np.bincount(draws.groups)[draws.groups] == 1).tolist()
    if not alone:
        return []
    one_or_more = "is alone in its group" if len(alone) == 1 else "are alone in their group"
    return [
        f"{len(alone):,} of {len(ids):,} pictures {one_or_more} of {column!r} "
        f"({shorten_list([ids[row] for row in alone], 3)}) and so in every resample, which makes "
        "intervals too narrow; a coarser grouping would not."
    ]


def _few_of_a_class(classes: Classes, joined: Joined) -> list[str]:
    """Say where the smaller class has too few pictures for an interval of the AUC."""
    positives = int(joined.truth.sum())
    sizes = {classes.positive: positives, classes.negative: len(joined.truth) - positives}
    name, n = min(sizes.items(), key=lambda item: item[1])
    if not 0 < n < _FEW_OF_A_CLASS:
        return []
    return [
        f"Only {n} {'picture is' if n == 1 else 'pictures are'} of the class {name!r}: with fewer "
        f"than {_FEW_OF_A_CLASS}, intervals of the AUC (DeLong's and the bootstrap's) and tests of "
        "it are not reliable."
    ]


def _counts(
    joined: Joined, extras: pd.DataFrame, manifest: Mapping[str, Any]
) -> tuple[Any | None, Any | None, Any | None, str]:
    """Return hits, responses and (of corrected labels) false alarms, or why there are none."""
    if "hits" not in extras:
        return None, None, None, NO_COLUMNS
    hits, responses = extras["hits"].to_numpy(), extras["responses"].to_numpy()
    apart = np.abs(hits / responses - joined.truth)
    wrong = np.flatnonzero(apart > _ROUNDED_LABELS)
    if not len(wrong):
        return hits, responses, None, ""
    if "false_alarms" in extras:
        false_alarms = extras["false_alarms"].to_numpy()
        corrected = (hits - false_alarms) / responses
        if (false_alarms <= responses).all() and np.allclose(
            corrected, joined.truth, rtol=0, atol=_ROUNDED_LABELS
        ):
            return hits, responses, false_alarms, ""
    if len(wrong) <= _FEW_WRONG * len(apart):
        named = [
            f"{joined.ids[row]} ({hits[row]} of {responses[row]}, and a score of "
            f"{joined.truth[row]:.6g})"
            for row in wrong.tolist()
        ]
        why = (
            f"{len(wrong):,} of {len(apart):,} human scores are not hits / responses: "
            f"{shorten_list(named, 3)}; mend or leave out these rows"
        )
        return None, None, None, why
    kind = f" ({manifest['label_kind']})" if manifest.get("label_kind") else ""
    return (
        None,
        None,
        None,
        f"the human scores{kind} are not hits / responses (they differ by up to "
        f"{apart.max():.2g}), so their noise is not binomial",
    )


def _answers(
    table: TableInput, manifest: Mapping[str, Any], column: str, joined: Joined
) -> tuple[Answers | None, Measure | None]:
    """Return what single participants answered to the pictures, where `memnet responses` kept it.

    Raises
    ------
    MemnetError
        if the file is missing or damaged, or its answers do not give the human scores.
    """
    measure = MEASURES.get(column)
    if not manifest.get("answers") or measure is None or isinstance(table, pd.DataFrame):
        return None, None
    path = split_sheet(table)[0].parent / manifest["answers"]
    frame = read_answers(path)
    place = pd.Index(joined.ids).get_indexer(pd.Index(frame["image_id"]))
    frame, place = frame[place >= 0], place[place >= 0]
    who, people = pd.factorize(frame["participant"], sort=True)
    answers = Answers(
        who,
        place,
        frame["old"].to_numpy(dtype=bool),
        frame["yes"].to_numpy(dtype=bool),
        (len(people), len(joined.ids)),
    )
    if not np.allclose(measure(answers.sums()), joined.truth, atol=_ROUNDED_LABELS):
        raise MemnetError(
            f"The answers in {path} do not give the human scores in {table}; run `memnet "
            "responses` again, or delete the manifest to use the table as your own."
        )
    return answers, measure


def _doubtful_counts(ids: Sequence[str], responses: Any | None) -> list[str]:
    """Say where counts allow no halves, or are so unequal that the ceiling is too high."""
    if responses is None:
        return []
    single = [ids[row] for row in np.flatnonzero(responses < 2).tolist()]
    if single:
        return [
            f"{len(single):,} picture(s) have a single answer, which cannot be halved "
            f"({shorten_list(single)}); without their rows there would be a reliability and a "
            "ceiling."
        ]
    low, high = np.quantile(responses, [0.1, 0.9])
    if high < _UNEQUAL * low:
        return []
    return [
        f"The numbers of answers are very unequal (a tenth of the pictures have {low:g} or fewer, "
        f"a tenth {high:g} or more), so that the ceiling of rho is too high, by some .02 where "
        "half of the pictures have 10 and half 40, by .07 where they have 3 and 60: Spearman and "
        "Brown's formula supposes labels of one reliability."
    ]


def _published(dataset: str, models: Sequence[str], *, measured: bool) -> list[dict[str, Any]]:
    """Look up the published values for this record, as plain JSON values.

    ``measured`` says whether split halves were: people's published consistency is about hit rates,
    and labels without counts may be others.
    """
    return [
        {
            "model": row.model,
            "dataset": row.published.dataset,
            "metric": row.published.metric,
            "value": row.published.value,
            "text": row.published.text,
            "what": row.published.what,
            "source": row.published.source.short,
            "citation": row.published.source.citation,
            "url": row.published.source.url,
            "where": row.published.place,
            "comparable": row.comparable and (measured or row.published.metric != "split_half"),
            "why": row.why,
        }
        for row in published_for(dataset, [*models, HUMAN])
    ]


def _truth_info(truth: TableInput, human: Scores, joined: Joined, id_column: str) -> dict[str, Any]:
    file = None if isinstance(truth, pd.DataFrame) else split_sheet(truth)[0]
    return {
        "source": TABLE_GIVEN if file is None else file.name,
        "sha256": None if file is None else file_digest(file),
        "column": human.name,
        "id_column": id_column,
        "rows": human.rows,
        "read_as": list(human.assumed),
        "mean": float(joined.truth.mean()),
        "sd": float(joined.truth.std(ddof=1)) if len(joined.ids) > 1 else None,
        "lowest": float(joined.truth.min()),
        "highest": float(joined.truth.max()),
    }


def _class_info(classes: Classes | None, joined: Joined) -> dict[str, Any]:
    """Say what two classes are called, and how many of the pictures compared each has."""
    if classes is None:
        return {}
    positives = int(joined.truth.sum())
    return {
        "classes": {
            "positive": classes.positive,
            "negative": classes.negative,
            "positives": positives,
            "negatives": len(joined.ids) - positives,
        }
    }


def _model_info(model: Scores, dataset: str) -> dict[str, Any]:
    """Describe a model by its table's sidecar, or by its name, and say by which."""
    info: dict[str, Any] = {
        "name": model.name,
        "variant": model.variant,
        "source": Path(model.source).name,
        "rows": model.rows,
        "read_as": list(model.assumed),
        "known_by": "sidecar" if model.identity else "name",
    }
    entry = catalogue().get(model.name.split(":")[0])
    if entry is not None:
        info |= {
            "title": entry.title,
            "trained_on": list(entry.trained_on),
            "split_unpublished": list(entry.split_unpublished),
            "training_note": entry.training_note,
            "licence": entry.licence,
            "citation": entry.citation,
        }
    if model.identity:
        copied = (
            "trained_on",
            "licence",
            "citation",
            "preprocess_digest",
            "weights_sha256",
            "remark",
        )
        info |= {name: model.identity.get(name) for name in copied}
        if given := model.identity.get("given_as"):
            info["given_as"] = given
    verdict = judge_contamination(
        info.get("trained_on"), dataset, split_unpublished=info.get("split_unpublished", ())
    )
    return info | {"contamination": verdict.word, "contamination_why": verdict.why}


def _items(joined: Joined, human: Scores, models: Sequence[Scores], match: str) -> dict[str, Any]:
    aside = [*human.set_aside, *(line for model in models for line in model.set_aside)]
    return {
        "n": len(joined.ids),
        "digest": joined.digest(),
        "join_rule": MATCH_RULES[match].meaning,
        "set_aside": len(aside),
        "set_aside_examples": aside[:_EXAMPLES],
        "without_score": len(joined.truth_only),
        "without_score_examples": joined.truth_only[:_EXAMPLES],
        "without_truth": {name: len(ids) for name, ids in joined.scores_only.items()},
        "without_truth_examples": {
            name: ids[:_EXAMPLES] for name, ids in joined.scores_only.items() if ids
        },
    }


def _warnings(joined: Joined, human: Scores, models: Sequence[Scores], no_counts: str) -> list[str]:
    sentences = [
        f"{model.name}: {model.identity['remark']}"
        for model in models
        if model.identity and model.identity.get("remark")
    ]
    sentences += joined.warnings
    if no_counts:
        sentences.append(f"Hits and responses were not used: {no_counts}.")
    for column in (human, *models):
        sentences += column.doubts
        if column.set_aside:
            sentences.append(
                f"{len(column.set_aside)} row(s) of {column.name} were set aside: "
                f"{shorten_list(column.set_aside, 3)}."
            )
    if joined.truth_only:
        sentences.append(
            f"{len(joined.truth_only)} picture(s) with a human score were left out, since not "
            f"every model scored them: {shorten_list(joined.truth_only)}."
        )
    for name, ids in joined.scores_only.items():
        if ids:
            sentences.append(
                f"{len(ids)} picture(s) scored by {name} were left out, since they are not in "
                f"the comparison: {shorten_list(ids)}."
            )
    if (n := len(joined.ids)) < 10:
        sentences.append(f"Only {n} picture(s): nothing can be concluded from that.")
    elif n < _FEW_PICTURES:
        sentences.append(
            f"Only {n} pictures: intervals from so few are approximate, and a correlation may be "
            "off by .3 and more by chance."
        )
    return sentences

"""What a record says of what was compared: truth, models, pictures, published values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from memnet.compare.extremes import find_extremes
from memnet.compare.published import HUMAN, published_for
from memnet.data.columns import Scores
from memnet.data.contamination import judge_contamination
from memnet.data.matching import MATCH_RULES, Joined
from memnet.data.tables import TABLE_GIVEN, TableInput, split_sheet
from memnet.data.two_classes import Classes
from memnet.weights.catalogue import catalogue
from memnet.weights.digests import file_digest
from memnet.weights.known_models import named_after

_EXAMPLES = 20


def describe_truth(
    truth: TableInput, human: Scores, joined: Joined, id_column: str
) -> dict[str, Any]:
    """Say where the human scores came from, and how they are distributed."""
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


def describe_classes(classes: Classes | None, joined: Joined) -> dict[str, Any]:
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


def describe_model(model: Scores, dataset: str) -> dict[str, Any]:
    """Describe a model by its table's sidecar, or by its name, and say by which."""
    info: dict[str, Any] = {
        "name": model.name,
        "variant": model.variant,
        "source": Path(model.source).name,
        "rows": model.rows,
        "read_as": list(model.assumed),
        "known_by": "sidecar" if model.identity else "name",
    }
    # What a sidecar says of its numbers goes before what a spelling suggests.
    entry = (
        catalogue().get(model.name.partition(":")[0]) if model.identity else named_after(model.name)
    )
    if entry is not None:
        info |= {
            "title": entry.title,
            "trained_on": None if entry.trained_on is None else list(entry.trained_on),
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


def describe_items(
    joined: Joined, human: Scores, models: Sequence[Scores], match: str
) -> dict[str, Any]:
    """Say how many pictures were compared, by which rule, and what was left out."""
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


def name_extremes(joined: Joined) -> dict[str, Any]:
    """Name the pictures that a contact sheet shows, of the first model."""
    model, prediction = next(iter(joined.predictions.items()))
    groups = find_extremes(joined.ids, joined.truth, prediction)
    return {"model": model, "groups": groups}


def list_published(dataset: str, models: Sequence[str], *, measured: bool) -> list[dict[str, Any]]:
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

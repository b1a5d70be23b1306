"""What a record says of what was compared: truth, models, pictures, published values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from memnet.compare.extremes import find_extremes
from memnet.compare.published import HUMAN, published, published_for
from memnet.data.columns import Scores
from memnet.data.contamination import DatasetName, judge_contamination, nearly_known
from memnet.data.declared import is_by_hand, words_of_declaration
from memnet.data.matching import MATCH_RULES, Joined
from memnet.data.tables import TABLE_GIVEN, TableInput, split_sheet
from memnet.data.targets import HIT_RATE, target_words
from memnet.data.two_classes import Classes
from memnet.util.caution import Caution
from memnet.util.text import join_names, model_label
from memnet.weights.catalogue import catalogue
from memnet.weights.digests import file_digest
from memnet.weights.known_models import named_after

_EXAMPLES = 20
_COPIED = (
    "trained_on",
    "licence",
    "citation",
    "preprocess_digest",
    "weights_sha256",
    "remark",
)
_SAID_BY_HAND = ("licence", "citation", "remark", "pretrained_on")
_FUNCTION = "function"  # architecture of a model of `Predictor.from_function`

BY_HAND = "the score table's manifest"
BY_FUNCTION = "Predictor.from_function"
"""Who can have declared what a model was trained on, beside the caller of a comparison."""


_DEVIATION = ("mean_change", "largest_change", "spearman", "pictures")


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


def _precision(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return how scores were computed where that was not exactly, as far as the sidecar tells."""
    kind, deviation = about.get("precision"), about.get("deviation_from_exact")
    if not isinstance(kind, str):
        return {}
    deviation = deviation if isinstance(deviation, dict) else {}
    numbers = {
        name: deviation[name] for name in _DEVIATION if isinstance(deviation.get(name), int | float)
    }
    return {"precision": kind, "deviation_from_exact": numbers}


def describe_model(
    model: Scores, dataset: str, declared: Sequence[str] | None = None, declared_by: str = ""
) -> tuple[dict[str, Any], list[Caution]]:
    """Describe a model by its table's sidecar, or by its name, and say by which.

    Parameters
    ----------
    model : its scores.
    dataset : what it is tested on.
    declared : what the caller says it was trained on; None for nothing said.
    declared_by : how the caller said it.

    Returns
    -------
    tuple
        the model as the record has it, and a sentence where somebody says less of its training
        than is known: it is judged by all of it, so no word of mouth makes a model clean.
    """
    about = model.identity or {}
    by_hand = is_by_hand(about)
    info: dict[str, Any] = {
        "name": model.name,
        "variant": model.variant,
        "source": Path(model.source).name,
        "rows": model.rows,
        "read_as": list(model.assumed),
        "known_by": "name" if by_hand else "sidecar",
        "target": "",
        "pretrained_on": [],
        "declared_by": "",
        "declared": [],
    }
    # What memnet wrote of a table's numbers goes before what the spelling of its name suggests.
    exact = catalogue().get(model.name.partition(":")[0])
    called = [model.name, about.get("written_for", "")]
    named = [entry for name in called if (entry := named_after(name)) is not None]
    entry = next(iter(named), None) if by_hand else exact
    if entry is not None:
        info |= {
            "title": entry.title,
            "trained_on": None if entry.trained_on is None else list(entry.trained_on),
            "split_unpublished": list(entry.split_unpublished),
            "training_note": entry.training_note,
            "licence": entry.licence,
            "citation": entry.citation,
            "target": entry.target,
            "pretrained_on": list(entry.pretrained_on),
        }
    declarations = [("" if declared is None else declared_by, declared)]
    if by_hand:
        info |= {name: about[name] for name in _SAID_BY_HAND if name in about}
        info["target"] = info["target"] or about.get("target", "")
        declarations.insert(0, (BY_HAND, about.get("trained_on")))
    else:
        info |= {name: about.get(name) for name in _COPIED}
        info["target"] = about.get("target", HIT_RATE)
        info["pretrained_on"] = about.get("pretrained_on") or info["pretrained_on"]
        if given := about.get("given_as"):
            info["given_as"] = given
        info |= _precision(about)
        if about.get("arch") == _FUNCTION and info["trained_on"] is not None:
            info |= {"declared_by": BY_FUNCTION, "declared": info["trained_on"]}
    cautions = [
        *_other_target(info, about if by_hand else {}),
        *(_declare(info, by, said) for by, said in declarations if said is not None),
        *(_misspelt(info["name"], by, said) for by, said in declarations if said is not None),
    ]
    verdict = judge_contamination(
        info.get("trained_on"), dataset, split_unpublished=info.get("split_unpublished", ())
    )
    why = verdict.why
    if verdict.word != "unknown" and (by := words_of_declaration(info)):
        why = f"{why.removesuffix('.')} ({by})."
    info |= {"contamination": verdict.word, "contamination_why": why}
    return info, [caution for caution in cautions if caution]


def _declare(info: dict[str, Any], by: str, said: Sequence[str]) -> Caution | None:
    """Add what somebody says of a model's training; return what is known beyond it."""
    known = info.get("trained_on")
    names = list(said)
    if known is None:
        info |= {"trained_on": names, "declared_by": by, "declared": names}
        return None
    read = set(map(DatasetName.parse, names))
    kept = [name for name in known if DatasetName.parse(name) not in read]
    there = set(map(DatasetName.parse, known))
    new = [name for name in names if DatasetName.parse(name) not in there]
    info["trained_on"] = [*known, *new]
    if new:
        info |= {"declared_by": by, "declared": [*info["declared"], *names]}
    if not kept:
        return None
    return Caution(
        f"By {by}, {info['name']} was trained on {', '.join(names) or 'no data set'}, but it is "
        f"known to be trained on {', '.join(kept)}, too: it is judged by all of them.",
        "declared-less",
    )


def _misspelt(model: str, by: str, said: Sequence[str]) -> Caution | None:
    """Doubt a declared data set that memnet does not know, but one that is nearly the same."""
    near = {name: known for each in said for name, known in nearly_known(each).items()}
    if not near:
        return None
    meant = join_names([f"{known} for {name}" for name, known in near.items()])
    return Caution(
        f"By {by}, {model} was trained on {join_names(list(near))}, which memnet does not know: "
        f"write {meant} if that is meant, or the model is judged as if it had not seen it.",
        "declared-unknown",
    )


def _other_target(info: Mapping[str, Any], about: Mapping[str, Any]) -> list[Caution]:
    """Say where what was written by hand contradicts the catalogue, which is believed."""
    said, known = about.get("target", ""), info["target"]
    if said in ("", known):
        return []
    return [
        Caution(
            f"By {BY_HAND}, {info['name']} predicts {target_words(said)}, but it is known to "
            f"predict {target_words(known)}, and is judged by that.",
            "declared-less",
        )
    ]


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


def list_published(
    dataset: str, models: Sequence[str], *, measured: bool, target: str = ""
) -> list[dict[str, Any]]:
    """Look up the published values for this record, as plain JSON values.

    ``measured`` says whether split halves were: people's published consistency is about hit rates,
    and labels without counts may be others. ``target`` is what the human scores are.
    """
    return [
        {
            "model": name,
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
        for name in dict.fromkeys([*models, HUMAN])
        for row in published_for(dataset, [_published_name(name)], target)
    ]


def _published_name(name: str) -> str:
    """Spell a model's name as the published values do."""
    base, _, variant = name.partition(":")
    known = None if base in {stated.model for stated in published()} else named_after(base)
    return model_label(known.name, variant) if known else name

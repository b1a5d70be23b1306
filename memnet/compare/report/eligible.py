"""Which models of a comparison may be called better than others, and what each one estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memnet.compare.record import RunRecord
from memnet.data.targets import target_words


def eligible(record: RunRecord, models: Sequence[str]) -> list[str]:
    """Return those of the models that may be called better than another.

    None that was trained on the data set; and none that estimates something else than the human
    scores are, as long as another does not: where all do, their rankings are compared.
    """
    unseen = [model for model in models if record.words[model] != "contaminated"]
    crossed = record.crossed
    return [model for model in unseen if model not in crossed] or unseen


def what_the_others_lack(record: RunRecord, models: Sequence[str]) -> str:
    """Say what sets the only eligible one of several models apart from the others."""
    (only,) = eligible(record, models)
    others = [model for model in models if model != only]
    said = []
    if any(record.words[model] == "contaminated" for model in others):
        said.append("is not known to be trained on this data set")
    if any(record.words[model] != "contaminated" for model in others):
        known = {model["name"]: model.get("target") for model in record.models}[only]
        predicts = "predicts" if known else "is not known to predict something else than"
        said.append(f"{predicts} {what_truth_is(record)}")
    return " and ".join(said)


def what_truth_is(record: RunRecord) -> str:
    """Say what the human scores are, "hit rates"; "" where that is not known."""
    target = record.truth.get("target")
    return target_words(target) if target else ""


def what_it_predicts(model: Mapping[str, Any]) -> str:
    """Say what a model of a record estimates: "Predicts hit rates"; "" where nobody knows."""
    target = model.get("target")
    return f"Predicts {target_words(target)}" if target else ""

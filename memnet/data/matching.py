"""Human scores and predictions on the same pictures.

The rule of the join: two rows belong together when their ids are the same text, letter for
letter, ending included. Every model is judged on the same items: those that have a usable human
score and a score from every model. Whatever is left out is counted and named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from memnet.data.columns import COUNTS, Scores, read_column, read_extras, read_scores
from memnet.data.id_suggestions import near_misses, nearest_rule
from memnet.errors import MemnetError

__all__ = [
    "COUNTS",
    "JOIN_RULE",
    "Joined",
    "Scores",
    "ids_digest",
    "join",
    "manifest_digest",
    "read_column",
    "read_extras",
    "read_scores",
]

JOIN_RULE = "ids are equal letter for letter, file ending included"


def ids_digest(ids: Iterable[str]) -> str:
    """Sha256 over the sorted ids, a newline between them: which pictures these are."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def manifest_digest(ids: Iterable[str], labels: Iterable[float]) -> str:
    """Sha256 of which pictures have which human scores, whatever their order.

    It is taken over the lines ``id<TAB>score``, each ended by a newline, in the order of the ids'
    code points. A score is written as the shortest decimal that reads back as the same float64
    (Python's ``repr``), so the digest is the same on every machine.
    """
    pairs = sorted(zip(ids, map(float, labels), strict=True))
    lines = "".join(f"{image_id}\t{label!r}\n" for image_id, label in pairs)
    return hashlib.sha256(lines.encode()).hexdigest()


@dataclass(frozen=True)
class Joined:
    """Truth and predictions on the same items, and what was left out.

    Attributes
    ----------
    ids : the items' ids, sorted.
    truth : human scores, float64 ``(N,)``.
    predictions : model -> float64 ``(N,)``.
    truth_only, scores_only : ids without a score from every model; ids without a human score.
    warnings : sentences for the report.
    """

    ids: list[str]
    truth: np.ndarray
    predictions: dict[str, np.ndarray]
    truth_only: list[str]
    scores_only: dict[str, list[str]]
    warnings: list[str] = field(default_factory=list)

    def digest(self) -> str:
        """Sha256 over the ids: which pictures this comparison is about."""
        return ids_digest(self.ids)

    def manifest_digest(self) -> str:
        """Sha256 over ids and human scores; see :func:`manifest_digest`."""
        return manifest_digest(self.ids, self.truth.tolist())


def join(truth: Scores, models: Sequence[Scores]) -> Joined:
    """Match by id and keep the items that every column has.

    Raises
    ------
    MemnetError
        if two models share a name, or nothing matches; the sentence says what would match if
        endings, folders or letter case were ignored.
    """
    names = [model.name for model in models]
    if len(set(names)) != len(names):
        raise MemnetError(
            f"Two sets of scores are called {next(n for n in names if names.count(n) > 1)!r}; "
            "rename one (the file's name, or its model column)."
        )
    truth_ids = truth.by_id.index
    places = {model.name: model.by_id.index.get_indexer(truth_ids) for model in models}
    kept = np.ones(len(truth_ids), dtype=bool)
    for model in models:
        here = places[model.name] >= 0
        if not here.any():
            raise MemnetError(_no_match(truth, model))
        kept &= here
    if not kept.any():
        raise MemnetError("No picture has a score from every model; compare them one at a time.")
    ids = truth_ids.to_numpy()
    rows = np.array(sorted(np.flatnonzero(kept).tolist(), key=ids.__getitem__))
    used = {name: place[rows] for name, place in places.items()}
    joined = Joined(
        ids=ids[rows].tolist(),
        truth=truth.by_id.to_numpy(dtype=np.float64)[rows],
        predictions={m.name: m.by_id.to_numpy(dtype=np.float64)[used[m.name]] for m in models},
        truth_only=sorted(ids[~kept].tolist()),
        scores_only={m.name: sorted(_without(m.by_id.index, used[m.name])) for m in models},
    )
    for model in models:
        place = places[model.name]
        joined.warnings.extend(_alike(truth, model, ids[place < 0].tolist(), place[place >= 0]))
    joined.warnings.extend(_outside(truth.name, joined.truth, is_truth=True))
    for name, prediction in joined.predictions.items():
        joined.warnings.extend(_outside(name, prediction, is_truth=False))
    return joined


def _without(index: pd.Index, rows: np.ndarray) -> list[str]:
    left = np.ones(len(index), dtype=bool)
    left[rows] = False
    return list(index[left])


def _no_match(truth: Scores, model: Scores) -> str:
    sentence = (
        f"No id of {truth.source} is in {model.source} ({model.name}): ids must agree letter for "
        f"letter, and here they look like {truth.by_id.index[0]!r} and {model.by_id.index[0]!r}."
    )
    how, shared = nearest_rule(truth.by_id.index, model.by_id.index)
    if shared:
        return f"{sentence} {shared:,} would agree {how}: change one of the two columns so."
    return f"{sentence} Is --id-column right?"


def _alike(
    truth: Scores, model: Scores, unmatched: list[str], matched_rows: np.ndarray
) -> list[str]:
    """Name ids that found no partner, but would if ids were read more loosely."""
    pairs = near_misses(unmatched, _without(model.by_id.index, matched_rows))
    if not pairs:
        return []
    listed = ", ".join(
        f"{count:,} {how} ({left!r} and {right!r})" for how, count, left, right in pairs
    )
    total = sum(count for _, count, _, _ in pairs)
    return [
        f"{total:,} id(s) of {truth.source} and {model.source} ({model.name}) do not agree letter "
        f"for letter and were left out, but would agree if read more loosely: {listed}; change one "
        "of the two columns if they are the same pictures."
    ]


def _outside(name: str, values: np.ndarray, *, is_truth: bool) -> list[str]:
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        return []
    if low >= 0 and high <= 100 and float(np.median(values)) > 1:
        hint = "they look like percentages: divide by 100"
    elif is_truth:
        hint = "a hit rate has none" + (
            ", a rate corrected for false alarms may be below 0" if low < 0 and high <= 1 else ""
        )
    else:
        hint = "perhaps they are raw outputs"
    return [
        f"{name}{' (truth)' if is_truth else ''} has scores outside [0, 1] (from {low:g} to "
        f"{high:g}); {hint}. Errors (MSE, MAE, bias) and distributions mean little unless truth "
        "and predictions are on one scale from 0 to 1; ranks are not affected."
    ]

"""The claims that a study asks for, computed on the pictures that have all their columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan, nan
from typing import Any

import numpy as np
import pandas as pd

from memnet.data.missing import MISSING_CODES
from memnet.data.numbers import to_numbers
from memnet.data.tables import require_column
from memnet.errors import MemnetError
from memnet.studies.migrate.claims.claim import Claim
from memnet.studies.migrate.claims.compute import FEWEST, compute_claims
from memnet.studies.migrate.claims.conclusions import classify_claim, write_conclusion
from memnet.studies.migrate.claims.correction import correct_claims
from memnet.studies.migrate.study import StudyTable, average_per_picture, read_group, warn_of_codes
from memnet.util.arrays import Array
from memnet.util.text import quoted, shorten_list

_MOST_NUMBERS = 20
"""Groups that are named by numbers; a column of more different numbers is a measured variable."""


@dataclass(frozen=True, kw_only=True)
class ClaimRequest:
    """Which claims to redo: columns of the study.

    Attributes
    ----------
    outcomes : what memorability is set against.
    covariates : held constant in partial correlations and regressions.
    group : whose groups are compared in memorability, "" for none.
    predictor : whose coefficient is looked at with memorability held constant, "" for none.
    clusters : of pictures that resemble each other, "" where pictures are independent.
    """

    outcomes: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    group: str = ""
    predictor: str = ""
    clusters: str = ""

    def __bool__(self) -> bool:
        """Whether any claim is to be redone."""
        return bool(self.outcomes or self.group)

    def check(self, study: StudyTable) -> None:
        """Raise ``MemnetError`` where a column is missing, or columns make no sense together."""
        if (self.covariates or self.predictor) and not self.outcomes:
            raise MemnetError(
                "Covariates and a predictor need an outcome: name its column with --outcome."
            )
        if self.clusters and not self:
            raise MemnetError(
                "Clusters are for claims: name an outcome (--outcome) or a group (--group)."
            )
        if self.clusters and self.clusters == self.group:
            raise MemnetError(
                f"The column {self.clusters!r} cannot be both groups that are compared and "
                "clusters of pictures that resemble each other."
            )
        named = [*self.outcomes, *self.covariates, *filter(None, [self.predictor])]
        for name in [*named, *filter(None, [self.group, self.clusters])]:
            require_column(study.table, name, study.source)
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise MemnetError(
                f"The column {twice[0]!r} is named twice; a column can be only one of outcome, "
                "covariate and predictor."
            )
        if taken := {study.id_column, study.score_column} & {*named, self.group, self.clusters}:
            raise MemnetError(
                f"The column {taken.pop()!r} has the ids or the old scores; it cannot be an "
                "outcome, a covariate, a predictor, a group or a cluster."
            )

        if self.group:
            _refuse_measured(study, self.group)

    def require_numbers(self, study: StudyTable) -> None:
        """Raise ``MemnetError`` where a column that must hold numbers has none."""
        for name in [*self.outcomes, *self.covariates, *filter(None, [self.predictor])]:
            average_per_picture(study, name)


def _refuse_measured(study: StudyTable, column: str) -> None:
    """Refuse a measured variable as groups: numbers, with many values or mostly one a picture."""
    labels, _ = read_group(study, column)
    counts = Counter(labels[labels != ""].tolist())
    if not np.isfinite(to_numbers(pd.Series(list(counts), dtype=object))).all():
        return
    alone = sum(count == 1 for count in counts.values())
    if len(counts) > _MOST_NUMBERS or 2 * alone > sum(counts.values()):
        raise MemnetError(
            f"The column {column!r} has {len(counts):,} different numbers, so it is no column of "
            "groups: relate a measured variable to memorability with --outcome. If the numbers are "
            "names of groups, write them as words (g1, g2)."
        )


def compute_requested_claims(
    study: StudyTable,
    both: Any,
    new: Array,
    request: ClaimRequest,
    resamples: int,
    seed: int,
    level: float,
    label: str,
    validities: Mapping[str, float] | None = None,
) -> tuple[list[Claim], list[str], list[str]]:
    """Redo the claims, each outcome's on the pictures that have all its columns.

    Parameters
    ----------
    both : bool ``(P,)``, the pictures that have both scores.
    new : float64 ``(P,)``.
    label : what sentences call the new model.
    validities : as for :func:`~memnet.studies.migrate.claims.compute.compute_claims`.

    Returns
    -------
    (claims, sentences, sentences)
        the claims; which pictures were left out of which claims, as a column is empty, and which
        numbers look like codes; what could not be used: cells that are no numbers or groups,
        pictures alone in their group, and claims that are undefined.
    """
    request.check(study)
    unusable: list[str] = []
    remarks: list[str] = []
    columns: dict[str, Array] = {}
    for name in [*request.outcomes, *request.covariates, *filter(None, [request.predictor])]:
        columns[name], messages = average_per_picture(study, name)
        unusable += messages
        remarks += warn_of_codes(study, name)
    more: dict[str, Any] = {
        "draws_seed": seed,
        "resamples": resamples,
        "level": level,
        "labels": {"old": f"column {study.score_column!r}", "new": f"the score of {label}"},
    }
    clusters = np.full(len(study.pictures), "", dtype=object)
    if request.clusters:
        clusters, _ = read_group(study, request.clusters)
        remarks += _without_cluster(study, both & (clusters == ""), request.clusters)
        both = both & (clusters != "")

    def clusters_of(there: Any) -> list[str] | None:
        return clusters[there].tolist() if request.clusters else None

    claims: list[Claim] = []
    shared = [*request.covariates, *filter(None, [request.predictor])]
    for outcome in request.outcomes:
        there = both & np.all([np.isfinite(columns[c]) for c in (outcome, *shared)], axis=0)
        remarks += _left_out(study, both & ~there, ", ".join([outcome, *shared]), outcome)
        if not _enough(there, outcome, unusable):
            continue
        predictor = request.predictor
        claims += compute_claims(
            study.old[there],
            new[there],
            outcome={outcome: columns[outcome][there]},
            covariates={name: columns[name][there] for name in request.covariates},
            predictor=(predictor, columns[predictor][there]) if predictor else None,
            validities=validities,
            clusters=clusters_of(there),
            **more,
        )
    if request.group:
        labels, mixed = read_group(study, request.group)
        remarks += _doubtful_groups(labels[both].tolist(), request.group)
        there = both & (labels != "")
        remarks += _left_out(study, both & ~there & ~mixed, request.group, request.group)
        lonely, messages = _lonely(study, there, labels, request.group)
        there &= ~lonely
        unusable += messages
        mixed &= both
        if mixed.any():
            unusable.append(_mixed(study, mixed, request.group, comparable=there))
        explained = mixed.any() and there.sum() < FEWEST
        if not explained and _enough(there, request.group, unusable):
            group = (request.group, labels[there].tolist())
            claims += compute_claims(
                study.old[there],
                new[there],
                outcome={},
                group=group,
                clusters=clusters_of(there),
                **more,
            )
    return correct_claims(claims), remarks, [*unusable, *_undefined(claims)]


def _without_cluster(study: StudyTable, without: Any, column: str) -> list[str]:
    names = [study.pictures[picture] for picture in np.flatnonzero(without)]
    if not names:
        return []
    return [
        f"{len(names):,} picture(s) have both scores and no cluster in column {column!r}, or rows "
        f"of several, and are left out of all claims ({shorten_list(names)})."
    ]


def _doubtful_groups(labels: Sequence[str], column: str) -> list[str]:
    """Name groups that may be one, written in two ways, and such as may be codes."""
    alike: dict[str | float, list[str]] = {}
    codes = []
    for label in sorted({*labels} - {""}):
        number = to_numbers(pd.Series([label], dtype=object))[0] if label[-1:].isdecimal() else nan
        alike.setdefault(label.casefold() if isnan(number) else float(number), []).append(label)
        codes += [label] if number in MISSING_CODES else []
    remarks = [
        f"Column {column!r} has the groups {shorten_list(map(quoted, names))}, which are compared "
        "as several; if they are one, write them alike."
        for names in alike.values()
        if len(names) > 1
    ]
    if codes:
        remarks.append(
            f"Column {column!r} has the group {shorten_list(map(quoted, codes))}, which is often "
            "the code of a missing value, and is compared like any other; if it is one, empty its "
            "cells."
        )
    return remarks


def _mixed(study: StudyTable, mixed: Any, column: str, *, comparable: Any) -> str:
    names = [study.pictures[picture] for picture in np.flatnonzero(mixed)]
    text = f"{len(names):,} picture(s) have rows of more than one group of column {column!r}"
    if comparable.sum() < FEWEST:
        return (
            f"{text}, so memorability cannot be compared between them; fit a mixed model to "
            "migrated.csv."
        )
    return (
        f"{text} and are left out of its comparison ({shorten_list(names)}); a group must be a "
        "property of the picture."
    )


def _lonely(study: StudyTable, there: Any, labels: Any, column: str) -> tuple[Any, list[str]]:
    """Mark pictures that are alone in their group, where two groups are left without them."""
    counts = Counter(labels[there].tolist())
    alone = [label for label, count in counts.items() if count == 1]
    if not alone or len(counts) - len(alone) < 2:
        return np.zeros(len(there), dtype=bool), []
    lonely = there & np.isin(labels.astype(str), alone)
    named = shorten_list(
        f"{labels[picture]!r}, {study.pictures[picture]}" for picture in np.flatnonzero(lonely)
    )
    return lonely, [
        f"{len(alone):,} group(s) of column {column!r} have one picture only and are left out of "
        f"the comparison ({named})."
    ]


def _left_out(study: StudyTable, without: Any, columns: str, of: str) -> list[str]:
    names = [study.pictures[picture] for picture in np.flatnonzero(without)]
    if not names:
        return []
    return [
        f"{len(names):,} picture(s) have both scores and no value in {columns}, and are left out "
        f"of the claims about {of} ({shorten_list(names)})."
    ]


def _enough(there: Any, of: str, messages: list[str]) -> bool:
    if (n := int(there.sum())) >= FEWEST:
        return True
    messages.append(
        f"No claims about {of}: {n} picture(s) have values in all columns, and {FEWEST} are needed."
    )
    return False


def _undefined(claims: Sequence[Claim]) -> list[str]:
    which = [claim for claim in claims if classify_claim(claim) == "undefined"]
    if not which:
        return []
    return [f"{len(which):,} of {len(claims):,} claims are undefined: {write_conclusion(which[0])}"]


def claims_as_json(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """Return claims as plain JSON, each with its ``verdict``, a word of :func:`.classify_claim`."""
    records = [asdict(claim) | {"verdict": classify_claim(claim)} for claim in claims]
    plain: list[dict[str, Any]] = json.loads(json.dumps(records, allow_nan=False))
    return plain

"""The claims that a study asks for, computed on the pictures that have all their columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from memnet.data.tables import require_column
from memnet.errors import MemnetError
from memnet.studies.migrate.claim import Claim
from memnet.studies.migrate.claims import FEWEST, all_claims
from memnet.studies.migrate.conclusions import (
    Verdict,
    at_floor,
    conclusion,
    differ,
    disattenuated,
    verdict,
)
from memnet.studies.migrate.study import Study, averaged, labelled, suspected_codes
from memnet.studies.migrate.validity import validities
from memnet.util.arrays import Array
from memnet.util.text import shorten_list


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which claims to redo: columns of the study.

    Attributes
    ----------
    outcomes : what memorability is set against.
    covariates : held constant in partial correlations and regressions.
    group : whose groups are compared in memorability, "" for none.
    predictor : whose coefficient is looked at with memorability held constant, "" for none.
    """

    outcomes: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    group: str = ""
    predictor: str = ""

    def __bool__(self) -> bool:
        """Whether anything is asked."""
        return bool(self.outcomes or self.group)

    def check(self, study: Study) -> None:
        """Raise ``MemnetError`` where a column is missing, or columns make no sense together."""
        if (self.covariates or self.predictor) and not self.outcomes:
            raise MemnetError(
                "Covariates and a predictor need an outcome: name its column with --outcome."
            )
        named = [*self.outcomes, *self.covariates, *filter(None, [self.predictor])]
        for name in [*named, *filter(None, [self.group])]:
            require_column(study.table, name, study.source)
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise MemnetError(
                f"The column {twice[0]!r} is named twice; a column is outcome, covariate or "
                "predictor."
            )
        if taken := {study.id_column, study.score_column} & {*named, self.group}:
            raise MemnetError(
                f"The column {taken.pop()!r} has the ids or the old scores; it cannot be an "
                "outcome, a covariate, a predictor or a group."
            )


def claims_of(
    study: Study,
    both: Any,
    new: Array,
    asked: Asked,
    resamples: int,
    seed: int,
    level: float,
    called: str,
) -> tuple[list[Claim], list[str], list[str]]:
    """Redo the claims, each outcome's on the pictures that have all its columns.

    Parameters
    ----------
    both : bool ``(P,)``, the pictures that have both scores.
    new : float64 ``(P,)``.
    called : what sentences call the new model.

    Returns
    -------
    (claims, sentences, sentences)
        the claims; which pictures were left out of which claims, as a column is empty, and which
        numbers look like codes; what could not be used: cells that are no numbers or groups, and
        claims that are undefined.
    """
    asked.check(study)
    unusable: list[str] = []
    remarks: list[str] = []
    columns: dict[str, Array] = {}
    for name in [*asked.outcomes, *asked.covariates, *filter(None, [asked.predictor])]:
        columns[name], said = averaged(study, name)
        unusable += said
        remarks += suspected_codes(study, name)
    more: dict[str, Any] = {
        "draws_seed": seed,
        "resamples": resamples,
        "level": level,
        "called": {"old": f"column {study.score_column!r}", "new": f"the score of {called}"},
    }
    claims: list[Claim] = []
    shared = [*asked.covariates, *filter(None, [asked.predictor])]
    for outcome in asked.outcomes:
        there = both & np.all([np.isfinite(columns[c]) for c in (outcome, *shared)], axis=0)
        remarks += _left_out(study, both & ~there, ", ".join([outcome, *shared]), outcome)
        if not _enough(there, outcome, unusable):
            continue
        predictor = asked.predictor
        claims += all_claims(
            study.old[there],
            new[there],
            outcome={outcome: columns[outcome][there]},
            covariates={name: columns[name][there] for name in asked.covariates},
            predictor=(predictor, columns[predictor][there]) if predictor else None,
            **more,
        )
    if asked.group:
        labels, mixed = labelled(study, asked.group)
        there = both & (labels != "")
        if (both & mixed).any():
            unusable.append(_mixed(study, both & mixed, asked.group, comparable=there))
        remarks += _left_out(study, both & ~there & ~mixed, asked.group, asked.group)
        lonely, said = _lonely(study, there, labels, asked.group)
        there &= ~lonely
        remarks += said
        said_already = mixed.any() and there.sum() < FEWEST
        if not said_already and _enough(there, asked.group, unusable):
            group = (asked.group, labels[there].tolist())
            claims += all_claims(study.old[there], new[there], outcome={}, group=group, **more)
    return claims, remarks, [*unusable, *_undefined(claims)]


def _mixed(study: Study, mixed: Any, column: str, *, comparable: Any) -> str:
    names = [study.pictures[picture] for picture in np.flatnonzero(mixed)]
    said = f"{len(names):,} picture(s) have rows of more than one group of column {column!r}"
    if comparable.sum() < FEWEST:
        return (
            f"{said}, so memorability cannot be compared between them; fit a mixed model to "
            "migrated.csv."
        )
    return (
        f"{said} and are left out of its comparison "
        f"({shorten_list(names)}); a group must be a property of "
        "the picture."
    )


def _lonely(study: Study, there: Any, labels: Any, column: str) -> tuple[Any, list[str]]:
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


def _undefined(claims: Sequence[Claim]) -> list[str]:
    which = [claim for claim in claims if verdict(claim) == "undefined"]
    if not which:
        return []
    return [f"{len(which):,} of {len(claims):,} claims cannot be made: {conclusion(which[0])}"]


def conclusions_of(claims: Sequence[Claim]) -> list[str]:
    """Say what changed and what did not: a tally, then a sentence for each claim."""
    said = [conclusion(claim) for claim in claims]
    if len(claims) < 2:
        return said
    sorted_out: dict[Verdict, list[Claim]] = {}
    for claim in claims:
        sorted_out.setdefault(verdict(claim), []).append(claim)
    tally = "; ".join(
        f"{len(sorted_out[word])} {words}{_apart(word, sorted_out[word])}"
        for word, words in _TALLY.items()
        if word in sorted_out
    )
    return [
        f"Of {len(claims)} claims: {tally}. Claims about one outcome are not independent of one "
        "another.",
        *said,
    ]


_TALLY: dict[Verdict, str] = {
    "holds": "significant with both scores",
    "stronger": "significant with both, and stronger with the new score",
    "weaker": "significant with both, and weaker with the new score",
    "reversed": "significant with both, with opposite signs",
    "old only": "significant with the old score only",
    "new only": "significant with the new score only",
    "neither": "shown with neither score",
    "undefined": "undefined",
}


_BY_THEIR_WORD = ("stronger", "weaker", "reversed", "neither", "undefined")


def _apart(word: Verdict, claims: Sequence[Claim]) -> str:
    """Say in how many of the claims the two scores are shown to differ."""
    if word in _BY_THEIR_WORD:
        return ""
    tested = [claim for claim in claims if claim.p_difference is not None]
    shown = sum(differ(claim) for claim in tested)
    said = []
    if tested:
        alone = len(claims) == 1
        number = "" if alone else f"in {shown or 'none'} of them "
        said.append(f"{number}with {'a' if shown or not alone else 'no'} difference shown")
    if untested := len(claims) - len(tested):
        number = "" if len(claims) == 1 else f"in {untested} of them "
        said.append(f"{number}with a difference that could not be tested")
    return f", {', '.join(said)}"


def at_floor_remark(claims: Sequence[Claim], resamples: int) -> list[str]:
    """Say which p of a difference is only known to be no higher than what is printed."""
    count = sum(at_floor(claim) for claim in claims)
    if not count:
        return []
    return [
        f"In {count:,} of {len(claims):,} claims the p of the difference is the lowest that "
        f"{resamples:,} resamples can give, and the true one may be lower; more --resamples would "
        "resolve it."
    ]


def as_json(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """Return claims as plain JSON, each with its ``verdict``, a word of :func:`.verdict`."""
    found = [asdict(claim) | {"verdict": verdict(claim)} for claim in claims]
    plain: list[dict[str, Any]] = json.loads(json.dumps(found, allow_nan=False))
    return plain


def attenuation(claims: Sequence[Claim], new_model: str) -> dict[str, Any]:
    """Correct each rank correlation for what the models miss, by their published validities.

    Returns
    -------
    dict
        as :func:`memnet.studies.migrate.validity.validities`, and ``claims``: for each Spearman
        correlation its ``title`` and what
        :func:`memnet.studies.migrate.conclusions.disattenuated` gives.
    """
    known = validities(new_model)
    ranked = [claim for claim in claims if claim.kind == "spearman"]  # as the validities are
    if not known["reason"] and not ranked:
        known["reason"] = "no correlation was asked for"
    if known["reason"]:
        return {"reason": known["reason"], "claims": []}
    return known | {
        "claims": [
            {
                "title": claim.title,
                **disattenuated(
                    claim.old,
                    claim.new,
                    validity_old=known["old"][0]["validity"],
                    validity_new=known["new"][0]["validity"],
                ),
            }
            for claim in ranked
        ]
    }


def _left_out(study: Study, without: Any, columns: str, of: str) -> list[str]:
    names = [study.pictures[picture] for picture in np.flatnonzero(without)]
    if not names:
        return []
    return [
        f"{len(names):,} picture(s) have both scores and no value in {columns}, and are left out "
        f"of the claims about {of} ({shorten_list(names)})."
    ]


def _enough(there: Any, of: str, said: list[str]) -> bool:
    if (n := int(there.sum())) >= FEWEST:
        return True
    said.append(f"Nothing is claimed about {of}: {n} picture(s) have all columns, {FEWEST} needed.")
    return False

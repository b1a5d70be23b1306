"""The claims that a study asks for, computed on the pictures that have all their columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from memnet.compare.data.tables import require_column, some
from memnet.compare.migrate.claim import Claim
from memnet.compare.migrate.claims import FEWEST, all_claims
from memnet.compare.migrate.conclusions import Verdict, conclusion, disattenuated, verdict
from memnet.compare.migrate.study import Study, averaged, labelled
from memnet.compare.migrate.validity import validities
from memnet.compare.stats.metrics import Array
from memnet.errors import MemnetError


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
) -> tuple[list[Claim], list[str], list[str]]:
    """Redo the claims, each outcome's on the pictures that have all its columns.

    Parameters
    ----------
    both : bool ``(P,)``, the pictures that have both scores.
    new : float64 ``(P,)``.

    Returns
    -------
    (claims, sentences, sentences)
        the claims; which pictures were left out of which claims, as a column is empty; which cells
        are no numbers or groups.
    """
    asked.check(study)
    wordy: list[str] = []
    columns: dict[str, Array] = {}
    for name in [*asked.outcomes, *asked.covariates, *filter(None, [asked.predictor])]:
        columns[name], said = averaged(study, name)
        wordy += said
    more: dict[str, Any] = {"draws_seed": seed, "resamples": resamples, "level": level}
    claims: list[Claim] = []
    left_out: list[str] = []
    shared = [*asked.covariates, *filter(None, [asked.predictor])]
    for outcome in asked.outcomes:
        there = both & np.all([np.isfinite(columns[c]) for c in (outcome, *shared)], axis=0)
        left_out += _left_out(study, both & ~there, ", ".join([outcome, *shared]), outcome)
        if not _enough(there, outcome, left_out):
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
        labels, said = labelled(study, asked.group)
        wordy += said
        there = both & (labels != "")
        left_out += _left_out(study, both & ~there, asked.group, asked.group)
        if _enough(there, asked.group, left_out):
            group = (asked.group, labels[there].tolist())
            claims += all_claims(study.old[there], new[there], outcome={}, group=group, **more)
    return claims, left_out, wordy


def conclusions_of(claims: Sequence[Claim]) -> list[str]:
    """Say what changed and what did not: a tally, then a sentence for each claim."""
    said = [conclusion(claim) for claim in claims]
    if len(claims) < 2:
        return said
    counts = Counter(verdict(claim) for claim in claims)
    tally = "; ".join(f"{counts[word]} {words}" for word, words in _TALLY.items() if counts[word])
    return [
        f"Of {len(claims)} claims: {tally}. Claims about one outcome are not independent of one "
        "another.",
        *said,
    ]


_TALLY: dict[Verdict, str] = {
    "holds": "significant with both scores, with no difference shown",
    "stronger": "significant with both, and stronger with the new score",
    "weaker": "significant with both, and weaker with the new score",
    "reversed": "significant with both, with opposite signs",
    "old only": "significant with the old score only",
    "new only": "significant with the new score only",
    "neither": "shown with neither score",
    "undefined": "undefined",
}


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
        as :func:`memnet.compare.migrate.validity.validities`, and ``claims``: for each Spearman
        correlation its ``title`` and what
        :func:`memnet.compare.migrate.conclusions.disattenuated` gives.
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
        f"of the claims about {of} ({some(names)})."
    ]


def _enough(there: Any, of: str, said: list[str]) -> bool:
    if (n := int(there.sum())) >= FEWEST:
        return True
    said.append(f"Nothing is claimed about {of}: {n} picture(s) have all columns, {FEWEST} needed.")
    return False

"""Which of the study's variables hold with the new score: claims gathered by what they are about.

A study makes one claim about an outcome; here it has up to five statistics. They are counted
together only where all of them come out alike; where they do not, that is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memnet.stats.levels import ALPHA
from memnet.studies.migrate.claims.claim import Estimate
from memnet.studies.migrate.claims.conclusions import is_significant

KEPT = ("holds", "stronger", "weaker")
"""Verdicts of claims that are significant with both scores, with one sign."""

_MOST_NAMED = 4
_Claim = Mapping[str, Any]
_Variable = tuple[str, str]
"""``"outcome"``, ``"group"`` or ``"predictor"``, and what a list calls it."""


def say_by_variable(claims: Sequence[_Claim], name: str) -> str:
    """Say which variables hold with both scores, which with one, which with none.

    Parameters
    ----------
    claims : of a record, with their verdicts; at least one.
    name : of the new model.
    """
    gathered: dict[_Variable, list[_Claim]] = {}
    for claim in claims:
        gathered.setdefault(_variable(claim), []).append(claim)
    by_word: dict[str, list[_Variable]] = {}
    for variable, its in gathered.items():
        by_word.setdefault(_word(its), []).append(variable)
    sentences = []
    if kept := by_word.get("holds"):
        sentences.append(f"With {name} as with MemNet, {_relations(kept, gathered)}.")
    for word, says in (
        ("reversed", "With opposite signs"),
        ("old only", "Significant with MemNet only"),
        ("new only", f"Significant with {name} only"),
        ("neither", f"Significant with neither MemNet nor {name}"),
        ("undefined", "Undefined"),
    ):
        if variables := by_word.get(word):
            those = [claim for variable in variables for claim in gathered[variable]]
            apart = _difference(those) if word.endswith("only") else ""
            sentences.append(f"{says}{apart}: {_named(label for _, label in variables)}.")
    if variables := by_word.get("mixed"):
        each = [
            f"{label} ({_disagreement(gathered[kind, label], name)})" for kind, label in variables
        ]
        sentences.append(f"By some of their statistics only: {_named(each, '; ')}.")
    return " ".join([*sentences, *filter(None, [_holm(claims, len(gathered), name)])])


def scores_differ(claim: _Claim) -> bool:
    """Whether the difference between the two scores counts as significant."""
    found = claim["difference"]
    ends = found["interval"] and (found["interval"][0], found["interval"][1])
    difference = Estimate(value=found["value"], interval=ends, reason=found["reason"])
    return is_significant(difference, claim["p_difference"])


def _variable(claim: _Claim) -> _Variable:
    if claim["kind"] == "group_difference":
        return "group", claim["outcome"]
    if claim["kind"] == "control":
        predictor, outcome = claim["detail"]["predictor"], claim["outcome"]
        return "predictor", f"{predictor} with {outcome}, memorability held constant"
    return "outcome", claim["outcome"]


def _word(claims: Sequence[_Claim]) -> str:
    """Return the verdict that all statistics of a variable have, ``"mixed"`` where they differ."""
    words = {"holds" if claim["verdict"] in KEPT else claim["verdict"] for claim in claims}
    return words.pop() if len(words) == 1 else "mixed"


def _relations(
    variables: Sequence[_Variable], gathered: Mapping[_Variable, Sequence[_Claim]]
) -> str:
    """Say in one sentence what memorability goes with, and what groups differ in it."""
    parts = []
    for kind, before in (("outcome", "goes with "), ("group", "differs by ")):
        names = [f"{each[1]}{_how_strong(gathered[each])}" for each in variables if each[0] == kind]
        parts += [f"{before}{_named(names)}"] if names else []
    said = [f"memorability {' and '.join(parts)}"] if parts else []
    for each in variables:
        if each[0] == "predictor":
            claim = gathered[each][0]
            predictor, outcome = claim["detail"]["predictor"], claim["outcome"]
            said.append(
                f"{predictor} goes with {outcome} where memorability is held constant"
                f"{_how_strong(gathered[each])}"
            )
    return "; ".join(said)


def _how_strong(claims: Sequence[_Claim]) -> str:
    words = Counter(claim["verdict"] for claim in claims)
    parts = []
    for word in ("stronger", "weaker"):
        if words[word] == len(claims):
            parts.append(word)
        elif words[word]:
            parts.append(f"{word} by {words[word]} of its {len(claims)} statistics")
    return f" ({', '.join(parts)})" if parts else ""


def _disagreement(claims: Sequence[_Claim], name: str) -> str:
    """Count the statistics of a variable by what they show."""
    words = Counter("holds" if claim["verdict"] in KEPT else claim["verdict"] for claim in claims)
    says = {
        "holds": "significant with both scores",
        "reversed": "with opposite signs",
        "old only": "with MemNet only",
        "new only": f"with {name} only",
        "neither": "with neither",
        "undefined": "undefined",
    }
    first = next(word for word in says if words[word])
    text = f"{words[first]} of {len(claims)} {says[first]}"
    rest = [f"{words[word]} {says[word]}" for word in says if words[word] and word != first]
    shown = any(scores_differ(c) for c in claims if c["verdict"] in ("old only", "new only"))
    one_sided = words["old only"] + words["new only"]
    return f"{', '.join([text, *rest])}" + (
        ", no difference shown" if one_sided and not shown else ""
    )


def _difference(claims: Sequence[_Claim]) -> str:
    """Say in how many of such claims the two scores are shown to differ."""
    shown = sum(map(scores_differ, claims))
    if not shown:
        return ", though the two scores are not shown to differ there"
    if shown == len(claims):
        return ", and there the two scores differ"
    return f", and in {shown} of the {len(claims)} statistics the two scores differ"


def _named(names: Iterable[str], comma: str = ", ") -> str:
    """Name the first four, and count the rest."""
    listed = list(names)
    more = len(listed) - _MOST_NAMED
    if more > 0:
        return f"{comma.join(listed[:_MOST_NAMED])} and {more:,} more"
    return comma.join(listed)


def _holm(claims: Sequence[_Claim], variables: int, name: str) -> str:
    """Say how many p values stay below .05 when they are corrected for their number."""
    if len(claims) < 2 or all(claim.get("p_new_holm") is None for claim in claims):
        return ""
    below = {
        score: sum(
            claim[f"p_{score}_holm"] < ALPHA
            for claim in claims
            if claim.get(f"p_{score}_holm") is not None
        )
        for score in ("new", "old")
    }
    of = f" of {variables} variables" if 1 < variables < len(claims) else ""
    return (
        f"({len(claims)} statistics{of}; corrected for their number (Holm), "
        f"{below['new'] or 'none'} {'is' if below['new'] == 1 else 'are'} significant with {name} "
        f"and {below['old'] or 'none'} with MemNet.)"
    )

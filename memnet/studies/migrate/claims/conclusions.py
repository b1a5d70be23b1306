"""What a claim's estimates say, in a sentence: what changed with the new score and what did not.

A claim is said to be there only where its own test rejects and its interval excludes 0; near the
limit the two can disagree, and then the sentence says so. That one score gives a significant
result and the other does not is no difference between them: only the test of the difference is.
A result that neither score shows stays one that is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from memnet.stats.levels import ALPHA
from memnet.studies.migrate.claims.claim import Claim, Estimate

ClaimVerdict = Literal[
    "holds", "stronger", "weaker", "reversed", "old only", "new only", "neither", "undefined"
]


def classify_claim(claim: Claim, alpha: float = ALPHA) -> ClaimVerdict:
    """Say in a word what becomes of a claim.

    Parameters
    ----------
    claim : of :mod:`.compute`.
    alpha : level of the tests, two-sided, 0 to 1.

    Returns
    -------
    str
        An estimate is significant where :func:`is_significant`.
        ``"holds"``: significant with both scores, of the same sign, with no significant difference;
        ``"stronger"`` or ``"weaker"``: the same, and the new value is significantly farther from
        zero or nearer to it; ``"reversed"``: significant with opposite signs; ``"old only"`` or
        ``"new only"``: significant with one score; ``"neither"``: with none; ``"undefined"``: a
        value or its test is undefined.
    """
    old, new = claim.old.value, claim.new.value
    if old is None or new is None or claim.p_old is None or claim.p_new is None:
        return "undefined"
    with_old = is_significant(claim.old, claim.p_old, alpha)
    with_new = is_significant(claim.new, claim.p_new, alpha)
    if not with_old and not with_new:
        return "neither"
    if with_old != with_new:
        return "old only" if with_old else "new only"
    if old * new < 0:
        return "reversed"
    if not scores_differ(claim, alpha):
        return "holds"
    return "stronger" if abs(new) > abs(old) else "weaker"


def write_conclusion(claim: Claim, alpha: float = ALPHA) -> str:
    """Say what changed and what did not.

    Parameters
    ----------
    claim : of :mod:`.compute`.
    alpha : level of the tests, two-sided, 0 to 1.
    """
    word = classify_claim(claim, alpha)
    if word == "undefined":
        return f"{claim.title}: nothing can be said, {_why(claim)}."
    old = f"{_format_estimate(claim.old)}, {_p(claim.p_old)}, with the old score"
    new = f"{_format_estimate(claim.new)}, {_p(claim.p_new)}, with the new score"
    both = f"It is {old} and {new}."
    change = f"{_format_estimate(claim.difference)}, {_p_difference(claim)}"
    apart_shown = scores_differ(claim, alpha)
    if claim.p_difference is None:
        apart = f"The difference between the two scores could not be tested, {_untested(claim)}."
    elif apart_shown:
        apart = f"The two scores differ here, by {change}."
    else:
        apart = (
            f"The difference between the two scores ({change}) is itself not significant, so this "
            "is no evidence that they disagree."
        )
    if word == "holds":
        text = f"holds. {both} "
        text += apart if claim.p_difference is None else f"No difference is shown ({change})."
    elif word in ("stronger", "weaker"):
        text = f"holds, and is {word} with the new score. {both} The difference is {change}."
    elif word == "reversed":
        text = f"changes its sign. {both} {apart}"
    elif word == "old only":
        text = f"is significant with the old score only. {both} {apart}"
    elif word == "new only":
        text = (
            f"is significant with the new score only. {both} {apart} A second analysis of the "
            "same items is no independent confirmation."
        )
    else:
        text = (
            f"is significant with neither score. {both} Values within these intervals are neither "
            "shown nor ruled out."
        )
        if apart_shown:
            text += (
                f" The two values differ ({change}), but this shows no effect with either score."
            )
    return f"{claim.title}: {text}{_disagreement(claim, alpha)}{_control(claim)}"


def is_significant(estimate: Estimate, p: float | None, alpha: float = ALPHA) -> bool:
    """Whether an estimate counts as significant: its test rejects, and its interval excludes 0."""
    return p is not None and p < alpha and _excludes_zero(estimate)


def scores_differ(claim: Claim, alpha: float = ALPHA) -> bool:
    """Whether the difference between the two scores counts as significant."""
    return is_significant(claim.difference, claim.p_difference, alpha)


def _excludes_zero(estimate: Estimate) -> bool:
    return estimate.interval is not None and (estimate.interval[0] > 0 or estimate.interval[1] < 0)


def _disagreement(claim: Claim, alpha: float) -> str:
    """Say where a result is not counted although its test, or its interval alone, shows it."""
    scores = (("old", claim.old, claim.p_old), ("new", claim.new, claim.p_new))
    lacking = [s for s, estimate, p in scores if _rejects(p, alpha) and estimate.interval is None]
    at_odds = [
        score
        for score, estimate, p in scores
        if estimate.interval is not None and _rejects(p, alpha) != _excludes_zero(estimate)
    ]
    text = ""
    if lacking:
        text += f" {_with(lacking)} it has no interval, so it does not count as significant."
    if at_odds:
        # Omega squared cannot be below 0: its test has all of alpha on one side, its interval half.
        why = (
            "as the interval has two sides and the test has one"
            if claim.detail.get("statistic") == "omega squared"
            else "as two different approximations can where p is near .05"
        )
        text += (
            f" {_with(at_odds)} its test and its interval disagree, {why}, so it does not count as "
            "significant."
        )
    return text


def _rejects(p: float | None, alpha: float) -> bool:
    return p is not None and p < alpha


def _with(scores: list[str]) -> str:
    return "With both scores" if len(scores) == 2 else f"With the {scores[0]} score"


def _control(claim: Claim) -> str:
    plain = claim.detail.get("uncontrolled")
    if not plain or plain["value"] is None:
        return ""
    ends = plain["interval"]
    estimate = Estimate(value=plain["value"], interval=ends and (ends[0], ends[1]), reason="")
    value, p = _format_estimate(estimate), _p(plain["p"])
    text = f" Without controlling for memorability it is {value}, {p}."
    text += (
        " A score measures memorability with error, and controls for a part of it only: what is "
        f"left may still be memorability's own, not that of {claim.detail['predictor']}."
    )
    corrected = {
        score: each
        for score, each in claim.detail.get("corrected", {}).items()
        if each["value"] is not None and each["interval"] is not None
    }
    if len(corrected) < len(claim.detail.get("corrected", {})) or not corrected:
        return text
    each = [
        f"{_format_estimate(_estimate(found))} with the {score} score (validity "
        f"{found['validity']:.2f})"
        for score, found in corrected.items()
    ]
    return (
        f"{text} With memorability itself held constant, by the published validities, it would be "
        f"{' and '.join(each)}."
    )


def _estimate(found: Mapping[str, Any]) -> Estimate:
    low, high = found["interval"]
    return Estimate(value=found["value"], interval=(low, high), reason="")


def _why(claim: Claim) -> str:
    for estimate in (claim.old, claim.new):
        if estimate.value is None:
            return f"because {estimate.reason}"
    return "because there are too few items, or too little scatter, for the test"


def _untested(claim: Claim) -> str:
    return f"because {claim.difference.reason or 'it is undefined'}"


def _format_estimate(estimate: Estimate) -> str:
    assert estimate.value is not None
    if estimate.interval is None:
        return _two_digits(estimate.value)
    low, high = estimate.interval
    return f"{_two_digits(estimate.value)} [{_two_digits(low)}, {_two_digits(high)}]"


def _two_digits(value: float) -> str:
    """Write two decimals, or as many more as show on which side of 0 a number lies.

    >>> _two_digits(0.346), _two_digits(-0.0031), _two_digits(0.0)
    ('0.35', '-0.003', '0.00')
    """
    digits = next((digits for digits in range(2, 7) if round(value, digits)), 2)
    return f"{round(value, digits) + 0.0:.{digits}f}"  # no -0.00


def _p(p: float | None) -> str:
    if p is None:
        return "p unknown"
    if p < 0.001:
        return "p < 0.001"
    digits = 3 if p < 0.1 else 2  # 0.049 and 0.051 must not both be 0.05
    return f"p = {p:.{digits}f}"


def is_at_floor(claim: Claim) -> bool:
    """Whether the p of the difference is the lowest that the resamples can give."""
    p, floor = claim.p_difference, claim.p_difference_floor
    return p is not None and floor is not None and p <= floor


def _p_difference(claim: Claim) -> str:
    p = claim.p_difference
    if p is None or not is_at_floor(claim) or p < 0.001:
        return _p(p)
    return f"p <= {p:.3f}, the lowest that these resamples can give"


def write_conclusions(claims: Sequence[Claim]) -> list[str]:
    """Say what changed and what did not: a tally, then a sentence for each claim."""
    sentences = [write_conclusion(claim) for claim in claims]
    if len(claims) < 2:
        return sentences
    by_verdict: dict[ClaimVerdict, list[Claim]] = {}
    for claim in claims:
        by_verdict.setdefault(classify_claim(claim), []).append(claim)
    tally = "; ".join(
        f"{len(by_verdict[word])} {words}{_apart(word, by_verdict[word])}"
        for word, words in _TALLY.items()
        if word in by_verdict
    )
    return [
        f"Of {len(claims)} claims: {tally}. Claims about one outcome are not independent of one "
        "another.",
        *sentences,
    ]


_TALLY: dict[ClaimVerdict, str] = {
    "holds": "significant with both scores",
    "stronger": "significant with both, and stronger with the new score",
    "weaker": "significant with both, and weaker with the new score",
    "reversed": "significant with both, with opposite signs",
    "old only": "significant with the old score only",
    "new only": "significant with the new score only",
    "neither": "significant with neither score",
    "undefined": "undefined",
}


_DIFFERENCE_IMPLIED = ("stronger", "weaker", "reversed", "neither", "undefined")


def _apart(word: ClaimVerdict, claims: Sequence[Claim]) -> str:
    """Say in how many of the claims the two scores are shown to differ."""
    if word in _DIFFERENCE_IMPLIED:
        return ""
    tested = [claim for claim in claims if claim.p_difference is not None]
    shown = sum(scores_differ(claim) for claim in tested)
    parts = []
    if tested:
        alone = len(claims) == 1
        number = "" if alone else f"in {shown or 'none'} of them "
        parts.append(f"{number}with {'a' if shown or not alone else 'no'} difference shown")
    if untested := len(claims) - len(tested):
        number = "" if len(claims) == 1 else f"in {untested} of them "
        parts.append(f"{number}with a difference that could not be tested")
    return f", {', '.join(parts)}"


def list_floor_remarks(claims: Sequence[Claim], resamples: int) -> list[str]:
    """Say which p of a difference is only known to be no higher than what is printed."""
    count = sum(is_at_floor(claim) for claim in claims)
    if not count:
        return []
    return [
        f"In {count:,} of {len(claims):,} claims the p of the difference is the lowest that "
        f"{resamples:,} resamples can give; the true p may be lower, which more resamples "
        "(--resamples) would show."
    ]

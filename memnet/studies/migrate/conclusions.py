"""What a claim's figures say, in a sentence: what changed with the new score and what did not.

A claim is said to be there only where its own test rejects and its interval excludes 0; in small
studies the two can disagree, and then the sentence says so. That one score gives a significant
result and the other does not is no difference between them: only the test of the difference is.
A result that neither score shows stays one that is not shown.
"""

from __future__ import annotations

from typing import Literal

from memnet.errors import MemnetError
from memnet.studies.migrate.claim import Claim, Figure

Verdict = Literal[
    "holds", "stronger", "weaker", "reversed", "old only", "new only", "neither", "undefined"
]


def verdict(claim: Claim, alpha: float = 0.05) -> Verdict:
    """Say in a word what becomes of a claim.

    Parameters
    ----------
    claim : of :mod:`.claims`.
    alpha : level of the tests, two-sided, 0 to 1.

    Returns
    -------
    str
        A figure is significant where :func:`is_shown`.
        ``"holds"``: significant with both scores, of the same sign, with no significant difference;
        ``"stronger"`` or ``"weaker"``: the same, and the new figure is significantly farther from
        zero or nearer to it; ``"reversed"``: significant with opposite signs; ``"old only"`` or
        ``"new only"``: significant with one score; ``"neither"``: with none; ``"undefined"``: a
        figure or its test is undefined.
    """
    old, new = claim.old.value, claim.new.value
    if old is None or new is None or claim.p_old is None or claim.p_new is None:
        return "undefined"
    with_old = is_shown(claim.old, claim.p_old, alpha)
    with_new = is_shown(claim.new, claim.p_new, alpha)
    if not with_old and not with_new:
        return "neither"
    if with_old != with_new:
        return "old only" if with_old else "new only"
    if old * new < 0:
        return "reversed"
    if not differ(claim, alpha):
        return "holds"
    return "stronger" if abs(new) > abs(old) else "weaker"


def conclusion(claim: Claim, alpha: float = 0.05) -> str:
    """Say what changed and what did not.

    Parameters
    ----------
    claim : of :mod:`.claims`.
    alpha : level of the tests, two-sided, 0 to 1.
    """
    word = verdict(claim, alpha)
    if word == "undefined":
        return f"{claim.title}: nothing can be said, {_why(claim)}."
    old = f"{_figure(claim.old)}, {_p(claim.p_old)}, with the old score"
    new = f"{_figure(claim.new)}, {_p(claim.p_new)}, with the new score"
    both = f"It is {old} and {new}."
    change = f"{_figure(claim.difference)}, {_p_difference(claim)}"
    apart_shown = differ(claim, alpha)
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
        said = f"holds. {both} "
        said += apart if claim.p_difference is None else f"No difference is shown ({change})."
    elif word in ("stronger", "weaker"):
        said = f"holds, and is {word} with the new score. {both} The difference is {change}."
    elif word == "reversed":
        said = f"turns round: the sign is another. {both} {apart}"
    elif word == "old only":
        said = f"is significant with the old score only. {both} {apart}"
    elif word == "new only":
        said = (
            f"is significant with the new score only. {both} {apart} A second look at the same "
            "items is no independent confirmation."
        )
    else:
        said = (
            f"is shown with neither score. {both} What lies within these intervals is neither "
            "shown nor ruled out."
        )
        if apart_shown:
            said += f" The two figures differ ({change}), which shows no effect with either."
    return f"{claim.title}: {said}{_disagreement(claim, alpha)}{_control(claim)}"


def is_shown(figure: Figure, p: float | None, alpha: float = 0.05) -> bool:
    """Whether a figure counts as significant: its test rejects, and its interval excludes 0."""
    return p is not None and p < alpha and _excludes_zero(figure)


def differ(claim: Claim, alpha: float = 0.05) -> bool:
    """Whether the difference between the two scores counts as significant."""
    return is_shown(claim.difference, claim.p_difference, alpha)


def _excludes_zero(figure: Figure) -> bool:
    return figure.interval is not None and (figure.interval[0] > 0 or figure.interval[1] < 0)


def _disagreement(claim: Claim, alpha: float) -> str:
    """Say where a figure is not counted although its test, or its interval alone, shows it."""
    scores = (("old", claim.old, claim.p_old), ("new", claim.new, claim.p_new))
    lacking = [s for s, figure, p in scores if _rejects(p, alpha) and figure.interval is None]
    at_odds = [
        score
        for score, figure, p in scores
        if figure.interval is not None and _rejects(p, alpha) != _excludes_zero(figure)
    ]
    said = ""
    if lacking:
        said += f" {_with(lacking)} it has no interval: not counted as shown."
    if at_odds:
        # Eta squared cannot be below 0: its test has all of alpha on one side, its interval half.
        why = (
            "as the interval leaves half of its error on either side and the test has but one"
            if claim.detail.get("statistic") == "eta squared"
            else "as happens with few pictures"
        )
        said += (
            f" {_with(at_odds)} its test and its interval disagree, {why}: not counted as shown."
        )
    return said


def _rejects(p: float | None, alpha: float) -> bool:
    return p is not None and p < alpha


def _with(scores: list[str]) -> str:
    return "With both scores" if len(scores) == 2 else f"With the {scores[0]} score"


def _control(claim: Claim) -> str:
    plain = claim.detail.get("uncontrolled")
    if not plain or plain["value"] is None:
        return ""
    ends = plain["interval"]
    figure = Figure(value=plain["value"], interval=ends and (ends[0], ends[1]), reason="")
    return f" Without memorability held constant it is {_figure(figure)}, {_p(plain['p'])}."


def _why(claim: Claim) -> str:
    for figure in (claim.old, claim.new):
        if figure.value is None:
            return f"because {figure.reason}"
    return "because there are too few items, or too little scatter, for the test"


def _untested(claim: Claim) -> str:
    return f"because {claim.difference.reason or 'it is undefined'}"


def _figure(figure: Figure) -> str:
    assert figure.value is not None
    if figure.interval is None:
        return _two(figure.value)
    low, high = figure.interval
    return f"{_two(figure.value)} [{_two(low)}, {_two(high)}]"


def _two(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # no -0.00


def _p(p: float | None) -> str:
    if p is None:
        return "p unknown"
    if p < 0.001:
        return "p < 0.001"
    digits = 3 if p < 0.1 else 2  # 0.049 and 0.051 must not both be 0.05
    return f"p = {p:.{digits}f}"


def at_floor(claim: Claim) -> bool:
    """Whether the p of the difference is the lowest that the resamples can give."""
    p, floor = claim.p_difference, claim.p_difference_floor
    return p is not None and floor is not None and p <= floor


def _p_difference(claim: Claim) -> str:
    p = claim.p_difference
    if p is None or not at_floor(claim) or p < 0.001:
        return _p(p)
    return f"p <= {p:.3f}, the lowest that these resamples can give"


def disattenuated(
    figure_old: Figure, figure_new: Figure, *, validity_old: float, validity_new: float
) -> dict[str, object]:
    """Correct a correlation for how well each score measures memorability.

    A score's validity is its correlation with true memorability: the published correlation with
    human scores, divided by the square root of the reliability of those scores. The score's
    correlation with something else is lower than that of true memorability by this factor (Spearman
    1904), **supposing that the score's errors have nothing to do with the outcome**, and that it is
    as valid on these pictures as on those of the publication. A model that errs where pictures are
    dark breaks the first for an outcome that depends on light, and a narrow choice of pictures
    breaks the second. A validity from Spearman's rho serves rho, one from Pearson's r serves r.

    Parameters
    ----------
    figure_old, figure_new : correlations with the outcome (not coefficients or differences).
    validity_old, validity_new : above 0, up to 1; from a published source, and taken as exact.

    Returns
    -------
    dict
        ``old`` and ``new``: each with ``value``, ``interval`` (both divided by the validity;
        ends are held within -1 and 1) and ``reason``, which says where a value lies beyond 1
        (it is given as it is: then the assumption fails, or it is chance), an end was held, or
        nothing could be computed; ``validity_old``, ``validity_new``; ``ratio``: validity_new /
        validity_old, by which better measurement alone makes a correlation larger;
        ``expected_new``: the old correlation times this ratio, or None.

    Raises
    ------
    MemnetError
        a validity is not above 0 and up to 1.
    """
    for name, validity in (("old", validity_old), ("new", validity_new)):
        if not 0 < validity <= 1:
            raise MemnetError(
                f"The validity of the {name} score is a correlation above 0 and up to 1, "
                f"not {validity:g}."
            )
    validity_old, validity_new = float(validity_old), float(validity_new)
    ratio = validity_new / validity_old
    old = figure_old.value
    return {
        "old": _divided(figure_old, validity_old),
        "new": _divided(figure_new, validity_new),
        "validity_old": validity_old,
        "validity_new": validity_new,
        "ratio": ratio,
        "expected_new": None if old is None else old * ratio,
    }


def _divided(figure: Figure, validity: float) -> dict[str, object]:
    if figure.value is None:
        return {"value": None, "interval": None, "reason": figure.reason}
    value = figure.value / validity
    reasons = [figure.reason] if figure.reason else []
    if abs(value) > 1:
        reasons.append(
            f"{value:.2f} is beyond what a correlation can be: by chance, or because the score is "
            "more valid here than where its validity was measured, or errs as the outcome does"
        )
    interval = None
    if figure.interval is not None:
        ends = [end / validity for end in figure.interval]
        interval = [min(1.0, max(-1.0, end)) for end in ends]
        if interval != ends:
            reasons.append("the interval is held within -1 and 1")
    return {"value": value, "interval": interval, "reason": "; ".join(reasons)}

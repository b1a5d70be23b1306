"""The answer of a comparison in one plain sentence; it says no more than intervals and tests do.

The words for the strength of a rank correlation are those of :data:`STRENGTHS`, at both ends of its
interval. A model that was trained on the data set, or estimates something else than the human
scores are, is never called better than another.
"""

from __future__ import annotations

from memnet.compare.record import Result, RunRecord
from memnet.compare.report import categories, two_classes
from memnet.compare.report.digits import FEWEST, decimals, fixed, with_interval
from memnet.compare.report.eligible import eligible, what_the_others_lack
from memnet.compare.report.pairs import corrected_pairs, find_pair, is_apart, is_identical
from memnet.compare.report.table_model import p_equals, percent
from memnet.compare.report.tables import by_name, ranked
from memnet.compare.report.threats import SEEN, no_reliable_scores, short_warnings, warned_of
from memnet.util.text import join_names

STRENGTHS = (
    (0.1, "hardly"),
    (0.4, "weakly"),
    (0.7, "moderately"),
    (0.9, "strongly"),
    (float("inf"), "very strongly"),
)
"""Below which correlation which word is used."""

STRENGTHS_SOURCE = (
    "Schober, Boer & Schwarte (2018), Anesthesia & Analgesia 126, 1763-1768, "
    "doi 10.1213/ANE.0000000000002864"
)

NOT_ON_ONE_SCALE = ("two-classes", "scale", "unknown-target")
"""Kinds of warnings after which nothing is said of scores that are too high or too low."""

NAME_THE_DATA_SET = ": name the data set with --dataset (in Python, dataset=)"


def write_answer(record: RunRecord) -> str:
    """Return the answer: how well the model ranks, or which model ranks best and by how much."""
    if two_classes.has_classes(record):
        return two_classes.write_answer(record)
    rho = _rho_of(record)
    if not rho:
        return _no_answer(record)
    able = eligible(record, list(rho))
    if len(rho) == 1:
        return _about(record, next(iter(rho)), others=False)
    if not able:
        listed = join_names([f"{model} {_value(result)}" for model, result in rho.items()])
        return (
            "Every model was trained on this data set, so none can be called the best for other "
            f"pictures: rho of {listed}.{categories.contradictions(record, list(rho))}"
        )
    if len(able) == 1:
        return (
            f"Of these models, only {able[0]} {what_the_others_lack(record, list(rho))}. "
            f"{_about(record, able[0], others=True)}"
        )
    return (
        f"{_lead(record, able)}{_reversed(record, able)}"
        f"{categories.contradictions(record, able[:2])}"
    )


def write_threats(record: RunRecord) -> list[str]:
    """Return the lines that stand under the answer, since they threaten it, the gravest first."""
    rho = _rho_of(record)
    lines = []
    seen = [model for model in rho if record.words[model] == "contaminated"]
    unsure = [model for model in rho if record.words[model] in ("possibly", "unknown")]
    if seen and len(seen) == len(rho):
        those = "it has" if len(rho) == 1 else "they have"
        names = seen[0] if len(rho) == 1 else "The models"
        lines.append(
            f"{names} {'was' if len(rho) == 1 else 'were'} trained on this data set: that says "
            f"nothing about pictures that {those} not seen."
        )
    elif seen:
        listed = join_names(
            seen
            if two_classes.has_classes(record)
            else [f"{model} (rho {_value(rho[model])})" for model in seen]
        )
        lines.append(
            f"{listed} {'was' if len(seen) == 1 else 'were'} trained on this data set, and cannot "
            "be called better or worse."
        )
    if unsure:
        name_it = "" if record.dataset else NAME_THE_DATA_SET
        lines.append(
            f"Whether {join_names(unsure, 'or')} has seen these pictures is not certain{name_it}."
        )
    results, metric = by_name(record), _metric(record)
    missing = [m for m in ranked(record) if m not in rho and (m, metric) in results]
    if missing and rho:
        name = "AUC" if two_classes.has_classes(record) else "rho"
        lines.append(f"There is no answer about {join_names(missing)}: {name} is undefined.")
    about_models = [(SEEN, line) for line in lines]
    return [line for _, line in sorted([*short_warnings(record), *about_models], key=_gravity)]


def _gravity(threat: tuple[int, str]) -> int:
    return threat[0]


def models_of_the_answer(record: RunRecord) -> list[str]:
    """Return the one or two models that the answer is about, as in :func:`write_answer`."""
    rho = list(_rho_of(record)) or list(record.words)
    return (eligible(record, rho) or rho)[:2]


def strength(result: Result) -> str:
    """Say how strong a rank correlation is, by both ends of its interval; "" where it is not.

    Nothing is said without an interval, nor where the interval reaches 0 or below.
    """
    if result.interval is None or result.interval[0] <= 0:
        return ""
    words = [next(word for limit, word in STRENGTHS if end < limit) for end in result.interval]
    return " to ".join(dict.fromkeys(words))


def _as_people_do(words: str) -> str:
    """Say that pictures are ranked as people do, and that it is uncertain how strongly."""
    names = [word for _, word in STRENGTHS]
    first, last = (names.index(word) for word in (words.split(" to ") * 2)[:2])
    if last - first > 1:
        return f"as people do, somewhere from {words}"
    return f"{words} as people do"


def _metric(record: RunRecord) -> str:
    return two_classes.METRIC if two_classes.has_classes(record) else "spearman"


def _rho_of(record: RunRecord) -> dict[str, Result]:
    """Model -> its rank correlation (AUC for classes) where it is defined, the highest first."""
    results, metric = by_name(record), _metric(record)
    rho = {m: results[m, metric] for m in ranked(record) if (m, metric) in results}
    return {model: result for model, result in rho.items() if result.value is not None}


def _value(result: Result) -> str:
    return with_interval(result.value, result.interval, bare=True)


def _no_answer(record: RunRecord) -> str:
    results = by_name(record)
    undefined = [results[m, "spearman"] for m in ranked(record) if (m, "spearman") in results]
    why = join_names(
        list(dict.fromkeys(result.reason for result in undefined if result.reason)) or [""]
    )
    who = join_names([result.model for result in undefined]) if undefined else "these models"
    return (
        f"There is no answer about {who}: the rank correlation with the human scores is undefined"
        f"{f' ({why})' if why else ''}."
    )


def _about(record: RunRecord, model: str, *, others: bool) -> str:
    """Say how well one model ranks, what is possible, and whether it is too high or too low."""
    result = by_name(record)[model, "spearman"]
    name = "It" if others else model
    value = f"rho {_value(result)}"
    if result.interval is None:
        why = f" ({result.reason})" if result.reason else ""
        return (
            f"{name} has {value} on these pictures, without an interval{why}: nothing can be said "
            "about other pictures."
        )
    inside = categories.contradiction(record, model)
    but = f"; but {inside}" if inside else ""
    if result.interval[1] < 0:
        return (
            f"{name} ranks these pictures the wrong way round, {value}: its scores may say what "
            f"is forgotten, or belong to other pictures{but}."
        )
    word = strength(result)
    if not word:
        doubt = but or _no_model_could(record)
        return (
            f"{name} is not shown to rank these pictures better than chance would: {value}{doubt}."
        )
    text = f"{name} ranks these pictures {_as_people_do(word)}: {value}{_possible(record, model)}"
    return f"{text}{but}{_level(record, model, 'its')}."


def _possible(record: RunRecord, model: str) -> str:
    """Put rho in relation to its ceiling; "" where there is none."""
    share = by_name(record).get((model, "disattenuated_spearman"))
    ceiling = (record.labels.get("figures", {}).get("ceiling_spearman") or {}).get("value")
    if share is None or share.value is None or not ceiling or no_reliable_scores(record):
        return ""
    stated = "published ceiling" if record.labels.get("kind") == "published" else "ceiling"
    text = fixed(ceiling, 2, bare=True)
    if share.value >= 1:
        return f", as much as these human scores allow ({stated} {text})"
    return f", {percent(round(share.value, 2))} of what is possible ({stated} {text})"


def _no_model_could(record: RunRecord) -> str:
    """Go on after a model that is not shown to rank, where the human scores are to blame."""
    doubt = no_reliable_scores(record)
    return f"; but {doubt}, so no model could be shown to" if doubt else ""


def _is_reversed(result: Result) -> bool:
    return result.interval is not None and result.interval[1] < 0


def _reversed(record: RunRecord, models: list[str]) -> str:
    """Say which of several models rank the wrong way round; "" where the lead has said it."""
    results = by_name(record)
    wrong = [model for model in models if _is_reversed(results[model, "spearman"])]
    if wrong[:2] == models[:2]:  # the lead says so
        wrong = wrong[2:]
    if not wrong:
        return ""
    values = join_names([_value(results[model, "spearman"]) for model in wrong])
    many = len(wrong) > 1
    return (
        f" {join_names(wrong)} rank{'' if many else 's'} them the wrong way round, rho {values}: "
        f"{'their' if many else 'its'} scores may be reversed."
    )


def _level(record: RunRecord, model: str, whose: str) -> str:
    """Say by how much scores are too high or too low on average; "" where that may be chance."""
    bias = by_name(record).get((model, "bias"))
    if bias is None or bias.value is None or bias.interval is None:
        return ""
    if model in record.crossed or warned_of(record, NOT_ON_ONE_SCALE):
        return ""
    if bias.interval[0] <= 0 <= bias.interval[1]:
        return ""
    low, high = sorted(map(abs, bias.interval))
    digits = max(decimals(bias.value, bias.interval) - 1, FEWEST)  # no interval stands beside it
    if not round(low, digits):
        digits += 1
    size = fixed(abs(bias.value), digits, bare=high < 1)
    side = "low" if bias.value < 0 else "high"
    return f"; {whose} scores are {size} too {side} on average"


def _lead(record: RunRecord, models: list[str]) -> str:
    """Say which of several models ranks best, if any does; the highest rho stands first."""
    results = by_name(record)
    first, second = models[:2]
    rho = [results[model, "spearman"] for model in (first, second)]
    values = f"rho {_value(rho[0])} against {_value(rho[1])}"
    words = [strength(result) for result in rho]
    if all(map(_is_reversed, rho)):
        return (
            f"{first} and {second} both rank these pictures the wrong way round, rho "
            f"{_value(rho[0])} and {_value(rho[1])}: their scores may be reversed (say what is "
            "forgotten), or belong to other pictures."
        )
    doubt = ""
    if not any(words):
        doubt = f" Neither is shown to rank them better than chance would{_no_model_could(record)}."
    row, sign = find_pair(record, first, second)
    if row is not None and is_identical(row):
        words_ = f" {_as_people_do(words[0])}" if words[0] else ""
        return (
            f"{first} and {second} rank these pictures identically{words_ and ','}{words_}: rho "
            f"{_value(rho[0])} each. One may be a copy of the other.{doubt}"
        )
    if row is None or row.value is None or row.interval is None or row.p_holm is None:
        return (
            f"{first} has the highest rank correlation and {second} the next, {values}; whether "
            f"they differ beyond chance was not tested.{doubt}"
        )
    p = f"{p_equals(row.p_holm)}{' after correction' if corrected_pairs(record) > 1 else ''}"
    ends = sorted(sign * end for end in row.interval)
    difference = f"{with_interval(sign * row.value, ends, bare=True)}, {p}"
    if not is_apart(row):
        alike = words[0] and words[0] == words[1]
        both = f"Both rank these pictures {_as_people_do(words[0])}; " if alike else ""
        return (
            f"{both}{first} is not shown to rank {'them' if alike else 'these pictures'} better "
            f"than {second}: {values}, a difference of {difference}.{doubt}"
        )
    best = all(is_apart(find_pair(record, first, other)[0]) for other in models[1:])
    which = f"best of {len(models)} models" if best and len(models) > 2 else f"better than {second}"
    against = f"against {_value(rho[1])} of {second}"
    if not words[0]:
        return (
            f"{first} ranks these pictures {which}, beyond chance, but is not shown to rank them "
            f"better than chance would: rho {_value(rho[0])} {against}, a lead of {difference}."
        )
    possessive = f"{first}'s"
    return (
        f"{first} ranks these pictures {_as_people_do(words[0])}, {which} beyond chance: rho "
        f"{_value(rho[0])} {against}, a lead of {difference}{_level(record, first, possessive)}."
    )

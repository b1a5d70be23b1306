"""What a report says of categories: rho within each, and with the category held constant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memnet.compare.categories import judge
from memnet.compare.record import Result, RunRecord
from memnet.compare.report.digits import rounded, with_interval
from memnet.compare.report.table_model import Cell, Column, Table, p_equals
from memnet.stats.levels import ALPHA
from memnet.util.text import quoted, shorten_list

ALL, WITHIN = "all pictures", "category held constant"


def has_categories(record: RunRecord) -> bool:
    """Whether a record has rho by category."""
    return bool(record.categories.get("models"))


def sentence(record: RunRecord) -> str:
    """Say, of each model, how rho over all pictures and within categories compare."""
    overall = overall_results(record)
    parts = []
    for model, found in record.categories["models"].items():
        whole = overall.get(model)
        text = (
            f"{model}: rho is {_shown(found['within'])} with the category held constant"
            + (f", and {_shown(_as_dict(whole))} over all pictures" if whole else "")
            + "."
        )
        share = found["between_share"]
        beyond = whole is not None and whole.interval is not None and whole.interval[0] > 0
        if beyond and share is not None and 0 <= share <= 1:
            text += f" {100 * share:.0f} % of the latter comes from differences between categories."
        parts.append(text)
    return " ".join(parts)


def short_sentence(record: RunRecord) -> str:
    """Say each model's rho with the category held constant, for the first lines of a report."""
    if not has_categories(record):
        return ""
    found = record.categories["models"]
    each = [f"{model} {_shown(of_model['within'])}" for model, of_model in found.items()]
    return f"With {record.categories['column']} held constant, rho: {'; '.join(each)}."


def contradiction(record: RunRecord, model: str) -> str:
    """Say in a few words where rho within categories contradicts rho over all pictures; else "".

    The words go on after ``but``: "within categories it is not shown to rank them: rho .01
    [-.18, .18]".
    """
    whole = overall_results(record).get(model)
    found = record.categories.get("models", {}).get(model)
    if whole is None or found is None:
        return ""
    case, within = judge(whole, found), found["within"]
    if case not in ("categories", "reversed", "hidden"):
        return ""
    if case == "categories":
        what = "it is not shown to rank them"
    elif within["value"] > 0:
        what = "it ranks them as people do"
    else:
        what = "it ranks them the wrong way round"
    return f"within categories {what}: rho {_shown(within)}"


def contradictions(record: RunRecord, models: Sequence[str]) -> str:
    """Say the same of several models, a sentence each, with a space before it."""
    said = [(model, contradiction(record, model)) for model in models]
    sentences = [
        f" But {words.replace(' it ', f' {model} ', 1)}." for model, words in said if words
    ]
    if said and said[0][1]:  # of the leader; then how do the others do within them?
        sentences += [_within(record, model) for model, words in said[1:] if not words]
    return "".join(sentences)


def _within(record: RunRecord, model: str) -> str:
    found = record.categories.get("models", {}).get(model)
    if found is None or not found["within"]["interval"]:
        return ""
    low, high = found["within"]["interval"]
    does = "is not shown to rank them"
    if low > 0 or high < 0:
        does = f"ranks them {'as people do' if low > 0 else 'the wrong way round'}"
    return f" There, {model} {does}: rho {_shown(found['within'])}."


def partial_correlation(record: RunRecord, model: str) -> str:
    """Write a model's rho with the category held constant in APA style; "" without categories."""
    found = record.categories.get("models", {}).get(model)
    if found is None or found["within"]["value"] is None:
        return ""
    value, ends = rounded(found["within"]["value"], found["within"]["interval"], bare=True)
    cover = f", {100 * record.categories['level']:g}% CI {ends}"
    return (
        f"with {record.categories['column']} held constant, partial rs = {value}"
        f"{cover if found['within']['interval'] else ''}"
    )


def table(record: RunRecord) -> Table:
    """Lay out rho by category, a column for each model; the categories by their names."""
    models = record.categories["models"]
    by_category: dict[str, dict[str, Any]] = {}
    for model, found in models.items():
        for row in found["by_category"]:
            by_category.setdefault(row["category"], {})[model] = row
    overall = overall_results(record)
    rows = [
        [
            Cell(ALL),
            Cell(f"{record.items['n']:,}"),
            *(_cell(_as_dict(overall[m]) if m in overall else None) for m in models),
        ],
        [
            Cell(WITHIN),
            Cell(f"{record.items['n']:,}"),
            *(_cell(found["within"]) for found in models.values()),
        ],
    ]
    for name, of_model in by_category.items():
        n = next(iter(of_model.values()))["n"]
        rows.append([Cell(name), Cell(f"{n:,}"), *(_cell(of_model.get(m)) for m in models)])
    return Table(
        title="",
        columns=[
            Column(f"Pictures, by {record.categories['column']}"),
            Column("n", numeric=True),
            *(Column(model, numeric=True) for model in models),
        ],
        rows=rows,
        before=sentence(record),
        after=" ".join(filter(None, [*_heterogeneity(record), _too_few(record), _explained()])),
    )


def _heterogeneity(record: RunRecord) -> list[str]:
    texts = []
    for model, found in record.categories["models"].items():
        test = found["heterogeneity"]
        if test is None:
            continue
        differ = "differ" if test["p"] < ALPHA else "are not shown to differ"
        texts.append(
            f"The categories' rhos of {model} {differ} from each other (Cochran's Q = "
            f"{test['q']:.2f}, df {test['df']}, {p_equals(test['p'])})."
        )
    return texts


def _too_few(record: RunRecord) -> str:
    few = record.categories["too_few"]
    if not few:
        return ""
    named = shorten_list(f"{quoted(name)} ({n})" for name, n in few.items())
    return (
        f"No rho of their own have categories with fewer than {record.categories['fewest']} "
        f"pictures: {named}. They count in the first two rows."
    )


def _explained() -> str:
    return (
        "Category held constant: the rank correlation of what is left of the two ranks of a "
        "picture when the mean rank of its category is taken off both (partial Spearman "
        "correlation). It is 0 for a model that knows the categories and nothing else."
    )


def overall_results(record: RunRecord) -> dict[str, Result]:
    """Model -> its rho over all pictures."""
    return {result.model: result for result in record.results if result.metric == "spearman"}


def _as_dict(result: Result) -> dict[str, Any]:
    return {"value": result.value, "interval": result.interval, "reason": result.reason}


def _shown(found: dict[str, Any]) -> str:
    return with_interval(found["value"], found["interval"], bare=True)


def _cell(found: dict[str, Any] | None) -> Cell:
    if found is None:
        return Cell("")
    value, ends = rounded(found["value"], found["interval"], bare=True)
    return Cell(value, interval=ends if found["interval"] else "", note=found["reason"])

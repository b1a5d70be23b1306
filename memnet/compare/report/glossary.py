"""What the words of a report mean, as far as it uses them."""

from __future__ import annotations

from memnet.compare.record import RunRecord
from memnet.compare.report.answer import STRENGTHS, STRENGTHS_SOURCE
from memnet.compare.report.eligible import what_truth_is
from memnet.compare.report.table_model import percent
from memnet.compare.report.two_classes import has_classes
from memnet.data.contamination import MEANINGS
from memnet.data.targets import HIT_RATE
from memnet.stats.metrics import CLASS_METRICS, METRICS, describe


def glossary(record: RunRecord) -> dict[str, str]:
    """Return term -> explanation, only of what the record has.

    First the words about training data and method, then every metric that has an explanation.
    """
    used = {result.contamination for result in record.results}
    words = {word: f"{text}." for word, text in MEANINGS.items() if word in used}
    return {
        name: text
        for name, text in (
            words
            | {
                "weakly, moderately, strongly": _strengths(record),
                "interval": _intervals(record),
                "p value": _p_values(record),
                "p value between models": _between(record),
                "within the margin": _margin(record),
                "effect size": _effects(record),
                "noise-matched": _noise(record),
                "reliability and ceiling": _explain_ceiling(record),
                "disattenuated": _disattenuated(record),
                "matching": _matching(record),
                "human scores": _labels(record),
                "hit rate, false-alarm rate, corrected recognition, d'": _targets(record),
            }
            | _metrics(record)
        ).items()
        if text
    }


def _has(record: RunRecord, *metrics: str) -> bool:
    return any(r.metric in metrics and r.value is not None for r in record.results)


def _metrics(record: RunRecord) -> dict[str, str]:
    """Explain the metrics of the record, in the order of the registry: title -> text, source."""
    defined = {result.metric for result in record.results if result.value is not None}
    texts = {}
    for name, metric in (CLASS_METRICS | METRICS).items():
        if name in defined and metric.explanation:
            source = f" {metric.reference}." if metric.reference else ""
            texts[metric.title] = f"{metric.explanation}{source}"
    return texts


def _strengths(record: RunRecord) -> str:
    if not _has(record, "spearman") or has_classes(record):
        return ""
    names = [word for _, word in STRENGTHS]
    limits = [f".{10 * limit:.0f}" for limit, _ in STRENGTHS[:-1]]
    bands = [
        f"{names[0]} (below {limits[0]})",
        *(f"{word} (from {limit})" for word, limit in zip(names[1:], limits, strict=True)),
    ]
    return (
        f"words for the size of a rank correlation: {', '.join(bands)}, after "
        f"{STRENGTHS_SOURCE}. The two ends of the interval choose them; where it reaches 0, no "
        "agreement is shown."
    )


def _intervals(record: RunRecord) -> str:
    if not record.results:
        return ""
    first = next((r for r in record.results if r.resamples), record.results[0])
    column, groups = (record.resampling.get(key) for key in ("column", "groups"))
    drawn = {
        "strata": f"pictures, drawn within each of the {groups} groups of {column!r}, so that "
        "every group keeps its size",
        "clusters": f"whole groups of pictures, the {groups} of {column!r}, since pictures of "
        "one group are not independent",
    }.get(record.resampling.get("kind", ""), "pictures, each drawn on its own")
    return (
        f"{percent(first.level)}, {first.method}: {first.resamples:,} resamples of {drawn}; seed "
        f"{first.seed}. Truth and predictions of a picture stay together, and every model has the "
        "same resamples. A distance or a squared part cannot be negative, so its interval is too "
        "high where the true value is near 0."
    )


def _p_values(record: RunRecord) -> str:
    if all(result.p_value is None for result in record.results):
        return ""
    text = (
        "of a distribution: predictions and human scores are swapped at random, picture by "
        "picture; p is the share of such swaps with a statistic at least as large. The p values "
        "that belong to the two-sample tests are not used: they assume two independent samples, "
        "but these two are about the same pictures."
    )
    if any(result.p_holm is not None for result in record.results):
        text += (
            " Several tests of one model give a false alarm more often than one. Holm's correction "
            "bounds the chance of any among the tests of one table."
        )
    if _has(record, "sd_ratio_noise_matched"):
        text += (
            " Noise-matched, p is the share of human scores drawn anew, as if the predictions were "
            "the true rates, that lie at least as far from what these lead one to expect."
        )
    if _has(record, "dip"):
        text += (
            " The p value of the dip, from Hartigan's table, tests for more than one peak; it is "
            "withheld where many predictions are equal, since each pile of equal ones is a peak."
        )
    return text


def _between(record: RunRecord) -> str:
    if not record.differences:
        return ""
    return (
        "the two predictions for a picture are swapped at random between the models: as ranks for "
        "Spearman (each column is then ranked again), as z scores for Pearson, as errors for MSE "
        "and MAE. Two-sided. Holm's correction bounds the chance of any false alarm among all "
        "pairs of the metric, Benjamini and Hochberg's the share of false ones among those with "
        "a small p. "
        "Williams, Steiger and Meng, Rosenthal and Rubin test two correlations with one variable "
        "in common; Zou gives an interval for their difference."
    )


def _margin(record: RunRecord) -> str:
    margins = {row.margin for row in record.differences if row.margin is not None}
    if not margins:
        return ""
    return (
        "equivalence is shown where at most 5 % of the resampled differences lie beyond the margin "
        "on either side (two one-sided bootstrap tests; margin "
        f"{', '.join(f'{m:g}' for m in sorted(margins))}). A difference that is not beyond chance "
        "does not show equivalence; a difference can be beyond chance and smaller than the margin."
    )


def _effects(record: RunRecord) -> str:
    titles = {
        describe(r.metric).title: describe(r.metric).effect_title
        for r in record.results
        if r.effect_size is not None and describe(r.metric).group == "distribution"
    }
    if not titles:
        return ""
    listed = "; ".join(f"of {name}: {title}" for name, title in titles.items())
    return (
        "a test statistic that grows with the number of pictures, converted to a scale that "
        f"does not; 0 is no difference ({listed}). The other distances are effect sizes themselves."
    )


def _noise(record: RunRecord) -> str:
    if not _has(record, "sd_ratio_noise_matched"):
        return ""
    return (
        "a human score is a share of a limited number of answers and varies by chance, a "
        "prediction does not; so even a perfect predictor has another distribution than the human "
        "scores. Here each prediction p is replaced by Binomial(n, p) / n with the picture's own "
        "number of answers n before the distributions are compared; the value is the mean over "
        "many draws. That supposes independent answers: people who answer to all pictures and "
        "differ in how often they say yes move all human scores together, by more than this."
    )


def _label_resamples(record: RunRecord) -> str:
    used = {value["resamples"] for value in record.labels.get("figures", {}).values()}
    used.discard(0)
    if not used:
        return ""
    return (
        f" The intervals of reliability, split-half and ceiling are Fisher's, with the SD over "
        f"{max(used):,} resamples of pictures; as many are used for the disattenuated values."
    )


def _explain_ceiling(record: RunRecord) -> str:
    kind = record.labels.get("kind")
    how = {
        "counts": "For rho it is estimated from random halves of the answers, taken to full "
        "length by the Spearman-Brown formula 2 r / (1 + r); for r it is one minus the share of "
        "the scores' variance that is binomial noise.",
        "participants": "For rho it is estimated from random halves of the participants, taken to "
        "full length by the Spearman-Brown formula 2 r / (1 + r); for r likewise. The intervals "
        "hold for other pictures and other participants.",
        "published": f"It was not measured here, but taken from {record.labels.get('source')}.",
    }.get(kind or "")
    if how is None:
        return ""
    return (
        "the reliability is the correlation of the human scores with those that as many other "
        f"people would give. {how}{_label_resamples(record)} The ceiling is its square root: "
        "the correlation that a perfect predictor can expect with these scores."
    )


def _disattenuated(record: RunRecord) -> str:
    if not _has(record, "disattenuated_spearman", "disattenuated_pearson"):
        return ""
    return (
        "the correlation divided by the ceiling (Spearman 1904): what it would be with human "
        "scores without noise. It can exceed 1 by chance."
    )


def _matching(record: RunRecord) -> str:
    items = record.items
    parts = [
        f"{items['join_rule']}. Matched: {items['n']:,}",
        f"with a human score but not scored by every model: {items['without_score']:,}",
        *(
            f"scored by {model} but not in the comparison: {count:,}"
            for model, count in items["without_truth"].items()
            if count
        ),
        f"set aside as unusable: {items['set_aside']:,}",
    ]
    return "; ".join(parts) + "."


def _targets(record: RunRecord) -> str:
    """Explain what scores can be, where something else than hit rates is in the record."""
    targets = {record.truth.get("target"), *(model.get("target") for model in record.models)}
    if targets <= {None, "", HIT_RATE}:
        return ""
    return (
        "what human scores can be, and what a model can estimate: the share of people who "
        "recognise the picture when it is repeated; the share who take it for seen though it is "
        "new; the first less the second; and the difference of their normal quantiles. A model of "
        "one of them can rank pictures by another, but its scores lie on another scale."
    )


def _labels(record: RunRecord) -> str:
    truth = record.truth
    spread = f"SD {truth['sd']:.3f}, " if truth["sd"] is not None else ""
    what = what_truth_is(record)
    return (
        f"{what}{'; ' if what else ''}mean {truth['mean']:.3f}, {spread}from "
        f"{truth['lowest']:.3f} to {truth['highest']:.3f}."
    )

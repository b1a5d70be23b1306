"""The sentences and tables of a probe's page: functions of ``probe.json`` and the test's record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memnet.compare.record import RunRecord
from memnet.compare.report.digits import rounded, with_interval
from memnet.compare.report.table_model import Cell, Column, Table, number_columns
from memnet.compare.report.tables import value_cell
from memnet.experiments import training_tables
from memnet.util.text import shorten_list

Probe = Mapping[str, Any]
"""The content of ``probe.json``."""

_FEW_FOLDS = 10


def rho_text(held: Mapping[str, Any]) -> str:
    """Write the mean rho over folds, with its interval.

    >>> rho_text({"rho": 0.562, "rho_interval": [0.479, 0.626]})
    'rho .56 [.48, .63]'
    """
    return f"rho {with_interval(held['rho'], held['rho_interval'], bare=True)}"


def error_text(held: Mapping[str, Any]) -> str:
    """Write the error beside that of predicting the mean.

    >>> error_text({"mse": 0.0166, "mse_of_mean": 0.0221, "explained": 0.247})
    'MSE 0.0166, 25 % less than the 0.0221 of predicting the mean of the other folds'
    """
    share = held["explained"]
    than = "beside"
    if share is not None:
        than = f"{_percent(abs(share))} {'less' if share >= 0 else 'more'} than"
    text = f"MSE {held['mse']:.4f}, {than} the {held['mse_of_mean']:.4f}"
    return f"{text} of predicting the mean of the other folds"


def answer(probe: Probe) -> str:
    """Say in two sentences how well the probe ranks pictures that it was not fitted to."""
    held = probe["held_out"]
    if held["rho"] is None:
        return "The rank correlation of the held-out predictions is undefined."
    ends = held["rho_interval"]
    ranks = f"ranks with {rho_text(held)}"
    if ends is not None and ends[0] <= 0:
        ranks = f"is not shown to rank better than chance would: {rho_text(held)}"
    text = (
        f"On pictures that it was not fitted to the probe {ranks}, the mean over "
        f"{len(probe['folds'])} folds{_kind(probe)}; {error_text(held)}."
    )
    if probe["data"]["contamination"] == "contaminated":
        text += " Its backbone has seen pictures of this data set, so new ones may do worse."
    return text


def _kind(probe: Probe) -> str:
    column = probe["settings"]["group_column"]
    return f" (whole groups of {column})" if column else ""


def first(probe: Probe) -> list[str]:
    """Gather what must be known before any number is read."""
    data, held = probe["data"], probe["held_out"]
    sentences = []
    if data["contamination"] != "clean":
        sentences.append(
            f"Contamination of the held-out values: {data['contamination']}. "
            f"{data['contamination_why']}"
        )
    if remark := probe["backbone"]["remark"]:
        sentences.append(f"Of the backbone: {remark}.")
    if end := probe["penalties"]["at_an_end"]:
        why = (
            "the features tell next to nothing about these scores"
            if end == "largest"
            else "hardly any shrinking was of use"
        )
        sentences.append(f"The best penalty is the {end} that was tried: {why}.")
    if any(fold["groups"] for fold in probe["folds"]):
        sentences.append(
            "Each fold is whole groups, so rho is within groups that the regression has not seen. "
            "The interval is about other pictures of these groups"
            + (
                f"; how much rho differs from group to group, {len(probe['folds'])} folds show "
                "roughly."
                if len(probe["folds"]) < _FEW_FOLDS
                else "."
            )
        )
    if (hindsight := held["rho_in_hindsight"]) is not None and held["rho"] is not None:
        more = hindsight - held["rho"]
        if more > 0.01:
            sentences.append(
                f"Choosing the penalty in hindsight, by rho on the very pictures, would claim rho "
                f"{rounded(hindsight, None, bare=True, digits=2)[0]}; that flatters."
            )
    if probe["failed"]:
        sentences.append(
            f"{len(probe['failed']):,} picture(s) could not be read and are left out: "
            f"{shorten_list(probe['failed'], 3)}"
        )
    if not_judged := (probe["test"] or {}).get("why_not"):
        sentences.append(f"The test part could not be judged: {not_judged}")
    return sentences


def more_pictures(probe: Probe) -> str:
    """Say whether more pictures would help, as far as the learning curve tells."""
    doubling = probe["curve"]["doubling"]
    if doubling is None or doubling["gain"] is None:
        return "There are too few pictures for a learning curve."
    points = {point["share"]: point["pictures"] for point in probe["curve"]["points"]}
    gain = with_interval(doubling["gain"], doubling["interval"], bare=True)
    text = (
        f"Fitted to {points[doubling['to']]:,} pictures instead of "
        f"{points[doubling['from']]:,}, rho differs by {gain}"
    )
    low = None if doubling["interval"] is None else doubling["interval"][0]
    high = None if doubling["interval"] is None else doubling["interval"][1]
    if low is not None and low > 0:
        return f"{text}: more pictures would probably help."
    if high is not None and high < 0.02:
        return f"{text}: twice as many pictures would hardly help."
    return f"{text}: whether more pictures would help cannot be told from these."


def glance(probe: Probe, test: RunRecord | None) -> Table:
    """Lay out the values on held-out pictures, and what they are to be read against."""
    held, word = probe["held_out"], probe["data"]["contamination"]
    n = f"{held['n']:,}"
    text, ends = rounded(held["rho"], held["rho_interval"], bare=True)
    rows = [
        [
            Cell("Held out", note="mean over folds: the value to report"),
            Cell(n),
            Cell(text, interval=ends, word=word),
            Cell(f"{held['mse']:.4f}", word=word),
        ],
        [
            Cell("Held out, pooled", note="all folds in one ranking, as in held-out/report.html"),
            Cell(n),
            Cell(_two(held["rho_pooled"]), word=word),
            Cell(f"{held['mse']:.4f}", word=word),
        ],
        [
            Cell("Predicting the mean", note="of the other folds"),
            Cell(n),
            Cell("undefined"),
            Cell(f"{held['mse_of_mean']:.4f}"),
        ],
    ]
    if test is not None:
        (model,) = dict.fromkeys(result.model for result in test.results)
        results = {r.metric: r for r in test.results if r.model == model}
        rows.append(
            [
                Cell("Test part", note="by the written weight file"),
                Cell(f"{test.items['n']:,}"),
                *(value_cell(results[metric], word=True) for metric in ("spearman", "mse")),
            ]
        )
    return Table(
        title="",
        columns=[Column("Pictures"), *number_columns("n", "Spearman's rho", "MSE")],
        rows=rows,
        after=(
            "Each fold is predicted by its own regression. These differ in level, and pooled over "
            "folds that alone pulls rho down; so the mean over folds is what one regression can be "
            "expected to reach on pictures like those of a fold."
        ),
    )


def folds(probe: Probe) -> Table:
    """Lay out each fold."""
    rows = []
    for fold in probe["folds"]:
        text, ends = rounded(fold["rho"], fold["rho_interval"], bare=True)
        rows.append(
            [
                Cell(", ".join(fold["groups"]) or f"fold {fold['fold']}"),
                Cell(f"{fold['n']:,}"),
                Cell(text, interval=ends),
                Cell(f"{fold['mse']:.4f}"),
                Cell(f"{fold['mse_of_mean']:.4f}"),
                Cell(f"{fold['penalty']:,.4g}"),
            ]
        )
    heading = probe["settings"]["group_column"] or "Fold"
    columns = number_columns("n", "Spearman's rho", "MSE", "MSE of the mean", "Penalty")
    return Table(
        title="",
        columns=[Column(heading), *columns],
        rows=rows,
        after="The penalty is the one that the other folds chose without this one.",
    )


def curve(probe: Probe) -> Table:
    """Lay out the learning curve."""
    rows = []
    for point in probe["curve"]["points"]:
        text, ends = rounded(point["rho"], point["rho_interval"], bare=True)
        share, pictures = _percent(point["share"]), f"{point['pictures']:,}"
        rows.append([Cell(share), Cell(pictures), Cell(text, interval=ends)])
    return Table(
        title="",
        columns=[Column("Share"), *number_columns("Pictures fitted to", "Spearman's rho")],
        rows=rows,
        after=(
            "At each fold's penalty, since the best penalty does not depend on the number of "
            "pictures."
        ),
    )


def penalties(probe: Probe) -> Table:
    """Lay out cross-validated rho and error at every penalty."""
    chosen = probe["penalties"]["chosen"]
    rows = [
        [
            Cell(f"{row['penalty']:,.4g}", note="chosen" if row["penalty"] == chosen else ""),
            Cell(f"{row['penalty'] / probe['backbone']['features']:.4g}"),
            Cell(_two(row["rho"])),
            Cell(f"{row['mse']:.5f}"),
        ]
        for row in probe["penalties"]["path"]
    ]
    columns = number_columns("Over the number of features", "Spearman's rho", "MSE")
    return Table(
        title="",
        columns=[Column("Penalty"), *columns],
        rows=rows,
        before=(
            "Ordinary cross-validation: each row is one penalty for all folds. The lowest error "
            "chose the penalty of the weight file; the row's own values flatter, as it was chosen "
            "on these pictures."
        ),
    )


def backbone(probe: Probe) -> Table:
    """Lay out what was frozen, what it was fed, what it has seen."""
    about = probe["backbone"]
    high, wide = about["resize_hw"]
    crop = " x ".join(map(str, about["crop_hw"]))
    rows = [
        ("backbone", about["name"]),
        ("features", f"{about['features']:,}"),
        ("fed", f"{high} x {wide} pixels, {probe['settings']['crops']} crop(s) of {crop}"),
        ("data sets of memorability it has seen", _seen(about["trained_on"])),
        ("trained on before", ", ".join(about["pretrained_on"]) or "not stated"),
        ("licence", about["licence"] or "not stated"),
        ("cite", about["citation"] or "not stated"),
        ("sha256 of its numbers", about["sha256"]),
    ]
    return training_tables.pairs(rows)


def data(probe: Probe) -> Table:
    """Lay out which pictures there were."""
    about = probe["data"]
    rows = [
        ("pictures fitted to, in folds", f"{about['counts']['fitted']:,}"),
        ("pictures of the test part", f"{about['counts']['test']:,}"),
        ("the weight file has seen", _seen(about["trained_on"])),
        ("held-out predictions are called", about["held_out_name"]),
    ]
    return training_tables.pairs([*rows, *training_tables.description(about["description"])])


def time(probe: Probe) -> Table:
    """Lay out how long it took."""
    seconds = probe["seconds"]
    computed = f"{seconds['pictures computed']:,} pictures computed, the others were on the disk"
    rows = [
        ("features", f"{seconds['features']:,.1f} s ({computed})"),
        ("nested cross-validation", f"{seconds['regression']:,.1f} s"),
        ("learning curve", f"{seconds['learning curve']:,.1f} s"),
    ]
    return training_tables.pairs(rows)


def methods(probe: Probe) -> str:
    """Write a paragraph for a paper."""
    held, about, settings = probe["held_out"], probe["backbone"], probe["settings"]
    count = f"{len(probe['folds'])} folds"
    how = (
        f"{count}, each of whole groups of {settings['group_column']}"
        if settings["group_column"]
        else f"{count} drawn at random (seed {settings['seed']})"
    )
    rho = with_interval(held["rho"], held["rho_interval"], bare=True)
    return (
        f"Memorability of {held['n']:,} pictures was predicted by ridge regression on the "
        f"{about['features']:,} standardised features of {about['name']}, averaged over "
        f"{_CROPS[settings['crops']]}. Predictions were made by nested cross-validation in {how}: "
        f"the penalty, one of {len(probe['penalties']['path'])} between 0.0001 and 10,000 times "
        "the number of features, was chosen for each fold by cross-validation over the other "
        "folds (lowest mean squared error). Held out, the mean over folds of Spearman's rho was "
        f"{rho} ({_percent(held['level'])} interval, percentile bootstrap of "
        f"{held['resamples']:,} resamples within folds), and the mean squared error "
        f"{held['mse']:.4f} (predicting the mean: {held['mse_of_mean']:.4f}). Computed with memnet "
        f"{probe['memnet_version']}."
    )


_CROPS = {
    "centre": "the centre crop",
    "five": "five crops (corners and centre)",
    "ten": "ten crops (corners, centre, and their mirror images)",
}


def _seen(names: Sequence[str] | None) -> str:
    return "nobody knows" if names is None else ", ".join(names) or "none"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _two(value: float | None) -> str:
    return rounded(value, None, bare=True, digits=2)[0]

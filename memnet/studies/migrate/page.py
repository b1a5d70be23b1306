"""The page of a migration: what changed and what did not, the crosswalk, the methods paragraph."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from memnet.compare.report.csv_text import csv_text
from memnet.compare.report.digits import rounded
from memnet.compare.report.page import html_page
from memnet.compare.report.render import figure_files, render, svg_images
from memnet.compare.report.table_model import (
    Cell,
    Column,
    Table,
    number_columns,
    p_value,
    percent,
    short,
)
from memnet.errors import MemnetError
from memnet.studies.migrate.agreement import TITLES
from memnet.studies.migrate.answer import (
    COMPUTED_ALL_THE_SAME,
    SHOWN_WITH,
    claim_texts,
    list_reading_notes,
    list_warnings,
    say_agreement,
    say_if_apart,
    shorten_warnings,
    write_answer,
    write_next_step,
    write_results,
    write_sentences,
)
from memnet.studies.migrate.claims.claim import SCORES
from memnet.studies.migrate.figures import FIGURES, captions, drawn
from memnet.studies.migrate.methods import split_methods, tests_of
from memnet.studies.migrate.record import MigrationRecord
from memnet.util.atomic import write_bytes

_UNDEFINED = "undefined"
_WITHIN_GROUPS = ", stratified"
"""What tells a claim's method from that of claims without groups."""
_PAGE = "report.html"


def write_migrate_page(record: MigrationRecord, folder: Path) -> Path:
    """Write the page of a record; see :func:`page_files`.

    Returns
    -------
    Path
        of ``report.html``, one file without outside resources.

    Raises
    ------
    MemnetError
        if the folder cannot be written.
    """
    return write_page_files(page_files(record), folder)


def page_files(record: MigrationRecord) -> dict[str, bytes]:
    """Make ``figures/``, ``claims.csv``, ``report.md`` and ``report.html``: name -> content."""
    figures = drawn(record)
    images = svg_images(figures)
    text = render("memnet.studies.migrate", "report.md.j2", _context(record, list(figures)))
    title = f"memnet migration: {record.study['source']}"
    texts = {
        "claims.csv": claims_csv(record),
        "report.md": text,
        _PAGE: html_page(text, title=title, images=images),
    }
    files = figure_files(figures, images)
    return files | {name: each.encode("utf-8") for name, each in texts.items()}


def write_page_files(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write what :func:`page_files` made, then remove what only an earlier page had.

    Returns and raises as :func:`write_migrate_page` does.
    """
    for name, content in files.items():
        write_bytes(folder / name, content)
    figures = {f"figures/{name}{ending}" for name in FIGURES for ending in (".svg", ".png")}
    try:
        for name in figures - set(files):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise MemnetError(f"{folder} cannot be written ({error}).") from error
    return folder / _PAGE


def _context(record: MigrationRecord, names: Sequence[str]) -> dict[str, Any]:
    warnings = list_warnings(record)
    return {
        "record": record,
        "subtitle": _subtitle(record),
        "apart": bool(say_if_apart(record)),
        "answer": write_answer(record),
        "agree": say_agreement(record),
        "next_step": write_next_step(record),
        "computed": COMPUTED_ALL_THE_SAME,
        "warnings": shorten_warnings(warnings),
        "in_full": [] if shorten_warnings(warnings) == warnings else warnings,
        "notes": list_reading_notes(record),
        "sentences": write_sentences(record),
        "results": write_results(record),
        "claims": claims_table(record) if record.claims else None,
        "attenuation": attenuation_table(record) if record.attenuation.get("claims") else None,
        "validities": _validities(record) if not record.attenuation.get("reason") else None,
        "agreement": agreement_table(record) if record.agreement.get("figures") else None,
        "crosswalk": crosswalk_table(record) if record.crosswalk else None,
        "scores": scores_table(record),
        "diagnose": shlex.join(
            [
                *("memnet", "diagnose", "--scores", record.study["source"]),
                *("--score-column", record.old["name"], "--images", "PICTURES", "--out", "DIR"),
            ]
        ),
        "methods": split_methods(record.methods),
        "added": _added(record),
        "figure_names": names,
        "captions": captions(record),
    }


def _subtitle(record: MigrationRecord) -> str:
    pictures = record.pictures
    if not record.new:
        return f"{pictures['n']:,} of {pictures['of_study']:,} pictures mapped by a crosswalk"
    return (
        f"{pictures['n']:,} of {pictures['of_study']:,} pictures with both scores · new scores of "
        f"{record.new['name']}"
    )


def claims_table(record: MigrationRecord) -> Table:
    """Lay the claims out: old, new and difference with their intervals, n and p."""
    counts = sorted({claim["n"] for claim in record.claims})
    one = len(counts) == 1
    shown = [] if one else [Column("n", numeric=True)]
    of = f" (n = {counts[0]:,})" if one else ""
    verdict = [] if say_if_apart(record) else [Column("Shown with")]
    return Table(
        title="",
        columns=[
            Column("Claim"),
            *verdict,
            *shown,
            *number_columns("Old", "p", "New", "p", "New minus old", "p"),
        ],
        rows=[
            [
                Cell(claim["title"]),
                *([Cell(SHOWN_WITH[claim["verdict"]])] if verdict else []),
                *([] if one else [Cell(f"{claim['n']:,}")]),
                _claim_cell(claim, "old"),
                _p_cell(claim, "old", several=len(record.claims) > 1),
                _claim_cell(claim, "new"),
                _p_cell(claim, "new", several=len(record.claims) > 1),
                _claim_cell(claim, "difference"),
                Cell(p_of_difference(claim) or _UNDEFINED),
            ]
            for claim in record.claims
        ],
        before=f"On the same pictures{of}, with {percent(record.settings['level'])} intervals. p "
        f"values are two-sided, each for one claim{_corrected(record.claims)}.",
        after=_footnote(record),
    )


def _corrected(claims: Sequence[Mapping[str, Any]]) -> str:
    """Say what stands under the p values."""
    if len(claims) < 2 or not any(_holm(claim, score) for claim in claims for score in SCORES):
        return ""
    return f"; under each Holm's, corrected over the {len(claims)} claims with one score"


def _p_cell(claim: Mapping[str, Any], score: str, *, several: bool) -> Cell:
    text = _holm(claim, score) if several else ""
    return Cell(p_value(claim[f"p_{score}"]) or _UNDEFINED, interval=f"Holm {text}" if text else "")


def _holm(claim: Mapping[str, Any], score: str) -> str:
    return p_value(claim.get(f"p_{score}_holm"))


def _footnote(record: MigrationRecord) -> str:
    """Say once how intervals and p values were computed."""
    methods = [claim["method"] for claim in record.claims]
    within = [method for method in methods if _WITHIN_GROUPS in method]
    ways = dict.fromkeys(method.replace(_WITHIN_GROUPS, "") for method in methods)
    sentences = [f"Intervals: {'; or '.join(ways)}."]
    if within:
        sentences.append("Where groups are compared, pictures are drawn within each group.")
    sentences.append(f"p of old and new: {'; '.join(tests_of(record.claims))}.")
    if any(map(_at_floor, record.claims)):
        sentences.append(
            "A p value with <= is the lowest that this number of resamples can give; the true p "
            "may be lower, which more resamples (--resamples) would show."
        )
    sentences.append(
        "A value counts as significant if its test rejects at .05 and its interval excludes 0."
    )
    return " ".join(sentences)


def p_of_difference(claim: Mapping[str, Any]) -> str:
    """Write the p of a claim's difference, ``<= .001`` where it is the lowest possible."""
    text = p_value(claim["p_difference"])
    return f"<= {text}" if _at_floor(claim) and not text.startswith("<") else text


def _at_floor(claim: Mapping[str, Any]) -> bool:
    p = claim["p_difference"]
    return p is not None and p <= claim["p_difference_floor"]


def _claim_cell(claim: Mapping[str, Any], which: str) -> Cell:
    return _texts_cell(claim[which], claim_texts(claim, which))


def _cell(estimate: Mapping[str, Any]) -> Cell:
    return _texts_cell(estimate, rounded(estimate["value"], estimate["interval"]))


def _texts_cell(estimate: Mapping[str, Any], texts: tuple[str, str]) -> Cell:
    value, ends = texts
    return Cell(value, interval=ends if estimate["interval"] else "", note=estimate["reason"])


def attenuation_table(record: MigrationRecord) -> Table:
    """Lay out corrected correlations and what better measurement alone would do."""
    rows = []
    plain = {claim["title"]: claim for claim in record.claims}
    for row in record.attenuation["claims"]:
        expected = row["expected_new"]
        rows.append(
            [
                Cell(row["title"]),
                _cell(row["old"]),
                _cell(row["new"]),
                Cell(short(expected)),
                _claim_cell(plain[row["title"]], "new"),
            ]
        )
    return Table(
        title="",
        columns=[
            Column("Correlation"),
            *number_columns(
                "Old, corrected", "New, corrected", "Old times the ratio", "New, as measured"
            ),
        ],
        rows=rows,
        after="Intervals are those of the correlations divided by the validity; the validity is "
        "taken as exact. A correlation that is not significant does not become significant by the "
        "correction.",
    )


def _validities(record: MigrationRecord) -> Table:
    known = record.attenuation
    names = [row["what"] for row in (*known["old"], *known["new"])]
    return Table(
        title="",
        columns=[
            Column("Model"),
            *number_columns("Published rho", "Validity"),
            Column("Source"),
        ],
        rows=[
            [
                Cell(_tell_apart(row, names), note="" if place else "used below"),
                Cell(row["printed"]),
                Cell(short(row["validity"])),
                Cell(row["source"], note=row["where"]),
            ]
            for rows in (known["old"], known["new"])
            for place, row in enumerate(rows)
        ],
        before=known["assumption"],
        after=f"Reliability of the human scores: {known['reliability']['value']:g} "
        f"({known['reliability']['source']}, {known['reliability']['where']}: "
        f"{known['reliability']['what']}). Better measurement alone would make a correlation "
        f"{known['ratio']:.2f} times as large ({known['ratios'][0]:.2f} to "
        f"{known['ratios'][1]:.2f} over the published values). {known['caveat']}",
    )


def _tell_apart(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """Name a published value; of those that one paper calls alike, say where in it they stand."""
    what = str(row["what"])
    return f"{what} ({row['where']})" if names.count(what) > 1 else what


def agreement_table(record: MigrationRecord) -> Table:
    """Lay out how old and new scores agree."""
    values = record.agreement["figures"]
    return Table(
        title="",
        columns=[Column("Old and new scores of the same pictures"), Column("Value", numeric=True)],
        rows=[[Cell(TITLES[name]), _cell(values[name])] for name in TITLES if name in values],
        before=f"n = {record.agreement['n']:,} pictures.",
        after="Concordance is 1 only where both scores of every picture are equal (Lin 1989); "
        "95 % of the pictures' differences are expected between the limits of agreement (Bland & "
        "Altman 1986). The two models have different scales, so low concordance is no error of "
        "either: do not mix their scores in one column.",
    )


def crosswalk_table(record: MigrationRecord) -> Table:
    """Lay out the cross-validated errors of both directions."""
    assert record.crosswalk is not None
    ways = (record.crosswalk["forward"], record.crosswalk["backward"])
    return Table(
        title="",
        columns=[
            Column("From, to"),
            *number_columns(
                "n",
                "RMSE, isotonic",
                "RMSE, equipercentile",
                "RMSE, predicting the mean",
                "Prediction interval, ±",
            ),
            Column("Range"),
        ],
        rows=[
            [
                Cell(f"{way['source']} → {way['target']}"),
                Cell(f"{way['n']:,}"),
                *(
                    Cell(f"{way[name]:.4f}")
                    for name in ("rmse_isotonic", "rmse_quantile", "rmse_mean", "half_width")
                ),
                Cell(f"{way['quantile_x'][0]:.4g} to {way['quantile_x'][-1]:.4g}"),
            ]
            for way in ways
        ],
        before="The equipercentile map gives an old score the new score with the same percentile "
        "rank: mapped scores have the spread of new scores, or less where old scores are tied. The "
        "isotonic map gives the expected new score; its scores have a smaller spread. Both keep "
        "the order of the scores. Errors are of pictures that were left out of the fit "
        f"(cross-validation). {' '.join(map(_errors, ways))} The prediction interval has the same "
        "width for low and for high scores and is cut where the scale ends: it holds its level on "
        "average over pictures, not for each score.",
        after=_validity_of_map(record),
    )


def _errors(way: Mapping[str, Any]) -> str:
    """Say which has the smallest error on left-out pictures: a map, or predicting the mean."""
    errors = {
        "the isotonic map": way["rmse_isotonic"],
        "the equipercentile map": way["rmse_quantile"],
        "predicting the mean": way["rmse_mean"],
    }
    least, *others = sorted(errors, key=errors.__getitem__)
    text = f"From {way['source']} to {way['target']}, {least} has the smallest error (RMSE "
    text += f"{errors[least]:.4f}; {' and '.join(f'{name} {errors[name]:.4f}' for name in others)})"
    if least == "predicting the mean":
        return f"{text}: neither map can predict the score of a single picture."
    saved = 1 - errors[least] / errors["predicting the mean"]
    return f"{text}, {100 * saved:.0f} % less than predicting the mean."


def _validity_of_map(record: MigrationRecord) -> str:
    if not record.new:
        assert record.crosswalk is not None
        return f"Read from {record.crosswalk['source']}, sha256 {record.crosswalk['sha256']}."
    return (
        "This crosswalk is valid for pictures like these and for old scores made like "
        f"{record.old['name']!r}: other pictures, or MemNet scores made with another "
        "preprocessing, need another crosswalk. A mapped score contains no more information than "
        "the score that it comes from."
    )


def scores_table(record: MigrationRecord) -> Table:
    """Describe both columns of scores."""
    named = [(f"old: {record.old['name']}", record.old)]
    if record.new:
        named.append((f"new: {record.new['name']}", record.new))
    return Table(
        title="",
        columns=[
            Column("Scores"),
            *number_columns("n", "Mean", "SD", "Lowest", "Highest"),
        ],
        rows=[
            [
                Cell(name),
                Cell(f"{row['n']:,}"),
                *(
                    Cell(_UNDEFINED if row[key] is None else f"{row[key]:.4f}")
                    for key in ("mean", "sd", "lowest", "highest")
                ),
            ]
            for name, row in named
        ],
    )


def _added(record: MigrationRecord) -> Table:
    return Table(
        title="",
        columns=[Column("Column"), Column("Rows filled", numeric=True), Column("What it holds")],
        rows=[
            [Cell(name), Cell(f"{about['n']:,}"), Cell(about["meaning"])]
            for name, about in record.added.items()
        ],
        before=f"migrated.csv has the {record.study['rows']:,} rows and "
        f"{record.study['columns']:,} columns of {record.study['source']} as they were, and "
        "these new columns:",
    )


def claims_csv(record: MigrationRecord) -> str:
    """Write the claims as CSV, a row a claim, numbers in full, nothing where undefined."""
    parts = ("old", "new", "difference")
    head = ["kind", "title", "outcome", "n", "statistic"]
    for part in parts:
        head += [part, f"{part}_low", f"{part}_high", f"p_{part}"]
    head += ["p_difference_floor", "p_old_holm", "p_new_holm"]
    return csv_text(head, _rows(record, parts))


def _rows(record: MigrationRecord, parts: Iterable[str]) -> Iterable[dict[str, Any]]:
    for claim in record.claims:
        row = {name: claim[name] for name in ("kind", "title", "outcome", "n")}
        row["statistic"] = claim["detail"]["statistic"]
        row["p_difference_floor"] = claim["p_difference_floor"]
        row |= {name: claim.get(name) for name in ("p_old_holm", "p_new_holm")}
        for part in parts:
            low, high = claim[part]["interval"] or (None, None)
            row |= {part: claim[part]["value"], f"{part}_low": low, f"{part}_high": high}
            row[f"p_{part}"] = claim[f"p_{part}"]
        yield row

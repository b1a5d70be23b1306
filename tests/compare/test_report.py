"""The report says what the record says, beside its contamination, and stands alone."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

import memnet
from memnet.compare.record import RunRecord
from memnet.compare.report import render
from memnet.compare.report.digits import is_bare, result_texts, rounded, with_interval
from memnet.compare.report.files import table_files
from memnet.compare.report.findings import write_findings
from memnet.compare.report.latex import escape
from memnet.compare.report.markdown import escape_markdown
from memnet.compare.report.page import _SCRIPT, html_page
from memnet.compare.report.render import html, markdown, write_report
from memnet.compare.report.summary import write_summary
from memnet.compare.report.table_model import interval, number, p_value
from memnet.compare.report.tables import HEADLINE
from memnet.errors import MemnetError

AWKWARD = ("my <model>", "a_b & c%", "[x](http://y) | *z* `q` \\end{tabular} $1 #~^ \"'")


def compared(models: dict[str, object], dataset: str = "memcat", **more: object) -> RunRecord:
    """Compare models that are ``function(hit rate, random) -> prediction`` on 120 pictures."""
    random = np.random.default_rng(3)
    ids = [f"{number:03d}.jpg" for number in range(120)]
    responses = random.integers(70, 120, 120)
    hits = random.binomial(responses, random.beta(6, 2, 120))
    truth = pd.DataFrame(
        {"image_id": ids, "hit_rate": hits / responses, "hits": hits, "responses": responses}
    )
    tables = [
        pd.DataFrame({"image_id": ids, "model": name, "score": predict(truth.hit_rate, random)})
        for name, predict in models.items()
    ]
    return memnet.compare(
        truth,
        tables,
        truth_column="hit_rate",
        dataset=dataset,
        resamples=200,
        hits_column="hits",
        responses_column="responses",
        **more,
    )


def off_by(size: float):
    return lambda rate, random: rate + random.normal(0, size, len(rate))


@pytest.fixture(scope="module")
def record() -> RunRecord:
    return compared(
        {
            AWKWARD[0]: off_by(0.3),
            "resmem.published": off_by(0.02),
            AWKWARD[1]: off_by(0.1),
            "constant": lambda rate, random: np.full(len(rate), 0.5),
            AWKWARD[2]: off_by(0.6),
        }
    )


@pytest.fixture(scope="module")
def page(record) -> str:
    return html(record)


@pytest.fixture(scope="module")
def old(golden) -> RunRecord:
    return RunRecord.read(golden / "record_v1.json")


class Page(HTMLParser):
    """Checks that every element is closed where it must be, and gathers text and attributes."""

    VOID = ("meta", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.rows: list[list[str]] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.said.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


def test_the_page_is_well_formed(page, old):
    for text in (page, html(old)):
        parsed = Page(text)
        assert text.lstrip().startswith("<!DOCTYPE html>")
        assert parsed.tags.count("h1") == 1
        assert {"table", "h2", "figure", "style"} <= set(parsed.tags)


def test_the_page_needs_nothing_from_outside_and_runs_nothing_else_than_the_folding(page):
    parsed = Page(page)
    for tag, name, value in parsed.attributes:
        assert not name.startswith("on"), f"{name} of <{tag}>"
        if name in ("src", "href", "action", "data", "poster", "srcset"):
            assert value.startswith(("data:image/svg+xml;base64,", "#")), f"<{tag} {name}>"
    assert not {"link", "iframe", "object", "embed", "base"} & set(parsed.tags)
    assert re.findall(r"<script.*?</script>", page, re.S) == [_SCRIPT.strip()]
    style = page[page.index("<style>") : page.index("</style>")]
    assert "@import" not in style
    assert "url(" not in style


def test_links_within_the_page_have_targets_and_ids_are_unique(page):
    parsed = Page(page)
    ids = [value for _, name, value in parsed.attributes if name == "id"]
    targets = {value[1:] for tag, name, value in parsed.attributes if (tag, name) == ("a", "href")}
    assert len(set(ids)) == len(ids)
    assert targets == set(ids)


@pytest.mark.parametrize("name", AWKWARD)
def test_names_from_data_are_text_in_html_and_markdown(page, record, name):
    assert f"<h2>{name}" not in page
    assert name in Page(page).text
    shown = MarkdownIt("commonmark").enable("table").render(markdown(record))
    parsed = Page(shown.replace("<hr />", "").replace(" />", ">"))
    assert " ".join(name.split()) in parsed.text
    assert "model" not in parsed.tags
    assert not [value for tag, _, value in parsed.attributes if tag == "a"]


def test_every_number_is_in_page_and_markdown(page, record):
    for text in (Page(page).text, markdown(record)):
        for result in record.results:
            value, between = result_texts(result)
            assert value in text
            assert between in text
        for row in record.differences:
            if row.value is not None:
                assert rounded(row.value, row.interval, bare=is_bare(row.metric))[0] in text


def test_what_is_undefined_is_said_with_its_reason(page, record):
    text = Page(page).text
    reasons = {result.reason for result in record.results if result.value is None}
    assert len(reasons) > 1
    assert not [reason for reason in reasons if reason not in text]


def test_at_a_glance_each_model_has_its_word_once_and_the_best_rho_comes_first(page, record):
    rows = Page(page).rows
    head = next(place for place, row in enumerate(rows) if "SD ratio" in row)
    models = {result.model for result in record.results}
    table = rows[head + 1 : head + 1 + len(models)]
    assert len(table[0]) == 1 + len(HEADLINE)
    for row in table:
        model = next(name for name in models if row[0].startswith(" ".join(name.split())))
        assert [record.words[model] in cell for cell in row] == [True, *[False] * len(HEADLINE)]
    assert "The model was trained on memcat." in table[0][0]
    rho = [record.result("spearman", m).value for m in models]
    wanted = sorted((value for value in rho if value is not None), reverse=True)
    shown = [float(row[1].split()[0]) for row in table if "undefined" not in row[1]]
    assert shown == pytest.approx(wanted, abs=0.005)
    assert "constant" in table[-1][0]


def test_the_word_stands_once_in_the_heading_of_a_models_section(page, record):
    section = page[page.index("<summary><h2>resmem.published <") :]
    section = section[: section.index("<summary><h2", 10)]
    assert section.count('class="word contaminated"') == 1
    assert len(re.findall("<h3>", section)) == 7
    between = page[page.index("<h2>Between models</h2>") :]
    assert 'class="word' not in between[: between.index("<summary><h2", 10)]


def test_a_contaminated_model_with_the_highest_rho_is_no_winner(record):
    said = " ".join(write_findings(record))
    assert "resmem.published has the highest rank correlation" in said
    assert "cannot be called better, since it was trained on this data set" in said
    assert f"Among those not known to be trained on it, {AWKWARD[1]} has the highest" in said
    assert re.search(r"beyond chance\.", said)


def test_where_every_model_saw_the_pictures_nobody_has_won(record):
    results = [replace(result, contamination="contaminated") for result in record.results]
    said = " ".join(write_findings(replace(record, results=results)))
    assert "no model can be called the best" in said
    assert "beyond chance" not in said


def two(record: RunRecord, **changes: object) -> list[str]:
    """Findings about the first and third model alone, with another verdict on their difference."""
    keep = AWKWARD[:2]
    rows = [
        replace(row, **changes)
        for row in record.differences
        if row.metric == "spearman" and {row.model_a, row.model_b} == set(keep)
    ]
    assert len(rows) == 1
    results = [result for result in record.results if result.model in keep]
    return write_findings(replace(record, results=results, differences=rows))


# A difference that is not beyond chance says nothing of equivalence; only the TOST field does.
OPEN = {"p_value": 0.4, "p_holm": 0.4, "interval": [-0.02, 0.05]}


def test_no_difference_beyond_chance_is_not_called_equivalence(record):
    said = " ".join(two(record, **OPEN, equivalent=False, margin=0.02))
    assert "is not beyond chance" in said
    assert "does not show that the two are equally good" in said
    assert "are equivalent" not in said
    untested = " ".join(two(record, **OPEN, equivalent=None, margin=None))
    assert "does not show that the two are equally good" in untested
    assert "are equivalent" not in untested


def test_equivalence_is_said_where_the_equivalence_test_says_so(record):
    said = " ".join(two(record, **OPEN, equivalent=True, margin=0.08))
    assert "equivalent within 0.08" in said


def test_an_interval_and_a_test_that_disagree_leave_it_open(record):
    said = " ".join(two(record, p_holm=0.2, interval=[-0.4, -0.1]))
    assert "disagree" in said
    assert "is beyond chance" not in said


def test_what_only_holms_correction_parts_is_no_disagreement(record):
    """p = .03 and an interval without 0 agree; among three pairs p is .09."""
    keep = AWKWARD[0], AWKWARD[1], "resmem.published"
    rows = [
        row
        for row in record.differences
        if row.metric == "spearman" and {row.model_a, row.model_b} <= set(keep)
    ]
    assert len(rows) == 3
    rows = [replace(row, p_value=0.03, p_holm=0.09, interval=[-0.4, -0.1]) for row in rows]
    results = [result for result in record.results if result.model in keep]
    said = " ".join(write_findings(replace(record, results=results, differences=rows)))
    assert "disagree" not in said
    assert "would be beyond chance by itself (uncorrected p = .030), but not among 3 pairs" in said


def test_the_smallest_margin_that_the_pictures_support_is_said(record):
    said = " ".join(
        two(record, **OPEN, equivalent=False, margin=0.02, interval_equivalence=[-0.013, 0.046])
    )
    assert "reaches beyond the margin of 0.02" in said
    assert "would show equivalence within 0.05 or more" in said  # never rounded down


def test_the_difference_is_the_better_ones_lead_whichever_was_named_first(record):
    (row,) = [
        row
        for row in record.differences
        if row.metric == "spearman" and {row.model_a, row.model_b} == set(AWKWARD[:2])
    ]
    assert row.value < 0  # the worse model stands first in the record
    said = " ".join(two(record))
    value, between = rounded(-row.value, (-row.interval[1], -row.interval[0]), bare=True)
    assert f"The difference, {value} {between} (95 % interval; permutation p" in said


def test_the_ceiling_is_given_with_its_source(record):
    said = write_findings(record)[-1]
    for name in ("ceiling_spearman", "split_half"):
        known = record.labels["figures"][name]
        assert f"rho = {with_interval(known['value'], known['interval'], bare=True)}" in said
    published = compared({"m": off_by(0.1)}, dataset="lamem")
    labels = {
        "kind": "published",
        "source": "Khosla et al. (2015), section 3",
        "figures": {
            name: {"value": value, "interval": None, "method": "published"}
            for name, value in (("reliability_spearman", 0.67), ("ceiling_spearman", 0.67**0.5))
        },
    }
    said = write_findings(replace(published, labels=labels))[-1]
    assert ".670 (Khosla et al. (2015), section 3)" in said
    assert "rho = .819" in said


def test_the_parts_of_the_error_add_up_in_the_sentence(page, record):
    text = Page(page).text
    sums = re.findall(
        r"MSE (\d\.\d+) = squared bias (\d\.\d+) \+ variance mismatch (\d\.\d+) "
        r"\+ \(1 - r\) part (\d\.\d+)",
        text,
    )
    for model in (AWKWARD[0], "resmem.published"):
        names = ("mse", "mse_bias", "mse_variance", "mse_correlation")
        values = [record.value(name, model) for name in names]
        (shown,) = [
            numbers
            for numbers in sums
            if [f"{value:.{len(numbers[0]) - 2}f}" for value in values] == list(numbers)
        ]
        assert len({len(number) for number in shown}) == 1


def test_published_figures_stand_beside_measured_ones_and_contradictions_together(page, record):
    rows = [row for row in Page(page).rows if row[0].startswith("resmem.published: ")]
    rho = [row for row in rows if "Spearman" in row[0]]
    assert [row[1] for row in rho] == ["0.67", "0.68", "0.64"]
    for row in rho:
        assert result_texts(record.result("spearman", "resmem.published"))[0] in row[2]
        assert "contaminated" in row[2]
        assert row[3].startswith("no")
    assert "the same paper says 0.68 (text)" in rho[0][3]
    mse = [row[1] for row in rows if "MSE" in row[0]]
    assert mse == ["0.008", "as low as 0.0047", "0.009"]
    (half,) = [row for row in Page(page).rows if "Split-half" in row[0]]
    assert half[1] == "0.78"
    known = record.labels["figures"]["split_half"]
    assert with_interval(known["value"], known["interval"], bare=True) == half[2]
    assert half[3].startswith("yes")


def test_a_contaminated_mse_is_explained_with_figures(page, record, old):
    assert "no prediction that correlates with them at r = 0.68 has an MSE below" in page
    assert f"{record.value('mse', 'resmem.published'):.5f}" in page
    assert "at r = 0.68" not in html(old)  # clean there


def test_table_1_has_the_papers_rows_and_the_measured_numbers_with_their_word(page, record):
    start = page.index("Table 1 of Needell &amp; Bainbridge (2022)</h2>")
    text = Page(
        "<div>"
        + page[start : page.index("</div></details>", start)].split("</summary>", 1)[1]
        + "</div></div>"
    )
    names = [row[0] for row in text.rows[1:]]
    assert names == ["MemNet", "ResMem", "ResMemRetrain", "M3M"]
    (measured,) = [row for row in text.rows if row[0] == "ResMemRetrain"]
    assert measured[4] == f"{record.value('spearman', 'resmem.published'):.3f} (contaminated)"
    assert "0.67" in measured[3]
    assert "(text: 0.68)" in measured[3]


def test_sections_without_data_are_left_out(old):
    text = html(old)
    for shown in (text, markdown(old)):
        assert ".49 *[.41, .56]*" in shown or '.49</span> <span class="ci">[.41, .56]' in shown
    for absent in ("Between models", "Published beside measured", "noise-matched", "Effect size"):
        assert absent not in text
    assert "Holm" not in text


def of_two(record: RunRecord) -> RunRecord:
    """The record without its last three models, since figures take their time."""
    keep = list(record.plots)[:2]
    return replace(
        record,
        results=[result for result in record.results if result.model in keep],
        differences=[d for d in record.differences if {d.model_a, d.model_b} <= set(keep)],
        plots={model: record.plots[model] for model in keep},
    )


def test_a_saved_record_renders_to_the_same_bytes(record, tmp_path):
    write_report(of_two(record), tmp_path / "one")
    write_report(RunRecord.read(tmp_path / "one" / "record.json"), tmp_path / "two")
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    names = {path.as_posix() for path in files}
    wanted = {"results.csv", "differences.csv", "results.tex", "differences.tex", "table1.tex"}
    assert {f"tables/{name}" for name in wanted} <= names
    assert {"record.json", "report.html", "report.md"} <= names
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    pictures = re.findall(r"\]\((figures/[^)]+)\)", (tmp_path / "one" / "report.md").read_text())
    assert len(pictures) > 10
    assert set(pictures) <= names


def test_markdown_tables_have_as_many_cells_as_their_head(record):
    rendered = MarkdownIt("commonmark").enable("table").render(markdown(record))
    tables = rendered.split("<table>")[1:]
    assert len(tables) > 30
    for table in tables:
        parsed = Page("<div>" + table.split("</table>")[0] + "</div>")
        assert len({len(row) for row in parsed.rows}) == 1
        assert len(parsed.rows) > 1


def test_csv_has_every_result_in_full_and_nothing_for_null(record):
    rows = list(csv.DictReader(io.StringIO(table_files(record)["results.csv"])))
    assert len(rows) == len(record.results)
    for row, result in zip(rows, record.results, strict=True):
        assert (row["model"], row["metric"]) == (result.model, result.metric)
        assert row["value"] == ("" if result.value is None else repr(result.value))
        low = "" if result.interval is None else repr(result.interval[0])
        assert row["interval_low"] == low
        assert row["contamination"] == result.contamination
        assert int(row["n"]) == result.n


def test_csv_of_differences_reads_without_options(record):
    table = pd.read_csv(io.StringIO(table_files(record)["differences.csv"]))
    assert len(table) == len(record.differences) == 4 * 10
    numbers = ("value", "interval_low", "p_holm", "williams_t", "steiger_p", "zou_high", "margin")
    assert all(table[name].dtype == float for name in numbers)
    rows = [row for row in record.differences if row.value is not None]
    shown = table[table.value.notna()]
    assert shown.value.tolist() == [row.value for row in rows]
    spearman = shown[shown.metric == "spearman"]
    assert spearman.williams_t.tolist() == [
        row.tests["williams"]["t"] for row in rows if row.metric == "spearman"
    ]
    assert set(spearman.equivalent.astype(str)) <= {"True", "False"}


def plain_tex(text: str) -> str:
    """The text without its commands' own braces and specials."""
    return re.sub(r"\\[&%$#_{}]", "", text)


@pytest.mark.parametrize(
    "name", ["results.tex", "all_results.tex", "differences.tex", "table1.tex"]
)
def test_latex_tables_are_balanced_and_every_row_fits_its_head(record, name):
    text = table_files(record)[name]
    plain = plain_tex(text)
    assert plain.count("{") == plain.count("}")
    for kind in ("tabular", "longtable"):
        assert text.count(rf"\begin{{{kind}}}") == text.count(rf"\end{{{kind}}}")
    assert not re.search(r"(?<!\\)[$#%_~^]|[<>|\"]", text)
    for table in re.findall(
        r"\\begin\{(?:tabular|longtable)\}\{([lr]{2,})\}\n(.*?)\n\\bottomrule", text, re.S
    ):
        letters, body = table
        rows = [line for line in body.splitlines() if " & " in line and "multicolumn" not in line]
        assert len(rows) > 1
        for line in rows:
            assert plain_tex(line).count("&") == len(letters) - 1
            assert line.endswith(r"\\")
            assert not line.lstrip().startswith(("[", "*"))
    assert "contaminated" in text


def moved(record: RunRecord, shift: float, **more: object) -> RunRecord:
    return replace(
        record,
        results=[
            replace(r, value=None if r.value is None else r.value + shift, **more)
            for r in record.results
        ],
    )


def test_a_figure_that_some_records_lack_is_averaged_over_the_others_and_counted(old, tmp_path):
    second, third = moved(old, 0.01), moved(old, -0.04, contamination="possibly")
    lacking = [replace(third.results[0], value=None, interval=None), *third.results[1:]]
    records = [old, second, replace(third, results=lacking)]
    found = write_summary(records, ["1", "2", "3"], tmp_path)
    rho, pearson = found[:2]
    assert (rho.metric, rho.defined, rho.values[2]) == ("spearman", 2, None)
    assert rho.mean == pytest.approx(0.48905133384141136 + 0.005, abs=1e-15)
    assert rho.sd == pytest.approx(0.01 / np.sqrt(2), abs=1e-15)
    assert (pearson.defined, pearson.contamination) == (3, "possibly")
    assert "2 of 3" in Page((tmp_path / "summary.html").read_text()).text
    row = pd.read_csv(tmp_path / "summary.csv").iloc[0]
    assert np.isnan(row["value_3"])


def test_latex_escapes_what_it_takes_for_commands():
    assert escape("a_b & c%") == r"a\_b \& c\%"
    assert escape("my <model>\n\\x{}") == r"my \textless{}model\textgreater{} \textbackslash{}x\{\}"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, ".012"), (0.0004, "< .001"), (0.001, ".001"), (1.0, "1.000"), (None, "")],
)
def test_p_values_are_written_as_psychologists_write_them(value, text):
    assert p_value(value) == text


def test_numbers_have_six_decimals_and_no_negative_nought():
    assert number(0.4890513) == "0.489051"
    assert number(-1e-9) == "0.000000"
    assert number(None) == "undefined"
    assert interval([0.40582, 0.56399]) == "[0.4058, 0.5640]"
    assert interval([0.000012, 0.00034]) == "[0.000012, 0.000340]"
    assert interval(None) == "none"


def test_one_model_has_no_differences_and_their_tables_no_rows(old):
    files = table_files(old)
    assert files["differences.csv"].count("\n") == 1
    assert files["differences.tex"].strip() == ""
    assert "0.489" in files["table1.tex"]


def test_the_published_pictures_give_the_contaminated_figures_and_say_so(shared: Path):
    scores = pd.read_csv(shared / "golden" / "resmem_pictures400.csv")
    record = memnet.compare(
        shared / "data" / "pictures" / "human_scores.csv",
        scores.assign(model="resmem.published"),
        truth_column="hit_rate",
        dataset="memcat",
        resamples=200,
    )
    assert record.value("spearman") == pytest.approx(0.82, abs=0.005)
    assert record.value("mse") == pytest.approx(0.0047, abs=0.00005)
    text = Page(html(record)).text
    assert "An MSE like 0.0047 is what a test on its own training pictures gives" in text
    assert "says nothing about pictures that it has not seen" in text


def test_what_a_model_was_trained_on_is_said_in_three_ways(old):
    (model,) = old.models
    bare = {key: model[key] for key in ("name", "source", "rows", "known_by")}
    empty = dict.fromkeys(("licence", "citation", "training_note", "weights_sha256"), "")
    lines = [
        next(
            line for line in markdown(replace(old, models=[row])).splitlines() if "rows of" in line
        )
        for row in (
            {**bare, **empty, "trained_on": []},
            {**bare, **empty, "trained_on": None, "licence": None, "citation": "Me (2024)"},
            {**bare, "trained_on": ["lamem", "memcat"], "training_note": "in part"},
            {**model, "weights_sha256": "ab12", "preprocess_digest": ""},
        )
    ]
    start = "- **resmem.published**. 375 rows of `scenes375.csv`. Trained on "
    name = " The table does not record which weights and preprocessing made it:"
    assert lines[0].startswith(f"{start}no data set.{name}")
    assert lines[1].startswith(f"{start}data that its file does not name. Cite: Me (2024).{name}")
    assert lines[2].startswith(f"{start}lamem, memcat (in part).{name}")
    assert "Cite: Needell & Bainbridge (2022)" in lines[3]
    weights = replace(old, models=[{**model, "weights_sha256": "ab12", "preprocess_digest": ""}])
    assert "\nweights of resmem.published: ab12\n" in markdown(weights)


def test_a_report_that_cannot_be_made_leaves_the_last_one_whole(old, tmp_path, monkeypatch):
    (tmp_path / "figures").mkdir()
    kept = [tmp_path / "figures" / "density_before.png", tmp_path / "record.json"]
    for file in kept:
        file.write_text("before")

    def fails(record):
        raise MemnetError("no table")

    monkeypatch.setattr(render, "table_files", fails)
    with pytest.raises(MemnetError, match="no table"):
        write_report(old, tmp_path)
    assert [file.read_text() for file in kept] == ["before", "before"]
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == sorted(f.name for f in kept)


def test_the_record_is_written_last(old, tmp_path, monkeypatch):
    written = []
    for write in ("write_text", "write_bytes"):
        monkeypatch.setattr(render, write, lambda path, content: written.append(path.name))
    write_report(old, tmp_path)
    assert {"report.html", "report.md", "results.csv", "density_resmem.published.png"} <= {*written}
    assert written[-1] == "record.json"


FOLDED = """# A

## First

Open.

## Second **clean** ##

Hidden.

### Within

Hidden, too.

### Deep ###

Deeper.

## Third

Open again.
"""


def test_a_section_under_a_closed_heading_is_folded_and_its_link_leads_into_it():
    page = html_page(FOLDED, title="x")
    assert Page(page).tags.count("details") == 2
    assert '<a href="#second">Second</a>' in page
    start = page.index('<details class="section"><summary><h2>Second <span class="word clean">')
    inside = page[start : page.index('<h2 id="third">')]
    assert '</h2>\n</summary><div id="second">\n<p>Hidden.</p>' in inside
    assert "<h3>Within</h3>" in inside
    assert "<summary><h3>Deep</h3>\n</summary><div>\n<p>Deeper.</p>" in inside
    assert inside.endswith("</div></details>\n</div></details>\n")
    assert "beforeprint" in page
    assert "<script>" not in html_page("# A\n\n## First\n", title="x")  # nothing to unfold


def test_a_name_that_ends_in_number_signs_closes_no_heading():
    page = html_page(
        f"## {escape_markdown('model ##')}\n\n## {escape_markdown('C#')} ##\n", title="x"
    )
    assert '<h2 id="model">model ##</h2>' in page
    assert "<summary><h2>C#</h2>" in page

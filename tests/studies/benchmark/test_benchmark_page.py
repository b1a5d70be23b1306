"""The page of a benchmark: its numbers are the record's, and what was seen is never the best."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark_records import NOT_AT_HAND, make_record, of_cells
from memnet.compare.report.digits import rounded
from memnet.compare.report.page import html_page
from memnet.compare.report.style import to_bytes
from memnet.studies.benchmark.answer import write_answer, write_findings
from memnet.studies.benchmark.figures import captions, figure_names, figures
from memnet.studies.benchmark.markdown import readme_table
from memnet.studies.benchmark.page import leaderboard, markdown, write_benchmark
from memnet.studies.benchmark.record import BenchmarkRecord
from memnet.studies.benchmark.tables import contrast_table, main_table, summary_table

HOSTILE = "a|b <script>alert(1)</script> *x* `y` [z](http://elsewhere)"


@pytest.fixture(scope="module")
def record() -> BenchmarkRecord:
    return make_record(5, 3)


def nothing_clean() -> BenchmarkRecord:
    clean = make_record(3, 2, plant=False)
    seen = [replace(cell, contamination="contaminated") for cell in clean.cells]
    return of_cells(
        seen, [each["name"] for each in clean.models], [each["name"] for each in clean.datasets]
    )


def with_lies(record: BenchmarkRecord) -> BenchmarkRecord:
    """Flag as best what cannot be."""
    liars = [
        replace(
            cell, best=cell.contamination == "contaminated" or cell.crossed or bool(cell.missing)
        )
        for cell in record.cells
    ]
    return replace(record, cells=liars)


def rows_of(record: BenchmarkRecord) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(leaderboard(record))))


def test_every_cell_is_the_record_s(record: BenchmarkRecord) -> None:
    table = main_table(record)
    for model, row in zip(record.models, table.rows, strict=True):
        assert row[0].text == model["name"]
        for dataset, shown in zip(record.datasets, row[1:], strict=True):
            cell = record.cell(dataset["name"], model["name"])
            if cell.missing:
                assert (shown.text, shown.note, shown.word) == ("–", NOT_AT_HAND, "")
                continue
            value, ends = rounded(cell.rho, cell.interval, bare=True)
            assert shown.text.strip("()") == value
            assert shown.interval == ends
            assert shown.word == cell.contamination
            assert f"ceiling {cell.ceiling:.2f}".replace("0.", ".") in shown.note
            assert shown.strong == cell.best


def test_the_head_says_how_many_pictures_and_the_ceiling(record: BenchmarkRecord) -> None:
    for dataset, column in zip(record.datasets, main_table(record).columns[1:], strict=True):
        assert f"n = {dataset['n']:,}" in column.note
        assert f"ceiling {dataset['ceiling']:.2f}".replace("0.", ".") in column.note


@pytest.mark.parametrize("flagged", [False, True])
def test_what_was_seen_or_crossed_is_set_back_and_never_bold(
    record: BenchmarkRecord, flagged: bool
) -> None:
    shown = with_lies(record) if flagged else record
    table = main_table(shown)
    planted = {("dataset1", "model5.published"), ("dataset3", "model5.published")}
    for row in table.rows:
        for dataset, cell in zip(shown.datasets, row[1:], strict=True):
            where = (dataset["name"], row[0].text)
            assert cell.text.startswith("(") == (where in planted)
            if where in planted:
                assert not cell.strong
                assert cell.word == "contaminated" or "false-alarm rate" in cell.note
    last = readme_table(shown).splitlines()
    row_of_planted = next(line for line in last if "model5.published" in line)
    assert re.search(r"\(\.\d+\) contaminated", row_of_planted)
    assert re.search(r"\(\.\d+\) other target", row_of_planted)
    for sentence in write_findings(shown):
        if not sentence.startswith("dataset2"):
            assert "model5.published" not in sentence


def test_html_shows_badge_brackets_and_bold(record: BenchmarkRecord) -> None:
    page = html_page(markdown(record), title="x", images=dict.fromkeys(_sources(record), b"<svg/>"))

    assert '<span class="v back">(' in page
    assert '<span class="word contaminated">contaminated</span>' in page
    assert re.search(r'<td class="num">(<span class="v"></span> )?<strong>\.\d+</strong>', page)


def _sources(record: BenchmarkRecord) -> list[str]:
    return [f"figures/{name}.png" for name in captions(record)]


def test_the_answer_compares_models_only_where_both_are_clean(record: BenchmarkRecord) -> None:
    text = write_answer(record)

    # model5 is the highest on its single clean data set, and leads no mean
    assert text.startswith("On clean data model4.published has the highest mean")
    assert "shares only one clean data set with model3.published" in text
    assert "model5.published (0.842" in text
    assert "which says nothing of others" in text


def test_the_answer_names_the_best_where_it_is_apart_from_all() -> None:
    text = write_answer(make_record(2, 8, plant=False))

    assert "model2.published ranks pictures best: mean disattenuated rho" in text
    assert "over 8 data sets. It is beyond chance above model1.published." in text


def test_there_is_no_answer_where_nothing_is_clean() -> None:
    record = nothing_clean()

    assert write_answer(record).startswith("There is no answer: every model was trained on")
    assert contrast_table(record) is None
    assert {row[1].text for row in summary_table(record).rows} == {"none"}
    assert "**." not in markdown(record)


def test_one_model_on_one_data_set_is_about_that_data_set() -> None:
    text = write_answer(make_record(1, 1, plant=False))

    assert "the only number that counts is that of model1.published" in text
    assert text.endswith("One data set says nothing of others.")


def test_no_mean_without_ceilings() -> None:
    record = make_record(2, 2, plant=False)
    cells = [
        replace(cell, ceiling=None, disattenuated=None, disattenuated_interval=None)
        for cell in record.cells
    ]
    bare = of_cells(cells, ["model1.published", "model2.published"], ["dataset1", "dataset2"])

    assert "the reliability of the human scores is not known" in write_answer(bare)
    assert "ceiling unknown" in main_table(bare).columns[1].note
    assert "the ceiling is not known" in captions(bare)["forest_1_dataset1"]


def test_means_are_the_summaries(record: BenchmarkRecord) -> None:
    rows = {row[0].text: row for row in summary_table(record).rows}
    for summary in record.summaries:
        value, ends = rounded(summary.mean, summary.interval)
        row = rows[summary.model]
        assert (row[1].text, row[1].interval) == (value, ends)
        assert row[2].text == str(len(summary.datasets))
        for name, why in summary.left_out.items():
            assert f"{name} ({why})" in row[6].text
    means = [float(row[1].text) for row in summary_table(record).rows]
    assert means == sorted(means, reverse=True)


def test_leaderboard_holds_every_number_in_full(record: BenchmarkRecord) -> None:
    rows = rows_of(record)
    cells = [row for row in rows if row["kind"] == "cell"]

    assert len(cells) == len(record.cells)
    for row, cell in zip(cells, record.cells, strict=True):
        assert (row["dataset"], row["model"]) == (cell.dataset, cell.model)
        assert row["contamination"] == cell.contamination
        assert row["best"] == str(cell.best).upper()
        assert row["crossed"] == str(cell.crossed).upper()
        ends = cell.interval or [None, None]
        for name, value in zip(
            ("rho", "interval_low", "interval_high", "ceiling", "disattenuated"),
            (cell.rho, *ends, cell.ceiling, cell.disattenuated),
            strict=True,
        ):
            assert (float(row[name]) if row[name] else None) == value
    means = [row for row in rows if row["kind"] == "mean"]
    for row, summary in zip(means, record.summaries, strict=True):
        assert row["model"] == summary.model
        assert float(row["disattenuated"]) == summary.mean
        assert float(row["disattenuated_low"]) == (summary.interval or [0])[0]
        assert row["datasets"].split("; ") == summary.datasets
        assert (float(row["tau"]) if row["tau"] else None) == summary.tau


def test_odd_names_are_text_everywhere(tmp_path: Path) -> None:
    long = "the_longest_name_of_a_model_" * 12
    record = make_record(3, 2, names=[HOSTILE, long, "名前\nline"])

    write_benchmark(record, tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    text = (tmp_path / "benchmark.md").read_text(encoding="utf-8")

    assert "<script>alert" not in page
    assert 'href="http://elsewhere"' not in page
    assert long in page
    width = len(record.datasets) + 2  # model and mean
    for line in readme_table(record).splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == width + 1
    heads = [line for line in text.splitlines() if line.startswith("| Model |")]
    assert heads
    assert [row["model"] for row in rows_of(record)][:3] == [each["name"] for each in record.models]


def test_every_figure_has_a_caption_and_a_file(record: BenchmarkRecord, tmp_path: Path) -> None:
    write_benchmark(record, tmp_path)
    drawn, texts = figures(record), captions(record)

    assert set(drawn) == set(texts) == {"forest_means", *figure_names(record).values()}
    for name in drawn:
        assert (tmp_path / "figures" / f"{name}.svg").is_file()
        assert (tmp_path / "figures" / f"{name}.png").is_file()
    assert all("grey crosses do not count" in texts[n] for n in figure_names(record).values())


def test_a_figure_says_in_words_what_its_colour_says(record: BenchmarkRecord) -> None:
    drawn = figures(record)
    [axes] = drawn["forest_1_dataset1"].axes
    names = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    values = [float(line.get_xdata()[0]) for line in axes.lines if line.get_gid() == "value"]
    rho = {c.model: c.rho for c in record.cells if c.dataset == "dataset1"}

    assert names[0] == "model5.published (contaminated)"
    assert values == pytest.approx(sorted(filter(None, rho.values()), reverse=True))
    marks = [line.get_marker() for line in axes.lines if line.get_gid() == "value"]
    assert marks == ["X", "o", "o", "o", "o"]
    last = drawn["forest_3_dataset3"].axes[0].get_yticklabels()[0].get_text()
    assert "estimates something else" in last


def test_figures_are_the_same_each_time(record: BenchmarkRecord) -> None:
    first, again = (to_bytes(figures(record)["forest_means"], "svg") for _ in range(2))

    assert first == again


def test_figures_of_an_earlier_run_are_removed(tmp_path: Path) -> None:
    write_benchmark(make_record(2, 3, plant=False), tmp_path)
    (tmp_path / "figures" / "mine.png").write_bytes(b"")
    write_benchmark(make_record(2, 1, plant=False), tmp_path)

    left = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert left == [
        "forest_1_dataset1.png",
        "forest_1_dataset1.svg",
        "forest_means.png",
        "forest_means.svg",
        "mine.png",
    ]


def test_the_page_links_to_each_full_report(record: BenchmarkRecord, tmp_path: Path) -> None:
    write_benchmark(record, tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")

    for dataset in record.datasets:
        assert f'href="{dataset["report"]}"' in page
    assert "http://" not in re.sub(r'xmlns[^"]*"[^"]*"', "", page)

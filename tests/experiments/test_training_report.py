"""The page of a training run and of a search: what the folder says, drawn and told without gaps."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from memnet.compare.report.digits import result_texts
from memnet.compare.report.style import to_bytes
from memnet.errors import MemnetError
from memnet.experiments.search_page import CHOSEN, write_search_page
from memnet.experiments.settings_figure import draw_settings, settings_caption
from memnet.experiments.table1 import _remarks as remarks_on_run
from memnet.experiments.training_figures import (
    curves_caption,
    draw_curves,
    draw_search,
    drawable,
    search_caption,
)
from memnet.experiments.training_page import write_run_page
from memnet.experiments.training_run import best_row
from memnet.reimpl.training.run_folder import read_curves, require_run
from training_runs import COLUMNS, made_up_test, rows, run_json, write_run


class Page(HTMLParser):
    """The text of a page as it is read, its links, and what it fetches from elsewhere."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.skipping = False
        self.feed(path.read_text(encoding="utf-8"))
        self.text = re.sub(r"\s+", " ", " ".join(self.parts))

    def handle_starttag(self, tag, attrs):
        self.skipping = tag == "style"
        self.links += [value for name, value in attrs if name == "href"]
        self.sources += [value for name, value in attrs if name == "src"]

    def handle_endtag(self, tag):
        self.skipping = False

    def handle_data(self, data):
        if not self.skipping:
            self.parts.append(data)


def line(figure: Figure, gid: str) -> tuple[list[float], list[float]]:
    """The points of the one line of that name."""
    found = [artist for axes in figure.axes for artist in axes.lines if artist.get_gid() == gid]
    assert len(found) == 1
    return tuple(np.asarray(values, float).tolist() for values in found[0].get_data())


def legend_of(figure: Figure) -> str:
    texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return " | ".join(texts).replace("\n", " ")


def test_the_curves_are_those_of_the_file_and_undefined_figures_are_gaps(tmp_path):
    curves = read_curves(write_run(tmp_path))
    assert curves == rows()
    figure = draw_curves(curves, require_run(tmp_path))
    epochs, rho = line(figure, "val_spearman")
    assert epochs == [0, 1, 2, 3, 4]
    assert np.isnan(rho[2])  # a zero, or a line through the gap, would be a finding
    assert [rho[i] for i in (0, 1, 3, 4)] == [0.02, 0.31, 0.612, 0.58]
    assert line(figure, "best") == ([3.0], [0.612])
    assert line(figure, "val_loss")[1] == pytest.approx([0.06, 0.03, 0.02, 0.015, 0.012])
    train = line(figure, "train_loss")[1]
    assert np.isnan(train[0])
    assert train[1:] == pytest.approx([0.05, 0.025, 0.05 / 3, 0.0125])
    assert "best: 0.612 at epoch 3" in legend_of(figure)


def test_where_the_pictures_came_from_is_said_in_words(tmp_path):
    run = run_json()
    run["data"]["description"] = {
        "source": "table",
        "label_kind": "hit rate",
        "rule": "",
        "seed": None,
        "sources": [{"file": "scores.csv", "sha256": "ab12" * 16}],
        "pictures_without_score": {"count": 1200, "examples": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]},
        "notes": [],
    }
    text = Page(write_run_page(write_run(tmp_path, run))).text
    for said in (
        "human scores are hit rate",
        "file scores.csv (sha256 ab12ab12ab12...)",
        "pictures without a score 1,200, for example a.jpg, b.jpg, c.jpg",
    ):
        assert said in text
    for unsaid in ("label_kind", "{", "d.jpg", "seed of the parts"):
        assert unsaid not in text.partition("Settings")[0]


def test_contamination_of_the_validation_stands_over_its_curve():
    assert "validation values: contaminated" in draw_curves(rows(), run_json()).get_suptitle()


def test_losses_over_several_orders_of_magnitude_have_a_logarithmic_axis_with_readable_ticks():
    wide = [{**row, "val_loss": 10.0 ** (-place)} for place, row in enumerate(rows())]
    figure = draw_curves(wide, run_json())
    assert figure.axes[1].get_yscale() == "log"
    ticks = [text.get_text() for text in figure.axes[1].get_yticklabels()]
    assert "1e-4" in ticks
    assert not any("$" in tick for tick in ticks)
    assert draw_curves(rows(), run_json()).axes[1].get_yscale() == "linear"


def test_the_caption_tells_the_first_the_best_and_the_last_and_counts_the_gaps():
    text = curves_caption(rows(), run_json())
    assert "0.020 at epoch 0, at best 0.612 at epoch 3, and 0.580 at epoch 4" in text
    assert "(a gap) at 1 of 5" in text
    never = curves_caption(rows([None, None]), run_json())
    assert "undefined at every validation" in never


def test_the_network_before_training_is_never_the_best():
    assert best_row(rows([0.9, 0.1, 0.3]))["val_spearman"] == 0.3
    assert best_row(rows([0.9])) is None
    assert best_row(rows([-0.5, -0.2, -0.1]))["val_spearman"] == -0.1


@pytest.mark.parametrize(
    "draw",
    [
        lambda: draw_curves(rows(), run_json()),
        lambda: draw_search(search_runs()),
        lambda: draw_settings(trials()),
    ],
)
def test_a_figure_drawn_twice_is_the_same_file(draw):
    for kind in ("svg", "png"):
        first = draw()
        assert to_bytes(first, kind) == to_bytes(first, kind) == to_bytes(draw(), kind)


@pytest.mark.parametrize("rho", [[None], [None, None], [0.1], [0.1, None, 0.2], [0.1] * 100])
def test_few_many_and_undefined_validations_are_drawn(rho):
    curves = rows(rho)
    assert drawable(curves)
    figure = draw_curves(curves, run_json(best=None))
    said = [text.get_text() for text in figure.axes[0].texts]
    assert ("undefined at every validation" in said) == (set(rho) == {None})


def search_runs() -> list[tuple]:
    return [
        ("run 0", {"learning_rate": 1e-3}, rows([0.0, 0.3, 0.5]), "complete"),
        ("run 1", {"learning_rate": 1e-4}, rows([0.0, None, 0.4]), "complete"),
        ("run 2", {"learning_rate": 0.5}, rows([0.0, 0.9]), "pruned"),
        ("run 3", {"learning_rate": 9.0}, rows([0.0, -0.2]), "failed"),
        ("run 4", {"learning_rate": 9.0}, rows([None, None]), "failed"),
    ]


def test_a_search_has_a_line_a_run_and_the_best_complete_one_is_marked():
    figure = draw_search(search_runs())
    others = [artist for artist in figure.axes[0].lines if artist.get_gid() == "run"]
    assert len(others) == 3
    assert line(figure, "best") == ([0, 10, 20], [0.0, 0.3, 0.5])  # not the pruned run's 0.9
    gap = next(artist for artist in others if artist.get_linestyle() == "-").get_ydata()
    assert np.isnan(gap[1])
    assert list(np.array(gap)[[0, 2]]) == [0.0, 0.4]
    said = legend_of(figure)
    assert "best: run 0 (learning_rate 0.001), 0.500 at step 20" in said
    for words in ("complete (1)", "pruned (1)", "failed (1)"):
        assert words in said
    assert [text.get_text() for text in figure.axes[0].texts] == ["run 0"]
    caption = search_caption(search_runs())
    assert "2 complete, 1 pruned, 2 failed" in caption
    assert "1 without a defined rho cannot be seen" in caption


def test_a_point_alone_between_gaps_can_be_seen():
    runs = [("a", {}, rows([None, 0.1, None, 0.2, 0.3]), "pruned"), search_runs()[0]]
    alone = next(a for a in draw_search(runs).axes[0].lines if a.get_gid() == "run")
    assert alone.get_markevery() == [1]


@pytest.mark.parametrize("count", [1, 200])
def test_one_run_and_two_hundred_can_be_drawn(count):
    runs = [(f"run {i}", {}, rows([0.0, i / 500]), "complete") for i in range(count)]
    figure = draw_search(runs)
    gids = [artist.get_gid() for artist in figure.axes[0].lines]
    assert (gids.count("run"), gids.count("best")) == (count - 1, 1)
    assert figure.get_figheight() < 6  # legend entries are per state, not per run


def test_a_search_in_which_nothing_was_validated_says_so():
    figure = draw_search([("run 0", {}, [], "failed")])
    assert [text.get_text() for text in figure.axes[0].texts] == ["no run was validated"]


def trials(folder: Path | None = None) -> list[dict]:
    values = [0.5, 0.4, 0.9, None, float("nan")]
    settings = [1e-3, 1e-4, 0.5, 9.0, 9.0]
    made = []
    for number, (run, value, rate) in enumerate(zip(search_runs(), values, settings, strict=True)):
        params = {
            "learning_rate": rate,
            "weight_decay": 0.0 if number == 0 else 1e-4,
            "batch_size": 16 * (number + 1),
            "crop": "random" if number % 2 else "centre",
        }
        made.append(
            {
                "number": number,
                "state": run[3],
                "value": value,
                "params": params,
                "folder": folder,
                "curves": run[2],
            }
        )
    return made


def points(axes, gid: str) -> list[tuple[float, float]]:
    found = [artist for artist in axes.lines if artist.get_gid() == gid]
    return [tuple(map(float, p)) for a in found for p in zip(*a.get_data(), strict=True)]


def test_the_value_is_drawn_against_each_setting_on_the_axis_that_suits_it():
    figure = draw_settings(trials(), best=0)
    panels = {axes.get_xlabel().replace("\n", ""): axes for axes in figure.axes}
    assert panels["learning_rate"].get_xscale() == "log"
    assert panels["weight_decay"].get_xscale() == "symlog"  # it has a nought
    assert panels["batch_size"].get_xscale() == "linear"
    assert points(panels["learning_rate"], "best") == [(1e-3, 0.5)]
    assert points(panels["weight_decay"], "best") == [(0.0, 0.5)]
    assert points(panels["learning_rate"], "complete") == [(1e-4, 0.4)]
    assert points(panels["learning_rate"], "pruned") == [(0.5, 0.9)]
    assert points(panels["learning_rate"], "failed") == []
    crops = [text.get_text() for text in panels["crop"].get_xticklabels()]
    assert crops == ["centre", "random"]
    assert points(panels["crop"], "complete") == [(1.0, 0.4)]
    assert "2 without a value cannot be shown" in settings_caption(trials(), best=0)


@pytest.fixture(scope="module")
def record():
    return made_up_test(dataset="memcat", models=["resmem.published"])


@pytest.fixture
def page(tmp_path, record) -> Page:
    path = write_run_page(write_run(tmp_path / "my run", test=record))
    assert path == tmp_path / "my run" / "report.html"
    return Page(path)


def test_the_page_stands_alone_and_carries_the_figure_that_is_beside_it(page, tmp_path):
    assert len(page.sources) == 1
    head, _, code = page.sources[0].partition(",")
    assert head == "data:image/svg+xml;base64"
    figures = tmp_path / "my run" / "figures"
    assert base64.b64decode(code) == (figures / "curves.svg").read_bytes()
    ElementTree.fromstring((figures / "curves.svg").read_bytes())
    assert (figures / "curves.png").read_bytes().startswith(b"\x89PNG")
    local = [link for link in page.links if not link.startswith("#")]
    assert local == ["test/report.html"]


def test_the_page_says_what_was_trained_from_where_on_what(page):
    for part in (
        "Training of resmem",
        "300 training, 100 validation, 120 test pictures",
        "stopped early",
        "71,496,001 of 131,688,809 parameters were trained",
        "sha256 8e4b8ab0ac33",
        "For non-commercial use only (University of Chicago).",
        "cite Needell & Bainbridge (2022)",
        "memcat:train:seed2022, memcat:val:seed2022",
        "122 s (2 min)",
        "CPU (a <made-up> processor)",
        "98.4",
        "3.1%",
        "learning_rate 1e-05",
        "starts.resnet resmem.published",
        "mirror no",
        "my run/best.safetensors' --out scores.csv",
        "memnet train --preset resmem",
        "d" * 64,
    ):
        assert part in page.text, part
    frozen = re.search(r"resnet resmem\.published .{0,40} frozen lamem, memcat", page.text)
    assert frozen
    assert "head random trained none of memorability" in page.text
    assert "convolutions random trained not stated" in page.text


def test_contaminated_validation_figures_are_called_so_first_and_beside_each(page):
    why = "Its resnet began from weights that were trained on memcat."
    first = page.text.index("Read this first")
    assert first < page.text.index(why) < page.text.index("At a glance")
    glance = page.text[page.text.index("At a glance Contamination") :]
    assert f"Contamination of the validation values: contaminated. {why}" in glance
    start = "Validation, at the start 100 .0200 contaminated 0.0600 contaminated epoch 0"
    best = "whose weights were kept 100 .612 contaminated 0.0150 contaminated epoch 3, step 30"
    assert start in glance
    assert best in glance


def test_the_test_part_has_its_interval_and_its_own_contamination(page, record):
    rho, mse = record.result("spearman"), record.result("mse")
    for result in (rho, mse):
        assert f"{' '.join(result_texts(result))} contaminated" in page.text
    assert record.models[0]["contamination_why"] in page.text


def test_a_clean_run_has_nothing_to_be_read_first(tmp_path):
    run = run_json()
    run["data"] |= {"contamination": "clean", "contamination_why": "Nothing has seen them."}
    text = Page(write_run_page(write_run(tmp_path, run))).text
    assert "Read this first" not in text
    assert "Contamination of the validation values: clean. Nothing has seen them." in text
    assert "Test not scored 120" in text


def test_a_run_that_does_not_say_whether_it_is_contaminated_is_unknown(tmp_path):
    run = run_json()
    del run["data"]["contamination"], run["data"]["contamination_why"]
    text = Page(write_run_page(write_run(tmp_path, run))).text
    assert "Contamination of the validation values: unknown." in text
    assert "100 .612 unknown" in text


@pytest.mark.parametrize(
    ("status", "verb"), [("failed", "failed"), ("interrupted", "was interrupted")]
)
def test_a_run_that_did_not_end_says_so_at_the_top(tmp_path, status, verb):
    run = run_json(status=status, message="The loss became NaN at step 12.", best=None)
    folder = write_run(tmp_path, run, [])
    (folder / "best.safetensors").unlink()
    (folder / "curves.csv").unlink()
    page = Page(write_run_page(folder))
    top = page.text[: page.text.index("At a glance")]
    assert f"This run {verb}: The loss became NaN at step 12. What is shown" in top
    assert "Nothing was validated yet." in page.text
    assert "no best.safetensors" in page.text
    assert "memnet score" not in page.text
    assert page.sources == []


def test_nan_in_the_curves_is_undefined_and_draws_no_figure(tmp_path):
    nan = [{**rows([None])[0], "val_loss": float("nan")}]
    folder = write_run(tmp_path, run_json(status="failed", best=None), nan)
    assert read_curves(folder)[0]["val_loss"] is None
    assert not drawable(read_curves(folder))
    page = Page(write_run_page(folder))
    assert page.sources == []
    assert "Validation, at the start 100 undefined contaminated undefined contaminated" in page.text


def test_many_warnings_are_all_there_and_each_once(tmp_path):
    warnings = [f"picture {i:02d} cannot be read" for i in range(30)] * 2
    text = Page(write_run_page(write_run(tmp_path, run_json(warnings=warnings)))).text
    assert all(text.count(warning) == 1 for warning in warnings)
    assert "21 more" in text  # 30 and the contamination, of which ten are shown


def test_what_a_run_folder_says_is_never_taken_for_markup(tmp_path):
    run = run_json(preset="<b>x</b>", warnings=["<script>alert(1)</script>"])
    html = write_run_page(write_run(tmp_path, run)).read_text(encoding="utf-8")
    assert "<script>alert" not in html  # only that of the folding
    assert "<b>" not in html


def test_hundreds_of_validations_are_left_to_the_file(tmp_path):
    page = Page(write_run_page(write_run(tmp_path, curves=rows([0.1] * 200))))
    assert "All 200 validations are in curves.csv." in page.text


@pytest.mark.parametrize("line", ["1,2", "1" + ",x" * (len(COLUMNS) - 1), ",".join("1" * 20)])
def test_damaged_curves_are_refused_in_a_sentence(tmp_path, line):
    folder = write_run(tmp_path)
    with (folder / "curves.csv").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(MemnetError, match=r"curves\.csv is damaged"):
        write_run_page(folder)


def test_a_page_that_cannot_be_written_is_told_in_a_sentence(tmp_path):
    folder = write_run(tmp_path)
    (folder / "figures").write_text("a file where the folder should be")
    with pytest.raises(MemnetError, match=r"figures/.* cannot be written \("):
        write_run_page(folder)


def table_rows(path: Path) -> Sequence[list[str]]:
    body = path.read_text(encoding="utf-8").split("<tbody>")[1]
    found = re.findall(r"<tr>(.*?)</tr>", body, re.S)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in found]
    return [[re.sub("<[^>]+>", "", cell).strip() for cell in row] for row in cells]


def test_the_page_of_a_search_lists_every_run_the_highest_value_first(tmp_path):
    folder = write_run(tmp_path / "runs" / "a b")
    write_run_page(folder)
    path = write_search_page(tmp_path, trials(folder))
    listed = table_rows(path)
    assert [row[0] for row in listed] == ["run 2", "run 0 best", "run 1", "run 3", "run 4"]
    assert listed[0][1:6] == ["pruned", ".900", "2", "10", "0.5"]
    assert listed[4][1:5] == ["failed", "", "2", ""]
    page = Page(path)
    assert "5 runs: 2 complete, 1 pruned, 2 failed" in page.text
    assert CHOSEN in page.text
    assert page.text.count("Its resnet began from weights that were trained on memcat.") == 1
    assert {link for link in page.links if link[0] != "#"} == {"runs/a%20b/report.html"}
    assert len(page.sources) == 2
    for name in ("search", "parameters"):
        assert (tmp_path / "figures" / f"{name}.svg").exists()
        assert (tmp_path / "figures" / f"{name}.png").exists()


def test_a_search_whose_only_run_goes_on_marks_no_best(tmp_path):
    running = {**trials()[0], "state": "running", "value": None}
    page = Page(write_search_page(tmp_path, [running]))
    assert "best" not in page.text.replace("Best at step", "")
    assert len(page.sources) == 1
    assert not (tmp_path / "figures" / "parameters.svg").exists()


def test_a_search_without_runs_or_with_an_unknown_state_is_refused(tmp_path):
    with pytest.raises(MemnetError, match="has no run yet"):
        write_search_page(tmp_path, [])
    with pytest.raises(MemnetError, match=r"no state of a search's run 'prune'.*'pruned'"):
        write_search_page(tmp_path, [{**trials()[0], "state": "prune"}])


def test_the_page_of_a_run_begins_with_what_the_network_reached(page, record, tmp_path):
    result = record.result("spearman")
    rho, interval = result_texts(result)
    told = f"The network of epoch 3 ranks {result.n} test pictures with rho {rho} {interval}; "
    assert told + "it was chosen by rho .61 on 100 validation pictures." in page.text
    assert page.text.index(told) < page.text.index("Read this first")
    untested = Page(write_run_page(write_run(tmp_path))).text
    assert "rho .61 on 100 validation pictures, by which it was chosen; it has not been" in untested


def test_the_page_of_a_search_begins_with_the_best_run(tmp_path):
    text = Page(write_search_page(tmp_path, trials())).text
    answer = "The best of 5 runs, run 0, reaches rho .50 on the validation part with learning_rate"
    assert text.index(answer) < text.index(CHOSEN)


def test_a_page_that_cannot_be_made_leaves_no_figure_behind(tmp_path, monkeypatch):
    """Half a result looks like a whole one to who opens the folder."""

    def fail(*what, **more):
        raise MemnetError("no page")

    run = write_run(tmp_path / "run")
    for module in ("training_page", "search_page"):
        monkeypatch.setattr(f"memnet.experiments.{module}.html_page", fail)
    with pytest.raises(MemnetError, match="no page"):
        write_run_page(run)
    assert not (run / "figures").exists()
    trial = {"number": 0, "state": "complete", "value": 0.6, "params": {"momentum": 0.9}}
    with pytest.raises(MemnetError, match="no page"):
        write_search_page(tmp_path, [{**trial, "folder": None, "curves": rows()}])
    assert not (tmp_path / "figures").exists()


def test_steps_are_counted_in_whole_numbers():
    few = [row | {"step": place} for place, row in enumerate(rows()[:3])]
    axes = draw_search([("run 1", {}, few, "complete")]).axes[0]
    ticks = axes.get_xticks()
    assert np.array_equal(ticks, np.round(ticks))


def test_settings_in_a_remark_of_table_1_are_words(tmp_path):
    run = run_json(preset="memnet", config={"preset": "memnet", "sizes": {"fc6": 8, "fc7": 9}})
    (remark, *_) = remarks_on_run("memnet.reimpl", run, {})
    assert remark == (
        "its settings are not those of the paper: sizes fc6 = 8, fc7 = 9 (the preset: its own)."
    )

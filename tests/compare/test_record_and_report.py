"""The record is strict JSON; the reports are pure functions of it and stand alone."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

import memnet
from memnet.compare.record import RunRecord
from memnet.compare.report import figures
from memnet.compare.report.render import html, markdown, write_report
from memnet.compare.stats.density import plot_data
from memnet.compare.stats.metrics import METRICS


@pytest.fixture(scope="module")
def record() -> RunRecord:
    random = np.random.default_rng(0)
    ids = [f"{number:03d}.jpg" for number in range(120)]
    truth = random.beta(6, 2, 120)
    tables = [
        pd.DataFrame({"image_id": ids, "score": scores, "model": model})
        for model, scores in {
            "resmem.published": 0.4 + 0.5 * truth,
            "my <model>": random.random(120),
            "constant": np.full(120, 0.5),
        }.items()
    ]
    return memnet.compare(
        pd.DataFrame({"image_id": ids, "hit_rate": truth}),
        tables,
        truth_column="hit_rate",
        dataset="memcat",
        resamples=200,
    )


def test_there_is_one_result_per_model_and_metric(record):
    assert len(record.results) == 3 * len(METRICS)
    assert {result.n for result in record.results} == {120}


def test_undefined_is_null_with_a_reason_and_never_nan(record):
    result = record.result("spearman", "constant")
    assert result.value is None
    assert result.interval is None
    assert "all equal" in result.reason

    def refuse(constant):
        raise AssertionError(f"{constant} in the JSON")

    plain = json.loads(record.to_json(), parse_constant=refuse)
    assert plain["schema_version"] == 1
    wanted = {"model", "variant", "dataset", "metric", "value", "n", "interval", "method", "seed"}
    assert wanted | {"contamination"} <= plain["results"][0].keys()


def test_contamination_stands_beside_every_number(record):
    words = {result.model: result.contamination for result in record.results}
    assert words == {
        "resmem.published": "contaminated",
        "my <model>": "unknown",
        "constant": "unknown",
    }
    page = html(record)
    assert page.count('class="word contaminated"') == 1 + len(METRICS)


@pytest.mark.parametrize(
    ("dataset", "word"),
    [
        ("memcat", "contaminated"),
        ("LaMem", "contaminated"),
        ("scenes375", "clean"),
        ("my-faces", "possibly"),
        ("", "unknown"),
    ],
)
def test_contamination_is_decided_by_data_set(dataset, word):
    table = pd.DataFrame({"image_id": list("abc"), "score": [0.1, 0.2, 0.4]})
    found = memnet.compare(
        table.rename(columns={"score": "truth"}),
        table.assign(model="resmem.published"),
        truth_column="truth",
        dataset=dataset,
        resamples=10,
    )
    assert {result.contamination for result in found.results} == {word}


def test_a_saved_record_renders_to_the_same_bytes(record, tmp_path):
    write_report(record, tmp_path / "one")
    write_report(RunRecord.read(tmp_path / "one" / "record.json"), tmp_path / "two")
    names = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert len(names) == 3 + 3 * 2 * 2
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_page_needs_nothing_from_outside(record):
    page = html(record)
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)""", page)
    assert "@import" not in page
    assert "url(" not in page
    assert page.count("data:image/svg+xml") == 6
    assert "<script" not in page


def test_names_from_data_are_escaped(record):
    page = html(record)
    assert "my <model>" not in page
    assert "my &lt;model&gt;" in page


def test_the_density_plot_is_blue_truth_and_orange_predictions_of_area_one(record):
    data = record.plots["resmem.published"]
    step = data["grid"][1] - data["grid"][0]
    for key in ("truth_density", "prediction_density"):
        assert sum(data[key]) * step == pytest.approx(1, abs=2e-3)
    axes = figures.figures(record)["density_resmem.published"].axes[0]
    colours = {line.get_label().split(" ")[0]: line.get_color() for line in axes.get_lines()}
    assert colours == {"human": "#0072B2", "predictions": "#D55E00"}
    peak = data["grid"][int(np.argmax(data["prediction_density"]))]
    drawn = axes.get_lines()[1]
    assert drawn.get_xdata()[int(np.argmax(drawn.get_ydata()))] == peak


def test_the_scatter_plot_has_predictions_across_and_truth_up(record):
    axes = figures.figures(record)["scatter_resmem.published"].axes[0]
    points = axes.collections[0].get_offsets()
    data = record.plots["resmem.published"]
    assert points[:, 0].tolist() == data["prediction_points"]
    assert points[:, 1].tolist() == data["truth_points"]
    assert "120" in axes.get_title(loc="right")


def test_svg_figures_are_well_formed_and_dateless(record):
    for figure in figures.figures(record).values():
        svg = figures.to_bytes(figure, "svg")
        assert ElementTree.fromstring(svg).tag.endswith("svg")
        assert b"dc:date" not in svg


def test_models_whose_names_look_alike_get_figures_of_their_own(record):
    plots = {"a/b": record.plots["constant"], "a b": record.plots["constant"]}
    changed = RunRecord(**{**record.__dict__, "plots": plots})
    names = [name for group in figures.figure_names(changed).values() for name in group]
    assert len(set(names)) == 4


def test_only_2000_points_are_drawn_of_many_and_that_is_said():
    values = np.random.default_rng(0).random(5000)
    data = plot_data(values, values[::-1].copy(), seed=1)
    assert len(data["truth_points"]) == len(data["prediction_points"]) == 2000
    assert data["n"] == 5000
    pairs = set(zip(values.round(6), values[::-1].round(6), strict=True))
    drawn = zip(data["truth_points"], data["prediction_points"], strict=True)
    assert all(pair in pairs for pair in drawn)  # truth and prediction of the same pictures


def test_markdown_has_every_number(record):
    text = markdown(record)
    for result in record.results:
        assert (f"{result.value:.6f}" if result.value is not None else "undefined") in text
    assert "![density_resmem.published](figures/density_resmem.published.png)" in text


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema_version": 99}', '{"schema_version": 1}']
)
def test_what_is_no_record_is_refused(text):
    with pytest.raises(memnet.MemnetError):
        RunRecord.from_json(text)

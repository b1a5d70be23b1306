"""What the figures draw is what the record says, labelled, readable and never cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

import memnet
from memnet.compare.record import RunRecord
from memnet.compare.report import figures, style
from memnet.compare.report.page import html_page
from memnet.compare.report.shared_figures import draw_forest
from memnet.compare.report.style import styled
from memnet.stats.plot_data import GRID, density_on, plot_data

GOLDEN = Path(__file__).parents[1] / "golden" / "record_v1.json"
LONG = (
    "w" * 90,
    "results/2024-06-01/resnet50-finetuned-on-lamem/epoch=37-step=123456.ckpt (EMA, seed 2022)",
    "cost $x_1$ of 模型\t<b>",
)


def compared(
    models: dict[str, object], *, n: int = 120, scale: float = 1, counts: bool = True, **more: str
) -> RunRecord:
    """Compare models that are ``function(true score, random) -> prediction``."""
    random = np.random.default_rng(0)
    ids = [f"{number:04d}.jpg" for number in range(n)]
    score = random.beta(6, 2, n)
    responses = random.integers(70, 120, n)
    hits = random.binomial(responses, score)
    truth = pd.DataFrame(
        {
            "image_id": ids,
            "hit_rate": scale * hits / responses,
            "hits": hits,
            "responses": responses,
        }
    )
    tables = [
        pd.DataFrame({"image_id": ids, "model": name, "score": scale * predict(score, random)})
        for name, predict in models.items()
    ]
    if counts:
        more |= {"hits_column": "hits", "responses_column": "responses"}
    return memnet.compare(truth, tables, truth_column="hit_rate", resamples=200, **more)


def noisy(size: float):
    return lambda score, random: np.clip(score + random.normal(0, size, len(score)), 0, 1)


@pytest.fixture(scope="module")
def record() -> RunRecord:
    return compared(
        {
            "resmem.published": lambda score, random: 0.4 + 0.5 * score,
            "my <model>": noisy(0.2),
            "constant": lambda score, random: np.full(len(score), 0.5),
            "middling": noisy(0.1),
        },
        dataset="memcat",
    )


@pytest.fixture(scope="module")
def drawn(record) -> dict[str, Figure]:
    return figures.figures(record)


def shared_only(record: RunRecord) -> RunRecord:
    """Leave out what single models' figures draw, to save time."""
    return replace(record, plots={model: {} for model in record.plots})


def labelled(axes) -> dict[str, object]:
    handles, labels = axes.get_legend_handles_labels()
    return {
        label.split(":")[0].replace("\n", " "): h for h, label in zip(handles, labels, strict=True)
    }


def test_every_figure_has_a_name_and_a_caption(record, drawn):
    kinds = ("density", "scatter", "calibration", "residuals", "quantiles")
    names = figures.figure_names(record)
    assert names["my <model>"] == [f"{kind}_my_model" for kind in kinds]
    shared = figures.shared_figure_names(record)
    assert shared == ["forest_spearman", "differences_spearman"]
    everything = [*shared, *(name for group in names.values() for name in group)]
    captions = figures.captions(record)
    assert list(drawn) == list(captions) == everything
    assert len(set(everything)) == 2 + 4 * 5
    for name, caption in captions.items():
        assert caption.endswith(".")
        assert "\n" not in caption
        if name.startswith("residuals"):
            assert "slope down even for a perfect predictor" in caption


def test_every_figure_says_of_how_many_pictures_of_what_it_is(drawn):
    for figure in drawn.values():
        assert "n = 120 pictures of memcat" in figure.get_suptitle()


def test_contamination_stands_beside_the_name_in_every_figure(drawn):
    for kind in ("density", "scatter", "calibration", "residuals", "quantiles"):
        title = drawn[f"{kind}_resmem.published"].get_suptitle()
        assert title.startswith("resmem.published (contaminated)")
    for name in ("forest_spearman", "differences_spearman"):
        axes = drawn[name].axes[0]
        texts = " ".join(t.get_text() for t in [*axes.get_yticklabels(), *axes.get_xticklabels()])
        assert texts.replace("\n", " ").count("resmem.published (contaminated)") == 1


def test_the_density_plot_is_blue_truth_and_orange_predictions_of_area_one(record, drawn):
    data = record.plots["resmem.published"]
    step = data["grid"][1] - data["grid"][0]
    lines = drawn["density_resmem.published"].axes[0].get_lines()
    assert [to_hex(line.get_color()).upper() for line in lines[:2]] == ["#0072B2", "#D55E00"]
    assert [line.get_linestyle() for line in lines] == ["-", "--", ":"]
    keys = ("truth_density", "prediction_density", "noisy_density")
    for line, key in zip(lines, keys, strict=True):
        assert line.get_xdata().tolist() == data["grid"]
        assert line.get_ydata().tolist() == data[key]
        assert sum(line.get_ydata()) * step == pytest.approx(1, abs=2e-3)
    assert "noise" in lines[2].get_label()
    red, green, blue = mpl.colors.to_rgb(lines[2].get_color())
    assert red == green == blue


def test_predictions_that_are_all_equal_are_a_line_where_they_are(drawn):
    lines = labelled(drawn["density_constant"].axes[0])
    assert list(lines["predictions"].get_xdata()) == [0.5, 0.5]


def test_the_scatter_plot_has_predictions_across_and_truth_up(record, drawn):
    axes = drawn["scatter_resmem.published"].axes[0]
    points = axes.collections[0].get_offsets()
    data = record.plots["resmem.published"]
    assert points[:, 0].tolist() == data["prediction_points"]
    assert points[:, 1].tolist() == data["truth_points"]
    assert axes.get_xlabel() == "prediction"
    assert axes.get_ylabel() == "human score (hit_rate)"
    assert axes.get_xlim() == axes.get_ylim() == (0, 1)


def test_the_recalibration_line_is_the_regression_of_truth_on_predictions(record, drawn):
    data = record.plots["my <model>"]
    line = labelled(drawn["scatter_my_model"].axes[0])["recalibration"]
    (x0, x1), (y0, y1) = line.get_xdata(), line.get_ydata()
    slope, intercept = np.polyfit(data["prediction_points"], data["truth_points"], 1)
    assert (y1 - y0) / (x1 - x0) == pytest.approx(slope, abs=1e-4)  # the points have six digits
    assert y0 - slope * x0 == pytest.approx(intercept, abs=1e-4)
    assert [x0, x1] == [min(data["prediction_points"]), max(data["prediction_points"])]
    assert 0.1 < slope < 0.9  # the other regression, of predictions on truth, is not this one
    assert "recalibration" not in labelled(drawn["scatter_constant"].axes[0])


@pytest.mark.parametrize("kind", ["scatter", "calibration", "quantiles"])
def test_the_identity_line_is_dotted_and_other_lines_are_not(drawn, kind):
    lines = labelled(drawn[f"{kind}_my_model"].axes[0])
    identity = lines.pop("prediction = human score")
    assert list(identity.get_xdata()) == list(identity.get_ydata()) == [0, 1]
    assert identity.get_linestyle() == ":"
    assert all(getattr(line, "get_linestyle", lambda: "")() != ":" for line in lines.values())


@pytest.mark.parametrize(
    ("kind", "key"), [("calibration", "by_prediction"), ("residuals", "by_truth")]
)
def test_means_and_their_bars_are_those_of_the_record(record, drawn, kind, key):
    parts = record.plots["my <model>"][key]
    assert len(parts) > 5
    (bars,) = drawn[f"{kind}_my_model"].axes[0].containers
    means, _, (segments,) = bars.lines
    assert means.get_xdata().tolist() == [part["x"] for part in parts]
    assert means.get_ydata().tolist() == [part["y"] for part in parts]
    ends = [segment[:, 1].tolist() for segment in segments.get_segments()]
    np.testing.assert_allclose(ends, [[part["low"], part["high"]] for part in parts], atol=1e-9)


def two_models(factor: float) -> RunRecord:
    """A model on the human scores' scale beside one of other units."""
    other = noisy(0.1)
    return compared(
        {"a": noisy(0.1), "b": lambda score, random: factor * other(score, random) + 0.3},
        counts=False,
    )


@pytest.mark.parametrize("kind", ["scatter", "calibration", "quantiles"])
def test_models_of_one_comparison_have_the_same_axes(kind):
    found = two_models(1.2)
    drawn = figures.figures(found)
    ends = {drawn[f"{kind}_{model}"].axes[0].get_xlim() for model in "ab"}
    assert len(ends) == 1
    assert ends.pop()[1] > 1.2  # of the one whose predictions reach beyond 1
    assert "axes" not in figures.captions(found)["scatter_a"]


def test_models_on_other_scales_have_their_own_axes_and_the_caption_says_so():
    found = two_models(100)
    drawn = figures.figures(found)
    assert drawn["scatter_a"].axes[0].get_xlim() == (0, 1)
    assert drawn["scatter_b"].axes[0].get_xlim()[1] > 50
    assert "axes are this model's own" in figures.captions(found)["scatter_a"]


def test_residuals_are_prediction_minus_truth_against_truth(record, drawn):
    data = record.plots["resmem.published"]
    axes = drawn["residuals_resmem.published"].axes[0]
    truth, residual = axes.collections[0].get_offsets().T
    assert truth.tolist() == data["truth_points"]
    np.testing.assert_allclose(truth + residual, data["prediction_points"], atol=1e-9)
    assert list(labelled(axes)["prediction = human score"].get_ydata()) == [0, 0]


def test_quantiles_are_predictions_across_and_truth_up(record, drawn):
    data = record.plots["my <model>"]
    lines = labelled(drawn["quantiles_my_model"].axes[0])
    for name, step in (("percentiles 0 to 100", 1), ("every tenth", 10)):
        assert list(lines[name].get_xdata()) == data["prediction_quantiles"][::step]
        assert list(lines[name].get_ydata()) == data["truth_quantiles"][::step]
    assert len(lines["every tenth"].get_xdata()) == 11


def test_the_forest_plot_ranks_models_and_draws_their_intervals(record, drawn):
    axes = drawn["forest_spearman"].axes[0]
    order = [label.get_text().split("(")[0].strip() for label in axes.get_yticklabels()]
    assert order == ["resmem.published", "middling", "my <model>", "constant"]
    assert axes.yaxis_inverted()  # the first is on top
    marks = [line for line in axes.get_lines() if line.get_gid() == "value"]
    bars = [line for line in axes.get_lines() if line.get_gid() == "interval"]
    for place, (model, mark, bar) in enumerate(zip(order, marks, bars, strict=False)):
        result = record.result("spearman", model)
        assert list(mark.get_xdata()) == [result.value]
        assert list(bar.get_xdata()) == result.interval
        assert list(mark.get_ydata()) == [place]
        assert list(bar.get_ydata()) == [place, place]
    assert len(marks) == len(bars) == 3
    (undefined,) = [text for text in axes.texts if text.get_text() == "undefined"]
    assert undefined.get_position()[1] == 3
    assert marks[0].get_marker() != marks[1].get_marker()  # contaminated or not, also in grey


def test_the_ceiling_is_where_the_record_says_and_names_its_source(record, drawn):
    known = record.labels["figures"]["ceiling_spearman"]
    axes = drawn["forest_spearman"].axes[0]
    (line,) = [line for line in axes.get_lines() if line.get_label().startswith("ceiling")]
    assert list(line.get_xdata()) == [known["value"]] * 2
    assert "from split halves" in line.get_label()
    (band,) = axes.patches
    assert [band.get_x(), band.get_x() + band.get_width()] == pytest.approx(known["interval"])
    assert "split halves" in figures.captions(record)["forest_spearman"]


def test_a_published_ceiling_has_no_band_but_a_source():
    found = compared({"a": noisy(0.1)}, counts=False, dataset="lamem:test:1")
    axes = figures.figures(found)["forest_spearman"].axes[0]
    (line,) = [line for line in axes.get_lines() if line.get_label().startswith("ceiling")]
    assert line.get_xdata()[0] == found.labels["figures"]["ceiling_spearman"]["value"]
    assert "published, Khosla et al. (2015)" in line.get_label()
    assert not axes.patches


def test_without_reliability_no_ceiling_is_drawn_and_that_is_said():
    found = compared({"a": noisy(0.1)}, counts=False)
    axes = figures.figures(found)["forest_spearman"].axes[0]
    assert not [line for line in axes.get_lines() if line.get_label().startswith("ceiling")]
    assert "a ceiling is not drawn" in figures.captions(found)["forest_spearman"]


def cells_of(figure: Figure) -> dict[tuple[int, int], tuple[str, object]]:
    """(row, column) -> its text and its patch."""
    axes = figure.axes[0]
    patches = {(round(p.get_y() + 0.5), round(p.get_x() + 0.5)): p for p in axes.patches}
    texts = {(text.get_position()[1], text.get_position()[0]): text for text in axes.texts}
    assert patches.keys() == texts.keys()
    return {place: (texts[place].get_text(), patches[place]) for place in patches}


def minus(value: float) -> str:
    return f"{value:.2f}".replace("0.", ".", 1).replace("-", "−")


def test_the_matrix_holds_column_minus_row_as_the_tables_first_minus_second(record, drawn):
    figure = drawn["differences_spearman"]
    models = list(record.plots)
    rows = [label.get_text().split(" (")[0] for label in figure.axes[0].get_yticklabels()]
    assert rows == models[1:]
    cells = cells_of(figure)
    assert cells.keys() == {(row, column) for row in range(3) for column in range(row + 1)}
    text, patch = cells[0, 0]  # resmem.published minus my <model>, which is worse
    value = record.value("spearman", "resmem.published") - record.value("spearman", "my <model>")
    assert value > 0.05
    assert text.startswith(minus(value))
    red, _, blue, _ = patch.get_facecolor()
    assert red < blue  # purple
    text, patch = cells[2, 1]  # my <model> minus middling, which is better
    value = record.value("spearman", "my <model>") - record.value("spearman", "middling")
    assert value < -0.05
    assert text.startswith(minus(value))
    red, _, blue, _ = patch.get_facecolor()
    assert red > blue  # orange
    columns = [label.get_text().split(" (")[0] for label in figure.axes[0].get_xticklabels()]
    assert columns[0].replace("\n", "").startswith(models[0])
    assert "the first minus the second" in figures.captions(record)["differences_spearman"]


def test_the_intervals_of_the_matrix_are_those_of_the_table(record, drawn):
    (row,) = [
        row
        for row in record.differences
        if (row.metric, row.model_a, row.model_b) == ("spearman", "my <model>", "middling")
    ]
    text, _ = cells_of(drawn["differences_spearman"])[2, 1]
    low, high = row.interval
    assert abs(low + high) > 0.02  # an interval about zero would look right either way
    assert f"[{minus(low)}, {minus(high)}]" in text


def test_a_star_marks_holm_corrected_p_below_5_percent_only(record):
    below = {0.049: "*", 0.05: "", 0.2: "", None: ""}
    for p_holm, star in below.items():
        rows = [replace(row, p_holm=p_holm, p_value=0.001) for row in record.differences]
        made = figures.figures(shared_only(replace(record, differences=rows)))
        figure = made["differences_spearman"]
        assert cells_of(figure)[2, 1][0].split("\n")[0].endswith("*") is bool(star)


def test_undefined_differences_are_hatched(drawn):
    for place, (text, patch) in cells_of(drawn["differences_spearman"]).items():
        undefined = place in {(1, 0), (1, 1), (2, 2)}  # those with the constant
        assert (text == "undefined") is undefined
        assert bool(patch.get_hatch()) is undefined


def test_colours_of_the_matrix_are_even_about_zero(drawn):
    bar = drawn["differences_spearman"].axes[1]
    low, high = bar.get_ylim()
    assert low == -high


def test_svg_figures_are_well_formed_and_dateless(drawn):
    for figure in drawn.values():
        svg = figures.to_bytes(figure, "svg")
        assert ElementTree.fromstring(svg).tag.endswith("svg")
        assert b"dc:date" not in svg


def test_the_same_record_gives_the_same_bytes_whatever_the_users_settings(record):
    again = RunRecord.from_json(record.to_json())
    small = {"resmem.published": record.plots["resmem.published"]}
    once, twice = (figures.figures(replace(r, plots=small)) for r in (record, again))
    with mpl.rc_context({"lines.linewidth": 7, "font.size": 20, "axes.grid": True}):
        third = figures.figures(replace(record, plots=small))
        for name, figure in once.items():
            assert figures.to_bytes(figure, "svg") == figures.to_bytes(third[name], "svg")
    for name, figure in once.items():
        for kind in ("svg", "png"):
            first = figures.to_bytes(figure, kind)
            assert first == figures.to_bytes(twice[name], kind)
            assert first == figures.to_bytes(figure, kind)  # laid out twice, drawn the same


def test_models_whose_names_look_alike_get_figures_of_their_own(record):
    data = record.plots["constant"]
    names = ("a/b", "a b", "A_B", "x" * 300, "x" * 301, "模")
    found = figures.figure_names(replace(record, plots=dict.fromkeys(names, data)))
    every = [name for group in found.values() for name in group]
    assert len({name.lower() for name in every}) == len(names) * 5
    assert max(map(len, every)) < 200


def test_only_2000_points_are_drawn_of_many_and_that_is_said(record):
    values = np.random.default_rng(0).random(5000)
    data = plot_data(values, values[::-1].copy(), seed=1)
    assert len(data["truth_points"]) == len(data["prediction_points"]) == 2000
    assert data["n"] == 5000
    pairs = set(zip(values.round(6), values[::-1].round(6), strict=True))
    points = zip(data["truth_points"], data["prediction_points"], strict=True)
    assert all(pair in pairs for pair in points)  # truth and prediction of the same pictures
    made = figures.figures(replace(record, plots={"constant": data}))
    for kind in ("scatter", "residuals"):
        title = made[f"{kind}_constant"].get_suptitle()
        assert "n = 5,000 pictures of memcat, 2,000 of them drawn" in title
    assert "drawn" not in made["density_constant"].get_suptitle()


def test_a_record_of_the_first_version_has_the_figures_it_suffices_for():
    old = RunRecord.read(GOLDEN)
    assert figures.figure_names(old) == {
        "resmem.published": ["density_resmem.published", "scatter_resmem.published"]
    }
    assert figures.shared_figure_names(old) == ["forest_spearman"]
    made = figures.figures(old)
    assert list(made) == list(figures.captions(old))
    assert len(made["density_resmem.published"].axes[0].get_lines()) == 2


def test_data_that_are_missing_leave_out_just_their_figure(record):
    for key, kind in (
        ("by_prediction", "calibration"),
        ("by_truth", "residuals"),
        ("truth_quantiles", "quantiles"),
    ):
        data = {k: v for k, v in record.plots["middling"].items() if k != key}
        (names,) = figures.figure_names(replace(record, plots={"middling": data})).values()
        assert len(names) == 4
        assert f"{kind}_middling" not in names


@pytest.mark.parametrize("n", [1, 3])
def test_a_few_pictures_are_drawn_too(n):
    found = compared({"a": noisy(0.1), "b": noisy(0.3)}, n=n)
    made = figures.figures(found)
    assert ("forest_spearman" in made) is (n > 1)  # of one picture there is no correlation
    for figure in made.values():
        assert f"n = {n} picture" in figure.get_suptitle()
        figures.to_bytes(figure, "png")
    if n == 1:
        (mean,) = [
            line
            for line in made["calibration_a"].axes[0].get_lines()
            if "single" in line.get_label()
        ]
        assert mean.get_markerfacecolor() == "white"


@pytest.mark.parametrize(("scale", "lowest", "highest"), [(100, -10, 140), (-3, -4, 0.5)])
def test_scores_beyond_0_and_1_lie_within_the_axes(scale, lowest, highest):
    found = compared({"a": noisy(0.1)}, scale=scale, counts=False)
    data = found.plots["a"]
    for name, figure in figures.figures(found).items():
        if name.startswith(("scatter", "calibration", "quantiles", "density")):
            low, high = figure.axes[0].get_xlim()
            assert lowest < low < min(data["prediction_points"])
            assert max(data["prediction_points"]) < high < highest


def visible(figure: Figure) -> list[Text]:
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not low <= tick.get_loc() <= high:  # matplotlib does not draw these
                    hidden |= {tick.label1, tick.label2}
    return [text for text in texts if text not in hidden]


@pytest.mark.parametrize("count", [1, 3, 12])
def test_no_text_is_cut_or_small_or_left_out_however_long_the_names(count):
    models = [f"{name}{number}" for number in range(4) for name in LONG][:count]
    found = compared({model: noisy(0.1) for model in models}, dataset="my-own-faces", n=40)
    if count > 3:  # the figures of single models were seen with fewer
        found = shared_only(found)
    made = figures.figures(found)
    assert len(made) == (count * 5 if count <= 3 else 0) + (1 if count == 1 else 2)
    for name, figure in made.items():
        with styled():
            figure.draw_without_rendering()
        around = figure.bbox
        texts = visible(figure)
        for text in texts:
            box = text.get_window_extent()
            assert around.x0 - 1 <= box.x0 <= box.x1 <= around.x1 + 1, (name, text.get_text())
            assert around.y0 - 1 <= box.y0 <= box.y1 <= around.y1 + 1, (name, text.get_text())
            assert text.get_fontsize() >= 8
        for legend in figure.legends:
            assert legend.get_window_extent().y1 <= figure.axes[0].get_window_extent().y0
        said = "".join("".join(text.get_text().split()) for text in texts)
        if name == "forest_spearman":
            assert "w" * 90 in said
            if count > 2:
                assert "cost$x_1$of\\u6a21\\u578b\\t<b>0" in said


def test_scores_close_together_are_drawn_on_a_scale_of_their_own(record):
    """All between 0.0002 and 0.0004: on an axis from 0 to 1, with six decimals, they are a dot."""
    truth = 3e-4 + 1e-4 * np.sin(np.arange(40.0))
    data = plot_data(truth, truth[::-1].copy(), seed=1)
    assert np.allclose(data["truth_points"], truth, rtol=0, atol=1e-8)
    assert len({part["x"] for part in data["by_truth"]}) == 8
    assert np.ptp(data["grid"]) == pytest.approx(1.5 * np.ptp(truth), rel=1e-3)
    area = sum(data["truth_density"]) * (data["grid"][1] - data["grid"][0])
    assert area == pytest.approx(1, abs=0.05)
    (made,) = (figures.MODEL_FIGURES["scatter"].draw("constant", data, record),)
    low, high = made.axes[0].get_xlim()
    assert high - low < 3e-4


def test_densities_of_a_wide_scale_keep_their_digits():
    truth = np.linspace(0, 1e7, 50)
    curve = plot_data(truth, truth, seed=1)["truth_density"]
    assert len(set(curve)) > 100


def test_the_numbers_of_ordinary_scores_are_rounded_to_six_decimals():
    random = np.random.default_rng(5)
    truth, prediction = random.beta(6, 2, 300), 0.7 + 0.0025 * random.normal(size=300)
    data = plot_data(truth, prediction, seed=1)
    assert data["grid"] == GRID.round(6).tolist()
    assert data["truth_points"] == [round(value, 6) for value in truth.tolist()]
    assert data["prediction_points"] == [round(value, 6) for value in prediction.tolist()]
    curve = density_on(prediction, GRID)
    assert data["prediction_density"] == [round(value, 6) for value in curve.tolist()]
    parts = [value for part in data["by_prediction"] for value in part.values()]
    assert parts == [round(value, 6) for value in parts]


def test_a_name_of_many_letters_is_measured_in_time_that_grows_with_it(monkeypatch):
    measured = []
    real = style.width_of.__wrapped__

    def width_of(text, size=9):
        measured.append(len(text))
        return real(text, size)

    monkeypatch.setattr(style, "width_of", width_of)
    lines = style.wrapped("a" * 3000, 190).split("\n")
    assert "".join(lines) == "a" * 3000
    assert len({len(line) for line in lines[:-1]}) == 1
    assert real(lines[0], 9) <= 190 < real(lines[0] + "a", 9)
    assert sum(measured) < 30 * 3000


def test_a_forest_of_values_that_differ_by_rounding_has_an_axis(record):
    first = record.result("spearman", "constant")
    rows = [replace(first, value=value, interval=[1.0, 1.0]) for value in (1.0, 1 - 1e-16)]
    low, high = draw_forest(replace(record, results=rows, labels={})).axes[0].get_xlim()
    assert (low, high) == (pytest.approx(0.9), 1)


def test_figures_of_one_row_have_one_size_and_letters_that_a_telephone_shows(drawn):
    """At 390 pixels, 358 of which a page uses, no letter may be smaller than 7 points."""
    sizes = {tuple(figure.get_size_inches()) for name, figure in drawn.items() if "forest" in name}
    of_models = {
        tuple(figure.get_size_inches()) for name, figure in drawn.items() if "spearman" not in name
    }
    assert len(of_models) == 1
    for width, _ in of_models | sizes:
        shrunk = min(1, 358 * 0.75 / (72 * width))
        assert shrunk * style.SMALL >= 7


def test_wide_figures_are_shrunk_until_their_letters_have_seven_points_and_then_scroll(drawn):
    svg = figures.to_bytes(drawn["differences_spearman"], "svg")
    width = 72 * drawn["differences_spearman"].get_figwidth()
    assert width > 302
    page = html_page("![a](f)\n", title="a", images={"f": svg})
    assert f'style="min-width: {7 / 8 * width:.0f}pt"></div>' in page
    small = figures.to_bytes(drawn["forest_spearman"], "svg")
    assert (
        "min-width:" not in html_page("![a](f)\n", title="a", images={"f": small}).split("<body")[1]
    )


def test_points_are_larger_and_darker_the_more_people_answered():
    found = compared({"a": noisy(0.1)}, n=60)
    answers = found.plots["a"]["responses_points"]
    (made,) = (figures.MODEL_FIGURES["scatter"].draw("a", found.plots["a"], found),)
    points = made.axes[0].collections[0]
    order = np.argsort(answers)
    for drawn_by_answers in (points.get_sizes(), points.get_alpha()):
        assert (np.diff(np.asarray(drawn_by_answers)[order]) >= 0).all()
        assert drawn_by_answers[order[0]] < drawn_by_answers[order[-1]]
    (label,) = (text for text in labelled(made.axes[0]) if text.startswith("pictures"))
    assert label == "pictures; larger, darker"
    assert "the more people answered" in figures.captions(found)["scatter_a"]


@pytest.mark.parametrize(("n", "darkness"), [(40, 0.85), (2000, 0.32)])
def test_few_points_are_darker_than_many(n, darkness, record):
    values = np.random.default_rng(0).random(n)
    data = plot_data(values, values[::-1].copy(), seed=1)
    assert "responses_points" not in data
    made = figures.MODEL_FIGURES["scatter"].draw("constant", data, record)
    assert made.axes[0].collections[0].get_alpha() == pytest.approx(darkness)

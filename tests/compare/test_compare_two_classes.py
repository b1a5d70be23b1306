"""Comparisons whose human scores are two classes: record, report, files."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import memnet
from memnet.compare.record import RunRecord
from memnet.compare.report.answer import write_answer, write_threats
from memnet.compare.report.contact_sheet import ContactSheet, sheet_markdown
from memnet.compare.report.files import table_files
from memnet.compare.report.findings import write_findings
from memnet.compare.report.glossary import glossary
from memnet.compare.report.render import html, markdown
from memnet.compare.report.roc_figure import roc_points
from memnet.compare.report.shared_figures import SHARED_FIGURES
from memnet.compare.report.summary import spreads
from memnet.compare.report.to_paste import methods_text, results_text
from memnet.errors import MemnetError
from memnet.stats.metrics import auc, delong, delong_test

N = 120
IDS = [f"{number}.jpg" for number in range(N)]
GENERATOR = np.random.default_rng(4)
CLASSES = (GENERATOR.random(N) < 0.4).astype(int)
PREDICTIONS = {
    "good": np.clip(0.6 + 0.12 * CLASSES + 0.1 * GENERATOR.normal(size=N), 0, 1),
    "weak": np.clip(0.6 + 0.03 * CLASSES + 0.1 * GENERATOR.normal(size=N), 0, 1),
}


def compared(column, *, models=("good", "weak"), **more):
    truth = pd.DataFrame({"image_id": IDS, "class": column, "hits": 8, "of": 10, "group": "x"})
    truth.loc[: N // 2, "group"] = "y"
    scores = {name: pd.DataFrame({"image_id": IDS, "score": PREDICTIONS[name]}) for name in models}
    settings = {"truth_column": "class", "resamples": 200} | more
    return memnet.compare(truth, scores, **settings)


@pytest.fixture(scope="module")
def record():
    return compared(np.where(CLASSES == 1, "H", "L"), positive="H")


def test_words_and_zeros_and_ones_give_the_same(record):
    numbers = compared(CLASSES)
    assert [(r.metric, r.value, r.interval) for r in record.results] == [
        (r.metric, r.value, r.interval) for r in numbers.results
    ]
    assert numbers.truth["classes"] == {
        "positive": "1", "negative": "0",
        "positives": int(CLASSES.sum()), "negatives": N - int(CLASSES.sum()),
    }  # fmt: skip
    assert record.truth["classes"]["positive"] == "H"
    reverse = compared(CLASSES, positive="0", models=["good"])
    assert reverse.value("auc") == pytest.approx(1 - record.value("auc", "good"), abs=1e-12)
    # 1 and 2 are codes of classes, too, once it is said which is which.
    codes = compared(CLASSES + 1, positive="2", models=["good"])
    assert codes.value("auc") == record.value("auc", "good")


def test_auc_has_delongs_interval_and_a_bootstrap_interval_beside(record):
    result = record.result("auc", "good")
    expected = delong(CLASSES, PREDICTIONS["good"])
    assert result.value == pytest.approx(expected.value, abs=1e-12)
    assert result.interval == pytest.approx([expected.low, expected.high], abs=1e-12)
    assert result.method == "DeLong"
    beside = record.result("auc_bootstrap", "good")
    assert beside.value == result.value
    assert beside.method == "paired percentile bootstrap"
    assert beside.interval != result.interval


def test_whole_clusters_have_no_delong():
    """Pictures of a cluster are not independent, as DeLong supposes."""
    groups = np.repeat(np.arange(12), N // 12).astype(str)
    truth = pd.DataFrame({"image_id": IDS, "class": CLASSES, "group": groups})
    scores = {
        name: pd.DataFrame({"image_id": IDS, "score": values})
        for name, values in PREDICTIONS.items()
    }
    record = memnet.compare(
        truth, scores, truth_column="class", clusters_column="group", resamples=100
    )
    assert record.result("auc", "good").method == "paired percentile bootstrap, whole clusters"
    (row,) = record.differences
    assert row.tests == {}


def test_two_models_are_compared_by_auc_with_delongs_test(record):
    (row,) = record.differences
    assert row.metric == "auc"
    good, weak = PREDICTIONS["good"], PREDICTIONS["weak"]
    assert row.value == pytest.approx(auc(CLASSES, good) - auc(CLASSES, weak), abs=1e-12)
    assert row.tests["delong"] == pytest.approx(delong_test(CLASSES, good, weak), abs=1e-12)
    assert "delong_z" in table_files(record)["differences.csv"].splitlines()[0]


def test_what_means_nothing_against_classes_is_left_out_with_the_reason(record):
    for name in ("mse", "calibration_slope", "ks", "ks_noise_matched", "disattenuated_spearman"):
        result = record.result(name, "good")
        assert (result.value, result.interval) == (None, None)
        assert result.reason == "the human scores are two classes"
    assert record.value("spearman", "good") is not None
    text = markdown(record)
    assert "a class is no score" in text
    assert "Wasserstein" not in text
    assert "scores outside [0, 1]" not in text


def test_counts_are_not_used_and_that_is_said():
    record = compared(CLASSES, hits_column="hits", responses_column="of", models=["good"])
    assert "Hits and responses were not used: the human scores are two classes." in record.warnings


def test_scores_have_no_auc():
    record = compared(np.linspace(0.3, 0.9, N), models=["good"])
    assert all("auc" not in result.metric for result in record.results)
    assert "classes" not in record.truth
    assert "## Two classes" not in markdown(record)
    assert "delong" not in table_files(record)["differences.csv"]


def test_two_words_need_the_one_that_is_memorable():
    words = np.where(CLASSES == 1, "H", "L")
    with pytest.raises(MemnetError) as caught:
        compared(words)
    assert str(caught.value) == (
        "Column 'class' of the table given holds two classes, 'H' and 'L': say which of them is "
        "the memorable one (--positive H or --positive L)."
    )
    with pytest.raises(MemnetError, match=r"'H' and 'L', and --positive X is neither"):
        compared(words, positive="X")
    with pytest.raises(MemnetError, match="holds 120 different values"):
        compared(np.linspace(0.3, 0.9, N), positive="H")


def test_empty_cells_and_codes_of_missing_values_are_set_aside():
    column = np.where(CLASSES == 1, "1", "0").astype(object)
    column[3], column[4] = "", "-999"
    record = compared(column, positive="1", models=["good"])
    assert record.items["n"] == N - 2
    assert record.items["set_aside"] == 2


def test_one_class_alone_has_no_auc():
    column = np.where(CLASSES == 1, "H", "L")
    truth = pd.DataFrame({"image_id": IDS, "class": column})
    scores = pd.DataFrame({"image_id": IDS, "score": PREDICTIONS["good"]})[CLASSES == 1]
    record = memnet.compare(truth, scores, truth_column="class", positive="H", resamples=50)
    assert record.result("auc").reason == "all pictures are of one class"
    assert write_answer(record) == (
        "There is no answer: the AUC is undefined (all pictures are of one class)."
    )
    html(record)


def test_the_record_is_read_again(record):
    assert RunRecord.from_json(record.to_json()) == record


def test_the_report_begins_with_the_auc(record):
    answer = write_answer(record)
    assert answer.startswith("Of two pictures of different classes, good ranks the memorable one ")
    assert "chance is .50" in answer
    assert "good has a higher AUC than weak, AUC " in answer
    assert "DeLong p" in answer
    (counted,) = write_findings(record)
    assert counted.startswith("The human scores are two classes: ")
    assert "'H' (taken for the memorable ones)" in counted
    text = markdown(record)
    glance = text[text.index("| Model |") : text.index("## In words")]
    assert "| Model | AUC | Top minus bottom quarter |" in glance
    assert "rho" not in glance
    assert "Top minus bottom quarter" in glossary(record)
    assert "weakly, moderately, strongly" not in glossary(record)
    assert SHARED_FIGURES["roc_curves"].possible(record)
    assert not SHARED_FIGURES["forest_spearman"].possible(record)


def test_what_is_pasted_into_a_paper_is_about_the_auc(record):
    pasted = results_text(record)
    assert pasted.startswith("good had an AUC of .")
    assert "correlation" not in pasted
    assert "with DeLong's intervals, with 'H' as the memorable class" in methods_text(record)


def test_the_legend_stands_beside_the_curves_unless_one_runs_through_it(record):
    beside = SHARED_FIGURES["roc_curves"].draw(record)
    assert not beside.legends
    labels = [text.get_text() for text in beside.axes[0].get_legend().get_texts()]
    assert labels[0] == "chance, AUC .500"
    turned = {
        name: {**data, "prediction_points": [-score for score in data["prediction_points"]]}
        for name, data in record.plots.items()
    }
    below = SHARED_FIGURES["roc_curves"].draw(replace(record, plots=turned))
    assert below.axes[0].get_legend() is None
    assert len(below.legends) == 1


def test_a_picture_is_captioned_with_its_class_as_the_user_calls_it(record):
    ids = [row["image_id"] for rows in record.extremes["groups"].values() for row in rows]
    sheet = ContactSheet(sources=dict.fromkeys(ids, "a.jpg"))
    text = sheet_markdown(record, sheet)
    assert "Under each picture its class and the prediction" in text
    assert set(re.findall(r": people\s([^,]+), model\s", text)) <= {"H", "L"}
    assert "classes: column" in markdown(record)


def test_the_area_under_the_drawn_curve_is_the_auc():
    x, y = roc_points(CLASSES, np.round(PREDICTIONS["weak"], 1))
    area = float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))
    assert area == pytest.approx(auc(CLASSES, np.round(PREDICTIONS["weak"], 1)), abs=1e-12)


def test_several_records_of_classes_are_summarised(record):
    other = compared(CLASSES, resamples=100)
    assert "auc" in {spread.metric for spread in spreads([record, other])}


def test_a_class_of_few_pictures_is_warned_of_under_the_answer():
    few = (np.arange(N) < 6).astype(int)
    record = compared(np.where(few == 1, "H", "L"), positive="H", models=["good"])
    line = (
        "Only 6 pictures are of the class 'H': with fewer than 10, intervals of the AUC (DeLong's "
        "and the bootstrap's) and tests of it are not reliable."
    )
    assert line in record.warnings
    assert line in write_threats(record)
    enough = compared((np.arange(N) < 10).astype(int), models=["good"])
    assert not [warning for warning in enough.warnings if "of the class" in warning]


def test_tied_predictions_have_an_auc_of_one_half_and_the_right_reason():
    truth = pd.DataFrame({"image_id": IDS, "class": CLASSES})
    scores = {
        name: pd.DataFrame({"image_id": IDS, "score": values})
        for name, values in {"flat": 0.5, "good": PREDICTIONS["good"]}.items()
    }
    record = memnet.compare(truth, scores, truth_column="class", resamples=50)
    tied = "the predictions are all equal, so that they rank no picture before another"
    assert record.result("auc", "flat").reason == tied
    assert not [line for line in write_threats(record) if "rho" in line]
    alone = memnet.compare(truth, {"flat": scores["flat"]}, truth_column="class", resamples=50)
    assert f"(AUC .500, without an interval: {tied})" in write_answer(alone)
    html(record)


def test_classes_that_are_named_are_classes_however_few_pictures_there_are():
    ids = [f"{k}.jpg" for k in range(4)]
    truth = pd.DataFrame({"image_id": ids, "class": list("HLHL")})
    scores = pd.DataFrame({"image_id": ids, "score": [30.0, 20.0, 50.0, 40.0]})
    record = memnet.compare(truth, scores, truth_column="class", positive="H", resamples=50)
    assert record.value("auc") == 0.75
    assert not [warning for warning in record.warnings if "outside [0, 1]" in warning]
    assert "Only 4 picture(s): nothing can be concluded from that." in record.warnings

"""Comparisons within categories: record, warnings, report."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import memnet
from memnet.compare.record import RunRecord
from memnet.compare.report.answer import write_answer, write_threats
from memnet.compare.report.categories import sentence, table
from memnet.compare.report.category_figure import MOST, draw_categories
from memnet.compare.report.digits import rounded
from memnet.compare.report.render import html, markdown
from memnet.compare.report.shared_figures import SHARED_FIGURES
from memnet.compare.report.to_paste import methods_text, results_text
from memnet.stats.categories import within_rho
from memnet.stats.metrics import spearman
from memnet.stats.resampling import Draws

NAMES = np.array(["animal", "food", "landscape", "sports"])
GROUPS = np.repeat(np.arange(4), 40)
N = len(GROUPS)
IDS = [f"{number:03}.jpg" for number in range(N)]
GENERATOR = np.random.default_rng(2)
LEVELS = np.array([0.6, 0.8, 0.5, 0.7])[GROUPS]
TRUTH = np.round(LEVELS + 0.05 * GENERATOR.normal(size=N), 3)
NOISE = 0.03 * GENERATOR.normal(size=(4, N))
PREDICTIONS = {
    "categories": LEVELS + NOISE[0],
    "reverse": LEVELS - 0.8 * (TRUTH - LEVELS) + NOISE[1] / 3,
    "both": LEVELS + (TRUTH - LEVELS) + NOISE[2] / 2,
    "within": (TRUTH - LEVELS) - 0.2 * (LEVELS - 0.65) + NOISE[3] / 2,
}


def compared(predictions=PREDICTIONS, *, categories=NAMES[GROUPS], truth=TRUTH, **more):
    table = pd.DataFrame({"image_id": IDS, "hit_rate": truth, "category": categories})
    scores = {
        name: pd.DataFrame({"image_id": IDS, "score": values})
        for name, values in predictions.items()
    }
    settings = {"truth_column": "hit_rate", "strata_column": "category", "resamples": 300} | more
    return memnet.compare(table, scores, **settings)


@pytest.fixture(scope="module")
def record():
    return compared()


def test_each_category_has_its_own_rho(record):
    found = record.categories["models"]["both"]
    assert [row["category"] for row in found["by_category"]] == NAMES.tolist()
    for place, row in enumerate(found["by_category"]):
        inside = place == GROUPS
        expected = stats.spearmanr(TRUTH[inside], PREDICTIONS["both"][inside]).statistic
        assert row["value"] == pytest.approx(expected, abs=1e-12)
        assert row["n"] == 40
        assert row["interval"][0] < expected < row["interval"][1]


def test_the_category_is_held_constant(record):
    for model, values in PREDICTIONS.items():
        found = record.categories["models"][model]["within"]
        assert found["value"] == pytest.approx(within_rho(TRUTH, values, GROUPS), abs=1e-12)
        assert found["interval"][0] < found["value"] < found["interval"][1]


def test_simpsons_case_is_said_plainly(record):
    rho = spearman(TRUTH, PREDICTIONS["categories"])
    (alone,) = [w for w in record.warnings if w.startswith("categories tells")]
    assert alone.startswith(
        f"categories tells categories apart, not pictures within them: rho is {rho:.3f} ["
    )
    assert alone.endswith("with the category held constant, which is not beyond chance.")
    (reverse,) = [w for w in record.warnings if w.startswith("reverse ranks")]
    assert "the other way round than over all (Simpson's paradox)" in reverse
    beginning = "Differences between the categories hide that within ranks pictures within them"
    (hidden,) = [w for w in record.warnings if w.startswith(beginning)]
    (mostly,) = [w for w in record.warnings if "of the rho of both" in w]
    share = record.categories["models"]["both"]["between_share"]
    assert mostly.startswith(f"{100 * share:.0f} % of the rho of both comes from differences")
    threats = write_threats(record)
    assert {alone, reverse, hidden} <= set(threats)
    assert mostly not in threats


def test_a_model_that_ranks_pictures_of_equal_categories_is_not_warned_of():
    order = np.argsort(np.argsort(GENERATOR.random(N)))  # categories that mean nothing
    record = compared({"both": PREDICTIONS["both"]}, categories=NAMES[GROUPS[order]])
    assert not [w for w in record.warnings if "categor" in w]


def test_few_pictures_have_no_rho_of_their_own_and_are_named():
    names = NAMES[GROUPS].astype(object)
    names[:4] = "rare"
    record = compared({"both": PREDICTIONS["both"]}, categories=names)
    assert record.categories["too_few"] == {"rare": 4}
    found = record.categories["models"]["both"]
    assert "rare" not in [row["category"] for row in found["by_category"]]
    assert "categories with fewer than 10 pictures: 'rare' (4)" in table(record).after


def test_a_constant_category_is_undefined_with_the_reason():
    truth = np.where(GROUPS == 1, 0.5, TRUTH)
    record = compared({"both": PREDICTIONS["both"]}, truth=truth)
    row = record.categories["models"]["both"]["by_category"][1]
    assert (row["value"], row["interval"]) == (None, None)
    assert "all equal" in row["reason"]
    html(record)


def test_categories_that_differ_are_found_by_cochrans_q():
    one = np.where(GROUPS == 0, PREDICTIONS["both"], PREDICTIONS["categories"])
    test = compared({"one": one}).categories["models"]["one"]["heterogeneity"]
    assert test["df"] == 3
    assert test["p"] < 0.001


def test_the_record_is_read_again_and_others_have_no_categories(record):
    assert RunRecord.from_json(record.to_json()) == record
    plain = compared(strata_column="")
    assert plain.categories == {}
    assert "## Within categories" not in markdown(plain)
    assert not SHARED_FIGURES["categories_spearman"].possible(plain)


def test_the_numbers_of_a_comparison_do_not_change_with_the_categories_beside_them(record):
    """The rest of a stratified comparison is what it was before there was rho by category."""
    assert record.result("spearman", "both").method == "paired percentile bootstrap, stratified"
    assert record.resampling == {"kind": "strata", "column": "category", "groups": 4}


def test_categories_draw_no_resamples_of_their_own(monkeypatch):
    drawn, chunks = [], Draws.chunks
    monkeypatch.setattr(Draws, "chunks", lambda draws: drawn.append(draws.kind) or chunks(draws))
    compared()
    assert drawn == ["strata"]


def test_the_report_has_the_section_the_table_and_the_figure(record):
    text = markdown(record)
    assert "With category held constant, rho: categories " in text[: text.index("## In words")]
    section = text[text.index("## Within categories") : text.index("## Between models")]
    assert "categories_spearman.png" in section
    assert "| category held constant |" in section
    assert sentence(record).startswith("categories: rho is ")
    rows = [row[0].text for row in table(record).rows]
    assert rows == ["all pictures", "category held constant", *NAMES]


def test_the_figure_has_a_row_for_each_category_and_two_above():
    figure = draw_categories(compared({"both": PREDICTIONS["both"]}))
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[:3] == ["all pictures", "category held constant", "animal (40)"]
    assert len([line for line in axes.get_lines() if line.get_gid() == "interval"]) == 6
    assert MOST < 100


def test_two_classes_within_categories_have_their_report():
    record = compared(truth=(TRUTH > 0.65).astype(int), categories=NAMES[GROUPS % 2])
    assert record.categories["models"]["both"]["within"]["value"] is not None
    html(record)


def test_groups_that_are_scores_or_nearly_all_alone_are_refused():
    settings = {"truth_column": "hit_rate", "resamples": 20}
    truth = pd.DataFrame(
        {"image_id": IDS, "hit_rate": np.repeat(np.arange(80) / 100, 2), "n": 100}
    ).assign(hits=lambda table: (100 * table["hit_rate"]).round().astype(int))
    truth["fine"] = [f"fine {max(row, 2)}" for row in range(N)]
    scores = pd.DataFrame({"image_id": IDS, "score": PREDICTIONS["both"]})
    for column, refusal in {
        "hit_rate": "--strata-column hit_rate has the human scores themselves, and pictures of "
        "equal scores are no group; name a column with a property of the pictures, such as",
        "hits": "--strata-column hits has their counts, and",
        "fine": r"Column 'fine' has 158 different values for 160 pictures, and 157 pictures are "
        "alone in their group: .* name a coarser column with --strata-column, or leave it out",
        "image_id": "160 pictures are alone in their group",
    }.items():
        counts = {"hits_column": "hits", "responses_column": "n"}
        with pytest.raises(memnet.MemnetError, match=refusal):
            memnet.compare(truth, scores, strata_column=column, **counts, **settings)
    with pytest.raises(memnet.MemnetError, match="--clusters-column hit_rate has the human"):
        memnet.compare(truth, scores, clusters_column="hit_rate", **settings)


def test_too_few_clusters_are_advised_to_be_strata_only_where_strata_can_be():
    truth = pd.DataFrame({"image_id": IDS, "hit_rate": TRUTH, "own": IDS, "two": GROUPS % 2})
    scores = pd.DataFrame({"image_id": IDS, "score": PREDICTIONS["both"]})
    for rows, column, advice in ((4, "own", "use a finer"), (N, "two", "use it as strata, or a")):
        with pytest.raises(memnet.MemnetError, match=f"mean nothing; {advice}"):
            memnet.compare(
                truth[:rows], scores[:rows], truth_column="hit_rate", clusters_column=column
            )


def test_a_few_pictures_alone_in_their_group_are_warned_of():
    names = NAMES[GROUPS].astype(object)
    names[:2] = ["one", "two"]
    record = compared({"both": PREDICTIONS["both"]}, categories=names)
    assert (
        "2 of 160 pictures are alone in their group of 'category' (000.jpg, 001.jpg) and so in "
        "every resample, which makes intervals too narrow; a coarser grouping would not."
    ) in record.warnings


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("categories", r"it is not shown to rank them: rho -?\.\d\d \[-\.\d\d, \.\d\d\]"),
        ("reverse", r"it ranks them the wrong way round: rho -\.\d+ \["),
        ("within", r"it ranks them as people do: rho \.\d\d \["),
    ],
)
def test_the_answer_says_where_categories_contradict_it(model, words):
    record = compared({model: PREDICTIONS[model]})
    assert re.search(f"; but within categories {words}", write_answer(record))
    classes = compared({model: PREDICTIONS[model]}, truth=(TRUTH > 0.65).astype(int))
    assert ("; but within categories " in write_answer(classes)) == any(
        re.search("categories apart|within a category|between the categories hide", warning)
        for warning in classes.warnings
    )


def test_the_answer_about_several_models_says_it_of_those_it_is_about(record):
    answer = write_answer(record)
    assert "the wrong way round: rho" not in answer or " But within categories reverse " in answer
    assert " But within categories categories is not shown to rank them: rho " in answer
    assert "within categories both" not in answer  # its ranking holds within them
    assert answer.endswith(".")


def test_categories_stand_first_under_the_answer():
    record = compared({"categories": PREDICTIONS["categories"]})
    left = replace(record, items={**record.items, "without_score": 900})
    assert write_threats(left)[0].startswith("categories tells categories apart")


def test_what_is_pasted_holds_the_category_constant(record):
    within = record.categories["models"]["both"]["within"]
    value, ends = rounded(within["value"], within["interval"], bare=True)
    said = f"; with category held constant, partial rs = {value}, 95% CI {ends}"
    assert said in results_text(record)
    assert "Partial rank correlations hold category constant" in methods_text(record)
    assert "partial" not in results_text(compared(strata_column="")).lower()
    classes = compared({"both": PREDICTIONS["both"]}, truth=(TRUTH > 0.65).astype(int))
    assert "; with category held constant, partial rs = " in results_text(classes)

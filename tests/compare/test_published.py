"""Published figures: each digit typed here from its source, and what may be compared with what."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from memnet.compare import published as module
from memnet.compare.published import (
    HUMAN,
    contaminated_mse_note,
    least_mse,
    published,
    published_for,
    published_reliability,
)
from memnet.errors import MemnetError
from memnet.util import resources
from memnet.weights.catalogue import catalogue

MIX = "lamem+memcat"
FIGURES = [
    # model, data set, metric, value, as the source has it, source, where
    ("memnet.original", "lamem", "spearman", 0.57, "0.57", "K15", "Table 1"),
    ("memnet.original", "lamem", "spearman", 0.64, "0.64", "K15", "Table 1"),
    ("hybrid-cnn.fc6", "lamem", "spearman", 0.54, "0.54", "K15", "Table 1"),
    ("hybrid-cnn.fc6", "lamem", "spearman", 0.61, "0.61", "K15", "Table 1"),
    ("hybrid-cnn.fc7", "lamem", "spearman", 0.55, "0.55", "K15", "Table 1"),
    ("hybrid-cnn.fc7", "lamem", "spearman", 0.61, "0.61", "K15", "Table 1"),
    ("hybrid-cnn.fc8", "lamem", "spearman", 0.53, "0.53", "K15", "Table 1"),
    ("hybrid-cnn.fc8", "lamem", "spearman", 0.60, "0.60", "K15", "Table 1"),
    ("hog2x2", "lamem", "spearman", 0.40, "0.40", "K15", "Table 1"),
    ("hog2x2", "lamem", "spearman", 0.47, "0.47", "K15", "Table 1"),
    ("memnet.original", "sun-memorability", "spearman", 0.59, "0.59", "K15", "Table 1"),
    ("memnet.original", "sun-memorability", "spearman", 0.61, "0.61", "K15", "Table 1"),
    ("human", "lamem", "split_half", 0.67, "0.67", "K15", "section 3"),
    ("human", "lamem", "split_half", 0.68, "0.68", "K15", "section 3"),
    ("memnet.caffe_lamem", "lamem", "spearman", 0.565, "about 0.565", "NB22", "text"),
    (
        "memnet.caffe_lamem",
        "lamem",
        "sd_prediction",
        0.0025,
        "on the order of 0.0025",
        "CN20",
        "text",
    ),
    ("memnet.caffe_lamem", "lamem", "sd_prediction", 0.08, "about 0.08", "CN20", "text"),
    ("memnet.reimpl", MIX, "spearman", 0.55, "0.55", "NB22", "Table 1 and text"),
    ("memnet.reimpl", MIX, "mse", 0.012, "0.012", "NB22", "Table 1 and text"),
    ("memnet.reimpl", MIX, "training_seconds", 2500, "2500", "NB22", "Table 1"),
    ("resmem", MIX, "spearman", 0.66, "0.66", "NB22", "Table 1"),
    ("resmem", MIX, "mse", 0.008, "0.008", "NB22", "Table 1"),
    ("resmem", MIX, "training_seconds", 8900, "8900", "NB22", "Table 1"),
    ("resmem", MIX, "spearman", 0.68, "0.68", "NB22", "text"),
    ("resmem", MIX, "mse", 0.0091, "0.0091", "NB22", "text"),
    ("resmem.published", MIX, "spearman", 0.67, "0.67", "NB22", "Table 1"),
    ("resmem.published", MIX, "mse", 0.008, "0.008", "NB22", "Table 1"),
    ("resmem.published", MIX, "training_seconds", 24000, "24000", "NB22", "Table 1"),
    ("resmem.published", MIX, "spearman", 0.68, "0.68", "NB22", "text"),
    ("resmem.published", MIX, "mse", 0.0047, "as low as 0.0047", "NB22", "text"),
    ("resmem.published", MIX, "min_prediction", 0.411, "0.411", "NB22", "text"),
    ("m3m", MIX, "spearman", 0.68, "0.68", "NB22", "Table 1"),
    ("m3m", MIX, "mse", 0.009, "0.009", "NB22", "Table 1"),
    ("m3m", MIX, "training_seconds", 24600, "24600", "NB22", "Table 1"),
    ("human", MIX, "share_truth_below_0.411", 0.006, "0.6 %", "NB22", "text"),
    ("human", MIX, "min_truth", 0.2, "0.2", "NB22", "text"),
    ("resmem.published", MIX, "spearman", 0.64, "0.64", "CN21", "text"),
    ("resmem.published", MIX, "mse", 0.009, "0.009", "CN21", "text"),
    ("human", "memcat", "split_half", 0.78, "0.78", "GW19", "text"),
    ("falseresmem.published", "memcat", "spearman", 0.48, "0.48", "MB26", "abstract"),
    ("amnet", "lamem", "spearman", 0.67666, "0.67666", "F18", "README"),
    ("resmem-net", "lamem", "spearman", 0.679, "0.679", "P21", "abstract"),
    ("resmem-net", "lamem", "mse", 0.011, "0.011", "P21", "abstract"),
    ("clip-hba-mem", "lamem", "spearman", 0.7, "0.70", "JT26", "table of LaMem"),
    ("clip-hba-mem", "memcat", "spearman", 0.71, "0.71", "JT26", "table of other data sets"),
    ("clip-hba-mem", "things", "spearman", 0.3, "0.30", "JT26", "table of other data sets"),
    ("memscore", "figrim", "spearman", 0.749, "0.749", "BB26", "Cross-dataset summary"),
    ("resmem.published", "figrim", "spearman", 0.524, "0.524", "BB26", "Cross-dataset summary"),
    ("memscore", "sun-memorability", "spearman", 0.789, "0.789", "BB26", "Cross-dataset summary"),
    (
        "resmem.published",
        "sun-memorability",
        "spearman",
        0.645,
        "0.645",
        "BB26",
        "Cross-dataset summary",
    ),
    ("memscore", "memcat", "spearman", 0.823, "0.823", "BB26", "Cross-dataset summary"),
    ("resmem.published", "memcat", "spearman", 0.787, "0.787", "BB26", "Cross-dataset summary"),
    ("memscore", "things", "spearman", 0.409, "0.409", "BB26", "Cross-dataset summary"),
    ("resmem.published", "things", "spearman", 0.243, "0.243", "BB26", "Cross-dataset summary"),
    ("memscore", "lamem", "spearman", 0.695, "0.695", "BB26", "Cross-dataset summary"),
    ("resmem.published", "lamem", "spearman", 0.815, "0.815", "BB26", "Cross-dataset summary"),
]

SOURCES = {
    "K15": ("Khosla et al. (2015)", "10.1109/ICCV.2015.275"),
    "NB22": ("Needell & Bainbridge (2022)", "10.1007/s42113-022-00126-5"),
    "GW19": ("Goetschalckx & Wagemans (2019)", "10.7717/peerj.8169"),
    "CN20": ("Needell (2020)", "content/post/memnetch1.md"),
    "CN21": ("Needell (2021)", "content/post/resmemrelease.md"),
    "MB26": ("Mikhailova & Bainbridge (2026)", "visionsciences.org/presentation/?id=3420"),
    "F18": ("Fajtl et al. (2018)", "ok1zjf/AMNet"),
    "P21": ("Praveen et al. (2021)", "10.7717/peerj-cs.767"),
    "JT26": ("Jenkins & Tovar (2026)", "clip_hba_mem_results.md"),
    "BB26": (
        "Buchsbaum (2026)",
        "memscore/blob/36a9c6d8ba2e3f5c087933364599019636c79719/BENCHMARKS.md",
    ),
}


def beside(dataset: str, *models: str):
    return {row.published.id: row for row in published_for(dataset, models)}


def test_every_published_figure_is_there_digit_for_digit():
    found = [
        (f.model, f.dataset, f.metric, f.value, f.text, f.source.key, f.where) for f in published()
    ]
    assert sorted(found, key=str) == sorted(FIGURES, key=str)


def test_the_digits_printed_are_the_value():
    for figure in published():
        digits, _, percent = figure.printed.partition(" ")
        assert figure.value == pytest.approx(float(digits) / (100 if percent == "%" else 1))


def test_every_figure_has_a_source_that_can_be_looked_up():
    used = {figure.source.key: figure.source for figure in published()}
    assert {key: source.short for key, source in used.items()} == {
        key: short for key, (short, _) in SOURCES.items()
    }
    for key, source in used.items():
        assert SOURCES[key][1] in source.url
        assert source.url.startswith("https://")
        year = source.short[-5:-1]
        assert year in source.citation
    also = {f.id: [s.key for s in f.also_in] for f in published() if f.also_in}
    assert also == {"nb22-public-memnet-lamem": ["CN20"], "gw19-human-memcat": ["NB22"]}
    places = {f.id: f.place for f in published()}
    assert places["nb22-public-memnet-lamem"] == "text; also in Needell (2020)"
    assert places["nb22-resmem-mse"] == "Table 1"


def test_every_figure_says_what_it_is_and_why_it_is_or_is_not_like_for_like():
    for figure in published():
        assert figure.what.strip()
        assert figure.note.strip()
        assert not figure.note.endswith(".")  # it becomes part of a sentence


def test_false_alarms_are_told_apart_in_every_pair_of_table_1():
    """K15 gives each twice; the lower is without false alarms, as LaMem's released labels are."""
    k15 = [f for f in published() if f.source.key == "K15" and f.metric == "spearman"]
    plain = [f for f in k15 if "without false alarms" in f.what]
    corrected = [f for f in k15 if "with false alarms" in f.what]
    assert len(plain) == len(corrected) == 6
    for low, high in zip(plain, corrected, strict=True):
        assert (low.model, low.dataset) == (high.model, high.dataset)
        assert low.value < high.value
        assert low.like_for_like
        assert not high.like_for_like
        assert "another label" in high.note


def test_both_sides_of_each_contradiction_are_given_and_point_at_each_other():
    by_id = {figure.id: figure for figure in published()}
    pairs = {
        frozenset((f.id, other)): {f.text, by_id[other].text}
        for f in published()
        for other in f.contradicts
    }
    assert sorted(map(sorted, pairs.values())) == [
        ["0.008", "0.0091"],
        ["0.008", "as low as 0.0047"],
        ["0.66", "0.68"],
        ["0.67", "0.68"],
    ]
    for figure in published():
        for other in figure.contradicts:
            assert figure.id in by_id[other].contradicts
            assert (figure.model, figure.metric) == (by_id[other].model, by_id[other].metric)
    rows = beside(MIX, "resmem.published")
    assert "the same paper says as low as 0.0047 (text)." in rows["nb22-retrain-mse"].why
    assert "the same paper says 0.008 (Table 1)." in rows["nb22-retrain-mse-text"].why
    rows = beside(MIX, "resmem")
    assert {row.published.text for row in rows.values() if row.published.metric == "spearman"} == {
        "0.66",
        "0.68",
    }


def test_the_original_memnet_on_lamem_is_shown_beside_057_0565_and_064():
    rows = beside("lamem", "memnet.caffe_lamem")
    assert {row.published.text: row.comparable for row in rows.values()} == {
        "0.57": True,
        "0.64": False,
        "about 0.565": True,
        "on the order of 0.0025": False,
        "about 0.08": False,
    }
    assert "another label" in rows["k15-memnet-lamem-fa"].why
    assert "one centre crop" in rows["cn20-public-memnet-centre-sd"].why.lower()
    assert "scaled" in rows["cn20-public-memnet-ten-crop-sd"].why
    assert all(row.why[0].isupper() and row.why.endswith(".") for row in rows.values())


@pytest.mark.parametrize("dataset", ["LaMem", "lamem:test:1", "lamem:test:5"])
def test_part_split_and_letter_case_make_no_difference(dataset):
    assert published_for(dataset, ["memnet.caffe_lamem"]) == published_for(
        "lamem", ["memnet.caffe_lamem"]
    )


def test_figures_of_the_mixture_are_not_comparable_with_one_of_its_parts():
    for dataset in ("lamem", "memcat"):
        rows = beside(dataset, "resmem")
        assert len(rows) == 5
        for row in rows.values():
            assert not row.comparable
            assert f"value for lamem+memcat, but {dataset} was tested" in row.why
    assert {r.published.metric: r.comparable for r in beside(MIX, "resmem").values()} == {
        "spearman": True,
        "mse": True,
        "training_seconds": False,
    }


def test_figures_of_a_part_are_shown_beside_the_mixture_and_not_comparable():
    row = beside(MIX, "memnet.caffe_lamem")["k15-memnet-lamem"]
    assert not row.comparable
    assert "value for lamem, but lamem+memcat was tested" in row.why


def test_no_test_of_the_published_resmem_is_like_for_like():
    """Which 5,000 pictures were held out is not known: any test is mostly on training pictures."""
    rows = beside(MIX, "resmem.published")
    assert len(rows) == 9  # one of them about LaMem, which is not all of the mixture
    assert not any(row.comparable for row in rows.values())
    assert "nobody knows which" in rows["nb22-retrain-rho"].why
    assert "only a test on its own training pictures" in rows["nb22-retrain-mse-text"].why.lower()


def test_the_floor_of_the_predictions_is_shown_on_any_data_set():
    rows = beside("scenes375", "resmem.published", "memnet.caffe_lamem", HUMAN)
    assert [row.published.printed for row in rows.values()] == ["0.411"]
    assert not rows["nb22-retrain-min"].comparable
    assert "but scenes375 was tested" in rows["nb22-retrain-min"].why


def test_a_variant_is_not_the_model_whose_figure_was_published():
    (row, *_) = published_for("lamem", ["memnet.caffe_lamem:keyes-centre"])
    assert row.model == "memnet.caffe_lamem:keyes-centre"
    assert row.published.id == "k15-memnet-lamem"
    assert not row.comparable
    assert "its variant keyes-centre was tested" in row.why


def test_unknown_models_and_data_sets_have_no_published_figures():
    assert published_for("my-faces", ["memnet.caffe_lamem"]) == []
    assert published_for("lamem", ["my-model"]) == []
    assert published_for("", ["memnet.caffe_lamem"]) == []


def test_without_models_every_figure_of_the_data_set_is_given_once():
    rows = published_for("sun-memorability")
    assert sorted(r.published.text for r in rows if r.published.dataset == "sun-memorability") == [
        "0.59",
        "0.61",
        "0.645",
        "0.789",
    ]
    rows = published_for("lamem")
    of_lamem = [row for row in FIGURES if "lamem" in row[1]]
    assert len({row.published.id for row in rows}) == len(rows) == len(of_lamem)


def test_every_model_that_is_named_after_published_weights_is_in_the_catalogue():
    named = {name for f in published() for name in (f.model, *f.beside)}
    # ViTMem's paper has figures, of which none could be checked against its text yet.
    assert set(catalogue()) - {"vitmem.published"} <= named
    assert {name for f in published() for name in f.beside} <= set(catalogue())


def test_lamem_labels_are_halves_so_no_spearman_brown_step_is_taken():
    found = published_reliability("lamem:test:1")
    assert (found.published.value, found.value, found.made_of) == (0.67, 0.67, "half")
    assert found.published.source.key == "K15"
    assert round(found.ceiling, 2) == 0.82  # sqrt(0.67); with the step it would be 0.90
    assert "one half of the workers" in found.why


def test_memcat_labels_are_of_everybody_so_the_step_is_taken():
    found = published_reliability("memcat")
    assert (found.published.value, found.made_of) == (0.78, "all")
    assert found.value == pytest.approx(1.56 / 1.78, abs=1e-15)
    assert found.ceiling == pytest.approx(math.sqrt(1.56 / 1.78), abs=1e-15)


@pytest.mark.parametrize("dataset", ["lamem+memcat", "scenes375", "my-faces"])
def test_where_no_reliability_was_published_there_is_none(dataset):
    assert published_reliability(dataset) is None


def test_the_least_mse_at_a_correlation_is_that_of_the_best_straight_line():
    random = np.random.default_rng(4)
    truth = random.beta(6, 2, 500)
    prediction = truth + random.normal(0, 0.1, 500)
    line = stats.linregress(prediction, truth)
    best = np.mean((line.intercept + line.slope * prediction - truth) ** 2)
    r = stats.pearsonr(truth, prediction).statistic
    assert least_mse(r, truth.var()) == pytest.approx(best, rel=1e-12)
    assert round(least_mse(0.68, 0.0153), 4) == 0.0082


def test_the_note_says_with_figures_what_gives_an_mse_of_0_0047():
    note = contaminated_mse_note(
        mse=0.004661736, spearman=0.817274, pearson=0.867068, truth_sd=0.131313, n=400
    )
    for part in (
        "an MSE as low as 0.0047, and a rank correlation of 0.68",
        "(1 - r^2) x 0.0153 = 0.0082",
        "0.0047 needs an r of 0.83",
        "on 400 pictures",
        "MSE is 0.00466, with Spearman's rho 0.8173 and r = 0.8671",
        "0.00427 is the least possible",
        "is what a test on its own training pictures gives",
    ):
        assert part in note


@pytest.mark.parametrize(("mse", "pearson"), [(0.02, 0.87), (0.004, 0.5)])
def test_the_note_does_not_claim_what_the_measured_figures_do_not_bear_out(mse, pearson):
    note = contaminated_mse_note(mse=mse, spearman=0.5, pearson=pearson, truth_sd=0.07, n=50)
    assert "is what a test on its own training pictures gives" not in note
    assert note.endswith("These numbers do not show how the published value came about.")


def test_the_note_holds_on_400_pictures_of_memcat(shared):
    """The measured figures beside which it stands, and the variance that it takes for LaMem's."""
    human = pd.read_csv(shared / "data" / "pictures" / "human_scores.csv", dtype={"image_id": str})
    scores = pd.read_csv(shared / "golden" / "resmem_pictures400.csv", dtype={"image_id": str})
    both = human.merge(scores, on="image_id", validate="one_to_one")
    truth, prediction = both["hit_rate"].to_numpy(), both["score"].to_numpy()
    assert len(truth) == 400
    note = contaminated_mse_note(
        mse=float(np.mean((truth - prediction) ** 2)),
        spearman=float(stats.spearmanr(truth, prediction).statistic),
        pearson=float(stats.pearsonr(truth, prediction).statistic),
        truth_sd=float(truth.std(ddof=1)),
        n=400,
    )
    assert "MSE is 0.00466, with Spearman's rho 0.8173 and r = 0.8671" in note
    assert note.endswith("it says nothing about new pictures.")
    lamem = [
        float(line.split()[1])
        for part in ("train", "val", "test")
        for line in (shared / "data" / "lamem_splits" / f"{part}_1.txt").read_text().splitlines()
        if line.strip()
    ]
    assert len(lamem) == 58_741
    assert round(float(np.var(lamem)), 4) == module.LAMEM_VARIANCE
    memcat = pd.read_csv(shared / "data" / "human_scores" / "memcat_image_data.csv")
    assert memcat["memorability_wo_fa_correction"].var() > module.LAMEM_VARIANCE


@pytest.fixture
def own_file(tmp_path, monkeypatch):
    """Return a function that reads another ``published.toml``; the real one is back after."""
    original = (resources.files("memnet.compare") / "published.toml").read_text(encoding="utf-8")

    def read(change):
        (tmp_path / "published.toml").write_text(change(original), encoding="utf-8")
        monkeypatch.setattr(resources, "files", lambda package: tmp_path)
        module._data.cache_clear()
        return published.__wrapped__()

    yield read
    module._data.cache_clear()


def test_a_figure_given_twice_or_with_an_unknown_field_is_refused(own_file):
    with pytest.raises(MemnetError, match="Two published values have the id"):
        own_file(lambda text: text.replace('"nb22-resmem-mse-text"', '"nb22-resmem-mse"'))
    with pytest.raises(MemnetError, match="nb22-m3m-mse has unknown fields"):
        own_file(
            lambda text: text.replace('id = "nb22-m3m-mse"', 'id = "nb22-m3m-mse"\nmargin = 0.1', 1)
        )

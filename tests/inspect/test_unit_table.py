"""Correlations of units from files: matched by id, corrected over all layers, written."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from activations import write_npz
from memnet.errors import MemnetError
from memnet.inspect.units import correlate_with_score

IDS = [f"p{number:02}.jpg" for number in range(40)]


@pytest.fixture
def truth():
    random = np.random.default_rng(6)
    return pd.DataFrame({"image_id": IDS, "hit_rate": random.uniform(size=40)}).iloc[::-1]


@pytest.fixture
def layers(truth):
    random = np.random.default_rng(7)
    conv = random.normal(size=(40, 3, 2, 2))
    conv[:, 1, 0, 1] += 9 * truth["hit_rate"].to_numpy()[::-1]
    fc = random.normal(size=(40, 5))
    fc[:, 2] -= 9 * truth["hit_rate"].to_numpy()[::-1]
    fc[:, 4] = 0.25
    return {"conv": conv.astype(np.float32), "fc": fc.astype(np.float32)}


@pytest.fixture
def file(layers, tmp_path):
    write_npz(tmp_path / "net.npz", IDS, layers)
    return tmp_path / "net.npz"


def test_planted_units_are_found_where_they_are(file, truth):
    found = correlate_with_score(file, truth, truth_column="hit_rate")
    units = found.units
    assert list(units.columns[:5]) == ["layer", "unit", "row", "column", "n"]
    hits = units[units["spearman_p_fdr"] < 0.05]
    places = hits[["layer", "unit", "row", "column"]].astype(object).values.tolist()
    assert places == [["conv", 1, 0, 1], ["fc", 2, pd.NA, pd.NA]]
    assert (hits["spearman"] > 0).tolist() == [True, False]
    rows = found.layers.set_index("layer")
    assert rows.loc["conv", ["units", "constant", "significant_positive"]].tolist() == [12, 0, 1]
    assert rows.loc["fc", ["units", "constant", "significant_negative"]].tolist() == [5, 1, 1]
    assert (rows["positive"] + rows["negative"] + rows["constant"]).tolist() == [12, 5]


def test_values_are_scipys_on_the_pictures_matched_by_id(file, layers, truth):
    some = truth.iloc[3:]
    found = correlate_with_score(file, some, truth_column="hit_rate")
    score = some["hit_rate"].to_numpy()[::-1]
    flat = np.concatenate([layers["conv"].reshape(40, -1), layers["fc"]], axis=1)[:37]
    p = []
    for row, values in zip(found.units.itertuples(), flat.T, strict=True):
        if row.note == "constant":
            assert np.isnan(row.spearman)
            continue
        theirs = stats.spearmanr(values.astype(float), score)
        assert row.spearman == pytest.approx(theirs.statistic, abs=1e-12)
        assert row.pearson == pytest.approx(stats.pearsonr(values.astype(float), score).statistic)
        p.append(theirs.pvalue)
    adjusted = stats.false_discovery_control(p)
    ours = found.units["spearman_p_fdr"].dropna()
    np.testing.assert_allclose(ours, adjusted, rtol=1e-9, atol=1e-12)
    assert set(found.units["n"]) == {37}
    left_out, constant = found.record["notes"]
    assert "3 of 40 pictures" in left_out
    assert constant.startswith("1 of 5 units of layer fc are the same")


def test_the_table_and_its_record_are_written(file, truth, tmp_path):
    truth.to_csv(tmp_path / "truth.csv", index=False)
    out = tmp_path / "units.csv"
    found = correlate_with_score(
        file, tmp_path / "truth.csv", truth_column="hit_rate", out=out, command="memnet ..."
    )
    table = pd.read_csv(out, keep_default_na=False, na_values={"spearman": [""]})
    assert len(table) == 17
    assert table["note"].tolist()[-1] == "constant"
    np.testing.assert_array_equal(table["spearman"], found.units["spearman"])
    record = json.loads((tmp_path / "units.csv.json").read_text(encoding="utf-8"))
    assert record["n"] == 40
    assert record["score"]["column"] == "hit_rate"
    assert record["layers"][1]["significant_negative"] == 1


def test_bad_input_is_refused_in_a_sentence(file, truth, tmp_path):
    with pytest.raises(MemnetError, match="Did you mean 'hit_rate'"):
        correlate_with_score(file, truth, truth_column="hitrate")
    other = truth.assign(image_id=truth["image_id"].str.replace(".jpg", ""))
    with pytest.raises(MemnetError, match="without file endings"):
        correlate_with_score(file, other, truth_column="hit_rate")
    assert len(correlate_with_score(file, other, truth_column="hit_rate", match="stem").units) == 17
    with pytest.raises(MemnetError, match=r"0.5 for each of the 40 pictures"):
        correlate_with_score(file, truth.assign(hit_rate=0.5), truth_column="hit_rate")
    with pytest.raises(MemnetError, match=r"must end in \.csv"):
        correlate_with_score(file, truth, truth_column="hit_rate", out=tmp_path / "units.txt")


def test_tokens_of_a_transformer_are_places(truth, tmp_path):
    random = np.random.default_rng(0)
    write_npz(tmp_path / "vit.npz", IDS, {"block": random.normal(size=(40, 2, 3))})
    units = correlate_with_score(tmp_path / "vit.npz", truth, truth_column="hit_rate").units
    assert units[["unit", "token"]].values.tolist() == [
        [0, 0],
        [1, 0],
        [2, 0],
        [0, 1],
        [1, 1],
        [2, 1],
    ]


def test_no_unit_of_three_pictures_is_significant(file, truth):
    found = correlate_with_score(file, truth.iloc[:3], truth_column="hit_rate")
    assert (found.units["spearman"].abs() > 0.999).sum() > 2
    assert found.layers[["significant_positive", "significant_negative"]].to_numpy().sum() == 0
    assert "Of 3 pictures no p values are given" in found.record["notes"][-1]


def test_a_picture_whose_score_is_no_number_is_not_called_missing(file, truth):
    truth["hit_rate"] = truth["hit_rate"].where(truth["image_id"] != "p03.jpg")
    found = correlate_with_score(file, truth, truth_column="hit_rate")
    (sentence,) = [each for each in found.record["notes"] if "p03.jpg" in each]
    assert "not in the usable scores of" in sentence


def test_nothing_is_written_over_but_an_earlier_table_of_units(file, truth, tmp_path):
    mine = tmp_path / "human.csv"
    truth.to_csv(mine, index=False)
    before = mine.read_bytes()
    with pytest.raises(MemnetError, match=r"human\.csv exists and holds something else"):
        correlate_with_score(file, mine, truth_column="hit_rate", out=mine)
    assert mine.read_bytes() == before
    out = tmp_path / "units.csv"
    for some in (truth, truth.iloc[:20]):
        correlate_with_score(file, some, truth_column="hit_rate", out=out)
    assert pd.read_csv(out)["n"].unique().tolist() == [20]

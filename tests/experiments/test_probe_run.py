"""A probe from pictures to its page: what is held out, what the weight file says of itself."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import memnet
from memnet.compare.record import RunRecord
from memnet.errors import MemnetError
from memnet.experiments import probe as probe_module
from memnet.experiments.probe import ProbeSettings, train_probe
from memnet.experiments.probe_tables import answer, first, more_pictures
from memnet.weights.files import read_header
from planted import planted_set
from small_backbone import write_backbone

pytestmark = pytest.mark.usefixtures("quick_figures")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("probe run")


@pytest.fixture(scope="module")
def data(place):
    return planted_set(place / "pictures", train=80, val=20, test=20)


@pytest.fixture(scope="module")
def backbone(place):
    return f"{write_backbone(place / 'small.safetensors')}:convolutions"


@pytest.fixture(scope="module")
def facts(data):
    ids = data.table["image_id"]
    groups = [f"kind {number % 4}" for number in range(len(ids))]
    return pd.DataFrame({"group": groups, "hits": 60, "responses": 80}, index=ids.to_list())


@pytest.fixture(scope="module")
def finished(place, data, backbone, facts):
    settings = ProbeSettings(backbone=backbone, group_column="kind")
    record = run(settings, data, place / "out", place, beside=facts)
    return place / "out", record


def run(settings, data, out, place, **more):
    return train_probe(settings, data, out, cache=place / "cache", device="cpu", **more)


def test_a_planted_property_is_learnt_from_random_features(finished):
    _, record = finished
    assert record["held_out"]["rho"] > 0.7
    low, high = record["held_out"]["rho_interval"]
    assert 0.5 < low < record["held_out"]["rho"] < high < 1
    assert record["held_out"]["mse"] < 0.6 * record["held_out"]["mse_of_mean"]


def test_the_record_follows_from_the_held_out_predictions(finished, data):
    out, record = finished
    table = pd.read_csv(out / "held-out.csv")
    truth = data.table.set_index("image_id")["score"]
    assert len(table) == 100
    assert set(table["image_id"]).isdisjoint(data.table["image_id"][data.table["part"] == "test"])
    table["human"] = truth[table["image_id"]].to_numpy()
    rhos = [spearmanr(rows["human"], rows["score"]).statistic for _, rows in table.groupby("fold")]
    assert [fold["rho"] for fold in record["folds"]] == pytest.approx(rhos, abs=1e-12)
    assert record["held_out"]["rho"] == pytest.approx(np.mean(rhos), abs=1e-12)
    assert record["held_out"]["mse"] == pytest.approx(((table.score - table.human) ** 2).mean())
    pooled = spearmanr(table["human"], table["score"]).statistic
    of_report = RunRecord.read(out / "held-out" / "record.json").result("spearman")
    assert of_report.value == pytest.approx(pooled, abs=1e-12)
    assert record["held_out"]["rho_pooled"] == pytest.approx(pooled, abs=1e-12)


def test_folds_are_whole_groups(finished, facts):
    out, record = finished
    table = pd.read_csv(out / "held-out.csv")
    folds = table.groupby(facts["group"][table["image_id"]].to_numpy())["fold"].nunique()
    assert (folds == 1).all()
    assert sorted(fold["groups"] for fold in record["folds"]) == [[f"kind {n}"] for n in range(4)]


def test_the_test_part_is_judged_by_the_weight_file_and_was_not_fitted_to(finished):
    out, _ = finished
    result = RunRecord.read(out / "test" / "record.json").result("spearman")
    assert result.n == 20
    assert result.contamination == "clean"
    assert result.value > 0.6


def test_the_weight_file_scores_and_says_what_it_is(finished, data, backbone):
    out, _ = finished
    header = read_header(out / "best.safetensors")
    assert header.arch == "probe"
    assert header.trained_on == ("planted:train:a", "planted:val:a")
    assert header.pretrained_on == ("nothing at all",)
    assert header.licence_notice == "A notice of the backbone."
    assert backbone in header.remark
    rows = data.table[data.table["part"] != "test"]
    model = memnet.load(out / "best.safetensors", device="cpu")
    scores = model.score(rows["path"].tolist())["score"]
    assert spearmanr(rows["score"], scores).statistic > 0.8


def test_held_out_predictions_are_clean_although_the_weight_file_is_not(finished, data):
    out, record = finished
    truth = out / "held-out" / "truth.csv"
    named = {"truth_column": "human_score"}
    name = record["data"]["held_out_name"]
    result = memnet.compare(truth, [out / "held-out.csv"], dataset=name, **named)
    assert result.models[0]["contamination"] == "clean"
    whole = memnet.compare(truth, [out / "held-out.csv"], dataset="planted:train:a", **named)
    assert whole.models[0]["contamination"] != "clean"
    assert record["data"]["contamination"] == "clean"


def test_a_backbone_that_has_seen_the_data_set_makes_them_contaminated(place, data):
    seen = write_backbone(place / "seen.safetensors", trained_on=("planted",))
    settings = ProbeSettings(backbone=f"{seen}:convolutions", folds=3)
    record = run(settings, data, place / "seen", place)
    assert record["data"]["contamination"] == "contaminated"
    assert any("contaminated" in sentence for sentence in first(record))
    assert "contaminated" in (place / "seen" / "report.html").read_text(encoding="utf-8")
    assert "planted" in read_header(place / "seen" / "best.safetensors").trained_on


def test_an_unknown_past_of_the_backbone_stays_unknown(place, data):
    unknown = write_backbone(place / "unknown.safetensors", trained_on=None)
    settings = ProbeSettings(backbone=f"{unknown}:convolutions", folds=3)
    record = run(settings, data, place / "unknown", place)
    assert record["data"]["contamination"] == "unknown"
    assert read_header(place / "unknown" / "best.safetensors").trained_on is None


def test_the_same_run_again_computes_no_feature_and_gives_the_same(finished, place, data, facts):
    out, before = finished
    settings = ProbeSettings(**before["settings"])
    again = run(settings, data, out, place, beside=facts)
    assert again["seconds"]["pictures computed"] == 0
    for name in ("held_out", "folds", "penalties", "curve"):
        assert again[name] == before[name]


def test_another_run_in_its_folder_is_refused(finished, place, data):
    out, before = finished
    other = ProbeSettings(**{**before["settings"], "crops": "five"})
    with pytest.raises(MemnetError, match=r"another probe \(different: crops\)"):
        run(other, data, out, place)
    (place / "full").mkdir()
    (place / "full" / "notes.txt").write_text("mine")
    with pytest.raises(MemnetError, match="files that are no probe"):
        run(other, data, place / "full", place)


def test_pictures_that_cannot_be_read_are_named_and_left_out(place, tmp_path, backbone):
    made = planted_set(tmp_path / "pictures", train=20, val=4)
    (tmp_path / "pictures" / "0003.png").write_bytes(b"no picture")
    record = run(ProbeSettings(backbone=backbone, folds=3), made, tmp_path / "out", place)
    assert record["data"]["counts"]["fitted"] == 23
    assert [sentence.partition(":")[0] for sentence in record["failed"]] == ["0003.png"]
    assert any("could not be read" in sentence for sentence in first(record))


def test_too_few_pictures_are_refused(place, tmp_path, backbone):
    made = planted_set(tmp_path / "pictures", train=5, val=2)
    with pytest.raises(MemnetError, match="too few"):
        run(ProbeSettings(backbone=backbone), made, tmp_path / "out", place)


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ([0.01, 0.05], "more pictures would probably help"),
        ([-0.02, 0.01], "hardly help"),
        ([-0.02, 0.06], "cannot be told"),
        (None, "cannot be told"),
    ],
)
def test_the_learning_curve_is_put_in_words(finished, interval, said):
    _, record = finished
    doubling = {"from": 0.4, "to": 0.8, "gain": 0.02, "interval": interval}
    assert said in more_pictures({**record, "curve": {**record["curve"], "doubling": doubling}})


def test_an_interval_that_holds_nought_is_no_success(finished):
    _, record = finished
    assert "ranks with rho ." in answer(record)
    chance = {**record["held_out"], "rho": 0.06, "rho_interval": [-0.04, 0.16]}
    said = answer({**record, "held_out": chance})
    assert "not shown to rank better than chance would: rho .06 [-.04, .16]" in said


def test_the_learning_curve_ends_at_the_held_out_value(finished):
    _, record = finished
    points = record["curve"]["points"]
    assert [point["share"] for point in points] == [0.1, 0.2, 0.4, 0.8, 1]
    assert [point["pictures"] for point in points][-1] == 75
    assert points[-1]["rho"] == record["held_out"]["rho"]
    assert points[0]["rho"] < points[-1]["rho"]


def test_the_record_is_what_was_returned(finished):
    out, record = finished
    written = json.loads((out / probe_module.RECORD).read_text(encoding="utf-8"))
    returned = json.loads(json.dumps(record))
    assert {**written, "seconds": {}} == {**returned, "seconds": {}}  # another test ran it again

"""What memnet 0.1.0 saved is read, gone on with and found equal by every later version.

The files are in `tests/golden/saved/`; `tests/helpers/saved_files.py` says how they were made.
Commands that write work on a copy, inside which they run as they did when the files were made.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import PIL
import pytest
from pandas.testing import assert_frame_equal
from typer.testing import CliRunner

import memnet
import references
from memnet.cli import app
from memnet.compare.report.digits import result_texts, rounded
from memnet.stats.resampling import Draws
from saved_files import CHANGED, IMPORT, MIXTURE, OLD, TRAIN, TUNE
from tiny import register

pytestmark = pytest.mark.usefixtures("quick_figures")

SAVED = Path(__file__).parents[1] / "golden" / "saved"
CLOSE = references.limit("resmem.score")
"""How far a score may lie apart between machines."""


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """A copy of the saved files, which is where the commands run."""
    folder = shutil.copytree(SAVED, tmp_path / "saved")
    monkeypatch.chdir(folder)
    for picture in (folder / "pictures").iterdir():
        os.utime(picture, ns=(CHANGED, CHANGED))  # a run goes on with unchanged files only
    register()
    return folder


def run(command, code=0):
    done = CliRunner().invoke(app, shlex.split(command))
    assert done.exit_code == code, done.exception or done.output
    return done


def read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def table(path):
    """A CSV with its figures to the last bit; an empty cell is NaN."""

    def figures(cells):
        try:
            return [float(cell or "nan") for cell in cells]
        except ValueError:
            return cells

    return pd.read_csv(path, dtype=str, keep_default_na=False).apply(figures)


def holds(old, new, where="", within=0.0):
    """Assert that everything that was saved is there again; what came later may be beside it."""
    if isinstance(old, dict):
        for name, value in old.items():
            assert name in new, f"{where}/{name}"
            holds(value, new[name], f"{where}/{name}", within)
    elif isinstance(old, list):
        assert len(old) == len(new), where
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            holds(one, other, f"{where}/{place}", within)
    elif isinstance(old, float) and within:
        assert new == pytest.approx(old, rel=within, abs=within), where
    else:
        assert old == new, where


# Comparisons --------------------------------------------------------------------------------------


def test_a_record_is_rendered_again_with_its_figures(saved):
    record = read("comparison/record.json")
    printed = run("report comparison/record.json --out again").stdout
    rho = {row["model"]: row for row in record["results"] if row["metric"] == "spearman"}
    assert set(rho) == {"good", "poor"}
    page = Path("again/report.html").read_text(encoding="utf-8")
    for name, row in rho.items():
        low, high = row["interval"]
        between = " ".join(rounded(row["value"], (low, high), bare=True))
        line = f"{name} Spearman's rho {between} 60 unknown"
        assert line in [" ".join(found.split()) for found in printed.splitlines()]
        assert between.split()[0] in page
    holds({k: v for k, v in record.items() if k != "schema_version"}, read("again/record.json"))


def test_a_record_is_read_from_python(saved):
    record = memnet.RunRecord.read("comparison/record.json")
    (rho,) = (
        row["value"]
        for row in read("comparison/record.json")["results"]
        if (row["model"], row["metric"]) == ("poor", "spearman")
    )
    assert record.value("spearman", "poor") == rho


def test_the_same_tables_give_the_recorded_figures(saved, monkeypatch):
    """Bootstrap and permutations draw as they did: the intervals and p values are the same, too."""
    # Strata widen intervals since: the changelog, under Numerics.
    monkeypatch.setattr(Draws, "widening", lambda *_: 1.0)
    monkeypatch.setattr(Draws, "freedom", property(lambda draws: draws.units - 1))
    record = memnet.compare(
        "truth.csv",
        ["good.csv", "poor.csv"],
        truth_column="hit_rate",
        hits_column="hits",
        responses_column="n",
        strata_column="category",
        dataset="memcat",
        resamples=200,
    )
    before, now = read("comparison/record.json"), json.loads(record.to_json())
    there = {row["metric"] for row in before["results"]}
    now["results"] = [row for row in now["results"] if row["metric"] in there]
    for row in (*before["results"], *now["results"]):
        if row["metric"].endswith("_noise_matched") or row["metric"] == "dip":
            del row["p_value"], row["p_method"]  # moved since: the changelog, under Numerics
        if row["metric"].startswith("cramer_von_mises"):
            del row["effect_size"], row["effect_interval"]  # the labels tie: as above
    for part in ("truth", "items", "results", "differences", "labels", "resampling", "plots"):
        holds(before[part], now[part], part, within=1e-9)


# Weights, scores and frozen scores ----------------------------------------------------------------


def test_a_weight_file_gives_the_frozen_scores(saved):
    frozen = read("frozen.json")["pictures"]
    assert len(frozen) == 30
    scores = memnet.load("tiny.safetensors", device="cpu").score([one["path"] for one in frozen])
    assert scores["image_id"].tolist() == [one["image_id"] for one in frozen]
    assert scores["score"].tolist() == pytest.approx([one["score"] for one in frozen], abs=CLOSE)


def test_a_frozen_file_is_held(frozen_scores):
    register()
    frozen_scores.check("../golden/saved/frozen.json")


@pytest.mark.parametrize("name", ["scores.csv", "scores.parquet"])
def test_a_score_table_is_gone_on_with_and_nothing_is_scored_again(saved, monkeypatch, name):
    monkeypatch.setenv("TINY_LOG", "log")
    reader = pd.read_parquet if name.endswith("parquet") else pd.read_csv
    before = reader(name)
    done = run(f"score pictures --model tiny.safetensors --out {name}")
    assert "0 scored, 30 were scored before" in done.stderr
    assert not Path("log").exists()
    assert_frame_equal(reader(name), before, check_exact=True)
    assert read(f"{name}.json")["models"] == read(SAVED / f"{name}.json")["models"]


def test_what_is_missing_in_a_score_table_is_scored_as_before(saved, monkeypatch):
    monkeypatch.setenv("TINY_LOG", "log")
    before = table("scores.csv")
    lines = Path("scores.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    Path("scores.csv").write_text("".join(lines[:24]), encoding="utf-8")
    done = run("score pictures --model tiny.safetensors --out scores.csv")
    assert "23 were scored before" in done.stderr
    assert sum(map(int, Path("log").read_text(encoding="utf-8").split())) == 7
    assert_frame_equal(table("scores.csv"), before, rtol=0, atol=CLOSE)


def test_a_score_table_says_which_model_made_it(saved):
    """The sidecar's identity of the model goes into a comparison, and the frames into a table."""
    record = memnet.compare("human.csv", "scores.parquet", truth_column="hit_rate", resamples=200)
    (model,) = record.models
    (identity,) = read("scores.parquet.json")["models"].values()
    assert model["name"] == "tiny.safetensors"
    assert model["weights_sha256"] == identity["weights_sha256"]
    assert model["trained_on"] == ["nothing"]
    human, scores = table("human.csv"), pd.read_parquet("scores.parquet")
    rho = human["hit_rate"].corr(scores["score"], method="spearman")
    assert record.value("spearman") == pytest.approx(rho)
    run("clips scores.parquet --out frames")
    assert table("frames/frames.csv")["score"].tolist() == scores["score"].tolist()


# Studies ------------------------------------------------------------------------------------------


def test_a_crosswalk_gives_the_values_that_it_gave(saved):
    run("migrate study.csv --score-column memnet --map migration/crosswalk.json --out again")
    assert_frame_equal(
        table("again/migrated.csv"), table("mapped/migrated.csv"), rtol=1e-12, atol=1e-12
    )
    before, now = read("mapped/migrate.json"), read("again/migrate.json")
    holds(before["crosswalk"], now["crosswalk"])
    holds(before["pictures"], now["pictures"])
    facts = re.findall(r"[0-9a-f]{64}|\d+(?:\.\d+)?", before["methods"])  # words may be better
    assert facts
    assert [fact for fact in facts if fact not in now["methods"]] == []


def test_a_study_is_migrated_with_the_recorded_results(saved):
    run(
        "migrate study.csv --score-column memnet --new-scores new.csv --outcome rating --group set "
        "--memnet-equivalent --resamples 200 --out again"
    )
    claims = [table(f"{folder}/claims.csv") for folder in ("migration", "again")]
    for each in claims:
        resampled = [name for name in each if name.endswith(("_low", "_high", "p_difference"))]
        each.loc[each["kind"] == "group_difference", resampled] = np.nan  # now drawn within groups
    assert_frame_equal(claims[1][[*claims[0]]], claims[0], rtol=1e-9, atol=1e-9)
    assert_frame_equal(
        table("again/migrated.csv"), table("migration/migrated.csv"), rtol=1e-9, atol=1e-9
    )
    before, now = read("migration/migrate.json"), read("again/migrate.json")
    of_groups = before["claims"].pop()
    assert now["claims"].pop()["old"]["value"] == pytest.approx(of_groups["old"]["value"], rel=1e-9)
    for part in ("claims", "agreement", "attenuation", "points"):
        holds(before[part], now[part], part, within=1e-9)
    filled = [{name: about["n"] for name, about in each["added"].items()} for each in (before, now)]
    assert filled[0] == filled[1]
    numbers = [
        re.findall(r"\d+(?:\.\d+)?", " ".join(each["conclusions"][:-1])) for each in (before, now)
    ]
    assert numbers[0] == numbers[1]  # the sentences may be worded better
    before, now = read("migration/crosswalk.json"), read("again/crosswalk.json")
    for part in ("schema", "forward", "backward"):
        holds(before[part], now[part], part, within=1e-9)


def test_a_table_of_a_data_set_is_known_by_its_manifest(saved):
    manifest, truth = read("mixture.csv.json"), table("mixture.csv")
    scores = truth[["image_id"]].assign(score=np.arange(12.0))
    scores.to_csv("mine.csv", index=False)
    record = memnet.compare("mixture.csv", "mine.csv", resamples=200)
    assert record.dataset.startswith("lamem+memcat:test:seed2022-held12")
    assert {row.manifest for row in record.results} == {manifest["digest"]}
    rho = truth["human_score"].corr(scores["score"], method="spearman")
    assert record.value("spearman") == pytest.approx(rho)


def test_a_data_set_is_built_again_as_it_was(saved):
    run(f"{MIXTURE} --out mixture.csv")  # which it may replace, since it knows it
    assert Path("mixture.csv").read_bytes() == (SAVED / "mixture.csv").read_bytes()
    before, now = read(SAVED / "mixture.csv.json"), read("mixture.csv.json")
    holds({k: v for k, v in before.items() if not k.endswith("version")}, now)


def test_a_diagnosis_is_made_again(saved):
    run(IMPORT)
    found = run(f"{OLD} --images pictures --model mini.safetensors --json").stdout
    before, now = read("diagnosis.json"), json.loads(found)
    for name in ("verdict", "equivalent", "form", "evidence", "n", "digits", "failed", "p"):
        assert now[name] == before[name], name
    first, second = ({row["slug"]: row for row in one["candidates"]} for one in (before, now))
    assert first.keys() <= second.keys()
    for one in (before, now):
        one["fingerprint"].pop("sentences")  # words may change, values may not
    holds(before["fingerprint"], now["fingerprint"], within=1e-9)
    exact = first["pycaffe-no-swap"]
    assert second["pycaffe-no-swap"]["residual_sd"] == pytest.approx(exact["residual_sd"], abs=2e-6)


# Training -----------------------------------------------------------------------------------------


def test_a_finished_run_is_found_finished_and_has_its_page(saved):
    kept = read("run/run.json")
    rho = kept["best"]["val_spearman"]
    for command in ("train --out run --cache cache", f"{TRAIN} --out run"):
        Path("run/report.html").unlink(missing_ok=True)
        done = run(command)
        assert "run holds a run that is finished; nothing is trained" in done.stderr
        assert f"validation   Spearman {rho:.3f}" in done.stdout
        page = Path("run/report.html").read_text(encoding="utf-8")
        assert kept["data"]["digest"] in page
        assert f"{rho:.6f}" in page
        tested = memnet.RunRecord.read("run/test/record.json").result("spearman")
        assert result_texts(tested)[0] in page
    assert read("run/run.json") == kept


def test_a_runs_weights_score_its_test_part_as_they_did(saved):
    tested = pd.read_parquet("run/test/scores.parquet")
    assert len(tested) == 8
    scores = memnet.load("run/best.safetensors", device="cpu").score(tested["path"].tolist())
    assert scores["score"].tolist() == pytest.approx(tested["score"].tolist(), abs=CLOSE)


def test_a_finished_run_is_a_row_of_table_1(saved):
    run("table1 --run memnet=run --out again")
    (row,) = (
        one
        for one in table("again/table1.csv").to_dict("records")
        if one["spearman"] == one["spearman"]
    )
    assert row["name"] == "MemNet"
    assert row["spearman"] == memnet.RunRecord.read("run/test/record.json").value("spearman")
    assert row["training_seconds"] == read("run/run.json")["seconds"]


def test_an_interrupted_run_goes_on_from_its_checkpoint(saved):
    """And ends where the run ended that nobody interrupted."""
    pillow = read("interrupted/run.json")["environment"]["pillow"]
    if PIL.__version__ != pillow:
        pytest.skip(f"a run does not go on with another Pillow than its own, which is {pillow}")
    fixed = ["epoch", "step", "train_loss", "val_loss", "val_spearman"]
    begun, whole = table("interrupted/curves.csv"), table("run/curves.csv")
    assert (begun["epoch"].max(), whole["epoch"].max()) == (2, 4)
    run(f"{TRAIN} --out interrupted")
    curves = table("interrupted/curves.csv")
    assert_frame_equal(curves[: len(begun)], begun)  # the seconds, too: it did not begin anew
    assert_frame_equal(curves[fixed], whole[fixed], rtol=1e-4, atol=1e-4)
    now, before = read("interrupted/run.json"), read("run/run.json")
    assert now["status"] == "finished"
    holds(before["best"], now["best"], within=1e-4)
    holds(before["data"], now["data"])
    ids = sorted(Path("pictures").iterdir())
    first, second = (
        memnet.load(f"{name}/best.safetensors", device="cpu").score(ids)["score"].to_numpy()
        for name in ("run", "interrupted")
    )
    assert np.abs(first - second).max() < 1e-4


def test_a_search_is_found_done_and_prints_its_best_run(saved):
    trials = {name: read(f"search/trials/{name}/run.json") for name in ("0001", "0002")}
    done = run(f"{TUNE} --out search")
    assert "memnet: run " not in done.stderr
    assert "2 runs: 2 complete" in done.stdout
    for found in trials.values():
        assert f"{found['best']['val_spearman']:.3f}" in done.stdout
    assert Path("search/report.html").is_file()
    assert (
        Path("search/best.toml").read_text(encoding="utf-8")
        == (SAVED / "search" / "best.toml").read_text()
    )


def test_a_search_is_gone_on_with(saved):
    more = TUNE.replace("--trials 2", "--trials 3")
    done = run(f"{more} --out search")
    assert "memnet: run 3 of 3" in done.stderr
    assert "3 runs: " in done.stdout


# The files themselves -----------------------------------------------------------------------------


def test_the_saved_files_are_those_of_version_0_1_0():
    """Not written again by the code that is tested with them."""
    listed = (line.split(maxsplit=1) for line in (SAVED / "SHA256SUMS").read_text().splitlines())
    there = {
        path.relative_to(SAVED).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in SAVED.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    assert {name: digest for digest, name in listed} == there


def test_no_saved_file_names_a_place_on_a_machine():
    for path in SAVED.rglob("*.*"):
        content = path.read_bytes()
        for place in (b"/tmp/", b"/home/", b"/root/", b"/Users/"):
            assert place not in content, path

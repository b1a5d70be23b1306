"""`memnet table1`: from runs that are there, and from runs that it trains."""

from __future__ import annotations

import csv
import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from memnet.cli import app
from memnet.compare.record import RunRecord
from memnet.errors import MemnetError, StoppedError
from memnet.experiments import table1_train
from memnet.experiments.table1_train import common_settings, train_four, write_table1
from memnet.reimpl.training.config import read_config
from memnet.reimpl.training.loop import Machine
from memnet.scoring.table import COLUMNS, write_table
from planted import SMALL, planted_set
from training_runs import made_up_test, run_json, write_run

pytestmark = pytest.mark.usefixtures("quick_figures")

PRESETS = ("memnet", "resmem", "resmem-retrain", "m3m")
TITLES = ("MemNet", "ResMem", "ResMemRetrain", "M3M")


def made_run(folder, preset, *, seed=1, better=0.0):
    """Write a run folder as `memnet train` leaves it, with scores of a made-up test part."""
    record = made_up_test(seed=seed)
    starts = {"head": "random"}
    write_run(folder, run_json(preset=preset, starts=starts, frozen=[]), test=record)
    places = pd.Series(range(record.items["n"]))
    ids = [f"{seed}-{place:03d}.jpg" for place in places]
    truth = places / len(ids)
    scores = pd.DataFrame({"image_id": ids, "path": ids, "model": f"{preset}/best.safetensors"})
    scores = scores.assign(variant="", mode="RGB", warning="", raw=0.0)
    scores["score"] = truth + (1 - better) * places.mod(7)
    scores = scores.reindex(columns=list(COLUMNS)).astype(COLUMNS)
    write_table(scores, folder / "test" / "scores.parquet")
    identity = {
        "trained_on": ["my-scenes:train:a"],
        "licence": f"licence of {preset}",
        "citation": "",
        "preprocess_digest": "",
        "weights_sha256": preset,
        "remark": "",
    }
    sidecar = {"sidecar_version": 1, "models": {f"{preset}/best.safetensors": identity}}
    (folder / "test" / "scores.parquet.json").write_text(json.dumps(sidecar))
    table = pd.DataFrame({"image_id": ids, "human_score": truth})
    table.to_csv(folder / "test" / "truth.csv", index=False)
    return folder


def command(*args):
    return CliRunner().invoke(app, ["table1", *map(str, args)])


def cells(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_four_runs_make_the_table_and_one_comparison(tmp_path):
    for place, preset in enumerate(PRESETS):
        made_run(tmp_path / f"run{place}", preset, better=0.2 * place)
    runs = [x for n, p in enumerate(PRESETS) for x in ("--run", f"{p}={tmp_path / f'run{n}'}")]
    done = command(*runs, "--out", tmp_path / "t", "--resamples", 200)
    assert done.exit_code == 0, done.exception
    assert done.stdout == (tmp_path / "t" / "table1.md").read_text()
    (row, *_) = (line for line in done.stdout.splitlines() if line.startswith("| ResMem |"))
    assert "0.66 (text: 0.68)" in row  # as published
    assert "122" in row  # seconds of the made-up run
    rows = cells(tmp_path / "t" / "table1.csv")
    assert [row["name"] for row in rows] == list(TITLES)
    measured = made_up_test(seed=1)
    assert {float(row["spearman"]) for row in rows} == {measured.value("spearman")}
    assert (tmp_path / "t" / "table1.tex").read_text().startswith(r"\begin{tabular}")
    page = (tmp_path / "t" / "table1.html").read_text()
    assert '<th scope="row">ResMemRetrain</th>' in page
    assert '<a href="comparison/report.html">' in page
    assert '<p class="lead"><strong>Rank correlations measured here: MemNet 0.' in page
    record = RunRecord.read(tmp_path / "t" / "comparison" / "record.json")
    assert [model["name"] for model in record.models] == list(TITLES)
    assert [model["licence"] for model in record.models] == [f"licence of {p}" for p in PRESETS]
    rho = {r.model: r.value for r in record.results if r.metric == "spearman"}
    assert list(rho.values()) == sorted(rho.values())  # each was made better than the one before
    assert (tmp_path / "t" / "comparison" / "report.html").is_file()
    assert list((tmp_path / "t" / "comparison" / "figures").glob("*dens*"))


def test_runs_of_different_pictures_are_in_the_table_and_not_compared(tmp_path):
    made_run(tmp_path / "a", "memnet", seed=1)
    made_run(tmp_path / "b", "m3m", seed=2)
    runs = ("--run", f"memnet={tmp_path / 'a'}", "--run", f"m3m={tmp_path / 'b'}")
    done = command(*runs, "--out", tmp_path / "t")
    assert done.exit_code == 0
    assert "not compared: they were tested on different pictures" in done.stdout
    assert "ResMem: no run was given." in done.stdout
    assert not (tmp_path / "t" / "comparison").exists()
    rows = cells(tmp_path / "t" / "table1.csv")
    assert [bool(row["spearman"]) for row in rows] == [True, False, False, True]


def test_a_run_without_a_test_part_has_empty_cells_and_a_note(tmp_path):
    folder = write_run(tmp_path / "a", run_json(preset="memnet"))
    done = command("--run", f"memnet={folder}", "--out", tmp_path / "t")
    assert done.exit_code == 0
    assert cells(tmp_path / "t" / "table1.csv")[0]["spearman"] == ""
    assert "- MemNet: its test part" in done.stdout
    assert "fewer than two were tested" in done.stdout


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("memnet", "it must be NAME=FOLDER"),
        ("resmen=x", "Did you mean 'resmem'?"),
        ("memnet=nowhere", "there is no run.json in it"),
    ],
)
def test_a_run_that_is_none_is_one_sentence(tmp_path, given, words):
    done = command("--run", given, "--out", tmp_path / "t")
    assert isinstance(done.exception, MemnetError)
    assert words in str(done.exception)
    assert not (tmp_path / "t").exists()


def test_runs_and_data_do_not_go_together(tmp_path):
    done = command("--run", "memnet=x", "--truth", "t.csv", "--out", tmp_path)
    assert "leave data and --config out" in str(done.exception)
    done = command("--run", "memnet=x", "--run", "memnet=y", "--out", tmp_path)
    assert "names memnet twice: x and y" in str(done.exception)
    done = command("--out", tmp_path)
    assert "Which data?" in str(done.exception)


def test_each_network_takes_from_the_common_settings_what_it_has(tmp_path):
    file = tmp_path / "common.toml"
    file.write_text(
        'epochs = 3\nsizes = { conv1 = 8, segment1 = 5 }\nstarts = { resnet = "random" }\n'
    )
    found = common_settings(file)
    assert list(found) == list(PRESETS)
    assert {config.epochs for config in found.values()} == {3}
    assert found["memnet"].sizes == {"conv1": 8}
    assert found["m3m"].sizes == {"conv1": 8, "segment1": 5}
    assert found["memnet"].starts == read_config("memnet").starts
    assert found["resmem"].starts == {**read_config("resmem").starts, "resnet": "random"}
    assert found["resmem"].freeze == ("resnet",)
    assert found["resmem-retrain"].freeze == ()
    assert common_settings(None) == {preset: read_config(preset) for preset in PRESETS}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('arch = "m3m"', "arch is what the four rows of Table 1 differ in"),
        ('freeze = ["resnet"]', "freeze is what the four rows"),
        ("sizes = { conf1 = 8 }", "Did you mean 'conv1'?"),
        ('starts = { resnets = "random" }', "Did you mean 'resnet'?"),
        ("epoch = 3", "Did you mean 'epochs'?"),
        ("epochs = 0", "epochs is 0; it must be from 1 to 2147483647"),
        ("sizes = 3", "sizes is 3; it must be a table"),
    ],
)
def test_wrong_common_settings_are_one_sentence(tmp_path, text, words):
    file = tmp_path / "common.toml"
    file.write_text(text)
    with pytest.raises(MemnetError) as error:
        common_settings(file)
    assert words in str(error.value)
    assert str(file) in str(error.value)


def machine(tmp_path):
    return Machine(device="cpu", devices=1, workers=0, cache=tmp_path / "cache", wandb="")


def test_a_run_that_fails_leaves_the_others_their_turn(tmp_path, monkeypatch):
    def train(config, data, out, machine, *, command):
        if config.preset == "resmem":
            raise MemnetError("The weights are not at hand.")
        made_run(out, config.preset)
        return json.loads((out / "run.json").read_text())

    monkeypatch.setattr(table1_train, "train", train)
    said = []
    runs, failures = train_four(
        common_settings(None), None, tmp_path, machine(tmp_path), say=said.append
    )
    assert list(runs) == ["memnet", "resmem-retrain", "m3m"]
    assert failures == {"resmem": "The weights are not at hand."}
    assert [line.split(":")[0] for line in said] == list(PRESETS)
    found = write_table1(runs, tmp_path, failures=failures, resamples=200)
    assert "ResMem: could not be trained. The weights are not at hand." in found["notes"]
    assert not [note for note in found["notes"] if "no run was given" in note]
    assert len(found["comparison"].models) == 3


def test_an_interruption_ends_it_all(tmp_path, monkeypatch):
    began = []

    def train(config, data, out, machine, *, command):
        began.append(config.preset)
        write_run(out, run_json(preset=config.preset, status="interrupted"))
        raise StoppedError("The training was interrupted.")

    monkeypatch.setattr(table1_train, "train", train)
    with pytest.raises(KeyboardInterrupt):
        train_four(common_settings(None), None, tmp_path, machine(tmp_path))
    assert began == ["memnet"]


@pytest.mark.slow  # four runs that were trained before make the quick one
def test_trained_models_are_compared_on_the_test_part(tmp_path):
    """With two of the four, at reduced size; the other two are trained by the same lines."""
    data = planted_set(tmp_path / "pictures", train=16, val=8, test=12)
    file = tmp_path / "common.toml"
    sizes = ", ".join(f"{name} = {min(size, 4)}" for name, size in SMALL.items())
    starts = ", ".join(
        f'{b} = "random"' for b in ("resnet", "convolutions", "segmentation", "head")
    )
    file.write_text(f"epochs = 1\nsizes = {{ {sizes} }}\nstarts = {{ {starts} }}\n")
    settings = {name: common_settings(file)[name] for name in ("memnet", "resmem")}
    out = tmp_path / "t"
    runs, failures = train_four(settings, data, out, machine(tmp_path))
    assert (list(runs), failures) == (["memnet", "resmem"], {})
    found = write_table1(runs, out, resamples=200)
    record = found["comparison"]
    assert record.items["n"] == 12
    for title, folder in zip(TITLES, runs.values(), strict=False):
        alone = RunRecord.read(folder / "test" / "record.json")
        both = {r.metric: r.value for r in record.results if r.model == title}
        assert both["spearman"] == alone.value("spearman")
        assert both["mse"] == alone.value("mse")
    # Finished runs are left as they are.
    before = [(folder / "run.json").read_bytes() for folder in runs.values()]
    again, _ = train_four(settings, data, out, machine(tmp_path))
    assert again == runs
    assert [(folder / "run.json").read_bytes() for folder in runs.values()] == before

"""`memnet train --preset probe` as a user runs it."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from command import run_memnet
from memnet.cli import app
from memnet.data.contamination import judge_contamination
from memnet.errors import MemnetError
from memnet.weights.files import read_header
from planted import planted_set
from small_backbone import write_backbone

pytestmark = pytest.mark.usefixtures("quick_figures")

DATA = ("--truth", "truth.csv", "--truth-column", "hit_rate", "--images", "pictures")
PROBE = ("train", "--preset", "probe", "--cache", "cache", *DATA)
BACKBONE = ("--backbone", "small.safetensors:convolutions")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("probe command")
    made = planted_set(root / "pictures", train=40, val=20)
    table = made.table[["image_id", "score"]].rename(columns={"score": "hit_rate"})
    table["category"] = [f"kind {number % 3}" for number in range(len(table))]
    table["corrected"] = table["hit_rate"] / 2
    table["n"] = 80
    table["hits"] = (table["hit_rate"] * 80).round().astype(int)
    table.to_csv(root / "truth.csv", index=False)
    write_backbone(root / "small.safetensors")
    return root


@pytest.fixture(autouse=True)
def _here(place, monkeypatch):
    monkeypatch.chdir(place)


def complaint(*args):
    done = CliRunner().invoke(app, [*map(str, args)])
    assert isinstance(done.exception, MemnetError), done.output
    return str(done.exception)


def test_a_probe_is_fitted_judged_and_scored_with(place):
    done = run_memnet(
        *PROBE, *BACKBONE, "--group-column", "category", "--hits-column", "hits",
        "--responses-column", "n", "--out", "runs/mine",
    )  # fmt: skip
    assert "held out     rho ." in done.stdout
    assert "mean over 3 folds (clean)" in done.stdout
    assert "A notice of the backbone." in done.stderr
    assert "3 groups make 3 folds, not 5" in done.stderr
    record = json.loads((place / "runs/mine/probe.json").read_text())
    assert record["data"]["counts"] == {"fitted": 60, "test": 0}  # all: folds are honest already
    assert record["settings"]["target"] == "hit_rate"
    report = (place / "runs/mine/held-out/report.md").read_text()
    assert "ceiling" in report
    run_memnet("score", "pictures", "--model", "runs/mine/best.safetensors", "--out", "s.csv")
    assert len(pd.read_csv(place / "s.csv")) == 60
    # It was fitted to all of them, whatever they were called within the run.
    (trained_on,) = read_header(place / "runs/mine/best.safetensors").trained_on
    assert judge_contamination([trained_on], trained_on).word == "contaminated"
    assert ":" not in trained_on


def test_a_part_can_be_kept_for_a_test(place):
    done = run_memnet(
        *PROBE, *BACKBONE, "--test", "15", "--target", "corrected", "--out", "runs/tested"
    )
    assert "test         see" in done.stdout
    record = json.loads((place / "runs/tested/probe.json").read_text())
    assert record["data"]["counts"] == {"fitted": 45, "test": 15}
    assert record["settings"]["target"] == "corrected"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "Give --backbone"),
        ((*BACKBONE, "--learning-rate", "0.1"), "takes no --learning-rate"),
        ((*BACKBONE, "--epochs", "3", "--seed", "1"), "--epochs and no --seed"),
        ((*BACKBONE, "--val", "0.2"), "takes no --val"),
        ((*BACKBONE, "--devices", "2"), "takes no --devices"),
        ((*BACKBONE, "--folds", "2"), "--folds is 2"),
        ((*BACKBONE, "--crops", "center"), "centre"),
        ((*BACKBONE, "--target", "hitrate"), "hit_rate"),
        ((*BACKBONE, "--group-column", "categry"), "category"),
        ((*BACKBONE, "--hits-column", "hits"), "give both"),
    ],
)
def test_options_that_are_wrong_are_refused(more, said, tmp_path):
    assert said in complaint(*PROBE, *more, "--out", tmp_path / "out")


def test_a_column_that_seems_to_hold_something_else_is_asked_about(tmp_path):
    data = ["corrected" if word == "hit_rate" else word for word in PROBE]
    said = complaint(*data, *BACKBONE, "--out", tmp_path / "out")
    assert "say --target corrected, or --target hit_rate if it does not" in said


def test_options_of_the_probe_are_refused_elsewhere(tmp_path):
    said = complaint(
        "train", "--preset", "memnet", *DATA, *BACKBONE, "--folds", "4", "--out", tmp_path / "out"
    )
    assert said.startswith("Only the preset probe takes --backbone and --folds: say --preset probe")


def test_a_probe_needs_no_lightning(tmp_path):
    """In a process of its own, since other tests import it."""
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['lightning'] = None; sys.modules['optuna'] = None\n"
        "import memnet.cli.train_probe, memnet.experiments.probe"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_misspelling_leaves_no_folder_that_stands_in_the_way(place):
    mine = ("--out", "runs/second-try")
    assert "no backbone" in complaint(*PROBE, "--backbone", "small.safetensor:convolutions", *mine)
    assert not (place / "runs/second-try").exists()
    assert "3 or more" in complaint(*PROBE, *BACKBONE, "--folds", "2", *mine)
    run_memnet(*PROBE, *BACKBONE, "--folds", "3", *mine)


def test_a_group_per_picture_is_no_group():
    said = complaint(*PROBE, *BACKBONE, "--group-column", "image_id", "--out", "runs/fine")
    assert "60 different values for 60 pictures" in said
    assert "a coarser column with --group-column" in said


def test_equal_scores_are_nothing_to_predict(place):
    table = pd.read_csv(place / "truth.csv").assign(hit_rate=0.7)
    table.to_csv(place / "equal.csv", index=False)
    given = [each.replace("truth.csv", "equal.csv") for each in PROBE]
    said = complaint(*given, *BACKBONE, "--out", "runs/equal")
    assert "All human scores are 0.7: there is nothing to predict" in said


def test_a_few_pictures_need_no_validation_part(place):
    pd.read_csv(place / "truth.csv").head(8).to_csv(place / "few.csv", index=False)
    given = [each.replace("truth.csv", "few.csv") for each in PROBE]
    done = run_memnet(*given, *BACKBONE, "--folds", "3", "--out", "runs/few")
    assert "mean over 3 folds" in done.stdout

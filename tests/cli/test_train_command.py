"""`memnet train` as a user runs it: begin, test, score with the result, go on, what is wrong."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from command import LIMIT, run_memnet, start_memnet, wait_for
from memnet.cli import app
from memnet.errors import MemnetError
from planted import SMALL, planted_set

pytestmark = pytest.mark.usefixtures("quick_figures")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Planted pictures, their table, and settings at reduced size."""
    root = tmp_path_factory.mktemp("train")
    made = planted_set(root / "pictures", train=60, val=20, test=20)
    table = made.table.drop(columns="path").rename(columns={"score": "hit_rate"})
    table.to_csv(root / "truth.csv", index=False)
    sizes = {k: v // 2 for k, v in SMALL.items() if k.startswith("conv") or k in ("fc6", "fc7")}
    lines = ", ".join(f"{name} = {size}" for name, size in sizes.items())
    (root / "small.toml").write_text(
        f"sizes = {{ {lines} }}\nepochs = 20\nbatch_size = 16\n"
        "learning_rate = 0.015\ndropout = 0.0\n"
    )
    return root


DATA = ("--truth", "truth.csv", "--truth-column", "hit_rate", "--images", "pictures")
SPLIT = ("--split-column", "part")
BEGIN = ("train", "--preset", "memnet", "--config", "small.toml", "--cache", "cache", *DATA)


@pytest.fixture
def here(place, monkeypatch):
    monkeypatch.chdir(place)
    return place


def memnet(*args, check: int | None = 0):
    """Run the command where the pictures are."""
    return run_memnet(*args, check=check)


def complaint(*args):
    """Run it here, and return the sentence that it ends with."""
    done = CliRunner().invoke(app, [*map(str, args)])
    assert isinstance(done.exception, MemnetError), done.output
    return str(done.exception)


@pytest.fixture(scope="module")
def finished(place):
    mp = pytest.MonkeyPatch()
    mp.chdir(place)
    done = memnet(*BEGIN, *SPLIT, "--out", "runs/one")
    mp.undo()
    return done, place / "runs" / "one"


def test_it_trains_tests_and_says_so(finished):
    done, out = finished
    assert "60 train, 20 val, 20 test" in done.stderr
    assert "status       finished" in done.stdout
    assert "(clean)" in done.stdout
    run = json.loads((out / "run.json").read_text())
    assert (run["status"], run["preset"], run["arch"]) == ("finished", "memnet", "memnet48")
    assert run["command"].startswith("memnet train --preset memnet")
    assert run["data"]["counts"] == {"train": 60, "val": 20, "test": 20}
    assert len(run["data"]["digest"]) == 64
    assert run["best"]["val_spearman"] > 0.4
    names = {path.name for path in out.iterdir()}
    assert names >= {"config.toml", "split.csv", "curves.csv", "last.ckpt", "best.safetensors"}
    assert names >= {"report.html", "test", "tensorboard", "run.json"}
    assert any(out.glob("tensorboard/events*"))


def test_the_test_part_is_judged_as_everything_is(finished):
    _, out = finished
    record = json.loads((out / "test" / "record.json").read_text())
    (rho,) = (row for row in record["results"] if row["metric"] == "spearman")
    assert rho["n"] == 20
    assert rho["contamination"] == "clean"
    assert rho["interval"][0] <= rho["value"] <= rho["interval"][1]
    assert rho["value"] > 0.4
    page = (out / "report.html").read_text()
    assert "test/report.html" in page
    assert "best.safetensors" in page


def test_the_weights_score_other_pictures(finished, here):
    _, out = finished
    memnet("score", "pictures/0090.png", "--model", out / "best.safetensors", "--out", "s.csv")
    row = pd.read_csv("s.csv").iloc[0]
    tested = pd.read_parquet(out / "test" / "scores.parquet").set_index("image_id")
    assert row["score"] == pytest.approx(tested.loc["0090.png", "score"], abs=1e-6)
    sidecar = json.loads(Path("s.csv.json").read_text(encoding="utf-8"))
    assert "truth:train:" in json.dumps(sidecar)


def test_the_same_command_again_finds_it_done(finished, here):
    before = (finished[1] / "run.json").read_bytes()
    again = memnet(*BEGIN, *SPLIT, "--out", "runs/one")
    assert "runs/one holds a run that is finished; nothing is trained" in again.stderr
    assert again.stdout == finished[0].stdout
    alone = memnet("train", "--out", "runs/one", "--cache", "cache")
    assert alone.stdout == finished[0].stdout
    assert (finished[1] / "run.json").read_bytes() == before


def test_a_finished_run_that_a_kill_left_untested_is_tested(finished, here, tmp_path):
    import shutil

    out = tmp_path / "copy"
    shutil.copytree(finished[1], out)
    shutil.rmtree(out / "test")
    (out / "report.html").unlink()
    memnet("train", "--out", out, "--cache", "cache")
    assert (out / "test" / "record.json").is_file()
    assert (out / "report.html").is_file()


@pytest.mark.process
def test_ctrl_c_is_one_sentence_and_the_run_goes_on(here, finished):
    args = [*BEGIN, *SPLIT, "--epochs", 2000, "--patience", 5000, "--out", "runs/cut"]
    process = start_memnet(*args)
    # Not the first validation, which comes before the training: then it is at work for certain.
    wait_for(process, Path("runs/cut/last.ckpt").is_file)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert stderr.strip().splitlines()[-1].startswith("memnet: The training was interrupted.")
    assert "Traceback" not in stderr
    assert "interrupted" in Path("runs/cut/report.html").read_text(encoding="utf-8")
    assert (
        json.loads(Path("runs/cut/run.json").read_text(encoding="utf-8"))["status"] == "interrupted"
    )
    assert Path("runs/cut/best.safetensors").is_file()
    sentence = complaint(*BEGIN, *SPLIT, "--epochs", 7, "--out", "runs/cut")
    assert "epochs was 2000 and is 7" in sentence


def test_settings_may_change_until_something_was_trained(here):
    assert "nothing.there" in complaint(
        *BEGIN, *SPLIT, "--start", "head=nothing.there", "--out", "y"
    )
    memnet(*BEGIN, *SPLIT, "--epochs", 1, "--out", "y")


def test_predictions_that_are_all_equal_leave_no_weights_and_exit_code_1(here):
    """A learning rate at which the last layer dies: said, and no file is claimed."""
    args = ("--learning-rate", 0.3, "--epochs", 2, "--out", "runs/dead")
    done = memnet(*BEGIN, *SPLIT, *args, check=None)
    assert done.returncode in (1, 2)  # constant, or no longer finite
    assert not Path("runs/dead/best.safetensors").exists()
    assert "lower learning_rate" in done.stderr


def test_two_commands_on_one_folder_are_one_too_many(here, finished):
    from memnet.reimpl.training.run_folder import lock_folder

    with lock_folder(Path("runs/one")):
        assert "Another process is at work" in complaint("train", "--out", "runs/one")


def test_a_table_without_differences_is_refused(here):
    table = pd.read_csv("truth.csv").assign(hit_rate=0.5)
    table.to_csv("flat.csv", index=False)
    args = [arg if arg != "truth.csv" else "flat.csv" for arg in BEGIN]
    assert "All scores of the train part are equal (0.5)" in complaint(*args, *SPLIT, "--out", "z")


def test_few_steps_of_the_papers_length_are_warned_of(here):
    done = memnet(*BEGIN, *SPLIT, "--learning-rate", 1e-5, "--epochs", 1, "--out", "runs/short")
    assert "4 step(s) with a learning rate of 1e-05 will change little" in done.stderr


def test_parts_can_be_drawn_and_the_seed_decides(here):
    short = ("--epochs", 1, "--val", 10, "--test", "0.3", "--strata-column", "part")
    done = memnet(*BEGIN, *short, "--out", "runs/drawn")
    assert "60 train, 10 val, 30 test" in done.stderr


def test_a_picture_that_is_missing_is_named_and_the_exit_code_is_1(here):
    table = pd.read_csv("truth.csv")
    table.loc[len(table)] = ["gone.png", 0.5, "train"]
    table.to_csv("more.csv", index=False)
    args = [arg if arg != "truth.csv" else "more.csv" for arg in BEGIN]
    done = memnet(*args, *SPLIT, "--epochs", 1, "--out", "runs/missing", check=1)
    assert "gone.png" in done.stderr
    assert "status       finished" in done.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("train", "--out", "x"), "holds no training run; give --preset"),
        (("train", "--preset", "resnem", *DATA, "--out", "x"), "resmem"),
        (("train", "--preset", "memnet", "--out", "x"), "Which data?"),
        (("train", *DATA, "--out", "x"), "without --preset or --config"),
        (("train", "--preset", "memnet", "--truth", "truth.csv", "--out", "x"), "--images FOLDER"),
        ((*BEGIN, "--lamem", "l", "--out", "x"), "table of your own"),
        ((*BEGIN, "--val", "some", "--out", "x"), "--val is 'some'"),
        ((*BEGIN, "--start", "head", "--out", "x"), "BRANCH=SOURCE"),
        ((*BEGIN, "--start", "resnet=random", "--out", "x"), "branch of memnet48"),
        ((*BEGIN, "--start", "head=nothing.there", "--out", "x"), "nothing.there"),
        ((*BEGIN, "--freeze", "resnet", "--out", "x"), "branch of memnet48"),
        ((*BEGIN, *SPLIT, "--out", "pictures"), "holds files that are no training run"),
        (("train", "--preset", "memnet", "--lamem", "l", "--out", "x"), "needs --split"),
        (
            ("train", "--preset", "memnet", "--memcat", "m", "--images", "i", "--out", "x"),
            "--label",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(here, args, words):
    assert words in complaint(*args)
    assert not Path("x").exists()


def test_without_lightning_it_says_what_to_install(here, monkeypatch):
    from importlib import util

    before = util.find_spec
    monkeypatch.setattr(
        util, "find_spec", lambda name, *more: None if name == "lightning" else before(name, *more)
    )
    assert 'pip install "memnet-harness[train]"' in complaint("train", "--out", "x")


@pytest.mark.slow
def test_resmem_learns_real_pictures_from_published_branches(shared, resmem, tmp_path):
    """The guide's command: about 0 before training, above 0.5 after it, in minutes on 2 cores."""
    pictures = shared / "data" / "pictures"
    branch = ("resnet", "convolutions")
    started = [arg for b in branch for arg in ("--start", f"{b}=resmem.published", "--freeze", b)]
    data = ("--truth", pictures / "human_scores.csv", "--truth-column", "hit_rate")
    data += ("--images", pictures / "images", "--dataset", "memcat", "--strata-column", "category")
    out = tmp_path / "run"
    begun = time.monotonic()
    memnet(
        *("train", "--preset", "resmem", *started, "--learning-rate", 0.001, *data),
        *("--val", 100, "--test", 0, "--out", out, "--cache", tmp_path / "cache"),
    )
    assert time.monotonic() - begun < 20 * 60
    curve = pd.read_csv(out / "curves.csv")
    run = json.loads((out / "run.json").read_text())
    assert run["data"]["counts"] == {"train": 300, "val": 100, "test": 0}
    assert abs(curve["val_spearman"].iloc[0]) < 0.3
    assert run["best"]["val_spearman"] > 0.5
    assert run["data"]["contamination"] == "contaminated"  # its branches have seen these pictures
    assert "contaminated" in (out / "report.html").read_text()
    assert "non-commercial" in (out / "report.html").read_text()

"""`memnet migrate` as a user runs it, and the worked example of its page."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

import memnet.cli.migrate
from command import a_new_process_state, run_memnet
from memnet.errors import MemnetError
from needs import skip_for

DOCUMENT = Path(__file__).parents[2] / "docs" / "migrate.md"


@pytest.fixture
def study(tmp_path):
    """A study of 40 pictures and their new scores."""
    random = np.random.default_rng(8)
    true = random.standard_normal(40)
    frame = pd.DataFrame(
        {
            "image_id": [f"{place:05d}.png" for place in range(40)],
            "memnet": (0.65 + 0.1 * (true + random.standard_normal(40))).round(4),
            "score": 0.7 + 0.05 * (true + random.standard_normal(40)),
            "rating": true + random.standard_normal(40),
        }
    )
    frame[["image_id", "memnet", "rating"]].to_csv(tmp_path / "study.csv", index=False)
    frame[["image_id", "score"]].to_csv(tmp_path / "new.csv", index=False)
    return frame


def migrate(command, *args, check=0, table="study.csv", **env):
    options = ("--score-column", "memnet", "--out", "out", "--resamples", 100)
    return command("migrate", table, *options, *args, check=check, **env)


def test_it_writes_all_that_was_promised(memnet_command, study, tmp_path):
    done = migrate(memnet_command, "--new-scores", "new.csv", "--outcome", "rating")
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        "migrated.csv",
        "report.html",
        "report.md",
        "figures",
        "claims.csv",
        "crosswalk.json",
        "methods.txt",
        "migrate.json",
    }
    record = json.loads((out / "migrate.json").read_text(encoding="utf-8"))
    rho = record["claims"][0]["new"]["value"]
    assert rho == pytest.approx(study["score"].corr(study["rating"], method="spearman"), abs=1e-12)
    assert f"{rho:.3f}" in done.stdout
    assert "40 pictures migrated" in done.stderr
    assert "memnet migrate study.csv" in record["command"]
    assert "memnet:" not in done.stdout
    assert all(line.startswith("memnet: ") for line in done.stderr.splitlines())


def test_a_claim_that_cannot_be_made_is_exit_code_1(memnet_command, study, tmp_path):
    study.assign(rating=3).to_csv(tmp_path / "flat.csv", index=False)
    args = ("--new-scores", "new.csv", "--outcome", "rating", "--model", "resmem.published")
    done = migrate(memnet_command, *args, table="flat.csv", check=1)
    assert "column 'rating' has one value only" in done.stderr
    assert done.stderr.count("have no checksums") == 1
    assert "resmem" in pd.read_csv(tmp_path / "out" / "migrated.csv").columns


def test_only_the_studys_pictures_are_scored_and_a_rerun_scores_none(
    memnet_command, study, tmp_path, make_pictures, tiny_weights
):
    folder = make_pictures(45)
    log = tmp_path / "log"
    args = ("--images", folder, "--model", tiny_weights)
    migrate(memnet_command, *args, TINY_LOG=str(log))
    assert sum(map(int, log.read_text().split())) == 40
    scores = pd.read_csv(tmp_path / "out" / "scores.csv", dtype={"image_id": str})
    table = pd.read_csv(tmp_path / "out" / "migrated.csv")
    assert table["new"].tolist() == scores["score"].tolist()  # it is no ResMem
    log.unlink()
    migrate(memnet_command, *args, TINY_LOG=str(log))
    assert not log.exists()
    sidecar = tmp_path / "out" / "scores.csv.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"command": "memnet score ."}))
    (folder / "00000.png").touch()
    done = migrate(memnet_command, *args, check=2, TINY_LOG=str(log))
    assert "scores.csv was made by `memnet score .`, and rows would be added" in done.stderr
    assert not log.exists()


def test_a_broken_picture_keeps_its_row_and_the_exit_code_is_1(
    memnet_command, study, tmp_path, make_pictures, tiny_weights
):
    folder = make_pictures(40)
    (folder / "00007.png").write_bytes(b"no picture")
    done = migrate(memnet_command, "--images", folder, "--model", tiny_weights, check=1)
    assert "00007.png" in done.stderr
    row = pd.read_csv(tmp_path / "out" / "migrated.csv").iloc[7]
    assert row["note"].startswith("no new score: ")
    assert np.isnan(row["new"])
    assert row["memnet"] == study["memnet"][7]


def test_pictures_that_no_id_matches_are_not_scored(
    memnet_command, study, tmp_path, make_pictures, tiny_weights
):
    folder = make_pictures(40)
    stems = pd.read_csv(tmp_path / "study.csv", dtype=str)
    stems["image_id"] = stems["image_id"].str.removesuffix(".png")
    stems.to_csv(tmp_path / "stems.csv", index=False)
    args = ("--images", folder, "--model", tiny_weights)
    done = migrate(memnet_command, *args, table="stems.csv", check=2)
    assert "without file endings ('00000' and '00000.png')" in done.stderr
    assert not (tmp_path / "out").exists()
    assert "With --match stem, 40 would match" in done.stderr
    (folder / "00007.png").write_bytes(b"no picture")
    done = migrate(memnet_command, *args, "--match", "stem", table="stems.csv", check=1)
    table = pd.read_csv(tmp_path / "out" / "migrated.csv", dtype=str)
    scores = pd.read_csv(tmp_path / "out" / "scores.csv", dtype=str)
    assert scores["image_id"].tolist() == [f"{number:05d}.png" for number in range(40)]
    assert table["image_id"].tolist() == stems["image_id"].tolist()
    scored = table.index != 7
    assert (
        table["new"][scored].astype(float).tolist()
        == scores["score"][scored].astype(float).tolist()
    )
    assert table["note"][7].startswith("no new score: ")
    assert "no picture or new score of this id" not in table["note"][7]
    record = json.loads((tmp_path / "out" / "migrate.json").read_text(encoding="utf-8"))
    assert record["pictures"]["without_new"] == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "Give one of these: the pictures"),
        (("--new-scores", "new.csv", "--map", "x.json"), "--new-scores and --map were given"),
        (("--new-scores", "new.csv", "--images", "."), "--images and --new-scores were given"),
        (("--map", "x.json", "--outcome", "rating"), "--map changes the scale"),
        (("--map", "x.json"), "There is no crosswalk x.json"),
        (("--map", "new.csv"), "new.csv"),
        (("--new-scores", "absent.csv"), "There is no file"),
        (("--new-scores", "new.csv", "--outcome", "ratings"), "Did you mean 'rating'"),
        (("--new-scores", "new.csv", "--id-column", "picture"), "no column 'picture'"),
    ],
)
def test_wrong_usage_is_one_sentence_and_nothing_is_written(
    study, tmp_path, monkeypatch, args, said
):
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(memnet.cli.migrate.migrate)  # main() makes exit code 2 of a MemnetError
    done = CliRunner().invoke(app, ["study.csv", "--score-column", "memnet", "--out", "out", *args])
    assert isinstance(done.exception, MemnetError)
    assert said in str(done.exception)
    assert not (tmp_path / "out").exists()


# The worked example -------------------------------------------------------------------------------


def blocks(kind=r"\w+"):
    """Return the example's blocks of code, each with what the page says that it prints."""
    text = DOCUMENT.read_text(encoding="utf-8").partition("## A worked example")[2]
    pattern = rf"^```({kind})\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?"
    return [found for found in re.findall(pattern, text, re.M | re.S) if found[0] != "text"]


def in_it(stated, printed):
    """Assert that every stated line was printed, `[...]` standing for more."""
    lines = [line.rstrip() for line in printed.splitlines()]
    for line in stated.splitlines():
        assert line == "[...]" or line in lines, f"{line!r} is not in\n{printed}"


@pytest.fixture(scope="module")
def worked_example(tmp_path_factory):
    """The folder in which the page's blocks were run one after the other, but R's."""
    folder = tmp_path_factory.mktemp("worked_example")
    assert [kind for kind, _, _ in blocks()] == ["python", "sh", "python", "r", "sh", "python"]
    for kind, code, stated in blocks("python|sh"):
        if kind == "python":
            with a_new_process_state(["python"], folder, {}) as (stdout, _):
                exec(compile(code, str(DOCUMENT), "exec"), {"__name__": "__main__"})
            in_it(stated, stdout.text())
        else:
            in_it(stated, run_memnet(*shlex.split(code)[1:], cwd=folder).stdout)
    return folder


def test_the_worked_example_prints_what_its_page_says(worked_example):
    columns = {
        name: set(pd.read_csv(worked_example / "migrated" / f"{name}.csv").columns)
        for name in ("migrated", "claims")
    }
    ((_, code, _),) = blocks("r")
    assert {"memnet", "resmem", "false_alarm_rate", "responses"} <= columns["migrated"]
    assert set(re.findall(r'"(old|new|difference|p_difference)"', code)) <= columns["claims"]
    used = set(re.findall(r"scale\((\w+)\)|table\$(\w+)", code))
    assert {first or second for first, second in used} <= columns["migrated"]
    assert "SIMULATED" in blocks("python")[0][1]


def test_the_worked_examples_block_of_r_prints_what_its_page_says(worked_example):
    if shutil.which("Rscript") is None:
        skip_for("R", "the columns that its block uses are tested everywhere")
    ((_, code, stated),) = blocks("r")
    done = subprocess.run(
        ["Rscript", "-e", code], cwd=worked_example, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    in_it(stated, done.stdout)

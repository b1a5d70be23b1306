"""`memnet tune` as a user runs it: the table, the page, Ctrl-C, runs that fail."""

from __future__ import annotations

import csv
import re
import signal

import pytest
from typer.testing import CliRunner

from command import LIMIT, start_memnet, wait_for
from memnet.cli import app
from memnet.errors import MemnetError
from planted import SMALL, planted_set

pytestmark = pytest.mark.usefixtures("quick_figures")

RANGES = ("--batch-size", 8, 16, "--momentum", 0.5, 0.9)


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Write the planted pictures, a table, and settings at reduced size; returns options."""
    monkeypatch.chdir(tmp_path)
    made = planted_set(tmp_path / "pictures", train=16, val=8)
    table = made.table.drop(columns="path").rename(columns={"score": "hit_rate"})
    table.to_csv(tmp_path / "truth.csv", index=False)
    names = [name for name in SMALL if name.startswith("conv")] + ["fc6", "fc7"]
    sizes = ", ".join(f"{name} = 4" for name in names)
    (tmp_path / "small.toml").write_text(f"sizes = {{ {sizes} }}\nepochs = 2\n")
    options = ("--truth", "truth.csv", "--truth-column", "hit_rate", "--split-column", "part")
    return (*options, "--images", "pictures", "--cache", "cache")


def options(data, *more):
    return ("tune", "--preset", "memnet", "--config", "small.toml", *data, *RANGES, *more)


def in_process(*args):
    """Run `memnet` here, which spares the seconds in which it is imported."""
    return CliRunner().invoke(app, [*map(str, args)])


def curves(tmp_path, out):
    """Return run -> its validations, without what depends on the clock."""
    found = {}
    for folder in sorted((tmp_path / out / "trials").iterdir()):
        rows = csv.DictReader((folder / "curves.csv").read_text().splitlines())
        names = ("epoch", "step", "train_loss", "val_loss", "val_spearman", "learning_rate")
        found[folder.name] = [[row[name] for name in names] for row in rows]
    return found


def test_it_prints_the_best_runs_and_writes_settings_and_page(memnet_command, data, tmp_path):
    done = memnet_command(*options(data, "--out", "s", "--trials", 2))
    head, *rows, counts = done.stdout.splitlines()
    assert head.split()[:3] == ["run", "state", "Spearman"]
    assert re.fullmatch(r"2 runs: .*2 complete.*", counts)
    values = [float(row.split()[2]) for row in rows]
    assert values == sorted(values, reverse=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("memnet: run ")]
    assert [line.split(",")[0] for line in lines] == [
        "memnet: run 1 of 2",
        "memnet: run 2 of 2",
    ]
    assert "Trial" not in done.stderr  # Optuna's own log
    found = curves(tmp_path, "s")
    assert values[0] == pytest.approx(
        max(float(row[4]) for rows in found.values() for row in rows[1:]), abs=5e-4
    )
    page = (tmp_path / "s" / "report.html").read_text()
    assert "2 runs" in page
    assert {path.name for path in (tmp_path / "s" / "figures").iterdir()} >= {"search.svg"}
    for name in found:
        assert f"trials/{name}/report.html" in page
    best = int(rows[0].split()[0])
    assert f"# Run {best} of a search" in (tmp_path / "s" / "best.toml").read_text()
    # The same command finds that all is done, and trains nothing.
    again = in_process(*options(data, "--out", "s", "--trials", 2))
    assert again.stdout == done.stdout
    assert "memnet: run " not in again.stderr


@pytest.mark.process
def test_control_c_is_one_sentence_and_keeps_what_was_finished(data, tmp_path):
    args = options(data, "--epochs", 200, "--trials", 1, "--out", "s")
    running = start_memnet(*args, cwd=tmp_path)
    first = tmp_path / "s" / "trials" / "0001" / "curves.csv"
    wait_for(running, lambda: first.is_file() and len(first.read_text().splitlines()) >= 3)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=LIMIT)
    assert running.returncode == 130
    assert "Traceback" not in err
    assert "interrupted; what was finished is kept in s, and the same command goes on" in err
    assert out == ""
    refused = in_process(*options(data, "--trials", 1, "--out", "s"))
    assert "settings, epochs: it was 200 and is 2" in str(refused.exception)


def test_runs_that_all_fail_are_said_and_are_no_success(data, tmp_path):
    args = ("--learning-rate", 1e20, 1e20, "--trials", 2, "--out", "s")
    done = in_process(*options(data, *args))
    assert done.exit_code == 1
    assert done.stderr.count("failed, no Spearman (") == 2
    assert "finite number" in done.stderr
    assert "no run was finished" in done.stderr
    assert done.stdout == "2 runs: 2 failed\n"
    assert not (tmp_path / "s" / "best.toml").exists()


def test_settings_must_begin_somewhere(data, tmp_path):
    done = in_process("tune", *data, "--out", "s")
    assert isinstance(done.exception, MemnetError)
    assert "Give --preset or --config" in str(done.exception)
    assert not (tmp_path / "s").exists()

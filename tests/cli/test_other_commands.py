"""`memnet demo`, `memnet weights`, `memnet --help`."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import memnet
import tiny
from memnet.cli import main


def results(folder) -> dict[str, float]:
    record = json.loads((folder / "record.json").read_text())
    assert {row["n"] for row in record["results"] if "_truth_" not in row["metric"]} == {375}
    return {row["metric"]: row["value"] for row in record["results"]}


# The figures of Rim et al.'s published predictions against their hit rates.
DEMO = {"spearman": 0.489051, "pearson": 0.497368, "mse": 0.025008}


@pytest.fixture
def without_weights(tmp_path, monkeypatch):
    """An empty store, and no package that brings the weights."""
    monkeypatch.setattr("memnet.weights.catalogue.ModelEntry.local_copy", lambda entry: None)
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path / "home"))


def test_the_demo_gives_the_published_figures_without_the_weights(
    memnet_command, without_weights, tmp_path
):
    done = memnet_command("demo", "--out", "report")
    values = results(tmp_path / "report")
    for metric, expected in DEMO.items():
        assert round(values[metric], 6) == expected
    assert "ranks these pictures moderately as people do: rho .49 [.41, .56]" in done.stdout
    assert round(values["ks"], 4) == 0.4293
    assert 'pip install "memnet-harness[resmem]"' in done.stderr
    assert "memnet score FOLDER" in done.stdout
    assert not (tmp_path / "report" / "pictures.csv").exists()


def test_the_demo_scores_three_pictures_where_the_weights_are(
    memnet_command, resmem, golden, tmp_path
):
    done = memnet_command("demo", "--out", "report")
    frozen = json.loads((golden / "resmem_pictures.json").read_text())["pictures"]
    printed = re.findall(r"(\S+\.png)\s+(0\.\d{6})", done.stdout)
    assert len(printed) == 3
    for name, score in printed:  # the limit of the score, and half a digit of what is printed
        assert float(score) == pytest.approx(frozen[name]["score"], abs=1e-6 + 5e-7)
    assert results(tmp_path / "report")["spearman"] == pytest.approx(0.489051, abs=5e-7)
    assert done.stderr.count("non-commercial") == 1


@pytest.mark.process
def test_nothing_heavy_is_imported_before_it_is_needed(tmp_path, make_pictures, tiny_weights):
    """`import memnet` and --help bring no library; what needs no network brings no torch."""
    score = ("score", make_pictures(2), "-m", tiny_weights, "-o", tmp_path / "s.csv")
    start = f"""
import sys, memnet
from memnet.cli import app
def run(*words):
    try: app(list(words))
    except SystemExit: pass
def brought(what, *names): print(what + ":", sorted(set(names) & set(sys.modules)))
score = {list(map(str, score))}
"""
    code = (
        start
        + f"""
sys.path.insert(0, {str(Path(tiny.__file__).parent)!r})
import tiny
tiny.register()
run(*score)
brought("score", "pandas", "scipy.sparse", "numba", "torchvision", "requests")
"""
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "score: []" in done.stdout
    assert "2 scored" in done.stderr
    (tmp_path / "t.csv").write_text("image_id,score\na,0.5\nb,0.6\nc,0.8\n")
    code = f"""{start}
heavy = ("torch", "torchvision", "pandas", "numpy", "scipy", "matplotlib", "PIL", "numba")
brought("import", *heavy)
run("--help")
brought("help", *heavy)
run(*score)
brought("score", "torch", "torchvision", "pandas", "scipy", "numba")
run("variants")
run("compare", "--truth", r"{tmp_path / "t.csv"}", "--truth-column", "score",
    "--scores", r"{tmp_path / "t.csv"}", "--out", r"{tmp_path / "out"}", "--resamples", "2")
brought("compare", "torch", "torchvision")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert {"import: []", "help: []", "compare: []", "score: []"} <= set(lines)
    assert "0 scored, 2 were scored before" in done.stderr
    assert any("mem-transfer-lua" in line for line in lines)
    assert (tmp_path / "out" / "record.json").exists(), done.stderr
    for command in ("demo", "score", "compare", "weights"):
        assert command in done.stdout


@pytest.mark.process
def test_memnet_compare_can_be_called_though_the_package_of_that_name_was_imported():
    code = (
        "import memnet.compare.record, pandas as pd\n"
        "t = pd.DataFrame({'image_id': list('abc'), 'score': [1, 2, 3]})\n"
        "r = memnet.compare(t, t, truth_column='score', resamples=2)\n"
        "import memnet.compare.report.render\n"
        "r = memnet.compare(t, t, truth_column='score', resamples=2)\n"
        "print(r.value('spearman'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1.0"


def test_what_a_notebook_or_windows_sets_does_not_end_a_command(monkeypatch):
    """A backend of Matplotlib that only the notebook has; a pipe in the code page of Windows."""
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setattr(sys, "argv", ["memnet", "--version"])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    with pytest.raises(SystemExit):
        main()
    assert sys.stdout.encoding == "utf-8"
    assert os.environ["MPLBACKEND"] == "Agg"


def test_a_user_without_a_home_is_told_what_to_set(memnet_command, monkeypatch):
    def none(*_):
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("MEMNET_HOME", raising=False)
    monkeypatch.setattr("memnet.weights.store.user_cache_path", none)
    done = memnet_command("weights", "list", check=2)
    assert (
        "no home folder to keep weights in: set the environment variable MEMNET_HOME" in done.stderr
    )


def test_the_version_is_printed(memnet_command):
    assert memnet_command("--version").stdout == f"memnet {memnet.__version__}\n"


def test_weights_list_names_the_licence(memnet_command):
    printed = memnet_command("weights", "list").stdout
    assert "resmem.published" in printed
    assert "Non-commercial" in printed


def test_weights_list_names_a_bad_header_and_lists_the_others(memnet_command, tmp_path):
    stored = tmp_path / "home" / "weights" / "memnet.caffe_lamem.safetensors"
    stored.parent.mkdir(parents=True)
    header = '{"__metadata__":{"memnet":"' + "[" * 5000 + '"}}'
    stored.write_bytes(len(header).to_bytes(8, "little") + header.encode())
    done = memnet_command("weights", "list", MEMNET_HOME=str(tmp_path / "home"))
    assert "resmem.published" in done.stdout
    assert any("caffe_lamem" in row and "damaged" in row for row in done.stdout.splitlines())
    assert f"The header of {stored} is damaged" in done.stderr


def test_weights_fetch_offline_says_what_to_do(memnet_command, without_weights):
    for args in (
        ["weights", "fetch", "resmem.published", "--offline"],
        ["--offline", "weights", "fetch", "resmem.published"],
    ):
        done = memnet_command(*args, check=2)
        assert "network is forbidden" in done.stderr
        assert "Traceback" not in done.stderr


def test_weights_fetch_refuses_a_wrong_file(memnet_command, tmp_path):
    (tmp_path / "model.pt").write_bytes(b"no")
    done = memnet_command("weights", "fetch", "resmem.published", "--file", "model.pt", check=2)
    assert "2 bytes instead of 527,697,574" in done.stderr


def test_weights_verify_says_ok(memnet_command, resmem):
    assert "resmem.published\tok\t" in memnet_command("weights", "verify").stdout


def test_weights_verify_of_what_is_not_there(memnet_command, tmp_path):
    home = str(tmp_path / "home")
    assert "nothing is stored" in memnet_command("weights", "verify", MEMNET_HOME=home).stderr
    done = memnet_command("weights", "verify", "resmem.published", check=1, MEMNET_HOME=home)
    assert "There is no weight file" in done.stderr

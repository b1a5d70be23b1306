"""`memnet demo`, `score` and `compare` on machines that are no help, in processes of their own.

Each does its whole work and writes the numbers of any other machine, or says in one sentence why
it cannot; never a traceback. All of them at once is a quick test of `score`, all others are slow.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import memnet
from command import LIMIT, TINY, run_memnet
from needs import skip_for
from tiny import register, write_tiny

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="streams are closed as POSIX does it"),
]

NOWHERE = os.path.join(os.devnull, "below")
"""No folder that anybody could make: a file is no folder, for root neither."""

MEMNET = [sys.executable, "-m", "memnet"]


@dataclass(frozen=True)
class Place:
    """What is odd about a machine, and what a command says of it.

    Attributes
    ----------
    env : environment variables; None for one that is not set.
    closed, full : the streams (0 to 2) that are closed, or files on a full disk.
    unread : whether nobody reads stdout.
    most : the most bytes that a file can have.
    codes : exit codes, by command, where it is not 0.
    said : what stderr says then.
    """

    env: Mapping[str, str | None] = field(default_factory=dict)
    closed: tuple[int, ...] = ()
    full: tuple[int, ...] = ()
    unread: bool = False
    most: int | None = None
    codes: Mapping[str, int] = field(default_factory=dict)
    said: str = ""


PLACES = {
    "warnings are errors": Place(env={"PYTHONWARNINGS": "error"}),
    "locale C": Place(env={"LANG": "C", "LC_ALL": "C"}),
    "locale without UTF-8": Place(
        env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ),
    "no HOME": Place(env={"HOME": None}),
    "home cannot be written": Place(env={"HOME": NOWHERE, "MEMNET_HOME": None}),
    "no TMPDIR": Place(env={"TMPDIR": NOWHERE}),
    "a notebook's backend": Place(env={"MPLBACKEND": "module://matplotlib_inline.backend_inline"}),
    "caches cannot be written": Place(env={"MPLCONFIGDIR": NOWHERE, "NUMBA_CACHE_DIR": NOWHERE}),
    "stdout closed": Place(
        closed=(1,), codes={"print": 2}, said="memnet: stdout is closed, and the table would go"
    ),
    "stderr closed": Place(closed=(2,)),
    "no stream": Place(closed=(0, 1, 2), codes={"print": 2}),
    "stdout on a full disk": Place(
        full=(1,),
        codes={"print": 2, "compare": 2, "demo": 2},
        said="memnet: the output cannot be written (No space left on device)",
    ),
    "stderr on a full disk": Place(full=(2,)),
    "nobody reads": Place(unread=True, codes={"print": 141, "compare": 141, "demo": 141}),
    "a full disk": Place(
        most=1000, codes={"score": 2, "compare": 2, "demo": 2}, said="cannot be written (File too"
    ),
}
EVERYTHING = Place(
    env={name: value for place in PLACES.values() for name, value in place.env.items()},
    closed=(0, 1),
    full=(2,),
)


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    """Pictures, a model and a table, with what a machine without oddities makes of them."""
    folder = tmp_path_factory.mktemp("given")
    register()
    model = memnet.load(write_tiny(folder / "tiny.safetensors"), device="cpu")
    pictures = sorted(Path(str(files("memnet.samples") / "pictures")).glob("*.png"))
    model.score(pictures)[["image_id", "score"]].to_csv(folder / "expected.csv", index=False)
    lines = (files("memnet.samples") / "scenes375.csv").read_text(encoding="utf-8").splitlines()
    (folder / "few.csv").write_text("\n".join(lines[:31]), encoding="utf-8")
    return folder


@cache
def expected_results(given: Path) -> dict[tuple[str, str], float | None]:
    """What `memnet compare` finds in this process."""
    run_memnet(*compare(given, given / "expected"))
    return results(given / "expected" / "record.json")


def compare(given: Path, out: Path) -> list[object]:
    table = given / "few.csv"
    words = ["--truth", table, "--truth-column", "hit_rate", "--scores", table]
    return ["compare", *words, "--resamples", 20, "--out", out]


def command(name: str, given: Path, out: Path) -> list[object]:
    pictures = files("memnet.samples") / "pictures"
    to_stdout = [sys.executable, TINY, "score", pictures, "-m", given / "tiny.safetensors"]
    return {
        "print": to_stdout,
        "score": [*to_stdout, "--out", out / "scores.csv"],
        "compare": [*MEMNET, *compare(given, out / "report")],
        "demo": [*MEMNET, "demo", "--out", out / "demo"],
    }[name]


def run(words: list[object], place: Place, cwd: Path) -> tuple[int, str, str]:
    """Run a command in a place; returns its exit code, and what it wrote to stdout and stderr."""
    import resource

    def prepare() -> None:
        for stream in place.closed:
            os.close(stream)
        if place.most is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (place.most, place.most))

    env = {**os.environ, **place.env}
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    opened = []
    if place.full and not os.path.exists("/dev/full"):
        skip_for("/dev/full", "macOS has none")
    for number in place.full:
        opened.append(os.open("/dev/full", os.O_WRONLY))
        streams["stdout" if number == 1 else "stderr"] = opened[-1]
    if place.unread:
        read, write = os.pipe()
        os.close(read)
        opened.append(write)
        streams["stdout"] = write
    done = subprocess.run(
        list(map(str, words)),
        stdin=subprocess.DEVNULL,
        env={name: value for name, value in env.items() if value is not None},
        cwd=cwd,
        preexec_fn=prepare,
        timeout=LIMIT,
        check=False,
        **streams,
    )
    for number in opened:
        os.close(number)
    out, err = ((text or b"").decode("utf-8") for text in (done.stdout, done.stderr))
    return done.returncode, out, err


def require_the_work(name: str, given: Path, out: Path, printed: str) -> None:
    """What a command makes is there, whole, and the same as elsewhere."""
    if name == "compare":
        found = results(out / "report" / "record.json")
        assert found == pytest.approx(expected_results(given), abs=1e-9)
        assert (out / "report" / "report.html").stat().st_size > 100_000  # with its figures
    elif name == "demo":
        assert len(results(out / "demo" / "record.json")) > 40
        assert (out / "demo" / "report.html").stat().st_size > 100_000
    else:
        table = out / "scores.csv"
        if name == "print":
            table.write_text(printed, encoding="utf-8")
        scores, expected = pd.read_csv(table), pd.read_csv(given / "expected.csv")
        assert scores["image_id"].tolist() == expected["image_id"].tolist()
        assert scores["score"].to_numpy() == pytest.approx(expected["score"].to_numpy(), abs=1e-6)


def results(record: Path) -> dict[tuple[str, str], float | None]:
    rows = json.loads(record.read_text(encoding="utf-8"))["results"]
    return {(row["model"], row["metric"]): row["value"] for row in rows}


def check(name: str, place: Place, given: Path, out: Path) -> None:
    code, printed, err = run(command(name, given, out), place, out)
    assert code == place.codes.get(name, 0), err
    assert "Traceback" not in err
    assert not [path.name for path in out.rglob("*") if ".part" in path.name]
    if place.most is None and not (name == "print" and code):
        require_the_work(name, given, out, printed)
    if code and 2 not in (*place.closed, *place.full):
        assert place.said in (err.splitlines() or [""])[-1]


@pytest.mark.parametrize("name", ["score", pytest.param("compare", marks=pytest.mark.slow)])
def test_whatever_is_odd_at_once(name, given, tmp_path):
    check(name, EVERYTHING, given, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["print", "score", "compare"])
def test_each_oddity(name, place, given, tmp_path):
    check(name, PLACES[place], given, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_the_demo(place, given, tmp_path):
    check("demo", PLACES[place], given, tmp_path)

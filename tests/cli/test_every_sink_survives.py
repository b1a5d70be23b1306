"""Whatever is scored, wherever it goes, whatever happens on the way: every row once, none changed.

A source makes the words of `memnet score` that name its pictures; a sink says what came out. To
add one, write a function below it and put it into SOURCES or SINKS.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import tiny as tiny_network
from archives import files_of, write_hdf5, write_parquet, write_tar, write_zip
from command import Finished, start_memnet, wait_for
from memnet.data import pictures as picture_lists
from memnet.data.score_columns import FAILED
from memnet.scoring import engine
from memnet.scoring.score_file import ScoreFile

PICTURES = 12


@pytest.fixture
def folder(make_pictures):
    return make_pictures(PICTURES)


def a_folder(root: Path) -> list[object]:
    return [root]


def a_glob(root: Path) -> list[object]:
    return [root / "0*.png"]


def a_table(root: Path) -> list[object]:
    """Trials: pictures that are there several times, beside columns of the user's."""
    trials = [f"{n * 5 % PICTURES:05d}.png,s{n % 3},{n}\n" for n in range(PICTURES + 6)]
    table = root / "trials.csv"
    table.write_text("file,subject,trial\n" + "".join(trials))
    return [table, "--path-column", "file"]


def boxes(root: Path) -> list[object]:
    rows = [f"{n:05d}.png,{n % 3},{k},{12 + k},15\n" for n in range(PICTURES) for k in (0, 5)]
    table = root / "faces.csv"
    table.write_text("path,left,top,right,bottom\n" + "".join(rows))
    return [table, "--box-columns", "left,top,right,bottom"]


def a_video(root: Path) -> list[object]:
    from videos import noise, write_video

    return [write_video(root / "film.mkv", noise(2 * PICTURES)), "--fps", "12.5"]


def a_zip(root: Path) -> list[object]:
    return [write_zip(root.parent / "pictures.zip", files_of(root))]


def a_tar(root: Path) -> list[object]:
    return [write_tar(root.parent / "pictures.tar", files_of(root))]


def parquet_of_pictures(root: Path) -> list[object]:
    return [write_parquet(root.parent / "train.parquet", files_of(root))]


def hdf5(root: Path) -> list[object]:
    pytest.importorskip("h5py", reason="needs h5py; pip install h5py")
    return [write_hdf5(root.parent / "pictures.hdf5", files_of(root))]


def addresses(root: Path) -> list[object]:
    return [f"{root.as_uri()}/0*.png"]


ONE_FILE = (a_video, a_zip, a_tar, parquet_of_pictures, hdf5)
"""Sources whose pictures all lie in the file that is their first word."""

SOURCES = {each.__name__: each for each in (a_folder, a_glob, addresses, a_table, boxes, *ONE_FILE)}
"""To each belongs a function: folder of pictures 00000.png ... -> words of `memnet score`."""


def lines_of_json(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines(keepends=True) if line.endswith(b"\n")]


def lines_of_csv(content: bytes) -> list[dict[str, Any]]:
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    return [{**row, "score": float(row["score"]) if row["score"] else None} for row in rows]


def record_batches(content: bytes) -> list[dict[str, Any]]:
    rows = []
    with contextlib.suppress(pa.ArrowInvalid, StopIteration), pa.ipc.open_stream(content) as stream:
        while True:
            rows += stream.read_next_batch().to_pylist()
    return rows


STREAMS: dict[str, Callable[[bytes], list[dict[str, Any]]]] = {
    "csv": lines_of_csv,
    "jsonl": lines_of_json,
    "arrow": record_batches,
}
FILES = ["s.csv", "s.parquet", "s.xlsx"]
SINKS = [*FILES, *STREAMS]


class Run:
    """One source into one sink, as often as one likes."""

    def __init__(self, source: str, sink: str, weights: Path, folder: Path, command: Any) -> None:
        self.sink = sink
        self.out = folder.parent / sink
        where = ["--format", sink] if sink in STREAMS else ["--out", self.out]
        self.words = ["score", *SOURCES[source](folder), "-m", weights, "-b", 2, *where]
        self._command = command

    def __call__(self, check: int | None = 0) -> Finished:
        return self._command(*self.words, check=check)

    def rows(self, stdout: bytes = b"") -> list[dict[str, Any]]:
        """Return what came out: id, score, warning and the user's columns of each row."""
        if self.sink in STREAMS:
            rows = STREAMS[self.sink](stdout)
        elif self.sink == "s.csv":
            rows = lines_of_csv(self.out.read_bytes())
        elif self.sink == "s.parquet":
            rows = pd.read_parquet(self.out).astype(object).to_dict("records")
        else:
            rows = pd.read_excel(self.out, dtype=object, keep_default_na=False).to_dict("records")
        return [{name: _plain(cell) for name, cell in row.items()} for row in rows]

    def require_beginning(self, stdout: bytes, expected: list[dict[str, Any]]) -> None:
        """Require no table yet; and of what went to stdout that it is there once, and right."""
        assert not self.out.exists()
        if self.sink in STREAMS:
            rows = self.rows(stdout)
            assert len(rows) < len(expected)
            at = {(row["image_id"], row.get("trial")): row for row in expected}
            keys = [(row["image_id"], row.get("trial")) for row in rows]
            assert len(set(keys)) == len(keys)
            require_same(rows, [at[key] for key in keys])

    def again(self) -> bytes:
        """Run the same command again: a file goes on where it was."""
        done = self()
        assert self.sink in STREAMS or "were scored before" in done.stderr
        return done.stdout_bytes

    def fresh(self) -> list[dict[str, Any]]:
        """Return the rows of a run to which nothing happens."""
        words, self.out = self.words, self.out.with_name(f"fresh-{self.out.name}")
        self.words = [
            self.out if word == words[-1] and self.sink in FILES else word for word in words
        ]
        done = self()
        rows = self.rows(done.stdout_bytes)
        self.words, self.out = words, self.out.with_name(self.out.name.removeprefix("fresh-"))
        return rows


def _plain(cell: object) -> object:
    if cell is None or cell == "" or pd.isna(cell):
        return None
    return float(cell) if isinstance(cell, (int, float)) else str(cell)


def require_same(rows: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Require each row once, with its cells and its score (batches may fall elsewhere)."""
    names = [name for name in (expected or [{}])[0] if name not in ("score", "raw")]
    assert [[row[name] for name in names] for row in rows] == [
        [row[name] for name in names] for row in expected
    ]
    wanted = [row["score"] for row in expected]
    assert [row["score"] for row in rows] == pytest.approx(wanted, rel=0, abs=1e-6)


@pytest.fixture
def run(folder, tiny_weights, memnet_command):
    def make(source: str, sink: str) -> Run:
        return Run(source, sink, tiny_weights, folder, memnet_command)

    return make


def grid(*sinks: str, fast: set[tuple[str, str]]) -> pytest.MarkDecorator:
    """All sources into these sinks; those that are not among ``fast`` run with `-m slow`."""
    cells = [
        pytest.param(
            *(source, sink),
            id=f"{source} into {sink}",
            marks=[] if (source, sink) in fast else [pytest.mark.slow],
        )
        for source in SOURCES
        for sink in sinks
    ]
    return pytest.mark.parametrize(("source", "sink"), cells)


@grid(
    *SINKS,
    fast={
        ("a_folder", "s.parquet"),
        ("a_table", "arrow"),
        ("boxes", "s.csv"),
        ("a_video", "jsonl"),
    },
)
def test_a_picture_that_is_gone_when_it_is_read(source, sink, run, folder, monkeypatch):
    """Its rows stand there, failed; it comes back, and all is as if nothing had been."""
    this = run(source, sink)
    expected = this.fresh()
    victim = folder / f"{PICTURES - 1:05d}.png"
    if SOURCES[source] in ONE_FILE:
        victim = Path(this.words[1])
    content, collect = victim.read_bytes(), picture_lists.collect

    def and_then_delete(*args, **options):
        inputs = collect(*args, **options)
        victim.unlink()
        return inputs

    with monkeypatch.context() as patch:
        patch.setattr(picture_lists, "collect", and_then_delete)
        done = this(check=1)
    rows = this.rows(done.stdout_bytes)
    assert victim.name in done.stderr
    lost = [row for row in expected if victim.name in Path(row["path"]).parts]
    assert lost
    assert len(rows) == len(expected)
    failed = [row for row in rows if (row["warning"] or "").startswith(FAILED)]
    assert [row["image_id"] for row in failed] == [row["image_id"] for row in lost]
    assert all(row["score"] is None for row in failed)
    victim.write_bytes(content)
    require_same(this.rows(this().stdout_bytes), expected)


@contextlib.contextmanager
def no_file_longer_than(size: int):
    """As on a disk that is full, or at a quota: the system itself refuses to let a file grow."""
    resource = pytest.importorskip("resource", reason="needs limits of a process; not on Windows")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@grid(*FILES, fast={("a_table", "s.xlsx"), ("a_video", "s.parquet")})
def test_a_disk_that_is_full(source, sink, run, monkeypatch):
    """Twice while rows are appended to the journal, then while the table is written."""
    this = run(source, sink)
    expected = this.fresh()
    for what, size, named in [
        ("append", 1200, f"{sink}.partial"),
        ("append", 2400, f"{sink}.partial"),
        ("finish", 100, sink),
    ]:
        write = getattr(ScoreFile, what)

        def in_no_space(*args, size=size, write=write):
            with no_file_longer_than(size):
                write(*args)

        with monkeypatch.context() as patch:
            patch.setattr(ScoreFile, what, in_no_space)
            done = this(check=2)
        assert f"{named} cannot be written (" in done.stderr
        assert not this.out.exists()
        assert not list(this.out.parent.glob(".*.part"))
    done = this()
    assert "0 scored" in done.stderr
    require_same(this.rows(), expected)


def network_dies(patch):
    """As where the driver of a graphics card gives up."""
    forward, calls = tiny_network.Tiny.forward, []

    def dies(self, x):
        calls.append(1)
        if len(calls) == 4:
            raise RuntimeError("it died")
        return forward(self, x)

    patch.setattr(tiny_network.Tiny, "forward", dies)


def decoder_dies(patch):
    """As where a library that decodes has a fault, in one of the threads."""
    open_picture, calls = engine.open_picture, []

    def dies(picture, **options):
        calls.append(1)
        if len(calls) == 9:
            raise RuntimeError("it died")
        return open_picture(picture, **options)

    patch.setattr(engine, "open_picture", dies)


@pytest.mark.parametrize("worker", [network_dies, decoder_dies])
@grid(*SINKS, fast={("a_glob", "s.csv"), ("boxes", "s.parquet"), ("a_zip", "jsonl")})
def test_a_worker_that_dies(source, sink, worker, run, monkeypatch):
    this = run(source, sink)
    expected = this.fresh()
    with monkeypatch.context() as patch:
        worker(patch)
        done = this(check=None)
    assert done.returncode
    assert "it died" in done.stderr
    this.require_beginning(done.stdout_bytes, expected)
    require_same(this.rows(this.again()), expected)


@pytest.mark.process
@grid(*SINKS, fast={("a_table", "s.parquet")})
def test_kill_9_in_the_middle(source, sink, run, folder):
    this = run(source, sink)
    expected = this.fresh()
    log = folder.parent / "log"
    process = start_memnet(
        *this.words, cwd=folder.parent, env={"TINY_SLEEP": "0.2", "TINY_LOG": str(log)}
    )

    def third_batch() -> bool:
        return log.exists() and len(log.read_text().splitlines()) >= 3

    wait_for(process, third_batch)
    process.kill()
    stdout = process.stdout.buffer.read()
    process.communicate()
    this.require_beginning(stdout, expected)
    require_same(this.rows(this.again()), expected)


@pytest.mark.process
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full; Linux has it")
@pytest.mark.parametrize(
    "sink", [pytest.param(each, marks=[pytest.mark.slow] * (each != "arrow")) for each in STREAMS]
)
def test_stdout_on_a_full_disk_is_no_success(sink, run):
    this = run("a_folder", sink)
    with open("/dev/full", "wb") as full:
        process = start_memnet(*this.words, stdout=full)
    _, stderr = process.communicate()
    assert process.returncode not in (0, None)
    assert "No space left on device" in stderr
    assert "Traceback" not in stderr

"""`memnet score --format jsonl`: a line for each row as it is made, for another program."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from command import start_memnet
from memnet.scoring.table import COLUMNS

SCORE_PAGE = Path(__file__).parents[2] / "docs" / "score.md"


def strict(line):
    def refuse(name):
        raise ValueError(name)  # NaN, Infinity

    return json.loads(line, parse_constant=refuse)


def test_a_line_is_a_row_of_the_table(memnet_command, make_pictures, tiny_weights):
    folder = make_pictures(5)
    (folder / "00002.png").write_bytes(b"")
    (folder / "trials.csv").write_text(
        "path,subject,note\n" + "".join(f"0000{n}.png,0{n},ü\u2028\n" for n in (4, 2, 0, 4))
    )
    args = ("score", folder / "trials.csv", "-m", tiny_weights)
    lines = memnet_command(*args, "--format", "jsonl", check=1).stdout.split("\n")[:-1]
    rows = list(map(strict, lines))
    assert [row["image_id"] for row in rows] == [f"0000{n}.png" for n in (4, 4, 2, 0)]
    assert all(list(row) == [*COLUMNS, "subject", "note"] for row in rows)
    failed = rows[2]
    assert [failed[name] for name in ("score", "raw", "n_crops", "clamped")] == [None] * 4
    assert failed["warning"].startswith("failed: The file is empty")
    printed = memnet_command(*args, "--format", "csv", check=1).stdout
    assert printed == memnet_command(*args, check=1).stdout
    by_id = {row["image_id"]: row for row in csv.DictReader(io.StringIO(printed, newline=""))}
    for row in rows:
        same = by_id[row["image_id"]]
        assert ["" if row[name] is None else str(row[name]) for name in row] == list(same.values())


def test_a_format_is_for_stdout(memnet_command, make_pictures, tiny_weights):
    args = ("score", make_pictures(1), "-m", tiny_weights, "--format", "jsonl")
    done = memnet_command(*args, "-o", "s.csv", check=2)
    assert "--format jsonl is for stdout; what s.csv is, its ending says" in done.stderr
    done = memnet_command(*args, "--spreadsheet-safe", check=2)
    assert "--spreadsheet-safe is for CSV" in done.stderr


@pytest.mark.process
def test_lines_come_while_it_works_and_a_reader_that_stops_ends_it_quietly(
    make_pictures, tiny_weights
):
    """`memnet score ... --format jsonl | head -1`."""
    process = start_memnet(
        *("score", make_pictures(2000), "-m", tiny_weights, "-b", 1, "--format", "jsonl"),
        env={"TINY_SLEEP": "0.05"},  # at least 100 s for all of them
    )
    first = process.stdout.readline()
    assert process.poll() is None
    process.stdout.close()
    code = process.wait(60)
    errors = process.stderr.read()
    process.stderr.close()
    assert strict(first)["image_id"] == "00000.png"
    assert (code, errors) == (141, "")


def test_the_program_of_the_page_writes_scores_into_a_database(
    memnet_command, make_pictures, tiny_weights, tmp_path
):
    (program,) = re.findall(
        r"^```python\n(import json\nimport sqlite3.*?)^```", SCORE_PAGE.read_text(), re.M | re.S
    )
    films = sqlite3.connect(tmp_path / "films.db")
    with films:
        films.execute("CREATE TABLE films (poster TEXT, memorability REAL)")
        films.executemany("INSERT INTO films VALUES (?, -1)", [("00000.png",), ("00001.png",)])
    folder = make_pictures(2)
    (folder / "00001.png").write_bytes(b"")
    args = ("score", folder, "-m", tiny_weights, "--format", "jsonl")
    lines = memnet_command(*args, check=1).stdout
    subprocess.run(
        [sys.executable, "-c", program], input=lines, text=True, cwd=tmp_path, check=True
    )
    found = films.execute("SELECT memorability FROM films ORDER BY poster").fetchall()
    films.close()
    assert found == [(strict(lines.splitlines()[0])["score"],), (None,)]

"""What a score table of many rows takes in memory and time, beside the scoring itself.

    python benchmarks/rows.py --rows 1000000 --out benchmarks/results/rows.json

Rows are made up, as of a table with two columns of its own; no picture is opened. For each kind of
file, each in a process of its own: `first` lists the pictures, appends the rows to the journal in
batches of 8 (without waiting for the disk) and writes the table; `killed` reads the journal of a
run that was killed before it wrote the table, and writes it; `again` reads the table, as a run does
that has nothing to do, and writes it anew. Memory is the process's peak less what it had after its
imports, in MB; time is that of the processor. Results are printed as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BATCH = 8
MODEL = "resmem.published"
PARTS = ("first", "killed", "again")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kinds", nargs="+", default=["parquet", "csv"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        part, out = args.part
        print(json.dumps(run_part(part, Path(out), args.rows)))
        return
    from score import machine  # beside this file

    found: dict[str, object] = {"machine": machine(), "rows": args.rows}
    for kind in args.kinds:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder, f"scores.{kind}")
            for part in PARTS:
                command = [sys.executable, __file__, "--rows", str(args.rows)]
                done = subprocess.run(
                    [*command, "--part", part, str(out)], check=True, capture_output=True
                )
                found[f"{kind}, {part}"] = json.loads(done.stdout)
                if part == "first":  # as it was a moment before the table was written
                    os.rename(out.with_name("kept.partial"), out.with_name(f"{out.name}.partial"))
                    out.unlink()
    text = json.dumps(found, indent=1) + "\n"
    print(text, end="")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)


def memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_part(part: str, out: Path, rows: int) -> dict[str, float]:
    import pyarrow.parquet  # noqa: F401  # before memory is measured: what scoring imports, too
    import torch  # noqa: F401

    from memnet.data.inputs import Item, TableRow
    from memnet.scoring import score_file
    from memnet.scoring.table import Row

    os.fsync = lambda descriptor: None
    before = memory_mb()
    found: dict[str, float] = {}
    start = time.process_time()

    def lap(name: str) -> None:
        nonlocal start
        found[f"{name}_cpu_s"] = round(time.process_time() - start, 1)
        start = time.process_time()

    names = [f"pictures{number // 1000:04d}/picture_{number:08d}.jpg" for number in range(rows)]
    items = [Item(name, path := f"/data/study/{name}", path) for name in names]
    listed = [
        TableRow(name, {"subject": "01", "trial": str(number)}) for number, name in enumerate(names)
    ]
    lap("list")
    with score_file.open_scores(out) as table:
        lap("read")
        todo = [item for item in items if (MODEL, "", item.image_id) not in table.rows]
        order = [(MODEL, "", row.image_id) for row in listed]
        if part == "first":
            table.write_sidecar()
            table.stamps = dict.fromkeys(order, "123456 1764412345678901234")
            chance = random.Random(17)
            for first in range(0, rows, BATCH):
                table.append([scored(item, chance, Row) for item in todo[first : first + BATCH]])
            lap("append")
            os.link(table.journal, out.with_name("kept.partial"))
        table.finish(order, [row.extra for row in listed])
        lap("write")
    found["peak_mb_beyond_imports"] = round(memory_mb() - before)
    found["file_mb"] = round(out.stat().st_size / 1e6, 1)
    return found


def scored(item: object, chance: random.Random, row: type) -> object:
    return row(
        image_id=item.image_id,
        path=item.path,
        model=MODEL,
        variant="",
        score=chance.random(),
        raw=chance.random(),
        n_crops=1,
        clamped=False,
        width=640,
        height=480,
        mode="RGB",
        warning="",
    )


if __name__ == "__main__":
    main()

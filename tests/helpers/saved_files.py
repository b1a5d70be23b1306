"""One of each file that memnet saves, for `tests/golden/saved/`.

It was run once, with memnet 0.1.0, before the packages moved: a user's files are of that kind, and
`tests/project/test_saved_files.py` holds every later version to reading them. Running it again
would write them with the code that is to be tested, and a change that breaks old files would no
longer be seen. So add files for a new kind of saved file, and leave those that are there:

    python tests/helpers/saved_files.py FOLDER

makes all of them in a new folder, from which to copy what is wanted. The commands are in
``MAKE``; they run inside a folder with made-up pictures and tables, as a user would type them.

Two things are not as the commands left them: absolute paths to the pictures (``split.csv`` and
``scores.parquet`` of a training run) are relative, and the kernel's name is taken out of the
versions. Pages and figures, which memnet draws again, are left out.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image
from pyarrow import parquet

from tiny import write_tiny

TINY = Path(__file__).parent / "tiny.py"
GOLDEN = Path(__file__).parents[1] / "golden"
MINI, MEAN = GOLDEN / "mini" / "mini_v2.caffemodel", GOLDEN / "mean" / "synthetic_mean.mat"

CHANGED = 1_700_000_000_000_000_000
"""When the pictures were changed last: a training run goes on only with unchanged files."""

DATA = (
    "--preset memnet --config small.toml --truth human.csv --truth-column hit_rate "
    "--split-column part --images pictures --cache cache --device cpu"
)
TRAIN = f"train {DATA}"
TUNE = (
    f"tune {DATA} --trials 2 --learning-rate 0.0005 0.002 --batch-size 8 8 --momentum 0.5 0.9 "
    "--weight-decay 0 0"
)
COUNTS = "--hits-column hits --responses-column n --strata-column category"
MIXTURE = "dataset mixture --lamem lamem --split 1 --memcat memcat.csv --label w-fa --held-out 12"
OLD = "diagnose --scores old.csv --score-column memnet"

MAKE = (
    "score pictures --model tiny.safetensors --out scores.csv",
    "score pictures --model tiny.safetensors --out scores.parquet",
    "freeze --model tiny.safetensors --images pictures --out frozen.json",
    f"compare --truth truth.csv --truth-column hit_rate {COUNTS} --dataset memcat "
    "--scores good.csv poor.csv --resamples 200 --out comparison",
    "migrate study.csv --score-column memnet --new-scores new.csv --outcome rating --group set "
    "--memnet-equivalent --resamples 200 --out migration",
    "migrate study.csv --score-column memnet --map migration/crosswalk.json --out mapped",
    f"{MIXTURE} --out mixture.csv",
    f"{TRAIN} --out run",
    f"{TUNE} --out search",
)

IMPORT = f"weights import {MINI} --mean {MEAN} --out mini.safetensors"

KEPT = (
    *("pictures", "human.csv", "small.toml", "tiny.safetensors", "frozen.json"),
    *("scores.csv", "scores.csv.json", "scores.parquet", "scores.parquet.json"),
    *("truth.csv", "good.csv", "poor.csv", "comparison/record.json"),
    *("study.csv", "new.csv", "migration/crosswalk.json", "migration/migrate.json"),
    *("migration/migrated.csv", "migration/claims.csv"),
    *("mapped/migrated.csv", "mapped/migrate.json"),
    *("lamem", "memcat.csv", "mixture.csv", "mixture.csv.json"),
    *("run", "interrupted", "search", "old.csv", "diagnosis.json"),
)
DROPPED = (
    *("**/figures", "**/tables", "**/tensorboard", "**/*.html", "**/report.md", "**/.*lock"),
    "run/*.ckpt",
)


def make_inputs(work: Path) -> None:
    """Write made-up pictures and tables, and the tiny network."""
    random = np.random.default_rng(20)
    (work / "pictures").mkdir()
    across, down = np.meshgrid(np.arange(40), np.arange(32))
    rows = []
    for number in range(30):
        radius, red = random.uniform(3, 12), random.uniform(0, 1)
        x, y = random.uniform(12, 28), random.uniform(10, 22)
        pixels = np.full((32, 40, 3), random.uniform(60, 160))
        disc = (across - x) ** 2 + (down - y) ** 2 < radius**2
        pixels[disc] = np.array([60 + 195 * red, 60, 255 - 195 * red])
        name = f"{number:02d}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(work / "pictures" / name)
        os.utime(work / "pictures" / name, ns=(CHANGED, CHANGED))
        part = "train" if number < 14 else "val" if number < 22 else "test"
        rows.append((name, round(0.3 + 0.3 * red + 0.3 * (radius - 3) / 9, 4), part))
    pd.DataFrame(rows, columns=["image_id", "hit_rate", "part"]).to_csv(
        work / "human.csv", index=False
    )
    sizes = ", ".join(f"conv{number} = 4" for number in range(1, 6))
    (work / "small.toml").write_text(
        f"sizes = {{ {sizes}, fc6 = 8, fc7 = 8 }}\nepochs = 4\nbatch_size = 7\n"
        "learning_rate = 0.001\ndropout = 0.0\n"
    )
    write_tiny(work / "tiny.safetensors")

    ids = [f"{number:03d}.jpg" for number in range(60)]
    memorable = random.beta(8, 3, 60)
    hits = random.binomial(40, memorable)
    categories = np.array(["animal", "food", "vehicle"])[np.arange(60) % 3]
    pd.DataFrame({"image_id": ids, "category": categories, "hits": hits, "n": 40}).assign(
        hit_rate=hits / 40
    ).to_csv(work / "truth.csv", index=False)
    for name, noise in (("good", 0.08), ("poor", 0.25)):
        score = (0.2 + 0.7 * memorable + random.normal(0, noise, 60)).clip(0, 1)
        pd.DataFrame({"image_id": ids, "score": score}).to_csv(work / f"{name}.csv", index=False)

    true = random.standard_normal(40)
    study = pd.DataFrame(
        {
            "image_id": [f"{place:05d}.png" for place in range(40)],
            "set": ["indoor", "outdoor"] * 20,
            "memnet": (0.65 + 0.1 * (true + random.standard_normal(40))).round(4),
            "rating": (true + random.standard_normal(40)).round(3),
        }
    )
    study.to_csv(work / "study.csv", index=False)
    new = 0.7 + 0.05 * (true + random.standard_normal(40))
    study[["image_id"]].assign(score=new).to_csv(work / "new.csv", index=False)

    (work / "lamem" / "splits").mkdir(parents=True)
    number = 0
    for part, count in (("train", 10), ("val", 4), ("test", 6)):
        lines = []
        for _ in range(count):
            number += 1
            lines.append(f"{number:08d}.jpg {random.beta(6, 2):.6f}\n")
        (work / "lamem" / "splits" / f"{part}_1.txt").write_text("".join(lines))
    n, h, fa = 80, random.integers(30, 78, 12), random.integers(0, 20, 12)
    pd.DataFrame(
        {
            "image_file": [f"{number}.jpg" for number in range(12)],
            "category": ["food", "animal", "sports"] * 4,
            "subcategory": ["donut", "bear", "ski"] * 4,
            "H": h,
            "FA": fa,
            "n_resp": n,
            "memorability_wo_fa_correction": h / n,
            "memorability_w_fa_correction": (h - fa) / n,
        }
    ).to_csv(work / "memcat.csv", index=False)


def memnet(command: str, work: Path) -> str:
    """Run `memnet ...` with the tiny network known, and return what it prints."""
    print(f"memnet {command}", file=sys.stderr)
    done = subprocess.run(
        [sys.executable, TINY, *shlex.split(command)], cwd=work, check=True, capture_output=True
    )
    return done.stdout.decode()


def interrupted(work: Path) -> None:
    """Begin a run and press Ctrl-C in the third of its four epochs."""
    print(f"memnet {TRAIN} --out interrupted (and Ctrl-C)", file=sys.stderr)
    args = [sys.executable, TINY, *shlex.split(TRAIN), "--out", "interrupted"]
    running = subprocess.Popen(args, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    curves = work / "interrupted" / "curves.csv"
    while not curves.is_file() or "\n2.0," not in curves.read_text():
        time.sleep(0.005)
    time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    running.communicate()
    run = json.loads((work / "interrupted" / "run.json").read_text())
    with curves.open() as file:
        epochs = [row["epoch"] for row in csv.DictReader(file)]
    assert (run["status"], epochs[-1]) == ("interrupted", "2.0"), (run["status"], epochs)
    assert "goes on from the end of epoch 2" in run["message"]


def diagnosis(work: Path) -> None:
    """Score the pictures with a variant of the small MemNet, and find out which it was."""
    memnet(IMPORT, work)
    memnet("score pictures --model mini.safetensors:pycaffe-no-swap --out variant.csv", work)
    table = pd.read_csv(work / "variant.csv").head(12)
    old = table[["image_id"]].assign(memnet=table["raw"].round(4))
    old.to_csv(work / "old.csv", index=False)
    found = memnet(f"{OLD} --images pictures --model mini.safetensors --json", work)
    (work / "diagnosis.json").write_text(found)


def without_machine(folder: Path, work: Path) -> None:
    """Make absolute paths relative, and take the kernel's name out of the versions."""
    here, kernel = f"{work}{os.sep}", platform.release()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".json", ".csv", ".toml"):
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(here, "").replace(f"-{kernel}-", "-"), encoding="utf-8")
        elif path.suffix == ".parquet":
            table = parquet.read_table(path)
            place = table.schema.get_field_index("path")
            paths = [one.removeprefix(here) for one in table["path"].to_pylist()]
            field = table.schema.field(place)
            parquet.write_table(table.set_column(place, field, pa.array(paths, field.type)), path)
    for path in folder.rglob("*.*"):
        for word in (here, kernel, platform.node()):
            assert word.encode() not in path.read_bytes(), (path, word)


def make(out: Path) -> None:
    """Make every file in a temporary folder, and copy what is kept."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch).resolve()
        make_inputs(work)
        for command in MAKE:
            memnet(command, work)
        interrupted(work)
        diagnosis(work)
        for name in KEPT:
            target = out / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (work / name).is_dir() else shutil.copy2
            copy(work / name, target)
        for pattern in DROPPED:
            for path in list(out.glob(pattern)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        without_machine(out, work)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(out).as_posix()}\n"
        for path in files
    ]
    (out / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    make(Path(sys.argv[1]))

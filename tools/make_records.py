"""Run memnet's commands once on the same inputs, to see later that no value has changed.

    python tools/make_records.py OUT [--shared FOLDER] [--only NAME ...]

Run it in two checkouts, then `python tools/compare_records.py OUT1 OUT2`. Every command runs as
`python -m memnet` of the checkout that this file lies in, inside OUT, so that what it records is
the same wherever OUT is. What needs the reference material (``--shared``) or the weights of
``resmem.published`` is left out, and said, where they are not at hand. A command that fails for
any other reason ends everything.

What a command prints is kept as ``OUT/printed/NAME.txt``. Takes about ten minutes on two cores,
most of it for the 400 pictures; ``--only`` runs single parts, in the order given, of which some
need another's files (``migrated`` before ``mapped``, ``network`` before ``sensitivity`` before
``diagnosis``, ``training`` before ``table1``, ``demo`` before ``report``).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"
CHECKOUT = "checkout.txt"
"""Names the folder of this checkout, for `compare_records.py`."""
PICTURES = 24
"""How many of the 400 pictures the variants of MemNet are run on."""


class MissingError(Exception):
    """Something that is not at hand here."""


class Records:
    """The output folder, and how commands are run in it.

    Parameters
    ----------
    out : is made where it is not there.
    shared : the reference material.
    """

    def __init__(self, out: Path, shared: Path) -> None:
        self.out, self.shared = out.resolve(), shared.resolve()
        (self.out / "printed").mkdir(parents=True, exist_ok=True)
        (self.out / CHECKOUT).write_text(str(ROOT), encoding="utf-8")

    def memnet(self, name: str, *args: object) -> None:
        """Run one command in the output folder and keep what it prints; raises where it fails."""
        done = self._run(*args)
        if done.returncode not in (0, 1):  # 1: some rows have no partner, and are named
            raise RuntimeError(f"{name}: exit code {done.returncode}: {done.stderr.strip()}")
        (self.out / "printed" / f"{name}.txt").write_text(done.stdout, encoding="utf-8")

    def resmem(self) -> tuple[str, ...]:
        """Return the options that choose ``resmem.published``, whose weights must be at hand."""
        done = self._run("weights", "fetch", "resmem.published", "--offline")
        if done.returncode == 2:  # nothing in the store, and no copy on this machine
            raise MissingError(done.stderr.strip().splitlines()[-1])
        return ("--model", "resmem.published", "--device", "cpu")

    def _run(self, *args: object) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        return subprocess.run(
            [sys.executable, "-m", "memnet", *map(str, args)],
            cwd=self.out,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )

    def data(self, *parts: str) -> Path:
        """Return a place in the reference material."""
        path = self.shared.joinpath(*parts)
        if not path.exists():
            raise MissingError(f"there is no {path.name} in the reference material")
        return path

    def copied(self, source: Path, name: str) -> Path:
        """Copy an input into the output folder, so that its path is the same everywhere."""
        target = self.out / "inputs" / name
        target.parent.mkdir(exist_ok=True)
        copy = shutil.copy2 if source.is_file() else shutil.copytree
        if not target.exists():
            copy(source, target)
        return target.relative_to(self.out)


def demo(to: Records) -> None:
    """Score the bundled pictures, and compare 375 published scores with human memory."""
    to.memnet("demo", "demo", "--out", "demo")


def report(to: Records) -> None:
    """Render the demo's record again."""
    to.memnet("report", "report", "demo/record.json", "--out", "report")


def scores(to: Records) -> None:
    """Score the golden pictures, as a table and as a frozen file."""
    pictures = to.copied(GOLDEN / "images", "golden")
    model = to.resmem()
    to.memnet("scores", "score", pictures, *model, "--out", "golden.csv")
    to.memnet("frozen", "freeze", *model, "--images", pictures, "--out", "frozen.json", "--force")
    to.memnet("clips", "clips", "golden.csv", "--out", "clips")


def pictures400(to: Records) -> None:
    """Score 400 pictures and compare them with human memory."""
    pictures = to.data("data", "pictures")
    table = to.copied(pictures / "human_scores.csv", "human_scores.csv")
    images = to.copied(pictures / "images", "pictures400")
    truth = ("--truth", table, "--truth-column", "hit_rate", "--dataset", "memcat")
    counts = ("--hits-column", "hits", "--responses-column", "n", "--strata-column", "category")
    model = to.resmem()
    args = ("--images", images, *counts, "--out", "pictures400")
    to.memnet("pictures400", "compare", *truth, *model, *args)


def migrated(to: Records) -> None:
    """Take the simulated study of docs/migrate.md to ResMem."""
    (file,) = ROOT.glob("memnet/**/scenes375.csv")
    scenes = pd.read_csv(file)

    def normal(values: pd.Series) -> np.ndarray:
        return norm.ppf((rankdata(values) - 0.5) / len(values))

    noise = np.random.default_rng(2015).standard_normal(len(scenes))
    latent = 0.35 * normal(scenes["hit_rate"]) + 0.45 * normal(scenes["score"]) + 0.72 * noise
    scenes["memnet"] = ((0.08 * latent) * 2 + 0.65).clip(0, 1).round(4)
    scenes["false_alarm_rate"] = (scenes["false_alarms"] / scenes["responses"]).round(4)
    scenes["hit_rate"] = scenes["hit_rate"].round(4)
    scenes["scene_set"] = scenes["image_id"].str.extract("^([a-z]+)")
    columns = ["image_id", "scene_set", "memnet", "hit_rate", "false_alarm_rate", "responses"]
    scenes[columns].to_csv(to.out / "study.csv", index=False)
    scenes[["image_id", "model", "score"]].to_csv(to.out / "resmem.csv", index=False)
    claims = ("--outcome", "false_alarm_rate", "--covariate", "responses", "--group", "scene_set")
    more = ("--predictor", "hit_rate", "--memnet-equivalent", "--dataset", "scenes375")
    study = ("study.csv", "--score-column", "memnet", "--new-scores", "resmem.csv")
    to.memnet("migrated", "migrate", *study, *claims, *more, "--out", "migrated")


def mapped(to: Records) -> None:
    """Apply that study's crosswalk."""
    args = ("study.csv", "--score-column", "memnet", "--map", "migrated/crosswalk.json")
    to.memnet("mapped", "migrate", *args, "--out", "mapped")


def network(to: Records) -> None:
    """Import the small network of MemNet's layout, and score the golden pictures."""
    model = to.copied(GOLDEN / "mini" / "mini_v2.caffemodel", "mini_v2.caffemodel")
    mean = to.copied(GOLDEN / "mean" / "synthetic_mean.mat", "synthetic_mean.mat")
    pictures = to.copied(GOLDEN / "images", "golden")
    to.memnet("network", "weights", "import", model, "--mean", mean, "--out", "mini.safetensors")
    given = ("--model", "mini.safetensors", "--device", "cpu", "--out", "mini.csv")
    to.memnet("mini", "score", pictures, *given)
    to.memnet("variants", "variants", "--json")


def sensitivity(to: Records) -> None:
    """Run every variant of the small network on some of the 400 pictures."""
    images = to.copied(to.data("data", "pictures", "images"), "pictures400")
    names = sorted(path.name for path in (to.out / images).iterdir())[:PICTURES]
    rows = [f"{name},{images.name}/{name}" for name in names]
    text = "\n".join(["image_id,path", *rows, ""])
    (to.out / images.parent / "some.csv").write_text(text, encoding="utf-8")
    model = ("--model", "mini.safetensors", "--device", "cpu")
    to.memnet("sensitivity", "sensitivity", "inputs/some.csv", *model, "--out", "sensitivity")


def diagnosis(to: Records) -> None:
    """Find out which variant made a column, with the pictures and without them."""
    table = to.out / "sensitivity" / "variants.csv"
    if not table.is_file():
        raise MissingError("sensitivity was not run")
    old = pd.read_csv(table)
    old = old[old["variant"] == "pycaffe-no-swap"][["image_id", "raw"]].round(4)
    old.to_csv(to.out / "old.csv", index=False)
    column = ("--scores", "old.csv", "--score-column", "raw", "--json")
    to.memnet("fingerprint", "diagnose", *column)
    given = ("--images", "inputs/some.csv", "--model", "mini.safetensors", "--device", "cpu")
    to.memnet("diagnosis", "diagnose", *column, *given)
    for name in ("fingerprint", "diagnosis"):
        (to.out / "printed" / f"{name}.txt").replace(to.out / f"{name}.json")


def datasets(to: Records) -> None:
    """Build the truth tables of LaMem, MemCat and their mixture."""
    lamem = ("--lamem", to.copied(to.data("data", "lamem_splits"), "lamem"), "--split", 1)
    file = to.data("data", "human_scores", "memcat_image_data.csv")
    memcat = ("--memcat", to.copied(file, "memcat.csv"), "--label", "wo-fa")
    to.memnet("lamem", "dataset", "lamem", *lamem, "--out", "lamem.csv")
    to.memnet("memcat", "dataset", "memcat", *memcat, "--out", "memcat.csv")
    to.memnet("mixture", "dataset", "mixture", *lamem, *memcat, "--out", "mixture.csv")


def training(to: Records) -> None:
    """Train a small MemNet on the saved files' pictures."""
    saved = GOLDEN / "saved"
    data = ("--truth", to.copied(saved / "human.csv", "human.csv"), "--truth-column", "hit_rate")
    pictures = to.copied(saved / "pictures", "small")
    more = ("--config", to.copied(saved / "small.toml", "small.toml"), "--split-column", "part")
    here = ("--images", pictures, "--cache", "cache", "--device", "cpu")
    to.memnet("training", "train", "--preset", "memnet", *data, *more, *here, "--out", "run")
    shutil.rmtree(to.out / "cache")


def table1(to: Records) -> None:
    """Set that run into Table 1."""
    to.memnet("table1", "table1", "--run", "memnet=run", "--out", "table1")


PARTS: tuple[Callable[[Records], None], ...] = (
    *(demo, report, scores, migrated, mapped, datasets),
    *(network, sensitivity, diagnosis, training, table1, pictures400),
)


def main() -> int:
    """Run the parts; 1 where one of them was left out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    names = [part.__name__ for part in PARTS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    given = parser.parse_args()
    to = Records(given.out, given.shared)
    left_out = 0
    known = {part.__name__: part for part in PARTS}
    for name in given.only:
        began = time.perf_counter()
        try:
            known[name](to)
            print(f"{name:12} {time.perf_counter() - began:6.0f} s", flush=True)
        except MissingError as why:
            left_out += 1
            print(f"{name:12} left out: {why}", flush=True)
    return 1 if left_out else 0


if __name__ == "__main__":
    sys.exit(main())

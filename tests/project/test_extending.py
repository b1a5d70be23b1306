"""docs/extending.md, followed word for word in an empty folder."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from typer.testing import CliRunner

import memnet
from memnet.cli import app
from memnet.data import datasets
from memnet.legacy import variants
from memnet.preprocess.means import MEANS
from memnet.preprocess.resize import RESIZERS
from memnet.preprocess.spec import OutputSpec, PreprocessSpec
from memnet.stats.metrics import METRICS
from memnet.util.resources import packaged_toml, tomllib
from memnet.weights import networks

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
ROOT = PAGE.parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (at the end of )?([\w/.]+\.(?:py|toml))\n")


class Follower:
    """Does what the page says, block by block; nothing of it outlasts the test."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.names: dict[str, object] = {"__name__": "__main__"}
        self.output: dict[str, str] = {}
        self.balls: tuple[str, str, int] | None = None

    def follow(self, kind: str, text: str) -> None:
        file = FILE.match(text)
        if file is None:
            {"python": self._run, "sh": self._commands}[kind](text)
        elif file[1]:
            self._append(file[2], text)
        elif file[2].startswith("memnet/"):
            self._add_module(file[2], text)
        else:
            (self.folder / file[2]).write_text(text)

    def _run(self, code: str) -> None:
        exec(compile(code, str(PAGE), "exec"), self.names)

    def _commands(self, lines: str) -> None:
        self._install()
        for line in lines.splitlines():
            result = CliRunner().invoke(app, shlex.split(line)[1:])
            assert result.exit_code == 0, (line, result.output, result.exception)
            self.output[line] = result.stdout

    def _install(self) -> None:
        """Put the page's package where it is found, as ``pip install .`` does."""
        project = tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]
        info = self.folder / f"brightness_model-{project['version']}.dist-info"
        info.mkdir(exist_ok=True)
        head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (info / "METADATA").write_text(head)
        points = project["entry-points"]["memnet.models"].items()
        lines = "".join(f"{name} = {value}\n" for name, value in points)
        (info / "entry_points.txt").write_text(f"[memnet.models]\n{lines}")

    def _add_module(self, file: str, code: str) -> None:
        """A new file of memnet: a module that can be imported, though it lies elsewhere."""
        name = file.removesuffix(".py").replace("/", ".")
        assert not (ROOT / file).exists()
        module = ModuleType(name)
        exec(compile(code, file, "exec"), module.__dict__)
        self.monkeypatch.setitem(sys.modules, name, module)

    def _append(self, file: str, text: str) -> None:
        """A file of memnet that gets longer."""
        home = {"memnet/data/datasets.toml": datasets, "memnet/legacy/variants.toml": variants}[
            file
        ]
        longer = tomllib.loads((ROOT / file).read_text(encoding="utf-8") + "\n" + text)

        def read(package: str, *path: str) -> dict:
            named = "/".join([*package.split("."), *path]) == file
            return longer if named else packaged_toml(package, *path)

        self.monkeypatch.setattr(home, "packaged_toml", read)
        if home is datasets:
            datasets._ENTRIES.update(datasets._load())
        variants.variants.cache_clear()


@pytest.fixture
def follower(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(networks, "_registered", dict(networks._registered))
    monkeypatch.setattr(datasets, "_ENTRIES", dict(datasets._ENTRIES))
    before = dict(METRICS)
    yield Follower(tmp_path, monkeypatch)
    METRICS.clear()
    METRICS.update(before)
    sys.modules.pop("brightness_model", None)
    monkeypatch.undo()
    variants.variants.cache_clear()


def test_the_page_can_be_followed_word_for_word(follower, tmp_path):
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) >= 14
    tables = []
    for kind, text in blocks:
        follower.follow(kind, text)
        if "table" in follower.names:
            tables.append(follower.names.pop("table"))
        if "read_balls" in text:
            record = follower.names["record"]
            about = record.dataset, record.models[0]["contamination"], record.items["n"]
            follower.balls = about

    bright, green = tables  # a function, and a network with a weight file
    assert bright["model"].tolist() == ["brightness.v1"] * 12
    assert bright["score"].between(0, 1).all()
    assert bright["score"].nunique() == 12
    assert green["model"].tolist() == ["green.safetensors"]

    scores = pd.read_csv(tmp_path / "scores.csv")  # a package
    assert scores["model"].tolist() == ["brightness.v2"] * 12
    assert "brightness.v2" in follower.output["memnet weights list"]
    by_name = bright.set_index("image_id")["score"]
    assert np.array_equal(by_name[scores["image_id"]], scores["score"])

    check_the_package_in_a_benchmark(tmp_path, by_name)

    truth = follower.names["truth"]  # the data set of one's own program
    assert [line.partition(": ")[2] for line in truth.set_aside] == [
        "hit_rate is missing ('n/a')",
        "hit_rate is 1.5, not within 0 to 1",
    ]
    assert len(pd.read_csv(tmp_path / "balls.csv")) == truth.manifest["n"] == 10
    assert follower.balls == ("balls", "clean", 10)

    record = follower.names["record"]  # the last comparison: the metric and the data set
    assert record.dataset == "toys:all" or record.dataset == "toys"
    assert record.models[0]["contamination"] == "clean"
    assert record.result("rmse").interval is not None
    assert record.value("rmse") == pytest.approx(record.value("mse") ** 0.5)
    assert pd.read_csv(tmp_path / "toys.csv").columns.tolist()[:2] == ["image_id", "human_score"]

    listed = json.loads(follower.output["memnet variants --json"])
    assert "toy-whole-picture" in json.dumps(listed)


def check_the_package_in_a_benchmark(folder: Path, scores: pd.Series) -> None:
    """The package's model scores the pictures of a benchmark, and its cell is right."""
    people = pd.DataFrame({"image_id": scores.index, "hit_rate": scores.to_numpy() ** 2})
    people["hit_rate"] += np.random.default_rng(2).uniform(0, 0.05, len(people))
    people.to_csv(folder / "people.csv", index=False)
    (folder / "suite.toml").write_text(
        'models = ["brightness.v2"]\nresamples = 50\n[[dataset]]\nname = "toys"\n'
        'truth = "people.csv"\ntruth_column = "hit_rate"\npictures = "pictures"\n'
    )
    record = memnet.benchmark(folder / "suite.toml", folder / "bench", device="cpu")
    rho = spearmanr(people["hit_rate"], scores).statistic
    assert record.cell("toys", "brightness.v2").rho == pytest.approx(rho, abs=1e-12)
    assert record.cell("toys", "brightness.v2").contamination == "clean"  # trained on nothing


def test_nothing_of_the_page_is_left():
    assert "rmse" not in METRICS
    assert not {"toys", "balls"} & set(datasets.known_datasets())
    assert "toy-whole-picture" not in variants.variants()


def test_the_page_lists_every_value_of_a_spec():
    text = PAGE.read_text(encoding="utf-8")
    part = text.partition("### The values of a spec")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", part, flags=re.MULTILINE))
    assert set(re.findall(r'`"([\w-]+)"`', rows["resize_kind"])) == set(RESIZERS)
    assert set(re.findall(r'`"([\w-]+)"`', rows["mean_kind"])) == set(MEANS)
    for name, kinds in {**get_type_hints(PreprocessSpec), **get_type_hints(OutputSpec)}.items():
        if get_origin(kinds) is Literal:
            assert set(re.findall(r'`"([\w-]+)"`', rows[name])) == set(get_args(kinds)), name
    fields = [name for spec in (PreprocessSpec, OutputSpec) for name in get_type_hints(spec)]
    assert all(f"`{name}`" in part for name in fields)

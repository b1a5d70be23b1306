"""The pytest plugin in a laboratory's own project, as a subprocess that finds it installed.

Each case is a folder of one project, so that three runs of pytest serve nearly all of them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import memnet
from memnet.compare.frozen.file import FrozenScores, freeze
from memnet.data.pictures import collect
from tiny import register, write_tiny

pytestmark = pytest.mark.process

HELPERS = Path(__file__).parents[1] / "helpers"


def run_pytest(folder: Path, *args: str, check: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-W", "error", "-p", "no:cacheprovider", *args],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(HELPERS), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == check, done.stdout + done.stderr
    return done.stdout


def change(case: Path, **changes: Any) -> None:
    """Alter a case's frozen file; ``score`` is added to that of the third picture."""
    file = case / "tests" / "frozen.json"
    values = json.loads(file.read_text())
    for name, value in changes.items():
        if name == "score":
            values["pictures"][2]["score"] += value
        elif isinstance(values[name], dict):
            values[name].update(value)
        else:
            values[name] = value
    file.write_text(json.dumps(values))


def other_pictures(case: Path) -> None:
    change(case, score=1e-3, created="2001-01-01T00:00:00+00:00", tolerance=1e-5)
    shutil.copy(case / "pictures" / "00000.png", case / "pictures" / "new.png")


def only_noted(case: Path) -> None:
    shutil.copy(case / "pictures" / "00001.png", case / "pictures" / "new.png")
    change(case, preprocess={"an_older_field": 1})


def no_picture(case: Path) -> None:
    change(case, score=1e-3)
    (case / "pictures" / "text.jpg").write_text("no picture")


def moved_weights(case: Path) -> None:
    (case / "tiny.safetensors").rename(case / "moved.safetensors")


AWAY = {"cpu": "another processor"}
CASES: dict[str, Callable[[Path], object]] = {
    "holds": lambda case: None,
    "altered": lambda case: change(case, score=1e-3),
    "pillow": lambda case: change(case, score=6e-4, environment={"pillow": "12.0.0"}),
    "spec": lambda case: change(case, score=6e-4, preprocess={"resize_hw": [20, 16]}),
    "weights": lambda case: write_tiny(case / "tiny.safetensors", seed=8),
    "near": lambda case: change(case, score=1.5e-6, environment=AWAY),
    "far": lambda case: change(case, score=1.5e-6, environment=AWAY, tolerance=1e-6),
    "pictures": other_pictures,
    "noted": only_noted,
    "text": no_picture,
    "no_json": lambda case: (case / "tests" / "frozen.json").unlink(),
    "no_weights": lambda case: (case / "tiny.safetensors").unlink(),
    "no_picture": lambda case: (case / "pictures" / "00003.png").unlink(),
    "foreign": lambda case: (case / "tests" / "frozen.json").write_text("{}"),
    "moved_weights": moved_weights,
    "own": lambda case: None,
    "variant": lambda case: None,
}
"""Name -> what is done to a folder whose scores hold."""

TESTS = {
    "moved_weights": """
        def test_moved_weights(frozen_scores):
            frozen_scores.check("frozen.json", model="../moved.safetensors")
    """,
    "variant": """
        def test_variant(frozen_scores):  # the file is found beside the test, its variant is not
            frozen_scores.check("frozen.json", model="../tiny.safetensors:server")
    """,
    "own": """
        import os
        import pytest
        from pathlib import Path
        from memnet.scoring.predictor import Predictor, load

        @pytest.fixture
        def ours():
            made = load(Path(__file__).parents[1] / "tiny.safetensors", device="cpu")
            more = float(os.environ.get("MORE", "0"))
            return Predictor("lab.mean", lambda x: x.mean(dim=(1, 2, 3)) + more, made.header)

        def test_own(frozen_scores, ours):
            frozen_scores.check("ours.json", model=ours, images="../pictures")
    """,
}
TEST = """
        def test_{name}(frozen_scores):
            frozen_scores.check("frozen.json")
"""


class Project:
    """The project, and what pytest said of it before, while and after freezing anew."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "conftest.py").write_text("from tiny import register\n\nregister()\n")
        base = root / "holds"
        (base / "pictures").mkdir(parents=True)
        (base / "tests").mkdir()
        random = np.random.default_rng(4)
        for number in range(4):
            pixels = random.integers(256, size=(18, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(base / "pictures" / f"{number:05d}.png")
        register()
        model = memnet.load(write_tiny(base / "tiny.safetensors"), device="cpu")
        images, out = [base / "pictures"], base / "tests" / "frozen.json"
        freeze(model, collect(images), images=images, out=out).write(out)
        for name in CASES.keys() - {"holds"}:
            shutil.copytree(base, root / name)
        for name, damage in CASES.items():
            text = TESTS.get(name, TEST.format(name=name)).replace("\n        ", "\n").strip()
            (root / name / "tests" / f"test_{name}.py").write_text(text + "\n")
            damage(root / name)
        self.original = self.files()
        self.before = run_pytest(root, check=1)
        self.untouched = self.files()
        self.meanwhile = run_pytest(root, "--memnet-refreeze", check=1)
        self.refrozen = self.files()
        self.after = run_pytest(root, check=1)

    def files(self) -> dict[str, bytes]:
        """Every frozen file's bytes, by case."""
        return {path.parts[-3]: path.read_bytes() for path in self.root.glob("*/tests/*.json")}

    def score(self, case: str) -> float:
        score: float = json.loads(self.refrozen[case])["pictures"][2]["score"]
        return score


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    return Project(tmp_path_factory.mktemp("lab"))


def status(said: str, case: str) -> str:
    return re.search(rf"test_{case}\.py::test_{case} ([A-Z]+)", said)[1]


def failure(said: str, case: str) -> str:
    """The report of one failed test."""
    return re.search(rf"\n_+ test_{case} _+\n(.*?)\n(?:_{{9}}|={{9}})", said, re.DOTALL)[1]


def test_it_is_an_entry_point():
    (found,) = entry_points(group="pytest11", name="memnet")
    assert found.value == "memnet.pytest_plugin"


def test_every_case_came_out_as_it_should(project):
    passing = {"holds", "near", "noted", "moved_weights"}
    for case in CASES:
        assert status(project.before, case) == ("PASSED" if case in passing else "FAILED"), case
    # A picture that is gone is not left out of the file without a word.
    failing = {"text", "no_json", "no_weights", "foreign", "no_picture", "variant"}
    for case in CASES:
        expected = "FAILED" if case in failing else "REFROZEN"
        assert status(project.meanwhile, case) == expected, case
        expected = "FAILED" if case in failing else "PASSED"
        assert status(project.after, case) == expected, case
    assert "13 failed, 4 passed" in project.before
    assert "6 failed, 11 refrozen" in project.meanwhile
    assert "6 failed, 11 passed" in project.after


def test_without_the_option_no_file_is_touched(project):
    assert project.untouched == project.original


def test_an_altered_score_fails_with_the_table(project):
    said = failure(project.before, "altered")
    score = project.score("altered")
    assert "AssertionError: altered/tests/frozen.json: 1 of 4 scores of ../tiny.saf" in said
    assert re.search(rf"00002\.png  {score + 1e-3:.9f}  {score:.9f} +-1\.00e-03", said)
    assert "00001.png" not in said
    assert said.count(".py:") == 1  # the traceback ends at the test's own line
    assert re.search(r"test_altered\.py:\d+: AssertionError", said)


def test_the_message_says_what_changed(project):
    said = failure(project.before, "pillow")
    assert re.search(r"environment: pillow 12\.0\.0 -> \d", said)
    assert "-6.00e-04" in said
    assert re.search(r"environment is another one \(.*pillow", said)
    assert "weights (" not in said
    assert "preprocess" not in said
    said = failure(project.before, "spec")
    assert "preprocess.resize_hw: [20, 16] -> [16, 16]" in said
    said = failure(project.before, "weights")
    assert "4 of 4 scores" in said
    assert re.search(r"weights \(sha256 of the numbers\): \w{64} -> \w{64}", said)


def test_elsewhere_scores_hold_within_the_tolerance(project):
    assert "moved by more than 1e-06" in failure(project.before, "far")
    assert status(project.before, "near") == "PASSED"  # the same distance, tolerance 2e-6


def test_refreezing_is_reported(project):
    assert "memnet: frozen anew" in project.meanwhile
    assert (
        "pictures/tests/frozen.json: 1 of 4 pictures got another score, by up to 1.00e-03; added: "
        "1 picture: new.png"
    ) in project.meanwhile
    assert "00003.png), and --memnet-refreeze leaves none out" in project.meanwhile
    values = json.loads(project.refrozen["pictures"])
    assert values["created"] > "2020"
    assert values["tolerance"] == 1e-5
    assert "memnet: frozen anew" not in project.before


def test_refreezing_what_holds_leaves_the_file_alone(project):
    said = "holds/tests/frozen.json: nothing changed, the file stays as it is"
    assert said in project.meanwhile
    assert project.refrozen["holds"] == project.original["holds"]


def test_what_changed_without_moving_a_score_is_a_note(project):
    assert "noted/tests/frozen.json: not frozen: 1 picture: new.png" in project.before
    assert (
        "noted/tests/frozen.json: the scores hold, although this changed: "
        "preprocess.an_older_field: 1 -> nothing"
    ) in project.before
    assert "model: ../tiny.safetensors -> ../moved.safetensors" in project.before
    summary = project.before.split("memnet: frozen scores")[1]
    assert "holds/tests" not in summary
    assert "noted/tests/frozen.json:" not in project.after


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("no_json", r"There is no frozen file .*memnet freeze"),
        ("variant", r"is not the original \(Caffe\) MemNet, so it has no variant 'server'"),
        ("no_weights", r"There is no weight file .*tiny\.safetensors"),
        ("no_picture", r"00003\.png: There is no such file"),
        ("foreign", r"is no file of frozen scores"),
    ],
)
def test_whatever_is_missing_fails_and_skips_nothing(project, case, words):
    assert re.search(words, failure(project.before, case))
    assert "skipped" not in project.before


def test_a_failed_refreeze_leaves_the_file_alone(project):
    assert "text.jpg (The file is no picture" in failure(project.meanwhile, "text")
    assert "is no file of frozen scores" in failure(project.meanwhile, "foreign")
    for case in ("text", "foreign", "no_weights"):
        assert project.refrozen[case] == project.original[case]
    assert "no_json" not in project.refrozen


def test_a_model_made_in_python_is_frozen_and_held(project, monkeypatch):
    assert "There is no frozen file" in failure(project.before, "own")
    assert "own/tests/ours.json: 4 pictures frozen for the first time" in project.meanwhile
    frozen = FrozenScores.read(project.root / "own" / "tests" / "ours.json")
    assert (frozen.model, frozen.images) == ("lab.mean", ["../pictures"])
    assert frozen.command == "pytest --memnet-refreeze"
    monkeypatch.setenv("MORE", "1e-4")
    # From another folder than the tests', too: paths start from the test's file.
    said = failure(run_pytest(project.root / "own", "--rootdir", "..", check=1), "own")
    assert "4 of 4 scores of lab.mean moved" in said
    assert "+1.00e-04" in said


PLAIN = """
import sys

def test_nothing_heavy_is_loaded():
    assert "memnet.pytest_plugin" in sys.modules
    heavy = {"torch", "pandas", "PIL", "scipy", "memnet.compare.frozen", "memnet.weights"}
    assert not heavy & set(sys.modules)
"""


def test_it_costs_nothing_where_it_is_not_used(tmp_path):
    (tmp_path / "test_plain.py").write_text(PLAIN)
    assert "1 passed" in run_pytest(tmp_path)


FOREIGN = """
def test_what_others_leave_in_user_properties(request):
    request.node.user_properties += [("a", 1, "m"), "text", None, ("alone",), [{}, 2]]
"""


@pytest.mark.parametrize("early", [True, False], ids=["-p", "pytest_plugins"])
def test_a_suite_of_others_runs_as_if_it_were_not_there(tmp_path, early):
    """Properties of any form; and the plugin named as a module, which loads it a second time."""
    (tmp_path / "test_foreign.py").write_text(FOREIGN)
    if early:
        args = ["-p", "memnet.pytest_plugin"]
    else:
        args = []
        (tmp_path / "conftest.py").write_text('pytest_plugins = ["memnet.pytest_plugin"]\n')
    assert "1 passed" in run_pytest(tmp_path, *args)


def test_it_can_be_left_out(tmp_path):
    (tmp_path / "test_plain.py").write_text("def test_own():\n    pass\n")
    assert "1 passed" in run_pytest(tmp_path, "-p", "no:memnet")
    assert "memnet-refreeze" in run_pytest(tmp_path, "--help")
    assert "memnet-refreeze" not in run_pytest(tmp_path, "--help", "-p", "no:memnet")

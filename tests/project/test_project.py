"""The project's promises about itself: README, CI, golden files, examples."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import memnet

ROOT = Path(__file__).parents[2]
if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def set_up_commands() -> list[str]:
    """The commands that CI runs, read by the very script that CI reads them with."""
    names: dict[str, object] = {}
    exec((ROOT / ".ci" / "readme_commands.py").read_text(encoding="utf-8"), names)
    return names["set_up_commands"](ROOT / "README.md")  # type: ignore[operator]


def test_the_readme_sets_everything_up_in_two_commands(set_up_commands):
    assert set_up_commands == [
        'pip install ".[resmem]" && memnet demo',
        'pip install ".[test]" && pytest',
    ]


def test_ci_runs_the_readmes_commands_in_a_fresh_environment():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "readme_commands.py" in script
    assert "python3 -m venv" in script
    for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports"):
        assert tool in script


def test_extras_named_in_the_readme_exist(project):
    named = set(re.findall(r"\[(\w+)\]\"", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"resmem", "test"} <= named
    assert named <= project["optional-dependencies"].keys()


def test_the_versions_agree(project):
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"version: {memnet.__version__}" in citation
    assert f"## {memnet.__version__}" in changelog
    assert "### Numerics" in changelog
    assert project["name"] == "memnet-harness"


def test_every_golden_file_is_read_by_a_test():
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for path in (ROOT / "tests" / "golden").iterdir():
        if path.name != "README.md":
            assert re.search(rf"[\"'/]{re.escape(path.name)}[\"'/]", code), path.name


def test_no_file_is_above_1_mb():
    skipped = {".git", ".venv", "build", "dist", "memnet-demo"}
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if path.is_file() and not skipped & set(parts) and not parts[0].startswith("."):
            assert path.stat().st_size <= 1_000_000, path


def test_no_weights_are_carried():
    carried = Path(memnet.__file__).parent.rglob("*")
    assert not [p for p in carried if p.suffix in (".pt", ".pth", ".safetensors", ".caffemodel")]


def _modules() -> list[str]:
    found = pkgutil.walk_packages(memnet.__path__, "memnet.")
    return ["memnet", *(m.name for m in found if m.name != "memnet.__main__")]


@pytest.mark.parametrize("name", _modules())
def test_examples_in_docstrings_are_true(name):
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    failed = [
        example.name
        for example in doctest.DocTestFinder().find(module)
        if runner.run(example, out=said.append).failed
    ]
    assert not failed, "".join(said)


@pytest.mark.parametrize("name", _modules())
def test_every_module_says_what_it_is(name):
    assert importlib.import_module(name).__doc__


def test_public_names_are_all_there_and_documented():
    for name in memnet.__all__:
        assert getattr(memnet, name).__doc__, name
    with pytest.raises(AttributeError):
        _ = memnet.no_such_name


def test_the_tested_versions_are_those_of_the_dependencies(project):
    lines = (ROOT / "requirements-tested.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0] for line in lines if not line.startswith("#")}
    assert all(re.fullmatch(r"#.*|[a-z0-9-]+==[^=+ ]+", line) for line in lines)
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["train"], *extras["onnx"], *extras["resmem"]]
    wanted += extras["excel"]
    names = {re.match(r"[\w-]+", line)[0] for line in wanted if "python_version <" not in line}
    assert names <= pinned

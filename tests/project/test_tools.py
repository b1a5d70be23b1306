"""The tools that hold two checkouts against each other forgive no more than they say."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


def tool(name):
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def make_records():
    return tool("make_records")


@pytest.fixture
def ended(monkeypatch, make_records, tmp_path):
    """Records whose commands all end with that exit code."""

    def to(code):
        def run(args, **more):
            return subprocess.CompletedProcess(args, code, "", "memnet: There are no weights.\n")

        monkeypatch.setattr(make_records.subprocess, "run", run)
        return make_records.Records(tmp_path / "out", tmp_path / "shared")

    return to


@pytest.mark.parametrize("code", [2, 3, -9])
def test_a_command_that_fails_is_not_left_out(ended, code):
    with pytest.raises(RuntimeError, match=f"demo: exit code {code}: memnet: There are no weights"):
        ended(code).memnet("demo", "demo")


def test_what_is_known_to_be_missing_is_left_out(ended, make_records):
    with pytest.raises(make_records.MissingError, match="no weights"):
        ended(2).resmem()
    with pytest.raises(make_records.MissingError, match="no data in the reference material"):
        ended(0).data("data")
    assert ended(0).resmem()[1] == "resmem.published"


def test_only_the_folders_of_records_and_checkout_are_forgiven(tmp_path):
    compare_records = tool("compare_records")
    sides = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "checkout.txt").write_text(f"/checkouts/{name}")
        values = [f"{folder}/a.csv", f"/checkouts/{name}/memnet/b.csv", f"/other/{name}/c.csv"]
        (folder / "r.json").write_text(json.dumps(values))
        sides.append(compare_records.Side(folder))
    found = compare_records.compare_file(*sides, "r.json")
    assert found.differing == [("[2]", "/other/one/c.csv", "/other/two/c.csv")]
    assert sides[0].plain("/checkouts/one/memnet/b.csv") == "CHECKOUT/memnet/b.csv"
    assert sides[0].plain("/checkouts/onerous/b.csv") == "/checkouts/onerous/b.csv"

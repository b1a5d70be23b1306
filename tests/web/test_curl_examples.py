"""The examples with curl in docs/web.md, as they stand there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from needs import skip_for

PAGE = Path(__file__).parents[2] / "docs" / "web.md"
EXAMPLES = re.findall(
    r"^(?:echo .+ \| )?curl .+$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE
)
COMPARISON = {
    "truth": "image_id,hit_rate\n" + "".join(f"{i},{0.5 + i / 50}\n" for i in range(12)),
    "truth_column": "hit_rate",
    "rows": [{"image_id": str(i), "model": "mine", "score": 0.4 + i / 40} for i in range(12)],
}


@pytest.fixture(scope="module")
def folder(golden_pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("curl")
    for name, path in zip(("a.jpg", "b.jpg"), golden_pictures.values(), strict=False):
        shutil.copy(path, folder / name)
    (folder / "comparison.json").write_text(json.dumps(COMPARISON))
    return folder


@pytest.fixture(scope="module")
def server(request):
    if shutil.which("curl") is None:
        skip_for("curl")
    version = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True)
    if [*map(int, re.findall(r"\d+", version.stdout)[:2])] < [7, 82]:
        skip_for("curl 7.82", "older ones have no --json")
    return request.getfixturevalue("address")


def run(command, server, folder, weights):
    command = command.replace("http://127.0.0.1:8400", server)
    command = command.replace("resmem.published", weights.name)
    done = subprocess.run(["bash", "-c", f"{command} --silent --show-error"],
                          cwd=folder, capture_output=True, text=True, check=True)  # fmt: skip
    return json.loads(done.stdout)


def test_the_page_has_examples():
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize("command", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_is_answered(command, server, folder, weights):
    told = run(command, server, folder, weights)
    if "scores" in command:
        names = re.findall(r"files=@(\S+)", command) or ["a.jpg"]
        assert [picture["name"] for picture in told["pictures"]] == names
        assert all(0 < picture["scores"][0]["score"] < 1 for picture in told["pictures"])
    elif "comparisons" in command:
        assert told["matched"] == 12
    else:
        assert [model["target"] for model in told["models"]] == ["hit_rate", "false_alarm_rate"]

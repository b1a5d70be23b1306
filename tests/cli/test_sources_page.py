"""The commands of docs/sources.md do what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from archives import files_of, write_tar, write_zip

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith("memnet score ")
]


@pytest.fixture
def run(memnet_command, tiny_weights, tmp_path):
    """Return a function that runs the command of the page with some words in it."""

    def run(words: str) -> pd.DataFrame:
        (command,) = (line for line in COMMANDS if words in line)
        command = command.partition(" | ")[0].replace("resmem.published", str(tiny_weights))
        parts = shlex.split(command)[1:]
        memnet_command(*parts)
        return pd.read_csv(tmp_path / parts[parts.index("--out") + 1], dtype=str)

    return run


@pytest.fixture
def files(make_pictures) -> dict[str, bytes]:
    return files_of(make_pictures(3))


def test_every_command_of_the_page_is_run_here():
    run_here = Path(__file__).read_text(encoding="utf-8")
    used = re.findall(r" run\(\"(.*?)\"\)", run_here)
    assert [sum(words in line for words in used) for line in COMMANDS] == [1] * len(COMMANDS)


def test_archives(run, files, tmp_path):
    write_zip(tmp_path / "pictures.zip", {f"faces/{name}": c for name, c in files.items()})
    assert run("pictures.zip --model resmem.published --out scores.csv").image_id.tolist() == [
        f"pictures.zip/faces/{name}" for name in files
    ]
    assert run("--id-pattern").image_id.tolist() == [f"faces/{name}" for name in files]


def test_shards(run, files, tmp_path):
    (tmp_path / "shards").mkdir()
    for number, (_, content) in enumerate(files.items()):
        write_tar(tmp_path / "shards" / f"shard-{number:03d}.tar", {"000012.jpg": content})
    assert run("'shards/*.tar'").image_id[0] == "shard-000.tar/000012.jpg"

"""The commands of docs/sources.md do what the page says."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest

from archives import files_of, write_parquet, write_tar, write_zip
from folder_server import FolderServer

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

    def run(words: str, **instead: str) -> pd.DataFrame:
        (command,) = (line for line in COMMANDS if words in line)
        command = command.partition(" | ")[0].replace("resmem.published", str(tiny_weights))
        for old, new in instead.items():
            command = command.replace(f"{old}://", new)
        parts = shlex.split(command)[1:]
        out = tmp_path / parts[-1 if "--out" not in parts else parts.index("--out") + 1]
        out.unlink(missing_ok=True)
        done = memnet_command(*parts)
        if "--out" not in parts:
            return pd.read_json(io.StringIO(done.stdout), lines=True, dtype=False)
        return pd.read_csv(out, dtype=str) if out.suffix == ".csv" else pd.read_parquet(out)

    return run


@pytest.fixture
def files(make_pictures) -> dict[str, bytes]:
    return files_of(make_pictures(3))


def test_every_command_of_the_page_is_run_here():
    run_here = Path(__file__).read_text(encoding="utf-8")
    used = re.findall(r"\brun\(\"(.*?)\"[,)]", run_here)
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


def test_parquet(run, files, tmp_path):
    write_parquet(tmp_path / "train-00000-of-00002.parquet", files, label=[1, 0, 2])
    table = run("score train-00000-of-00002.parquet")
    assert table.image_id.tolist() == [f"train-00000-of-00002.parquet/{name}" for name in files]
    assert table.label.tolist() == ["1", "0", "2"]
    assert run("'train-*.parquet::image'").score.tolist() == table.score.tolist()


def test_hdf5(run, tmp_path):
    h5py = pytest.importorskip("h5py", reason="needs h5py; pip install h5py")
    bricks = np.random.default_rng(0).integers(256, size=(11, 42, 42, 3), dtype=np.uint8)
    for name, dataset in (("nsd_stimuli.hdf5", "imgBrick"), ("experiment.h5", "test/pictures")):
        with h5py.File(tmp_path / name, "w") as file:
            file[dataset] = bricks
            file["train/pictures" if "/" in dataset else "other"] = bricks[:, :, 0]
    table = run("nsd_stimuli.hdf5 --model")
    assert table.image_id[0] == "nsd_stimuli.hdf5/imgBrick/00"
    assert run("experiment.h5::").score.tolist() == table.score.tolist()


def test_a_store_of_objects(run, files):
    store = fsspec.filesystem("memory")
    for name, content in files.items():
        store.pipe(f"/my-bucket/posters/{name.replace('png', 'jpg')}", content)
    table = run("'s3://my-bucket", s3="memory://")
    store.store.clear()
    assert table.image_id.tolist() == ["00000.jpg", "00001.jpg", "00002.jpg"]
    assert table.path[0] == "memory://my-bucket/posters/00000.jpg"


def test_the_web(run, make_pictures, tmp_path):
    folder = make_pictures(3)
    (folder / "example.org").mkdir()
    (folder / "00000.png").rename(folder / "example.org" / "poster.jpg")
    with FolderServer(folder) as web:
        assert (
            run("https://example.org/poster.jpg", https=f"{web.url}/").image_id[0] == "poster.jpg"
        )
        (tmp_path / "films.csv").write_text(f"film,poster_url\nA,{web.url}/00001.png\n")
        table = run("films.csv --path-column")
        assert table.film.tolist() == ["A"]
        assert table.image_id.tolist() == table.poster_url.tolist() == [f"{web.url}/00001.png"]
        (tmp_path / "todo.csv").write_text(f"id,poster_url\n7,{web.url}/00002.png\n")
        (line,) = run("todo.csv").to_dict("records")
    assert (line["id"], line["poster_url"]) == ("7", f"{web.url}/00002.png")

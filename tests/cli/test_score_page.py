"""The commands of docs/score.md do what the page says, on inputs such as people have."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

PAGE = (Path(__file__).parents[2] / "docs" / "score.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith("memnet score ") and "--fps" not in line  # tests of videos have their own
]


@pytest.fixture
def run(memnet_command, tiny_weights):
    """Return a function that runs the command of the page that has some words in it."""

    def run(words: str):
        (command,) = (line for line in COMMANDS if words in line)
        command = re.split(r" [|>] ", command)[0].replace("resmem.published", str(tiny_weights))
        return memnet_command(*shlex.split(command)[1:])

    return run


@pytest.fixture
def pictures(make_pictures, tmp_path):
    """The folders and files that the page names."""
    source = make_pictures(3, size=(300, 200))
    for number, name in enumerate(
        [
            *("my_pictures/a.png", "img/things/a.jpg", "img/things/b.jpg", "poster.jpg"),
            *("posters/x.png", "nsd/shared0001_nsd02951.png", "nsd/shared0002_nsd00007.png"),
        ]
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(source / f"{number % 3:05d}.png") as image:
            image.save(path)
    return tmp_path


def test_every_command_of_the_page_is_run_here():
    run_here = Path(__file__).read_text(encoding="utf-8")
    used = re.findall(r"run\(\"(.*?)\"\)", run_here)
    assert [sum(words in line for words in used) for line in COMMANDS] == [1] * len(COMMANDS)


def test_a_folder(run, pictures):
    run("my_pictures/ --model resmem.published --out")
    exact = pd.read_csv(pictures / "scores.csv")
    assert exact["image_id"].tolist() == ["a.png"]
    (pictures / "scores.csv").unlink()
    (pictures / "scores.csv.json").unlink()
    run("--precision fast")
    fast = pd.read_csv(pictures / "scores.csv")
    assert fast["score"].tolist() == pytest.approx(exact["score"].tolist(), abs=0.02)


def test_a_column_of_paths(run, pictures):
    """A table with paths becomes the same table with scores."""
    table = pd.DataFrame({"file_path": ["img/things/b.jpg", "poster.jpg"], "title": ["=B", "007"]})
    table.to_csv(pictures / "trials.csv", index=False)
    run("trials.csv --path-column file_path")
    scored = pd.read_csv(pictures / "scored.csv", dtype=str)
    assert scored[["file_path", "title"]].to_numpy().tolist() == table.to_numpy().tolist()
    assert scored["score"].notna().all()


def test_ids_that_match_those_of_a_table_of_trials(run, pictures):
    run("'(img/things/.*)'")
    scores = pd.read_csv(pictures / "scores.csv")
    trials = pd.DataFrame({"image_l": ["img/things/b.jpg"], "image_r": ["img/things/a.jpg"]})
    for side in ("image_l", "image_r"):
        merged = trials.merge(scores, left_on=side, right_on="image_id")
        assert len(merged) == 1


def test_ids_that_are_numbers_within_names(run, pictures):
    run("nsd0*")
    assert pd.read_csv(pictures / "scores.csv")["image_id"].tolist() == [2951, 7]


def test_crops_round_fixations(run, pictures):
    rows = "s1,posters/x.png,150,100.5,0.25\ns1,posters/x.png,60,60,0.5\n"
    (pictures / "fixations.csv").write_text("subject,picture,x,y,duration\n" + rows)
    run("--centre-columns")
    crops = pd.read_csv(pictures / "crops.csv")
    assert crops[["width", "height"]].to_numpy().tolist() == [[100, 100]] * 2
    assert crops["duration"].tolist() == [0.25, 0.5]
    assert crops["score"].nunique() == 2


def test_boxes_of_faces(run, pictures):
    (pictures / "faces.csv").write_text("path,left,top,right,bottom\nposter.jpg,9,10,30,40\n")
    run("--box-columns")
    crops = pd.read_csv(pictures / "crops.csv")
    assert crops[["image_id", "width", "height"]].to_numpy().tolist() == [["poster.jpg#2", 21, 30]]


def test_a_worker_that_prints_json(run, pictures):
    row = json.loads(run("poster.jpg").stdout)
    assert {"ok": row["score"] is not None, "source": row["variant"]} == {"ok": True, "source": ""}
    assert 0 < row["score"] < 1


def test_posters_for_a_database(run, pictures):
    """The program behind the pipe is run in test_json_lines.py."""
    lines = run("posters/ --model resmem.published --format jsonl").stdout.splitlines()
    assert [json.loads(line)["image_id"] for line in lines] == ["x.png"]


def test_an_arrow_stream_in_a_file(run, pictures):
    """What the page says of pyarrow; the others read the same format."""
    (pictures / "scores.arrows").write_bytes(run("--format arrow").stdout_bytes)
    frame = pa.ipc.open_stream(pictures / "scores.arrows").read_pandas()
    assert frame["image_id"].tolist() == ["x.png"]

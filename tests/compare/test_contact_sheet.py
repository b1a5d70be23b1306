"""The contact sheet: which pictures it shows, that they stay small, and what of bad ones."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import memnet
from memnet.cli.compare import find_shown
from memnet.compare.extremes import GROUPS, find_extremes
from memnet.compare.record import RunRecord
from memnet.compare.report.contact_sheet import (
    MOST_BYTES,
    find_pictures,
    make_sheet,
    pictures_of_tables,
    shown_ids,
)

pytestmark = pytest.mark.usefixtures("quick_figures")

N = 30


def noise(path, size=(400, 300), seed=0):
    """A picture that JPEG cannot compress."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def record() -> RunRecord:
    ids = [f"{number:03d}.png" for number in range(N)]
    truth = np.linspace(0.3, 0.9, N)
    score = np.roll(truth, 7)
    tables = (
        pd.DataFrame({"image_id": ids, "hit_rate": truth}),
        pd.DataFrame({"image_id": ids, "score": score, "model": "mine"}),
    )
    return memnet.compare(*tables, truth_column="hit_rate", resamples=100)


@pytest.fixture
def folder(tmp_path):
    for number in range(N):
        noise(tmp_path / f"{number:03d}.png", seed=number)
    return tmp_path


def test_extremes_of_a_table_made_by_hand():
    """Ranks of truth: 1 to 6; of predictions: f 1, b 2, c 3, a and d 4.5, e 6."""
    truth = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    prediction = np.array([0.8, 0.3, 0.7, 0.8, 0.9, 0.0])
    found = find_extremes(list("abcdef"), truth, prediction, most=3)
    names = {name: "".join(row["image_id"] for row in rows) for name, rows in found.items()}
    assert names == {
        "human_highest": "fed",
        "human_lowest": "abc",
        "model_highest": "ead",  # a and d are equal, and stand by their ids
        "model_lowest": "fbc",
        "too_high": "aed",  # + 3.5, + 1, + 0.5
        "too_low": "f",  # - 5: no other is ranked lower than people rank it
    }
    assert [row["ranks"] for row in found["too_high"]] == [3.5, 1, 0.5]
    assert found["too_low"][0] == {
        "image_id": "f", "truth": 0.6, "prediction": 0.0, "ranks": -5.0
    }  # fmt: skip


def test_extremes_of_few_and_of_constant_scores():
    assert find_extremes(["a"], np.array([0.5]), np.array([0.5])) == {}
    found = find_extremes(list("abcde"), np.arange(5.0), np.full(5, 0.5))
    assert {name: len(rows) for name, rows in found.items()} == {
        "human_highest": 2,
        "human_lowest": 2,
    }
    classes = find_extremes(list("abcdef"), np.array([0, 0, 0, 0, 1, 1.0]), np.arange(6.0))
    assert "human_lowest" not in classes  # any three of four would stand for all
    assert [row["image_id"] for row in classes["human_highest"]] == ["e", "f"]
    # f is of the class of the memorable, and cannot be ranked too high; a and b not too low.
    assert [row["image_id"] for row in classes["too_high"]] == ["d", "c"]
    assert [row["image_id"] for row in classes["too_low"]] == ["e"]


def test_the_record_keeps_which_pictures_and_a_record_without_them_is_read(record):
    assert record.extremes["model"] == "mine"
    assert list(record.extremes["groups"]) == list(GROUPS)
    assert RunRecord.from_json(record.to_json()) == record
    assert len(str(record.extremes)) < 5000


def embedded(page: str) -> list[bytes]:
    return [
        base64.b64decode(data) for data in re.findall(r"data:image/jpeg;base64,([\w+/=]+)", page)
    ]


def test_thumbnails_are_in_the_page_small_and_bounded(record, folder, tmp_path):
    pictures = {f"{number:03d}.png": folder / f"{number:03d}.png" for number in range(N)}
    memnet.write_report(record, tmp_path / "out", pictures=pictures)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    images = embedded(page)
    assert len(images) == 6 * 6
    assert max(max(Image.open(io.BytesIO(image)).size) for image in images) <= 160
    assert sum(map(len, images)) <= MOST_BYTES
    assert 4 / 3 * MOST_BYTES < 600_000
    assert "029.png: people\N{NO-BREAK SPACE}0.90, model\N{NO-BREAK SPACE}0.76" in page
    assert 'class="figures thumbnails"' in page
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    names = set(re.findall(r"\]\((figures/picture_\d+\.jpg)\)", text))
    assert names == {
        f"figures/{path.name}" for path in (tmp_path / "out" / "figures").glob("*.jpg")
    }


def test_a_report_without_pictures_has_no_sheet_and_removes_an_old_ones_files(
    record, folder, tmp_path
):
    out = tmp_path / "out"
    memnet.write_report(record, out, pictures={"000.png": folder / "000.png"})
    assert list((out / "figures").glob("picture_*.jpg"))
    memnet.write_report(record, out)
    assert not list((out / "figures").glob("picture_*.jpg"))
    assert not embedded((out / "report.html").read_text(encoding="utf-8"))
    assert "## Pictures" not in (out / "report.md").read_text(encoding="utf-8")


def test_a_picture_that_cannot_be_read_has_a_placeholder_and_a_sentence(record, folder):
    (folder / "000.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    paths = find_pictures(shown_ids(record), [folder], "exact")
    del paths["029.png"]
    sheet = make_sheet(record, paths)
    assert len(sheet.images) == len(shown_ids(record))
    assert [sentence.split(":")[0] for sentence in sheet.failed] == ["029.png", "000.png"]
    assert sheet.failed[0] == "029.png: There is no picture of this id."


def test_a_picture_stands_as_its_orientation_says(record, tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # turned by 90 degrees
    Image.new("RGB", (300, 100)).save(tmp_path / "a.jpg", exif=exif)
    image_id = shown_ids(record)[0]
    sheet = make_sheet(record, {image_id: tmp_path / "a.jpg"})
    shown = Image.open(io.BytesIO(sheet.images[sheet.sources[image_id]]))
    assert shown.height > shown.width


def test_pictures_are_found_in_folders_below_if_their_names_are_clear(tmp_path):
    (tmp_path / "cats").mkdir()
    noise(tmp_path / "cats" / "a.png", (8, 8))
    found = find_pictures(["a.png"], [tmp_path], "exact")
    assert found == {"a.png": str(tmp_path / "cats" / "a.png")}
    (tmp_path / "dogs").mkdir()
    noise(tmp_path / "dogs" / "a.png", (8, 8))
    assert find_pictures(["a.png"], [tmp_path], "exact") == {}


def test_pictures_are_found_by_the_paths_of_a_score_table(tmp_path):
    noise(tmp_path / "a.png", (8, 8))
    rows = {"image_id": ["a", "b"], "path": ["a.png", "gone.png"], "score": [0.1, 0.2]}
    pd.DataFrame(rows).to_csv(tmp_path / "scores.csv", index=False)
    found = pictures_of_tables(["a", "b"], [tmp_path / "scores.csv"], "exact", id_column="")
    assert found == {"a": tmp_path / "a.png"}


def test_that_nothing_was_found_is_said(record, tmp_path, capsys):
    noise(tmp_path / "other.png", (8, 8))
    assert find_shown(record, [str(tmp_path)], [], "exact") == {}
    assert "(such as 029.png), so it shows none" in capsys.readouterr().err

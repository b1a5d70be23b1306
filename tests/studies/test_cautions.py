"""Cautions: what they catch, what they leave alone, and what they say."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from PIL import Image

from memnet.data.pictures import collect
from memnet.studies.cautions import inspect_pictures, score_cautions, training_cautions


@pytest.fixture
def face(golden, tmp_path):
    """The face of the golden astronaut, of which it fills a third."""
    pytest.importorskip("cv2", reason="needs opencv-python-headless; of the extra 'test'")
    with Image.open(golden / "images" / "astronaut_512x512.png") as whole:
        path = tmp_path / "portrait.png"
        whole.convert("RGB").crop((137, 26, 312, 201)).resize((400, 400)).save(path)
    return path


def kinds(cautions):
    return {caution.kind: caution for caution in cautions}


def test_a_face_that_fills_the_picture_is_noticed(face):
    caution = kinds(inspect_pictures([face]))["faces"]
    assert caution.ids == (str(face),)
    assert "In 1 of 1 picture a face" in caution.sentence
    assert "Younesi & Mohsenzadeh 2024" in caution.sentence


def test_pictures_without_a_large_face_are_left_alone(golden, golden_pictures, face):
    # The astronaut's face is 3 % of the whole picture; the others show none.
    found = kinds(inspect_pictures(golden_pictures.values()))
    assert "faces" not in found
    everyone = [*golden_pictures.values(), face]
    assert kinds(inspect_pictures(everyone))["faces"].ids == (str(face),)


def test_without_opencv_it_is_said_that_faces_were_not_looked_for(golden_pictures, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    picture = golden_pictures["rocket_640x427.png"]
    caution = kinds(inspect_pictures([picture]))["faces"]
    assert caution.ids == ()
    assert caution.sentence.startswith("Pictures were not searched for faces")
    assert inspect_pictures([picture], faces=False) == []


def test_grey_pictures_are_noticed_however_they_are_stored(tmp_path):
    random = np.random.default_rng(3)
    plane = random.integers(256, size=(240, 240), dtype=np.uint8)
    Image.fromarray(plane).save(tmp_path / "a.png")
    Image.fromarray(np.stack([plane, plane, plane], axis=2)).save(tmp_path / "b.png")
    for channel, name in ((0, "c.png"), (2, "d.png")):
        nearly = np.stack([plane, plane, plane], axis=2)
        nearly[100, 100, channel] ^= 1  # one grey level of one pixel: a colour picture
        Image.fromarray(nearly).save(tmp_path / name)
    (caution,) = inspect_pictures(collect([tmp_path]).items, faces=False)
    assert caution.kind == "grey"
    assert caution.ids == ("a.png", "b.png")
    assert "2 of 4 pictures are grey (1 stored as grey, 1 as colour" in caution.sentence


@pytest.mark.parametrize(("size", "tiny"), [((227, 300), False), ((300, 226), True)])
def test_a_picture_is_tiny_where_the_crop_would_have_to_be_enlarged(tmp_path, size, tiny):
    path = tmp_path / "p.png"
    Image.effect_noise(size, 50).convert("RGB").resize(size).save(path)
    assert ("tiny" in kinds(inspect_pictures([path], faces=False))) is tiny


def test_pictures_that_cannot_be_read_are_passed_over_and_not_counted(tmp_path):
    Image.new("L", (300, 300)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (caution,) = inspect_pictures(collect([tmp_path]).items, faces=False)
    assert "1 of 1 picture is grey" in caution.sentence


def test_only_five_names_are_listed_and_all_are_kept(tmp_path):
    for number in range(7):
        Image.new("L", (300, 300)).save(tmp_path / f"{number}.png")
    (caution,) = inspect_pictures(collect([tmp_path]).items, faces=False)
    assert "(0.png, 1.png, 2.png, 3.png, 4.png and 2 more)" in caution.sentence
    assert len(caution.ids) == 7


def test_scores_at_the_ends_are_called_clamped():
    found = score_cautions([0.0, 0.3, 1.0, 1.0, math.nan], "memnet", ids=list("abcde"))
    (caution,) = found
    assert caution.kind == "clamped"
    assert caution.ids == ("a", "c", "d")
    assert (
        "3 of 4 scores of memnet are exactly 0 (1) or 1 (2) (a, c, d): they were"
        in caution.sentence
    )
    assert "so ties there are not real." in caution.sentence
    assert score_cautions([0.001, 0.3, 0.999], "memnet") == []


def test_per_cent_is_recognised_and_its_ends_are_0_and_100():
    found = kinds(score_cautions([45.2, 100.0, 1.0, 77.0], "memnet"))
    assert "from 1 to 100" in found["percent"].sentence
    assert "exactly 0 (0) or 100 (1)" in found["clamped"].sentence
    assert found["clamped"].ids == ()
    # Raw outputs can pass 1 a little: no per cent.
    assert score_cautions([0.7, 0.9, 1.04], "memnet") == []


def test_pictures_of_a_training_set_are_said_to_be_seen():
    common = {"trained_on": ["lamem"], "split_unpublished": ["lamem"]}
    (caution,) = training_cautions(["a", "b"], "m", dataset="lamem", **common)
    assert caution.sentence.startswith("m may have seen these pictures in training.")
    assert caution.ids == ("a", "b")
    (caution,) = training_cautions(["a"], "m", dataset="lamem", trained_on=["lamem"])
    assert caution.sentence.startswith("m has seen these pictures in training.")
    assert training_cautions(["a"], "m", dataset="scenes375", **common) == []


def test_names_like_lamems_only_look_like_it():
    ids = ["00012345.jpg", "images/00000001.jpg", "123.jpg", "00012345.png", "x00012345.jpg"]
    (caution,) = training_cautions(ids, "m", trained_on=["lamem"])
    assert caution.ids == ("00012345.jpg", "images/00000001.jpg")
    assert "looks like LaMem's" in caution.sentence
    assert "is no proof" in caution.sentence
    assert training_cautions(ids, "m", trained_on=["memcat"]) == []
    assert training_cautions(ids, "m", trained_on=["lamem"], dataset="scenes375") == []

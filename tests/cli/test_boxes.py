"""Boxes of pictures: what is scored is what Pillow cuts out by hand, and every row says its box."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from archives import files_of, write_parquet
from memnet.data.boxes import BoxColumns
from memnet.data.pictures import collect
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.decode import Crop, decode
from memnet.scoring.table import read_table

SIZE = (60, 40)


@pytest.fixture
def pictures(make_pictures):
    return make_pictures(3, size=SIZE)


def pixels(picture, box, **options):
    return np.asarray(decode(Crop(picture, box), exif_orientation="ignore", **options).rgb)


@pytest.mark.parametrize(
    ("box", "by_hand"),
    [
        ((10, 5, 30, 25), (10, 5, 30, 25)),
        ((0, 0, 60, 40), (0, 0, 60, 40)),
        # Halves go up, on both sides: 20 x 21 pixels stay 20 x 21. (Pillow itself rounds halves to
        # even numbers, and would make 20 x 22 and 20 x 20 of these two.)
        ((10.5, 4.5, 30.5, 25.5), (11, 5, 31, 26)),
        ((11.5, 5.5, 31.5, 26.5), (12, 6, 32, 27)),
        ((10.49, 4.51, 29.6, 24.4), (10, 5, 30, 24)),
        ((-7.5, -3, 12, 9), (0, 0, 12, 9)),  # cut to the picture
        ((50, 30, 70.2, 99), (50, 30, 60, 40)),
    ],
)
def test_a_box_is_what_pillow_cuts_out_by_hand(pictures, box, by_hand):
    path = pictures / "00000.png"
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB").crop(by_hand))
    assert np.array_equal(pixels(path, box), expected)
    decoded = decode(Crop(path, box), exif_orientation="ignore")
    assert (decoded.width, decoded.height) == (by_hand[2] - by_hand[0], by_hand[3] - by_hand[1])
    leaves = box[0] < 0 or box[1] < 0 or box[2] > SIZE[0] or box[3] > SIZE[1]
    assert [text.startswith("box ") for text in decoded.warnings] == [True] * leaves


def test_a_box_is_of_the_picture_as_it_is_turned(tmp_path):
    stored = np.random.default_rng(0).integers(256, size=(20, 30, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    crop = Crop(tmp_path / "a.png", (2, 3, 12, 23))
    ignored = decode(crop, exif_orientation="ignore")
    assert np.array_equal(np.asarray(ignored.rgb), stored[3:20, 2:12])  # and cut below
    applied = decode(crop, exif_orientation="apply")
    assert np.array_equal(np.asarray(applied.rgb), np.rot90(stored, -1)[3:23, 2:12])


@pytest.mark.parametrize(
    ("box", "sentence"),
    [
        ((60, 0, 70, 10), r"60,0,70,10\) lies outside the picture of 60 x 40 pixels"),
        ((0, -20, 10, 0), "lies outside"),
        ((30, 0, 20, 10), "holds no pixel"),
        ((10.1, 0, 10.3, 10), "holds no pixel"),
        ((float("nan"), 0, 20, 10), r"nan,0,20,10\) lacks a number"),
        ((0, 0, float("inf"), 10), "lacks a number"),
    ],
)
def test_a_box_without_pixels_fails(pictures, box, sentence):
    with pytest.raises(PictureError, match=sentence):
        pixels(pictures / "00000.png", box)


FIXATIONS = """\
subject,picture,x,y,ms
1,00000.png,20,20,250
1,00000.png,"58.5",20,180
1,00001.png,30,10.5,99
2,00000.png,20,20,300
2,00002.png,,,0
2,00002.png,200,20,120
"""


@pytest.fixture
def fixations(pictures):
    path = pictures / "fixations.csv"
    path.write_text(FIXATIONS, encoding="utf-8", newline="")
    return path


def test_crops_round_fixations_are_scored_as_if_cut_out_by_hand(
    memnet_command, fixations, tiny_weights, tmp_path
):
    out, log = tmp_path / "s.csv", tmp_path / "log"
    args = ("score", fixations, "--path-column", "picture", "--centre-columns", "x,y,16,17")
    args += ("-m", tiny_weights)
    done = memnet_command(*args, "-o", out, check=1, TINY_LOG=str(log))
    table = pd.read_csv(out, keep_default_na=False)
    assert table["image_id"].tolist() == [
        *("00000.png#2", "00000.png#3", "00001.png#4", "00000.png#5", "00002.png#6", "00002.png#7")
    ]
    assert log.read_text() == "3\n"  # rows 2 and 5 are one crop
    assert table["ms"].tolist() == [250, 180, 99, 300, 0, 120]
    assert table["warning"].tolist()[:4] == [
        "",
        "box 51,12,67,29 cut to the picture: 51,12,60,29",
        "",
        "",
    ]
    assert "lacks a number; fill it in" in table["warning"][4]
    assert "(left, top, right, bottom: 192,11.5,208,28.5) lies outside" in table["warning"][5]
    assert "2 failed" in done.stderr
    assert table["width"].tolist()[:4] == ["16", "9", "16", "16"]
    assert table["height"].tolist()[:4] == ["17"] * 4

    by_hand = tmp_path / "by_hand"
    by_hand.mkdir()
    boxes = {2: (0, (12, 12, 28, 29)), 3: (0, (51, 12, 60, 29)), 4: (1, (22, 2, 38, 19))}
    for row, (picture, box) in boxes.items():
        with Image.open(fixations.parent / f"{picture:05d}.png") as image:
            image.crop(box).save(by_hand / f"{row}.png")
    memnet_command("score", by_hand, "-m", tiny_weights, "-o", tmp_path / "hand.csv")
    expected = read_table(tmp_path / "hand.csv")["score"].tolist()
    scores = table["score"].tolist()
    assert [float(score) for score in scores[:3]] == pytest.approx(expected, abs=1e-6)
    assert scores[3] == scores[0]
    assert memnet_command(*args, check=1).stdout == out.read_text()


def test_the_box_is_part_of_what_was_scored(memnet_command, fixations, tiny_weights, tmp_path):
    fixations.write_text("\n".join(FIXATIONS.splitlines()[:5]) + "\n")
    args = ("score", fixations, "--path-column", "picture", "-m", tiny_weights, "-o", "s.csv")
    boxes = ("--centre-columns", "x,y,16,16")
    memnet_command(*args, *boxes)
    before = (tmp_path / "s.csv").read_bytes()
    assert "0 scored, 4 were scored before" in memnet_command(*args, *boxes).stderr
    assert (tmp_path / "s.csv").read_bytes() == before
    fixations.write_text(fixations.read_text().replace("30,10.5", "31,10.5"))
    done = memnet_command(*args, *boxes)
    assert "1 picture(s) changed since they were scored" in done.stderr
    assert "1 scored" in done.stderr


@pytest.mark.parametrize("further", [(), ("--limit", "2"), ("-m", "other.safetensors")])
def test_a_table_is_of_boxes_of_one_kind(
    memnet_command, fixations, tiny_weights, tmp_path, further
):
    """Else nobody could tell the crops of 16 pixels from those of 18 in it."""
    shutil.copy(tiny_weights, tmp_path / "other.safetensors")
    fixations.write_text("\n".join(FIXATIONS.splitlines()[:5]) + "\n")
    args = ("score", fixations, "--path-column", "picture", "-o", "s.csv")
    memnet_command(*args, "-m", tiny_weights, "--centre-columns", "x, y, 16, 16")
    before = (tmp_path / "s.csv").read_bytes()
    for boxes, named in (
        (("--centre-columns", "x,y,18,16"), "boxes (--centre-columns x,y,18,16)"),
        ((), "whole pictures"),
    ):
        model = () if "-m" in further else ("-m", tiny_weights)
        done = memnet_command(*args, *model, *further, *boxes, check=2)
        assert (
            "s.csv holds scores of boxes (--centre-columns x,y,16,16), and this run is of "
            f"{named}; choose another --out." in done.stderr
        )
    assert (tmp_path / "s.csv").read_bytes() == before


def test_shards_of_boxes_are_of_one_size_and_one_list(
    memnet_command, fixations, tiny_weights, tmp_path
):
    rows = [*FIXATIONS.splitlines()[:5], "3,00001.png,9,9,7", "3,00002.png,12,20,8"]
    fixations.write_text("\n".join(rows) + "\n")
    args = ("score", fixations, "--path-column", "picture", "-m", tiny_weights)

    def shard(part, size):
        boxes = ("--centre-columns", f"x,y,{size},{size}")
        memnet_command(*args, *boxes, "--shard", f"{part}/2", "-o", f"{part}_{size}.csv")

    for part, size in ((1, 16), (2, 16), (2, 12)):
        shard(part, size)
    assert "6 row(s)" in memnet_command("merge", "1_16.csv", "2_16.csv", "-o", "all.csv").stderr
    assert json.loads((tmp_path / "all.csv.json").read_text())["boxes"] == (
        "--centre-columns x,y,16,16"
    )
    done = memnet_command("merge", "1_16.csv", "2_12.csv", "-o", "two.csv", check=2)
    assert (
        "1_16.csv holds scores of boxes (--centre-columns x,y,16,16), and 2_12.csv of boxes "
        "(--centre-columns x,y,12,12); merge only tables of one kind." in done.stderr
    )
    # A row's number says which box it is: in a table in another order it is another box.
    fixations.write_text("\n".join([rows[0], *rows[:0:-1]]) + "\n")
    (tmp_path / "2_16.csv").unlink()
    (tmp_path / "2_16.csv.json").unlink()
    shard(2, 16)
    done = memnet_command("merge", "1_16.csv", "2_16.csv", "-o", "two.csv", check=2)
    assert "were not made of one list of boxes (the table changed between" in done.stderr
    assert not (tmp_path / "two.csv").exists()


def test_boxes_by_their_edges_and_ids_of_their_own(
    memnet_command, pictures, tiny_weights, tmp_path
):
    table = pictures / "faces.csv"
    rows = "f1,00000.png,10,5,30,25,x\nf2,00000.png,0,0,9.5,9,y\n"
    table.write_text("image_id,path,left,top,width,bottom,score\n" + rows)
    args = ("score", table, "-m", tiny_weights, "-o", tmp_path / "s.csv")
    memnet_command(*args, "--box-columns", "left,top,width,bottom")
    found = pd.read_csv(tmp_path / "s.csv")
    assert found["image_id"].tolist() == ["f1", "f2"]
    assert found["width"].tolist() == [20, 10]
    assert found["width_in_table"].tolist() == [30, 9.5]
    assert found["score_in_table"].tolist() == ["x", "y"]

    table.write_text("image_id,path,left,top,width,bottom,score\n" + rows.replace("f2", "f1"))
    items = collect([table], boxes=BoxColumns.parse(box_columns="left,top,width,bottom"))
    assert [item.image_id for item in items.items] == ["f1#2", "f1#3"]
    assert [row.extra["image_id_in_table"] for row in items.rows] == ["f1", "f1"]


def test_ids_of_boxes_may_be_made_of_paths(fixations):
    boxes = BoxColumns.parse(centre_columns="x,y,9,9")
    found = collect([fixations], path_column="picture", id_pattern=r"0(\d)\.png", boxes=boxes)
    assert [item.image_id for item in found.items] == ["0#2", "0#3", "1#4", "0#5", "2#6", "2#7"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--box-columns", "x,y,100"), "--box-columns x,y,100 must name four columns, left,top"),
        (("--box-columns", "x,y,w,h"), "has no column 'w'"),
        (
            ("--box-columns", "x,y,100,100"),
            "100 is a number, and no column of",
        ),  # edges are no sizes
        (("--centre-columns", "x,y,-9,9"), "-9 is a number, and no column of"),
        (("--centre-columns", "x,,9,9"), "must name four columns, x,y,width,height"),
        (("--centre-columns", "x,y,9,9", "--box-columns", "a,b,c,d"), "give one"),
    ],
)
def test_columns_that_make_no_boxes_are_refused(
    memnet_command, fixations, tiny_weights, options, sentence
):
    args = ("score", fixations, "--path-column", "picture", "-m", tiny_weights)
    assert sentence in memnet_command(*args, *options, check=2).stderr


def test_boxes_are_of_a_table(pictures):
    with pytest.raises(MemnetError, match=r"--centre-columns x,y,9,9 is for a manifest"):
        collect([pictures], boxes=BoxColumns.parse(centre_columns="x,y,9,9"))


def test_boxes_of_a_parquet_file_that_holds_the_pictures_are_refused_as_such(pictures, tmp_path):
    path = write_parquet(
        tmp_path / "p.parquet", files_of(pictures), x=range(len(files_of(pictures)))
    )
    with pytest.raises(MemnetError, match=r"p\.parquet holds the pictures themselves: write them"):
        collect([path], boxes=BoxColumns.parse(centre_columns="x,x,9,9"))


def test_boxes_of_two_tables_with_one_id_are_told_apart_by_a_column(pictures):
    for name in ("x1.csv", "x2.csv"):
        (pictures / name).write_text(f"path,x,y\n00000.png,{name[1]}0,9\n")
    boxes = BoxColumns.parse(centre_columns="x,y,9,9")
    tables = [pictures / "x1.csv", pictures / "x2.csv"]
    with pytest.raises(MemnetError, match=r"'00000\.png#2'.*; give the tables a column image_id"):
        collect(tables, boxes=boxes)


def test_a_model_that_takes_pictures_gets_the_box(pictures):
    import memnet
    from memnet.data.inputs import Item
    from memnet.scoring.engine import score_items

    sizes = memnet.Predictor.from_function(
        "sizes.v1", lambda given: [each.width / 100 for each in given]
    )
    item = Item("a", "", Crop(pictures / "00000.png", (3, 3, 20, 9)))
    ((row,),) = score_items(sizes, [item])
    assert (row.score, row.width, row.height) == (pytest.approx(0.17), 17, 6)


def test_boxes_are_not_of_videos(pictures):
    boxes = BoxColumns.parse(centre_columns="x,y,9,9")
    with pytest.raises(MemnetError, match="--fps do not go together"):
        collect([pictures], boxes=boxes, fps=Fraction(2))

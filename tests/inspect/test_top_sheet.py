"""Contact sheets of the strongest pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from inspected import make_small, noise
from memnet.data.inputs import Item
from memnet.inspect.layers import find_layers
from memnet.inspect.top import TopRow, find_top
from memnet.inspect.top_sheet import COLUMNS, LINES, SIDE, draw_sheets, outlined, seen_part

YELLOW = (255, 212, 0)


def make_row(box, middle, size=(256, 128), at=(0, 0), sees_all=False) -> TopRow:
    return TopRow(
        layer="conv",
        filter=0,
        side="most",
        rank=1,
        image_id="a",
        path="",
        activation=1.0,
        crop=0,
        row=at[0],
        column=at[1],
        **dict(zip(("left", "top", "right", "bottom"), box, strict=True)),
        x=middle[0],
        y=middle[1],
        sees_all=sees_all,
        width=size[0],
        height=size[1],
        sha256="",
    )


def yellow_box(image: Image.Image) -> tuple[int, int, int, int]:
    is_yellow = (np.asarray(image) == YELLOW).all(axis=2)
    rows, columns = (is_yellow.any(axis=axis).nonzero()[0] for axis in (1, 0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


BLACK = Image.new("RGB", (256, 128))


def test_the_outline_lies_where_the_box_is():
    small = outlined(BLACK, make_row((40, 60, 120, 100), (80, 80)), side=128)
    assert small.size == (128, 64)
    assert yellow_box(small) == (20, 30, 60, 50)
    assert small.getpixel((40, 40)) == (0, 0, 0)  # no dot


def test_the_outline_of_a_few_pixels_hides_nothing_and_can_be_seen():
    small = outlined(BLACK, make_row((40, 60, 42, 62), (41, 61)), side=128)
    left, top, right, bottom = yellow_box(small)
    assert 4 <= right - left <= 5
    assert 4 <= bottom - top <= 5


def test_a_dot_is_the_middle_of_a_field_that_the_edge_cuts():
    small = outlined(BLACK, make_row((0, 0, 256, 128), (60, 100), sees_all=True), side=128)
    left, top, right, bottom = yellow_box(small)
    assert ((left + right - 1) / 2, (top + bottom - 1) / 2) == (30, 50)
    cut = outlined(BLACK, make_row((0, 20, 60, 128), (4, 74)), side=128)
    assert cut.getpixel((2, 37)) == YELLOW


def test_a_dense_layer_has_no_middle():
    row = make_row((0, 0, 256, 128), (128, 64), sees_all=True)._replace(row=None, column=None)
    assert outlined(BLACK, row).getcolors() == [(128 * 64, (0, 0, 0))]


def test_the_part_is_what_lies_in_the_box():
    image = BLACK.copy()
    image.paste("white", (40, 60, 120, 100))
    part = seen_part(image, make_row((40, 60, 120, 100), (80, 80)), side=80)
    assert part.size == (80, 40)
    assert part.getcolors() == [(80 * 40, (255, 255, 255))]


@pytest.fixture
def made(tmp_path):
    """A model, twelve files, and what was found in them."""
    items = []
    for n, picture in enumerate(noise(12)):
        path = tmp_path / f"{n:02}.png"
        Image.fromarray(picture).save(path)
        items.append(Item(path.name, str(path), path))

    def make(names, k, **settings):
        model = make_small()
        wanted = [(layer, range(layer.filters)) for layer in find_layers(model, names)]
        return find_top(model, items, wanted, tmp_path / "out", k=k, **settings)

    return make


def size_of(path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_a_sheet_a_layer_and_pages_of_whole_filters(made, tmp_path):
    """Twelve pictures take two lines of nine, so four of the six filters fill a page."""
    top = made(["first", "score"], k=12)
    sheets = draw_sheets(top, tmp_path / "out", {})
    assert [path.name for path in sheets.paths] == ["first.png", "first_2.png", "score.png"]
    assert sheets.failed == []
    widths, heights = zip(*map(size_of, sheets.paths), strict=True)
    assert heights[0] > 1.7 * heights[1]
    assert heights[2] < 0.35 * heights[1]  # one filter of two, and no parts: it sees everything
    assert set(widths) == {2 * 24 + COLUMNS * (SIDE + 6) - 6}
    assert LINES == 8


def test_both_sides_differ(made, tmp_path):
    top = made(["second"], k=3)
    (most,) = draw_sheets(top, tmp_path / "out", {}).paths
    (least,) = draw_sheets(top, tmp_path / "out", {}, side="least").paths
    assert least.name == "second_least.png"
    assert most.read_bytes() != least.read_bytes()


def test_pictures_that_are_gone_or_changed_are_named(made, tmp_path):
    top = made(["second"], k=12)
    (tmp_path / "03.png").unlink()
    Image.new("RGB", (50, 40)).save(tmp_path / "05.png")
    failed = draw_sheets(top, tmp_path / "out", {}).failed
    assert failed == [
        "03.png is not shown: There is no such file.",
        "05.png is not shown: It changed since its activations were computed.",
    ]

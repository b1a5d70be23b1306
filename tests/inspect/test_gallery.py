"""A gallery: made pictures beside the strongest photographs."""

from __future__ import annotations

import io
import json
import re
import shutil
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from inspected import make_model, make_small, noise
from memnet.data.inputs import Item
from memnet.errors import MemnetError
from memnet.inspect import gallery_pictures
from memnet.inspect.gallery import read_gallery
from memnet.inspect.gallery_folder import write_gallery
from memnet.inspect.gallery_page import gallery_page
from memnet.inspect.gallery_pictures import SIDES, read_pictures
from memnet.inspect.gallery_sheets import draw_gallery_sheets
from memnet.inspect.layers import find_layers
from memnet.inspect.recipes import Modern
from memnet.inspect.top import find_top
from memnet.inspect.visualisation_files import NAME, visualise_to
from memnet.inspect.visualise import resolve

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """What is on a page; fails where tags do not close in order, or an id is there twice."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.used: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.boxes: list[dict[str, str]] = []
        self.feed(text)
        assert self.open == []
        assert len(set(self.ids)) == len(self.ids)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        for name in ("href", "src", "action", "data", "srcset"):
            self.references += [given[name]] if name in given else []
        if tag == "use":
            self.used.append(given["href"])
        if (tag, given.get("class")) == ("rect", "field"):
            self.boxes.append(given)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)


def find(folder, model, items, layers=("first", "second"), filters=(0, 2), **settings):
    wanted = [(layer, filters) for layer in find_layers(model, list(layers))]
    return find_top(model, items, wanted, folder, **{"k": 3, **settings})


def make(folder, model, layers=("first", "second"), filters=(0, 2), *, aim="channel", diversity=1):
    for layer in layers:
        objective, names = resolve(model, layer, filters, aim)
        visualise_to(
            folder,
            model,
            objective,
            names,
            recipe=Modern(steps=4),
            diversity=diversity,
            seed=0,
            batch_size=4,
        )


@pytest.fixture
def items(tmp_path):
    """Eight photographs in files."""
    (tmp_path / "photos").mkdir()
    found = []
    for n, picture in enumerate(noise(8)):
        path = tmp_path / "photos" / f"{n}<&.png"
        Image.fromarray(picture).save(path)
        found.append(Item(path.name, str(path), path))
    return found


@pytest.fixture
def folders(tmp_path, items):
    """A model and the two folders that a gallery is made of."""
    model = make_small()
    find(tmp_path / "top", model, items)
    make(tmp_path / "made", model)
    return SimpleNamespace(model=model, top=tmp_path / "top", made=tmp_path / "made", items=items)


def page_of(folders, **pictures) -> tuple[Page, str]:
    gallery = read_gallery(folders.top, folders.made)
    text = gallery_page(gallery, read_pictures(gallery, pictures))
    return Page(text), text


def sentences(folders) -> dict[tuple[str, int], str]:
    layers = read_gallery(folders.top, folders.made).layers
    return {(each.layer, each.number): each.sentence for layer in layers for each in layer.filters}


def test_every_layer_and_filter_is_there_in_order_and_every_picture_once(folders):
    page, text = page_of(folders)
    headings = [text.strip() for text in page.texts["h2"]]
    assert headings == ["first", "second", "Where this comes from"]
    assert [text.strip() for text in page.texts["h3"]] == ["Filter 0", "Filter 2"] * 2
    rows = json.loads((folders.top / "top.json").read_text())["rows"]
    shown = {row["image_id"] for row in rows}
    embedded = re.findall(r"data:image/(jpeg|png);base64,([A-Za-z0-9+/=]+)", text)
    assert len(embedded) == len(set(embedded)) == len(shown) + 4
    # For each filter: a made picture, three photographs, their three parts, the three weakest.
    assert len(page.used) == 4 * (1 + 3 + 3 + 3)
    assert {name.lstrip("#") for name in page.used} == set(re.findall(r'<image id="(\w+)"', text))
    titles = page.texts["title"][1:]  # the first is the window's
    assert titles[0].startswith("first, filter 0: picture made for it, first_0.png, reached ")
    first = rows[0]
    assert titles[1] == (
        f"first, filter 0: number 1 of the strongest, {first['image_id']}, activation "
        + f"{first['activation']:.3g}".replace("-", "\N{MINUS SIGN}")
    )
    box = {name: int(page.boxes[0][name]) for name in ("x", "y", "width", "height")}
    assert (box["x"], box["y"]) == (first["left"], first["top"])
    assert box["x"] + box["width"] == first["right"]
    assert box["y"] + box["height"] == first["bottom"]


def test_the_page_needs_nothing_from_outside_and_is_the_same_each_time(folders):
    page, text = page_of(folders)
    assert all(re.match(r"#|data:image/", each) for each in page.references)
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    assert page_of(folders)[1] == text


def test_each_filter_says_how_far_its_picture_got(folders):
    reached = json.loads((folders.made / NAME).read_text())["pictures"]
    rows = json.loads((folders.top / "top.json").read_text())["rows"]
    said = sentences(folders)
    for row in reached:
        layer, number = row["made_of"]["layer"], row["made_of"]["filter"]
        (best,) = (
            each["activation"]
            for each in rows
            if (each["layer"], each["filter"], each["side"], each["rank"])
            == (layer, number, "most", 1)
        )
        expected = f"Made picture {row['reached']:.3g}, strongest photograph {best:.3g}."
        expected = expected.replace("-", "\N{MINUS SIGN}")
        if best > row["reached"]:
            expected += " The photograph raises the filter more."
        assert said[layer, number] == expected


def rewritten(folders, file, reached):
    path = folders.made / NAME
    content = json.loads(path.read_text())
    for row in content["pictures"]:
        if row["file"] == file:
            row["reached"] = reached
    path.write_text(json.dumps(content))


def test_a_photograph_that_beats_the_made_picture_is_a_warning(folders):
    for file in ("first_0.png", "first_2.png", "second_0.png"):
        rewritten(folders, file, 1000.0)
    rewritten(folders, "second_2.png", -1000.0)
    said = sentences(folders)
    assert said["second", 2].endswith("The photograph raises the filter more.")
    assert not said["second", 0].endswith("more.")
    (caution,) = read_gallery(folders.top, folders.made).cautions
    assert caution.startswith("One filter is raised more by a photograph than by the picture made")
    assert caution.endswith(": filter 2 of second.")
    assert "Read this first" in page_of(folders)[1]


def test_other_measures_are_not_compared(folders):
    make(folders.made, folders.model, ["second"], [0], aim="neuron")
    rewritten(folders, "second_0.png", -1000.0)
    said = sentences(folders)["second", 0]
    assert "(its unit in the centre)" in said
    assert said.endswith("(mean over space): two measures, which do not compare.")
    cautions = read_gallery(folders.top, folders.made).cautions
    assert not any("filter 0 of second" in caution for caution in cautions)


def test_a_single_unit_has_one_measure(folders, items, tmp_path):
    find(tmp_path / "dense", folders.model, items, ["score"], [0], by="max")
    make(tmp_path / "of_dense", folders.model, ["score"], [0])
    ours = SimpleNamespace(top=tmp_path / "dense", made=tmp_path / "of_dense")
    assert "two measures" not in sentences(ours)["score", 0]
    assert "Dense; a unit sees the whole picture; 1 of 1 units is shown." in page_of(ours)[1]


def test_of_a_layer_that_sees_everything_no_parts_are_shown(tmp_path, items):
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 33), torch.nn.Flatten())
    model = make_model(network, side=33)
    find(tmp_path / "top", model, items, ["0"], [0])
    make(tmp_path / "made", model, ["0"], [0])
    page, text = page_of(SimpleNamespace(top=tmp_path / "top", made=tmp_path / "made"))
    assert "a unit sees 33 x 33 pixels of the network's input, padding and all, which is" in (
        text.replace("&#39;", "'")
    )
    assert len(page.used) == 1 + 3 + 3


def test_filters_without_one_of_both_are_shown_and_named(folders):
    make(folders.made, folders.model, ["second"], [3])
    shutil.copytree(folders.made, folders.made.with_name("fewer"))
    path = folders.made.with_name("fewer") / NAME
    content = json.loads(path.read_text())
    content["pictures"] = [row for row in content["pictures"] if row["file"] != "first_0.png"]
    path.write_text(json.dumps(content))
    folders.made = path.parent
    said = sentences(folders)
    assert said["second", 3].endswith("; no photographs.")
    assert said["first", 0].startswith("No picture was made; strongest photograph ")
    cautions = read_gallery(folders.top, folders.made).cautions
    assert "One filter has no made picture: filter 0 of first." in cautions
    assert "One filter has no photographs: filter 3 of second." in cautions
    assert page_of(folders)[0].texts["h3"].count("Filter 3") == 1


def test_a_dead_filter_is_named(tmp_path, items):
    model = make_small()
    with torch.no_grad():
        model.network.second.weight[2] = 0
    find(tmp_path / "top", model, items, ["second"])
    make(tmp_path / "made", model, ["second"])
    ours = SimpleNamespace(top=tmp_path / "top", made=tmp_path / "made")
    assert sentences(ours)["second", 2].startswith("No picture could be made: gradient ascent")
    cautions = read_gallery(ours.top, ours.made).cautions
    dead = "One filter seems to be dead (nothing changes what it gives): filter 2 of second."
    assert cautions == [dead]
    page_of(ours)


def test_a_filter_that_ascent_did_not_raise_and_photographs_do_is_not_called_dead(folders):
    path = folders.made / NAME
    content = json.loads(path.read_text())
    (row,) = (row for row in content["pictures"] if row["file"] == "second_0.png")
    row["sha256"] = None
    path.write_text(json.dumps(content))
    cautions = read_gallery(folders.top, folders.made).cautions
    (caution,) = (each for each in cautions if "filter 0 of second" in each)
    assert caution.startswith("One filter has no made picture, as gradient ascent got no further")
    assert not any("dead" in each for each in cautions)


def test_several_pictures_of_a_filter_stand_together(folders, tmp_path):
    make(tmp_path / "several", folders.model, ["second"], [0], diversity=3)
    folders.made = tmp_path / "several"
    text = page_of(folders)[1]
    assert text.count("second, filter 0: picture made for it") == 3


def test_folders_that_do_not_belong_together_are_refused(folders, tmp_path):
    other = make_small()
    other.name = "other.test"
    make(tmp_path / "other", other, ["second"])
    with pytest.raises(MemnetError, match=r"pictures of random\.test, and .* for other\.test; a"):
        read_gallery(folders.top, tmp_path / "other")
    make(tmp_path / "elsewhere", folders.model, ["score"], [0])
    with pytest.raises(MemnetError, match=r"of first, second, and .* for score; .*same layers"):
        read_gallery(folders.top, tmp_path / "elsewhere")
    with pytest.raises(MemnetError, match=r"top\.json cannot be read .*`memnet inspect top`"):
        read_gallery(folders.made, folders.made)
    with pytest.raises(MemnetError, match=r"has no visualisations\.json; `memnet inspect visua"):
        read_gallery(folders.top, folders.top)


def test_other_weights_of_the_same_name_are_refused(folders):
    path = folders.made / NAME
    digest = json.loads(path.read_text())["pictures"][0]["made_of"]["model"]["tensors_sha256"]
    path.write_text(path.read_text().replace(digest, "1" * 64))
    with pytest.raises(MemnetError, match="another model of this name; a gallery is of one model"):
        read_gallery(folders.top, folders.made)


def test_pictures_that_are_gone_or_changed_are_named_and_not_shown(folders, items):
    items[3].picture.unlink()
    Image.new("RGB", (33, 33)).save(folders.made / "second_2.png")
    gallery = read_gallery(folders.top, folders.made)
    pictures = read_pictures(gallery, {})
    assert pictures.failed == [
        "3<&.png is not shown: There is no such file.",
        "second_2.png is not shown: The file changed since it was made.",
    ]
    text = gallery_page(gallery, pictures)
    assert "3&lt;&amp;.png is not shown: There is no such file." in text
    page = Page(text)
    assert f"#p{len(pictures.photographs) + len(pictures.made)}" not in page.used
    draw_gallery_sheets(gallery, pictures)


def test_photographs_are_smaller_where_there_are_many(folders, monkeypatch):
    gallery = read_gallery(folders.top, folders.made)
    pictures = read_pictures(gallery, {})
    sizes = [sum(len(each.files[side]) for each in pictures.photographs.values()) for side in SIDES]
    assert pictures.side == SIDES[0]
    assert sizes == sorted(sizes, reverse=True)
    monkeypatch.setattr(gallery_pictures, "SIDES", (40, 20, 10))
    smaller = read_pictures(gallery, {})
    most = sum(len(each.files[20]) for each in smaller.photographs.values())
    monkeypatch.setattr(gallery_pictures, "MOST_BYTES", most)
    assert smaller.side == 20


def test_of_a_unit_in_the_centre_what_it_sees_is_shown_enlarged(folders):
    make(folders.made, folders.model, ["first"], [0], aim="neuron")
    gallery = read_gallery(folders.top, folders.made)
    made = read_pictures(gallery, {}).made["first_0.png"]
    assert (made.width, made.height, made.is_small) == (5, 5, True)


def test_the_folder_has_the_page_and_the_sheets_as_png_and_pdf(folders, tmp_path):
    written = write_gallery(folders.top, folders.made, tmp_path / "out")
    assert written.failed == []
    assert written.size == (tmp_path / "out" / "gallery.html").stat().st_size
    names = ["layers", *(f"{a}_{b}" for a in ("first", "second") for b in ("filters", "strongest"))]
    sheets = tmp_path / "out" / "sheets"
    assert {path.name for path in sheets.iterdir()} == {
        f"{name}.{kind}" for name in names for kind in ("png", "pdf")
    }
    before = {path.name: path.read_bytes() for path in sheets.iterdir()}
    assert before["layers.pdf"].startswith(b"%PDF")
    write_gallery(folders.top, folders.made, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in sheets.iterdir()} == before


def test_a_row_of_a_sheet_is_a_layer_and_beside_a_made_picture_stand_its_photographs(folders):
    gallery = read_gallery(folders.top, folders.made)
    pictures = read_pictures(gallery, {})
    sheets = draw_gallery_sheets(gallery, pictures)
    places = [axes.get_position() for axes in sheets["layers"].axes]
    assert len(places) == 4
    assert places[0].y0 == places[1].y0 > places[2].y0 == places[3].y0
    assert places[0].x0 == places[2].x0 < places[1].x0 == places[3].x0
    (image,) = sheets["second_strongest"].axes[0].images
    pixels = np.asarray(image.get_array())
    assert pixels.shape[1] == 2 * pixels.shape[0] + 8
    right = pixels[:, pixels.shape[0] + 8 :]
    cells = [right[:128, left : left + 128] for left in (0, 136, 272)]
    assert all(cell.std() > 20 for cell in cells)
    assert (right[140:] == 255).all()  # three photographs fill the first row


def test_noise_fits_into_a_jpeg():
    """Pillow's optimised JPEG of it is larger than the buffer that it is written through."""
    levels = np.random.default_rng(0).integers(256, size=(384, 384, 3), dtype=np.uint8)
    data = gallery_pictures._jpeg(Image.fromarray(levels), 88)
    with Image.open(io.BytesIO(data)) as image:
        apart = np.abs(np.asarray(image).astype(float) - levels).mean()
    assert apart < 8, "grey levels"

"""`memnet variants`: the list, the contact sheet, and what is said about the mean image."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image
from typer import Typer
from typer.testing import CliRunner

import references
from memnet.cli.variants import variants
from memnet.errors import MemnetError
from memnet.legacy.variants import variants as registry
from memnet.preprocess.spec import PreprocessSpec

app = Typer()
app.command()(variants)


@pytest.fixture(autouse=True)
def _empty_store(tmp_path, monkeypatch):
    """Whoever runs the tests may have the original's weights."""
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path / "store"))


@pytest.fixture
def picture(golden):
    return golden / "images" / "chelsea_small_97x64.png"


@pytest.fixture
def mean(golden):
    return golden / "mean" / "synthetic_mean.mat"


def run(*args: object, check: int = 0):
    done = CliRunner().invoke(app, list(map(str, args)), catch_exceptions=False)
    assert done.exit_code == check, done.output
    return done


def test_the_list_names_every_variant_with_its_source():
    printed = run().stdout
    assert max(map(len, printed.splitlines())) <= 100
    for variant in registry().values():
        assert f"\n{variant.slug}: " in f"\n{printed}"
        assert variant.title in " ".join(printed.split())
        assert variant.source[:30] in " ".join(printed.split())


def test_json_has_every_setting_and_makes_the_same_spec_again():
    found = json.loads(run("--json").stdout)
    assert [row["slug"] for row in found] == list(registry())
    for row in found:
        again = PreprocessSpec.from_dict(row["preprocess_spec"])
        assert again == registry()[row["slug"]].preprocess


def test_a_sheet_without_a_mean_image_says_that_a_flat_one_stands_for_it(picture, tmp_path):
    done = run(picture, "--out", tmp_path / "sheet.svg")
    assert "a flat one with its published channel means" in done.stderr
    assert "it does not show when a variant transposes the mean image" in done.stderr
    assert ElementTree.parse(tmp_path / "sheet.svg").getroot().tag.endswith("svg")


def test_a_png_sheet_with_ones_own_mean_image(picture, mean, tmp_path):
    done = run(picture, "--mean", mean, "--out", tmp_path / "new" / "sheet.png")
    assert f"The mean image is that of {mean.name}." in done.stderr
    with Image.open(tmp_path / "new" / "sheet.png") as sheet:
        assert sheet.width > 2000
        assert len(sheet.convert("RGB").getcolors(maxcolors=10**7)) > 1000  # pictures, not text


def test_the_page_holds_the_sheet_and_the_list(picture, tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    references.imported(references.GOLDEN / "mini" / "mini_v2.caffemodel", folder)
    (weights,) = folder.glob("*.safetensors")
    run(picture, "--model", weights, "--out", tmp_path / "sheet.html")
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "used in 27 ways, which feed the network 21 different inputs." in page
    assert all(f'<th scope="row">{slug} <' in page for slug in registry())
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert page.count("data:image/png;base64,") == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--out", "sheet.png"), "needs a picture"),
        (("PICTURE", "--out", "a.png", "--json"), "--json lists the variants; leave it out"),
        (("PICTURE",), "Say where to write the contact sheet"),
        (("PICTURE", "--out", "sheet.pdf"), r"must end in \.png, \.svg, \.html"),
        (("PICTURE", "--out", "s.png", "--mean", "m.mat", "--model", "m"), "give one of them"),
        (("PICTURE", "--out", "s.png", "--mean", "none.mat"), "There is no mean image"),
        (("none.png", "--out", "s.png"), r"none\.png: There is no such file"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(picture, args, message):
    with pytest.raises(MemnetError, match=message):
        run(*(picture if arg == "PICTURE" else arg for arg in args))

"""`memnet inspect map`: the folder that it writes, and how a later run goes on."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def run(memnet_command, tiny_weights, make_pictures, tmp_path):
    """Return a function that makes maps of two pictures, or of others."""
    folder = make_pictures(2)

    def map_(*options, pictures=folder, check=0):
        words = ("--out", tmp_path / "out", "--device", "cpu", "--window", "0.5", *options)
        return memnet_command("inspect", "map", tiny_weights, pictures, *words, check=check)

    return map_


def _record(tmp_path):
    return json.loads((tmp_path / "out" / "maps.json").read_text(encoding="utf-8"))


def test_a_folder_has_maps_figures_a_record_and_a_page(run, tmp_path):
    run()
    out, record = tmp_path / "out", _record(tmp_path)
    assert record["settings"] == {"method": "windows", "sizes": [0.5], "stride": 0.5, "seed": 0}
    assert [each["image_id"] for each in record["pictures"]] == ["00000.png", "00001.png"]
    for each in record["pictures"]:
        values = np.load(out / each["map"])
        assert (values.dtype, values.shape) == (np.float32, (18, 24))
        assert np.nanmin(values) == pytest.approx(each["lowest"])
        assert np.isnan(values).mean() == pytest.approx(each["unseen"])
        with Image.open(out / each["figure"]) as figure:
            assert figure.width == 720
    page = (out / "maps.html").read_text(encoding="utf-8")
    assert page.count('src="data:image/png;base64,') == 2
    assert not re.search(r'(src|href)="(http|//|figures)', page)
    assert "Khosla et al., 2015" in page


def test_a_page_does_not_grow_without_end(run, tmp_path, monkeypatch):
    from memnet.inspect import map_page

    monkeypatch.setattr(map_page, "MOST_SHOWN", 1)
    run()
    page = (tmp_path / "out" / "maps.html").read_text(encoding="utf-8")
    assert page.count('src="data:image/png;base64,') == 1
    assert "The first 1 are shown; 1 more are in the folder" in page
    assert "00001.png" in page, "in the table"


def test_a_later_run_goes_on(run, make_pictures, tmp_path):
    run()
    record = _record(tmp_path)
    (tmp_path / "out" / record["pictures"][0]["figure"]).unlink()
    assert "1 made, 1 were there before" in run("--batch-size", 3).stderr
    Image.new("RGB", (24, 18)).save(tmp_path / "pictures" / "00001.png")
    assert "1 made, 1 were there before" in run().stderr
    assert (
        _record(tmp_path)["pictures"][1]["pixels_sha256"] != record["pictures"][1]["pixels_sha256"]
    )
    assert "3 made -> " in run(pictures=make_pictures(3, "others")).stderr
    assert len(_record(tmp_path)["pictures"]) == 3, "ids of two folders are the same"


def test_a_run_that_was_stopped_keeps_what_it_made(run, tmp_path, monkeypatch):
    from memnet.inspect.maps import MapMaker

    make, calls = MapMaker.make, []

    def stop_at_second(self, picture):
        calls.append(picture)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return make(self, picture)

    monkeypatch.setattr(MapMaker, "make", stop_at_second)
    run(check=130)
    assert [each["image_id"] for each in _record(tmp_path)["pictures"]] == ["00000.png"]
    assert "1 made, 1 were there before" in run().stderr


def test_pictures_that_cannot_be_read_are_named_and_stop_no_others(run, tmp_path):
    (tmp_path / "pictures" / "00000.png").write_bytes(b"")
    done = run(check=1)
    assert "00000.png: The file is empty" in done.stderr
    assert "1 made, 1 failed" in done.stderr
    record = _record(tmp_path)
    assert [each["image_id"] for each in record["pictures"]] == ["00001.png"]
    assert "The file is empty" in record["failed"][0]
    assert "The file is empty" in (tmp_path / "out" / "maps.html").read_text(encoding="utf-8")


def test_maps_of_other_settings_or_models_are_not_mixed(run, tmp_path, tiny_weights):
    from tiny import write_tiny

    run()
    done = run("--window", "0.3", check=2)
    assert "was made with other settings (method windows, sizes [0.5]" in done.stderr
    write_tiny(tiny_weights, seed=8)
    assert "was made with another model of this name; choose another --out" in run(check=2).stderr
    (tmp_path / "out" / "maps.json").write_text("{}")
    assert "cannot be read as a list of maps" in run(check=2).stderr


def test_a_map_that_shows_the_picture_alone_is_warned_of(run, tmp_path):
    done = run("--method", "occlusion")
    warned = [each for each in _record(tmp_path)["pictures"] if each["warnings"]]
    assert (f"{len(warned)} map(s) have a warning" in done.stderr) == bool(warned)
    for each in _record(tmp_path)["pictures"]:
        assert bool(each["warnings"]) == (abs(each["sanity"]["rho"]) > 0.5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--window", "0"), "size of windows is 0.0; it must be a share"),
        (("--window", "20"), "size of windows is 20.0"),
        (("--stride", "0"), "stride is 0.0"),
        (("--method", "gradient", "--stride", "0.5"), "gradient has no stride"),
        (("--window", "0.001"), "are 3,996,010 for each picture; the most are 10,000"),
        (("--steps", "30"), "--steps is for --method gradient"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence(run, options, sentence, tmp_path):
    assert sentence in run(*options, check=2).stderr
    assert not (tmp_path / "out").exists()


def test_gradients_by_the_command(run, tmp_path):
    pytest.importorskip("captum")
    run("--method", "gradient", "--steps", "16")
    for each in _record(tmp_path)["pictures"]:
        gap = each["completeness"]["total"] - each["completeness"]["difference"]
        assert abs(gap) <= each["completeness"]["tolerance"]
        assert np.nansum(np.load(tmp_path / "out" / each["map"])) == pytest.approx(
            each["completeness"]["total"], abs=1e-5
        )


def test_where_nothing_can_be_read_there_is_no_page(run, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jpg").write_bytes(b"no picture")
    assert "No picture has a map: " in run(pictures=tmp_path / "bad", check=2).stderr
    assert not (tmp_path / "out" / "maps.html").exists()


def test_a_flat_map_says_why_it_has_no_check(run, make_pictures, tmp_path):
    folder = make_pictures(2)
    Image.new("RGB", (40, 30), "red").save(folder / "plain.png")
    run(pictures=folder)
    page = (tmp_path / "out" / "maps.html").read_text(encoding="utf-8")
    assert "plain.png: score" in page
    assert "no sanity check (The map is flat)" in page
    assert "1 more cannot be compared: The map is flat." in page

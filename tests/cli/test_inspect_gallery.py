"""`memnet inspect gallery`."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def run(memnet_command, mini, make_pictures):
    folder = make_pictures(3)

    def run(layers: str, filters: str = "0,3", check: int = 0):
        words = ("--layers", layers, "--filters", filters, "--steps", "20", "-k", "2")
        return memnet_command(
            "inspect", "gallery", mini, folder, *words, "--out", "out", check=check
        )

    return run


def test_one_command_makes_a_gallery_and_goes_on(run, tmp_path):
    done = run("conv1,conv2")
    out = tmp_path / "out"
    assert "4 filters of 2 layers, " in done.stderr
    assert "5 sheets -> out" in done.stderr
    page = (out / "gallery.html").read_bytes()
    record = json.loads((out / "visualised" / "visualisations.json").read_text())
    # What raises the mean of a first layer is a colour: its filters are shown by one unit.
    aims = [row["made_of"]["objective"] for row in record["pictures"]]
    assert aims == ["neuron", "neuron", "channel", "channel"]
    made = (out / "visualised" / "conv2_0.png").stat().st_mtime_ns
    again = run("conv1,conv2")
    assert "2 of 2 filter(s) have their pictures" in again.stderr
    assert (out / "visualised" / "conv2_0.png").stat().st_mtime_ns == made
    assert (out / "gallery.html").read_bytes() == page
    refused = run("conv1", check=2)
    assert "choose another --out" in refused.stderr


def test_a_filter_that_is_not_there_is_said_before_any_work(run, tmp_path):
    done = run("conv5", "5000", check=2)
    assert "conv5 has no filter 5000: its" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_photograph_that_fails_is_named_on_the_page(run, tmp_path):
    (tmp_path / "pictures" / "bad.jpg").write_bytes(b"nothing")
    done = run("conv2", check=1)
    assert "bad.jpg: The file is no picture" in done.stderr
    page = (tmp_path / "out" / "gallery.html").read_text(encoding="utf-8")
    assert "One photograph could not be read and took no part: bad.jpg." in page

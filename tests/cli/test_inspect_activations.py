"""`memnet inspect activations`."""

from __future__ import annotations

import json

import numpy as np
import pytest

from memnet.inspect.activations import read


@pytest.fixture
def run(memnet_command, mini, make_pictures):
    folder = make_pictures(3)

    def run(*args: object, check: int = 0):
        return memnet_command("inspect", "activations", mini, folder, *args, check=check)

    return run


def test_two_layers_in_one_file(run, tmp_path):
    done = run("--layers", "conv5, fc8-euclidean", "--out", "a.npz")
    ids, layers = read(tmp_path / "a.npz")
    assert ids == ["00000.png", "00001.png", "00002.png"]
    assert list(layers) == ["conv5", "fc8"]
    assert layers["fc8"].shape == (3, 1)
    assert "3 pictures, layers conv5 (" in done.stderr
    about = json.loads((tmp_path / "a.npz.json").read_text())
    assert about["command"].startswith("memnet inspect activations ")
    assert about["crops_averaged"] == 10


def test_the_last_layer_is_the_raw_output_of_scoring(run, memnet_command, mini, tmp_path):
    import pandas as pd

    run("--layers", "fc8", "--out", "a.parquet")
    memnet_command("score", "pictures", "--model", mini, "--out", "s.csv")
    _, layers = read(tmp_path / "a.parquet")
    raw = pd.read_csv(tmp_path / "s.csv")["raw"]
    np.testing.assert_allclose(layers["fc8"][:, 0], raw, rtol=1e-5)


def test_a_picture_that_fails_is_named_and_keeps_its_row(run, tmp_path):
    (tmp_path / "pictures" / "00001.png").write_bytes(b"no picture")
    done = run("--layers", "conv1", "--out", "a.h5", "--reduce", "max", check=1)
    _, layers = read(tmp_path / "a.h5")
    assert np.isnan(layers["conv1"]).all(axis=1).tolist() == [False, True, False]
    assert "00001.png: " in done.stderr
    assert "1 failed (rows of NaN)" in done.stderr


def test_a_layer_by_two_names_is_kept_once(run, tmp_path):
    run("--layers", "fc8,fc8-euclidean,fc8", "--out", "a.npz")
    assert list(read(tmp_path / "a.npz")[1]) == ["fc8"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--layers", "con5", "--out", "a.npz"], "has no layer 'con5'. Did you mean 'conv5'"),
        (["--layers", " , ", "--out", "a.npz"], "--layers names no layer"),
        (["--layers", "conv1", "--out", "a.csv"], "a.csv must end in .npz"),
        (["--layers", "conv1", "--out", "a.npz", "--size", "5"], "are for --reduce projection"),
    ],
)
def test_what_cannot_be_is_said(run, args, words, tmp_path):
    assert words in run(*args, check=2).stderr
    assert not (tmp_path / "a.npz").exists()

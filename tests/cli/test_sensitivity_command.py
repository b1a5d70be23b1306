"""`memnet sensitivity` with the small network on a dozen pictures: files, sentences, exit codes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer import Typer
from typer.testing import CliRunner

import references
from memnet.cli.sensitivity import sensitivity
from memnet.errors import MemnetError
from memnet.legacy.variants import variants

app = Typer()
app.command()(sensitivity)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The small MemNet with the synthetic mean image, as a weight file."""
    folder = tmp_path_factory.mktemp("small")
    references.imported(references.GOLDEN / "mini" / "mini_v2.caffemodel", folder)
    (path,) = folder.glob("*.safetensors")
    return path


@pytest.fixture
def pictures(tmp_path, golden):
    """Return a function that cuts some pictures out of the golden ones."""

    def cut(count: int):
        random = np.random.default_rng(6)
        folder = tmp_path / "pictures"
        folder.mkdir()
        sources = sorted((golden / "images").glob("*_[456]*.png"))
        for number in range(count):
            with Image.open(sources[number % len(sources)]) as source:
                left, top = random.integers(0, 150, 2)
                part = source.convert("RGB").crop((left, top, left + 240, top + 230))
            part.save(folder / f"{number:02d}.png")
        return folder

    return cut


def run(*args: object, check: int = 0):
    done = CliRunner().invoke(app, list(map(str, args)), catch_exceptions=False)
    assert done.exit_code == check, done.output
    return done


def test_a_folder_becomes_a_report_and_three_tables(small, pictures, tmp_path, golden):
    out = tmp_path / "out"
    done = run(pictures(11), "--model", small, "--out", out)
    table = pd.read_csv(out / "summary.csv").set_index("variant")
    assert list(table.index) == list(variants())
    assert (table["n"] == 11).all()
    assert table.loc["server", "spearman"] == 1
    assert table.loc["web-api", "rms_difference"] == 0
    # The transposed mean moves scores more than TensorFlow's resize of slightly smaller pictures.
    assert table.loc["matlab-demo-2015-transposed-mean", "rms_difference"] > 0.005
    long = pd.read_csv(out / "variants.csv")
    assert len(long) == 11 * len(variants())
    server = long.query("variant == 'server'")
    scaled = ((server["raw"] - 0.7626) * 2 + 0.65).clip(0, 1)
    np.testing.assert_allclose(server["score"], scaled, atol=1e-12)
    rho = pd.read_csv(out / "correlations.csv", index_col="variant")
    assert list(rho.columns) == list(rho.index) == list(variants())
    assert rho.loc["server", "keyes-centre"] == pytest.approx(table.loc["keyes-centre", "spearman"])
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "NOT the original MemNet" in page
    assert "server" in done.stdout
    assert f"11 pictures, {len(variants())} variants ->" in done.stderr


def test_a_picture_that_fails_is_named_and_exits_with_1(small, pictures, tmp_path):
    folder = pictures(4)
    (folder / "broken.png").write_bytes(b"no picture")
    done = run(folder, "--model", small, "--out", tmp_path / "out", check=1)
    assert "memnet: broken.png: The file is no picture" in done.stderr
    assert "only 4 pictures (fewer than 10)" in done.stderr
    assert (pd.read_csv(tmp_path / "out" / "summary.csv")["n"] == 4).all()


def test_two_pictures_are_refused_before_the_model_is_loaded(pictures, tmp_path):
    with pytest.raises(MemnetError, match=r"2 picture.*at least 3"):
        run(pictures(2), "--model", "no.such", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_single_variant_or_another_network_is_refused(
    small, pictures, tmp_path, tiny_weights, tiny
):
    folder = pictures(3)
    with pytest.raises(MemnetError, match="name the model without one"):
        run(folder, "--model", f"{small}:keyes-centre", "--out", tmp_path / "out")
    with pytest.raises(MemnetError, match=r"not the original \(Caffe\) MemNet"):
        run(folder, "--model", tiny_weights, "--out", tmp_path / "out")

"""Activations in files of every kind, beside a forward pass written out."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d

import memnet
from inspected import make_small, noise
from memnet.data.inputs import Item
from memnet.inspect import activation_files, activations
from memnet.inspect.activations import compute, read, write
from memnet.inspect.layers import find_layers
from memnet.inspect.projection import project
from memnet.inspect.reductions import Reduction
from memnet.preprocess.decode import decode

KINDS = ("npz", "safetensors", "h5", "hdf5", "parquet")
LAYERS = ["second", "first", "score"]


@pytest.fixture
def model() -> memnet.Predictor:
    return make_small()


@pytest.fixture
def items() -> list[Item]:
    """Five pictures, of which the third cannot be read; ids are not ASCII alone."""
    pictures: list = noise(5)
    pictures[2] = b"no picture"
    return [Item(f"bild {n} für b.png", "", each) for n, each in enumerate(pictures)]


def values_of(model, items) -> np.ndarray:
    """Compute what the first convolution gives for each picture that can be read."""
    decoded = [
        decode(item.picture, exif_orientation="ignore")
        for item in items
        if not isinstance(item.picture, bytes)
    ]
    inputs = torch.cat([model.preprocess.apply_decoded(each) for each in decoded])
    first = model.network.first
    with torch.no_grad():
        return conv2d(inputs, first.weight, first.bias, stride=2).numpy()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reduce", ["whole", "mean", "max", "projection"])
def test_a_file_has_a_row_for_each_picture(model, items, tmp_path, kind, reduce):
    out = tmp_path / f"a.{kind}"
    failed = write(
        model,
        items,
        find_layers(model, LAYERS),
        out,
        Reduction(reduce, size=50, seed=4),
        batch_size=2,
    )
    assert list(failed) == ["bild 2 für b.png"]
    ids, layers = read(out)
    assert ids == [item.image_id for item in items]
    assert list(layers) == LAYERS
    values = values_of(model, items)
    expected = {
        "whole": values,
        "mean": values.mean(axis=(2, 3)),
        "max": values.max(axis=(2, 3)),
        "projection": project(values.reshape(4, -1), 50, seed=4),
    }[reduce]
    got = layers["first"]
    assert got.dtype == np.float32
    assert got.shape == (5, *expected.shape[1:])
    assert np.isnan(got[2]).all()
    np.testing.assert_allclose(got[[0, 1, 3, 4]], expected, atol=1e-5)
    assert layers["score"].shape == (5, 1)


def test_in_memory_it_is_the_same(model, items, tmp_path):
    layers = find_layers(model, LAYERS)
    got = compute(model, items, layers, Reduction("max"), batch_size=3)
    write(model, items, layers, tmp_path / "a.npz", Reduction("max"), batch_size=3)
    ids, expected = read(tmp_path / "a.npz")
    assert got.ids == ids
    assert list(got.failed) == ["bild 2 für b.png"]
    for name in LAYERS:
        np.testing.assert_array_equal(got.layers[name], expected[name])


def test_a_layer_with_few_numbers_is_not_projected(model, items):
    layers = find_layers(model, ["score"])
    projected = compute(model, items, layers, Reduction("projection", size=2))
    whole = compute(model, items, layers, Reduction("whole"))
    np.testing.assert_array_equal(projected.layers["score"], whole.layers["score"])


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_written_in_blocks(model, items, tmp_path, kind, monkeypatch):
    """As a large layer's are, of which no more than a block is in memory."""
    monkeypatch.setattr(activation_files, "_BLOCK", 4 * 6 * 15 * 15)
    out = tmp_path / f"a.{kind}"
    write(model, items, find_layers(model, LAYERS), out, Reduction("whole"))
    expected = compute(model, items, find_layers(model, LAYERS), Reduction("whole"))
    _, layers = read(out)
    for name in LAYERS:
        np.testing.assert_array_equal(layers[name], expected.layers[name])


def test_other_libraries_read_the_files(model, items, tmp_path):
    pd = pytest.importorskip("pandas")
    h5py = pytest.importorskip("h5py", reason="needs h5py; pip install h5py")
    from safetensors.numpy import load_file

    layers = find_layers(model, ["first"])
    for kind in KINDS:
        write(model, items, layers, tmp_path / f"a.{kind}", Reduction("whole"))
    _, expected = read(tmp_path / "a.npz")
    first = expected["first"]
    np.testing.assert_array_equal(np.load(tmp_path / "a.npz")["first"], first)
    np.testing.assert_array_equal(load_file(tmp_path / "a.safetensors")["first"], first)
    frame = pd.read_parquet(tmp_path / "a.parquet").set_index("image_id")
    np.testing.assert_array_equal(np.stack(frame["first"]), first.reshape(5, -1))
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["first/measurements"][:], first.reshape(5, -1))


@pytest.mark.parametrize("ids", [["a.png", "b.png"], ["ä.png", "b.png"]])
def test_rsatoolboxs_own_loader_reads_hdf5(model, tmp_path, ids):
    reason = "needs rsatoolbox; pip install rsatoolbox"
    data = pytest.importorskip("rsatoolbox.data", reason=reason)
    loader = pytest.importorskip("rsatoolbox.io.hdf5", reason=reason)
    rdm = pytest.importorskip("rsatoolbox.rdm", reason=reason)
    items = [Item(name, "", each) for name, each in zip(ids, noise(2), strict=True)]
    write(model, items, find_layers(model, LAYERS), tmp_path / "a.h5", Reduction("whole"))
    loaded = data.dataset.dataset_from_dict(loader.read_dict_hdf5(str(tmp_path / "a.h5"))["first"])
    _, layers = read(tmp_path / "a.h5")
    np.testing.assert_array_equal(loaded.measurements, layers["first"].reshape(2, -1))
    names = [
        each if isinstance(each, str) else each.decode()
        for each in loaded.obs_descriptors["image_id"]
    ]
    assert names == ids
    assert loaded.descriptors["layer"] == "first"
    assert rdm.calc_rdm(loaded, method="correlation").n_cond == 2


def test_what_lies_beside_a_file_says_how_it_was_made(model, items, tmp_path):
    out = tmp_path / "a.npz"
    write(model, items, find_layers(model, LAYERS), out, Reduction("projection", 9, 2), command="x")
    about = json.loads((tmp_path / "a.npz.json").read_text())
    assert about["format"] == "memnet activations"
    assert about["model"] == "random.test"
    assert about["identity"]["preprocess"]["crop_hw"] == [33, 33]
    assert about["reduce"] == {"kind": "projection", "size": 9, "seed": 2}
    assert list(about["layers"]) == LAYERS
    assert about["layers"]["first"]["output_shape"] == [6, 15, 15]
    assert about["layers"]["first"]["shape"] == [9]
    assert about["pictures"] == 5
    assert list(about["failed"]) == ["bild 2 für b.png"]
    assert about["command"] == "x"


def test_the_same_again_replaces_the_file(model, items, tmp_path):
    layers = find_layers(model, LAYERS)
    for count in (5, 3):
        write(model, items[:count], layers, tmp_path / "a.npz", Reduction())
    assert len(read(tmp_path / "a.npz")[0]) == 3
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.npz", "a.npz.json"]


def test_what_was_made_otherwise_is_not_replaced(model, items, tmp_path):
    out = tmp_path / "a.npz"
    layers = find_layers(model, LAYERS)
    write(model, items, layers, out, Reduction())
    before = out.read_bytes()
    with pytest.raises(memnet.MemnetError, match=r"made another way \(different: reduce, layers\)"):
        write(model, items, layers[:1], out, Reduction("max"))
    other = make_small(crops=2)
    with pytest.raises(memnet.MemnetError, match=r"different: identity\); choose another --out"):
        write(other, items, find_layers(other, LAYERS), out, Reduction())
    assert out.read_bytes() == before


def test_files_of_others_are_not_replaced(model, items, tmp_path):
    for name in ("a.parquet", "b.parquet.json"):
        (tmp_path / name).write_text('{"models": {}}')
    for name in ("a.parquet", "b.parquet"):
        with pytest.raises(memnet.MemnetError, match="holds something else; choose another --out"):
            write(model, items, find_layers(model, LAYERS), tmp_path / name, Reduction())


def test_what_would_be_too_large_is_refused_before_anything_is_computed(
    model, items, tmp_path, computed
):
    many = items * 4_000_000
    with pytest.raises(memnet.MemnetError) as error:
        write(model, many, find_layers(model, LAYERS), tmp_path / "a.npz", Reduction("whole"))
    size = 20_000_000 * (6 * 225 + 4 * 225 + 1) * 4 / 1e9
    assert f"would be {size:,.0f} GB, and no file over 20 GB is written" in str(error.value)
    assert "mean, max or projection" in str(error.value)
    assert computed == []
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_a_run_that_fails(model, items, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(activations, "write_arrays", fail)
    with pytest.raises(memnet.MemnetError, match="cannot be written"):
        write(model, items, find_layers(model, LAYERS), tmp_path / "a.npz", Reduction())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_other_files_are_told_apart(tmp_path, kind):
    (tmp_path / f"a.{kind}").write_bytes(b"something else")
    with pytest.raises(memnet.MemnetError, match="cannot be read as activations"):
        read(tmp_path / f"a.{kind}")


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(memnet.MemnetError, match=r"a\.csv must end in \.npz, \.safetensors"):
        read(tmp_path / "a.csv")


def test_reductions_are_checked():
    with pytest.raises(memnet.MemnetError, match="Did you mean 'mean'"):
        Reduction("meen")
    with pytest.raises(memnet.MemnetError, match="size is 0"):
        Reduction("projection", size=0)


def test_of_tokens_the_mean_is_over_tokens():
    from memnet.inspect.layers import Layer

    layer = Layer("mlp", (), torch.nn.Linear(2, 3), "dense", (4, 3), None)
    output = torch.randn(2, 4, 3)
    assert Reduction("mean").shape(layer) == (3,)
    torch.testing.assert_close(Reduction("mean").keep(layer, output), output.mean(dim=1))
    assert math.prod(Reduction("whole").shape(layer)) == 12

"""The mean image: every arrangement is recognised, what cannot be told is asked."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import loadmat, savemat

import references
from memnet.errors import MemnetError
from memnet.legacy.mean_image import LAYOUTS, read_mean_image
from memnet.preprocess.spec import mean_digest
from memnet.weights.catalogue import find

SYNTHETIC = references.GOLDEN / "mean" / "synthetic_mean.mat"
AXES = {"hwc": (0, 1, 2), "whc": (1, 0, 2), "chw": (2, 0, 1), "cwh": (2, 1, 0)}


@pytest.fixture(scope="module")
def right() -> np.ndarray:
    """Image rows x image columns x BGR, as MATLAB's file holds it."""
    return loadmat(SYNTHETIC)["image_mean"]


def arranged(image: np.ndarray, layout: str) -> np.ndarray:
    axes, order = layout.split("-")
    image = image[:, :, ::-1] if order == "rgb" else image
    return np.ascontiguousarray(image.transpose(AXES[axes]))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("told", [True, False])
def test_every_arrangement_is_put_right(right, tmp_path, layout, told):
    np.save(tmp_path / "mean.npy", arranged(right, layout))
    mean = read_mean_image(tmp_path / "mean.npy", layout=layout if told else None)
    assert mean.layout == layout
    assert np.array_equal(mean.values, right)
    assert mean.values.dtype == np.float32
    report = " ".join(mean.report)
    if not told:
        assert ("transposed" in report) == layout.startswith(("whc", "cwh"))
        assert ("RGB" in report) == layout.endswith("rgb")


def test_mat_and_binaryproto_hold_the_same(right):
    for name in ("synthetic_mean.mat", "synthetic_mean.binaryproto"):
        assert np.array_equal(read_mean_image(references.GOLDEN / "mean" / name).values, right)


def test_the_originals_mean_image_is_the_pinned_one(shared):
    for name in ("memnet_mean.mat", "memnet_mean.binaryproto"):
        mean = read_mean_image(shared / "golden" / "memnet" / name)
        assert mean.sha256 == find("memnet.caffe_lamem").preprocess.mean_sha256
        assert mean.values.mean(axis=(0, 1), dtype=np.float64) == pytest.approx(
            [104.9165, 114.7796, 118.3553], abs=1e-4
        )
    assert mean_digest(mean.values[::-1]) != mean.sha256


def test_a_transposed_original_costs_17_grey_levels_and_is_put_right(shared, tmp_path):
    right = read_mean_image(shared / "golden" / "memnet" / "memnet_mean.mat").values
    wrong = right.transpose(1, 0, 2)
    assert np.sqrt(np.mean((wrong - right) ** 2)) == pytest.approx(17.3, abs=0.05)
    savemat(tmp_path / "mean.mat", {"image_mean": wrong})
    assert np.array_equal(read_mean_image(tmp_path / "mean.mat").values, right)


def _flat(image):
    return np.broadcast_to(image.mean(axis=(0, 1)), image.shape)


def _noise(image):
    return np.random.default_rng(0).uniform(80, 140, size=image.shape)


def _grey(image):
    return np.repeat(image[:, :, :1], 3, axis=2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_flat, "cannot be recognised .* nearly the same everywhere"),
        (_noise, "cannot be recognised"),
        (lambda image: image[::-1], "brighter at the bottom"),
        (_grey, "channel order"),
    ],
    ids=["flat", "noise", "upside down", "grey"],
)
def test_what_cannot_be_told_is_asked(right, tmp_path, change, says):
    changed = np.ascontiguousarray(change(right), dtype=np.float32)
    np.save(tmp_path / "mean.npy", changed)
    with pytest.raises(MemnetError, match=says) as caught:
        read_mean_image(tmp_path / "mean.npy")
    assert "--mean-layout" in str(caught.value)
    mean = read_mean_image(tmp_path / "mean.npy", layout="hwc-bgr")
    assert np.array_equal(mean.values, changed)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((227, 227, 3)), "227 x 227 x 3; the mean image must be 256 x 256 x 3"),
        (np.zeros(3), "has shape 3;"),
        (np.full((256, 256, 3), 0.4), "grey levels"),
        (np.full((256, 256, 3), 300.0), "grey levels"),
        (np.full((256, 256, 3), np.nan), "not finite"),
        (np.full((256, 256, 3), "a"), "no numbers"),
    ],
)
def test_what_is_no_mean_image_is_named(tmp_path, array, says):
    np.save(tmp_path / "mean.npy", array)
    with pytest.raises(MemnetError, match=says):
        read_mean_image(tmp_path / "mean.npy")


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 3, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3, 3)}",
        "{'descr': '<f4', 'fortran",
        "(" * 3000,
    ],
    ids=["huge", "negative", "cut", "deep"],
)
def test_a_damaged_npy_header_is_one_sentence(tmp_path, header):
    length = len(header) + 1
    data = b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little") + header.encode() + b"\n"
    (tmp_path / "mean.npy").write_bytes(data)
    with pytest.raises(MemnetError, match="cannot be read as a NumPy array"):
        read_mean_image(tmp_path / "mean.npy")


def test_a_64_bit_number_beyond_the_32_bit_ones_is_not_finite(tmp_path):
    image = np.full((256, 256, 3), 100.0)
    image[0, 0, 0] = 1e300
    np.save(tmp_path / "mean.npy", image)
    with pytest.raises(MemnetError, match="not finite"):
        read_mean_image(tmp_path / "mean.npy")


def test_files_that_cannot_be_read_are_named(tmp_path, right):
    def refused(name, content, says):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(MemnetError, match=says):
            read_mean_image(path)

    refused("mean.mat", b"no matlab", "is not a mean image but a text file")
    refused("mean.mat", b"<html>404</html>", "web page")
    refused("mean.mat", SYNTHETIC.read_bytes()[:3000], "cannot be read as a MATLAB file")
    refused("mean.npy", b"\x00" * 40, "cannot be read as a NumPy array")
    refused(
        "mean.npy", b"\x93NUMPY\x01\0\xff\xff" + b"(" * 65535, r"large and may not .* securely\.\)"
    )
    refused("mean.tiff", b"\x00x", "must end in .mat, .npy or .binaryproto")
    refused("mean.binaryproto", b"\x08\xff", "cut off or damaged")
    with pytest.raises(MemnetError, match="no mean image"):
        read_mean_image(tmp_path / "nothing.mat")
    savemat(tmp_path / "two.mat", {"a": right, "b": right})
    with pytest.raises(MemnetError, match=r"one image of three dimensions.*found: a, b"):
        read_mean_image(tmp_path / "two.mat")


def test_a_mat_file_is_unpacked_only_where_it_is_a_mean_image(tmp_path, right, monkeypatch):
    bomb = {"image": np.zeros((500, 500, 41), np.uint8)}
    savemat(tmp_path / "bomb.mat", bomb, do_compression=True)
    with pytest.raises(MemnetError, match=r"an image in it has more than 10,000,000 numbers"):
        read_mean_image(tmp_path / "bomb.mat")
    asked = []

    def load(path, variable_names):
        asked.extend(variable_names)
        return loadmat(path, variable_names=variable_names)

    monkeypatch.setattr("scipy.io.loadmat", load)
    savemat(tmp_path / "mean.mat", {"image_mean": right, "other": np.zeros((5000, 500))})
    assert np.array_equal(read_mean_image(tmp_path / "mean.mat").values, right)
    assert asked == ["image_mean"]


def test_a_layout_that_contradicts_the_shape_or_is_unknown_is_refused(tmp_path, right):
    np.save(tmp_path / "mean.npy", right)
    with pytest.raises(MemnetError, match="channels come last"):
        read_mean_image(tmp_path / "mean.npy", layout="chw-bgr")
    with pytest.raises(MemnetError, match="must be one of hwc-bgr"):
        read_mean_image(tmp_path / "mean.npy", layout="bgr")


def test_a_layout_that_the_picture_contradicts_is_obeyed_with_a_warning(right, tmp_path):
    np.save(tmp_path / "mean.npy", right)
    mean = read_mean_image(tmp_path / "mean.npy", layout="whc-rgb")
    assert np.array_equal(mean.values, right.transpose(1, 0, 2)[:, :, ::-1])
    assert "WARNING" in mean.report[1]
    assert "lies as hwc-bgr" in mean.report[1]

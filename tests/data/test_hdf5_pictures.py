"""HDF5 files with pictures, as arrays or encoded."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
from scipy import io

from archives import files_of, write_hdf5
from memnet.data.pictures import collect
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.decode import PictureLimits, decode, open_picture

h5py = pytest.importorskip("h5py", reason="needs h5py; pip install h5py")


def pixels(item) -> np.ndarray:
    return np.asarray(decode(item.picture, exif_orientation="ignore").rgb)


@pytest.fixture
def bricks():
    return np.random.default_rng(0).integers(256, size=(12, 20, 16, 3), dtype=np.uint8)


def write(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file.create_dataset(name.replace("__", "/"), data=values)
    return path


def test_the_stimuli_of_the_nsd_have_the_numbers_of_their_rows(tmp_path, bricks):
    path = tmp_path / "nsd_stimuli.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("imgBrick", data=bricks, chunks=(1, 20, 16, 3), compression="gzip")
    items = collect([path]).items
    assert [item.image_id for item in items] == [
        f"nsd_stimuli.hdf5/imgBrick/{row:02d}" for row in range(12)
    ]
    assert items[3].path == f"{path}/imgBrick/03"
    for item, expected in zip(items, bricks, strict=True):
        assert np.array_equal(pixels(item), expected)
        copy = pickle.loads(pickle.dumps(item.picture))
        assert np.array_equal(copy.read(10**6), expected)


@pytest.mark.parametrize("kind", ["first", "float32", "float64", "encoded", "opaque"])
def test_pictures_are_found_in_each_layout(tmp_path, bricks, kind, make_pictures):
    if kind == "encoded":
        files = files_of(make_pictures(3))
        (item, *_) = collect([write_hdf5(tmp_path / "a.h5", files)]).items
        assert item.picture.read(10**6) == files["00000.png"]
        return
    if kind == "opaque":
        content = files_of(make_pictures(1))["00000.png"]
        path = write(tmp_path / "a.h5", jpg=np.array([content], np.void))
        assert collect([path]).items[0].picture.read(10**6) == content
        return
    values = {
        "first": np.moveaxis(bricks, 3, 1),
        "float32": (bricks / 255).astype(np.float32),
        "float64": bricks / 255,
    }[kind]
    items = collect([write(tmp_path / "a.h5", x=values)]).items
    assert all(np.array_equal(pixels(item), each) for item, each in zip(items, bricks, strict=True))


def write_matlab(path, **arrays):
    """Write arrays as ``save -v7.3`` does: columns first, so the axes of the file are reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            dataset = file.create_dataset(name, data=np.ascontiguousarray(values.transpose()))
            classes = {"float64": "double", "float32": "single", "bool": "logical"}
            dataset.attrs["MATLAB_class"] = np.bytes_(classes.get(str(values.dtype), "uint8"))
    content = bytearray(path.read_bytes())
    content[:19] = b"MATLAB 7.3 MAT-file"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_pictures_of_matlab_are_upright(tmp_path, bricks, dtype):
    """imgs(:,:,:,n) of MATLAB, height x width x 3, is what its imwrite would write."""
    stored = bricks if dtype == np.uint8 else (bricks / 255).astype(dtype)
    path = write_matlab(tmp_path / "a.mat", imgs=np.moveaxis(stored, 0, 3))
    items = collect([path]).items
    assert [item.image_id for item in items] == [f"a.mat/imgs/{row:02d}" for row in range(12)]
    for item, expected in zip(items, bricks, strict=True):
        assert np.array_equal(pixels(item), expected)
    grey = write_matlab(tmp_path / "grey.mat", imgs=np.moveaxis(stored[..., 0], 0, 2))
    for item, expected in zip(collect([grey]).items, bricks[..., 0], strict=True):
        assert np.array_equal(pixels(item)[..., 1], expected)
    one = write_matlab(tmp_path / "one.mat", img=stored[0])
    (item,) = collect([one]).items
    assert np.array_equal(pixels(item), bricks[0])
    copy = pickle.loads(pickle.dumps(item.picture))
    assert np.array_equal(copy.read(10**6), stored[0])


def test_one_grey_picture_of_matlab_and_what_is_none(tmp_path, bricks):
    labels, mask = np.linspace(0, 1, 40).reshape(20, 2), bricks[0, :, :, 0] > 9
    path = write_matlab(tmp_path / "a.mat", img=bricks[0, :, :, 0], labels=labels, mask=mask)
    (item,) = collect([path]).items
    assert np.array_equal(pixels(item)[..., 0], bricks[0, :, :, 0])
    with pytest.raises(MemnetError, match=r"a\.mat::labels is 20 x 2 of double; pictures are"):
        collect([f"{path}::labels"])


def test_a_mat_file_of_version_5_is_refused_with_what_to_do(tmp_path, bricks):
    io.savemat(tmp_path / "a.mat", {"imgs": np.moveaxis(bricks, 0, 3)})
    with pytest.raises(MemnetError, match=r"a\.mat is no file of MATLAB's version 7\.3.*'-v7\.3'"):
        collect([tmp_path / "a.mat"])


def test_whole_numbers_that_are_0_or_1_are_refused(tmp_path, bricks):
    """On their scale, from 0 to 255, white would be nearly black; of floats, it is white."""
    shares = np.rint(bricks / 255)
    with pytest.raises(MemnetError, match=r"a\.h5::x has only 0 and 1 .*; multiply by 255"):
        collect([write(tmp_path / "a.h5", x=shares.astype(np.uint8))])
    assert len(collect([write(tmp_path / "b.h5", x=shares)]).items) == 12
    assert len(collect([write(tmp_path / "c.h5", x=np.zeros_like(bricks))]).items) == 12


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda bricks: bricks * 1.0, r"from 0 to 255 .*; divide them by what white has, or write"),
        (lambda bricks: bricks / 127.5 - 1, r"from -1 to 1 .*; undo its normalisation"),
        (lambda bricks: bricks / 100 - 1.2, r"from -1\.2 to 1\.35 .*; undo its normalisation"),
    ],
)
def test_numbers_on_another_scale_are_refused_once(tmp_path, bricks, values, words):
    """Row by row, a black picture of grey levels would pass for one from 0 to 1."""
    stored = values(np.concatenate([np.zeros_like(bricks), bricks, np.zeros_like(bricks)]))
    path = write(tmp_path / "a.h5", x=stored.astype(np.float32))
    with pytest.raises(MemnetError, match=rf"a\.h5::x has numbers {words}"):
        collect([path])


def test_a_damaged_picture_of_numbers_is_a_failed_row(tmp_path, bricks):
    stored = bricks / 255
    stored[0, 0, 0, 0] = 1.01
    stored[1, 0, 0, 0] = np.nan
    stored[2, 0, 0, 0] = np.inf
    items = collect([write(tmp_path / "a.h5", x=stored)]).items
    for item, words in zip(items, (r"must lie in \[0, 1\]", "holds NaN", r", inf\]"), strict=False):
        with pytest.raises(PictureError, match=words):
            decode(item.picture, exif_orientation="ignore")
    assert np.array_equal(pixels(items[3]), bricks[3])


def test_damaged_chunks_fail_their_rows_and_no_others(tmp_path, bricks):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        kept = file.create_dataset(
            "x", data=bricks / 255, chunks=(1, 20, 16, 3), compression="gzip"
        )
        place, length = kept.id.get_chunk_info(0).byte_offset, kept.id.get_chunk_info(0).size
    content = bytearray(path.read_bytes())
    content[place : place + length] = bytes(length)
    path.write_bytes(content)
    items = collect([path]).items
    with pytest.raises(PictureError, match="cannot be read from"):
        items[0].picture.read(10**6)
    assert np.array_equal(pixels(items[1]), bricks[1])


def test_which_dataset_is_asked_for_where_there_are_several(tmp_path, bricks):
    path = write(tmp_path / "a.h5", train__x=bricks, test__x=bricks[:2], y=np.arange(12))
    with pytest.raises(MemnetError, match=r"2 datasets of pictures \(test/x, train/x\); say which"):
        collect([path])
    assert len(collect([f"{path}::test/x"]).items) == 2
    assert len(collect([f"{tmp_path}/*.h5::/train/x"]).items) == 12
    with pytest.raises(MemnetError, match=r"no dataset .* 'tset/x'\. Did you mean 'test/x'"):
        collect([f"{path}::tset/x"])
    with pytest.raises(MemnetError, match=r"a\.h5::y is 12 of int64; pictures are N x height"):
        collect([f"{path}::y"])


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((5, 3, 20, 3), "nobody can tell rows, columns and colours apart"),
        ((3, 3, 3, 3), "nobody can tell"),
        ((5, 20, 16), "holds no pictures .x: 5 x 20 x 16 of uint8"),
        ((20, 16, 3), "holds no pictures"),
        ((5, 20, 16, 4), "holds no pictures"),
        ((0, 20, 16, 3), "holds no pictures"),
    ],
)
def test_shapes_with_two_readings_or_none_are_refused(tmp_path, shape, words):
    path = write(tmp_path / "a.h5", x=np.zeros(shape, np.uint8))
    with pytest.raises(MemnetError, match=words):
        collect([path])


def test_a_picture_too_long_is_refused_before_it_is_read(tmp_path, bricks):
    (item, *_) = collect([write(tmp_path / "a.h5", x=bricks)]).items
    with pytest.raises(PictureError, match=r"has 960 bytes, more than the limit of 959"):
        open_picture(item.picture, limits=PictureLimits(max_bytes=959))


def test_a_small_file_that_says_it_has_a_billion_pictures_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (10**9, 20, 16, 3), np.uint8, chunks=(1, 20, 16, 3))
    with pytest.raises(
        MemnetError, match=r"says that it has 1,000,000,000 pictures, in [\d,]+ bytes"
    ):
        collect([tmp_path / "a.h5"])


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n" + bytes(200)])
def test_what_is_no_hdf5_file_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    with pytest.raises(MemnetError, match=r"a\.h5 is no HDF5 file, or a damaged one") as refused:
        collect([path])
    assert "\n" not in str(refused.value)


def test_without_h5py_the_extra_is_named(tmp_path, bricks, monkeypatch):
    path = write(tmp_path / "a.h5", x=bricks)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MemnetError, match=r'pip install "memnet-harness\[hdf5\]"'):
        collect([path])

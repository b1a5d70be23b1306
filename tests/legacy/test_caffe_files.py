"""Reading Caffe's files: what real Caffe wrote is read, what is damaged is said, quickly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import references
from caffe_recipe import add_blob, net_message, small_arrays, write_recipe
from memnet.errors import MemnetError
from memnet.legacy.caffe_files import read_binaryproto, read_caffemodel, read_prototxt
from memnet.legacy.caffe_schema import message_class
from memnet.legacy.protobuf_check import is_repeated

MINI = references.GOLDEN / "mini"
MEAN = references.GOLDEN / "mean"


def test_three_real_files_hold_the_same_numbers():
    nets = [
        read_caffemodel(MINI / f"{name}.caffemodel")
        for name in ("mini_v1", "mini_v1_training_snapshot", "mini_v2")
    ]
    assert [net.generation for net in nets] == ["V1", "V1", "V2"]
    assert {layer.type for layer in nets[1].layers} >= {"Data", "EuclideanLoss"}
    tables = [{layer.name: layer.blobs for layer in net.layers if layer.blobs} for net in nets]
    assert list(tables[0]) == [
        *("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8-euclidean")
    ]
    for name in tables[0]:
        for table in tables[1:]:
            for ours, theirs in zip(tables[0][name], table[name], strict=True):
                assert np.array_equal(ours.ravel(), theirs.ravel())
    assert tables[0]["fc6"][0].shape == (1, 1, 32, 576)  # old files pad to four dimensions
    assert tables[2]["fc6"][0].shape == (32, 576)


def test_the_original_and_the_small_prototxt_are_read():
    original = read_prototxt(references.GOLDEN / "memnet_deploy.prototxt")
    assert (original.name, original.generation) == ("MemNet", "V1")
    assert original.input_shape == (10, 3, 227, 227)
    assert len(original.layers) == 22
    assert original.layers[0].message.convolution_param.num_output == 96


def test_a_mean_image_of_caffe_is_read():
    mean = read_binaryproto(MEAN / "synthetic_mean.binaryproto")
    assert mean.shape == (1, 3, 256, 256)
    assert mean.dtype == np.float32
    assert mean.mean(axis=(0, 2, 3)) == pytest.approx([103.6562, 113.6562, 116.6562], abs=1e-4)


@pytest.mark.parametrize("generation", ["V1", "V2"])
def test_double_precision_numbers_are_read_as_caffe_casts_them(tmp_path, generation):
    arrays = small_arrays()
    path = tmp_path / "double.caffemodel"
    path.write_bytes(net_message(arrays, generation, "<f8").SerializeToString())
    blobs = {layer.name: layer.blobs for layer in read_caffemodel(path).layers}
    assert blobs["conv1"][0].dtype == np.float32
    assert np.array_equal(blobs["conv1"][0].ravel(), arrays["conv1.weight"].ravel())


def test_numbers_in_several_packed_runs_are_joined(tmp_path):
    net = message_class("NetParameter")()
    blob = add_blob(net.layer.add(name="a", type="Convolution"), np.arange(4.0), "V2")
    blob.data[:] = [np.float32([0, 1]).tobytes(), np.float32([2, 3]).tobytes()]
    path = tmp_path / "runs.caffemodel"
    path.write_bytes(net.SerializeToString())
    assert read_caffemodel(path).layers[0].blobs[0].tolist() == [0, 1, 2, 3]


@pytest.fixture
def write(tmp_path):
    def write(data: bytes, name: str = "net.caffemodel") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


WHOLE = (MINI / "mini_v2.caffemodel").read_bytes()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 227\n", "git lfs pull"),
        (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "web page"),
        (b'name: "MemNet"\ninput: "data"\n', "text file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
        (b"PK\x03\x04" + bytes(100), "zip archive"),
        (b"\x1f\x8b" + bytes(100), "gzip"),
        ((MEAN / "synthetic_mean.binaryproto").read_bytes(), "field 'name' of NetParameter"),
        ((MEAN / "synthetic_mean.mat").read_bytes(), "MATLAB file"),
        (WHOLE[:-1], "cut off or damaged"),
        (WHOLE[:70_000], "cut off or damaged: field 'layer' of NetParameter"),
        (WHOLE + b"\x00", "stands no field"),
        (b"\x0a\x03abc", "holds no layers"),
        (b"\xa2\x06" + b"\xff" * 9 + b"\x01", "needs 18,446,744,073,709,551,615 bytes"),
        (b"\xff" * 30, "does not end"),
        (b"\x0b" * 30, "wire type 3"),
        (b"\x0a\x02\xf5\x61", "field 'name' of NetParameter is no text"),
        (b"\xa2\x06\x05\x12\x03In\n", r"has the name 'In\\n' in it"),
        (
            b"\xa2\x06\xcb\x07\x0a\xc8\x07" + b"x" * 968,
            r"the layer 'x+\.\.\. .* has the name 'x+\.\.\. ",
        ),
    ],
)
def test_what_is_no_caffemodel_is_named(write, data, says):
    with pytest.raises(MemnetError, match=says) as caught:
        read_caffemodel(write(data))
    assert "net.caffemodel" in str(caught.value)
    assert "\n" not in str(caught.value)


def damaged(change) -> bytes:
    """A net of one layer with one blob of 2 x 3 numbers, damaged."""
    net = message_class("NetParameter")()
    blob = add_blob(net.layer.add(name="conv1", type="Convolution"), np.ones((2, 3)), "V2")
    change(blob)
    return net.SerializeToString()


def _dims(*dims):
    def change(blob):
        blob.shape.dim[:] = dims

    return change


def _legacy(blob):
    blob.num, blob.channels, blob.height, blob.width = 2, 3, 1, -1


def _values(values):
    def change(blob):
        blob.data[:] = [values]

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_dims(-2, 3), "negative dimension"),
        (_legacy, "negative dimension"),
        (_dims(2**62, 2**62), "holds 24 bytes, which is 6 numbers"),
        (_dims(2, 4), "2 x 4 = 8 numbers, and holds 24 bytes"),
        (_dims(*[1] * 99, 2, 3), "has 101 dimensions, and Caffe knows 32"),
        (_dims(), "1 numbers, and holds 24 bytes"),
        (_values(b"\0" * 23), "holds 23 bytes, which is 5.75 numbers"),
        (_values(np.float32([1, 2, 3, np.nan, 5, 6]).tobytes()), "not finite"),
    ],
)
def test_a_blob_whose_shape_and_numbers_disagree_is_named(write, change, says):
    with pytest.raises(MemnetError, match=says) as caught:
        read_caffemodel(write(damaged(change)))
    assert "layer 'conv1', blob 0" in str(caught.value)


def test_numbers_that_are_not_packed_are_refused_by_name(write):
    blob = b"".join(b"\x2d" + np.float32(1).tobytes() for _ in range(6))  # field 5, fixed32 each
    layer = b"\x3a" + bytes([len(blob)]) + blob
    net = b"\xa2\x06" + bytes([len(layer)]) + layer
    with pytest.raises(MemnetError, match=r"field 'data' of layer\.blobs.* wire type 5"):
        read_caffemodel(write(net))


def test_old_and_new_layers_in_one_file_are_refused(write):
    net = net_message(small_arrays(), "V1")
    net.layer.add(name="conv1", type="Convolution")
    with pytest.raises(MemnetError, match="both old"):
        read_caffemodel(write(net.SerializeToString()))


def in_a_process_of_its_own(path: Path) -> tuple[str, float, int]:
    """Read a file: what came of it, the seconds it took, the process's peak memory in bytes."""
    if not Path("/proc/self/status").exists():
        pytest.skip("needs Linux's /proc; to measure peak memory")
    code = (
        "import re, sys, time\n"
        "from memnet.errors import MemnetError\n"
        "from memnet.legacy.caffe_files import read_caffemodel\n"
        "start = time.perf_counter()\n"
        "try:\n    says = f'{len(read_caffemodel(sys.argv[1]).layers)} layers'\n"
        "except MemnetError as error:\n    says = str(error)\n"
        "print(says)\nprint(time.perf_counter() - start)\n"
        "print(re.search('VmHWM:\\\\s+(\\\\d+)', open('/proc/self/status').read())[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    says, seconds, peak = done.stdout.strip().splitlines()
    return says, float(seconds), int(peak) * 1024


@pytest.mark.parametrize("field", [b"\xa2\x06\x00", b"\x12\x02\x32\x00"])
def test_a_bomb_of_tiny_fields_is_refused_quickly_in_bounded_memory(write, field):
    path = write(field * (30_000_000 // len(field)))
    says, _, peak = in_a_process_of_its_own(path)
    assert "more than 100,000 fields" in says
    assert peak < 150_000_000  # Python and NumPy themselves, and the file of 30 MB


def test_deep_nesting_is_no_trouble(write):
    data = b""
    for _ in range(20_000):
        size = len(data)
        length = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14])
        data = b"\xa2\x06" + length + data
        if len(data) > 2**20:
            break
    # A layer inside a layer is no field of Caffe's: it is skipped here, and refused on conversion.
    assert len(read_caffemodel(write(data)).layers) == 1
    with pytest.raises(MemnetError, match="line"):
        read_prototxt(write(b"layers { " * 50_000, "deploy.prototxt"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello world", "line 1"),
        ('name: "x"\nlayers { name: "a" colour: 3 }', "line 2.*colour"),
        ('layers { name: "a" type: FANCY }', "FANCY"),
        ('name: "x"', "holds no layers"),
        ("layers {", "line 1"),
        ("<html></html>", "web page"),
    ],
)
def test_what_is_no_network_definition_is_named_with_its_line(write, text, says):
    with pytest.raises(MemnetError, match=says) as caught:
        read_prototxt(write(text.encode(), "deploy.prototxt"))
    assert "deploy.prototxt" in str(caught.value)


def test_a_prototxt_is_read_with_a_byte_order_mark_and_with_comments_in_latin_1(write):
    text = (MINI / "deploy.prototxt").read_text()
    plain = read_prototxt(write(text.encode(), "deploy.prototxt"))
    for data in (
        text.encode("utf-8-sig"),
        text.encode("utf-16"),
        ("# caf\xe9\r\n" + text.replace("\n", "\r\n")).encode("latin-1"),
        ("# caf\xe9\n" + text).encode(),
    ):
        net = read_prototxt(write(data, "deploy.prototxt"))
        assert [str(layer.message) for layer in net.layers] == [
            str(layer.message) for layer in plain.layers
        ]


def test_numbers_in_nvidias_own_field_are_called_so(write):
    net = net_message(small_arrays(), "V2")
    blob = next(layer for layer in net.layer if layer.name == "conv1").blobs[0]
    numbers = b"".join(blob.data)
    del blob.data[:]
    blob.MergeFromString(field_of_bytes(12, numbers))
    with pytest.raises(MemnetError, match=r"layer 'conv1', blob 0 keeps its numbers in raw_data"):
        read_caffemodel(write(net.SerializeToString(), "nv.caffemodel"))


def field_of_bytes(number: int, data: bytes) -> bytes:
    size, length = len(data), bytearray()
    while size >= 128:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + data


def test_a_binary_given_as_prototxt_and_a_folder_are_named(write, tmp_path):
    with pytest.raises(MemnetError, match=r"is it the \.caffemodel itself"):
        read_prototxt(write(WHOLE, "deploy.prototxt"))
    with pytest.raises(MemnetError, match="is a folder"):
        read_caffemodel(tmp_path)
    with pytest.raises(MemnetError, match="does not exist"):
        read_caffemodel(tmp_path / "nothing.caffemodel")


READERS = {
    ".caffemodel": (read_caffemodel, WHOLE),
    ".binaryproto": (read_binaryproto, (MEAN / "synthetic_mean.binaryproto").read_bytes()[:4000]),
    ".prototxt": (read_prototxt, (MINI / "deploy.prototxt").read_bytes()),
}


@pytest.mark.parametrize("kind", READERS)
@given(data=st.data())
@settings(
    max_examples=150,
    deadline=5_000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.large_base_example],
)
def test_whatever_is_in_a_file_ends_in_a_network_or_one_sentence(tmp_path, kind, data):
    """Random bytes; and real files cut short, with bytes changed, or with a piece put in."""
    reader, real = READERS[kind]
    how = data.draw(st.sampled_from(["random", "cut", "changed", "inserted"]))
    at = data.draw(st.integers(0, len(real) - 1))
    if how == "random":
        content = data.draw(st.binary(max_size=400))
    elif how == "cut":
        content = real[:at]
    else:
        piece = data.draw(st.binary(min_size=1, max_size=12))
        behind = at if how == "inserted" else at + len(piece)
        content = real[:at] + piece + real[behind:]
    path = tmp_path / f"fuzz{kind}"
    path.write_bytes(content)
    says = ""
    try:
        reader(path)
    except MemnetError as error:
        says = str(error)
    assert "\n" not in says
    assert not says or "fuzz" in says


@pytest.mark.parametrize("end", range(0, 2_000, 7))
def test_a_file_cut_anywhere_in_its_head_is_an_error(tmp_path, end):
    path = tmp_path / "cut.caffemodel"
    path.write_bytes(WHOLE[:end])
    with pytest.raises(MemnetError, match=r"cut\.caffemodel"):
        read_caffemodel(path)


def test_the_full_size_file_is_read_in_a_fraction_of_what_it_takes_to_copy_it_thrice(tmp_path):
    """Peak memory below three times the file's size, all of Python included."""
    path = write_recipe(tmp_path / "full.caffemodel")
    says, seconds, peak = in_a_process_of_its_own(path)
    print(f"{seconds} s, peak {peak / path.stat().st_size:.2f} times the file")
    assert says == "22 layers"
    assert peak < 3 * path.stat().st_size


def test_older_protobufs_say_by_their_label_that_a_field_is_repeated():
    old = SimpleNamespace(label=3, LABEL_REPEATED=3)
    assert is_repeated(old)
    assert not is_repeated(SimpleNamespace(label=1, LABEL_REPEATED=3))
    new = message_class("BlobShape").DESCRIPTOR.fields_by_name["dim"]
    assert is_repeated(new)

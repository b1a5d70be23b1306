"""Weight files: what is written is what is read; anything else is refused, in a sentence."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors.torch import load_file, save_file

from memnet.errors import MemnetError
from memnet.preprocess.spec import mean_digest
from memnet.weights import files
from memnet.weights.catalogue import find
from memnet.weights.digests import file_digest, tensors_digest
from memnet.weights.files import (
    SourceFile,
    WeightHeader,
    match_tensors,
    read_header,
    read_weights,
    write_weights,
)


def numbers() -> dict[str, torch.Tensor]:
    """Several types and shapes: a scalar, an empty one, one that is not contiguous."""
    generator = torch.Generator().manual_seed(3)
    return {
        "layer.weight": torch.randn(4, 3, generator=generator),
        "layer.bias": torch.randn(4, generator=generator),
        "turned": torch.randn(5, 2, generator=generator).t(),
        "norm.num_batches_tracked": torch.tensor(17),
        "half": torch.randn(3, generator=generator).to(torch.bfloat16),
        "empty": torch.empty(0, 2),
    }


def header_for(tensors, **changes) -> WeightHeader:
    entry = find("resmem.published")
    return replace(
        WeightHeader(
            name="tiny.test",
            arch="tiny",
            sources=(
                SourceFile(role="weights", name="model.pt", sha256="ab" * 32),
                SourceFile(role="mean", name="mean.mat", sha256="cd" * 32),
            ),
            tensors_sha256=tensors_digest(tensors),
            converter="memnet 0.0",
            licence="free",
            licence_notice="“quoted” \\ and\nbroken",
            citation="Nobody (1900)",
            trained_on=("lamem", "memcat"),
            remark="",
            preprocess=replace(entry.preprocess, crop_offsets=((0, 1), (29, 28))),
            output=replace(entry.output, subtract=0.7626, multiply=2.0, clamp="0-1"),
        ),
        **changes,
    )


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "new" / "folder" / "tiny.safetensors"
    tensors = numbers()
    write_weights(path, tensors, header_for(tensors))
    return path


def rewritten_header(path: Path, text: str | None) -> Path:
    """Put another text (or none) where the file keeps its memnet header."""
    metadata = {"format": "pt"} if text is None else {"format": "pt", "memnet": text}
    save_file(load_file(path), path, metadata=metadata)
    return path


def header_values(path: Path) -> dict:
    return json.loads(read_header(path).to_json())


# What comes back


def test_tensors_and_header_come_back_as_they_were_written(written):
    tensors, header = read_weights(written)
    assert tensors.keys() == numbers().keys()
    for name, tensor in numbers().items():
        assert torch.equal(tensors[name], tensor), name
        assert tensors[name].dtype == tensor.dtype, name
    assert header == header_for(numbers())
    assert isinstance(header.trained_on, tuple)
    assert header.preprocess.crop_offsets == ((0, 1), (29, 28))


def test_the_header_is_read_without_the_numbers(written):
    data = written.read_bytes()
    written.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))  # the numbers are wrong, nobody looks
    assert read_header(written) == header_for(numbers())


def test_nothing_is_left_beside_a_written_file(written):
    assert [path.name for path in written.parent.iterdir()] == ["tiny.safetensors"]


def test_a_file_digest_is_the_sha256_of_all_its_bytes(tmp_path):
    data = os.urandom((1 << 22) + 12345)  # more than one piece
    (tmp_path / "file").write_bytes(data)
    assert file_digest(tmp_path / "file") == hashlib.sha256(data).hexdigest()


# The checksum of the numbers


def test_the_digest_is_over_name_type_shape_and_little_endian_bytes():
    tensors = {
        "b": torch.tensor(-2, dtype=torch.int64),
        "a": torch.tensor([[1.0, 2.0, 3.5]]),
    }
    text = b"a\0torch.float32\0(1, 3)\0" + struct.pack("<3f", 1.0, 2.0, 3.5)
    text += b"b\0torch.int64\0()\0" + struct.pack("<q", -2)
    assert tensors_digest(tensors) == hashlib.sha256(text).hexdigest()


def test_the_digest_does_not_depend_on_order_layout_or_container(tmp_path, written):
    tensors = numbers()
    digest = tensors_digest(tensors)
    assert tensors_digest(dict(reversed(tensors.items()))) == digest
    assert tensors_digest({name: t.contiguous() for name, t in tensors.items()}) == digest
    assert tensors_digest({name: torch.nn.Parameter(t, False) for name, t in tensors.items()}) == (
        digest
    )
    torch.save(tensors, tmp_path / "new.pt")
    torch.save(tensors, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert tensors_digest(torch.load(tmp_path / "new.pt", weights_only=True)) == digest
    assert tensors_digest(torch.load(tmp_path / "old.pt", weights_only=True)) == digest
    assert tensors_digest(load_file(written)) == digest


def _another_name(tensors):
    tensors["layer.weight_"] = tensors.pop("layer.weight")


def _swapped_names(tensors):
    tensors["a"], tensors["b"] = tensors["b"], tensors["a"]


def _another_shape(tensors):
    tensors["layer.weight"] = tensors["layer.weight"].reshape(3, 4)


def _another_type(tensors):
    tensors["layer.bias"] = tensors["layer.bias"].view(torch.int32)  # the bytes are the same


def _one_bit(tensors):
    tensors["layer.bias"].view(torch.int32)[-1] ^= 1


def _one_fewer(tensors):
    del tensors["empty"]


def _minus_zero(tensors):
    tensors["a"] = torch.tensor([-0.0])


@pytest.mark.parametrize(
    "change",
    [
        _another_name,
        _swapped_names,
        _another_shape,
        _another_type,
        _one_bit,
        _one_fewer,
        _minus_zero,
    ],
)
def test_the_digest_sees_every_change(change):
    def fresh():
        return {**numbers(), "a": torch.tensor([0.0]), "b": torch.tensor([1.0])}

    changed = fresh()
    change(changed)
    assert tensors_digest(changed) != tensors_digest(fresh())


# Files that do not load


@pytest.mark.parametrize("position", ["first", "last"])
def test_a_file_with_one_flipped_bit_in_its_numbers_is_refused(written, position):
    data = bytearray(written.read_bytes())
    (length,) = struct.unpack("<Q", data[:8])
    data[8 + length if position == "first" else -1] ^= 1
    written.write_bytes(data)
    with pytest.raises(MemnetError, match="do not match their checksum") as caught:
        read_weights(written)
    assert str(written) in str(caught.value)


def test_a_file_with_a_tensor_taken_away_is_refused(written):
    tensors, header = read_weights(written)
    del tensors["layer.bias"]
    save_file(tensors, written, metadata={"memnet": header.to_json()})
    with pytest.raises(MemnetError, match="do not match their checksum"):
        read_weights(written)


def test_a_file_without_a_memnet_header_is_refused(written):
    rewritten_header(written, None)
    with pytest.raises(MemnetError, match="says nothing about its preprocessing"):
        read_weights(written)


def test_a_file_without_any_metadata_is_refused(tmp_path):
    save_file({"weight": torch.zeros(3)}, tmp_path / "plain.safetensors")
    with pytest.raises(MemnetError, match="says nothing about its preprocessing"):
        read_weights(tmp_path / "plain.safetensors")


@pytest.mark.parametrize("version", [0, 1, 9, "2", 2.0, True, None])
def test_a_header_of_another_version_is_refused_by_its_number(written, version):
    values = {**header_values(written), "header_version": version}
    rewritten_header(written, json.dumps(values))
    with pytest.raises(MemnetError, match=f"header has version {version!r}, .*reads 2"):
        read_weights(written)


def _without(field):
    return lambda values: values.pop(field)


def _with(**changes):
    return lambda values: values.update(changes)


@pytest.mark.parametrize(
    "change",
    [
        _without("tensors_sha256"),
        _without("preprocess"),
        _without("licence_notice"),
        _with(sources=[{"role": "weights"}]),
        _with(unheard_of=1),
        _with(preprocess=None),
        _with(output=[]),
        _with(trained_on=5),
        lambda values: values["preprocess"].pop("channel_order"),
        lambda values: values["preprocess"].update(mean=[0, 0, 0]),
        lambda values: values["preprocess"].update(resize_kind="guess"),
        lambda values: values["output"].pop("clamp"),
    ],
)
def test_a_header_with_a_field_too_few_too_many_or_of_nonsense_is_refused(written, change):
    values = header_values(written)
    change(values)
    rewritten_header(written, json.dumps(values))
    with pytest.raises(MemnetError):
        read_weights(written)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_with(sources=[]), "sources names no file of weights"),
        (_with(sources=[{"role": "mean", "name": "m", "sha256": ""}]), "no file of weights"),
        (_with(arch=["tiny"]), r"arch is \['tiny'\], which must be text"),
        (_with(remark=3), "remark is 3, which must be text"),
        (_with(name="x" * 100_000), "name is 'x.*which must be text of at most 500 letters"),
        (_with(remark="x" * 1_000_000), "remark is 'x.*which must be text of at most 10,000"),
        (_with(remark="x" * 5_000_000), "it has 5,00.,... letters, and 5,000,000 are the most"),
        (_with(licence="\ud800"), r"licence is '\\ud800', with half a character in it"),
        (_with(sources=["weights"]), r"sources\[0\] is 'weights', which must be a set of named"),
        (_with(sources=[{"role": "weights"}]), r"sources\[0\] has no name"),
        (_with(unheard_of=1), "has the unknown field 'unheard_of'"),
        (_without("licence"), "it has no licence"),
        (_with(target=None), "target is None, which must be text"),
        (_with(trained_on="lamem"), "trained_on is 'lamem', which must be a list"),
        (_with(trained_on=[["lamem"]]), r"trained_on\[0\] is \['lamem'\]"),
        (_with(target=["hit_rate"]), "hit_rate"),
        (_with(header_version="2" * 5000), "has version '222.*4,922 more characters"),
        (lambda values: values["output"].update(multiply=10**400), "a whole number of 401 digits"),
        (lambda values: values["output"].update(multiply="2"), "multiply is '2'"),
        (lambda values: values["preprocess"].update(pixel_max=[1]), "pixel_max is"),
        (
            lambda values: values["preprocess"].update(crop_offsets=[[0, 0]] * 200_000),
            "200,000 cro",
        ),
        (lambda values: values["preprocess"].update(resize_hw=[10**9, 10**9]), "at most 2,048"),
    ],
)
def test_a_header_changed_by_hand_is_refused_by_file_field_and_value(written, change, says):
    values = header_values(written)
    change(values)
    rewritten_header(written, json.dumps(values))
    with pytest.raises(MemnetError, match=says) as caught:
        read_header(written)
    assert str(written) in str(caught.value)
    assert len(str(caught.value)) < len(str(written)) + 600


def test_a_header_nested_too_deeply_is_refused(written):
    rewritten_header(written, "[" * 100_000)
    with pytest.raises(MemnetError, match="nested too deeply"):
        read_header(written)


def test_what_cannot_be_read_again_is_not_written(tmp_path):
    with pytest.raises(MemnetError, match=r"remark is 'x+.*at most 10,000 letters"):
        header_for(numbers(), remark="x" * 10_001)


def test_a_header_that_names_a_field_twice_is_refused(written):
    text = json.dumps(header_values(written))
    rewritten_header(written, text[:-1] + ', "name": "resmem.published"}')
    with pytest.raises(MemnetError, match="it has the field 'name' twice"):
        read_header(written)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "it is a git-LFS pointer"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "it is a web page"),
        (b"PK\x03\x04" + b"\0" * 60, "it is a PyTorch file; `memnet weights import`"),
    ],
)
def test_a_file_that_is_another_is_called_so(tmp_path, content, says):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(MemnetError, match=f"not a safetensors file: {says}"):
        read_header(tmp_path / "w.safetensors")


def test_a_mean_image_of_another_size_is_refused_when_it_is_read(tmp_path):
    """Not at the first picture, which would have been resized to 2,048 pixels a side."""
    mean = np.zeros((4, 5, 3), dtype=np.float32)
    tensors = {**numbers(), "mean_image": torch.from_numpy(mean)}
    spec = replace(
        find("resmem.published").preprocess,
        mean_kind="image",
        mean_sha256=mean_digest(mean),
        pixel_max=255.0,
    )
    write_weights(tmp_path / "w.safetensors", tensors, header_for(tensors, preprocess=spec))
    with pytest.raises(MemnetError, match="the mean image is 4 x 5 x 3, and the preprocessing"):
        read_weights(tmp_path / "w.safetensors")


def test_names_of_tensors_give_no_orders_and_are_not_printed_whole():
    spare = {"\x1b[2J\n": torch.zeros(1), "x" * 100_000: torch.zeros(1)}
    with pytest.raises(MemnetError, match=r"no place in the network for \\x1b\[2J\\x0a") as caught:
        match_tensors(spare, {}, "w.safetensors")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', "1", "null", "{}"])
def test_a_header_that_is_no_table_is_refused(written, text):
    rewritten_header(written, text)
    with pytest.raises(MemnetError, match=r"is damaged|has version None"):
        read_weights(written)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        b"these are not weights, but a line of text\n" * 20,
        b"<!DOCTYPE html><html><body>404</body></html>",
        b"\xff" * 100,
    ],
)
@pytest.mark.parametrize("read", [read_weights, read_header])
def test_a_file_that_is_no_safetensors_is_refused(tmp_path, content, read):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(MemnetError, match="is not a safetensors file") as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_file_cut_short_is_refused(written):
    data = written.read_bytes()
    written.write_bytes(data[:-1])
    with pytest.raises(MemnetError, match="is not a safetensors file"):
        read_weights(written)


@pytest.mark.parametrize("read", [read_weights, read_header])
def test_a_file_that_is_not_there_is_named(tmp_path, read):
    with pytest.raises(MemnetError, match=r"There is no weight file .*gone\.safetensors"):
        read(tmp_path / "gone.safetensors")


def test_a_folder_is_no_weight_file(tmp_path):
    with pytest.raises(MemnetError, match="is not a safetensors file"):
        read_weights(tmp_path)


# Writing that fails


def _half_a_file_then_full(tensors, path, metadata=None):
    Path(path).write_bytes(b"half a file")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _no_replace(source, target):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("where", "name", "broken"),
    [(safetensors.torch, "save_file", _half_a_file_then_full), (files.os, "replace", _no_replace)],
    ids=["in the middle", "at the very end"],
)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    written, monkeypatch, where, name, broken
):
    before = written.read_bytes()
    new = {"layer.weight": torch.ones(2)}
    with monkeypatch.context() as patch:
        patch.setattr(where, name, broken)
        with pytest.raises(MemnetError, match="No space left on device") as caught:
            write_weights(written, new, header_for(new))
    assert str(written) in str(caught.value)
    assert "MEMNET_HOME" in str(caught.value)
    assert written.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == ["tiny.safetensors"]
    write_weights(written, new, header_for(new))  # once there is room again
    assert read_weights(written)[0].keys() == {"layer.weight"}


def test_a_disk_that_gives_back_other_numbers_is_noticed(written, monkeypatch):
    def forgetful(tensors, path, metadata=None):
        save_file({name: torch.zeros_like(t) for name, t in tensors.items()}, path, metadata)

    before = written.read_bytes()
    monkeypatch.setattr("safetensors.torch.save_file", forgetful)
    with pytest.raises(MemnetError, match=r"layer\.weight read back from .* differs"):
        write_weights(written, numbers(), header_for(numbers()))
    assert written.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == ["tiny.safetensors"]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_called_so(written, bad):
    before = written.read_bytes()
    tensors = numbers()
    tensors["layer.bias"][2] = bad
    with pytest.raises(MemnetError, match=r"layer\.bias holds numbers that are not finite"):
        write_weights(written, tensors, header_for(tensors))
    assert written.read_bytes() == before


def test_tensors_without_numbers_are_not_written(tmp_path):
    tensors = {"layer.weight": torch.ones(2, device="meta")}
    with pytest.raises(MemnetError, match="lies on the device 'meta'"):
        write_weights(tmp_path / "w.safetensors", tensors, header_for(numbers()))


def test_layers_that_share_their_weights_are_written_twice(tmp_path):
    shared = torch.randn(3, 3)
    tensors = {"a": shared, "b": shared, "c": shared[1:], "d": shared.t()}
    write_weights(tmp_path / "w.safetensors", tensors, header_for(tensors))
    read = read_weights(tmp_path / "w.safetensors")[0]
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize("mean", [torch.ones(()), torch.ones(4, 4, 3).bfloat16()])
def test_a_mean_image_of_another_kind_is_refused(tmp_path, mean):
    tensors = {"mean_image": mean}
    write_weights(tmp_path / "w.safetensors", tensors, header_for(tensors))
    with pytest.raises(MemnetError, match="does not hold the mean image"):
        read_weights(tmp_path / "w.safetensors")


def test_an_interrupted_write_leaves_no_temporary(written, monkeypatch):
    def interrupted(tensors, path, metadata=None):
        Path(path).write_bytes(b"half a file")
        raise KeyboardInterrupt

    before = written.read_bytes()
    monkeypatch.setattr("safetensors.torch.save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_weights(written, numbers(), header_for(numbers()))
    assert written.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == ["tiny.safetensors"]


def test_a_folder_that_cannot_be_made_gives_one_sentence(tmp_path):
    (tmp_path / "in the way").write_text("a file")
    with pytest.raises(MemnetError, match="cannot be written"):
        write_weights(tmp_path / "in the way" / "w.safetensors", numbers(), header_for(numbers()))


def test_whoever_has_the_old_file_open_keeps_its_numbers(written):
    old, _ = read_weights(written)
    new = {name: torch.zeros_like(tensor) for name, tensor in numbers().items()}
    write_weights(written, new, header_for(new))
    assert torch.equal(old["layer.weight"], numbers()["layer.weight"])
    assert not read_weights(written)[0]["layer.weight"].any()


# Names and shapes against a network


def test_equal_tables_are_accepted_and_left_as_they_are():
    network = torch.nn.Linear(3, 4)
    tensors = {"bias": torch.zeros(4), "weight": torch.zeros(4, 3)}
    targets = network.state_dict()
    match_tensors(tensors, targets, "w.safetensors")
    assert set(tensors) == set(targets) == {"weight", "bias"}  # the caller still needs both


@pytest.mark.parametrize("shape", [(3, 4), (12,), (4, 3, 1), (4, 4), ()])
def test_a_wrong_shape_is_named_with_both_shapes(shape):
    tensors = {"weight": torch.zeros(shape), "bias": torch.zeros(4)}
    with pytest.raises(MemnetError) as caught:
        match_tensors(tensors, torch.nn.Linear(3, 4).state_dict(), "w.safetensors")
    assert str(caught.value) == (
        f"w.safetensors: weight has shape {shape}, the network wants (4, 3)."
    )


def test_a_wrong_type_is_named_with_both_types():
    tensors = {"weight": torch.zeros(4, 3).half(), "bias": torch.zeros(4)}
    with pytest.raises(MemnetError) as caught:
        match_tensors(tensors, torch.nn.Linear(3, 4).state_dict(), "w.safetensors")
    assert str(caught.value) == (
        "w.safetensors: weight has type torch.float16, the network wants torch.float32."
    )


def test_what_is_spare_and_what_is_missing_are_both_named():
    tensors = {"weight": torch.zeros(4, 3), "extra.bias": torch.zeros(4)}
    with pytest.raises(MemnetError) as caught:
        match_tensors(tensors, torch.nn.Linear(3, 4).state_dict(), "w.safetensors")
    assert str(caught.value) == (
        "w.safetensors: no place in the network for extra.bias; nothing in the file for bias."
    )


def test_a_spare_entry_alone_is_refused():
    tensors = {**torch.nn.Linear(3, 4).state_dict(), "spare": torch.zeros(1)}
    with pytest.raises(MemnetError, match=r"no place in the network for spare; .* for none"):
        match_tensors(tensors, torch.nn.Linear(3, 4).state_dict(), "w.safetensors")


def test_a_missing_buffer_alone_is_refused():
    network = torch.nn.BatchNorm1d(2)
    tensors = network.state_dict()
    del tensors["running_var"]
    with pytest.raises(MemnetError, match="for none; nothing in the file for running_var"):
        match_tensors(tensors, network.state_dict(), "w.safetensors")


def test_of_many_names_five_are_listed_and_the_rest_counted():
    tensors = {f"t{number}": torch.zeros(1) for number in range(9)}
    with pytest.raises(MemnetError, match=r"for t0, t1, t2, t3, t4 and 4 more; "):
        match_tensors(tensors, {}, "w.safetensors")

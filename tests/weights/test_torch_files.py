"""PyTorch's files: whatever is wrong with one is a sentence."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from memnet.errors import MemnetError
from memnet.weights.torch_files import check_dense, load_numbers


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\x80\x02.", b"\x80\x02h\x05.", b"\x80\x020.", b"\x80\x02\x85.", b"PK\x03\x04", b"\x80"],
)
def test_a_damaged_pickle_is_one_sentence(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(damaged)
    with pytest.raises(MemnetError, match=r"cannot be read as weights: .*; copy it again\."):
        load_numbers(path, "copy it again")


def test_a_damaged_pickle_in_an_archive_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    for pickled in (b"\x80\x02h\x05.", b"\x80\x02K\x05Q."):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/data.pkl", pickled)
            archive.writestr("a/version", b"3\n")
            archive.writestr("a/byteorder", b"little")
        with pytest.raises(MemnetError, match="cannot be read as weights"):
            load_numbers(path, "copy it again")


def test_an_archive_that_unpacks_to_a_multiple_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, packed = tmp_path / "plain.pt", tmp_path / "packed.pt"
    torch.save({"a": torch.zeros(1_000_000)}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as to:
        for name in source.namelist():
            to.writestr(name, source.read(name))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(MemnetError, match=r"would unpack to 4,0\d\d,\d\d\d"):
        load_numbers(packed, "copy it again")


def test_one_wrong_bit_in_an_archive_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    numbers = torch.randn(1000)
    torch.save({"a": numbers}, path)
    data = bytearray(path.read_bytes())
    data[data.find(numbers.numpy().tobytes()) + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(MemnetError, match=r"is damaged: model/data/0 in it does not match"):
        load_numbers(path, "copy it again")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_a_part_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"a": torch.ones(10)}, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("model/data/0", bytes(40))
    with pytest.raises(MemnetError, match="parts of it are there twice"):
        load_numbers(path, "copy it again")


def test_numbers_come_back(tmp_path: Path) -> None:
    torch.save({"a": torch.arange(3.0)}, tmp_path / "model.pt")
    read = load_numbers(tmp_path / "model.pt", "copy it again")
    assert isinstance(read, dict)
    assert torch.equal(read["a"], torch.arange(3.0))


@pytest.mark.parametrize(
    ("tensor", "says"),
    [
        (torch.ones(3, device="meta"), "lies on the device 'meta'"),
        (torch.ones(3).to_sparse(), "is stored as sparse_coo"),
        (torch.ones(1).expand(100), "claims 100 numbers"),
    ],
)
def test_tensors_that_do_not_hold_their_numbers_are_refused(
    tensor: torch.Tensor, says: str
) -> None:
    check_dense(torch.ones(10), "fine", "model.pt", most_bytes=40)
    with pytest.raises(MemnetError, match=says):
        check_dense(tensor, "fc8.bias", "model.pt", most_bytes=40)

"""The checksum of a network's numbers, taken from tensors and from their file."""

import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from memnet.weights import digests

TENSORS = {
    "b.weight": torch.linspace(-1, 1, 24).reshape(2, 3, 2, 2),
    "a.bias": torch.tensor([1, -2, 3], dtype=torch.int64),
    "a.steps": torch.tensor(7),
    "c": torch.tensor([True, False]),
    "d": torch.arange(6, dtype=torch.bfloat16),
    "nothing": torch.zeros(0, 3),
    "Ä": torch.tensor([0.5], dtype=torch.float64),
}


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file(TENSORS, path, metadata={"memnet": "its own words"})
    return path


@pytest.mark.parametrize("piece", [1, 16, 1 << 22])
def test_the_file_has_the_checksum_of_its_tensors(stored, monkeypatch, piece):
    monkeypatch.setattr(digests, "_PIECE", piece)  # small ones go together, large ones alone
    assert digests.stored_digest(stored) == digests.tensors_digest(TENSORS)


def test_the_checksum_is_of_names_types_shapes_and_bytes_in_name_order():
    tensors = {"b": torch.tensor([[1.0, 2.0]]), "a": torch.tensor(3, dtype=torch.int16)}
    text = b"a\0torch.int16\0()\0" + np.int16(3).tobytes()
    text += b"b\0torch.float32\0(1, 2)\0" + np.float32([1, 2]).tobytes()
    assert digests.tensors_digest(tensors) == hashlib.sha256(text).hexdigest()


def test_a_type_that_no_network_of_ours_has_is_said(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(2, dtype=torch.float8_e4m3fn)}, path)
    with pytest.raises(KeyError):
        digests.stored_digest(path)

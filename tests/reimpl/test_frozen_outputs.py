"""The kept outputs of frozen branches: whole, gone on with, and guarded as the picture cache is."""

from __future__ import annotations

import errno
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from memnet.errors import MemnetError
from memnet.reimpl.training import cache_files, frozen_outputs
from memnet.reimpl.training.export import training_spec
from memnet.reimpl.training.frozen_outputs import branch_outputs


class Means(torch.nn.Linear):
    """A "branch" whose output is the mean of each colour."""

    input_shape = (3, 8, 8)

    def frozen_output(self, branch, pictures):
        self.fed = getattr(self, "fed", 0) + len(pictures)
        return pictures.mean(dim=(2, 3))

    def branch_of(self, name):
        return "colours"


@pytest.fixture
def made(tmp_path):
    """Return a function that computes the outputs of 40 pictures, and the path and the network."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 256, 256, 3), dtype=np.uint8)
    cache = SimpleNamespace(pixels=pixels, failed={}, digest="d")
    network = Means(1, 1)

    def make():
        network.fed = -1  # one picture tells the shape
        cpu = torch.device("cpu")
        spec, folder = training_spec(), tmp_path / "cache"
        path = branch_outputs(network, "colours", cache, spec=spec, folder=folder, device=cpu)
        return path, network.fed

    make.cache = cache
    return make


def test_the_file_is_numpys_own_with_the_outputs_in_order(made, tmp_path):
    path, fed = made()
    crop = made.cache.pixels[:, 14:241, 14:241] / 255
    assert np.allclose(np.load(path), crop.mean(axis=(1, 2)), atol=1e-5)
    np.lib.format.open_memmap(
        tmp_path / "numpy.npy", mode="w+", dtype=np.float32, shape=(40, 3)
    ).flush()
    head = len(path.read_bytes()) - 40 * 3 * 4
    assert path.read_bytes()[:head] == (tmp_path / "numpy.npy").read_bytes()[:head]
    assert (fed, made()[1]) == (40, 0)


@pytest.mark.parametrize("done", [-3, 41, 10**30, True, 16.0, "16", None, [16]])
def test_a_count_that_cannot_be_is_not_believed(made, done):
    path, _ = made()
    path.with_suffix(".json").write_text(json.dumps({"done": done}))
    assert made() == (path, 40)


def test_it_goes_on_from_what_was_finished(made):
    path, _ = made()
    path.with_suffix(".json").write_text('{"done": 16}')
    assert made() == (path, 24)


def test_a_file_of_another_length_is_computed_anew(made):
    path, _ = made()
    before = path.read_bytes()
    path.write_bytes(before[:-4])
    assert made() == (path, 40)
    assert path.read_bytes() == before


def test_a_disk_without_room_is_found_before_the_work(made, monkeypatch):
    monkeypatch.setattr(cache_files.shutil, "disk_usage", lambda folder: SimpleNamespace(free=100))
    words = "outputs of the frozen branch colours needs .* make room, or choose"
    with pytest.raises(MemnetError, match=words):
        made()


def test_a_disk_that_fills_up_on_the_way_is_one_sentence(made, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(frozen_outputs.os, "fsync", full)
    with pytest.raises(MemnetError, match=r"is full .*the file with the outputs of the frozen"):
        made()


def test_a_folder_that_cannot_be_made_is_one_sentence(made, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(MemnetError, match="cannot be written"):
        made()

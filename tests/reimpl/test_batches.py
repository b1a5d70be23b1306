"""Batches: order, crops and shares follow from the seed, whatever the number of processes."""

from __future__ import annotations

import multiprocessing
import pickle

import numpy as np
import pytest
import torch

from memnet.reimpl.training.batches import BatchSampler, Loader, Pictures, close_maps
from memnet.reimpl.training.export import training_spec
from memnet.reimpl.training.frozen_outputs import network_input


def rows_of(order):
    return [[place.rows[i] for i in place.share] for place in order if place.counts]


def test_an_epoch_has_every_picture_once_in_an_order_of_its_own():
    order = BatchSampler(np.arange(100), 32, seed=5)
    epochs = []
    for order.epoch in (0, 1):
        epochs.append([row for batch in rows_of(order) for row in batch])
    assert all(sorted(epoch) == list(range(100)) for epoch in epochs)
    assert epochs[0] != epochs[1] != list(range(100))
    assert [len(place.rows) for place in order] == [32, 32, 32, 4]


def test_validation_keeps_the_order_of_the_table():
    assert rows_of(BatchSampler(np.array([7, 3, 9]), 2, seed=None)) == [[7, 3], [9]]


@pytest.mark.parametrize("world", [2, 3, 5])
def test_processes_see_together_what_one_sees(world):
    alone = [place.rows for place in BatchSampler(np.arange(34), 8, seed=1)]
    shares = [
        rows_of_each(BatchSampler(np.arange(34), 8, seed=1, rank=r, world=world))
        for r in range(world)
    ]
    for number, batch in enumerate(alone):
        seen = [row for share in shares for row in share[number]]
        assert sorted(seen) == sorted(batch)
        sizes = [max(1, len(share[number])) for share in shares]
        assert max(sizes) - min(sizes) <= 1


def rows_of_each(order):
    return [[place.rows[i] for i in place.share] if place.counts else [] for place in order]


def test_a_process_without_a_share_works_on_a_picture_that_does_not_count():
    places = list(BatchSampler(np.arange(9), 8, seed=None, rank=1, world=2))
    assert [(place.share, place.counts) for place in places] == [
        ((1, 3, 5, 7), True),
        ((0,), False),
    ]


@pytest.fixture(scope="module")
def cached(tmp_path_factory):
    path = tmp_path_factory.mktemp("pixels") / "p.npy"
    draw = np.random.default_rng(0)
    np.save(path, draw.integers(0, 256, (10, 256, 256, 3), dtype=np.uint8))
    return path


def pictures(path, **changes):
    fields = {"crop": "random", "mirror": True, "seed": 3, "known": {}, "pixels": path}
    fields |= {"scores": np.arange(10, dtype=np.float32), "spec": training_spec()}
    return Pictures(**{**fields, **changes})


def test_crops_and_mirror_images_are_cut_from_the_picture_and_repeat(cached):
    source = np.load(cached)
    (place,) = BatchSampler(np.arange(10), 10, seed=None)
    batch = pictures(cached)[place]
    assert torch.equal(batch["pictures"], pictures(cached)[place]["pictures"])
    corners, mirrored = set(), 0
    for row, crop in zip(batch["rows"].tolist(), batch["pictures"].numpy(), strict=True):
        found = [
            (top, left, mirror)
            for top in range(30)
            for left in range(30)
            for mirror in (False, True)
            if np.array_equal(
                crop[0, ::-1] if mirror else crop[0], source[row, top, left : left + 227]
            )
        ]
        assert len(found) == 1
        corners.add(found[0][:2])
        mirrored += found[0][2]
    assert len(corners) > 7
    assert 0 < mirrored < 10


def test_what_fetches_batches_can_be_sent_to_a_process_that_begins_anew(cached):
    """On macOS and Windows the processes of `--workers` are no copies of this one."""
    (place,) = BatchSampler(np.arange(10), 10, seed=1)
    here = pictures(cached)[place]
    sent = pickle.loads(pickle.dumps((pictures(cached), place)))
    there = sent[0][sent[1]]
    assert torch.equal(here["pictures"], there["pictures"])
    assert torch.equal(here["scores"], there["scores"])


@pytest.mark.slow
@pytest.mark.process
def test_processes_that_begin_anew_fetch_the_same_batches(cached):
    def fetched(workers):
        order = BatchSampler(np.arange(10), 4, seed=1)
        loader = Loader(pictures(cached), order, workers=workers, pin_memory=False, epoch=lambda: 0)
        batches = [batch["pictures"] for batch in loader]
        loader.close()
        return batches

    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method("spawn", force=True)
    try:
        there = fetched(2)
    finally:
        multiprocessing.set_start_method(before, force=True)
    here = fetched(0)
    assert len(here) == len(there) == 3
    assert all(map(torch.equal, here, there))


def test_another_epoch_cuts_otherwise(cached):
    order = BatchSampler(np.arange(10), 10, seed=None)
    (first,) = order
    order.epoch = 1
    (second,) = order
    assert not torch.equal(
        pictures(cached)[first]["pictures"], pictures(cached)[second]["pictures"]
    )


def test_a_share_is_cut_as_the_whole_batch_would_be(cached):
    (whole,) = BatchSampler(np.arange(10), 10, seed=1)
    (share,) = BatchSampler(np.arange(10), 10, seed=1, rank=1, world=2)
    assert torch.equal(
        pictures(cached)[whole]["pictures"][1::2], pictures(cached)[share]["pictures"]
    )


def test_the_centre_is_what_scoring_sees_to_the_bit(cached):
    source = np.load(cached)
    (place,) = BatchSampler(np.arange(10), 10, seed=None)
    batch = pictures(cached, crop="centre", mirror=False)[place]
    fed = network_input(batch["pictures"])
    assert fed.is_contiguous(memory_format=torch.channels_last)
    for row in range(10):
        expected = training_spec().apply(source[row])[0]
        assert torch.equal(fed[row], expected)


def test_known_outputs_are_those_of_the_rows(tmp_path):
    path = tmp_path / "known.npy"
    np.save(path, np.arange(20, dtype=np.float32).reshape(10, 2))
    place = next(iter(BatchSampler(np.array([4, 2]), 2, seed=None)))
    batch = pictures(None, known={"resnet": path})[place]
    assert batch["known"]["resnet"].tolist() == [[8, 9], [4, 5]]
    assert batch["scores"].tolist() == [4, 2]
    assert batch["pictures"].numel() == 0


def test_a_file_that_was_built_anew_is_read_anew(tmp_path):
    path = tmp_path / "known.npy"
    place = next(iter(BatchSampler(np.array([1]), 1, seed=None)))
    np.save(path, np.zeros((10, 2), dtype=np.float32))
    assert pictures(None, known={"resnet": path})[place]["known"]["resnet"].tolist() == [[0, 0]]
    close_maps()
    path.unlink()
    np.save(path, np.ones((10, 2), dtype=np.float32))
    assert pictures(None, known={"resnet": path})[place]["known"]["resnet"].tolist() == [[1, 1]]

"""How pictures are spread over a cluster: nothing twice, nothing left, and no core given twice."""

from __future__ import annotations

import pytest

from memnet import BatchScorer, MemnetError
from memnet.data.inputs import Item
from memnet.scoring.cluster_parts import Computer, Share, Starts, Worker, cut_up, share_out
from memnet.scoring.scored import Request


def requests(count: int) -> list[Request]:
    names = [f"{n:05d}.png" for n in range(count)]
    return [Request(Item(name, name, name), (0,)) for name in names]


@pytest.mark.parametrize(
    ("computers", "workers", "device", "expected"),
    [
        ([(2, 0)], 2, "auto", Share(2, "cpu", 1, 0)),
        ([(2, 0)], None, "auto", Share(1, "cpu", 2, 0)),
        ([(64, 0)], None, "auto", Share(16, "cpu", 4, 0)),
        ([(16, 0), (8, 0)], 3, "cpu", Share(3, "cpu", 8, 0)),
        (
            [(0, 0), (6, 0)],
            None,
            "auto",
            Share(1, "cpu", 4, 0),
        ),  # the head computes nothing
        ([(16, 2), (64, 0)], None, "auto", Share(2, "cuda", 4, 1)),
        ([(16, 2), (64, 0)], None, "cpu", Share(20, "cpu", 4, 0)),
        ([(16, 4)], 2, "cuda", Share(2, "cuda", 4, 1)),
        ([(16, 2)], 3, "auto", Share(3, "cuda", 4, 0.5)),
        ([(4, 1), (8, 1)], 6, "auto", Share(6, "cuda", 1, 1 / 3)),
    ],
)
def test_the_share_of_each_worker(computers, workers, device, expected):
    share = share_out([Computer(*each) for each in computers], workers, device)
    assert share == expected
    # All fit side by side.
    assert sum(cores // share.cores for cores, _ in computers) >= share.workers
    assert share.gpus * share.workers <= sum(gpus for _, gpus in computers)


@pytest.mark.parametrize(
    ("computers", "workers", "device", "sentence"),
    [
        ([(2, 0)], 3, "auto", "too few cores for 3 worker"),
        ([(1, 2)], None, "auto", "too few cores for 2 worker"),
        ([(8, 0)], None, "cuda", "no GPU"),
        ([(8, 1)], None, "cuda:1", "--device cuda:1 is for one computer"),
        ([(8, 0)], None, "mps", "--device mps is for one computer"),
        ([(0, 0)], None, "auto", "too few cores"),
    ],
)
def test_what_does_not_fit_is_refused(computers, workers, device, sentence):
    with pytest.raises(MemnetError, match=sentence):
        share_out([Computer(*each) for each in computers], workers, device)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100, 1000, 1003])
@pytest.mark.parametrize("workers", [1, 2, 8])
def test_parts_are_the_whole_in_order_and_of_whole_batches(count, workers):
    given = requests(count)
    parts = cut_up(given, workers, 8)
    assert [each for part in parts for each in part] == given
    assert all(len(part) % 8 == 0 for part in parts[:-1])
    assert max(map(len, parts)) <= 32
    # The worker that ends last works for a batch alone, if all take the next part when they can.
    done = [0] * workers
    for part in parts:
        done[done.index(min(done))] += len(part)
    assert max(done) - min(done) <= 8 or len(parts) < workers


@pytest.fixture
def scorer(tiny, tiny_weights):
    return BatchScorer(tiny_weights)


def test_a_worker_finds_relative_paths(make_pictures, scorer, monkeypatch, tmp_path):
    folder = make_pictures(3)
    monkeypatch.chdir(tmp_path)  # and back, at the end
    answers = Worker(scorer, str(folder), Starts().count).score(0, requests(4))
    rows = [row for answer in answers for row in answer.rows(scorer.sources)]
    assert [row.score is not None for row in rows] == [True, True, True, False]
    assert [row.path for row in rows] == [f"{n:05d}.png" for n in range(4)]


def test_a_worker_without_the_folder_says_so(scorer):
    said = Worker(scorer, "/no/such/folder", Starts().count).score(0, requests(1))
    assert isinstance(said, MemnetError)
    assert "must see the pictures at the same paths" in str(said)


def test_what_is_wrong_with_a_model_comes_back_as_it_is(scorer, tiny_weights, tmp_path):
    tiny_weights.write_bytes(b"")
    said = Worker(scorer, str(tmp_path), Starts().count).score(0, requests(1))
    assert isinstance(said, MemnetError)
    assert str(tiny_weights) in str(said)


def test_pictures_over_which_workers_die_are_not_tried_for_ever(scorer, tmp_path):
    starts = Starts()
    for _ in range(4):  # each of which died
        starts.count(5)
    starts.count(6)
    said = Worker(scorer, str(tmp_path), starts.count).score(5, requests(8))
    assert isinstance(said, MemnetError)
    assert "4 workers died over the pictures from 00000.png to 00007.png" in str(said)
    assert not isinstance(Worker(scorer, "/", starts.count).score(6, requests(8)), MemnetError)

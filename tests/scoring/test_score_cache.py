"""The score cache: nothing is computed twice, nothing old is ever taken, and it stops no run."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import memnet
from command import run_memnet
from memnet.data.inputs import Item
from memnet.preprocess.decode import USUAL_LIMITS, PictureLimits
from memnet.scoring import cached, score_cache
from memnet.scoring.cached import score_with_cache, scoring_digest
from memnet.scoring.engine import score_items
from memnet.scoring.lazy_model import LazyModel
from memnet.scoring.score_cache import ScoreCache
from memnet.scoring.scored import Request, Scored
from memnet.scoring.table import read_rows


@pytest.fixture
def model(mini, home):
    return memnet.load(mini, device="cpu")


def scored(number: int = 0, warning: str = "") -> Scored:
    return Scored(
        outputs=(0.25, float(np.float32(number / 7))),
        raw=number / 3,
        score=0.1 + number,
        clamped=bool(number % 2),
        width=65_535,
        height=1,
        mode="RGB",
        warning=warning,
    )


@pytest.mark.parametrize("warning", ["", "EXIF orientation 6 not applied; ü", "x" * 5000])
def test_what_is_kept_is_read_again_to_the_bit(warning):
    kept = scored(5, warning)
    assert Scored.from_bytes(kept.to_bytes()) == kept


def test_a_second_run_computes_nothing_and_gives_the_same_bits(
    model, mini, make_pictures, computed
):
    paths = sorted(make_pictures(11).iterdir())
    first = model.score(paths, batch_size=4)
    assert computed == [4, 4, 3]
    again = memnet.load(mini, device="cpu").score(paths, batch_size=3)
    assert computed == [4, 4, 3]
    assert again.equals(first)
    assert again.attrs == first.attrs


def test_a_picture_under_two_names_is_computed_once(model, tmp_path, make_pictures, computed):
    folder = make_pictures(3)
    for copy, name in (("x.png", "00000.png"), ("y.png", "00000.png"), ("z.png", "00001.png")):
        (folder / copy).write_bytes((folder / name).read_bytes())
    paths = sorted(folder.iterdir())
    table = model.score([*paths, paths[2].read_bytes()])
    assert sum(computed) == 3
    assert table.image_id.tolist() == [*(path.name for path in paths), "item-6"]
    by_id = table.set_index("image_id").score
    assert by_id["x.png"] == by_id["y.png"] == by_id["00000.png"] != by_id["00001.png"]
    assert by_id["z.png"] == by_id["00001.png"]
    assert by_id["item-6"] == by_id["00002.png"]


@pytest.mark.parametrize(("batch_size", "waiting"), [(1, 1), (3, 4), (8, 1000)])
def test_rows_keep_their_order_among_known_bad_and_repeated_pictures(
    model, make_pictures, monkeypatch, batch_size, waiting
):
    monkeypatch.setattr(cached, "_MOST_WAITING", waiting)
    folder = make_pictures(20)
    for number in (3, 12):
        (folder / f"{number:05d}.png").write_text("no picture")
    paths = sorted(folder.iterdir())
    given = [*paths, paths[4], paths[3], folder / "none.png", *paths[:2], paths[18]]
    given += [Image.open(paths[0]), np.zeros((9, 9, 3), np.uint8), paths[5].read_bytes()]
    model.score(paths[1:18:2])  # known before
    expected = model.score(given, cache=False)
    for _ in range(2):
        table = model.score(given, batch_size=batch_size)
        assert table.drop(columns=["raw", "score"]).equals(expected.drop(columns=["raw", "score"]))
        assert np.nanmax(np.abs(table.score - expected.score)) < 1e-6
        assert np.array_equal(table.score.isna(), expected.score.isna())


def test_pictures_are_taken_from_the_source_only_as_they_are_needed(model, home):
    taken = []

    def source():
        for number in range(1000):
            taken.append(number)
            yield Item(str(number), "", np.full((4, 4, 3), number % 256, dtype=np.uint8))

    requests = (Request(item, (0,)) for item in source())
    batches = score_with_cache(requests, [LazyModel(model)], batch_size=5, limits=USUAL_LIMITS)
    assert len(next(batches)) == 5
    assert len(taken) <= 20
    batches.close()


def changed(header, **fields):
    return dataclasses.replace(header, preprocess=dataclasses.replace(header.preprocess, **fields))


def test_everything_that_decides_a_score_is_in_its_key(model, monkeypatch):
    header = model.header
    output = dataclasses.replace(header.output, add=0.125)
    less = PictureLimits(max_pixels=1000)
    digests = [
        scoring_digest(header, "cpu", USUAL_LIMITS),
        scoring_digest(header, "cuda:0", USUAL_LIMITS),
        scoring_digest(header, "cpu", less),
        scoring_digest(changed(header, exif_orientation="apply"), "cpu", USUAL_LIMITS),
        scoring_digest(changed(header, resize_kind="pillow-bilinear-8bit"), "cpu", USUAL_LIMITS),
        scoring_digest(dataclasses.replace(header, output=output), "cpu", USUAL_LIMITS),
        scoring_digest(dataclasses.replace(header, tensors_sha256="0" * 64), "cpu", USUAL_LIMITS),
        scoring_digest(dataclasses.replace(header, arch="memnet48"), "cpu", USUAL_LIMITS),
    ]
    for name, value in (
        ("software", lambda: {"torch": "0.1"}),
        ("code_digest", lambda: "edited"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(cached, name, value)
            digests.append(scoring_digest(header, "cpu", USUAL_LIMITS))
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        digests.append(scoring_digest(header, "cpu", USUAL_LIMITS))
    finally:
        torch.set_float32_matmul_precision(before)
    assert None not in digests
    assert len(set(digests)) == len(digests) == 11
    assert scoring_digest(header, "cuda:1", USUAL_LIMITS) == digests[1]
    same = dataclasses.replace(header, citation="another", trained_on=None)
    assert scoring_digest(same, "cpu", USUAL_LIMITS) == digests[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):  # other numbers, which are nobody's
        assert scoring_digest(header, "cpu", USUAL_LIMITS) is None


def lesioned(model):
    model.network.conv1.register_forward_hook(lambda layer, inputs, output: output * 0)


def weights_changed(model):
    for parameter in model.network.parameters():
        parameter.data.mul_(0.5)


def mean_image_changed(model):
    model.mean_image = model.mean_image + 20


def network_replaced(model):
    model.network = lambda crops: crops.mean(dim=(1, 2, 3))


def forward_replaced(model):
    model.forward = lambda inputs: inputs.mean(dim=(2, 3, 4))


@pytest.mark.parametrize(
    "touch",
    [lesioned, weights_changed, mean_image_changed, network_replaced, forward_replaced],
)
def test_a_model_that_was_touched_is_neither_read_nor_kept(model, mini, make_pictures, touch):
    paths = sorted(make_pictures(2).iterdir())
    whole = model.score(paths)
    touch(model)
    assert (model.score(paths).score != whole.score).all()
    assert memnet.load(mini, device="cpu").score(paths).equals(whole)


def test_models_whose_code_is_unknown_are_computed(home, tiny, make_pictures):
    def grey(pictures):
        asked.append(len(pictures))
        return [0.5] * len(pictures)

    asked: list[int] = []
    paths = sorted(make_pictures(2).iterdir())
    function = memnet.Predictor.from_function("grey.v1", grey)
    for _ in range(2):
        function.score(paths)
        tiny.score(paths)  # registered by register_network
    assert asked == [2, 2]
    assert not (home / "scores.sqlite").exists()


def test_a_failure_is_not_kept_and_a_limit_still_refuses(model, make_pictures):
    folder = make_pictures(1)
    file = folder / "00000.png"
    good = file.read_bytes()
    file.write_bytes(good[:200])
    assert model.score(file).warning[0].startswith("failed")
    file.write_bytes(good)
    assert model.score(file).score.notna().all()
    assert "more than the limit of 100" in model.score(file, max_pixels=100).warning[0]
    assert model.score(file).score.notna().all()


def test_a_file_that_changes_while_it_is_scored_is_not_kept(model, make_pictures, monkeypatch):
    """What was digested is not what was decoded: its score would be another picture's for ever."""
    folder = make_pictures(2)
    first, second = sorted(folder.iterdir())
    content = first.read_bytes()
    real = cached.digest_picture

    def digest_then_change(picture, limits):
        found = real(picture, limits)
        if Path(picture) == first:
            first.write_bytes(second.read_bytes())
            os.utime(first, (1, 1))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(cached, "digest_picture", digest_then_change)
        wrong = model.score(first).score[0]
    first.write_bytes(content)
    assert model.score(first).score[0] == model.score(first, cache=False).score[0] != wrong


def test_what_measures_reads_no_cache(model, mini, home, make_pictures, computed, tmp_path):
    paths = sorted(make_pictures(3).iterdir())
    model.score(paths)
    computed.clear()
    items = [Item(path.name, str(path), path) for path in paths]
    list(score_items(model, items))
    assert computed == [3]
    model.score(paths, cache=False)
    assert computed == [3, 3]
    run_memnet(
        *("freeze", "--model", mini, "--images", paths[0].parent),
        *("--out", tmp_path / "f.json", "--device", "cpu"),
    )
    assert computed == [3, 3, 3]


# --- the file ---


def filled(file: Path, count: int, **options) -> list[bytes]:
    cache = ScoreCache(file, **options)
    keys = [number.to_bytes(32, "big") for number in range(count)]
    for number, key in enumerate(keys):
        cache.add(key, "m", scored(number))
    cache.close()
    return keys


def test_a_damaged_value_is_no_score(tmp_path):
    file = tmp_path / "scores.sqlite"
    keys = filled(file, 4)
    with sqlite3.connect(file) as connection:
        (value,) = connection.execute(
            "SELECT value FROM scores WHERE key = ?", [keys[0]]
        ).fetchone()
        flipped = value[:12] + bytes([value[12] ^ 1]) + value[13:]
        swapped = "UPDATE scores SET value = ? WHERE key = ?"
        connection.execute(swapped, [flipped, keys[0]])
        connection.execute(swapped, [value, keys[1]])  # whole, and another picture's
        connection.execute(swapped, ["text", keys[2]])
    connection.close()
    cache = ScoreCache(file)
    assert cache.find(keys) == {keys[3]: scored(3)}
    cache.close()


def test_more_keys_than_a_statement_takes_are_found(tmp_path):
    keys = filled(tmp_path / "scores.sqlite", 1300)
    cache = ScoreCache(tmp_path / "scores.sqlite")
    found = cache.find([b"none", *keys])
    cache.close()
    assert found == {key: scored(number) for number, key in enumerate(keys)}


def test_the_file_stays_within_its_bound_and_what_is_used_stays_longest(tmp_path, monkeypatch):
    file = tmp_path / "scores.sqlite"
    monkeypatch.setattr(score_cache, "_EVERY", 0.0)
    monkeypatch.setattr(score_cache, "_DAY", 0.0)
    used = (10**9).to_bytes(32, "big")
    cache = ScoreCache(file, most_bytes=200_000)
    cache.add(used, "m", scored(1))
    for number in range(4000):
        cache.add(number.to_bytes(32, "big"), "m", scored(number))
        if number % 100 == 0:
            assert cache.find([used])
    last = cache.find([(3999).to_bytes(32, "big"), (0).to_bytes(32, "big")])
    cache.close()
    assert list(last) == [(3999).to_bytes(32, "big")]
    assert file.stat().st_size < 220_000


@pytest.fixture
def sentences(home, capsys):
    def read() -> list[str]:
        return capsys.readouterr().err.splitlines()

    return read


def test_a_damaged_file_is_left_out_with_one_sentence(
    model, home, make_pictures, computed, sentences
):
    home.mkdir(exist_ok=True)
    (home / "scores.sqlite").write_bytes(b"no database at all, " * 500)
    paths = sorted(make_pictures(3).iterdir())
    for _ in range(2):
        assert model.score(paths).score.notna().all()
    assert computed == [3, 3]
    (said,) = sentences()
    assert "without the score cache" in said
    assert "not a database" in said
    assert "memnet cache clear" in said


def test_a_file_that_is_damaged_in_the_middle_stops_no_run(model, home, make_pictures):
    filled(home / "scores.sqlite", 3000)
    content = bytearray((home / "scores.sqlite").read_bytes())
    content[5000:-5000] = b"\x07" * (len(content) - 10_000)
    (home / "scores.sqlite").write_bytes(content)
    assert model.score(sorted(make_pictures(3).iterdir())).score.notna().all()


def test_a_file_that_another_process_holds_is_waited_for_a_moment_only(
    model, home, make_pictures, sentences, monkeypatch
):
    monkeypatch.setattr(score_cache, "_WAIT", 0.1)
    filled(home / "scores.sqlite", 3)
    holder = sqlite3.connect(home / "scores.sqlite", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    paths = sorted(make_pictures(9).iterdir())
    start = time.monotonic()
    assert model.score(paths, batch_size=1).score.notna().all()
    assert time.monotonic() - start < 5
    (said,) = sentences()
    assert "locked" in said
    monkeypatch.setattr(score_cache, "_WAIT", 60.0)
    for path in paths[:3]:  # one a call, as in a notebook: none waits again
        assert model.score(path).score.notna().all()
    assert time.monotonic() - start < 10
    holder.execute("ROLLBACK")
    holder.close()


def test_a_full_disk_is_said_once_and_what_is_known_is_still_read(
    model, home, make_pictures, computed, sentences, monkeypatch
):
    paths = sorted(make_pictures(30).iterdir())
    model.score(paths[:8])
    real = score_cache.connect

    def full(file):
        connection = real(file)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite says: the disk is full
        return connection

    monkeypatch.setattr(score_cache, "connect", full)
    monkeypatch.setattr(score_cache, "_EVERY", 0.0)
    for _ in range(2):
        computed.clear()
        assert model.score(paths, batch_size=8).score.notna().all()
    assert 0 < sum(computed) <= 22
    (said,) = sentences()
    assert "new scores are not put into the score cache" in said
    assert "full" in said
    computed.clear()
    model.score(paths[:8])
    assert not computed


def test_a_folder_that_cannot_be_made_is_left_out(model, home, make_pictures, sentences):
    home.write_text("a file")
    assert model.score(sorted(make_pictures(2).iterdir())).score.notna().all()
    (said,) = sentences()
    assert "without the score cache" in said


def test_threads_share_it(model, home, make_pictures):
    paths = sorted(make_pictures(12).iterdir())
    expected = model.score(paths, cache=False).score
    tables = []
    threads = [
        threading.Thread(target=lambda: tables.append(model.score(paths, batch_size=2)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tables) == 4
    assert all((table.score - expected).abs().max() < 1e-6 for table in tables)
    cache = ScoreCache(home / "scores.sqlite")
    assert cache._connection.execute("SELECT count(*) FROM scores").fetchone() == (12,)
    cache.close()


_WRITER = """
import sys
from pathlib import Path
from memnet.scoring import score_cache
from memnet.scoring.scored import Scored
score_cache._EVERY = 0.01
cache = score_cache.ScoreCache(Path(sys.argv[1]))
print("ready", flush=True)
for n in range(int(sys.argv[2]), int(sys.argv[3])):
    cache.add(n.to_bytes(32, "big"), "m", Scored(outputs=(0.5,), raw=n / 7, score=n / 9,
        clamped=False, width=1, height=1, mode="RGB", warning=""))
cache.close()
"""


def writer(file: Path, first: int, last: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", _WRITER, str(file), str(first), str(last)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


@pytest.mark.process
def test_processes_write_at_once_and_one_that_is_killed_harms_nothing(tmp_path):
    file = tmp_path / "scores.sqlite"
    whole = [writer(file, 0, 20_000), writer(file, 10_000, 30_000)]
    killed = writer(file, 100_000, 10**9)
    killed.stdout.readline()
    time.sleep(0.3)
    os.kill(killed.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    for process in whole:
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (0, "")
    killed.communicate()
    cache = ScoreCache(file)
    keys = [n.to_bytes(32, "big") for n in range(30_000)]
    found = cache.find(keys)
    assert [found[key].raw for key in keys] == [n / 7 for n in range(30_000)]
    assert cache._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    cache.close()


# --- the command ---


def test_the_command_says_what_came_from_the_cache(home, mini, make_pictures, tmp_path):
    folder = make_pictures(5)
    (folder / "copy.png").write_bytes((folder / "00003.png").read_bytes())
    out, again, anew = (tmp_path / f"{name}.csv" for name in ("first", "again", "anew"))
    options = ("--model", mini, "--device", "cpu", "--out")
    done = run_memnet("score", folder, *options, out)
    assert "6 scored" in done.stderr
    assert "1 of them from the score cache" in done.stderr
    done = run_memnet("score", folder, *options, again)
    assert "6 of them from the score cache" in done.stderr
    assert read_rows(again) == read_rows(out)
    sidecar = json.loads(again.with_name("again.csv.json").read_text())
    assert (sidecar["scored_in_last_run"], sidecar["from_cache_in_last_run"]) == (6, 6)
    assert sidecar["device"] == "cpu"
    done = run_memnet("score", folder, *options, anew, "--no-cache")
    assert "cache" not in done.stderr
    assert len(read_rows(anew)) == 6


def test_boxes_of_a_picture_have_scores_of_their_own(home, mini, make_pictures, tmp_path):
    folder = make_pictures(2)
    table = tmp_path / "boxes.csv"
    boxes = ["0,0,12,9", "4,3,24,18", "0,0,12,9"]
    names = ["00000.png", "00000.png", "00001.png"]
    lines = [f"{folder / name},{box}" for name, box in zip(names, boxes, strict=True)]
    table.write_text("\n".join(["path,l,t,r,b", *lines]) + "\n")
    words = ("--model", mini, "--device", "cpu", "--box-columns", "l,t,r,b", "--out")
    run_memnet("score", folder, "--model", mini, "--device", "cpu")  # whole, known before
    run_memnet("--no-cache", "score", table, *words, tmp_path / "anew.csv")
    for cached_before in (0, 3):
        out = tmp_path / f"{cached_before}.csv"
        run_memnet("score", table, *words, out)
        rows, anew = read_rows(out), read_rows(tmp_path / "anew.csv")
        assert len({row.score for row in rows}) == 3
        assert [row.score for row in rows] == pytest.approx([row.score for row in anew], abs=1e-6)
        sidecar = json.loads(out.with_name(f"{out.name}.json").read_text())
        assert sidecar["from_cache_in_last_run"] == cached_before


def test_a_failure_that_was_there_twice_did_not_come_from_the_cache(
    home, mini, make_pictures, tmp_path
):
    folder = make_pictures(2)
    for name in ("bad.png", "worse.png"):
        (folder / name).write_bytes(b"no picture")
    out = tmp_path / "out.csv"
    run_memnet("score", folder, "--model", mini, "--device", "cpu", "--out", out, check=1)
    sidecar = json.loads(out.with_name("out.csv.json").read_text())
    assert (sidecar["failed"], sidecar["from_cache_in_last_run"]) == (2, 0)


def test_a_device_that_does_not_exist_is_one_sentence(home, mini, make_pictures):
    words = ("score", make_pictures(1), "--model", mini, "--device")
    run_memnet(*words, "cpu")
    assert "There is no device 'gpu'; it is auto, cpu" in run_memnet(*words, "gpu", check=2).stderr


def test_a_weight_file_whose_numbers_changed_is_not_taken_at_its_word(
    home, mini, make_pictures, tmp_path
):
    """Its header still says the old checksum, by which the cache would have every score."""
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(Path(mini).read_bytes())
    options = ("score", make_pictures(2), "--model", mine, "--device", "cpu")
    run_memnet(*options)
    assert "2 of them from the score cache" in run_memnet(*options).stderr
    changed = bytearray(mine.read_bytes())
    changed[-1] ^= 1
    mine.write_bytes(bytes(changed))
    done = run_memnet(*options, check=2)
    assert "do not match their checksum" in done.stderr


@pytest.mark.parametrize("words", [("--no-cache", "score"), ("score", "--no-cache")])
def test_the_cache_can_be_left_out(home, mini, make_pictures, words):
    run_memnet(*words, make_pictures(2), "--model", mini, "--device", "cpu")
    assert not (home / "scores.sqlite").exists()


def test_a_run_that_finds_all_reads_no_weights(home, mini, make_pictures, monkeypatch):
    folder = make_pictures(3)
    words = ("score", folder, "--model", mini, "--device", "cpu")
    first = run_memnet(*words).stdout
    monkeypatch.setattr("memnet.scoring.named.read_weights", None)
    assert run_memnet(*words).stdout == first
    Image.new("RGB", (9, 9)).save(folder / "new.png")
    assert "object is not callable" in run_memnet(*words, check=3).stderr

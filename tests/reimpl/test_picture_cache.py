"""The cache of decoded pictures: the right pixels, once, whatever happens while it is filled."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image

from command import wait_for
from memnet.errors import MemnetError, PictureError
from memnet.reimpl.training import cache, cache_files
from memnet.reimpl.training.cache import build_cache, cache_digest
from memnet.weights.catalogue import find

SPEC = find("resmem.published").preprocess


class Pictures(SimpleNamespace):
    """Ids and paths of a folder's pictures, and where their cache goes."""

    def build(self, **options):
        return build_cache(self.ids, self.paths, **{"folder": self.folder, "spec": SPEC, **options})

    def digest(self, **options):
        return cache_digest(self.ids, self.paths, **{"spec": SPEC, **options})

    def file(self, ending: str) -> Path:
        return self.folder / f"pictures-{self.digest()[:16]}{ending}"


@pytest.fixture
def some(make_pictures, tmp_path):
    def make(count: int) -> Pictures:
        paths = sorted(make_pictures(count).iterdir())
        return Pictures(ids=[p.name for p in paths], paths=paths, folder=tmp_path / "cache")

    return make


@pytest.fixture
def decoded(monkeypatch):
    """The names of the pictures that were decoded, in order; ``stop_at`` raises at that one."""
    names: list[str] = []
    seen = SimpleNamespace(names=names, stop_at="")
    real = cache.decode

    def counted(path, **options):
        if Path(path).name == seen.stop_at:
            raise RuntimeError("the plug was pulled")
        names.append(Path(path).name)
        return real(path, **options)

    monkeypatch.setattr(cache, "decode", counted)
    return seen


def expected(path) -> np.ndarray:
    """The pixels of one picture, by Pillow alone."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB").resize((256, 256), Image.Resampling.BILINEAR))


def test_crops_of_cached_pixels_are_bit_equal_to_those_of_the_spec(golden, tmp_path):
    paths = sorted((golden / "images").iterdir())
    paths = [path for path in paths if path.suffix in (".jpg", ".jpeg", ".png")]
    assert len(paths) >= 5
    found = build_cache([path.name for path in paths], paths, folder=tmp_path, spec=SPEC)
    assert found.failed == {}
    assert found.pixels.shape == (len(paths), 256, 256, 3)
    assert found.pixels.dtype == np.uint8
    (row, column), (height, width) = SPEC.crop_offsets[0], SPEC.crop_hw
    for number, path in enumerate(paths):
        crop = found.pixels[number, row : row + height, column : column + width]
        planes = torch.from_numpy(np.array(crop)).permute(2, 0, 1).float() / 255
        assert torch.equal(planes, SPEC.apply(path)[0]), path.name


def test_the_cache_is_a_numpy_file_that_cannot_be_written_by_accident(some):
    pictures = some(5)
    found = pictures.build()
    assert np.array_equal(np.load(found.path), [expected(path) for path in pictures.paths])
    assert isinstance(found.pixels, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found.pixels[0] = 1
    about = json.loads(pictures.file(".json").read_text())
    assert (about["complete"], about["pictures"]) == (True, 5)
    assert about["digest"] == found.digest
    assert (about["resize_kind"], about["resize_hw"]) == ("pillow-bilinear-8bit", [256, 256])
    assert {path.suffix for path in pictures.folder.iterdir()} <= {".npy", ".json", ".lock"}


def test_rows_are_in_the_order_of_the_ids_however_many_threads_decode(some):
    pictures = some(40)
    pictures.ids.reverse(), pictures.paths.reverse()
    found = pictures.build(threads=7)
    assert np.array_equal(found.pixels, [expected(path) for path in pictures.paths])


def test_a_second_call_decodes_nothing(some, decoded):
    pictures = some(6)
    first = pictures.build()
    assert sorted(decoded.names) == pictures.ids
    decoded.names.clear()
    second = pictures.build()
    assert decoded.names == []
    assert np.array_equal(first.pixels, second.pixels)
    assert second.seconds < 0.2


def test_a_complete_cache_opens_from_a_folder_that_cannot_be_written(some, monkeypatch):
    pictures = some(3)
    pictures.build()

    def refuse(*_args, **_options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(cache_files, "hold_lock", refuse)
    assert pictures.build().failed == {}


def test_an_interrupted_cache_goes_on_with_what_is_missing(some, decoded, monkeypatch):
    pictures = some(12)
    decoded.stop_at = "00007.png"
    with pytest.raises(RuntimeError, match="the plug was pulled"):
        pictures.build(threads=1)
    assert json.loads(pictures.file(".json").read_text())["complete"] is False
    marks = np.fromfile(pictures.file(".rows"), dtype=np.uint8)
    assert marks.tolist() == [1] * 7 + [0] * 5
    decoded.names.clear()
    decoded.stop_at = ""
    found = pictures.build()
    assert sorted(decoded.names) == pictures.ids[7:]
    assert np.array_equal(found.pixels, [expected(path) for path in pictures.paths])


def test_pixels_are_on_the_disk_before_their_row_is_marked(some, monkeypatch):
    pictures = some(6)
    monkeypatch.setattr(cache_files, "_BLOCK_ROWS", 2)
    real, checked = os.fsync, []

    def check(handle):
        if os.fstat(handle).st_ino != pictures.file(".npy").stat().st_ino:
            return real(handle)  # another file's
        marked = np.fromfile(pictures.file(".rows"), dtype=np.uint8)
        pixels = np.load(pictures.file(".npy"), mmap_mode="r")
        there = [bool(np.array_equal(pixels[i], expected(pictures.paths[i]))) for i in range(6)]
        # A commit flushes pixels first: what is marked was flushed by an earlier one.
        checked.append((int(marked.sum()), sum(there)))
        return real(handle)

    monkeypatch.setattr(os, "fsync", check)
    pictures.build()
    assert [marked for marked, _ in checked] == [0, 2, 4, 6]
    assert all(there >= min(marked + 2, 6) for marked, there in checked)


def test_a_row_that_was_cut_in_half_is_decoded_again(some, decoded):
    pictures = some(4)
    decoded.stop_at = "00002.png"
    with pytest.raises(RuntimeError):
        pictures.build(threads=1)
    with pictures.file(".npy").open("r+b") as file:  # half of row 2, as a kill would leave it
        file.seek(pictures.file(".npy").stat().st_size - 2 * 256 * 256 * 3)
        file.write(b"\xff" * 1000)
    decoded.stop_at = ""
    found = pictures.build()
    assert np.array_equal(found.pixels, [expected(path) for path in pictures.paths])


KILLED = """
import sys, time
from pathlib import Path
from memnet.reimpl.training import cache, cache_files
from memnet.weights.catalogue import find
cache_files._BLOCK_SECONDS = 0.0
real = cache.decode
def slow(*args, **options):
    time.sleep(0.05)
    return real(*args, **options)
cache.decode = slow
paths = sorted(Path(sys.argv[1]).iterdir())
spec = find("resmem.published").preprocess
cache.build_cache([p.name for p in paths], paths, folder=Path(sys.argv[2]), spec=spec, threads=1)
"""


@pytest.mark.process
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_process_leaves_rows_that_the_next_one_keeps(some, decoded):
    pictures = some(30)
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(pictures.paths[0].parent), str(pictures.folder)],
        stderr=subprocess.PIPE,
        text=True,
    )
    rows = pictures.file(".rows")
    wait_for(child, lambda: rows.exists() and sum(rows.read_bytes()) >= 5)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    done = sum(rows.read_bytes())
    assert 5 <= done < 30
    found = pictures.build()
    assert sorted(decoded.names) == pictures.ids[done:]
    assert np.array_equal(found.pixels, [expected(path) for path in pictures.paths])


def test_a_failed_picture_is_zeros_and_stops_no_other(some, decoded):
    pictures = some(6)
    pictures.paths[1].write_bytes(b"")
    pictures.paths[3].write_bytes(pictures.paths[3].read_bytes()[:200])
    pictures.paths[4].unlink()
    found = pictures.build()
    assert sorted(found.failed) == [1, 3, 4]
    assert "empty" in found.failed[1]
    assert "cut off" in found.failed[3] or "damaged" in found.failed[3]
    assert "no such file" in found.failed[4]
    assert not found.pixels[[1, 3, 4]].any()
    for row in (0, 2, 5):
        assert np.array_equal(found.pixels[row], expected(pictures.paths[row]))
    decoded.names.clear()
    assert pictures.build().failed == found.failed
    assert decoded.names == ["00001.png", "00003.png", "00004.png"]  # only these are tried again


def test_a_picture_that_can_be_read_again_is_read(some, monkeypatch):
    """A disk that was away for a moment changes neither the size nor the time of a file."""
    pictures = some(4)
    before = cache.decode

    def away(picture, **more):
        if Path(picture).name == "00002.png":
            raise PictureError("The file cannot be read: Input/output error.")
        return before(picture, **more)

    monkeypatch.setattr(cache, "decode", away)
    first = pictures.build()
    assert list(first.failed) == [2]
    monkeypatch.setattr(cache, "decode", before)
    second = pictures.build()
    assert second.failed == {}
    assert second.digest == first.digest
    for row in range(4):
        assert np.array_equal(second.pixels[row], expected(pictures.paths[row]))


def test_a_picture_that_failed_before_a_kill_is_still_named_after_it(some, decoded):
    pictures = some(6)
    pictures.paths[1].write_bytes(b"")
    decoded.stop_at = "00004.png"
    with pytest.raises(RuntimeError):
        pictures.build(threads=1)
    decoded.stop_at = ""
    assert list(pictures.build().failed) == [1]


def test_a_failed_picture_that_was_mended_is_decoded(some):
    pictures = some(3)
    good = pictures.paths[1].read_bytes()
    pictures.paths[1].unlink()
    assert list(pictures.build().failed) == [1]
    pictures.paths[1].write_bytes(good)
    found = pictures.build()
    assert found.failed == {}
    assert np.array_equal(found.pixels[1], expected(pictures.paths[1]))


def test_the_digest_changes_with_whatever_decides_the_pixels(some, monkeypatch):
    from dataclasses import replace

    pictures = some(3)
    digests = [pictures.digest()]
    digests.append(pictures.digest(spec=replace(SPEC, exif_orientation="apply")))
    digests.append(pictures.digest(spec=replace(SPEC, resize_hw=(241, 256))))
    digests.append(pictures.digest(spec=replace(SPEC, resize_kind="matlab-bilinear-float")))
    with monkeypatch.context() as patch:
        patch.setattr(cache, "MAX_PIXELS", 10)
        digests.append(pictures.digest())
    pictures.ids[0] = "another"
    digests.append(pictures.digest())
    pictures.ids.reverse(), pictures.paths.reverse()
    digests.append(pictures.digest())
    os.utime(pictures.paths[0], ns=(0, 1))
    digests.append(pictures.digest())
    with pictures.paths[0].open("ab") as file:
        file.write(b"x")
    os.utime(pictures.paths[0], ns=(0, 1))
    digests.append(pictures.digest())
    monkeypatch.setattr("PIL.__version__", "0.0")
    digests.append(pictures.digest())
    assert len(set(digests)) == len(digests)


def test_the_digest_ignores_what_decides_no_pixel(some):
    from dataclasses import replace

    pictures = some(2)
    other = replace(SPEC, channel_order="BGR", pixel_max=255.0, crop_offsets=((0, 0), (29, 29)))
    assert pictures.digest(spec=other) == pictures.digest()


def test_a_changed_picture_is_decoded_anew(some):
    pictures = some(2)
    pictures.build()
    Image.new("RGB", (9, 9), (1, 2, 3)).save(pictures.paths[0])
    assert pictures.build().pixels[0, 0, 0].tolist() == [1, 2, 3]


def test_pictures_that_were_moved_keep_their_cache(some, decoded, tmp_path):
    pictures = some(3)
    pictures.build()
    shutil.move(pictures.paths[0].parent, tmp_path / "elsewhere")
    pictures.paths = [tmp_path / "elsewhere" / path.name for path in pictures.paths]
    decoded.names.clear()
    assert pictures.build().failed == {}
    assert decoded.names == []


@pytest.mark.parametrize("damage", ["short", "header", "json", "gone"])
def test_a_damaged_cache_is_built_anew_and_said_so(some, damage, capsys):
    pictures = some(3)
    pictures.build()
    npy = pictures.file(".npy")
    if damage == "short":
        os.truncate(npy, npy.stat().st_size - 1)
    elif damage == "header":
        with npy.open("r+b") as file:
            file.write(b"\0" * 16)
    elif damage == "json":
        pictures.file(".json").write_text('{"complete": tr')
    else:
        npy.unlink()
    capsys.readouterr()
    found = pictures.build()
    assert np.array_equal(found.pixels, [expected(path) for path in pictures.paths])
    said = capsys.readouterr().err
    assert ("is damaged or cut short; it is built anew" in said) == (damage != "gone")


def test_a_damaged_record_of_rows_is_not_trusted(some, decoded):
    pictures = some(4)
    decoded.stop_at = "00002.png"
    with pytest.raises(RuntimeError):
        pictures.build(threads=1)
    pictures.file(".rows").write_bytes(b"\1\1\1")
    decoded.stop_at = ""
    decoded.names.clear()
    pictures.build()
    assert sorted(decoded.names) == pictures.ids


def test_disk_space_is_looked_at_before_the_first_picture(some, decoded, monkeypatch):
    pictures = some(4)
    usage = SimpleNamespace(free=400_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)
    with pytest.raises(
        MemnetError, match=r"4 pictures needs 0\.00\d+ GB .*0\.0004 GB.*--cache DIR"
    ):
        pictures.build()
    assert decoded.names == []
    assert not pictures.file(".npy").exists()
    usage.free = 4 * 256 * 256 * 3 + 1000
    assert pictures.build().failed == {}


def test_space_that_an_interrupted_cache_has_taken_is_not_asked_for_again(
    some, decoded, monkeypatch
):
    pictures = some(4)
    decoded.stop_at = "00002.png"
    with pytest.raises(RuntimeError):
        pictures.build(threads=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=1000))
    decoded.stop_at = ""
    assert pictures.build().failed == {}


def test_the_file_has_no_holes_that_a_full_disk_could_not_fill(some, decoded):
    if not hasattr(os, "posix_fallocate"):
        pytest.skip("needs posix_fallocate")
    pictures = some(20)
    decoded.stop_at = "00000.png"
    with pytest.raises(RuntimeError):
        pictures.build(threads=1)
    found = pictures.file(".npy").stat()
    assert found.st_blocks * 512 >= found.st_size


def test_a_disk_that_is_full_when_space_is_taken_is_one_sentence(some, monkeypatch):
    if not hasattr(os, "posix_fallocate"):
        pytest.skip("needs posix_fallocate")
    pictures = some(2)

    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(MemnetError, match=r"The disk of .* is full .* GB.*--cache DIR"):
        pictures.build()
    assert not pictures.file(".npy").exists()
    monkeypatch.undo()
    assert pictures.build().failed == {}


def test_a_file_system_that_cannot_take_space_in_advance_is_used_all_the_same(some, monkeypatch):
    def unsupported(*_args):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", unsupported, raising=False)
    pictures = some(2)
    assert np.array_equal(pictures.build().pixels, [expected(path) for path in pictures.paths])


def test_a_disk_that_fills_up_on_the_way_keeps_what_is_done(some, decoded, monkeypatch):
    pictures = some(8)
    real = cache_files.RowWriter.write

    def full(self, row, pixels, **options):
        if row == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, row, pixels, **options)

    monkeypatch.setattr(cache_files.RowWriter, "write", full)
    with pytest.raises(MemnetError, match=r"is full .* \(what was done is kept\)"):
        pictures.build(threads=1)
    monkeypatch.setattr(cache_files.RowWriter, "write", real)
    decoded.names.clear()
    assert pictures.build().failed == {}
    assert sorted(decoded.names) == pictures.ids[5:]


def test_a_folder_that_cannot_be_made_is_one_sentence(some, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MemnetError, match=r"cannot be written .*--cache DIR"):
        some(2).build(folder=tmp_path / "file" / "cache")


def test_the_second_of_two_at_once_waits_and_decodes_nothing(some, decoded, capsys):
    pictures = some(4)
    pictures.folder.mkdir()
    lock = FileLock(str(pictures.file(".lock")))
    found = []
    with lock:
        second = threading.Thread(target=lambda: found.append(pictures.build()))
        second.start()
        time.sleep(0.3)
        assert not found
        assert decoded.names == []
    second.join(30)
    assert np.array_equal(found[0].pixels, [expected(path) for path in pictures.paths])
    assert "Another process is filling" in capsys.readouterr().err


def test_two_threads_at_once_decode_every_picture_once(some, decoded):
    pictures = some(30)
    found = []
    both = [threading.Thread(target=lambda: found.append(pictures.build())) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    assert sorted(decoded.names) == pictures.ids
    assert np.array_equal(found[0].pixels, found[1].pixels)


def test_a_resizer_that_gives_fractions_is_refused(some):
    spec = find("memnet.caffe_lamem").preprocess
    with pytest.raises(MemnetError, match=r"'matlab-bilinear-float' gives fractions.*pillow"):
        some(2).build(spec=spec)


def test_ids_and_paths_must_go_together(some):
    pictures = some(2)
    with pytest.raises(MemnetError, match=r"2 id\(s\) and 1 path"):
        build_cache(pictures.ids, pictures.paths[:1], folder=pictures.folder, spec=SPEC)
    with pytest.raises(MemnetError, match=r"0 id\(s\) and 0 path"):
        build_cache([], [], folder=pictures.folder, spec=SPEC)


def test_only_a_few_pictures_are_decoded_ahead(monkeypatch):
    ahead, done = 0, 0
    started: list[int] = []

    def prepare(row: int) -> np.ndarray:
        started.append(row)
        return np.zeros(1)

    for row, future in cache._in_order(range(500), prepare, 3):
        future.result()
        done += 1
        ahead = max(ahead, len(started) - done)
        assert row == done - 1
    assert done == 500
    assert ahead <= 12


@pytest.mark.parametrize("failed", [[1], {"x": "why"}, {"99": "why"}, "all", 3])
def test_a_sidecar_of_another_shape_proves_nothing(some, decoded, failed):
    pictures = some(3)
    pictures.build()
    about = json.loads(pictures.file(".json").read_text())
    pictures.file(".json").write_text(json.dumps(about | {"failed": failed}))
    decoded.names.clear()
    assert pictures.build().failed == {}
    assert sorted(decoded.names) == pictures.ids

"""The store: where a model may come from, what is refused, and many processes at once."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from memnet.errors import MemnetError
from memnet.weights import files, store
from memnet.weights.catalogue import ModelEntry, find
from memnet.weights.digests import file_digest, tensors_digest
from memnet.weights.files import read_header, read_weights
from tiny import register


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MEMNET_OFFLINE", raising=False)
    return tmp_path / "home"


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(11)
    return {
        "linear.weight": torch.randn(50, 30, generator=generator),
        "linear.bias": torch.randn(50, generator=generator),
        "norm.num_batches_tracked": torch.tensor(3),
    }


@pytest.fixture
def published(tensors, tmp_path) -> Path:
    """The published file, somewhere on the user's disk."""
    path = tmp_path / "mine" / "model.pt"
    path.parent.mkdir()
    torch.save(tensors, path)
    return path


@pytest.fixture
def entry(published, tensors) -> ModelEntry:
    """A model whose published file is ``published``; no distribution and no server has it."""
    return replace(
        find("resmem.published"),
        name="tiny.test",
        arch="tiny",
        sha256=file_digest(published),
        bytes=published.stat().st_size,
        tensors_sha256=tensors_digest(tensors),
        distribution="no-such-distribution-xyz",
        distribution_file="fake_resmem/model.pt",
        url="http://127.0.0.1:9/",
        obtain="buy it in a shop",
    )


@pytest.fixture
def site(published, tmp_path, monkeypatch) -> Path:
    """A folder on the path with an installed distribution that must not be imported."""
    package = tmp_path / "site" / "fake_resmem"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('fake_resmem was imported')\n")
    (package / "model.pt").write_bytes(published.read_bytes())
    info = tmp_path / "site" / "fake_resmem-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-resmem\nVersion: 1.0\n")
    (info / "RECORD").write_text(
        "fake_resmem/__init__.py,,\nfake_resmem/model.pt,,\nfake_resmem-1.0.dist-info/METADATA,,\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def installed(entry, site) -> ModelEntry:
    return replace(entry, distribution="fake-resmem")


def stored(home: Path) -> list[str]:
    """Everything under the home but lock files: weights, and whatever was left lying about."""
    return sorted(
        path.relative_to(home).as_posix()
        for path in home.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    )


def identity(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


@pytest.fixture
def two_that_begin_alike(tmp_path, monkeypatch):
    """An entry of which one digit was published, and two files of other numbers that fit it."""
    register()
    files: dict[str, Path] = {}
    for seed in range(100):
        path = tmp_path / f"{seed}.pth"
        generator = torch.Generator().manual_seed(seed)
        numbers = {"linear.weight": torch.randn(1, 363, generator=generator)}
        torch.save({**numbers, "linear.bias": torch.zeros(1)}, path)
        digit = file_digest(path)[0]
        if digit in files:
            entry = replace(
                find("vitmem.published"), name="tiny.test", arch="tiny", names="", sha256=digit
            )
            return entry, files[digit], path
        files[digit] = path
    raise AssertionError("no two files begin alike")


# Where it comes from


def test_a_file_of_ones_own_is_converted(entry, published, tensors, own_home):
    path = store.fetch(entry, file=published)
    assert path == own_home / "weights" / "tiny.test.safetensors"
    assert stored(own_home) == ["weights/tiny.test.safetensors"]
    found, header = read_weights(path)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert (header.name, header.arch) == ("tiny.test", "tiny")
    assert (header.weights_sha256, header.tensors_sha256) == (entry.sha256, entry.tensors_sha256)
    assert (header.preprocess, header.output) == (entry.preprocess, entry.output)
    assert (header.licence, header.licence_notice) == (entry.licence, entry.licence_notice)
    assert (header.citation, header.trained_on) == (entry.citation, entry.trained_on)


def test_the_users_own_file_is_left_alone(entry, published):
    before = identity(published), published.read_bytes()
    store.fetch(entry, file=published)
    assert (identity(published), published.read_bytes()) == before


def test_the_file_in_an_installed_distribution_is_found_without_importing_it(installed, site):
    assert installed.local_copy() == site / "fake_resmem" / "model.pt"
    tensors, header = store.load(installed)
    assert tensors_digest(tensors) == installed.tensors_sha256
    assert header.weights_sha256 == installed.sha256
    assert "fake_resmem" not in sys.modules


def test_a_distribution_without_the_file_is_no_source(installed, site):
    (site / "fake_resmem" / "model.pt").unlink()
    assert installed.local_copy() is None
    with pytest.raises(MemnetError, match="not on this machine"):
        store.fetch(installed)


def test_a_file_of_ones_own_goes_before_the_installed_one(installed, published, site):
    (site / "fake_resmem" / "model.pt").write_bytes(b"an old version")
    with pytest.raises(MemnetError, match="is not the published file"):
        store.fetch(installed)
    store.fetch(installed, file=published)
    assert store.is_current(installed)


def test_what_is_stored_is_not_written_again_and_needs_its_source_no_more(
    entry, published, own_home, capsys
):
    path = store.fetch(entry, file=published)
    before = identity(path)
    published.unlink()
    capsys.readouterr()
    assert store.fetch(entry) == path
    assert tensors_digest(store.load(entry)[0]) == entry.tensors_sha256
    assert store.verify(entry) == path
    assert identity(path) == before
    assert "converting" not in capsys.readouterr().err


def test_what_is_stored_is_read_from_a_home_that_cannot_be_written(entry, published, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    path = store.fetch(entry, file=published)
    monkeypatch.setattr(store, "hold_lock", forbidden)
    monkeypatch.setattr(Path, "mkdir", forbidden)
    assert store.fetch(entry) == path
    assert store.load(entry)[1].name == "tiny.test"


# What is refused


def _one_bit_wrong(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _lfs_pointer(path: Path) -> None:
    path.write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 527697574\n",
        encoding="utf-8",
    )


def _web_page(path: Path) -> None:
    path.write_text("\n<!DOCTYPE html>\n<html><body>Please log in.</body></html>", encoding="utf-8")


def _bare_web_page(path: Path) -> None:
    path.write_text("<HTML><body>404</body></HTML>", encoding="utf-8")


def _nothing(path: Path) -> None:
    path.write_bytes(b"")


def _gone(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_one_bit_wrong, "its sha256 is [0-9a-f]{64} instead of {sha256}"),
        (_cut_short, "{short} bytes instead of {bytes}"),
        (_nothing, "0 bytes instead of {bytes}"),
        (_lfs_pointer, "git-LFS pointer; run `git lfs pull`"),
        (_web_page, "it is a web page"),
        (_bare_web_page, "it is a web page"),
        (_gone, "cannot be read .No such file"),
        (_folder, "cannot be read .Is a directory"),
    ],
)
def test_another_file_is_refused_with_its_reason_and_not_stored(
    entry, published, own_home, spoil, told
):
    spoil(published)
    told = told.replace("{sha256}", entry.sha256).replace("{bytes}", f"{entry.bytes:,}")
    told = told.replace("{short}", f"{entry.bytes - 1:,}")
    with pytest.raises(MemnetError, match=told) as caught:
        store.fetch(entry, file=published)
    assert str(published) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert stored(own_home) == []


def test_where_a_few_digits_are_published_the_first_file_that_fits_is_the_only_one(
    two_that_begin_alike,
):
    entry, first, second = two_that_begin_alike
    path = store.fetch(entry, file=first)
    pinned = read_header(path).weights_sha256
    assert pinned == file_digest(first)
    assert store.is_current(entry)
    assert store.verify(entry) == store.fetch(entry, file=first) == path
    with pytest.raises(MemnetError, match=f"is {file_digest(second)} instead of {pinned}"):
        store.fetch(entry, file=second)
    assert read_header(path).weights_sha256 == pinned
    path.unlink()
    store.fetch(entry, file=second)  # who means it deletes the other


def test_a_file_that_fits_a_few_digits_and_no_network_is_refused(tmp_path, own_home):
    path = tmp_path / "other.pth"
    torch.save({"linear.weight": torch.zeros(3)}, path)
    entry = replace(find("vitmem.published"), sha256=file_digest(path)[:8])
    with pytest.raises(MemnetError, match=r"other\.pth: 'linear\.weight' is no tensor of timm's"):
        store.fetch(entry, file=path)
    torch.save([1, 2], path)
    entry = replace(entry, sha256=file_digest(path)[:8])
    with pytest.raises(
        MemnetError, match=r"is not vitmem\.published: it is not a table of tensors"
    ):
        store.fetch(entry, file=path)
    assert not (own_home / "weights" / "vitmem.published.safetensors").exists()


def test_a_published_file_is_recognised_by_its_checksum(entry, published, tmp_path):
    other = tmp_path / "other.pth"
    other.write_bytes(b"something else")
    assert store.recognise(published, [find("vitmem.published"), entry]) is entry
    with pytest.raises(MemnetError, match=r"no published file .* \(tiny\.test\).*--mean mean\.mat"):
        store.recognise(other, [entry])
    # ViTMem's file is called after the first digits of its checksum.
    vitmem = find("vitmem.published")
    called = other.rename(tmp_path / f"vitmem_base-{vitmem.sha256}.pth")
    with pytest.raises(MemnetError, match="called like the published file of vitmem"):
        store.recognise(called, [entry, vitmem])
    ours = called.rename(tmp_path / "ours.safetensors")
    with pytest.raises(MemnetError, match="needs no import: --model"):
        store.recognise(ours, [entry, vitmem])


def test_a_wrong_file_does_not_replace_the_good_one(entry, published):
    path = store.fetch(entry, file=published)
    before = identity(path)
    _one_bit_wrong(published)
    with pytest.raises(MemnetError, match="sha256"):
        store.fetch(entry, file=published)
    assert identity(path) == before
    assert store.verify(entry) == path


class Trap:
    """What a malicious pickle holds: a call that loading it makes."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("new_format", [True, False])
def test_code_in_a_pickle_is_not_run_even_where_the_checksum_fits(
    entry, published, tensors, tmp_path, own_home, new_format
):
    sprung = tmp_path / "the trap was sprung"
    torch.save(
        {**tensors, "payload": Trap(sprung)}, published, _use_new_zipfile_serialization=new_format
    )
    entry = replace(entry, sha256=file_digest(published), bytes=published.stat().st_size)
    with pytest.raises(MemnetError, match="cannot be read as weights"):
        store.fetch(entry, file=published)
    assert not sprung.exists()
    assert stored(own_home) == []
    torch.load(published, weights_only=False)
    assert sprung.exists()  # the trap was a real one


def test_a_file_of_the_right_checksum_with_other_numbers_is_refused(entry, published, own_home):
    entry = replace(entry, tensors_sha256="0" * 64)
    with pytest.raises(MemnetError, match=r"numbers in .* are not those of tiny\.test"):
        store.fetch(entry, file=published)
    assert stored(own_home) == []


def test_a_model_that_is_nowhere_is_answered_with_the_ways_to_get_it(entry, own_home):
    with pytest.raises(MemnetError) as caught:
        store.fetch(entry)
    text = str(caught.value)
    assert "`buy it in a shop`" in text
    assert "`memnet weights fetch tiny.test`" in text
    assert "--file model.pt" in text
    assert str(own_home) in text
    assert "'no-such-distribution-xyz'" in text
    assert "\n" not in text
    assert stored(own_home) == []


# What is out of date, what is damaged


@pytest.mark.parametrize(
    "change",
    [
        lambda e: replace(e, preprocess=replace(e.preprocess, crop_offsets=((15, 15),))),
        lambda e: replace(e, preprocess=replace(e.preprocess, channel_order="BGR")),
        lambda e: replace(e, output=replace(e.output, multiply=2.0)),
    ],
    ids=["crop", "channels", "output"],
)
def test_a_changed_spec_in_the_catalogue_renews_the_stored_file(installed, change):
    path = store.fetch(installed)
    changed = change(installed)
    assert store.is_current(installed)
    assert not store.is_current(changed)
    assert store.fetch(changed) == path
    header = read_header(path)
    assert (header.preprocess, header.output) == (changed.preprocess, changed.output)
    assert store.is_current(changed)
    assert tensors_digest(store.load(changed)[0]) == changed.tensors_sha256


def test_a_training_set_added_to_the_catalogue_reaches_the_stored_header(installed):
    store.fetch(installed)
    wiser = replace(installed, trained_on=(*installed.trained_on, "another"))
    assert not store.is_current(wiser)
    assert "another" in read_header(store.fetch(wiser)).trained_on


def test_a_correction_in_the_catalogue_needs_no_second_download(entry, published):
    store.fetch(entry, file=published)
    published.unlink()
    corrected = replace(entry, training_note="another", pretrained_on=("ImageNet",))
    path = store.fetch(corrected)
    assert read_header(path).pretrained_on == ("ImageNet",)
    assert store.is_current(corrected)


def test_what_a_killed_conversion_left_is_cleared_away(installed, own_home):
    left = store.stored_path(installed).with_name(f".{installed.name}.safetensors.0f.part")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a file")
    store.fetch(installed)
    assert not left.exists()


@pytest.mark.parametrize("field", ["sha256", "tensors_sha256"])
def test_a_changed_checksum_in_the_catalogue_outdates_the_stored_file(entry, published, field):
    store.fetch(entry, file=published)
    changed = replace(entry, **{field: "0" * 64})
    assert not store.is_current(changed)
    with pytest.raises(MemnetError, match="not on this machine"):
        store.load(changed)  # rather than give the old numbers out


@pytest.mark.parametrize("content", [b"", b"rubbish", b"<html>"])
def test_a_stored_file_that_cannot_be_read_is_written_anew(installed, content):
    path = store.fetch(installed)
    path.write_bytes(content)
    assert not store.is_current(installed)
    store.fetch(installed)
    assert store.verify(installed) == path


def test_a_stored_file_cut_short_is_written_anew(installed):
    path = store.fetch(installed)
    path.write_bytes(path.read_bytes()[:-1])
    store.fetch(installed)
    assert store.verify(installed) == path


def test_damaged_numbers_are_not_given_out_and_the_way_out_is_told(installed):
    path = store.fetch(installed)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    for check in (store.verify, store.load):
        with pytest.raises(MemnetError, match=r"damaged; delete it and fetch") as caught:
            check(installed)
        assert str(path) in str(caught.value)
    path.unlink()  # as the message says
    store.fetch(installed)
    assert store.verify(installed) == path


def test_numbers_that_fit_their_own_header_but_not_the_catalogue_are_not_verified(
    entry, published, tensors
):
    path = store.fetch(entry, file=published)
    other = {**tensors, "linear.bias": torch.zeros(50)}
    header = replace(read_header(path), tensors_sha256=tensors_digest(other))
    files.write_weights(path, other, header)
    read_weights(path)
    with pytest.raises(MemnetError, match=r"does not hold the numbers of tiny\.test"):
        store.verify(entry)
    assert not store.is_current(entry)


def test_a_model_that_is_not_stored_cannot_be_verified(entry):
    with pytest.raises(MemnetError, match=r"There is no weight file .*tiny\.test\.safetensors"):
        store.verify(entry)


# The home


def test_the_home_is_where_memnet_home_says(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MEMNET_HOME", "~/my models")
    assert store.home() == tmp_path / "my models"


@pytest.mark.parametrize("value", [None, ""])
def test_without_memnet_home_the_platforms_cache_is_the_home(monkeypatch, tmp_path, value):
    monkeypatch.delenv("MEMNET_HOME")
    if value is not None:
        monkeypatch.setenv("MEMNET_HOME", value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.home().name == "memnet"
    assert tmp_path in store.home().parents


def test_a_home_that_is_a_file_gives_one_sentence(entry, published, own_home):
    own_home.write_text("a file where the folder should be")
    with pytest.raises(MemnetError, match=r"cannot be written \(Not a directory\)") as caught:
        store.fetch(entry, file=published)
    assert str(own_home) in str(caught.value)
    assert "set MEMNET_HOME" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_home_that_may_not_be_written_gives_one_sentence(entry, published, monkeypatch):
    def forbidden(path, *_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(MemnetError, match=r"cannot be written \(Permission denied\)") as caught:
        store.fetch(entry, file=published)
    assert "set MEMNET_HOME" in str(caught.value)


def test_a_full_disk_leaves_what_was_stored(entry, published, own_home, monkeypatch):
    def full(tensors, path, metadata=None):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = store.fetch(entry, file=published)
    before = identity(path)
    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(MemnetError, match="No space left"):
        store.fetch(entry, file=published)
    assert identity(path) == before
    assert stored(own_home) == ["weights/tiny.test.safetensors"]


# Several at once


def test_a_failed_fetch_lets_the_lock_go_while_its_error_is_still_held(entry, published):
    """A notebook keeps the last error and its frames alive; the next try must not wait for it."""
    with pytest.raises(MemnetError) as caught:
        store.fetch(entry)
    done: list[Path] = []
    thread = threading.Thread(
        target=lambda: done.append(store.fetch(entry, file=published)), daemon=True
    )
    thread.start()
    thread.join(5)
    assert done == [store.stored_path(entry)]
    assert caught.value.__traceback__ is not None


CHILD = """
import dataclasses, json, os, sys, time
from pathlib import Path

import torch

from memnet.weights import store
from memnet.weights.catalogue import find

changes, meeting, delay = json.loads(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
load = torch.load


def slow_load(*args, **options):
    time.sleep(delay)  # long enough for the others to come
    return load(*args, **options)


torch.load = slow_load
entry = dataclasses.replace(find("resmem.published"), **changes)
(meeting / f"ready-{os.getpid()}").touch()
while not (meeting / "go").exists():
    time.sleep(0.002)
print(store.fetch(entry))
print(store.load(entry)[1].tensors_sha256)
"""


@pytest.fixture
def children(installed, site, tmp_path):
    """Return a function that starts processes that are about to fetch ``installed``."""
    given = (
        "name",
        "arch",
        "sha256",
        "bytes",
        "tensors_sha256",
        "distribution",
        "distribution_file",
        "url",
    )
    changes = {field: getattr(installed, field) for field in given}
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    started: list[subprocess.Popen] = []

    def start(count: int, delay: float) -> list[subprocess.Popen]:
        command = [sys.executable, "-c", CHILD, json.dumps(changes), str(meeting), str(delay)]
        for _ in range(count):
            started.append(
                subprocess.Popen(
                    command,
                    env={**os.environ, "PYTHONPATH": path},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        deadline = time.monotonic() + 60
        while len(list(meeting.glob("ready-*"))) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        (meeting / "go").touch()
        return started

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_processes_that_fetch_at_once_convert_once(children, installed, own_home):
    results = [
        (process.communicate(timeout=60), process.returncode) for process in children(3, delay=0.4)
    ]
    assert [code for _, code in results] == [0, 0, 0], results
    said = f"{store.stored_path(installed)}\n{installed.tensors_sha256}\n"
    assert [out for (out, _), _ in results] == [said] * 3
    assert "".join(err for (_, err), _ in results).count("converting") == 1
    assert stored(own_home) == ["weights/tiny.test.safetensors"]
    assert store.verify(installed) == store.stored_path(installed)


def test_a_killed_process_does_not_keep_the_others_out(children, installed, own_home):
    (process,) = children(1, delay=60)
    assert "converting" in process.stderr.readline()  # it holds the lock now
    process.kill()
    process.wait()
    assert stored(own_home) == []
    store.fetch(installed)
    assert store.verify(installed) == store.stored_path(installed)


def test_threads_that_fetch_at_once_convert_once(installed, own_home, monkeypatch, capsys):
    load = torch.load

    def slow_load(*args, **options):
        time.sleep(0.2)
        return load(*args, **options)

    monkeypatch.setattr(torch, "load", slow_load)
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(store.fetch(installed))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [store.stored_path(installed)] * 4
    assert capsys.readouterr().err.count("converting") == 1
    assert stored(own_home) == ["weights/tiny.test.safetensors"]


def test_numbers_damaged_in_the_store_are_written_anew_by_a_fetch(installed, capsys):
    path = store.fetch_verified(installed)
    whole = path.read_bytes()
    path.write_bytes(whole[:-4] + b"\xff\xff\xff\x7f")
    assert store.fetch(installed) == path  # a header alone does not show it
    with pytest.raises(MemnetError, match="do not match their checksum"):
        store.verify(installed)
    assert store.fetch_verified(installed) == path
    assert "Writing it anew" in capsys.readouterr().err
    assert store.verify(installed) == path
    assert store.fetch_verified(installed) == path
    assert "Writing it anew" not in capsys.readouterr().err

"""Downloads from a server on this machine: resumed, checked, and never without leave."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import torch

from file_server import FileServer
from memnet.errors import MemnetError
from memnet.weights import download, store
from memnet.weights.catalogue import ModelEntry, find
from memnet.weights.digests import tensors_digest
from memnet.weights.download import download_file

CONTENT = random.Random(5).randbytes(3_000_000)  # three pieces, which no compression shortens


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MEMNET_OFFLINE", raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def server():
    with FileServer(CONTENT) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "new" / "downloads"


@pytest.fixture
def entry(server: FileServer) -> ModelEntry:
    return replace(
        find("resmem.published"),
        name="tiny.test",
        url=server.url,
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        bytes=len(CONTENT),
        distribution="no-such-distribution-xyz",
        obtain="buy it in a shop",
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def after_a_cut(entry: ModelEntry, server: FileServer, folder: Path) -> int:
    """Let a download break off; return how many bytes were kept."""
    server.cut = 2_500_000
    with pytest.raises(MemnetError, match="could not be downloaded"):
        download_file(entry, folder)
    server.cut = None
    kept = (folder / "tiny.test.part").read_bytes()
    assert CONTENT.startswith(kept)
    assert 1_000_000 < len(kept) <= 2_500_000
    assert names(folder) == ["tiny.test.part"]
    return len(kept)


# What arrives


def test_a_file_arrives_whole_and_alone(entry, server, folder):
    path = download_file(entry, folder)
    assert path.read_bytes() == CONTENT
    assert names(folder) == [path.name] == ["tiny.test.pt"]
    assert server.asked == [None]


def test_a_file_that_is_there_already_is_not_asked_for_again(entry, server, folder):
    assert download_file(entry, folder) == download_file(entry, folder)
    assert len(server.asked) == 1


def test_a_redirection_keeps_the_place_where_to_go_on(entry, server, folder):
    kept = after_a_cut(entry, server, folder)
    moved = replace(entry, url=entry.url.replace("/model.pt", "/moved"))
    assert download_file(moved, folder).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={kept}-"]


def test_a_server_that_says_no_length_is_no_trouble(entry, server, folder):
    server.length = False
    assert download_file(entry, folder).read_bytes() == CONTENT


def test_a_server_that_compresses_is_no_trouble(entry, server, folder):
    server.gzip = True
    assert download_file(entry, folder).read_bytes() == CONTENT
    assert names(folder) == ["tiny.test.pt"]


# What breaks off


def test_a_broken_transfer_says_what_is_kept_and_how_to_do_without(entry, server, folder):
    server.cut = 2_500_000
    with pytest.raises(MemnetError) as caught:
        download_file(entry, folder)
    kept = (folder / "tiny.test.part").stat().st_size
    assert f"{kept:,} bytes are kept, run it again" in str(caught.value)
    assert entry.url in str(caught.value)
    assert "`buy it in a shop`" in str(caught.value)


def test_the_next_call_asks_for_the_rest_only(entry, server, folder):
    kept = after_a_cut(entry, server, folder)
    path = download_file(entry, folder)
    assert server.asked == [None, f"bytes={kept}-"]
    assert server.sent[-1] == len(CONTENT) - kept
    assert path.read_bytes() == CONTENT
    assert names(folder) == ["tiny.test.pt"]


def test_a_transfer_may_break_off_more_than_once(entry, server, folder):
    kept = after_a_cut(entry, server, folder)
    server.cut = 10  # less than a piece: it need not be kept, but nothing may be lost
    with pytest.raises(MemnetError, match="could not be downloaded"):
        download_file(entry, folder)
    assert kept <= (folder / "tiny.test.part").stat().st_size <= kept + 10
    server.cut = None
    assert download_file(entry, folder).read_bytes() == CONTENT


def test_an_early_end_is_noticed_without_the_help_of_urllib3(entry, server, folder, monkeypatch):
    """Its version 1 takes a closed connection for the end of the file."""
    get = requests.get

    def unhelpful_get(*args, **options):
        answer = get(*args, **options)
        answer.raw.enforce_content_length = False
        return answer

    monkeypatch.setattr(requests, "get", unhelpful_get)
    for cut, kept in ((2_000_000, 2_000_000), (900_000, 2_900_000)):
        server.cut = cut
        with pytest.raises(MemnetError, match=f"{kept:,} bytes are kept"):
            download_file(entry, folder)
    server.cut = None
    assert download_file(entry, folder).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=2000000-", "bytes=2900000-"]


def test_a_server_that_falls_silent_is_not_waited_for(entry, server, folder, monkeypatch):
    monkeypatch.setattr(download, "_TIMEOUT_S", 0.3)
    server.stall.clear()
    before = time.monotonic()
    kept = after_a_cut(entry, server, folder)
    assert time.monotonic() - before < 5  # the server would hold the line for ten seconds
    assert download_file(entry, folder).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={kept}-"]


def test_a_server_without_ranges_starts_from_the_beginning(entry, server, folder):
    after_a_cut(entry, server, folder)
    server.ranges = False
    assert download_file(entry, folder).read_bytes() == CONTENT
    assert server.sent[-1] == len(CONTENT)
    assert names(folder) == ["tiny.test.pt"]


def test_a_part_that_is_complete_already_is_taken(entry, server, folder):
    folder.mkdir(parents=True)
    (folder / "tiny.test.part").write_bytes(CONTENT)  # stopped between the last byte and the move
    assert download_file(entry, folder).read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT)}-"]
    assert names(folder) == ["tiny.test.pt"]


@pytest.mark.parametrize(
    "rubbish", [b"rubbish", CONTENT + b"too long"], ids=["other bytes", "too long"]
)
def test_a_part_of_something_else_spoils_one_try_only(entry, server, folder, rubbish):
    folder.mkdir(parents=True)
    (folder / "tiny.test.part").write_bytes(rubbish)
    with pytest.raises(MemnetError, match="sha256 differs"):
        download_file(entry, folder)
    assert names(folder) == []
    assert download_file(entry, folder).read_bytes() == CONTENT
    assert server.asked[-1] is None


# What is refused


@pytest.mark.parametrize(
    "content",
    [b"<!DOCTYPE html><html>log in first</html>", b"", CONTENT[:-1], CONTENT[:-1] + b"\0"],
    ids=["web page", "nothing", "a byte short", "a byte wrong"],
)
def test_another_content_is_thrown_away(entry, server, folder, content):
    server.content = content
    with pytest.raises(MemnetError, match="sha256 differs") as caught:
        download_file(entry, folder)
    assert entry.url in str(caught.value)
    assert "`buy it in a shop`" in str(caught.value)
    assert names(folder) == []


@pytest.mark.parametrize("status", [404, 403, 500])
def test_a_refusal_names_the_address_and_the_other_way(entry, server, folder, status):
    server.status = status
    with pytest.raises(MemnetError, match=str(status)) as caught:
        download_file(entry, folder)
    assert entry.url in str(caught.value)
    assert "`buy it in a shop`" in str(caught.value)
    assert "kept" not in str(caught.value)
    assert names(folder) == []


def test_a_refusal_does_not_cost_what_was_kept(entry, server, folder):
    kept = after_a_cut(entry, server, folder)
    server.status = 503
    with pytest.raises(MemnetError, match=f"{kept:,} bytes are kept"):
        download_file(entry, folder)
    server.status = 200
    assert download_file(entry, folder).read_bytes() == CONTENT
    assert server.asked[-1] == f"bytes={kept}-"


def test_no_server_at_all_gives_one_sentence(entry, server, folder):
    server.server_close()  # the port is free again and nobody listens
    with pytest.raises(MemnetError) as caught:
        download_file(entry, folder)
    assert str(caught.value) == (
        f"{entry.url} could not be downloaded: no connection to the server (is this machine "
        "online? A proxy is named by the environment variable HTTPS_PROXY). Or get the weights "
        "with `buy it in a shop`."
    )


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (requests.exceptions.SSLError("x"), "certificate was not accepted"),
        (requests.exceptions.ProxyError("x"), "HTTPS_PROXY"),
        (requests.ConnectTimeout("x"), "did not answer for 30 s"),
        (requests.exceptions.ChunkedEncodingError("x"), "the connection broke off"),
        (requests.exceptions.InvalidURL("x"), r"the request failed \(InvalidURL\)"),
    ],
)
def test_why_a_download_failed_is_said_in_our_own_words(entry, folder, monkeypatch, error, says):
    def fail(*args, **options):
        raise error

    monkeypatch.setattr(requests, "get", fail)
    with pytest.raises(MemnetError, match=f"could not be downloaded: .*{says}"):
        download_file(entry, folder)


def test_a_folder_that_cannot_be_made_gives_one_sentence(entry, server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MemnetError, match="cannot be stored in"):
        download_file(entry, tmp_path / "file" / "downloads")
    assert server.asked == []


def test_a_full_disk_keeps_what_has_arrived(entry, server, folder, monkeypatch):
    real = Path.open

    class Full:
        """A file that takes one piece and no more."""

        def __init__(self, file):
            self.file, self.pieces = file, 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, piece):
            self.pieces += 1
            if self.pieces > 1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.file.write(piece)

    with monkeypatch.context() as patch:
        patch.setattr(
            Path,
            "open",
            lambda path, mode="r": Full(real(path, mode)) if path.suffix == ".part" else real(path),
        )
        with pytest.raises(MemnetError, match="No space left on device"):
            download_file(entry, folder)
    kept = (folder / "tiny.test.part").stat().st_size
    assert 0 < kept < len(CONTENT)
    assert download_file(entry, folder).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={kept}-"]


# Through the store


@pytest.fixture
def model(entry, server, tmp_path) -> ModelEntry:
    """A model that can only be downloaded."""
    tensors = {"weight": torch.arange(12.0).reshape(4, 3)}
    torch.save(tensors, tmp_path / "published.pt")
    server.content = (tmp_path / "published.pt").read_bytes()
    (tmp_path / "published.pt").unlink()
    return replace(
        entry,
        sha256=hashlib.sha256(server.content).hexdigest(),
        bytes=len(server.content),
        tensors_sha256=tensors_digest(tensors),
    )


def test_a_model_is_downloaded_converted_and_kept_once(model, server):
    path = store.fetch(model, download=True)
    assert path == store.fetch(model, download=True) == store.stored_path(model)
    tensors, header = store.load(model)
    assert torch.equal(tensors["weight"], torch.arange(12.0).reshape(4, 3))
    assert header.weights_sha256 == model.sha256
    assert len(server.asked) == 1
    assert names(store.home() / "downloads") == []  # the published file is not kept twice


def test_a_download_is_kept_where_its_conversion_fails(model, server, monkeypatch):
    def full(*_):
        raise MemnetError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_weights", full)
        with pytest.raises(MemnetError, match="the disk is full"):
            store.fetch(model, download=True)
    store.fetch(model, download=True)
    assert len(server.asked) == 1
    assert store.is_current(model)


@pytest.mark.parametrize("value", ["1", "yes"])
def test_memnet_offline_forbids_the_download(model, server, monkeypatch, value):
    monkeypatch.setenv("MEMNET_OFFLINE", value)
    with pytest.raises(MemnetError, match="MEMNET_OFFLINE") as caught:
        store.fetch(model, download=True)
    assert server.asked == []
    assert "`buy it in a shop`" in str(caught.value)


@pytest.mark.parametrize("value", ["0", ""])
def test_memnet_offline_of_0_or_nothing_forbids_nothing(model, server, monkeypatch, value):
    monkeypatch.setenv("MEMNET_OFFLINE", value)
    store.fetch(model, download=True)
    assert len(server.asked) == 1


@pytest.mark.parametrize("call", [store.load, store.fetch, store.is_current, ModelEntry.local_copy])
def test_nothing_but_fetch_with_download_uses_the_network(model, server, call):
    try:
        call(model)
    except MemnetError as error:
        assert "`buy it in a shop`" in str(error)  # noqa: PT017
    assert server.asked == []


def test_a_file_at_hand_goes_before_the_network(model, server, tmp_path):
    (tmp_path / "mine.pt").write_bytes(server.content)
    store.fetch(model, file=tmp_path / "mine.pt", download=True)
    assert store.is_current(model)
    assert server.asked == []

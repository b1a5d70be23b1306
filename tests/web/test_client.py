"""The client gives the table of `memnet score`, whatever the server says in between."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from PIL import Image

import memnet
from live_server import LiveServer, tiny_settings
from local_server import LocalServer
from memnet.errors import MemnetError
from memnet.web.client import Client
from memnet.web.outgoing import chunks
from memnet.web.settings import Limits
from tiny import write_tiny

KEY = "a-key-of-the-tests"


def png(width, height=20):
    """A picture's bytes."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (width, 80, 200)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def both(weights, tmp_path_factory):
    """Two models: one of hits, and one of false alarms."""
    folder = tmp_path_factory.mktemp("client")
    alarms = folder / "alarms.safetensors"
    return weights, write_tiny(alarms, seed=8, name="tiny.alarms", target="false_alarm_rate")


@pytest.fixture(scope="module")
def url(both):
    limits = Limits(files=5, bytes_per_file=3_000_000)
    settings = tiny_settings(both[0], models=tuple(map(str, both)), key=KEY, limits=limits)
    with LiveServer(settings) as server:
        yield server.url


@pytest.fixture
def client(url):
    return Client(url, KEY)


@pytest.fixture(scope="module")
def folder(golden_pictures, tmp_path_factory):
    """Pictures, one of them deeper, one grey, one broken, and a file that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "deeper").mkdir()
    for path in golden_pictures.values():
        shutil.copy(path, folder / path.name)
    shutil.copy(path, folder / "deeper" / "Äpfel; 'x' \"y\".png")
    Image.fromarray(np.arange(64 * 48, dtype=np.uint8).reshape(48, 64)).save(folder / "grey.png")
    (folder / "broken.png").write_bytes(path.read_bytes()[:300])
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_the_table_is_that_of_memnet_score(client, both, folder):
    paths = sorted(path for path in folder.rglob("*.png"))
    table = client.score(paths)
    tables = [memnet.load(each, device="cpu").score(paths) for each in both]
    for each, scores in zip(both, tables, strict=True):
        scores["model"] = pd.Series(
            [each.name] * len(scores), dtype=object
        )  # a server tells nobody where the file lies
    expected = pd.concat(tables).sort_index(kind="stable").reset_index(drop=True)
    assert list(table.dtypes) == list(expected.dtypes)
    numbers = ["score", "raw"]  # within rounding: the server computes five at a time
    assert_frame_equal(table[numbers], expected[numbers], rtol=0, atol=1e-6)
    others = [name for name in expected if name not in (*numbers, "warning")]
    assert_frame_equal(table[others], expected[others])
    failed = expected["warning"].str.startswith("failed: ")
    assert failed.sum() == 2
    assert (table["warning"][failed] == expected["warning"][failed]).all()
    identities = [next(iter(scores.attrs["models"].values())) for scores in tables]
    assert list(table.attrs["models"].values()) == identities


def test_a_picture_alone_has_the_very_score_of_memnet_score(client, both, golden_pictures):
    for path in golden_pictures.values():
        table = client.score(path)
        expected = [memnet.load(each, device="cpu").score(path)["score"][0] for each in both]
        assert table["score"].tolist() == expected


def test_ids_are_as_in_the_folder_and_as_given(client, folder):
    from memnet.data.pictures import collect

    label = client.models()[0]["label"]
    table = client.score(folder, label)
    assert list(table["image_id"]) == [item.image_id for item in collect([folder]).items]
    first = folder / "grey.png"
    mixed = client.score([first, first.read_bytes()], [label])
    assert list(mixed["image_id"]) == ["grey.png", "item-1"]
    assert list(mixed["path"]) == [str(first), ""]
    assert mixed["score"][0] == mixed["score"][1]
    single = client.score(first.read_bytes(), label)
    assert single["image_id"].tolist() == ["item-0"]


def test_the_table_can_be_compared_and_written(client, both, folder, tmp_path):
    table = client.score(folder)
    memnet.write_table(table, tmp_path / "scores.csv")
    assert (tmp_path / "scores.csv.json").is_file()
    again = pd.read_csv(tmp_path / "scores.csv")
    assert again["score"].tolist()[:3] == table["score"].tolist()[:3]


def test_what_cannot_be_read_keeps_its_row(client, tmp_path):
    long = tmp_path / "long.png"
    long.write_bytes(bytes(3_000_001))
    table = client.score([tmp_path / "missing.png", long, b"", b"GIF89a", bytes(3_000_001)])
    assert table["score"].isna().all()
    said = table["warning"][::2].tolist()
    assert said[0] == "failed: The file cannot be read (No such file or directory)."
    assert said[1] == "failed: The picture has 3,000,001 bytes; the server takes 3,000,000."
    assert said[4] == said[1]
    assert said[2].startswith("failed: The file is empty")
    assert table["width"].isna().all()
    assert table["n_crops"].dtype == "Int64"


def test_nothing_to_score_is_an_empty_table(client):
    table = client.score([])
    assert len(table) == 0
    assert list(table)[:3] == ["image_id", "path", "model"]


def test_many_pictures_go_in_several_requests(client, monkeypatch):
    sent = []
    send = Client._send

    def watched(self, method, path, **options):
        sent.append(len(options.get("files", ())))
        return send(self, method, path, **options)

    monkeypatch.setattr(Client, "_send", watched)
    pictures = [png(20 + i) for i in range(12)]
    table = client.score(pictures, client.models()[0]["label"])
    assert [n for n in sent if n] == [5, 5, 2]  # the server takes 5
    assert table["width"].tolist() == list(range(20, 32))


def test_what_the_server_refuses_is_one_sentence(url, client):
    with pytest.raises(MemnetError, match=r"^This server wants its key"):
        Client(url).models()
    with pytest.raises(MemnetError, match=r"^This is not the key of this server"):
        Client(url, "another").models()
    with pytest.raises(MemnetError, match="no model of this server 'resmem'"):
        client.score(png(20), "resmem")


def test_what_is_no_server_is_said(tmp_path):
    with pytest.raises(MemnetError, match="no address of a server"):
        Client("127.0.0.1:8400")
    with pytest.raises(MemnetError, match="cannot be reached; does `memnet serve` run there"):
        Client("http://127.0.0.1:9").models()
    with pytest.raises(MemnetError, match="one word of ASCII"):
        Client("http://127.0.0.1:9", "a\nb")
    with pytest.raises(MemnetError, match="A float cannot be sent"):
        list(chunks([0.5], {"files": 1}))


def test_a_comparison_is_that_of_memnet_compare(address, folder, tmp_path):
    client = Client(address)
    label = client.models()[0]["label"]
    scores = client.score(folder, label)
    truth = pd.DataFrame({"image_id": scores["image_id"], "hit_rate": np.linspace(0.5, 0.9, 11)})
    truth.to_csv(tmp_path / "people.csv", index=False)
    record = memnet.compare(tmp_path / "people.csv", scores, truth_column="hit_rate")
    made = client.compare(tmp_path / "people.csv", scores, truth_column="hit_rate")
    assert made.matched == record.items["n"] == 10  # one is broken
    assert f"{record.value('spearman'):.2f}".replace("0.", ".") in made.answer
    assert any("score is missing" in note for note in made.notes)
    made.save(tmp_path / "report.html")
    assert made.answer.partition(":")[0] in (tmp_path / "report.html").read_text("utf-8")
    assert made.url.startswith(f"{client.url}/v1/comparisons/")
    with pytest.raises(MemnetError, match="no column 'HR'"):
        client.compare(truth, scores, truth_column="HR")
    with pytest.raises(MemnetError, match="has no column 'model'"):
        client.compare(truth, scores.drop(columns="model"), truth_column="hit_rate")
    (tmp_path / "people.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(MemnetError, match="no text in UTF-8"):
        client.compare(tmp_path / "people.csv", scores, truth_column="hit_rate")


def answering(*answers):
    """A server that gives these answers in turn, the last one ever after; it counts requests."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.headers)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return LocalServer(Handler), asked


BUSY = (503, {"Retry-After": "1"}, json.dumps({"detail": "3 pictures wait already."}).encode())
MODELS = (200, {}, b'{"models": []}')


@pytest.fixture
def slept(monkeypatch):
    """Sleeping costs no time, and is noted."""
    naps: list[float] = []
    clock = SimpleNamespace(sleep=naps.append, monotonic=lambda: sum(naps))
    monkeypatch.setattr("memnet.web.client.time", clock)
    return naps


def test_a_busy_server_is_asked_again_when_it_says(slept):
    server, asked = answering(BUSY, BUSY, MODELS)
    with server:
        assert Client(server.url).models() == []
    assert len(asked) == 3
    assert slept == [1.0, 1.0]


def test_patience_ends(slept):
    server, asked = answering(BUSY)
    with server, pytest.raises(MemnetError, match="3 pictures wait already"):
        Client(server.url, patience=10).models()
    assert len(asked) == 11
    assert sum(slept) == 10


def test_only_a_busy_server_is_asked_again(slept):
    server, asked = answering((500, {}, b"oops"))
    with server, pytest.raises(MemnetError, match="the error 500; is it a server of memnet"):
        Client(server.url).models()
    assert (len(asked), slept) == (1, [])


def test_the_key_goes_nowhere_else(monkeypatch, tmp_path):
    """Neither a redirect takes it along, nor does a netrc file replace it."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b")
    monkeypatch.setenv("NETRC", str(netrc))
    other, asked_there = answering(MODELS)
    with other:
        server, asked = answering((302, {"Location": f"{other.url}/v1/models"}, b""))
        with server, pytest.raises(MemnetError, match="302"):
            Client(server.url, KEY).models()
    assert asked[0]["Authorization"] == f"Bearer {KEY}"
    assert asked_there == []


def test_a_page_of_something_else_is_no_answer():
    server, _ = answering((200, {}, b"<html>"))
    with server, pytest.raises(MemnetError, match="something else than JSON"):
        Client(server.url).models()


def test_control_characters_of_a_server_do_not_reach_the_terminal():
    body = json.dumps({"detail": "\x1b[31mred"}).encode()
    server, _ = answering((422, {}, body))
    with server, pytest.raises(MemnetError, match=r"^\\x1b\[31mred"):
        Client(server.url).models()


def test_the_client_needs_neither_torch_nor_a_server():
    code = "import sys, memnet.web.client; print({'torch', 'fastapi'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

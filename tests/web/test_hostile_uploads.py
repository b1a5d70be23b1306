"""Uploads made to harm: each is answered with a clear problem, and the server lives on."""

from __future__ import annotations

import base64
import time

import pytest

from hostile_pictures import REFUSED, page_and_picture, photograph
from memnet.web.settings import Limits


def post(client, *pictures: bytes):
    return client.post("/v1/scores", files=[("files", ("a.jpg", data)) for data in pictures])


def check_alive(client) -> None:
    (picture,) = post(client, photograph()).json()["pictures"]
    assert picture["failed"] is None
    assert len(picture["scores"]) == 1


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_picture_is_refused_in_words_and_stops_no_other(client, name):
    make, said = REFUSED[name]
    answer = post(client, make(), photograph())
    assert answer.status_code == 200
    bad, good = answer.json()["pictures"]
    assert said in bad["failed"]
    assert (bad["scores"], bad["width"]) == ([], None)
    assert (good["failed"], len(good["scores"])) == (None, 1)


@pytest.mark.parametrize("name", ["1xN.png", "Nx1.png", "decode_gif_IndexError_301.bin"])
def test_the_pictures_that_once_did_harm_do_none(client, shared, name):
    data = (shared / "faults" / "pictures" / name).read_bytes()
    (picture,) = post(client, data).json()["pictures"]
    assert picture["failed"] is not None or len(picture["scores"]) == 1
    check_alive(client)


def test_a_picture_that_is_a_page_as_well_comes_back_as_json(client):
    answer = post(client, page_and_picture())
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "script" not in answer.text


def test_the_type_that_a_client_claims_does_not_matter(client):
    sent = {"files": ("a.html", photograph(), "text/html")}
    (picture,) = client.post("/v1/scores", files=sent).json()["pictures"]
    assert len(picture["scores"]) == 1


def test_two_hundred_megabytes_are_refused_while_they_come(client):
    sent = 0

    def body():
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        for _ in range(200):
            sent += 1
            yield bytes(1_000_000)
        yield b"\r\n--b--\r\n"

    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = client.post("/v1/scores", content=body(), headers=kind)
    assert answer.status_code == 413
    assert "The picture at index 0 has more than 64,000,000 bytes" in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json"
    check_alive(client)


def test_a_body_that_says_it_is_too_long_is_refused_unread(client):
    headers = {"Content-Length": "300000000", "Content-Type": "application/json"}
    answer = client.post("/v1/scores", content=b"{}", headers=headers)
    assert answer.status_code == 413
    assert "256,000,000" in answer.json()["detail"]


def test_five_thousand_files_are_refused(client):
    answer = post(client, *[b"x"] * 5000)
    assert answer.status_code == 413
    assert "A request may have 100 pictures" in answer.json()["detail"]
    pictures = [{"data": ""}] * 5000
    assert client.post("/v1/scores", json={"pictures": pictures}).status_code == 413


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"hello", 415),
        ("", b"hello", 415),
        ("multipart/form-data", b"hello", 400),
        ("multipart/form-data; boundary=b", b"hello", 400),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n", 422),
        ("multipart/form-data; boundary=b", b"--b--\r\n", 422),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: x; name="y"\r\n\r\n',
            422,
        ),
        ("multipart/form-data; boundary=" + "b" * 500, b"", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nX: " + b"y" * 100_000, 400),
        ("application/json", b"", 422),
        ("application/json", b"[" * 100_000, 422),
        ("application/json", b'{"pictures": []}', 422),
        ("application/json", b'{"pictures": [{"data": "?"}]}', 422),
        ("application/json", b'{"pictures": [{"data": 1}]}', 422),
        ("application/json", b"\xff\xfe", 422),
    ],
)
def test_what_is_no_upload_is_refused_in_words(client, kind, body, status):
    answer = client.post("/v1/scores", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].endswith(".")


def test_a_picture_that_takes_too_long_is_stopped(open_client):
    slow = REFUSED["bomb N x N"][0]()  # four seconds, where no limit of pixels stops it
    with open_client(Limits(decoding_seconds=1.0, pixels=10**9)) as client:
        began = time.monotonic()
        (picture,) = post(client, slow).json()["pictures"]
        assert picture["failed"].startswith("Decoding the picture took more than 1 seconds")
        assert time.monotonic() - began < 30
        check_alive(client)


def test_a_picture_that_takes_too_much_memory_is_refused(open_client):
    with open_client(Limits(decoding_bytes=100_000_000, pixels=10**9)) as client:
        (picture,) = post(client, REFUSED["bomb N x N"][0]()).json()["pictures"]
        assert "The memory does not hold this picture" in picture["failed"]
        check_alive(client)


def test_nothing_of_an_upload_touches_the_disk(client, monkeypatch):
    import tempfile

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file was made")

    for name in ("TemporaryFile", "SpooledTemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    (picture,) = post(client, photograph(1500)).json()["pictures"]  # more than 1 MB
    assert len(picture["scores"]) == 1
    sent = {"pictures": [{"data": base64.b64encode(photograph(1500)).decode()}]}
    assert client.post("/v1/scores", json=sent).status_code == 200


def test_no_log_has_the_name_of_a_file(client, caplog, capfd, monkeypatch):
    import memnet

    def fail(self, inputs):
        raise memnet.MemnetError("a fault")

    caplog.set_level("DEBUG")
    names = ("secret-name.jpg", photograph()), ("secret-name.png", b"no picture")
    sent = [("files", name) for name in names]
    assert client.post("/v1/scores", files=sent).status_code == 200
    monkeypatch.setattr(memnet.Predictor, "forward", fail)
    assert client.post("/v1/scores", files=sent).status_code == 500
    assert "a fault" in caplog.text  # what went wrong is there
    assert "secret-name" not in caplog.text + "".join(capfd.readouterr())

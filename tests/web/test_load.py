"""Many requests at once: batches, a queue with an end, clients that hang up, an end in peace."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import memnet
from hostile_pictures import photograph
from live_server import LiveServer, tiny_settings
from memnet.inspect.maps import MapMaker
from memnet.web import batches, models
from memnet.web.settings import Limits

ONE = [("files", ("a.jpg", photograph()))]


@pytest.fixture
def batch_log(tmp_path, monkeypatch) -> Path:
    """A file with the number of pictures of each batch that the network had."""
    path = tmp_path / "batches"
    path.touch()
    monkeypatch.setenv("TINY_LOG", str(path))
    return path


def post(url: str, files: list = ONE, **options: object) -> httpx.Response:
    return httpx.post(f"{url}/v1/scores", files=files, timeout=60, **options)


def test_pictures_of_many_requests_share_batches_and_keep_their_scores(
    weights, batch_log, monkeypatch
):
    model = memnet.load(weights, device="cpu")
    pictures = [photograph(20 + number) for number in range(24)]
    expected = [model.score(picture).score.item() for picture in pictures]
    batch_log.write_text("")
    monkeypatch.setenv("TINY_SLEEP", "0.2")
    with LiveServer(tiny_settings(weights)) as live, ThreadPoolExecutor(24) as clients:
        answers = list(
            clients.map(lambda data: post(live.url, [("files", ("a.jpg", data))]), pictures)
        )
    scores = [answer.json()["pictures"][0]["scores"][0]["score"] for answer in answers]
    assert scores == pytest.approx(expected, abs=1e-6)
    sizes = [int(line) for line in batch_log.read_text().split()]
    assert sum(sizes) == 24
    assert max(sizes) == 8
    assert len(sizes) <= 8


def test_a_full_queue_answers_503_and_when_to_come_back(weights, monkeypatch):
    monkeypatch.setenv("TINY_SLEEP", "0.5")
    settings = tiny_settings(weights, limits=Limits(waiting=4), batch_size=1)
    with LiveServer(settings) as live, ThreadPoolExecutor(20) as clients:
        answers = list(clients.map(lambda _: post(live.url), range(20)))
        taken = [answer for answer in answers if answer.status_code == 200]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert len(taken) >= 4
        assert len(taken) + len(refused) == 20
        assert refused
        for answer in refused:
            seconds = int(answer.headers["Retry-After"])
            assert 1 <= seconds <= 120
            assert answer.json()["retry_after"] == seconds
            assert "pictures wait already" in answer.json()["detail"]
        metrics = httpx.get(f"{live.url}/metrics").text
        assert (
            f'memnet_requests_total{{route="/v1/scores",status="503"}} {len(refused)}.0' in metrics
        )
        assert "memnet_waiting_pictures 0.0" in metrics
        assert "memnet_held_bytes 0.0" in metrics
        assert post(live.url).status_code == 200


def test_the_queue_is_as_long_as_it_takes_so_that_nobody_waits_for_long(weights, monkeypatch):
    monkeypatch.setenv("TINY_SLEEP", "0.4")
    limits = Limits(waiting=100, waiting_seconds=1.0)
    with LiveServer(tiny_settings(weights, limits=limits, batch_size=1)) as live:
        for _ in range(3):
            post(live.url)
        with ThreadPoolExecutor(20) as clients:
            answers = list(clients.map(lambda _: post(live.url), range(20)))
    taken = sum(answer.status_code == 200 for answer in answers)
    assert 2 <= taken <= 10
    assert all(answer.status_code in (200, 503) for answer in answers)


def test_more_bytes_than_the_server_holds_are_refused(weights, monkeypatch):
    monkeypatch.setenv("TINY_SLEEP", "1")
    big = [("files", ("a.jpg", bytes(600_000)))]
    settings = tiny_settings(weights, limits=Limits(bytes_together=1_000_000), batch_size=1)
    with LiveServer(settings) as live, ThreadPoolExecutor(2) as clients:
        first = clients.submit(post, live.url, [*ONE, *big])
        time.sleep(0.4)
        second = post(live.url, big)
        assert second.status_code == 503
        assert "bytes of other requests" in second.json()["detail"]
        assert first.result().status_code == 200
        assert post(live.url, big).status_code == 200


def test_no_thread_that_computed_stays_but_the_networks(open_client, monkeypatch):
    """Each would keep helpers, which slow the networks down by a fifth on few cores."""
    threads = []

    def noting(function):
        def noted(*given, **options):
            threads.append(threading.current_thread())
            return function(*given, **options)

        return noted

    monkeypatch.setattr(models, "load_models", noting(models.load_models))
    monkeypatch.setattr(MapMaker, "make", noting(MapMaker.make))
    monkeypatch.setattr(batches, "score_prepared", noting(batches.score_prepared))
    with open_client() as client:
        assert client.post("/v1/scores", files=ONE).status_code == 200
        assert client.post("/v1/maps", files=ONE).status_code == 200
        loading, computing, making = threads
        assert [each.is_alive() for each in (loading, computing, making)] == [False, True, False]
        assert threading.main_thread() not in threads


def test_what_was_accepted_is_finished_when_the_server_is_told_to_end(weights, monkeypatch):
    monkeypatch.setenv("TINY_SLEEP", "0.5")
    with LiveServer(tiny_settings(weights, batch_size=1)) as live:
        with ThreadPoolExecutor(1) as clients:
            answer = clients.submit(post, live.url, ONE * 4)
            time.sleep(0.5)
            live.stop()
            pictures = answer.result().json()["pictures"]
        assert [len(picture["scores"]) for picture in pictures] == [1] * 4
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{live.url}/healthz")


def test_readiness_ends_before_the_server_does(open_client):
    with open_client() as client:
        assert client.get("/readyz").status_code == 200
        client.app.state.service.is_ready = False
        answer = client.get("/readyz")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert client.get("/healthz").status_code == 200
        assert client.post("/v1/scores", files=ONE).status_code == 503


def test_pictures_of_a_client_that_hung_up_are_dropped(weights, batch_log, monkeypatch):
    monkeypatch.setenv("TINY_SLEEP", "0.3")
    with LiveServer(tiny_settings(weights, batch_size=1)) as live:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{live.url}/v1/scores", files=ONE * 50, timeout=0.7)
        assert post(live.url).status_code == 200
        assert len(batch_log.read_text().split()) < 20
        assert "memnet_waiting_pictures 0.0" in httpx.get(f"{live.url}/metrics").text


def test_a_client_that_sends_too_slowly_is_cut_off(weights):
    settings = tiny_settings(weights, limits=Limits(body_seconds=1.0))
    with LiveServer(settings) as live:
        ends: dict[str, bytes] = {}
        head = b"POST /v1/scores HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"

        def trickle(name: str, begin: bytes) -> None:
            with socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
                connection.sendall(begin)
                connection.settimeout(0.2)
                got = b""
                for _ in range(40):
                    try:
                        connection.sendall(b"x")
                        piece = connection.recv(10_000)
                    except TimeoutError:
                        continue
                    except OSError:
                        break
                    if not piece:
                        break
                    got += piece
                else:
                    raise AssertionError("it was not cut off")
                ends[name] = got

        begins = {"nothing": b"", "head": head, "body": head + b"Content-Length: 900\r\n\r\n"}
        threads = [threading.Thread(target=trickle, args=item) for item in begins.items()]
        for thread in threads:
            thread.start()
        assert post(live.url).status_code == 200  # meanwhile
        for thread in threads:
            thread.join()
        assert ends.keys() == begins.keys()
        assert ends["nothing"] == ends["head"] == b""
        assert ends["body"].startswith(b"HTTP/1.1 408")
        assert b"too slowly" in ends["body"]


def test_a_network_that_fails_is_a_problem_and_not_the_end(open_client, monkeypatch):
    with open_client() as client:

        def fail(self, inputs):
            raise memnet.MemnetError("out of memory")

        with monkeypatch.context() as patch:
            patch.setattr(memnet.Predictor, "forward", fail)
            answer = client.post("/v1/scores", files=ONE)
        assert answer.status_code == 500
        assert answer.json()["detail"] == "A network failed (MemnetError)."
        assert client.post("/v1/scores", files=ONE).status_code == 200

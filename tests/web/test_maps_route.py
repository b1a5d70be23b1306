"""`POST /v1/maps`: the map that `memnet inspect map` makes, over the picture."""

from __future__ import annotations

import asyncio
import base64
import io
import threading

import numpy as np
import pytest
from PIL import Image

import memnet
from memnet.inspect import maps as inspected
from memnet.inspect.maps import MapMaker, MapSettings
from memnet.web.maps import Maps
from memnet.web.problems import PROBLEM, Problem
from png import png_bomb


@pytest.fixture
def path(golden_pictures):
    return golden_pictures["astronaut_256x256.png"]


def post(client, data, **query):
    return client.post("/v1/maps", files={"files": ("a.png", data)}, params=query)


@pytest.mark.parametrize("method", ["windows", "occlusion"])
def test_the_map_is_that_of_memnet_inspect(client, weights, path, method):
    answer = post(client, path.read_bytes(), method=method)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    maker = MapMaker(memnet.load(weights, device="cpu"), MapSettings(method))
    made = maker.make(path)
    assert told["score"] == pytest.approx(made.score, abs=1e-6)
    assert told["sanity"]["rho"] == pytest.approx(made.sanity.rho, abs=1e-3)
    assert told["warnings"] == made.warnings
    assert told["lowest"] == pytest.approx(float(np.nanmin(made.shown)), abs=1e-6)
    with Image.open(io.BytesIO(base64.b64decode(told["png"]))) as shown:
        assert (shown.size, shown.mode) == ((256, 256), "RGB")
        pixels = np.asarray(shown).astype(float)
    # Where the map is highest, the overlay has viridis's yellow; where it is lowest, its blue.
    yellow = pixels[..., 1] - pixels[..., 2]
    if method == "windows":
        high, low = (made.shown >= np.nanquantile(made.shown, q) for q in (0.98, 0.02))
        assert yellow[high].mean() > 60 > 0 > yellow[~low & ~np.isnan(made.shown)].mean()


def test_a_large_picture_is_shown_smaller(client):
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((1680, 840)).save(buffer, "PNG")
    told = post(client, buffer.getvalue()).json()
    with Image.open(io.BytesIO(base64.b64decode(told["png"]))) as shown:
        assert shown.size == (840, 420)


def test_what_is_no_picture_says_why_and_the_service_lives(client, path):
    for data, sentence in (
        (b"", "empty"),
        (b"<svg onload='alert(1)'/>", ""),
        (path.read_bytes()[:300], "cut off"),
        (png_bomb(), "pixels"),
    ):
        answer = post(client, data)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == PROBLEM
        assert sentence in answer.json()["detail"]
    assert post(client, path.read_bytes()).status_code == 200


def test_one_picture_and_one_model(client, path):
    two = [("files", ("a.png", path.read_bytes()))] * 2
    assert client.post("/v1/maps", files=two).status_code == 413
    assert post(client, path.read_bytes(), model="resmem").status_code == 422
    assert post(client, path.read_bytes(), method="gradient").status_code == 422


def test_few_may_wait(client, path, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(Maps, "_make", lambda *_: release.wait(30))

    async def ask_often():
        made = Maps()
        waiting = [asyncio.create_task(made.make(None, None, None)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await made.make(None, None, None)
        release.set()
        await asyncio.gather(*waiting)
        assert await made.make(None, None, None)  # there is room again
        made.stop()
        return refused.value

    refused = asyncio.run(ask_often())
    assert (refused.status_code, refused.retry_after) == (503, 20)


def test_the_random_network_is_made_once_for_maps_of_a_kind(weights, path, monkeypatch):
    drawn = []
    randomised = inspected.randomised
    monkeypatch.setattr(
        inspected, "randomised", lambda *given: drawn.append(given) or randomised(*given)
    )
    predictor = memnet.load(weights, device="cpu")
    pixels = np.asarray(Image.open(path).convert("RGB"))

    async def ask():
        made = Maps()
        rhos = []
        for method in ("windows", "windows", "occlusion"):
            found, _ = await made.make(predictor, MapSettings(method), pixels)
            rhos.append(found.sanity.rho)
        made.stop()
        return rhos

    first, again, _ = asyncio.run(ask())
    assert len(drawn) == 2
    assert first == again

"""`POST /v1/scores`: the scores of the network, in the order of the files."""

from __future__ import annotations

import base64
import hashlib

import memnet


def files(*pictures):
    return [("files", (path.name, path.read_bytes())) for path in pictures]


def post(client, *pictures, **query):
    answer = client.post("/v1/scores", files=files(*pictures), **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_scores_are_those_of_the_model_on_the_same_bytes(client, weights, golden_pictures):
    pictures = list(golden_pictures.values())
    expected = memnet.load(weights, device="cpu").score(pictures)
    answer = post(client, *pictures)
    assert [picture["index"] for picture in answer["pictures"]] == list(range(len(pictures)))
    for picture, path, row in zip(answer["pictures"], pictures, expected.itertuples(), strict=True):
        (score,) = picture["scores"]
        assert score["score"] == row.score
        assert (score["raw"], score["n_crops"], score["clamped"]) == (row.raw, 2, False)
        assert (picture["width"], picture["height"], picture["mode"]) == (
            row.width,
            row.height,
            row.mode,
        )
        assert picture["name"] == path.name
        assert picture["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_json_is_scored_like_a_form(client, golden_pictures):
    path = next(iter(golden_pictures.values()))
    data = base64.b64encode(path.read_bytes()).decode()
    answer = client.post("/v1/scores", json={"pictures": [{"name": path.name, "data": data}]})
    assert answer.json() == post(client, path)


def test_a_broken_file_says_why_and_stops_no_other(client, golden_pictures):
    good = next(iter(golden_pictures.values())).read_bytes()
    sent = [("files", ("a.jpg", good)), ("files", ("b.jpg", b"")), ("files", ("c.jpg", good))]
    first, second, third = client.post("/v1/scores", files=sent).json()["pictures"]
    assert first["scores"] == third["scores"]
    assert second["failed"] == "The file is empty (0 bytes); copy it again from its source."
    assert (second["scores"], second["width"]) == ([], None)

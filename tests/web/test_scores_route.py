"""`POST /v1/scores`: the scores of the network, in the order of the files.

A picture that is alone in its batch has the score of `memnet score` bit for bit; with others it
may differ in the last digits of a 32-bit number, as in batches of `memnet score` itself.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

import memnet
from live_server import tiny_settings
from memnet.data.human_scores import percentiles
from memnet.errors import MemnetError
from memnet.web.models import load_models
from memnet.web.settings import Limits
from tiny import write_tiny

OTHER_BATCH = 1e-6


def files(*pictures: Path) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", (path.name, path.read_bytes())) for path in pictures]


def post(client, *pictures: Path, **query: object) -> dict:
    answer = client.post("/v1/scores", files=files(*pictures), **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def pictures(golden_pictures) -> list[Path]:
    return list(golden_pictures.values())


@pytest.fixture(scope="module")
def model(weights):
    return memnet.load(weights, device="cpu")


def test_a_picture_alone_has_the_score_of_memnet_score(client, model, pictures):
    for path in pictures:
        (row,) = model.score(path).itertuples()
        (picture,) = post(client, path)["pictures"]
        (score,) = picture["scores"]
        assert score["score"] == row.score
        assert (score["raw"], score["n_crops"], score["clamped"]) == (row.raw, 2, False)
        size = picture["width"], picture["height"], picture["mode"]
        assert size == (row.width, row.height, row.mode)
        assert score["percentiles"] == percentiles(row.score)


def test_pictures_come_back_in_their_order_with_their_scores(client, model, pictures):
    answer = post(client, *pictures)
    for index, (path, picture) in enumerate(zip(pictures, answer["pictures"], strict=True)):
        assert (picture["index"], picture["name"]) == (index, path.name)
        assert picture["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        expected = model.score(path).score.item()
        assert picture["scores"][0]["score"] == pytest.approx(expected, abs=OTHER_BATCH)
    assert answer["identities"] == {Path(model.name).name: model.identity()}


def test_json_is_scored_like_a_form(client, pictures):
    data = base64.b64encode(pictures[0].read_bytes()).decode()
    sent = {"pictures": [{"name": pictures[0].name, "data": data}]}
    assert client.post("/v1/scores", json=sent).json() == post(client, pictures[0])


def test_a_broken_file_says_why_and_stops_no_other(client, pictures):
    good = pictures[0].read_bytes()
    sent = [("files", ("a.jpg", good)), ("files", ("b.jpg", b"")), ("files", ("c.jpg", good))]
    first, second, third = client.post("/v1/scores", files=sent).json()["pictures"]
    assert first["scores"][0]["score"] == pytest.approx(third["scores"][0]["score"], abs=1e-6)
    assert second["failed"] == "The file is empty (0 bytes); copy it again from its source."
    assert (second["scores"], second["width"]) == ([], None)


def test_several_models_score_and_one_can_be_chosen(open_client, weights, tmp_path, pictures):
    other = write_tiny(tmp_path / "other.safetensors", seed=8)
    labels = [weights.name, other.name]  # not where they lie, which is nobody's business
    with open_client(models=(str(weights), str(other))) as client:
        assert [model["label"] for model in client.get("/v1/models").json()["models"]] == labels
        (picture,) = post(client, pictures[0])["pictures"]
        (chosen,) = post(client, pictures[0], params={"model": labels[1]})["pictures"]
        unknown = client.post("/v1/scores", files=files(pictures[0]), params={"model": "tiny.tset"})
    assert [score["model"] for score in picture["scores"]] == labels
    assert chosen["scores"] == picture["scores"][1:]
    assert (
        chosen["scores"][0]["score"]
        == memnet.load(other, device="cpu").score(pictures[0]).score.item()
    )
    assert unknown.status_code == 422
    assert "There is no model of this server 'tiny.tset'." in unknown.json()["detail"]


def test_where_a_weight_file_lies_is_in_no_answer(client, weights, pictures):
    folder = weights.parent.as_posix()
    answers = [client.get("/v1/models"), client.post("/v1/scores", files=files(pictures[0]))]
    answers.append(client.post("/v1/scores", files=files(pictures[0]), params={"model": "x"}))
    assert [answer.status_code for answer in answers] == [200, 200, 422]
    assert not [answer for answer in answers if folder in answer.text]


def test_two_files_of_one_name_cannot_be_told_apart(weights, tmp_path):
    other = write_tiny(tmp_path / weights.name, seed=8)
    with pytest.raises(MemnetError, match=f"Two models would be called {weights.name}"):
        load_models(tiny_settings(weights, models=(str(weights), str(other))))


def test_a_limit_that_a_client_cannot_raise_is_told_without_an_option(open_client, pictures):
    with open_client(Limits(pixels=1_000)) as client:
        (picture,) = post(client, pictures[0])["pictures"]
    assert picture["failed"].endswith("pixels, more than the limit of 1,000; shrink it.")
    with open_client(Limits(side=20)) as client:
        (picture,) = post(client, pictures[0])["pictures"]
    assert picture["failed"].endswith("no side may have more than 20; shrink or cut it.")


def test_what_was_scored_is_not_computed_again(home, mini, open_client, computed, pictures):
    with open_client(models=(str(mini),)) as client:
        first = post(client, pictures[0])
        assert len(computed) == 1
        assert post(client, pictures[0]) == first
    table = memnet.load(mini, device="cpu").score(pictures[0])
    assert len(computed) == 1  # `memnet score` finds it, too
    assert table.score.item() == first["pictures"][0]["scores"][0]["score"]


def test_warnings_are_in_words(client, golden, pictures, tmp_path):
    from PIL import Image

    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[274] = 6
    Image.new("L", (40, 30), 90).save(turned, exif=exif)
    (picture,) = post(client, turned)["pictures"]
    said = {warning["kind"]: warning["sentence"] for warning in picture["warnings"]}
    assert set(said) == {"grey", "tiny", "rotated"}
    assert "stored as grey" in said["grey"]
    assert "40 x 30" in said["tiny"]
    assert "orientation 6" in said["rotated"]


def test_what_the_decoder_did_is_a_warning(client, tmp_path):
    from PIL import Image

    path = tmp_path / "clear.png"
    Image.effect_noise((300, 300), 80).convert("RGBA").save(path)
    (picture,) = post(client, path)["pictures"]
    said = [w["sentence"] for w in picture["warnings"] if w["kind"] == "decoding"]
    assert said == ["Transparency dropped, not blended."]


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\a.jpg", "a.jpg"),
        ("<img src=x onerror=alert(1)>.jpg", "<img src=x onerror=alert(1)>.jpg"),
        ("evil\u202egnp.jpg", "evil\\u202egnp.jpg"),
        ("größe.jpg", "größe.jpg"),
        ("x" * 5000, "x" * 200 + "... (4,800 more characters)"),
        ("", ""),
    ],
)
def test_a_name_is_cleaned_and_echoed(client, pictures, sent, echoed):
    data = base64.b64encode(pictures[0].read_bytes()).decode()
    answer = client.post("/v1/scores", json={"pictures": [{"name": sent, "data": data}]})
    assert answer.json()["pictures"][0]["name"] == echoed
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_name_in_a_form_is_cleaned_too(client, pictures):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="../a\0b\xe2\x80\xae.jpg"'
        b"\r\n\r\n" + pictures[0].read_bytes() + b"\r\n--b--\r\n"
    )
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = client.post("/v1/scores", content=body, headers=kind)
    assert answer.json()["pictures"][0]["name"] == "a\\x00b\\u202e.jpg"

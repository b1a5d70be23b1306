"""Several models in one run: a picture is decoded once, and each score is the model's own."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
from PIL import Image

import memnet
import tiny as tiny_network
from memnet.data.pictures import collect
from memnet.preprocess.spec import PreprocessSpec
from memnet.scoring import engine, predictor, turns
from memnet.scoring.named import NamedModel, with_exif
from memnet.scoring.runner import Settings, score_to_file, score_to_rows
from memnet.scoring.scored import Ready
from memnet.scoring.table import read_rows
from memnet.util.text import model_label

SLUGS = ("server", "keyes-centre", "pycaffe-no-swap")


@pytest.fixture
def models(tiny_weights, mini, tmp_path) -> list[str]:
    """Two networks that take the same inputs, and a third in two variants."""
    tiny_network.register()
    other = tiny_network.write_tiny(tmp_path / "other.safetensors", seed=11)
    return [str(tiny_weights), str(other), *(f"{mini}:{slug}" for slug in SLUGS)]


def counted(monkeypatch, module, name: str) -> list[object]:
    """The first argument of each call of a function."""
    calls: list[object] = []
    original = getattr(module, name)

    def call(*args, **kwargs):
        calls.append(args[0])
        return original(*args, **kwargs)

    monkeypatch.setattr(module, name, call)
    return calls


def settings(models: list[str], **changes) -> Settings:
    return Settings(models=models, device="cpu", batch_size=4, **changes)


def test_each_picture_is_decoded_once_and_scored_as_by_each_model_alone(
    models, make_pictures, monkeypatch
):
    folder = make_pictures(9)
    (folder / "bad.png").write_text("no picture")
    inputs = collect([folder])
    alone = {}
    for model in models:
        rows, _ = score_to_rows(inputs, settings([model]))
        alone |= {row.key: row for row in rows}
    opened = counted(monkeypatch, engine, "open_picture")
    decoded = counted(monkeypatch, engine, "decode")
    inputs_made = counted(monkeypatch, PreprocessSpec, "apply_decoded")
    rows, summary = score_to_rows(inputs, settings(models))
    assert (len(opened), len(decoded)) == (10, 9)
    assert len(inputs_made) == 9 * 4  # the two small networks share theirs
    assert [row.key for row in rows[:5]] == [
        (row.model, row.variant, "00000.png") for row in rows[:5]
    ]
    assert (len(rows), summary.scored, len(summary.failed)) == (50, 50, 5)
    for row in rows:
        expected = alone[row.key]
        assert row.warning == expected.warning
        assert row.score == pytest.approx(expected.score, abs=1e-6, nan_ok=True)
        assert (row.width, row.n_crops, row.mode) == (
            expected.width,
            expected.n_crops,
            expected.mode,
        )


def test_variants_of_a_file_share_its_network(mini, make_pictures, monkeypatch):
    read = counted(monkeypatch, NamedModel, "read")
    named = [f"{mini}:{slug}" for slug in SLUGS]
    score_to_rows(collect([make_pictures(3)]), settings(named))
    assert len(read) == 1


def test_only_what_is_missing_is_asked_of_each_model(models, make_pictures, tmp_path, monkeypatch):
    folder, out = make_pictures(6), tmp_path / "scores.csv"
    some = collect(sorted(folder.iterdir())[:4])
    score_to_file(some, out, settings(models[:1]))
    before = {row.key: row for row in read_rows(out)}
    computed: dict[str, int] = {}
    forward = memnet.Predictor.forward

    def noted(self, crops):
        computed[self.label] = computed.get(self.label, 0) + len(crops)
        return forward(self, crops)

    monkeypatch.setattr(memnet.Predictor, "forward", noted)
    every = collect(sorted(folder.iterdir()))
    summary = score_to_file(every, out, settings(models[:3]))
    assert sorted(computed.values()) == [2, 6, 6]
    assert (summary.already, summary.scored) == (4, 14)
    rows = read_rows(out)
    assert len({row.key for row in rows}) == len(rows) == 18
    assert all(row == before[row.key] for row in rows if row.key in before)
    labels = [model_label(row.model, row.variant) for row in rows]
    assert labels == [label for label in summary.labels for _ in range(6)]  # as it always was


def test_a_batch_ends_where_its_inputs_would_take_too_much(models, make_pictures, monkeypatch):
    monkeypatch.setattr(engine, "_HELD_BYTES", 3 * 2 * 3 * 11 * 11 * 4)  # three of one way
    batches = []
    forward = memnet.Predictor.forward
    monkeypatch.setattr(
        memnet.Predictor,
        "forward",
        lambda self, crops: batches.append(len(crops)) or forward(self, crops),
    )
    inputs = collect([make_pictures(7)])
    score_to_rows(inputs, settings(models[:2]))
    assert batches == [3, 3, 3, 3, 1, 1]  # both networks use the same inputs, held once
    batches.clear()
    score_to_rows(inputs, settings(models[:3]))
    assert batches == [1] * 21  # MemNet's alone are larger, and one picture is always scored


def test_models_that_memory_does_not_hold_together_take_turns(models, make_pictures, monkeypatch):
    inputs = collect([make_pictures(3)])
    together, _ = score_to_rows(inputs, settings(models))
    monkeypatch.setattr(turns, "_WEIGHTS_TOGETHER", 1)
    decoded = counted(monkeypatch, engine, "decode")
    alive: list[weakref.ref] = []
    most = []
    build = predictor.build

    def noted(*args):
        made = build(*args)
        alive.append(weakref.ref(made))
        most.append(sum(each() is not None for each in alive))
        return made

    monkeypatch.setattr(predictor, "build", noted)
    rows, _ = score_to_rows(inputs, settings(models))
    assert len(decoded) == 3 * 3  # the variants of one file belong together
    assert most == [1, 1, 1]
    assert sorted(rows, key=lambda row: row.key) == sorted(together, key=lambda row: row.key)


def test_one_model_without_a_number_leaves_the_others_theirs(tiny, make_pictures):
    def nothing(pictures):
        return [float("nan")] * len(pictures)

    silent = memnet.Predictor.from_function("silent.v1", nothing)
    paths = sorted(make_pictures(3).iterdir())
    models = [Ready(tiny), Ready(silent)]
    requests = [
        engine.Request(item, wanted)
        for item, wanted in zip(collect(paths).items, [(0, 1), (1,), (0,)], strict=True)
    ]
    ((first, second, third),) = engine.run_batches(
        models, requests, batch_size=8, limits=engine.USUAL_LIMITS
    )
    assert isinstance(first.results[0], engine.Scored)
    assert first.results[1:] == second.results == ("The model gave nan, no finite number.",)
    assert third.results[0].score == pytest.approx(tiny.score(paths[2]).score[0], abs=1e-7)
    assert [row.model for row in first.rows(models)] == [tiny.name, "silent.v1"]


def test_models_may_turn_pictures_differently(tmp_path):
    """The policy belongs to the model: what one turns the other takes as it lies."""
    picture = Image.fromarray(np.zeros((20, 30, 3), np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.jpg", exif=exif)
    widths = {}
    for policy in ("ignore", "apply"):
        model = memnet.Predictor.from_function(
            f"{policy}.v1", lambda pictures: [each.width / 100 for each in pictures]
        )
        model.header = with_exif(model.header, policy)
        widths[policy] = model
    models = [Ready(model) for model in widths.values()]
    (item,) = collect([tmp_path / "turned.jpg"]).items
    ((answer,),) = engine.run_batches(
        models, [engine.Request(item, (0, 1))], batch_size=2, limits=engine.USUAL_LIMITS
    )
    assert [result.score for result in answer.results] == pytest.approx([0.3, 0.2])
    assert "EXIF orientation 6 not applied" in answer.results[0].warning

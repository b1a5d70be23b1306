"""The well-known mistakes, each made on purpose: the reference must notice every one."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from torch.nn import functional

import references
from memnet.legacy import network as network_module
from memnet.preprocess import matlab_resize, spec
from memnet.preprocess.spec import OutputSpec

PICTURE = "camera_grey_512x512.png"  # two of its crops leave [0, 1], so the clamp's place matters
COLOUR = "rocket_portrait_213x320.png"


@pytest.fixture(scope="module")
def expected():
    path = references.GOLDEN / "mini" / "expected_synthetic_mean.json"
    return json.loads(path.read_text())["images"]


@pytest.fixture
def model(tmp_path):
    return references.imported(references.GOLDEN / "mini" / "mini_v2.caffemodel", tmp_path)


def distances(model, expected, picture) -> tuple[float, float]:
    """Distance from real Caffe: of the worst crop's raw output, and of the score."""
    path = references.golden_pictures()[picture]
    crops = model.preprocess.apply(path, mean_image=model.mean_image)
    raw = model.forward(crops[None])[0].numpy()
    wanted = np.array(expected[picture]["raw_fc8"])
    score = model.output.apply(torch.from_numpy(raw)[None])[1].item()
    return float(np.abs(raw - wanted).max()), abs(score - expected[picture]["score"])


@pytest.mark.parametrize("picture", [PICTURE, COLOUR])
def test_without_a_mistake_nothing_is_noticed(model, expected, picture):
    raw, score = distances(model, expected, picture)
    assert raw <= references.limit("legacy.raw")
    assert score <= references.limit("legacy.score")


@pytest.mark.parametrize(
    "change",
    [
        {"crop_offsets": ((0, 0), (0, 29), (29, 0), (29, 29), (14, 14))},
        {"crop_offsets": ((0, 0), (29, 0), (0, 29), (29, 29), (15, 15))},
        {"channel_order": "RGB"},
        {"resize_kind": "pillow-bilinear-8bit"},
        {"pixel_max": 1.0},
    ],
    ids=["centre 14", "corners in another order", "RGB", "8-bit resize", "scale 0 to 1"],
)
def test_another_preprocessing_is_noticed(model, expected, change):
    model.header = dataclasses.replace(
        model.header, preprocess=dataclasses.replace(model.preprocess, **change)
    )
    assert distances(model, expected, COLOUR)[0] > 10 * references.limit("legacy.raw")


def test_antialiasing_left_out_is_noticed(model, expected, monkeypatch):
    def weights(old, new, method):
        rows = np.arange(new)
        at = np.clip((rows + 0.5) * old / new - 0.5, 0, old - 1)
        low = np.floor(at).astype(int)
        matrix = np.zeros((new, old))
        matrix[rows, low] += 1 - (at - low)
        matrix[rows, np.minimum(low + 1, old - 1)] += at - low
        return matrix

    monkeypatch.setattr(matlab_resize, "resize_weights", weights)
    assert distances(model, expected, PICTURE)[0] > 10 * references.limit("legacy.raw")


@pytest.mark.parametrize("mistake", ["transposed", "channels reversed", "channel mean", "none"])
def test_another_mean_image_is_noticed(model, expected, mistake):
    mean = model.mean_image
    model.mean_image = {
        "transposed": np.ascontiguousarray(mean.transpose(1, 0, 2)),
        "channels reversed": np.ascontiguousarray(mean[:, :, ::-1]),
        "channel mean": np.broadcast_to(mean.mean(axis=(0, 1)), mean.shape),
        "none": np.zeros_like(mean),
    }[mistake]
    assert distances(model, expected, COLOUR)[0] > 10 * references.limit("legacy.raw")


def test_the_mean_subtracted_after_the_crop_is_noticed(model, expected):
    """That is: the mean image's own centre crop, subtracted from every crop."""
    path = references.golden_pictures()[COLOUR]
    plain = model.preprocess.apply(path, mean_image=np.zeros_like(model.mean_image))
    centre = model.mean_image[15:242, 15:242].transpose(2, 0, 1)
    raw = model.forward((plain - torch.from_numpy(centre.copy()))[None])[0].numpy()
    wanted = np.array(expected[COLOUR]["raw_fc8"])
    assert np.abs(raw - wanted).max() > 10 * references.limit("legacy.raw")
    assert np.abs(raw - wanted)[4] <= references.limit(
        "legacy.raw"
    )  # the centre crop alone is right


def test_the_mirror_images_left_out_are_noticed(model, expected):
    model.header = dataclasses.replace(
        model.header, preprocess=dataclasses.replace(model.preprocess, crop_mirrors="none")
    )
    path = references.golden_pictures()[COLOUR]
    score = model.score(path).score[0]
    assert abs(score - expected[COLOUR]["score"]) > 10 * references.limit("legacy.score")


def test_a_clamp_per_crop_is_noticed(model, expected):
    """Real Caffe's outputs, clamped crop by crop, give the other figure of the reference."""
    wanted = expected[PICTURE]
    raw = torch.tensor(wanted["raw_fc8"], dtype=torch.float64)
    per_crop = ((raw - 0.7626) * 2 + 0.65).clamp(0, 1).mean().item()
    assert per_crop == pytest.approx(wanted["score_if_clamped_per_crop"], abs=1e-9)
    assert abs(per_crop - wanted["score"]) > 1e-3
    path = references.golden_pictures()[PICTURE]
    assert abs(model.score(path).score[0] - wanted["score"]) <= references.limit("legacy.score")


def test_scaling_and_clamp_act_on_the_mean_of_the_crops(model):
    outputs = torch.tensor([[0.0, 1.0], [2.0, 1.0], [0.7626, 0.7626]])
    raw, score, clamped = model.output.apply(outputs)
    assert raw.tolist() == pytest.approx([0.5, 1.5, 0.7626])
    assert score.tolist() == pytest.approx([(0.5 - 0.7626) * 2 + 0.65, 1.0, 0.65], abs=1e-7)
    assert clamped.tolist() == [False, True, False]
    assert isinstance(model.output, OutputSpec)


def blob_distances(model) -> dict[str, float]:
    reference = references.GOLDEN / "mini" / "blobs_astronaut_256x256_crop0_synthetic_mean.npz"
    found = references.whole_blobs(model, reference, "small network")
    return {one.rung.partition(":")[2]: one.worst for one in found if ":" in one.rung}


def test_alpha_not_divided_by_the_lrn_size_is_noticed_at_norm1(model, monkeypatch):
    right = network_module.lrn_like_caffe
    monkeypatch.setattr(
        network_module,
        "lrn_like_caffe",
        lambda x: functional.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=1.0),
    )
    wrong = blob_distances(model)
    assert wrong["pool1"] <= references.limit("legacy.blob")
    assert wrong["norm1"] > 100 * references.limit("legacy.blob")
    x = torch.rand(2, 7, 3, 3, generator=torch.Generator().manual_seed(0)) * 100
    torch_own = functional.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0)
    assert torch.allclose(right(x), torch_own, rtol=1e-6)


def test_normalising_before_pooling_is_noticed(model, monkeypatch):
    monkeypatch.setattr(
        network_module,
        "max_pool_like_caffe",
        lambda x: functional.max_pool2d(network_module.lrn_like_caffe(x), 3, 2, ceil_mode=True),
    )
    assert blob_distances(model)["pool1"] > 100 * references.limit("legacy.blob")


def test_pooling_rounded_down_gives_26_columns_at_224_and_no_score(model, monkeypatch):
    x = torch.zeros(1, 12, 54, 54)
    assert network_module.max_pool_like_caffe(x).shape[-2:] == (27, 27)
    monkeypatch.setattr(
        network_module, "max_pool_like_caffe", lambda x: functional.max_pool2d(x, 3, 2)
    )
    assert network_module.max_pool_like_caffe(x).shape[-2:] == (26, 26)
    with pytest.raises(RuntimeError), torch.inference_mode():
        model.network(torch.zeros(1, 3, 224, 224))


def test_without_its_mean_image_nothing_is_scored(model):
    path = references.golden_pictures()[COLOUR]
    with pytest.raises(spec.MemnetError, match="subtracts a mean image"):
        model.preprocess.apply(path)
    with pytest.raises(spec.MemnetError, match="subtracts a mean image"):
        model.preprocess.apply(path, mean_image=model.mean_image[:200])


@pytest.mark.parametrize("groups", ["conv2", "conv4", "conv5"])
def test_groups_swapped_are_noticed_at_their_layer(model, groups):
    layer = getattr(model.network, groups)
    with torch.no_grad():
        half = layer.weight.shape[0] // 2
        layer.weight.copy_(torch.cat([layer.weight[half:], layer.weight[:half]]))
    found = blob_distances(model)
    assert found[groups] > 100 * references.limit("legacy.blob")
    before = list(found)[list(found).index(groups) - 1]
    assert found[before] <= references.limit("legacy.blob")

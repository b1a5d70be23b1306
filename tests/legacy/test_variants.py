"""The variants seen in the wild: nine against real Caffe, each other one by its own defect."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2gray
from skimage.transform import resize
from torchvision.transforms import functional

import memnet
from memnet.errors import MemnetError
from memnet.legacy.mean_image import read_mean_image
from memnet.legacy.variants import check_variant, find_variant, twins, variants
from memnet.preprocess.spec import OutputSpec
from memnet.weights.catalogue import find
from references import GOLDEN, golden_pictures, imported, limit
from variant_ladder import expected_outputs, small_network_variants, variants_ladder

SEEN = """
    server matlab-demo-2014 matlab-demo-2015 matlab-demo-2015-transposed-mean ganalyze-tf
    pretorched-x keyes-centre keyes-tencrop-tv theta-centre keyes-memcat-finetune
    pycaffe-imagenet-mean pycaffe-channel-mean pycaffe-no-swap pil-no-swap video-double-scale
    neon-classifier cvcbot-scalar-mean gray-01 mem-transfer-lua keras-memtransfer caffe-train
    web-api
"""
"""The slugs of what was found in public code, in the registry's order."""
MEAN = read_mean_image(GOLDEN / "mean" / "synthetic_mean.mat", size_hw=(256, 256))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return imported(GOLDEN / "mini" / "mini_v2.caffemodel", tmp_path_factory.mktemp("variants"))


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    return small_network_variants(tmp_path_factory.mktemp("variants"))


def picture(name: str = "coffee_600x400.png") -> Image.Image:
    return Image.open(golden_pictures()[name]).convert("RGB")


def fed(slug: str, shown: Image.Image) -> np.ndarray:
    """What the network is fed: ``(crops, 3, 227, 227)``."""
    spec = find_variant(slug).spec_for(MEAN.sha256)
    return spec.apply(shown, mean_image=MEAN.values).numpy()


def test_every_variant_seen_in_public_code_is_there_and_says_where_and_what_for():
    assert list(variants())[:22] == SEEN.split()
    for slug, variant in variants().items():
        assert variant.slug == slug
        assert variant.source
        assert variant.use_for
        assert variant.title
    harmless = {slug for slug, variant in variants().items() if not variant.known_defect}
    assert harmless == {"server", "matlab-demo-2014", "matlab-demo-2015", "web-api"}


def test_nine_variants_give_what_caffes_own_code_gave(tmp_path):
    (found,) = variants_ladder(tmp_path)
    assert found.worst <= limit("variants.raw")
    assert set(expected_outputs()) == {
        "pycaffe-imagenet-mean",
        "pycaffe-channel-mean",
        "pycaffe-no-swap",
        "pil-no-swap",
        "video-double-scale",
        "server",
        "pycaffe-oversample",
        "keyes-centre",
        "matlab-demo-2015-transposed-mean",
    }


def test_the_crops_of_ten_crop_variants_come_in_caffes_order(scores):
    for slug, outputs in expected_outputs().items():
        assert scores.outputs[slug].shape == outputs.shape, slug
        assert np.abs(scores.outputs[slug] - outputs).max() < 2e-6, slug


def test_the_variants_of_one_preprocessing_are_known():
    groups = {group for group in twins().values() if len(group) > 1}
    assert groups == {
        ("server", "matlab-demo-2014", "matlab-demo-2015", "web-api"),
        ("keyes-centre", "theta-centre", "keyes-memcat-finetune"),
        ("pycaffe-no-swap", "pil-no-swap"),
    }


def test_the_server_is_the_default_path(small):
    again = memnet.load(f"{small.name}:server", device="cpu")
    assert again.header == small.header
    assert (again.name, again.variant) == (small.name, "server")


def test_the_matlab_demos_are_the_servers_numbers_unscaled(scores):
    server = find_variant("server").output
    for slug in ("matlab-demo-2014", "matlab-demo-2015"):
        assert np.abs(scores.raw(slug) - scores.raw("server")).max() < 1e-7
        raw, score, clamped = find_variant(slug).output.apply(torch.tensor([[0.7, 1.9]]))
        assert score.item() == raw.item()
        assert not clamped.item()
    assert server.apply(torch.tensor([[0.7]]))[1].item() == pytest.approx(0.5248, abs=1e-7)


def test_the_demo_of_2015_takes_the_crops_column_by_column():
    old, new = fed("matlab-demo-2014", picture()), fed("matlab-demo-2015", picture())
    assert np.array_equal(new[[0, 2, 1, 3, 4]], old[:5])
    assert not np.array_equal(new, old)


def test_the_transposed_mean_is_seventeen_grey_levels_off(shared):
    mean = read_mean_image(shared / "golden" / "memnet" / "memnet_mean.mat", size_hw=(256, 256))
    moved = mean.values.transpose(1, 0, 2) - mean.values
    assert np.sqrt(np.mean(moved**2, dtype=np.float64)) == pytest.approx(17.3, abs=0.05)
    specs = [
        find_variant(slug).spec_for(mean.sha256).apply(picture(), mean_image=mean.values)
        for slug in ("server", "matlab-demo-2015-transposed-mean")
    ]
    rms = float(torch.sqrt(torch.mean((specs[1] - specs[0]) ** 2)))
    assert rms == pytest.approx(16.4, abs=0.1)


def test_ganalyze_differs_by_its_resize_alone():
    server, ganalyze = (
        fed(slug, picture("astronaut_256x256.png")) for slug in ("server", "ganalyze-tf")
    )
    assert np.array_equal(ganalyze[0::2], server[:5])
    assert np.array_equal(ganalyze[1::2], server[5:])
    assert np.array_equal(ganalyze[1], ganalyze[0][:, :, ::-1])
    server, ganalyze = (fed(slug, picture()) for slug in ("server", "ganalyze-tf"))
    assert 1 < np.abs(ganalyze[0::2] - server[:5]).mean() < 10
    assert find_variant("ganalyze-tf").output == find_variant("server").output


def test_pretorched_x_is_fed_as_torchvision_normalises():
    spec = find_variant("pretorched-x").preprocess
    shown = picture("astronaut_256x256.png").crop((0, 0, 227, 227))
    wanted = functional.normalize(
        functional.to_tensor(shown), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    )
    assert torch.allclose(spec.apply(shown)[0], wanted, atol=1e-6, rtol=0)


def test_pretorched_x_clamps_each_crop_before_the_mean():
    outputs = torch.tensor([[0.2, 1.2]])  # scaled: -0.4752 and 1.5248
    _, score, clamped = find_variant("pretorched-x").output.apply(outputs)
    assert score.item() == 0.5
    assert clamped.item()
    _, late, _ = find_variant("server").output.apply(outputs)
    assert late.item() == pytest.approx(0.5248, abs=1e-6)


def test_a_clamp_per_crop_gives_the_scores_that_caffes_outputs_give_so():
    expected = json.loads((GOLDEN / "mini" / "expected_synthetic_mean.json").read_text())["images"]
    per_crop = OutputSpec(
        crop_reduction="mean", subtract=0.7626, multiply=2.0, add=0.65, clamp="0-1-per-crop"
    )
    moved = 0
    for wanted in expected.values():
        _, score, _ = per_crop.apply(torch.tensor([wanted["raw_fc8"]]))
        assert score.item() == pytest.approx(wanted["score_if_clamped_per_crop"], abs=2e-6)
        moved += abs(wanted["score_if_clamped_per_crop"] - wanted["score"]) > 1e-3
    assert moved  # or the order of mean and clamp would not have been tested


def test_keyes_ten_crops_are_torchvisions():
    resized = np.asarray(functional.resize(picture("astronaut_256x256.png"), [256, 256]))
    tensor = functional.to_tensor(resized[:, :, [2, 1, 0]] - MEAN.values)  # floats: not divided
    wanted = torch.stack(functional.ten_crop(tensor, [227, 227])).numpy()
    assert np.array_equal(fed("keyes-tencrop-tv", picture("astronaut_256x256.png")), wanted)
    assert not np.array_equal(wanted[4], fed("server", picture("astronaut_256x256.png"))[4])


def test_theta_and_the_fine_tuned_keyes_are_fed_the_centre_crop_at_15():
    tall = np.asarray(picture("astronaut_256x256.png"))[:, :, ::-1].astype(np.float32)
    wanted = (tall - MEAN.values)[15:242, 15:242].transpose(2, 0, 1)
    for slug in ("keyes-centre", "theta-centre", "keyes-memcat-finetune"):
        assert np.array_equal(fed(slug, picture("astronaut_256x256.png"))[0], wanted)
    own = {slug for slug, variant in variants().items() if variant.own_weights}
    assert own == {"keyes-memcat-finetune", "mem-transfer-lua", "keras-memtransfer"}


def test_without_the_channel_swap_red_reaches_the_channel_that_expects_blue():
    red = Image.new("RGB", (300, 250), (255, 0, 0))
    blue_mean, _, red_mean = MEAN.values.mean(axis=(0, 1), dtype=np.float64)
    swapped, plain = fed("pycaffe-channel-mean", red)[0], fed("pycaffe-no-swap", red)[0]
    assert plain[0].mean() == pytest.approx(255 - blue_mean, abs=1e-3)
    assert swapped[2].mean() == pytest.approx(255 - red_mean, abs=1e-3)
    assert swapped[0].mean() == pytest.approx(-blue_mean, abs=1e-3)


def test_the_second_scaling_makes_white_65025():
    white = Image.new("RGB", (227, 227), (255, 255, 255))
    assert fed("video-double-scale", white).max() == pytest.approx(65025, rel=1e-6)


def test_neon_reverses_and_shrinks_the_mean_image_as_opencv_does():
    black = Image.new("RGB", (227, 227))
    wanted = -cv2.resize(MEAN.values[:, :, ::-1], (227, 227)).transpose(2, 0, 1)
    assert np.abs(fed("neon-classifier", black)[0] - wanted).max() < 1e-3
    blue = Image.new("RGB", (227, 227), (0, 0, 255))  # the picture itself is not reversed
    assert (fed("neon-classifier", blue)[0] - wanted)[0].min() == pytest.approx(255, abs=1e-3)


def test_cvcbot_subtracts_one_number():
    subtracted = (
        fed("video-double-scale", picture())[0, ::-1] / 255
        - fed("cvcbot-scalar-mean", picture())[0]
    )
    assert np.ptp(subtracted) < 1e-3
    assert subtracted.mean() == pytest.approx(MEAN.values.mean(dtype=np.float64), abs=1e-3)


def test_gray_01_is_scikit_images_grey_in_all_three_channels():
    wanted = resize(
        rgb2gray(np.asarray(picture())), (227, 227), order=1, mode="constant", anti_aliasing=False
    )
    grey = fed("gray-01", picture())[0]
    assert np.abs(grey - wanted).max() < 1e-6
    assert np.array_equal(grey[0], grey[2])


def test_mem_transfer_takes_ten_unmirrored_crops_between_0_and_27():
    variant = find_variant("mem-transfer-lua")
    assert variant.random_crops
    assert (variant.preprocess.n_crops, variant.preprocess.crop_mirrors) == (10, "none")
    offsets = np.array(variant.preprocess.crop_offsets)
    assert offsets.min() >= 0
    assert offsets.max() <= 27
    assert [slug for slug, other in variants().items() if other.random_crops] == [variant.slug]


def test_keras_subtracts_keras_own_means():
    black = Image.new("RGB", (10, 20))
    values = fed("keras-memtransfer", black)[0].mean(axis=(1, 2))
    assert values == pytest.approx([-103.939, -116.779, -123.68], abs=1e-3)


def test_caffes_data_layer_resizes_with_opencv_and_crops_at_14():
    pixels = cv2.resize(np.asarray(picture()), (256, 256), interpolation=cv2.INTER_LINEAR)
    wanted = (pixels[:, :, ::-1].astype(np.float32) - MEAN.values)[14:241, 14:241]
    assert np.abs(fed("caffe-train", picture())[0] - wanted.transpose(2, 0, 1)).max() <= 1


def test_the_web_page_is_the_server():
    assert find_variant("web-api").preprocess == find_variant("server").preprocess
    assert find_variant("web-api").output == find_variant("server").output


def test_a_forgotten_raw_scale_leaves_the_outputs_nearly_constant(scores):
    assert np.ptp(fed("scale-01", picture())[0][0]) <= 1
    for slug in ("scale-01", "gray-01", "pretorched-x"):
        assert scores.raw(slug).std() < 0.11 * scores.raw("server").std(), slug


def test_the_smoothed_variants_differ_by_the_filter_alone(scores):
    for slug in ("pycaffe-imagenet-mean", "pycaffe-channel-mean", "pycaffe-no-swap"):
        same = picture("astronaut_256x256.png").crop((0, 0, 227, 227))  # nothing is resized
        assert np.array_equal(fed(slug, same), fed(f"{slug}-smoothed", same))
        assert not np.array_equal(fed(slug, picture()), fed(f"{slug}-smoothed", picture()))


def test_an_unknown_variant_names_the_nearest(small):
    with pytest.raises(MemnetError, match="Did you mean 'pycaffe-no-swap'"):
        memnet.load(f"{small.name}:pycaffe-noswap")


def test_a_model_that_is_no_memnet_has_no_variants(tiny_weights):
    from tiny import register

    register()
    with pytest.raises(
        MemnetError, match=r"not the original \(Caffe\) MemNet.* no variant 'server'"
    ):
        memnet.load(f"{tiny_weights}:server")


def test_a_variant_scores_under_its_own_name(small, capsys):
    model = memnet.load(f"{small.name}:pycaffe-no-swap", device="cpu")
    table = model.score(golden_pictures()["coffee_600x400.png"])
    wanted = expected_outputs()["pycaffe-no-swap"][
        list(golden_pictures()).index("coffee_600x400.png")
    ]
    assert table.score[0] == pytest.approx(wanted[0], abs=2e-6)
    assert (table.model[0], table.variant[0], table.n_crops[0]) == (
        small.name,
        "pycaffe-no-swap",
        1,
    )
    assert "red and blue exchanged" in capsys.readouterr().err


def test_pictures_that_fail_are_named_and_the_others_scored(small, tmp_path):
    from memnet.data.pictures import collect
    from memnet.studies.variants.scores import score_variants

    picture().save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    found = score_variants(small, collect([tmp_path]).items, slugs=["keyes-centre"])
    assert found.image_ids == ("good.png",)
    assert list(found.outputs) == ["server", "keyes-centre"]
    assert "bad.png" in found.failed
    with pytest.raises(MemnetError, match="None of 1 picture"):
        score_variants(small, collect([tmp_path / "bad.png"]).items)


def test_frozen_scores_of_a_variant_are_checked_by_that_variant(small, tmp_path):
    from memnet.compare.frozen.check import check
    from memnet.compare.frozen.file import freeze
    from memnet.data.pictures import collect
    from memnet.pytest_plugin import _load

    picture().save(tmp_path / "coffee.png")
    file = tmp_path / "frozen.json"
    model = memnet.load(f"{small.name}:pycaffe-no-swap", device="cpu")
    frozen = freeze(model, collect([tmp_path]), images=[tmp_path], out=file)
    assert ".safetensors:pycaffe-no-swap --images" in frozen.command
    again = _load(None, frozen, file)
    assert again.variant == "pycaffe-no-swap"
    assert check(frozen, again, path=file).holds
    assert not check(frozen, small, path=file).holds


def test_pillow_12_is_a_variant_of_models_that_pillow_resizes_alone():
    published = find("resmem.published")
    check_variant(published.name, published.arch, published.preprocess, "pillow-12")
    original = find("memnet.caffe_lamem")
    with pytest.raises(MemnetError, match="Pillow's version makes no difference"):
        check_variant(original.name, original.arch, original.preprocess, "pillow-12")
    with pytest.raises(MemnetError, match=r"Did you mean 'pillow-12'"):
        check_variant(published.name, published.arch, published.preprocess, "pillow-11")

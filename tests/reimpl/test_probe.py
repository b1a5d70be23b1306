"""Backbones, their features on disk, and the probe as a network."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from memnet.errors import MemnetError
from memnet.reimpl.probe.backbone import with_crops
from memnet.reimpl.probe.backbones import find_backbone
from memnet.reimpl.probe.features import compute_features, make_probe
from memnet.reimpl.probe.network import Probe
from memnet.scoring.predictor import load
from memnet.weights.catalogue import find
from memnet.weights.files import read_weights, save_weights
from needs import skip_for
from planted import planted_set
from small_backbone import write_backbone

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("probe")


@pytest.fixture(scope="module")
def file(place):
    return write_backbone(place / "small.safetensors", trained_on=("lamem:train:1",))


@pytest.fixture(scope="module")
def paths(place):
    return planted_set(place / "pictures", train=5, val=2).table["path"].tolist()


def features(backbone, paths, folder, crops="centre"):
    return compute_features(
        make_probe(backbone),
        backbone.probe_spec(crops),
        paths,
        folder=folder,
        digest=backbone.digest(),
        device=CPU,
    )


@pytest.mark.parametrize(("branch", "count"), [("resnet", 1000), ("convolutions", 1152)])
def test_features_are_the_outputs_of_the_branch(file, paths, tmp_path, branch, count):
    backbone = find_backbone(f"{file}:{branch}")
    found = features(backbone, paths, tmp_path)
    assert found.values.shape == (len(paths), count)
    whole = load(file, device="cpu")
    with torch.inference_mode():
        for path, row in zip(paths, found.values, strict=True):
            (output,) = getattr(whole.network, branch)(whole.preprocess.apply(path))
            assert row == pytest.approx(output.numpy(), rel=1e-4, abs=1e-5)
    assert backbone.trained_on == ("lamem:train:1",)
    assert backbone.pretrained_on == ("nothing at all",)


def test_the_branch_alone_is_kept(file):
    names = find_backbone(f"{file}:convolutions").network.state_dict()
    assert {name.split(".")[1] for name in names} == {f"conv{layer}" for layer in range(1, 6)}


def test_crops_are_averaged(file, paths, tmp_path):
    backbone = find_backbone(f"{file}:resnet")
    found = features(backbone, paths[:2], tmp_path, "ten")
    spec = backbone.probe_spec("ten")
    assert spec.n_crops == 10
    with torch.inference_mode():
        crops = backbone.network(spec.apply(paths[0])).numpy()
    assert found.values[0] == pytest.approx(crops.mean(axis=0), rel=1e-4, abs=1e-5)
    assert (np.abs(crops - crops.mean(axis=0)).max(axis=1) > 1e-3).all()


def test_crops_have_names():
    published = find("resmem.published").preprocess
    assert with_crops(published, "centre") == published
    with pytest.raises(MemnetError, match="centre"):
        with_crops(published, "center")


def test_features_are_computed_once_and_a_row_cut_in_half_again(file, paths, tmp_path):
    backbone = find_backbone(f"{file}:resnet")
    first = features(backbone, paths[:4], tmp_path)
    assert first.computed == 4
    again = features(backbone, paths, tmp_path)
    assert again.computed == len(paths) - 4
    assert (again.values[:4] == first.values).all()
    with again.path.open("r+b") as cut:
        cut.truncate(again.path.stat().st_size - 100)
    mended = features(backbone, paths, tmp_path)
    assert mended.computed == 1
    assert mended.values == pytest.approx(again.values, rel=1e-5, abs=1e-6)
    assert features(backbone, paths[::-1], tmp_path).computed == 0


def test_features_follow_the_pictures_content_and_the_backbone(file, paths, tmp_path, place):
    backbone = find_backbone(f"{file}:resnet")
    features(backbone, paths[:2], tmp_path)
    renamed = tmp_path / "renamed.png"
    renamed.write_bytes(Path(paths[0]).read_bytes())
    assert features(backbone, [str(renamed)], tmp_path).computed == 0
    renamed.write_bytes(Path(paths[3]).read_bytes())
    assert features(backbone, [str(renamed)], tmp_path).computed == 1
    assert features(backbone, paths[:2], tmp_path, "five").computed == 2
    other = find_backbone(f"{write_backbone(tmp_path / 'other.safetensors', seed=4)}:resnet")
    assert features(other, paths[:2], tmp_path).computed == 2


def test_a_picture_that_cannot_be_read_is_named_and_the_others_stay(file, paths, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    given = [paths[0], str(broken), str(tmp_path / "missing.jpg"), paths[1]]
    found = features(find_backbone(f"{file}:resnet"), given, tmp_path)
    assert sorted(found.failed) == [1, 2]
    assert found.computed == 2
    assert not found.values[1].any()
    assert found.values[3].any()


def as_weight_file(backbone, path, weights, intercept=0.25):
    probe = make_probe(backbone)
    with torch.no_grad():
        probe.linear.weight[0] = torch.from_numpy(weights)
        probe.linear.bias[0] = intercept
    output = find("resmem.published").output
    save_weights(path, probe, arch="probe", preprocess=backbone.spec, output=output, trained_on=())
    return path


@pytest.mark.parametrize(
    "name",
    [
        "FILE:resnet",
        "FILE:convolutions",
        "torchvision:resnet18@random",
        "timm:resnet10t@random",
        "open_clip:RN50@random",
    ],
)
def test_a_weight_file_scores_what_the_regression_predicts(file, paths, tmp_path, name):
    if (library := name.partition(":")[0]) in ("timm", "open_clip"):
        pytest.importorskip(library, reason=f"needs {library}")
    backbone = find_backbone(name.replace("FILE", str(file)))
    found = features(backbone, paths[:3], tmp_path)
    scale = found.values.std()
    weights = np.random.default_rng(0).normal(size=found.values.shape[1]) / scale / 30
    written = as_weight_file(backbone, tmp_path / "probe.safetensors", weights)
    wanted = found.values.astype(float) @ weights + 0.25
    table = load(written, device="cpu").score(paths[:3])
    assert table["score"].to_numpy() == pytest.approx(wanted, abs=1e-5)


def test_a_network_of_transformers_is_built_again_from_its_file(paths, tmp_path):
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    small = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = transformers.Dinov2Config(image_size=56, patch_size=14, **small)
    transformers.Dinov2Model(config).save_pretrained(tmp_path / "dino")
    pixels = '{"image_processor_type": "BitImageProcessor", "image_mean": [0.5, 0.4, 0.3]}'
    (tmp_path / "dino" / "preprocessor_config.json").write_text(pixels)
    backbone = find_backbone(f"transformers:{tmp_path / 'dino'}")
    assert backbone.pixel_mean == (0.5, 0.4, 0.3)
    found = features(backbone, paths[:2], tmp_path)
    weights = np.ones(48) / 50
    written = as_weight_file(backbone, tmp_path / "probe.safetensors", weights)
    scores = load(written, device="cpu").score(paths[:2])["score"].to_numpy()
    assert scores == pytest.approx(found.values.astype(float) @ weights + 0.25, abs=1e-5)


def test_a_librarys_normalisation_is_part_of_the_probe(paths):
    backbone = find_backbone("torchvision:resnet18@random")
    assert backbone.pixel_mean == (0.485, 0.456, 0.406)
    crops = backbone.spec.apply(paths[0])
    from torchvision.transforms.functional import normalize

    with torch.inference_mode():
        ours = make_probe(backbone).features(crops)
        theirs = backbone.network(normalize(crops, backbone.pixel_mean, backbone.pixel_sd))
    assert ours.numpy() == pytest.approx(theirs.numpy(), rel=1e-4, abs=1e-4)


def test_torchvisions_features_are_those_before_the_last_layer():
    from torchvision.models import resnet18

    backbone = find_backbone("torchvision:resnet18@random")
    whole = resnet18(weights=None).eval()
    whole.load_state_dict(backbone.network.state_dict(), strict=False)
    crops = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    caught = []
    whole.fc.register_forward_hook(lambda layer, inputs, output: caught.append(inputs[0]))
    with torch.inference_mode():
        whole(crops)
        assert torch.equal(backbone.network(crops), caught[0])


def test_a_file_of_torchvisions_is_taken_and_another_refused(tmp_path):
    from torchvision.models import resnet18

    torch.manual_seed(5)
    torch.save(resnet18(weights=None).state_dict(), tmp_path / "eighteen.pth")
    backbone = find_backbone(f"torchvision:resnet18@{tmp_path / 'eighteen.pth'}")
    assert backbone.digest() != find_backbone("torchvision:resnet18@random").digest()
    with pytest.raises(MemnetError, match="does not hold the weights of this network"):
        find_backbone(f"torchvision:resnet34@{tmp_path / 'eighteen.pth'}")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resmem.published", "Say resmem.published:resnet, resmem.published:convolutions"),
        ("FILE:resnett", "did you mean 'resnet'"),
        ("FILE:head", "head"),
        ("torchvison:resnet50", "LIBRARY:NAME"),
        ("torchvision:", "Which network of torchvision"),
        ("torchvision:resnet50@IMAGENET1K_V9", "IMAGENET1K_V2"),
        ("torchvision:resnet5@random", "torchvision cannot give"),
    ],
)
def test_a_name_that_is_none_is_answered_with_what_there_is(file, name, said):
    if name.startswith("resmem.published") and find("resmem.published").local_copy() is None:
        skip_for("the resmem package")
    with pytest.raises(MemnetError, match="(?i)" + said.replace(".", r"\.")):
        find_backbone(name.replace("FILE", str(file)))


def test_nothing_is_downloaded_where_the_network_is_forbidden(monkeypatch, tmp_path):
    monkeypatch.setenv("MEMNET_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(MemnetError, match="the network is forbidden"):
        find_backbone("torchvision:resnet18")


def test_no_library_looks_for_the_network_that_is_forbidden(monkeypatch, tmp_path):
    pytest.importorskip("timm", reason="needs timm")
    monkeypatch.setenv("MEMNET_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *place, **_: asked.append(place))
    with pytest.raises(MemnetError, match="The network is forbidden"):
        find_backbone("timm:resnet10t")
    with pytest.raises(MemnetError, match="is no classifier whose last layer"):
        find_backbone("torchvision:fcn_resnet50@random")
    assert asked == []


def test_a_library_that_is_missing_says_how_to_have_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(MemnetError, match="pip install open_clip_torch"):
        find_backbone("open_clip:ViT-B-32@random")


def test_a_probe_whose_recipe_is_damaged_is_refused(file, tmp_path):
    backbone = find_backbone(f"{file}:convolutions")
    written = as_weight_file(backbone, tmp_path / "probe.safetensors", np.zeros(1152))
    tensors, _ = read_weights(written)
    tensors["recipe"] = torch.tensor(list(b"no JSON"), dtype=torch.uint8)
    with pytest.raises(MemnetError, match="does not say what its backbone is"):
        Probe.shaped_like(tensors)

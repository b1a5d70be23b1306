"""Importing MemNet: every blob placed or named, every difference from MemNet an error."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

import memnet
import references
from caffe_recipe import add_blob, net_message, small_arrays
from memnet.errors import MemnetError
from memnet.legacy.architecture import ORIGINAL_WIDTHS, expected_shapes
from memnet.legacy.convert import import_memnet
from memnet.weights.digests import file_digest
from memnet.weights.files import read_weights
from tiny import write_tiny

MINI = references.GOLDEN / "mini"
MEAN = references.GOLDEN / "mean" / "synthetic_mean.binaryproto"
DEPLOY = MINI / "deploy.prototxt"


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out.safetensors"


@pytest.fixture
def write(tmp_path):
    def write(net) -> Path:
        path = tmp_path / "made.caffemodel"
        path.write_bytes(net.SerializeToString())
        return path

    return write


def layer(net, name):
    found = [one for one in (net.layers or net.layer) if one.name == name]
    return found[0]


def test_the_three_files_become_the_same_tensors(tmp_path):
    tables = []
    for name in ("mini_v1", "mini_v1_training_snapshot", "mini_v2"):
        out = tmp_path / f"{name}.safetensors"
        import_memnet(MINI / f"{name}.caffemodel", mean=MEAN, deploy=DEPLOY, out=out)
        tables.append(read_weights(out)[0])
    assert set(tables[0]) == {
        "mean_image",
        *(f"{n}.{p}" for n in ("conv1", "conv2", "conv3", "conv4", "conv5") for p in KINDS),
        *(f"{n}.{p}" for n in ("fc6", "fc7", "fc8") for p in KINDS),
    }
    for other in tables[1:]:
        assert all(torch.equal(tables[0][name], other[name]) for name in tables[0])
    assert tables[0]["fc6.weight"].shape == (32, 576)
    assert tables[0]["conv2.weight"].shape == (16, 6, 5, 5)


KINDS = ("weight", "bias")


def test_the_file_says_where_everything_came_from_and_that_it_is_not_the_original(out):
    made = import_memnet(MINI / "mini_v1.caffemodel", mean=MEAN, deploy=DEPLOY, out=out)
    with safe_open(out, framework="pt") as file:
        header = json.loads(file.metadata()["memnet"])
    sources = {source["role"]: source for source in header["sources"]}
    for role, path in {
        "weights": MINI / "mini_v1.caffemodel",
        "mean": MEAN,
        "deploy": DEPLOY,
    }.items():
        assert sources[role] == {
            "role": role,
            "name": path.name,
            "sha256": file_digest(path),
            "note": "chw-bgr" if role == "mean" else "",
        }
    assert header["converter"] == f"memnet {memnet.__version__}"
    assert header["preprocess"]["crop_offsets"][-1] == [15, 15]
    assert header["name"] == "memnet.imported"
    assert header["remark"].startswith("NOT the original MemNet")
    assert "conv1 has 12 outputs instead of 96" in header["remark"]
    assert header["trained_on"] is None
    assert any("deploy.prototxt agrees" in sentence for sentence in made.report)


def test_a_network_at_other_widths_does_not_become_the_original(monkeypatch, tmp_path):
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path))
    with pytest.raises(MemnetError, match=r"is not the original MemNet.*--out"):
        import_memnet(MINI / "mini_v2.caffemodel", mean=MEAN)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_missing_weights_say_where_they_were_and_how_to_import_them(monkeypatch, tmp_path):
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path))
    with pytest.raises(MemnetError) as caught:
        memnet.load("memnet.caffe_lamem")
    for piece in (
        "memorability.csail.mit.edu",
        "memnet.caffemodel",
        "deploy.prototxt",
        "mean.mat",
        "memnet weights import memnet.caffemodel --mean mean.mat",
    ):
        assert piece in str(caught.value)


def test_the_scaled_path_is_the_catalogues_to_the_letter():
    spec = memnet.weights.catalogue.find("memnet.caffe_lamem")
    assert spec.preprocess.crop_offsets == ((0, 0), (0, 29), (29, 0), (29, 29), (15, 15))
    assert spec.output.to_dict() == {
        "crop_reduction": "mean",
        "subtract": 0.7626,
        "multiply": 2.0,
        "add": 0.65,
        "clamp": "0-1",
    }


def test_the_originals_widths_have_57_million_parameters():
    shapes = expected_shapes(ORIGINAL_WIDTHS)
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 56_872_321
    assert shapes["conv2.weight"] == (256, 48, 5, 5)
    assert shapes["conv3.weight"] == (384, 256, 3, 3)
    assert shapes["fc6.weight"] == (4096, 9216)


def _drop(name):
    def change(net):
        net.layers.remove(layer(net, name))

    return change


def _set(name, field, value):
    def change(net):
        target = layer(net, name)
        *path, last = field.split(".")
        for part in path:
            target = getattr(target, part)
        if isinstance(value, list):
            getattr(target, last)[:] = value
        else:
            setattr(target, last, value)

    return change


def _blob(name, array):
    def change(net):
        add_blob(layer(net, name), np.asarray(array, dtype=np.float32), "V1")

    return change


def _no_blobs(name):
    def change(net):
        del layer(net, name).blobs[:]

    return change


def _reshape(name, index, shape):
    def change(net):
        blob = layer(net, name).blobs[index]
        blob.num, blob.channels, blob.height, blob.width = shape

    return change


def _twice(net):
    net.layers.add().CopyFrom(layer(net, "relu1"))


def _sigmoid(net):
    net.layers.add(name="squash", type=19, bottom=["fc8-euclidean"], top=["score"])


def _unknown_field(net):
    layer(net, "norm1").lrn_param.MergeFromString(b"\xd0\x3e\x01")  # field 1002


def _swap(net):
    copy = type(net.layers[2])()
    copy.CopyFrom(net.layers[2])
    del net.layers[2]
    net.layers.insert(3, copy)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_drop("pool2"), r"MemNet's layer\(s\) pool2 are missing"),
        (_twice, "layer 'relu1' stands there twice"),
        (_sigmoid, r"layer 'squash' \(type SIGMOID\) has no place in MemNet"),
        (_swap, "another order"),
        (_set("conv1", "convolution_param.stride", [2]), r"'conv1' has stride \(2, 2\).*\(4, 4\)"),
        (_set("conv1", "convolution_param.pad", [1]), r"'conv1' has pad \(1, 1\)"),
        (_set("conv3", "convolution_param.group", 2), "'conv3' has group 2, MemNet's has 1"),
        (_set("conv2", "convolution_param.group", 1), "'conv2' has group 1, MemNet's has 2"),
        (_set("conv2", "convolution_param.dilation", [2]), "'conv2' has dilation"),
        (_set("conv2", "convolution_param.bias_term", False), "'conv2' has bias_term False"),
        (_set("norm1", "lrn_param.alpha", 5e-4), "'norm1' has alpha 0.0005.*, MemNet's has 0.0001"),
        (_set("norm2", "lrn_param.local_size", 3), "'norm2' has local_size 3"),
        (_set("norm2", "lrn_param.k", 2.0), "'norm2' has k 2.0"),
        (_set("norm1", "lrn_param.norm_region", 1), "'norm1' has norm_region WITHIN_CHANNEL"),
        (_set("pool5", "pooling_param.pool", 1), "'pool5' has pool AVE"),
        (_set("pool1", "pooling_param.kernel_size", 2), r"'pool1' has kernel \(2, 2\)"),
        (_set("relu3", "relu_param.negative_slope", 0.1), "'relu3' has negative_slope 0.1"),
        (_set("norm1", "bottom", ["conv1"]), r"'norm1' has bottom \['conv1'\].*\['pool1'\]"),
        (_set("fc7", "type", 4), r"'fc7' has type Convolution, MemNet's has InnerProduct"),
        (_set("relu1", "lrn_param.alpha", 1.0), "'relu1' .* carries lrn_param"),
        (_unknown_field, "'norm1', lrn_param has field.* 1002"),
        (_blob("relu1", np.ones(3)), "no place in MemNet for blob 0 of layer 'relu1'"),
        (_blob("conv1", np.ones(3)), "no place in MemNet for blob 2 of layer 'conv1'"),
        (_no_blobs("fc8-euclidean"), "layer 'fc8-euclidean' has no weight or no bias"),
        (_reshape("fc7", 0, (1, 1, 1, 9)), r"blob 0 of layer 'fc7' is \(1, 1, 1, 9\)"),
        (_reshape("conv1", 0, (4, 11, 11, 3)), r"blob 0 of layer 'conv1' is \(4, 11, 11, 3\)"),
        (_reshape("fc6", 0, (1, 1, 72, 3)), r"blob 0 of layer 'fc6' is \(1, 1, 72, 3\)"),
    ],
)
def test_a_network_that_is_not_memnet_is_refused_by_layer_and_field(write, out, change, says):
    net = net_message(small_arrays(), "V1")
    change(net)
    with pytest.raises(MemnetError, match=says) as caught:
        import_memnet(write(net), mean=MEAN, out=out)
    assert "made.caffemodel" in str(caught.value)
    assert not out.exists()


@pytest.mark.parametrize("generation", ["V1", "V2"])
def test_a_made_up_network_scores_whatever_the_format(write, out, generation):
    import_memnet(write(net_message(small_arrays(), generation)), mean=MEAN, out=out)
    table = memnet.load(out, device="cpu").score(references.golden_pictures()["coffee_600x400.png"])
    assert table.n_crops[0] == 10
    assert 0 <= table.score[0] <= 1


def test_layers_without_parameters_are_reported_and_the_prototxt_fills_in(write, out):
    net = net_message(small_arrays(), "V1")
    for one in net.layers:
        for field in ("convolution_param", "pooling_param", "lrn_param", "inner_product_param"):
            one.ClearField(field)
    made = import_memnet(write(net), mean=MEAN, out=out)
    assert any("no parameters for conv1, pool1, norm1" in sentence for sentence in made.report)
    with pytest.raises(MemnetError, match=r"num_output 12, and its weights in .* have 4"):
        import_memnet(write(net), mean=MEAN, deploy=DEPLOY, out=out)


def test_another_definition_is_refused(out, tmp_path):
    text = DEPLOY.read_text()
    for old, new, says in (
        ("pad: 2", "pad: 1", "'conv2' has pad"),
        ("input_dim: 227", "input_dim: 224", "the input is 10 x 3 x 224 x 224"),
        ("alpha: 0.0001", "alpha: 0.001", "'norm1' has alpha"),
        ("num_output: 24", "num_output: 48", "num_output 48"),
    ):
        assert old in text
        changed = tmp_path / "deploy.prototxt"
        changed.write_text(text.replace(old, new))
        with pytest.raises(MemnetError, match=says):
            import_memnet(MINI / "mini_v2.caffemodel", mean=MEAN, deploy=changed, out=out)


def checkpoint(**changes) -> dict[str, torch.Tensor]:
    arrays = small_arrays()
    table = {
        name.replace("-euclidean", ""): torch.from_numpy(array) for name, array in arrays.items()
    }
    return {**table, **changes}


@pytest.mark.parametrize(
    "wrap", [lambda t: t, lambda t: {"state_dict": t, "epoch": 3}, lambda t: {"model": t}]
)
def test_a_pytorch_ports_checkpoint_gives_the_caffemodels_tensors(write, tmp_path, wrap):
    torch.save(wrap({f"module.{k}": v for k, v in checkpoint().items()}), tmp_path / "model.ckpt")
    import_memnet(tmp_path / "model.ckpt", mean=MEAN, out=tmp_path / "a.safetensors")
    caffe = write(net_message(small_arrays(), "V1"))
    import_memnet(caffe, mean=MEAN, out=tmp_path / "b.safetensors")
    ours, theirs = (read_weights(tmp_path / f"{n}.safetensors") for n in "ab")
    assert ours[1].tensors_sha256 == theirs[1].tensors_sha256


class Trap:
    """Would run code when unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("trapped"),))


def test_a_checkpoint_runs_no_code_and_its_names_must_fit(tmp_path, out, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def refused(content, says):
        torch.save(content, tmp_path / "model.pth")
        with pytest.raises(MemnetError, match=says):
            import_memnet(tmp_path / "model.pth", mean=MEAN, out=out)

    refused({"conv1.weight": Trap()}, "code from a file is not run")
    assert not Path("trapped").exists()
    table = checkpoint()
    del table["fc7.bias"]
    refused(table, r"nothing in the file for fc7\.bias")
    refused(checkpoint(extra=torch.ones(2)), "no place in MemNet for extra")
    many = {f"extra{number}": torch.ones(1) for number in range(5000)}
    refused(checkpoint(**many), r"no place in MemNet for extra0, .*extra1001 and 4994 more\.")
    refused(checkpoint(**{"\x1b[2J": torch.ones(2)}), r"no place in MemNet for \\x1b\[2J\.")
    refused(checkpoint(**{"conv2.weight": torch.ones(4, 4, 5, 5)}), r"conv2\.weight is")
    refused(checkpoint(**{"fc7.weight": torch.full((3, 3), torch.nan)}), "not finite")
    refused([1, 2], "no table of tensors")
    refused({"backbone": torch.ones(2)}, "it has backbone")
    (tmp_path / "model.pth").write_bytes(b"PK\x03\x04 and nothing of the kind")
    with pytest.raises(MemnetError, match="is damaged, or holds more than tensors") as caught:
        import_memnet(tmp_path / "model.pth", mean=MEAN, out=out)
    assert "weights_only" not in str(caught.value)  # torch advises to run the file's code
    torch.save(table, tmp_path / "model.pth")
    with pytest.raises(MemnetError, match="does not exist"):
        import_memnet(tmp_path / "no.pth", mean=MEAN, out=out)
    with pytest.raises(MemnetError, match=r"must end in \.safetensors"):
        import_memnet(tmp_path / "model.pth", mean=MEAN, out=tmp_path / "out.pt")
    with pytest.raises(MemnetError, match="a checkpoint has none"):
        import_memnet(tmp_path / "model.pth", mean=MEAN, deploy=DEPLOY, out=out)


def _prefixed_twin(table):
    table["module.fc8.bias"] = table["fc8.bias"] + 1


def _entry_of(name, change):
    def change_table(table):
        table[name] = change(table[name])

    return change_table


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_prefixed_twin, r"has fc8\.bias twice, as fc8\.bias and as module\.fc8\.bias"),
        (_entry_of("fc8.weight", lambda t: t.to(torch.complex64)), r"fc8\.weight has type complex"),
        (_entry_of("fc8.bias", lambda t: t.to(torch.int32)), r"fc8\.bias has type int32"),
        (_entry_of("fc8.weight", lambda t: t.to("meta")), "lies on the device 'meta'"),
        (_entry_of("fc8.weight", lambda t: t.to_sparse()), "is stored as sparse_coo"),
        (
            _entry_of("fc6.bias", lambda t: t[:1].expand(10**9)),
            r"fc6\.bias claims 1,000,000,000 numbers",
        ),
    ],
)
def test_a_checkpoint_of_other_kinds_of_tensors_is_refused_by_name(tmp_path, out, change, says):
    table = checkpoint()
    change(table)
    torch.save(table, tmp_path / "model.pth")
    with pytest.raises(MemnetError, match=says):
        import_memnet(tmp_path / "model.pth", mean=MEAN, out=out)
    assert not out.exists()


def test_a_64_bit_number_beyond_the_32_bit_ones_is_not_finite(tmp_path, out):
    table = checkpoint()
    table["fc8.bias"] = torch.full_like(table["fc8.bias"], 1.0, dtype=torch.float64) * 1e300
    assert torch.isfinite(table["fc8.bias"]).all()
    torch.save(table, tmp_path / "model.pth")
    with pytest.raises(MemnetError, match=r"fc8\.bias holds numbers that are not finite as 32-bit"):
        import_memnet(tmp_path / "model.pth", mean=MEAN, out=out)


def test_a_lone_bias_without_dimensions_is_read_as_the_one_number_it_is(tmp_path, out):
    table = checkpoint()
    torch.save({**table, "fc8.bias": table["fc8.bias"].reshape(())}, tmp_path / "model.pth")
    made = import_memnet(tmp_path / "model.pth", mean=MEAN, out=out)
    assert torch.equal(read_weights(made.path)[0]["fc8.bias"], table["fc8.bias"])


def test_a_weight_file_with_another_mean_image_than_its_spec_names_is_refused(out):
    from dataclasses import replace

    from memnet.weights.digests import tensors_digest
    from memnet.weights.files import write_weights

    import_memnet(MINI / "mini_v2.caffemodel", mean=MEAN, out=out)
    tensors, header = read_weights(out)
    tensors["mean_image"] = tensors["mean_image"] + 1
    header = replace(header, tensors_sha256=tensors_digest(tensors))
    write_weights(out, tensors, header)
    with pytest.raises(MemnetError, match="does not hold the mean image"):
        memnet.load(out)


def test_a_caffemodel_is_known_by_its_content_whatever_it_is_called(tmp_path, out):
    for name in ("MEMNET.CAFFEMODEL", "memnet"):
        path = tmp_path / name
        path.write_bytes((MINI / "mini_v2.caffemodel").read_bytes())
        assert import_memnet(path, mean=MEAN, out=out).path == out


def test_other_numbers_are_replaced_only_where_the_user_says_so(tmp_path, out, write):
    import_memnet(MINI / "mini_v2.caffemodel", mean=MEAN, out=out)
    import_memnet(MINI / "mini_v1.caffemodel", mean=MEAN, out=out)  # the same numbers
    other = write(net_message(small_arrays(), "V1"))
    before = out.read_bytes()
    with pytest.raises(MemnetError, match=r"holds other weights.*mini_v1\.caffemodel.*--force"):
        import_memnet(other, mean=MEAN, out=out)
    assert out.read_bytes() == before
    made = import_memnet(other, mean=MEAN, out=out, force=True)
    assert read_weights(out)[1] == made.header


def test_a_trained_network_is_not_replaced_by_an_import(tmp_path):
    path = write_tiny(tmp_path / "best.safetensors")
    before = path.read_bytes()
    with pytest.raises(MemnetError, match=r"holds other weights.*\(tiny\.test"):
        import_memnet(MINI / "mini_v2.caffemodel", mean=MEAN, out=path)
    assert path.read_bytes() == before


def test_the_stored_original_is_not_replaced_by_other_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path))
    monkeypatch.setattr("memnet.legacy.convert.ORIGINAL_WIDTHS", MINI_WIDTHS)
    stored = import_memnet(MINI / "mini_v2.caffemodel", mean=MEAN).path
    before = stored.read_bytes()
    table = {name: tensor + 1 for name, tensor in read_weights(stored)[0].items()}
    del table["mean_image"]
    torch.save(table, tmp_path / "other.pth")
    with pytest.raises(MemnetError, match=r"--force, or write to another file with --out FILE"):
        import_memnet(tmp_path / "other.pth", mean=MEAN)
    assert stored.read_bytes() == before


MINI_WIDTHS = {
    "conv1": 12,
    "conv2": 16,
    "conv3": 24,
    "conv4": 24,
    "conv5": 16,
    "fc6": 32,
    "fc7": 32,
    "fc8-euclidean": 1,
}


LONG = "x" * 300


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"weights": f"{LONG}.pth"}, "cannot be read .File name too long"),
        ({"mean": f"{LONG}.mat"}, "There is no mean image"),
        ({"out": f"{LONG}.safetensors"}, "File name too long|cannot be written"),
        ({"weights": "pipe"}, "is a pipe or a device"),
        ({"out": "pipe.safetensors"}, "exists and is no weight file"),
    ],
)
def test_names_that_are_too_long_and_pipes_are_sentences(tmp_path, out, changes, says, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    os.mkfifo("pipe.safetensors")
    options = {"weights": MINI / "mini_v2.caffemodel", "mean": MEAN, "out": out, **changes}
    with pytest.raises(MemnetError, match=says):
        import_memnet(options.pop("weights"), **options)


@pytest.mark.parametrize("path", [f"{LONG}.safetensors", "pipe.safetensors", "."])
def test_what_is_no_file_is_no_weight_file(tmp_path, path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.safetensors")
    with pytest.raises(MemnetError, match=r"weight file|safetensors file"):
        read_weights(Path(path))


def test_somebody_elses_file_is_not_replaced(tmp_path, out):
    out.write_text("my notes")
    with pytest.raises(MemnetError, match="no weight file of memnet's"):
        import_memnet(MINI / "mini_v2.caffemodel", mean=MEAN, out=out)
    assert out.read_text() == "my notes"


@pytest.mark.slow
def test_a_full_size_import_under_a_path_claims_no_training_data(tmp_path):
    """A fine-tuned MemNet looks the same; only the user's word makes it the original."""
    home = tmp_path / "home"
    full = small_arrays(**ORIGINAL_WIDTHS)
    path = tmp_path / "full.caffemodel"
    path.write_bytes(net_message(full, "V2").SerializeToString())
    elsewhere = import_memnet(path, mean=MEAN, out=tmp_path / "full.safetensors").header
    assert (elsewhere.name, elsewhere.trained_on) == ("memnet.imported", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMNET_HOME", str(home))
        header = import_memnet(path, mean=MEAN).header
        assert (header.name, header.trained_on) == ("memnet.caffe_lamem", ("lamem",))
        assert "the word of whoever imported it" in header.remark
        assert "Its mean image is not the original's" in header.remark
        assert memnet.load("memnet.caffe_lamem", device="cpu").name == "memnet.caffe_lamem"


def test_another_file_in_the_originals_place_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path))
    place = tmp_path / "weights" / "memnet.caffe_lamem.safetensors"
    import_memnet(MINI / "mini_v2.caffemodel", mean=MEAN, out=place)
    with pytest.raises(
        MemnetError, match=r"is not memnet\.caffe_lamem: it was made as 'memnet\.im"
    ):
        memnet.load("memnet.caffe_lamem")


def test_a_caffemodel_given_as_a_model_says_how_to_import_it():
    with pytest.raises(MemnetError, match=r"weights import memnet\.caffemodel --mean"):
        memnet.load("memnet.caffemodel")


def test_gradients_flow_to_pictures_and_not_to_weights(out):
    import_memnet(MINI / "mini_v2.caffemodel", mean=MEAN, out=out)
    model = memnet.load(out, device="cpu")
    pictures = torch.rand(1, 3, 40, 50, generator=torch.Generator().manual_seed(1))
    pictures.requires_grad_(True)
    raw, score = model.score_tensor(pictures)
    raw.sum().backward()
    assert pictures.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in model.network.parameters())
    assert score.dtype == torch.float32
    double = model.score_tensor(pictures.detach().double())[0]
    assert double.dtype == torch.float64
    assert abs(double.item() - raw.item()) < 1e-5


@pytest.mark.parametrize(
    ("pictures", "says"),
    [
        (torch.full((1, 3, 8, 8), 200.0), "divide grey levels by 255"),
        (torch.full((1, 3, 8, 8), float("nan")), "spans nan"),
        (torch.full((1, 3, 8, 8), -1.0), r"\(x \+ 1\) / 2 brings -1 to 1 there"),
        (np.zeros((1, 3, 8, 8)), "must be a torch tensor, not a ndarray"),
    ],
)
def test_tensors_that_are_no_pictures_in_0_to_1_are_refused(out, pictures, says):
    import_memnet(MINI / "mini_v2.caffemodel", mean=MEAN, out=out)
    with pytest.raises(MemnetError, match=says):
        memnet.load(out, device="cpu").score_tensor(pictures)
    with pytest.raises(MemnetError, match="must be True or False"):
        memnet.load(out, device="cpu").score_tensor(torch.zeros(1, 3, 8, 8), exact="no")

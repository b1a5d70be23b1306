"""Independent witnesses of the original's network: they agree, and a broken one is found out."""

from __future__ import annotations

import sys
from dataclasses import replace
from shutil import rmtree
from types import ModuleType

import numpy as np
import pytest
import torch

import caffe2onnx_route
from caffe2onnx_route import (
    blobs_by_onnxruntime,
    caffe_to_onnx,
    distances,
    first_disagreement,
    require_agreement,
)
from caffe_recipe import write_recipe
from memnet.errors import MemnetError
from memnet.legacy import onnx_route
from memnet.legacy.architecture import LAYERS
from memnet.legacy.onnx_route import BLOBS, export_onnx
from references import GOLDEN, limit
from witnesses import (
    WITNESSES,
    caffes_own_blobs,
    case,
    noise_224,
    small_case,
    stored_blobs,
)

DEPLOY = GOLDEN / "mini" / "deploy.prototxt"
V1 = GOLDEN / "mini" / "mini_v1.caffemodel"


def needs(*packages):
    for package in packages:
        pytest.importorskip(package, reason=f"needs {package}; it is a witness")


def modules_of_caffe2onnx():
    return {name: m for name, m in sys.modules.items() if name.partition(".")[0] == "caffe2onnx"}


def run(name, of):
    function, packages = WITNESSES[name]
    needs(*packages)
    return function(of)


def first_crop(blobs):
    return {name: values[:1] for name, values in blobs.items()}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return small_case(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    folder = tmp_path_factory.mktemp("full")
    caffemodel = write_recipe(folder / "full.caffemodel")
    yield case(caffemodel, GOLDEN / "memnet_deploy.prototxt", folder)
    rmtree(folder)  # 0.9 GB, which pytest would keep for three runs


@pytest.fixture(scope="module")
def own(small):
    return small.own_blobs()


@pytest.fixture(scope="module")
def small_onnx(small):
    needs("caffe2onnx", "onnx", "onnxruntime")
    return small.onnx()


# The witnesses agree.


@pytest.mark.parametrize("name", WITNESSES)
def test_a_witness_agrees_with_our_network_in_every_blob(small, own, name):
    witness = run(name, small)
    assert set(witness) == set(BLOBS)
    require_agreement(name, own, witness, limit("witness.blob"))


@pytest.mark.parametrize("name", WITNESSES)
def test_a_witness_agrees_with_real_caffe_in_every_blob(small, name):
    witness = first_crop(run(name, small))
    require_agreement(name, caffes_own_blobs(), witness, limit("witness.blob"))


def test_our_network_agrees_with_real_caffe_in_every_blob_in_both_layouts(small, own):
    require_agreement("us", caffes_own_blobs(), first_crop(own), limit("legacy.blob"))
    scoring = first_crop(small.own_blobs(torch.channels_last))
    require_agreement("us, channels last", caffes_own_blobs(), scoring, limit("legacy.blob"))


@pytest.mark.parametrize("file", ["mini_v2", "mini_v1_training_snapshot"])
@pytest.mark.parametrize("name", ["caffe2onnx, onnxruntime", "OpenCV"])
def test_other_kinds_of_file_give_a_witness_the_same_numbers(small, tmp_path, name, file):
    other = replace(small, caffemodel=GOLDEN / "mini" / f"{file}.caffemodel", folder=tmp_path)
    again, before = run(name, other), run(name, small)
    assert all(np.array_equal(again[blob], before[blob]) for blob in BLOBS)


@pytest.mark.parametrize("name", [name for name in WITNESSES if name != "own export, onnxruntime"])
def test_at_224_pixels_a_witness_rounds_pooling_up_as_real_caffe_does(small, tmp_path, name):
    reference = stored_blobs("blobs_input224")
    witness = run(name, at_224(small, tmp_path))
    assert witness["pool1"].shape[2:] == (27, 27)
    require_agreement(name, reference, witness, limit("legacy.blob224"))


def at_224(small, folder):
    lines = DEPLOY.read_text().replace("input_dim: 10", "input_dim: 1").replace("227", "224")
    (folder / "deploy224.prototxt").write_text(lines)
    return replace(small, deploy=folder / "deploy224.prototxt", crops=noise_224(), folder=folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", WITNESSES)
def test_a_witness_agrees_with_our_full_size_network_in_every_blob(full, name):
    require_agreement(name, full.own_blobs(), run(name, full), limit("witness.blob"))


@pytest.mark.slow
@pytest.mark.parametrize("name", WITNESSES)
def test_a_witness_agrees_with_float64_at_full_size(full, name):
    exact = full.own_blobs(dtype=torch.float64)
    require_agreement(name, exact, run(name, full), limit("witness.blob"))


# The export.


def test_our_export_takes_any_number_of_crops(small, own):
    needs("onnx", "onnxscript", "onnxruntime")
    for count in (1, 3):
        found = blobs_by_onnxruntime(small.own_export(), small.crops[:count])
        expected = {name: values[:count] for name, values in own.items()}
        require_agreement("own export", expected, found, limit("witness.blob"))


def test_our_export_has_no_dropout_though_the_network_was_in_training_mode(small):
    needs("onnx", "onnxscript")
    import onnx

    model = onnx.load(small.own_export())  # the helper checks that the network stays in that mode
    assert "Dropout" not in {node.op_type for node in model.graph.node}


# The file of caffe2onnx.


def test_the_file_of_caffe2onnx_passes_the_checker_and_has_only_the_picture_as_input(small_onnx):
    import onnx

    model = onnx.load(small_onnx)
    onnx.checker.check_model(model, full_check=True)
    assert [tensor.name for tensor in model.graph.input] == ["data"]
    assert [tensor.name for tensor in model.graph.output] == list(BLOBS[1:])
    assert sum(node.op_type == "Dropout" for node in model.graph.node) == 2


def test_the_weights_in_the_file_of_caffe2onnx_are_caffes_to_the_bit(small, small_onnx):
    import onnx

    found = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(small_onnx).graph.initializer}
    for name, tensor in small.model.network.state_dict().items():
        layer, kind = name.replace("fc8", "fc8-euclidean").split(".")
        letter = "W" if kind == "weight" else ("B" if layer.startswith("fc") else "b")
        assert np.array_equal(found[f"{layer}_{letter}"].ravel(), tensor.numpy().ravel()), name


def test_a_deploy_file_of_the_new_format_is_translated_alike(small_onnx, tmp_path):
    import onnx

    head, body = DEPLOY.read_text().split("layers {", 1)
    body = "layer {" + body.split("input:")[0].replace("layers {", "layer {")
    for old, new in V2_TYPES.items():
        body = body.replace(f"type: {old}\n", f'type: "{new}"\n')
    shape = "shape { dim: 10 dim: 3 dim: 227 dim: 227 }"
    source = f'layer {{ name: "data" type: "Input" top: "data" input_param {{ {shape} }} }}\n'
    (tmp_path / "deploy.prototxt").write_text(head + source + body)
    caffe_to_onnx(V1, tmp_path / "deploy.prototxt", tmp_path / "again.onnx")
    assert onnx.load(tmp_path / "again.onnx") == onnx.load(small_onnx)


V2_TYPES = {
    "CONVOLUTION": "Convolution",
    "RELU": "ReLU",
    "POOLING": "Pooling",
    "LRN": "LRN",
    "INNER_PRODUCT": "InnerProduct",
    "DROPOUT": "Dropout",
}


def test_a_translation_prints_nothing_and_leaves_no_module_behind(tmp_path, capsys):
    needs("caffe2onnx", "onnx")
    import onnx.helper

    make_tensor, before = onnx.helper.make_tensor, modules_of_caffe2onnx()
    caffe_to_onnx(V1, DEPLOY, tmp_path / "net.onnx")
    assert modules_of_caffe2onnx() == before
    assert onnx.helper.make_tensor is make_tensor
    assert capsys.readouterr() == ("", "")


def test_a_module_of_caffe2onnx_that_was_there_before_is_there_afterwards(tmp_path, monkeypatch):
    needs("caffe2onnx", "onnx")
    before = ModuleType("caffe_upsample_pb2")
    monkeypatch.setitem(sys.modules, "caffe2onnx.proto.caffe_upsample_pb2", before)
    caffe_to_onnx(V1, DEPLOY, tmp_path / "net.onnx")
    assert sys.modules["caffe2onnx.proto.caffe_upsample_pb2"] is before


def test_a_missing_caffe2onnx_is_an_error_that_says_how_to_install_it(tmp_path, monkeypatch):
    needs("onnx")
    real, before = caffe2onnx_route.find_spec, modules_of_caffe2onnx()
    monkeypatch.setattr(
        caffe2onnx_route, "find_spec", lambda name: None if name == "caffe2onnx" else real(name)
    )
    with pytest.raises(MemnetError) as caught:
        caffe_to_onnx(V1, DEPLOY, tmp_path / "net.onnx")
    assert str(caught.value) == (
        "caffe2onnx is not installed; `pip install --no-deps caffe2onnx==2.0.1` installs it."
    )
    assert modules_of_caffe2onnx() == before


def test_weights_and_deploy_file_of_different_networks_are_an_error(tmp_path):
    needs("caffe2onnx", "onnx")
    with pytest.raises(MemnetError, match="do not belong together"):
        caffe_to_onnx(V1, GOLDEN / "memnet_deploy.prototxt", tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()


def test_a_deploy_file_without_the_shape_of_its_input_is_an_error(tmp_path):
    needs("onnx")
    deploy = tmp_path / "deploy.prototxt"
    deploy.write_text(DEPLOY.read_text().split("input_dim")[0])
    with pytest.raises(MemnetError, match="does not state the four sizes of its input"):
        caffe_to_onnx(V1, deploy, tmp_path / "net.onnx")


# A broken witness is found out.


def weight(model, name):
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def change(model, name, changed):
    import onnx

    array = onnx.numpy_helper.to_array(weight(model, name))
    weight(model, name).CopyFrom(onnx.numpy_helper.from_array(changed(array).copy(), name))


def undivided_alpha(model):
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "LRN" and attribute.name == "alpha":
                attribute.f *= 5


def second_norm_without_bias(model):
    [node] = [node for node in model.graph.node if "norm2" in node.output]
    next(one for one in node.attribute if one.name == "bias").f = 0.99


def red_first(model):
    change(model, "conv1_W", lambda w: w[:, ::-1])


def groups_of_conv4_swapped(model):
    change(model, "conv4_W", lambda w: np.concatenate([w[12:], w[:12]]))


def fc6_reads_columns_first(model):
    change(
        model,
        "fc6_W",
        lambda w: w.reshape(32, 16, 6, 6).transpose(0, 1, 3, 2).reshape(32, 576),
    )


def no_bias_at_the_end(model):
    change(model, "fc8-euclidean_B", np.zeros_like)


@pytest.mark.parametrize(
    ("broken", "layer"),
    [
        (red_first, "conv1"),
        (undivided_alpha, "norm1"),
        (second_norm_without_bias, "norm2"),
        (groups_of_conv4_swapped, "conv4"),
        (fc6_reads_columns_first, "fc6"),
        (no_bias_at_the_end, "fc8-euclidean"),
    ],
)
def test_a_broken_witness_is_reported_with_its_first_layer(
    small, small_onnx, own, tmp_path, broken, layer
):
    import onnx

    model = onnx.load(small_onnx)
    broken(model)
    onnx.save(model, tmp_path / "broken.onnx")
    witness = blobs_by_onnxruntime(tmp_path / "broken.onnx", small.crops)
    found = first_disagreement(own, witness, limit("witness.blob"))
    assert found is not None
    assert found[0] == layer
    with pytest.raises(
        MemnetError, match=rf"^onnxruntime disagrees, first at layer '{layer}': off"
    ):
        require_agreement("onnxruntime", own, witness, limit("witness.blob"))


def test_a_witness_that_rounds_pooling_down_is_reported_at_the_first_pooling(small, tmp_path):
    needs("caffe2onnx", "onnx", "onnxruntime")
    import onnx

    reference = stored_blobs("blobs_input224")
    model = onnx.load(at_224(small, tmp_path).onnx())
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "ceil_mode":
                attribute.i = 0
    # Rounded down, the network has no fc6 (5 x 5 numbers a channel); it is computed up to norm1.
    del model.graph.node[5:]
    del model.graph.output[BLOBS.index("norm1") :]
    for tensor in model.graph.output:
        tensor.type.tensor_type.ClearField("shape")
    onnx.save(model, tmp_path / "broken.onnx")
    witness = blobs_by_onnxruntime(tmp_path / "broken.onnx", noise_224())
    assert witness["pool1"].shape[2:] == (26, 26)
    found = first_disagreement(reference, witness, limit("legacy.blob224"))
    assert found == ("pool1", np.inf)


# The comparison itself.


def blobs(**values):
    return {name: np.asarray(value, dtype=np.float32) for name, value in values.items()}


def test_the_blobs_are_those_of_the_layer_table_in_its_order():
    assert BLOBS[0] == "data"
    assert list(BLOBS[1:]) == list(dict.fromkeys(layer.top for layer in LAYERS))


def test_the_first_disagreement_is_first_in_the_network_not_in_the_dictionary():
    reference = blobs(fc6=[1.0], conv1=[1.0], pool1=[1.0])
    witness = blobs(fc6=[3.0], pool1=[2.0], conv1=[1.0])
    assert first_disagreement(reference, witness, 0.1) == ("pool1", 1.0)


def test_a_distance_is_relative_to_the_references_root_mean_square():
    off = distances(blobs(conv1=[3.0, 4.0]), blobs(conv1=[3.0, 3.0]))
    assert off == {"conv1": pytest.approx(1 / np.sqrt(12.5), rel=1e-12)}


def test_a_distance_equal_to_the_limit_is_allowed():
    assert first_disagreement(blobs(conv1=[2.0]), blobs(conv1=[3.0]), 0.5) is None
    assert first_disagreement(blobs(conv1=[2.0]), blobs(conv1=[3.0]), 0.49) == ("conv1", 0.5)


@pytest.mark.parametrize("bad", [[np.nan, 1.0], [np.inf, 1.0], [1.0]])
def test_a_blob_that_is_not_finite_or_of_another_shape_is_infinitely_far(bad):
    assert distances(blobs(conv1=[1.0, 1.0]), blobs(conv1=bad)) == {"conv1": np.inf}


def test_a_blob_of_zeros_is_matched_by_zeros_only():
    assert distances(blobs(conv1=[0.0]), blobs(conv1=[0.0])) == {"conv1": 0.0}
    assert distances(blobs(conv1=[0.0]), blobs(conv1=[1e-30])) == {"conv1": np.inf}


def test_a_blob_that_memnet_does_not_have_is_an_error():
    with pytest.raises(MemnetError, match="There is no blob 'conv9'"):
        distances(blobs(conv1=[1.0]), blobs(conv9=[1.0]))


def test_a_witness_with_nothing_to_compare_is_an_error():
    with pytest.raises(MemnetError, match="no blob in common"):
        first_disagreement(blobs(data=[1.0], conv1=[1.0]), blobs(data=[1.0], fc6=[1.0]), 1.0)


def test_an_export_that_fails_leaves_the_earlier_file(tmp_path, monkeypatch):
    """The file is written whole or not at all."""
    path = tmp_path / "memnet.onnx"
    path.write_bytes(b"an earlier export")

    def half(model, args, file, **options):
        with open(file, "wb") as opened:
            opened.write(b"half")
        raise RuntimeError("stopped")

    monkeypatch.setattr(onnx_route, "_needed", lambda package: ModuleType(package))
    monkeypatch.setattr(torch.onnx, "export", half)
    with pytest.raises(RuntimeError, match="stopped"):
        export_onnx(torch.nn.Linear(1, 1), path)
    assert path.read_bytes() == b"an earlier export"
    assert [file.name for file in tmp_path.iterdir()] == ["memnet.onnx"]

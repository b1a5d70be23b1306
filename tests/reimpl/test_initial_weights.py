"""Where branches begin: exactly the source's numbers, exactly those branches, or a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor

from memnet.errors import MemnetError
from memnet.legacy.network import MemNetCaffe
from memnet.reimpl.branches import Network, bottleneck_resnet
from memnet.reimpl.initial_weights import BACKBONES, start_network
from memnet.reimpl.m3m import M3M
from memnet.reimpl.memnet import MemNet48, MemNet96
from memnet.reimpl.resmem import ResMem
from memnet.weights import backbones, store
from memnet.weights.catalogue import find
from memnet.weights.digests import file_digest, tensors_digest
from memnet.weights.files import MEAN_IMAGE, SourceFile, new_header, write_weights

CONVS = {"conv1": 4, "conv2": 4, "conv3": 4, "conv4": 4, "conv5": 4, "fc6": 8, "fc7": 8}
STAGES = {f"resnet_stage{stage}": 1 for stage in (1, 2, 3, 4)}
SMALL = {**CONVS, **STAGES, "resnet_width": 1, "fc8": 8, "fc9": 8, "fc10": 8, "fc11": 8}
IMAGENET, COCO = (BACKBONES[word][1] for word in ("imagenet", "coco"))


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("MEMNET_OFFLINE", raising=False)


def small(kind: type[Network] = ResMem, seed: int = 1, **sizes: int) -> Network:
    torch.manual_seed(seed)
    ours = {k: v for k, v in {**SMALL, **sizes}.items() if k in kind.published_sizes}
    network = kind(sizes=ours)
    for name, tensor in network.state_dict().items():
        if name.endswith(("running_mean", "running_var")):  # PyTorch begins them at 0 and 1
            tensor.uniform_(0.5, 2.0)
        elif name.endswith("num_batches_tracked"):
            tensor.fill_(seed)
    return network


def copy_of(network: Network) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def write(path: Path, tensors: dict[str, Tensor], spec_of: str = "resmem.published", **changes):
    entry = find(spec_of)
    fields = {
        "name": "a.run",
        "arch": "resmem",
        "sources": (SourceFile(role="weights", name="made in a test", sha256="0" * 64),),
        "tensors_sha256": tensors_digest(tensors),
        "licence": "a licence",
        "licence_notice": "a notice",
        "citation": "a citation",
        "trained_on": ("lamem:train:1", "lamem:val:1"),
        "remark": "",
        "preprocess": replace(entry.preprocess, mean_kind="none", mean_sha256=""),
        "output": entry.output,
    }
    write_weights(path, tensors, new_header(**{**fields, **changes}))
    return str(path)


@pytest.fixture
def run_file(tmp_path) -> tuple[str, dict[str, Tensor]]:
    """The weight file of a small ResMem, and what is in it."""
    tensors = copy_of(small(seed=5))
    return write(tmp_path / "run.safetensors", tensors), tensors


def moved(network: Network, before: dict[str, Tensor]) -> set[str]:
    """The branches of which any tensor is another than it was."""
    now = network.state_dict()
    return {network.branch_of(name) for name in now if not torch.equal(now[name], before[name])}


def all_equal(network: Network, branch: str, tensors: dict[str, Tensor]) -> bool:
    own = {n: t for n, t in network.state_dict().items() if network.branch_of(n) == branch}
    assert own
    return all(torch.equal(tensor, tensors[name]) for name, tensor in own.items())


RANDOM = {"resnet": "random", "convolutions": "random", "head": "random"}


# From a weight file


@pytest.mark.parametrize("branch", ["resnet", "convolutions", "head"])
def test_a_branch_gets_the_files_numbers_and_no_other_branch_moves(run_file, branch):
    path, tensors = run_file
    network = small()
    before = copy_of(network)
    starts = start_network(network, {**RANDOM, branch: path})
    assert all_equal(network, branch, tensors)
    assert moved(network, before) == {branch}
    assert [start.branch for start in starts] == ["resnet", "convolutions", "head"]
    (start,) = (start for start in starts if start.branch == branch)
    assert (start.source, start.trained_on) == (path, ("lamem:train:1", "lamem:val:1"))
    assert (start.licence, start.licence_notice) == ("a licence", "a notice")
    assert (start.citation, start.warning) == ("a citation", "")


def test_all_branches_from_one_file_make_the_same_network_and_read_it_once(run_file, monkeypatch):
    from memnet.reimpl import initial_weights as module

    path, tensors = run_file
    reads = []
    read = module.read_weights
    monkeypatch.setattr(module, "read_weights", lambda path: reads.append(path) or read(path))
    network = small()
    start_network(network, dict.fromkeys(RANDOM, path))
    assert tensors_digest(network.state_dict()) == tensors_digest(tensors)
    assert reads == [Path(path)]


def test_the_checksum_is_of_the_branchs_numbers_and_a_frozen_branch_keeps_it(run_file):
    path, _ = run_file
    network = small()
    start = start_network(network, {**RANDOM, "resnet": path})[0]
    network.freeze(("resnet",))
    network.train()
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network(torch.rand(2, 3, 227, 227)).sum().backward()
    optimizer.step()
    frozen = {n: t for n, t in network.state_dict().items() if network.branch_of(n) == "resnet"}
    assert tensors_digest(frozen) == start.sha256


def test_parameters_can_still_be_trained_and_are_no_part_of_the_source(run_file):
    path, _ = run_file
    network = small()
    start_network(network, dict.fromkeys(RANDOM, path))
    assert all(parameter.requires_grad for parameter in network.parameters())
    before = file_digest(Path(path))
    with torch.no_grad():
        network.fc8.weight.add_(1.0)
    assert file_digest(Path(path)) == before


def test_memnets_convolutions_start_resmems_which_are_the_same(tmp_path):
    memnet = small(MemNet48, seed=8)
    path = write(tmp_path / "memnet.safetensors", copy_of(memnet), arch="memnet48")
    network = small()
    start_network(network, {**RANDOM, "convolutions": path})
    pictures = torch.rand(1, 3, 227, 227)
    with torch.inference_mode():
        assert torch.equal(network.convolutions(pictures), memnet.convolutions(pictures))


def test_training_data_that_nobody_knows_stay_unknown(tmp_path):
    path = write(tmp_path / "run.safetensors", copy_of(small(seed=2)), trained_on=None)
    assert start_network(small(), {**RANDOM, "head": path})[2].trained_on is None


# From random numbers


def test_random_branches_stay_as_they_are_and_a_random_resnet_is_warned_about():
    network = small()
    before = copy_of(network)
    starts = start_network(network, RANDOM)
    assert moved(network, before) == set()
    assert [start.sha256 for start in starts] == ["", "", ""]
    assert [start.trained_on for start in starts] == [(), (), ()]
    assert "resnet branch begins from random numbers" in starts[0].warning
    assert "frozen it never will" in starts[0].warning
    assert [start.warning for start in starts[1:]] == ["", ""]


# From torchvision's backbones


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Return a function that makes a network's numbers the published file of a backbone."""
    entries = dict(backbones.backbones())
    monkeypatch.setattr(backbones, "backbones", lambda: entries)

    def made(name: str, network: torch.nn.Module, **changes: object) -> None:
        path = Path(torch.hub.get_dir()) / "checkpoints" / entries[name].file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(network.state_dict(), path)
        entries[name] = replace(entries[name], sha256=file_digest(path)[:8], **changes)

    return made


def test_imagenet_gives_the_resnet_that_torchvision_would_compute_with(publish, monkeypatch):
    torch.manual_seed(6)
    stages = {**STAGES, "resnet_width": 1}
    published = bottleneck_resnet(stages, "resnet").eval()
    for name, tensor in published.state_dict().items():
        if name.endswith("running_mean"):
            tensor.normal_()
    monkeypatch.setitem(
        torchvision.models._api.BUILTIN_MODELS,
        "memnet_tiny",
        lambda weights: bottleneck_resnet(stages, "resnet"),
    )
    publish(IMAGENET, published, model="memnet_tiny")
    network = small().eval()
    before = copy_of(network)
    start = start_network(network, {**RANDOM, "resnet": "imagenet"})[0]
    assert moved(network, before) == {"resnet"}
    tensors = {f"features.{name}": tensor for name, tensor in published.state_dict().items()}
    assert all_equal(network, "resnet", tensors)
    pictures = torch.rand(1, 3, 227, 227)
    with torch.inference_mode():
        assert torch.equal(network.resnet(pictures), published(pictures))
    assert (start.source, start.trained_on, start.warning) == ("imagenet", (), "")
    assert start.sha256 == tensors_digest(tensors)
    assert "BSD" in start.licence
    assert "He, Zhang, Ren & Sun (2016)" in start.citation


def test_coco_gives_the_fcn_of_torchvision_at_its_own_size_without_the_auxiliary_head(publish):
    torch.manual_seed(7)
    published = torchvision.models.segmentation.fcn_resnet50(
        weights=None, weights_backbone=None, aux_loss=True
    ).eval()
    publish(COCO, published)
    network = small(M3M).eval()
    before = copy_of(network)
    starts = start_network(network, {**RANDOM, "segmentation": "coco"})
    assert moved(network, before) == {"segmentation"}
    tensors = {f"fcn.{name}": tensor for name, tensor in published.state_dict().items()}
    assert all_equal(network, "segmentation", tensors)
    pictures = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(network.segmentation(pictures), published(pictures)["out"])
    (start,) = (start for start in starts if start.branch == "segmentation")
    assert (start.source, start.trained_on, start.warning) == ("coco", (), "")
    assert "Long, Shelhamer & Darrell (2015)" in start.citation


def test_a_backbone_that_is_not_at_hand_is_answered_with_every_way_out():
    network = small()
    with pytest.raises(MemnetError, match=r"memnet weights fetch torchvision\.resnet152") as caught:
        start_network(network, {**RANDOM, "resnet": "imagenet"})
    assert "such as 'resmem.published'" in str(caught.value)


def test_a_backbone_of_another_size_is_refused(publish, monkeypatch):
    sizes = {**STAGES, "resnet_width": 2}
    monkeypatch.setitem(
        torchvision.models._api.BUILTIN_MODELS,
        "memnet_tiny",
        lambda weights: bottleneck_resnet(sizes, "resnet"),
    )
    publish(IMAGENET, bottleneck_resnet(sizes, "resnet"), model="memnet_tiny")
    with pytest.raises(
        MemnetError,
        match=r"imagenet cannot start the resnet branch of ResMem: "
        r"features\.layer1\.0\.conv1\.weight has shape \(2, 64, 1, 1\) there, "
        r"the network wants \(1, 64, 1, 1\)",
    ):
        start_network(small(), {**RANDOM, "resnet": "imagenet"})


@pytest.mark.parametrize(
    ("branch", "word"), [("head", "imagenet"), ("convolutions", "coco"), ("resnet", "coco")]
)
def test_a_backbone_starts_no_other_branch_than_its_own(branch, word):
    with pytest.raises(MemnetError, match=rf"'{word}' .* branch only, not '{branch}'"):
        start_network(small(), {**RANDOM, branch: word})


def test_nor_does_it_where_its_own_branch_was_read_before(publish, monkeypatch):
    sizes = {**STAGES, "resnet_width": 1}
    monkeypatch.setitem(
        torchvision.models._api.BUILTIN_MODELS,
        "memnet_tiny",
        lambda weights: bottleneck_resnet(sizes, "resnet"),
    )
    publish(IMAGENET, bottleneck_resnet(sizes, "resnet"), model="memnet_tiny")
    with pytest.raises(MemnetError, match="can start a resnet branch only, not 'head'"):
        start_network(small(), {**RANDOM, "resnet": "imagenet", "head": "imagenet"})


# From models of the catalogue


@pytest.fixture
def caffe_model() -> MemNetCaffe:
    """A small original MemNet in the store, as an import would leave it."""
    torch.manual_seed(9)
    model = MemNetCaffe({**CONVS, "fc8": 1}).eval()
    entry = find("memnet.caffe_lamem")
    tensors = {**model.state_dict(), MEAN_IMAGE: torch.rand(256, 256, 3)}
    from memnet.preprocess.spec import mean_digest

    write(
        store.stored_path(entry),
        tensors,
        name=entry.name,
        arch=entry.arch,
        preprocess=replace(entry.preprocess, mean_sha256=mean_digest(tensors[MEAN_IMAGE].numpy())),
        output=entry.output,
        trained_on=entry.trained_on,
    )
    return model


def test_the_original_memnet_starts_memnet96_which_then_computes_the_same(caffe_model):
    network = small(MemNet96).eval()
    starts = start_network(
        network, {"convolutions": "memnet.caffe_lamem", "head": "memnet.caffe_lamem"}
    )
    tensors = caffe_model.state_dict()
    for branch in network.branches:
        assert all_equal(network, branch, tensors)
    pictures = torch.rand(1, 3, 227, 227)
    with torch.inference_mode():
        expected = caffe_model(pictures)
        assert abs(network(pictures) - expected) < 1e-5 * abs(expected)
    for start in starts:
        assert "fed BGR pixels from 0 to 255 less a mean image" in start.warning
        assert "fed RGB pixels from 0 to 1" in start.warning


def test_the_original_memnet_does_not_start_the_rebuilt_one(caffe_model):
    with pytest.raises(MemnetError, match=r"branch of MemNet48: conv3\.weight has shape"):
        start_network(small(MemNet48), {"convolutions": "memnet.caffe_lamem", "head": "random"})


def test_the_published_resmem_starts_every_branch_exactly(monkeypatch):
    monkeypatch.undo()  # the user's own store: 530 MB that need not be written for this
    entry = find("resmem.published")
    installed = entry.local_copy()
    if installed is None:
        pytest.skip("needs the weights of resmem.published; pip install resmem")
    published = torch.load(installed, map_location="cpu", weights_only=True, mmap=True)
    network = ResMem()
    head = network.fc6.weight.clone()
    starts = start_network(
        network,
        {"resnet": "resmem.published", "convolutions": "resmem.published", "head": "random"},
    )
    assert all_equal(network, "resnet", published)
    assert all_equal(network, "convolutions", published)
    assert torch.equal(network.fc6.weight, head)
    for start in starts[:2]:
        assert "non-commercial" in start.licence_notice  # what is trained from it inherits that
        assert start.trained_on == ("lamem", "memcat", "lamem+memcat")
        assert start.warning == ""
    assert starts[2].licence_notice == ""


# What is refused


def test_a_head_of_another_width_names_the_first_tensor_that_differs(run_file):
    path, _ = run_file
    network = small(M3M, fcn_stage1=1, fcn_stage2=1, fcn_stage3=1, fcn_stage4=1, fcn_width=1)
    with pytest.raises(
        MemnetError,
        match=r"cannot start the head branch of M3M: fc6\.weight has shape \(8, 1144\) there, the "
        r"network wants \(8, 2296\)",
    ):
        start_network(network, {**RANDOM, "segmentation": "random", "head": path})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"features.bn1.running_var": None}, r"features\.bn1\.running_var is not there \(1 of "),
        ({"features.bn1.num_batches_tracked": None}, "num_batches_tracked is not there"),
        (
            {"features.layer3.1.conv1.weight": torch.zeros(1)},
            r"the network has no place for features\.layer3\.1\.conv1\.weight",
        ),
        (
            {"features.conv1.weight": torch.zeros(64, 3, 7, 7).half()},
            r"features\.conv1\.weight has type torch\.float16 there",
        ),
    ],
    ids=["no statistics", "no counter", "a deeper network", "half precision"],
)
def test_a_branch_that_is_not_all_there_is_refused(tmp_path, change, told):
    tensors = {**copy_of(small(seed=2)), **change}
    tensors = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    path = write(tmp_path / "run.safetensors", tensors)
    network = small()
    before = copy_of(network)
    with pytest.raises(MemnetError, match=told):
        start_network(network, {**RANDOM, "resnet": path})
    assert moved(network, before) == set()


def test_other_branches_of_a_file_do_not_matter(tmp_path):
    tensors = {n: t for n, t in copy_of(small(seed=2)).items() if n.startswith("features.")}
    path = write(tmp_path / "run.safetensors", tensors)
    network = small()
    start_network(network, {**RANDOM, "resnet": path})
    assert all_equal(network, "resnet", tensors)


def test_nothing_is_changed_where_a_later_branch_cannot_start(run_file, tmp_path):
    path, _ = run_file
    network = small()
    before = copy_of(network)
    with pytest.raises(MemnetError, match="no weight file"):
        start_network(
            network, {**RANDOM, "resnet": path, "head": str(tmp_path / "gone.safetensors")}
        )
    assert moved(network, before) == set()


def test_damaged_numbers_start_nothing(run_file):
    path, _ = run_file
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[:-4] + b"\xff\xff\xff\x7f")
    with pytest.raises(MemnetError, match="do not match their checksum"):
        start_network(small(), {**RANDOM, "head": path})


def test_a_branch_without_a_source_is_asked_for():
    with pytest.raises(MemnetError, match="where the convolutions and the head of ResMem should"):
        start_network(small(), {"resnet": "random"})


def test_a_mistyped_branch_is_answered_with_the_nearest_one():
    with pytest.raises(MemnetError, match=r"no branch of ResMem 'heads'\. Did you mean 'head'\?"):
        start_network(small(), {**RANDOM, "heads": "random"})


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("resmem.publised", r"Did you mean 'resmem\.published'\?"),
        ("imagnet", r"Did you mean 'imagenet'\?"),
        ("weights.pt", r"Or give the path of a \.safetensors file"),
    ],
)
def test_a_mistyped_source_is_answered_with_what_there_is(source, told):
    with pytest.raises(MemnetError, match=told) as caught:
        start_network(small(), {**RANDOM, "resnet": source})
    assert "'coco'" not in str(caught.value)  # which is no start of a ResNet

"""`--precision` by ONNX Runtime: exact to 1e-6, and no kind where it is not installed."""

from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest
import torch
from torch import nn

import memnet
import references
from memnet.errors import MemnetError
from memnet.legacy.network import MemNetCaffe
from memnet.preprocess.decode import USUAL_LIMITS
from memnet.reimpl.resmem import ResMem
from memnet.scoring.lazy_model import LazyModel, open_models
from memnet.scoring.named import find_named
from memnet.scoring.precision import choice, measuring, onnx_runtime
from memnet.scoring.precision.calibration import make_pictures
from memnet.scoring.precision.kinds import find_kind
from memnet.scoring.precision.records import Measured, describe
from memnet.scoring.precision.sharing import UnsuitableError
from needs import skip_for
from planted import SMALL
from references import limit
from small_backbone import write_backbone

LIMIT = limit("precision.onnx_runtime")


@pytest.fixture(autouse=True)
def _installed():
    if not onnx_runtime.versions():
        skip_for("onnxruntime", 'pip install "memnet-harness[fast]"')


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(measuring, "PICTURES", 16)
    monkeypatch.setattr(measuring, "_MUCH_SLOWER", np.inf)  # tests run beside other programs


@pytest.fixture
def backbone(tmp_path):
    return write_backbone(tmp_path / "b.safetensors")


@pytest.fixture
def fastest(monkeypatch):
    """Let a measurement find that it is the fastest."""

    def measure(predictor, machine):
        return [_figures(kind="another", speed=1.5), _figures(machine=machine)]

    monkeypatch.setattr(measuring, "measure", measure)


def _figures(kind=onnx_runtime.NAME, speed=2.0, machine=""):
    return Measured(
        kind=kind,
        speed=speed,
        mean_change=1e-7,
        largest_change=1e-6,
        spearman=1.0,
        pictures=16,
        machine=machine,
    )


class Uneven(nn.Module):
    """A network whose score depends on where what is, and that drops half of it in training."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2)
        self.dropout, self.dense = nn.Dropout(), nn.Linear(8 * 10 * 8, 1)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x)))
        return torch.sigmoid(self.dense(self.dropout(x.flatten(1)))).flatten()


def _small(kind):
    torch.manual_seed(1)
    if kind is MemNetCaffe:
        widths = {f"conv{n}": 16 for n in range(1, 6)} | {"fc6": 32, "fc7": 32}
        return kind(widths)
    return kind(sizes={k: v for k, v in SMALL.items() if k in kind.published_sizes})


@pytest.mark.parametrize("in_training", [False, True])
def test_scores_are_the_exact_ones_of_any_number_of_pictures_in_any_layout(in_training):
    network = Uneven().train(in_training)
    faster = onnx_runtime.make(network, torch.zeros(1, 3, 12, 10))
    assert network.training == in_training
    network.eval()
    draw = torch.Generator().manual_seed(2)
    for count in (1, 3, 8):
        inputs = torch.rand(count, 3, 12, 10, generator=draw)
        expected = network(inputs)
        for layout in (torch.contiguous_format, torch.channels_last):
            outputs = faster(inputs.to(memory_format=layout))
            assert outputs.shape == (count,)
            assert outputs.dtype == torch.float32
            assert (outputs - expected).abs().max() <= LIMIT
    assert (network(inputs.flip(-1)) - expected).abs().max() > 1e-3  # else a layout could not show


@pytest.mark.parametrize("kind", [ResMem, MemNetCaffe])
def test_networks_of_memnet_are_computed_by_it(kind):
    network = _small(kind).eval()
    inputs = torch.rand(3, 3, 227, 227, generator=torch.Generator().manual_seed(2))
    inputs = inputs.to(memory_format=torch.channels_last)
    expected = network.to(memory_format=torch.channels_last)(inputs).detach()
    outputs = onnx_runtime.make(network, inputs[:1])(inputs)
    assert (outputs - expected).abs().max() <= LIMIT * max(1, expected.abs().max())


def test_nothing_is_said_by_the_exporter(capfd, recwarn):
    onnx_runtime.make(_small(ResMem), torch.zeros(1, 3, 227, 227))
    assert capfd.readouterr() == ("", "")
    assert len(recwarn) == 0


def test_a_copy_and_a_pickled_one_compute_alike():
    faster = onnx_runtime.make(
        nn.Sequential(nn.Conv2d(3, 1, 4), nn.Flatten()), torch.zeros(1, 3, 4, 4)
    )
    inputs = torch.rand(3, 3, 4, 4)
    for other in (copy.deepcopy(faster), pickle.loads(pickle.dumps(faster))):
        assert torch.equal(other(inputs), faster(inputs))


class Unknown(nn.Module):
    """ONNX has no such operation."""

    def forward(self, x):
        return torch.linalg.eigvalsh(x @ x.mT).sum(dim=(1, 2))


def test_a_network_that_cannot_be_exported_is_no_rival(home):
    with pytest.raises(UnsuitableError, match="ONNX Runtime does not take it"):
        onnx_runtime.make(Unknown(), torch.zeros(1, 3, 4, 4))
    spec = memnet.weights.catalogue.find("resmem.published").preprocess
    predictor = memnet.Predictor.from_function("eigen.v1", lambda x: x, preprocess=spec)
    predictor.network = Unknown()
    assert measuring.measure(predictor, kinds=[find_kind(onnx_runtime.NAME)]) == []


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_it_is_no_kind_where_it_is_not_installed(home, backbone, monkeypatch, missing):
    header = find_named(str(backbone)).header
    assert onnx_runtime.is_possible("cpu", "avx2")
    assert not onnx_runtime.is_possible("cuda", "avx2")
    before = describe(header, "cpu").machine
    find_spec = onnx_runtime.find_spec
    monkeypatch.setattr(
        onnx_runtime, "find_spec", lambda name: None if name == missing else find_spec(name)
    )
    assert not onnx_runtime.is_possible("cpu", "avx2")
    assert describe(header, "cpu").machine != before  # what was measured with it is not kept
    kinds = [find_kind(onnx_runtime.NAME)]
    assert measuring.measure(memnet.load(backbone, device="cpu"), kinds=kinds) == []


def test_another_version_is_measured_anew(home, backbone, monkeypatch):
    header = find_named(str(backbone)).header
    before = describe(header, "cpu").machine
    assert describe(header, "cpu").machine == before
    monkeypatch.setattr(onnx_runtime, "version", lambda name: "1.99")
    assert describe(header, "cpu").machine != before


def test_where_it_is_the_fastest_it_scores_and_its_scores_are_kept_apart(home, backbone, fastest):
    exact = memnet.load(backbone, device="cpu")
    fast = memnet.load(backbone, device="cpu", precision="fast")
    assert fast.computing.kind == onnx_runtime.NAME
    pictures = [np.asarray(each) for each in make_pictures(3)]
    scores = fast.score(pictures)
    assert scores.attrs["models"][fast.label]["precision"] == onnx_runtime.NAME
    assert np.abs(scores["raw"] - exact.score(pictures)["raw"]).max() <= LIMIT
    assert fast.scoring_digest(USUAL_LIMITS) not in (None, exact.scoring_digest(USUAL_LIMITS))
    unmeasured = exact.with_network(find_kind(onnx_runtime.NAME).make)
    assert unmeasured.scoring_digest(USUAL_LIMITS) is None  # else the cache would give exact ones
    with pytest.raises(MemnetError, match="Gradients are those of the exact network"):
        fast.score_tensor(torch.rand(1, 3, 40, 40))


def test_variants_share_its_network(home, backbone, fastest):
    named = [
        choice.at_precision(find_named(f"{backbone}{variant}"), "fast", "cpu", lambda: None)
        for variant in ("", ":pillow-12")
    ]
    own, variant = (model.load() for model in open_models(named, "cpu"))
    assert own.network is variant.network
    assert LazyModel(named[0], "cpu").load().network is not own.network


def test_measured_beside_exact_it_is_within_the_limit(home, backbone):
    (found,) = measuring.measure(
        memnet.load(backbone, device="cpu"), kinds=[find_kind(onnx_runtime.NAME)]
    )
    assert found.largest_change <= LIMIT
    assert found.speed > 0


def test_a_computer_without_it_says_so(home, backbone, fastest, monkeypatch, golden_pictures):
    scorer = memnet.BatchScorer(backbone, device="cpu", precision="fast", cache=False)
    elsewhere = pickle.loads(pickle.dumps(scorer))
    table = {"path": [str(path) for path in golden_pictures.values()][:1]}
    assert elsewhere(table)["raw"].tolist() == scorer(table)["raw"].tolist()
    sys.modules["memnet.scoring.batch_scorer"]._open.cache_clear()
    monkeypatch.setattr(onnx_runtime, "find_spec", lambda name: None)
    elsewhere = pickle.loads(pickle.dumps(scorer))
    with pytest.raises(
        MemnetError, match=r"b\.safetensors was to be computed as float32 by ONNX"
    ) as e:
        elsewhere(table)
    assert 'pip install "memnet-harness[fast]"' in str(e.value)


def test_as_many_threads_as_pytorch_has(monkeypatch):
    import onnxruntime

    asked = []

    class Options(onnxruntime.SessionOptions):
        def __setattr__(self, name, value):
            asked.append((name, value))
            super().__setattr__(name, value)

    monkeypatch.setattr(onnxruntime, "SessionOptions", Options)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        onnx_runtime.make(Uneven(), torch.zeros(1, 3, 12, 10))
    finally:
        torch.set_num_threads(threads)
    assert ("intra_op_num_threads", threads + 1) in asked


@pytest.mark.slow
def test_resmem_by_it_over_photographs(resmem, shared):
    paths = sorted((shared / "data" / "pictures" / "images").iterdir())[:400:8]
    found = references.faster_scores(
        resmem, paths, "50 pictures of MemCat", [find_kind(onnx_runtime.NAME)]
    )
    assert references.too_far(found) == []

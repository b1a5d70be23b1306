"""`--precision`: what is faster is measured beside exact, refused over its limits, and recorded."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import memnet
from command import run_memnet
from memnet.compare.report.to_paste import methods_text
from memnet.errors import MemnetError
from memnet.preprocess.decode import USUAL_LIMITS
from memnet.reimpl.branches import last_layer
from memnet.reimpl.falseresmem import FalseResMem
from memnet.reimpl.m3m import M3M
from memnet.reimpl.memnet import MemNet48
from memnet.reimpl.resmem import ResMem
from memnet.scoring.lazy_model import find_model
from memnet.scoring.numeric_environment import UNKNOWN
from memnet.scoring.precision import LIMITS, choice, measuring
from memnet.scoring.precision.calibration import make_pictures
from memnet.scoring.precision.kinds import KINDS, Kind, find_kind, fold_batch_norms
from memnet.scoring.precision.records import Measured
from memnet.scoring.precision.sharing import UnsuitableError
from planted import SMALL
from references import limit
from small_backbone import write_backbone

FOLDED, BY_ONNX_RUNTIME, BETWEEN, WHOLE = (kind.name for kind in KINDS)
TRIED_HERE = [kind for kind in KINDS if kind.is_possible("cpu", UNKNOWN)]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(measuring, "PICTURES", 16)
    monkeypatch.setattr(measuring, "_MUCH_SLOWER", np.inf)  # tests run beside other programs
    return tmp_path / "home"


@pytest.fixture
def backbone(tmp_path):
    return write_backbone(tmp_path / "b.safetensors")


@pytest.fixture
def measured(monkeypatch):
    """Let a measurement find that folding is twice as fast; says of which models it was asked."""
    asked = []

    def measure(predictor, machine):
        asked.append(predictor.name)
        return [figures(kind=FOLDED, machine=machine)]

    monkeypatch.setattr(measuring, "measure", measure)
    return asked


def figures(**changes):
    usual = {
        "kind": "a kind",
        "speed": 2.0,
        "mean_change": 0.001,
        "largest_change": 0.005,
        "spearman": 0.9999,
        "pictures": 64,
        "machine": "",
    }
    return Measured(**{**usual, **changes})


class Residual(nn.Module):
    """Convolutions and batch norms as networks have them, and as they must not be folded."""

    def __init__(self, twice: bool = False) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.twice = twice
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.second, self.lonely = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.dense = nn.Linear(8, 1)
        for norm in (self.norm, self.lonely):
            nn.init.uniform_(norm.weight, 0.5, 2)
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
        self.eval()

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x)))
        x = x + self.lonely(torch.relu(self.second(x)))  # this norm follows no convolution
        if self.twice:
            x = x + self.second(x)
        return torch.sigmoid(last_layer(self.dense, x.mean(dim=(2, 3)))).flatten()


EXAMPLE = torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(2))


def test_only_a_batch_norm_that_reads_a_convolution_is_folded_and_the_scores_stay():
    network = Residual()
    folded, convolutions = fold_batch_norms(network, EXAMPLE[:1])
    assert len(convolutions) == 1
    assert isinstance(folded.norm, nn.Identity)
    assert isinstance(folded.lonely, nn.BatchNorm2d)
    apart = (folded(EXAMPLE) - network(EXAMPLE)).abs().max()
    assert 0 < apart <= limit("precision.folded")


@pytest.mark.parametrize("kind", [ResMem, FalseResMem, M3M])
def test_every_batch_norm_of_resmem_and_its_kin_is_folded(kind):
    network = kind(sizes={k: v for k, v in SMALL.items() if k in kind.published_sizes}).eval()
    norms = [each for each in network.modules() if isinstance(each, nn.BatchNorm2d)]
    folded, convolutions = fold_batch_norms(network, torch.zeros(1, 3, 227, 227))
    assert len(convolutions) == len(norms) > 10
    assert not any(isinstance(each, nn.BatchNorm2d) for each in folded.modules())


def test_a_faster_network_leaves_the_exact_one_as_it_was_and_shares_what_it_can():
    network = Residual()
    before = {name: each.clone() for name, each in network.state_dict().items()}
    scores = network(EXAMPLE)
    for kind in TRIED_HERE:
        faster = kind.make(network, EXAMPLE[:1])
        assert {each.data_ptr() for each in faster.parameters()} & {
            each.data_ptr() for each in network.parameters()
        }
        if kind.name != BY_ONNX_RUNTIME:  # whose sums may well come out alike
            assert not torch.equal(faster(EXAMPLE), scores)
    assert all(torch.equal(before[name], each) for name, each in network.state_dict().items())
    assert torch.equal(network(EXAMPLE), scores)


def test_bfloat16_rounds_the_network_but_not_the_score():
    scores = find_kind(WHOLE).make(Residual(), EXAMPLE[:1])(EXAMPLE)
    assert scores.dtype == torch.float32
    assert not torch.equal(scores, scores.bfloat16().float())
    apart = (scores - Residual()(EXAMPLE)).abs().max()
    assert 1e-6 < apart < 0.02  # 8 bits: two to three digits


def test_a_network_without_batch_norms_is_rounded_as_a_whole_or_not_at_all():
    network = MemNet48(sizes={k: v for k, v in SMALL.items() if k in MemNet48.published_sizes})
    network.eval()
    example = torch.rand(1, 3, 227, 227)
    for name in (FOLDED, BETWEEN):
        with pytest.raises(UnsuitableError):
            find_kind(name).make(network, example)
    assert not torch.equal(find_kind(WHOLE).make(network, example)(example), network(example))


def test_a_kind_is_measured_by_how_far_its_scores_lie_from_the_exact_ones(home, backbone):
    class Shifted(nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, x):
            scores = self.network(x)
            return scores + torch.where(x[:, 0].mean(dim=(1, 2)) > 0.5, 0.003, -0.001)

    shifted = Kind("shifted", lambda network, example: Shifted(network), lambda *_: True)
    (found,) = measuring.measure(memnet.load(backbone, device="cpu"), kinds=[shifted])
    bright = np.array([np.asarray(each)[..., 0].mean() / 255 for each in make_pictures(16)])
    assert found.mean_change == pytest.approx(np.where(bright > 0.5, 0.003, 0.001).mean(), rel=0.3)
    assert found.largest_change == pytest.approx(0.003, abs=1e-6)
    assert found.pictures == 16
    assert found.speed > 0
    assert choice.choose([found], "fast", "planted") is None


def test_a_kind_that_fails_on_this_network_or_gives_no_number_is_no_choice(home, backbone):
    def broken(network, example):
        def forward(inputs):
            raise RuntimeError("no such kernel")

        return forward

    def nothing(network, example):
        return lambda inputs: torch.full((len(inputs),), torch.nan)

    kinds = [Kind("broken", broken, lambda *_: True), Kind("nan", nothing, lambda *_: True)]
    (found,) = measuring.measure(memnet.load(backbone, device="cpu"), kinds=kinds)
    assert found.kind == "nan"
    assert choice.choose([found], "max", "planted") is None


def test_a_processor_without_bfloat16_is_not_asked_for_it(home, backbone, monkeypatch):
    machine = measuring.scoring_environment(torch.device("cpu"))
    old = {**machine, "cpu instructions": "avx avx2 fma sse4_1"}
    monkeypatch.setattr(measuring, "scoring_environment", lambda device: old)
    found = measuring.measure(memnet.load(backbone, device="cpu"))
    without = [FOLDED, BY_ONNX_RUNTIME]
    assert [each.kind for each in found] == [k.name for k in TRIED_HERE if k.name in without]
    assert found[0].largest_change <= limit("precision.folded")


def test_the_fastest_within_the_limits_is_taken(capsys):
    slow, quick = figures(kind="slow", speed=1.5), figures(kind="quick", speed=3.0)
    assert choice.choose([slow, quick], "fast", "m").kind == "quick"
    assert choice.choose([figures(speed=1.01)], "fast", "m") is None
    far = figures(kind="far", speed=4.0, largest_change=0.03)
    assert choice.choose([slow, far], "fast", "m1").kind == "slow"
    assert choice.choose([slow, far], "max", "m1").kind == "far"
    for bad in ({"mean_change": 0.0021}, {"spearman": 0.9989}, {"spearman": None}):
        for precision in LIMITS:
            assert choice.choose([figures(**bad)], precision, "m2") is None
    said = capsys.readouterr().err
    assert "m1: far is refused for --precision fast: a score changes by 0.0300" in said
    assert "m2, fast" not in said
    assert "its scores are exact ones" in said


def test_a_machine_measures_a_model_once_and_a_changed_weight_file_anew(home, backbone, measured):
    for precision in ("fast", "max", "fast"):
        model = memnet.load(backbone, device="cpu", precision=precision)
        assert model.computing.kind == FOLDED
    assert len(measured) == 1
    backbone.unlink()
    write_backbone(backbone, seed=4)
    memnet.load(backbone, device="cpu", precision="fast")
    assert len(measured) == 2
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        memnet.load(backbone, device="cpu", precision="fast")
    finally:
        torch.set_num_threads(threads)
    assert len(measured) == 3
    for record in (home / "precision").iterdir():
        record.write_text(record.read_text()[:-40])  # half of one is none
    memnet.load(backbone, device="cpu", precision="fast")
    assert len(measured) == 4


def test_exact_measures_nothing_and_a_misspelt_precision_is_named(home, backbone, measured):
    assert memnet.load(backbone, device="cpu").computing is None
    assert measured == []
    with pytest.raises(MemnetError, match=r"no precision 'fsat'\. Did you mean 'fast'"):
        memnet.load(backbone, device="cpu", precision="fsat")


def test_fast_scores_are_those_of_the_kind_and_the_identity_says_so(home, backbone, measured):
    exact = memnet.load(backbone, device="cpu")
    fast = memnet.load(backbone, device="cpu", precision="fast")
    folded = exact.with_network(find_kind(FOLDED).make)
    pictures = [np.asarray(each) for each in make_pictures(3)]
    scores = fast.score(pictures)
    assert scores["raw"].tolist() == folded.score(pictures)["raw"].tolist()
    about = scores.attrs["models"][fast.label]
    assert about["precision"] == FOLDED
    assert about["deviation_from_exact"]["mean_change"] == 0.001
    assert "precision" not in exact.identity()
    with pytest.raises(MemnetError, match="Gradients are those of the exact network"):
        fast.score_tensor(torch.rand(1, 3, 40, 40))


def test_the_score_cache_keeps_exact_and_fast_scores_apart(home, backbone, measured):
    exact = memnet.load(backbone, device="cpu")
    fast = memnet.load(backbone, device="cpu", precision="fast")
    assert exact.scoring_digest(USUAL_LIMITS) is not None
    assert fast.scoring_digest(USUAL_LIMITS) != exact.scoring_digest(USUAL_LIMITS)
    assert find_model(backbone, "cpu").digest(USUAL_LIMITS) == exact.scoring_digest(USUAL_LIMITS)


def test_a_table_of_exact_scores_is_not_continued_with_fast_ones_nor_the_reverse(
    home, backbone, measured, tmp_path, golden_pictures
):
    picture = next(iter(golden_pictures.values()))
    command = ("score", picture, "-m", backbone, "--device", "cpu")
    run_memnet(*command, "--out", tmp_path / "exact.csv")
    done = run_memnet(*command, "--out", tmp_path / "fast.csv", "--precision", "fast")
    assert f"{backbone}, fast: {FOLDED}, 2.0 times the speed of the exact network" in done.stderr
    for table, precision in (("exact", "fast"), ("fast", "exact")):
        out = tmp_path / f"{table}.csv"
        done = run_memnet(*command, "--out", out, "--precision", precision, check=2)
        assert "made another way (different: precision)" in done.stderr
    run_memnet(*command, "--out", tmp_path / "fast.csv", "--precision", "max")  # the same kind
    (about,) = json.loads((tmp_path / "fast.csv.json").read_text())["models"].values()
    assert about["precision"] == FOLDED
    (about,) = json.loads((tmp_path / "exact.csv.json").read_text())["models"].values()
    assert not about.keys() & {"precision", "deviation_from_exact"}


def test_the_calibration_pictures_are_the_same_everywhere_and_differ_from_each_other():
    few, more = make_pictures(2), make_pictures(8)
    assert [each.tobytes() for each in few] == [each.tobytes() for each in more[:2]]
    means = np.array([np.asarray(each).mean() for each in more])
    assert means.std() > 10


def test_a_comparison_says_of_fast_scores_how_far_they_lie_from_exact_ones(
    home, backbone, measured, tmp_path, golden_pictures
):
    folder = tmp_path / "pictures"
    folder.mkdir()
    truth = ["image_id,human_score"]
    for number, path in enumerate(golden_pictures.values()):
        (folder / path.name).write_bytes(path.read_bytes())
        truth.append(f"{path.name},{0.5 + number / 20}")
    (tmp_path / "truth.csv").write_text("\n".join(truth))
    texts = []
    for precision in ("exact", "fast"):
        out = tmp_path / f"{precision}.csv"
        device = ("--device", "cpu")
        run_memnet(
            *("score", folder, "-m", backbone, "--as", "mine", *device),
            *("--out", out, "--precision", precision),
        )
        record = memnet.compare(
            tmp_path / "truth.csv", out, truth_column="human_score", resamples=50
        )
        texts.append(methods_text(record))
    assert "exactly" not in texts[0]
    assert (
        f"Scores of mine were computed faster than exactly ({FOLDED}): scores of 64 calibration "
        "pictures lay 0.0010 on average, and 0.0050 at most, from the exact ones."
    ) in texts[1]


def test_a_scorer_computes_elsewhere_as_was_chosen_where_it_was_made(
    home, backbone, measured, golden_pictures
):
    scorer = memnet.BatchScorer(backbone, device="cpu", precision="fast", cache=False)
    table = {"path": [str(path) for path in golden_pictures.values()][:2]}
    raw = scorer(table)["raw"].tolist()
    assert raw == pickle.loads(pickle.dumps(scorer))(table)["raw"].tolist()
    fast = memnet.load(backbone, device="cpu", precision="fast")
    assert raw == fast.score(table["path"])["raw"].tolist()
    assert len(measured) == 1

"""verify-legacy on LaMem-shaped folders with planted truths: the verdict comes out every way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

import references
from command import run_memnet
from memnet.data.lamem import read_test_split
from memnet.errors import MemnetError
from memnet.experiments.verify_legacy import (
    BAND,
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    decide_verdict,
)

CAFFEMODEL = references.GOLDEN / "mini" / "mini_v2.caffemodel"
MEAN = references.GOLDEN / "mean" / "synthetic_mean.binaryproto"


def planted(scores: np.ndarray, rho: float, seed: int) -> np.ndarray:
    """A truth in [0, 1] whose Spearman correlation with the scores is rho, to 0.002 or so."""
    z = stats.norm.ppf((stats.rankdata(scores) - 0.5) / len(scores))
    noise = np.random.default_rng(seed).standard_normal(len(scores))
    low, high = -1.0, 1.0
    for _ in range(40):
        mix = (low + high) / 2
        truth = mix * z + np.sqrt(1 - mix**2) * noise
        found = stats.spearmanr(truth, scores).statistic
        low, high = (mix, high) if found < rho else (low, mix)
    return np.clip(0.75 + 0.1 * truth, 0, 1).round(6)


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A folder of LaMem's shape with 104 small pictures in five splits, verified once.

    Returns the folder and that of the results, whose scores later runs find.
    """
    root = tmp_path_factory.mktemp("lamem")
    (root / "images").mkdir()
    random = np.random.default_rng(120)
    names = [f"{number:05d}.png" for number in range(104)]
    for name in names:
        pixels = random.integers(256, size=(30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "images" / name)
    plant(root, dict(zip(names, random.random(104), strict=True)), dict.fromkeys(range(1, 6), 0.5))
    done = run(run_memnet, root, root / "out")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def lamem(tmp_path, scored):
    """A copy of the folder, its results in ``out``, and what the small network says."""
    shutil.copytree(scored, tmp_path / "lamem")
    (tmp_path / "lamem" / "out").rename(tmp_path / "out")
    for path in tmp_path.glob("out/verification*"):
        path.unlink()
    table = pd.read_parquet(tmp_path / "out" / "scores.parquet")
    return tmp_path / "lamem", dict(zip(table.image_id, table.score, strict=True))


def plant(root: Path, scores: dict[str, float], rhos: dict[int, float]) -> None:
    (root / "splits").mkdir(exist_ok=True)
    names = sorted(scores)
    for split, rho in rhos.items():
        mine = names[split - 1 : split + 99]
        truth = planted(np.array([scores[name] for name in mine]), rho, seed=split)
        lines = [f"{name} {value:.6f}" for name, value in zip(mine, truth, strict=True)]
        (root / "splits" / f"test_{split}.txt").write_text("\n".join(lines) + "\n")


def run(memnet_command, root, out, *extra):
    return memnet_command(
        "verify-legacy",
        *("--caffemodel", str(CAFFEMODEL), "--mean", str(MEAN), "--lamem", str(root)),
        *("--out", str(out), "--device", "cpu", "--resamples", "400", *extra),
        check=None,
    )


@pytest.mark.parametrize(
    ("rho", "verdict"),
    [
        (0.565, REPRODUCED),
        (0.63, UNDECIDED),
        pytest.param(0.1, NOT_REPRODUCED, marks=pytest.mark.slow),
    ],
)
def test_the_verdict_comes_out_every_way(memnet_command, lamem, tmp_path, rho, verdict):
    root, scores = lamem
    plant(root, scores, {split: rho for split in (1, 2, 3, 4, 5)})
    done = run(memnet_command, root, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert f"MemNet: {verdict.upper()}." in done.stdout
    for words in ("0.565", "0.57", "Needell & Bainbridge (2022)", "Khosla et al. (2015)"):
        assert words in done.stdout
    assert "splits are not merged" in done.stdout
    assert "NOT the original MemNet" in done.stdout
    found = json.loads((tmp_path / "out" / "verification.json").read_text())
    assert [result["split"] for result in found["splits"]] == [1, 2, 3, 4, 5]
    for result in found["splits"]:
        assert result["n"] == 100
        assert result["spearman"] == pytest.approx(rho, abs=0.01)
        assert result["interval"][0] < result["spearman"] < result["interval"][1]
    assert found["mean"] == pytest.approx(rho, abs=0.005)
    low, high = found["interval"]
    assert low < found["mean"] < high
    widths = [result["interval"][1] - result["interval"][0] for result in found["splits"]]
    assert high - low < max(widths)  # five labels of a picture tell more than one
    assert found["pictures"] == 104  # each scored once
    assert found["original"] is False
    assert found["sentence"].startswith("This network is not the original MemNet")
    assert "mean of all" in done.stdout
    assert found["band"] == [0.55, 0.58]


@pytest.mark.slow  # made-up pictures are the quick ones
def test_on_real_pictures_the_verdict_comes_out_both_ways(memnet_command, shared, tmp_path):
    """134 photographs in LaMem's shape; planted truths, since LaMem's own pictures are not here."""
    root = tmp_path / "lamem"
    (root / "splits").mkdir(parents=True)
    (root / "images").symlink_to(shared / "data" / "pictures" / "images")
    names = sorted(path.name for path in (root / "images").iterdir())[::3]
    (root / "splits" / "test_1.txt").write_text("".join(f"{name} 0.5\n" for name in names))
    done = run(memnet_command, root, tmp_path / "out", "--split", "1")
    assert "MemNet: UNDECIDED." in done.stdout  # equal labels have no rank correlation
    table = pd.read_parquet(tmp_path / "out" / "scores.parquet")
    scores = dict(zip(table.image_id, table.score, strict=True))
    assert len(scores) == 134
    for rho, verdict in ((0.565, REPRODUCED), (0.3, NOT_REPRODUCED)):
        truth = planted(np.array([scores[name] for name in names]), rho, seed=1)
        lines = [f"{name} {value:.6f}\n" for name, value in zip(names, truth, strict=True)]
        (root / "splits" / "test_1.txt").write_text("".join(lines))
        done = run(memnet_command, root, tmp_path / "out", "--split", "1")
        assert "134 were scored before" in done.stderr
        assert f"MemNet: {verdict.upper()}." in done.stdout, done.stdout


def test_each_figure_is_that_of_its_own_split(memnet_command, lamem, tmp_path):
    """Labels differ between splits, so each is compared with its own and none are merged."""
    root, scores = lamem
    plant(root, scores, {1: 0.565, 2: 0.2})
    found = {}
    for split in ("1", "2"):
        done = run(memnet_command, root, tmp_path / "out", "--split", split)
        assert done.returncode == 0, done.stderr
        (found[split],) = json.loads((tmp_path / "out" / "verification.json").read_text())["splits"]
    assert (found["1"]["verdict"], found["2"]["verdict"]) == (REPRODUCED, NOT_REPRODUCED)
    truth = read_test_split(root, 1)
    predicted = np.array([scores[name] for name in truth.index])
    assert found["1"]["spearman"] == pytest.approx(
        stats.spearmanr(truth, predicted).statistic, abs=1e-6
    )
    assert found["1"]["mse"] == pytest.approx(np.mean((predicted - truth) ** 2), abs=1e-6)
    assert found["1"]["sd"] == pytest.approx(np.std(predicted, ddof=1), abs=1e-6)


def test_a_second_run_scores_nothing_again_and_a_bad_picture_is_counted(
    memnet_command, lamem, tmp_path
):
    root, scores = lamem
    plant(root, scores, {1: 0.565})
    broken = root / "images" / read_test_split(root, 1).index[3]
    content = broken.read_bytes()
    broken.write_bytes(content[:60])
    done = run(memnet_command, root, tmp_path / "new", "--split", "1")
    assert done.returncode == 1
    assert broken.name in done.stderr
    found = json.loads((tmp_path / "new" / "verification.json").read_text())
    assert (found["splits"][0]["n"], found["splits"][0]["failed"]) == (99, 1)
    broken.write_bytes(content)
    done = run(memnet_command, root, tmp_path / "new", "--split", "1")
    assert done.returncode == 0
    assert "1 scored" in done.stderr
    assert "99 were scored before" in done.stderr


@pytest.mark.parametrize(
    ("rho", "interval", "verdict"),
    [
        (0.565, [0.55, 0.58], REPRODUCED),
        (BAND[0], [0.4, 0.7], REPRODUCED),
        (0.54, [0.52, 0.56], UNDECIDED),
        (0.59, [0.575, 0.6], UNDECIDED),
        (0.54, [0.53, 0.549], NOT_REPRODUCED),
        (0.64, [0.63, 0.65], NOT_REPRODUCED),  # K15's other model, trained with false alarms
        (None, None, UNDECIDED),
    ],
)
def test_the_rule_of_the_verdict(rho, interval, verdict):
    assert decide_verdict(rho, interval) == verdict


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("a.jpg\n", "line 1, is 'a.jpg'"),
        ("a.jpg 0.5\nb.jpg much\n", "line 2"),
        ("a.jpg 75\n", "not within"),
        ("a.jpg 0.5\na.jpg 0.6\n", "line 2: a.jpg stands there twice"),
    ],
)
def test_a_split_file_that_is_none_is_named_with_its_line(tmp_path, text, says):
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "test_1.txt").write_text(text)
    with pytest.raises(MemnetError, match=says):
        read_test_split(tmp_path, 1)


def test_the_official_splits_are_read_and_their_labels_differ(shared, tmp_path):
    (tmp_path / "splits").symlink_to(shared / "data" / "lamem_splits")
    splits = {split: read_test_split(tmp_path, split) for split in (1, 2, 3, 4, 5)}
    assert all(len(truth) == 10_000 for truth in splits.values())
    both = splits[1].index.intersection(splits[2].index)
    assert len(both) > 1_000
    assert (splits[1][both] != splits[2][both]).mean() > 0.9  # whoever merges them mixes labels


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--split", "6"), "--split '6' must be"),
        (("--caffemodel", "x.caffemodel"), "belong together"),
        ((), "weights of memnet.caffe_lamem are not"),
    ],
)
def test_usage_errors_are_one_sentence(memnet_command, tmp_path, monkeypatch, arguments, says):
    monkeypatch.setenv("MEMNET_HOME", str(tmp_path / "home"))
    for folder in ("splits", "images"):
        (tmp_path / folder).mkdir()
    for split in (1, 2, 3, 4, 5):
        (tmp_path / "splits" / f"test_{split}.txt").write_text("a.jpg 0.5\n")
    (tmp_path / "images" / "a.jpg").write_bytes(b"")
    done = memnet_command("verify-legacy", "--lamem", str(tmp_path), *arguments, check=2)
    assert says in done.stderr


def test_a_folder_that_is_not_lamems_is_named(memnet_command, tmp_path):
    done = run(memnet_command, tmp_path, tmp_path / "out")
    assert done.returncode == 2
    assert "must be the folder with LaMem's splits/ and images/" in done.stderr
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "test_1.txt").write_text("a.jpg 0.5\nb.jpg 0.6\n")
    done = run(memnet_command, tmp_path, tmp_path / "out", "--split", "1")
    assert "There is no folder" in done.stderr
    (tmp_path / "images").mkdir()
    done = run(memnet_command, tmp_path, tmp_path / "out", "--split", "1")
    assert "None of the pictures of the splits is in" in done.stderr


def test_results_of_other_weights_are_not_written_over(memnet_command, lamem, tmp_path):
    root, scores = lamem
    plant(root, scores, {1: 0.565})
    out = tmp_path / "out"
    assert run(memnet_command, root, out, "--split", "1").returncode == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    layout = ("--mean-layout", "chw-rgb")  # another mean image, therefore other weights
    done = run(memnet_command, root, out, "--split", "1", *layout)
    assert done.returncode == 2
    assert "holds results of other weights or another mean image" in done.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    (root / "splits" / "test_1.txt").unlink()
    done = run(memnet_command, root, tmp_path / "new", "--split", "1")
    assert done.returncode == 2
    assert not (tmp_path / "new").exists()  # found out before anything was converted

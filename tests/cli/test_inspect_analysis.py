"""`memnet inspect rdm` and `memnet inspect units`, as a user types them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform

from activations import write_npz

IDS = [f"p{number:02}.jpg" for number in range(20)]


@pytest.fixture
def layers(tmp_path):
    random = np.random.default_rng(0)
    layers = {name: random.normal(size=(20, 8)).astype(np.float32) for name in ("conv1", "conv2")}
    write_npz(tmp_path / "net.npz", IDS, layers)
    return layers


def test_rdms_are_compared_with_a_brain(memnet_command, layers, tmp_path):
    brain = pdist(layers["conv2"], "correlation")
    np.save(tmp_path / "brain.npy", brain)
    (tmp_path / "ids.txt").write_text("\n".join(IDS), encoding="utf-8")
    words = ["inspect", "rdm", "net.npz", "--brain", "V4=brain.npy", "--brain-ids", "ids.txt"]
    done = memnet_command(*words, "--out", "out", "--resamples", "50", "--permutations", "50")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("conv2")]
    assert line.split()[:3] == ["conv2", "V4", "1.000"]
    assert "3 RDMs of 20 pictures" in done.stderr
    table = pd.read_csv(tmp_path / "out" / "comparisons.csv")
    assert table["spearman"].tolist()[-1] == pytest.approx(1)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "comparisons.csv",
        "rdms.json",
        "rdms.npz",
        "rdms.png",
        "rdms.svg",
    ]


def test_what_is_left_out_is_said_and_the_exit_code_tells(memnet_command, layers, tmp_path):
    layers["conv1"][3] = 0
    write_npz(tmp_path / "net.npz", IDS, layers)
    table = pd.DataFrame(squareform(pdist(layers["conv2"])), index=IDS, columns=IDS)
    table.iloc[2:, 2:].to_csv(tmp_path / "V4.csv")
    words = ["inspect", "rdm", "net.npz", "--brain", "V4.csv", "--out", "out", "--resamples", "9"]
    done = memnet_command(*words, "--permutations", "9", check=1)
    assert "2 of 20 pictures of net.npz are not in V4.csv: p00.jpg, p01.jpg" in done.stderr
    assert "layer conv1 are all the same, which has no correlation: p03.jpg" in done.stderr
    assert "3 RDMs of 17 pictures" in done.stderr


def test_files_of_one_name_must_be_named(memnet_command, layers, tmp_path):
    (tmp_path / "other").mkdir()
    write_npz(tmp_path / "other" / "net.npz", IDS, layers)
    words = ["inspect", "rdm", "net.npz", "other/net.npz", "--out", "out"]
    done = memnet_command(*words, check=2)
    assert "Two files are called net; name them with NAME=FILE" in done.stderr


def test_units_are_correlated_with_a_column(memnet_command, layers, tmp_path):
    truth = pd.DataFrame({"picture": IDS, "hits": layers["conv2"][:, 3]})
    truth.loc[5, "hits"] = np.nan
    truth.to_csv(tmp_path / "truth.csv", index=False)
    words = ["inspect", "units", "net.npz", "--truth", "truth.csv", "--truth-column", "hits"]
    done = memnet_command(*words, "--id-column", "picture", "--out", "units.csv", check=1)
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[:3] for row in rows] == [["conv1", "8", "0"], ["conv2", "8", "0"]]
    assert int(rows[1][5]) >= 1
    assert "hits is missing" in done.stderr
    assert "16 units over 19 pictures -> units.csv" in done.stderr
    units = pd.read_csv(tmp_path / "units.csv")
    (rho,) = units.loc[(units["layer"] == "conv2") & (units["unit"] == 3), "spearman"]
    assert rho == pytest.approx(1)


def test_one_rdm_has_nothing_to_be_compared_with(memnet_command, layers, tmp_path):
    write_npz(tmp_path / "one.npz", IDS, {"conv1": layers["conv1"]})
    done = memnet_command("inspect", "rdm", "one.npz", "--out", "out")
    assert (
        "one RDM has nothing to be compared with: name another layer, or a --brain" in done.stderr
    )


def test_the_examples_of_visualise_stand_a_line_each(memnet_command):
    lines = memnet_command("inspect", "visualise", "--help").stdout.splitlines()
    starts = [line for line in lines if line.strip().startswith("memnet inspect visualise ")]
    assert len(starts) == 3
    assert not any("\\b" in line for line in lines)

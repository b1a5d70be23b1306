"""Minutes of training: each of the networks learns a planted problem, and a batch by heart."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from memnet.reimpl.training.fit import fit
from memnet.reimpl.training.loop import Machine
from memnet.reimpl.training.run_folder import begin
from planted import planted_set, small_config

pytestmark = pytest.mark.slow

NB22 = ("memnet", "resmem", "resmem-retrain", "m3m")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("slow")


@pytest.fixture(scope="module")
def planted(place):
    return planted_set(place / "pictures", train=256, val=64)


def run(place, data, out, config, watch):
    begin(out, config, data)
    machine = Machine(device="cpu", devices=1, workers=None, cache=place / "cache", wandb="")
    found = fit(config, data, out, machine, watch=watch)
    assert found["status"] in ("finished", "stopped early"), found["message"]
    with (out / "curves.csv").open() as file:
        return found, list(csv.DictReader(file))


def changes_of(preset):
    """A learning rate for this problem; M3M's frozen FCN is computed once, to save an hour."""
    changes = {"learning_rate": 0.01 if preset in ("memnet", "memnet96") else 0.03}
    if preset == "m3m":
        changes["cache_frozen"] = True
    return changes


@pytest.mark.parametrize("preset", NB22)
def test_each_network_learns_a_planted_problem(place, planted, preset):
    config = small_config(preset, batch_size=16, epochs=20, patience=20, **changes_of(preset))
    found, rows = run(
        place, planted, place / preset, config, lambda row: row["val_spearman"] > 0.93
    )
    assert abs(float(rows[0]["val_spearman"] or 0)) < 0.6  # untrained, it knows little of it
    assert found["best"]["val_spearman"] > 0.9


@pytest.mark.parametrize("preset", [*NB22, "memnet96"])
def test_each_network_can_learn_one_batch_by_heart(place, planted, preset):
    table = planted.table.groupby("part").head(8).reset_index(drop=True)
    changes = changes_of(preset) | {"crop": "centre", "mirror": False, "dropout": 0.0}
    if "memnet" in preset:
        changes["learning_rate"] = 0.003
    config = small_config(preset, batch_size=8, epochs=300, patience=500, **changes)
    _, rows = run(
        place,
        replace(planted, table=table),
        place / f"heart-{preset}",
        config,
        lambda row: row["train_loss"] < 0.9e-4,
    )
    assert float(rows[1]["train_loss"]) > 1e-3
    assert float(rows[-1]["train_loss"]) < 1e-4

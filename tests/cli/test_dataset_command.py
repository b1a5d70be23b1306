"""`memnet dataset` as a user runs it."""

from __future__ import annotations

import json

import pandas as pd
import pytest

MEMCAT = """image_file,category,subcategory,H,FA,n_resp,{wo},{w}
a.jpg,food,donut,60,10,80,0.75,0.625
b.jpg,animal,bear,40,0,80,0.5,0.5
c.jpg,food,pizza,76,4,80,0.95,0.9
""".format(wo="memorability_wo_fa_correction", w="memorability_w_fa_correction")


@pytest.fixture
def sources(tmp_path):
    splits = tmp_path / "lamem" / "splits"
    splits.mkdir(parents=True)
    for part, rows in {
        "train": "1.jpg 0.5\n2.jpg 0.6\n",
        "val": "3.jpg 0.7\n",
        "test": "4.jpg 0.8\n5.jpg 0.95\n",
    }.items():
        (splits / f"{part}_1.txt").write_text(rows)
    (tmp_path / "memcat.csv").write_text(MEMCAT)
    return tmp_path


def test_each_data_set_becomes_a_table_with_a_manifest(memnet_command, sources):
    lamem = ("--lamem", "lamem", "--split", 1)
    memcat = ("--memcat", "memcat.csv", "--label", "w-fa")
    done = memnet_command("dataset", "lamem", *lamem, "--out", "lamem.csv")
    assert pd.read_csv(sources / "lamem.csv").values.tolist() == [["4.jpg", 0.8], ["5.jpg", 0.95]]
    assert "2 (lamem 2)" in done.stdout
    done = memnet_command("dataset", "memcat", *memcat, "--out", "memcat_truth.csv")
    assert pd.read_csv(sources / "memcat_truth.csv")["human_score"].tolist() == [0.625, 0.5, 0.9]
    assert "corrected hit rate" in done.stdout
    args = (*lamem, *memcat, "--held-out", 3)
    done = memnet_command("dataset", "mixture", *args, "--out", "test.csv")
    memnet_command("dataset", "mixture", *args, "--part", "train", "--out", "train.csv")
    test, train = (pd.read_csv(sources / f"{part}.csv") for part in ("test", "train"))
    assert (len(test), len(train)) == (3, 5)
    assert not set(test["image_id"]) & set(train["image_id"])
    manifest = json.loads((sources / "test.csv.json").read_text())
    assert manifest["digest"] in done.stdout
    assert (manifest["seed"], manifest["held_out"], manifest["n"]) == (2022, 3, 3)
    counts = manifest["counts"]
    assert f"3 (lamem {counts['lamem']}, memcat {counts['memcat']})" in done.stdout


def test_an_option_given_twice_is_refused(memnet_command):
    args = ("--lamem", "lamem", "--split", 1, "--out", "x.csv", "--split", 2)
    done = memnet_command("dataset", "lamem", *args, check=2)
    assert "--split is given 2 times, and takes one value" in done.stderr


def test_the_label_and_the_split_must_be_named(memnet_command, sources):
    done = memnet_command("dataset", "memcat", "--memcat", "memcat.csv", "--out", "x.csv", check=2)
    assert "--label" in done.stderr
    done = memnet_command("dataset", "lamem", "--lamem", "lamem", "--out", "x.csv", check=2)
    assert "--split" in done.stderr
    assert not (sources / "x.csv").exists()


def test_errors_are_one_sentence(memnet_command, sources):
    args = ("--memcat", "memcat.csv", "--label", "wo-fa")
    done = memnet_command("dataset", "memcat", *args, "--out", "memcat.csv", check=2)
    assert done.stderr == (
        "memnet: memcat.csv exists and was not written by `memnet dataset`; choose another --out.\n"
    )
    args = ("--lamem", ".", "--split", 2, "--out", "x.csv")
    done = memnet_command("dataset", "lamem", *args, check=2)
    assert done.stderr.startswith("memnet: There is no splits/test_2.txt")

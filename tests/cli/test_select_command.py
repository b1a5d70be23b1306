"""`memnet select` on the command line, and the page about it, run as it stands there."""

from __future__ import annotations

import json
import keyword
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from made_pictures import COVARIATES, difference, made_table
from needs import skip_for

PAGE = (Path(__file__).parents[2] / "docs" / "select.md").read_text(encoding="utf-8")


@pytest.fixture
def tables(tmp_path, quick_report):
    table = made_table()
    table[["image_id", "score"]].to_csv(tmp_path / "scores.csv", index=False)
    table.drop(columns="score").to_csv(tmp_path / "more.csv", index=False)
    return tmp_path


def test_groups_are_printed_and_files_written(memnet_command, tables):
    done = memnet_command(
        *("select", "scores.csv", "--with", "more.csv", "--score", "score", "--k", 12),
        *("--match", "light,contrast:0.2", "--match", "edges", "--exact", "category"),
        *("--seed", 3, "--lists", 3, "--out", "out"),
    )
    assert re.findall(r"^(high|low): 12 pictures", done.stdout, re.MULTILINE) == ["high", "low"]
    assert "24 of 100 pictures chosen -> out/report.html" in done.stderr
    chosen = pd.read_csv(tables / "out" / "selection.csv")
    for name, limit in (("light", 0.1), ("contrast", 0.2), ("edges", 0.1)):
        assert abs(difference(chosen, name)) < limit
    lists = sorted(each.name for each in (tables / "out" / "lists").iterdir())
    assert lists == ["list-1.csv", "list-2.csv", "list-3.csv"]


def test_missing_values_are_listed_and_the_exit_code_is_1(memnet_command, tables):
    more = pd.read_csv(tables / "more.csv")
    more.loc[[3, 5], "light"] = np.nan
    more.to_csv(tables / "more.csv", index=False)
    words = ("select", "scores.csv", "--with", "more.csv", "--score", "score", "--k", 5)
    done = memnet_command(*words, "--match", "light", "--out", "out", check=1)
    assert "2 picture(s) have no number in 'light' and are left out: 003.jpg" in done.stderr
    memnet_command(*words, "--exclude", "category = place", "--out", "out2", check=0)


def test_check_says_what_no_longer_holds(memnet_command, tables):
    memnet_command("select", "scores.csv", "--score", "score", "--k", 5, "--out", "out")
    scores = pd.read_csv(tables / "scores.csv")
    scores["score"] += 0.01
    scores.to_csv(tables / "scores.csv", index=False)
    done = memnet_command("select", "--check", "out/selection.csv", check=1)
    assert done.stdout.startswith("The selection of 10 pictures does not hold.\n")
    assert "'score' of 10 picture(s) is not what it was" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Give the table with the scores: memnet select TABLE"),
        (["scores.csv", "--k", "5"], "Say where the selection is to be written (--out DIR)."),
        (["scores.csv", "--out", "o"], "Say how many pictures are wanted (--k)."),
        (["scores.csv", "--k", "5", "--out", "o"], "--score COLUMN. There are: score."),
        (["scores.csv", "--check", "o/selection.csv"], "give it nothing but --images"),
        (["--check", "o/selection.csv"], "There is no o/selection.json"),
        (
            ["scores.csv", "--score", "score", "--levels", "x", "--k", "2", "--out", "o"],
            "--levels x",
        ),
        (
            ["scores.csv", "--k", "5", "--match", "light:.1", "--match", "light:.2", "--out", "o"],
            "--match gives 'light' two tolerances; give one.",
        ),
        (
            ["scores.csv", "--score", "score", "--k", "5", "--match", "light:no", "--out", "o"],
            "has no column 'light:no'",
        ),
    ],
)
def test_what_is_missing_is_one_sentence(memnet_command, tables, words, sentence):
    done = memnet_command("select", *words, check=2)
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tables / "o").exists()


# The page.


@pytest.fixture
def photos(tmp_path):
    """Pictures as simple as can be, of which no two look alike to a perceptual hash."""
    random = np.random.default_rng(5)
    (tmp_path / "photos").mkdir()
    for number in range(30):
        small = Image.fromarray(random.integers(256, size=(6, 8, 3), dtype=np.uint8))
        picture = small.resize((120, 90), Image.Resampling.BICUBIC)
        picture.save(tmp_path / "photos" / f"{number:02d}.png")
    return tmp_path


def test_the_five_commands_of_the_page(memnet_command, photos, tiny_weights):
    """From a folder to conditions that PsychoPy takes, with fewer pictures and a tiny model."""
    pytest.importorskip("imagehash", reason="needs ImageHash; pip install ImageHash")
    pytest.importorskip("skimage", reason="needs scikit-image; pip install scikit-image")
    section = PAGE[PAGE.index("in five commands") :]
    lines = re.search(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)[1].splitlines()
    assert len(lines) == 5
    for line in lines:
        line = line.replace("resmem.published", str(tiny_weights)).replace("--k 40", "--k 4")
        program, *words = shlex.split(line)
        if program == "cp":
            shutil.copy(photos / words[0], photos / words[1])
            continue
        assert program == "memnet"
        done = memnet_command(*words)
    assert done.stdout.startswith("The selection of 8 pictures holds.\n")
    chosen = pd.read_csv(photos / "chosen" / "selection.csv")
    matched = re.search(r"--match (\S+)", section)[1].split(",")
    assert len(matched) == 4
    assert max(abs(difference(chosen, name)) for name in matched) < 0.1
    conditions = pd.read_csv(photos / "conditions.csv")
    # What psychopy.data.importConditions asks of a file: names of Python's, nothing missing.
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in conditions.columns)
    assert {"stimulus", "group", "role", "score"} <= set(conditions.columns)
    assert not conditions.isna().any(axis=None)
    assert all((photos / each).is_file() for each in conditions["stimulus"])
    assert (photos / "chosen" / "report.html").is_file()
    assert conditions.groupby(["group", "role"]).size().tolist() == [2, 2, 2, 2]


# 400 photographs that people saw.


@pytest.fixture(scope="module")
def of_400(shared, resmem, tmp_path_factory):
    """The scores of ResMem and the covariates of the 400 pictures, made anew."""
    import memnet

    folder = shared / "data" / "pictures" / "images"
    if not folder.is_dir():
        skip_for("../shared", "400 pictures with human scores")
    tables = tmp_path_factory.mktemp("of_400")
    scores = resmem.score([each for each in sorted(folder.iterdir())])
    scores.to_csv(tables / "scores.csv", index=False)
    memnet.describe(folder).to_csv(tables / "covariates.csv", index=False)
    return tables


@pytest.mark.slow
def test_400_photographs(memnet_command, of_400, shared):
    """Matched on four covariates and category counts, where a median split leaves differences."""
    people = shared / "data" / "pictures" / "human_scores.csv"
    covariates = ["luminance_mean", "rms_contrast", "colourfulness", "edge_density"]
    memnet_command(
        *("select", of_400 / "scores.csv", "--with", of_400 / "covariates.csv", "--with", people),
        *("--k", 40, "--match", ",".join(covariates), "--exact", "category"),
        *("--dataset", "memcat", "--out", of_400 / "out"),
        check=None,
    )
    chosen = pd.read_csv(of_400 / "out" / "selection.csv")
    assert chosen["group"].value_counts().to_dict() == {"high": 40, "low": 40}
    assert max(abs(difference(chosen, name)) for name in covariates) < 0.1
    counts = pd.crosstab(chosen["group"], chosen["category"])
    assert (counts.loc["high"] == counts.loc["low"]).all()
    whole = pd.read_csv(of_400 / "scores.csv").merge(
        pd.read_csv(of_400 / "covariates.csv"), on="image_id"
    )
    whole["group"] = np.where(whole["score"] > whole["score"].median(), "high", "low")
    assert max(abs(difference(whole, name)) for name in covariates) > 0.3
    # What people remembered, which the choice knew nothing of, differs as much as was expected.
    record = json.loads((of_400 / "out" / "selection.json").read_text())
    (expected,) = record["expected"]["differences"]
    seen = chosen.merge(pd.read_csv(people), on="image_id").groupby("group")["hit_rate"].mean()
    assert expected["low"] < seen["high"] - seen["low"] < expected["high"]
    assert expected["value"] < expected["raw"]


def test_made_covariates_that_a_median_split_leaves_apart(memnet_command, tables):
    """The same without the photographs: four covariates, category counts, each below 0.1."""
    memnet_command(
        *("select", "scores.csv", "--with", "more.csv", "--score", "score", "--k", 20),
        *("--match", ",".join(COVARIATES), "--exact", "category", "--out", "out"),
    )
    chosen = pd.read_csv(tables / "out" / "selection.csv")
    assert max(abs(difference(chosen, name)) for name in COVARIATES) < 0.1
    counts = pd.crosstab(chosen["group"], chosen["category"])
    assert (counts.loc["high"] == counts.loc["low"]).all()

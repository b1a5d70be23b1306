"""The commands of docs/compare.md for a cross-validation with a table of scores per fold."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from command import run_memnet
from memnet.compare.record import RunRecord

PAGE = Path(__file__).parents[2] / "docs" / "compare.md"


def commands() -> list[list[str]]:
    """The commands of the section, as lists of words without `memnet`."""
    section = PAGE.read_text(encoding="utf-8").partition("## A cross-validation")[2]
    (block,) = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    return [shlex.split(line)[1:] for line in block.splitlines()]


@pytest.fixture
def folds(tmp_path):
    """Human scores of 60 pictures, and two tables of other columns with 30 pictures each."""
    random = np.random.default_rng(4)
    ids = [f"{number:03d}.jpg" for number in range(60)]
    people = pd.DataFrame({"image_id": ids, "hit_rate": random.uniform(0.3, 1, 60).round(3)})
    people.to_csv(tmp_path / "memcat.csv", index=False)
    scores = (people["hit_rate"] + random.normal(0, 0.1, 60)).clip(0, 1)
    tables = {}
    for fold, rows in ((1, slice(0, 30)), (2, slice(30, 60))):
        paths = [f"D:\\MemCat\\{name}" for name in ids[rows]]
        table = pd.DataFrame({"image_path": paths, "score": scores[rows]})
        table.to_csv(tmp_path / f"fold{fold}.csv", index=False)
        tables[fold] = spearmanr(people["hit_rate"][rows], scores[rows]).statistic
    return tmp_path, tables


def test_the_commands_of_the_page_give_each_folds_rho_and_their_mean(folds):
    folder, expected = folds
    compare, report = commands()
    for fold, rho in expected.items():
        words = [word.replace("fold1", f"fold{fold}") for word in compare]
        run_memnet(*words, "--resamples", "50", "--no-thumbnails", cwd=folder, check=None)
        record = RunRecord.read(folder / "results" / f"fold{fold}" / "record.json")
        assert record.value("spearman") == pytest.approx(rho, abs=1e-12)
        assert record.words == {"mine": "clean"}
        assert record.items["n"] == 30
    run_memnet(*report, cwd=folder)
    rows = pd.read_csv(folder / "results" / "all" / "summary.csv")
    (mean,) = rows[rows["metric"] == "spearman"]["mean"]
    assert mean == pytest.approx(np.mean(list(expected.values())), abs=1e-6)


def test_where_no_table_has_the_column_it_is_said(folds):
    folder, _ = folds
    table = pd.read_csv(folder / "memcat.csv").rename(columns={"image_id": "picture"})
    table.to_csv(folder / "memcat.csv", index=False)
    done = run_memnet(*commands()[0], cwd=folder, check=2)
    assert "memcat.csv has no column 'image_path'" in done.stderr

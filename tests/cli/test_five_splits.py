"""A data set with five splits and a model for each: five weight files, one row in the summary."""

from __future__ import annotations

import json
import shutil
import statistics

import numpy as np
import pandas as pd
import pytest

from memnet.compare.record import RunRecord
from memnet.compare.report import render
from memnet.compare.report.summary import named_alike
from memnet.errors import MemnetError
from memnet.scoring.table import read_table
from tiny import write_tiny

SPLITS = (1, 2, 3, 4, 5)
FEW = ("--resamples", "19")


@pytest.fixture(autouse=True)
def records_only(monkeypatch):
    """Write no more of each report than its record: tests/compare looks at the rest."""

    def write(record, folder, **_):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "record.json").write_text(record.to_json())

    monkeypatch.setattr(render, "write_report", write)


@pytest.fixture
def splits(make_pictures, tmp_path):
    """Twelve pictures, a weight file per split, and labels that differ from split to split."""
    folder = make_pictures(12)
    random = np.random.default_rng(3)
    ids = sorted(path.name for path in folder.iterdir())
    for split in SPLITS:
        write_tiny(tmp_path / f"split{split}.safetensors", seed=split)
        labels = pd.DataFrame({"image_id": ids, "hit_rate": random.random(12).round(2)})
        labels.to_csv(tmp_path / f"truth{split}.csv", index=False)
    return folder


def compare(memnet_command, split, scores):
    memnet_command(
        *("compare", "--truth", f"truth{split}.csv", "--truth-column", "hit_rate"),
        *("--scores", scores, "--out", f"report{split}", *FEW),
    )


def test_five_weight_files_scored_under_one_name_are_one_row_of_the_summary(
    memnet_command, splits, tmp_path
):
    for split in SPLITS:
        weights, table = f"split{split}.safetensors", f"scores{split}.csv"
        memnet_command("score", splits, "-m", weights, "--as", "mine", "--out", table)
        compare(memnet_command, split, table)
    records = [RunRecord.read(tmp_path / f"report{split}" / "record.json") for split in SPLITS]
    assert [record.models[0]["name"] for record in records] == ["mine"] * 5
    assert [record.models[0]["given_as"] for record in records] == [
        f"split{split}.safetensors" for split in SPLITS
    ]
    assert len({record.models[0]["weights_sha256"] for record in records}) == 5
    memnet_command("report", *(f"report{split}" for split in SPLITS), "--out", "all")
    summary = pd.read_csv(tmp_path / "all" / "summary.csv").set_index("metric")
    assert set(summary["model"]) == {"mine"}
    rhos = [record.value("spearman") for record in records]
    assert summary.loc["spearman", "records"] == 5
    assert summary.loc["spearman", "mean"] == pytest.approx(statistics.fmean(rhos), abs=1e-15)
    assert summary.loc["spearman", "sd"] == pytest.approx(statistics.stdev(rhos), abs=1e-15)
    page = (tmp_path / "all" / "summary.md").read_text()
    for record in records:
        assert record.models[0]["weights_sha256"][:8] in page  # which split had which weights
    assert "Scored as `split2.safetensors`" in render.markdown(records[1])


def test_records_whose_model_is_called_after_its_file_are_summarised_under_one_name(
    memnet_command, splits, tmp_path
):
    for split in (1, 2):
        memnet_command(
            "score", splits, "-m", f"split{split}.safetensors", "--out", f"scores{split}.csv"
        )
        compare(memnet_command, split, f"scores{split}.csv")
    both = ("report", "report1", "report2", "--out", "all")
    refused = memnet_command(*both, check=2)
    assert "give them one name: --as NAME" in refused.stderr
    assert not (tmp_path / "all").exists()
    memnet_command(*both, "--as", "mine")
    summary = pd.read_csv(tmp_path / "all" / "summary.csv")
    assert set(summary["model"]) == {"mine"}
    kept = RunRecord.read(tmp_path / "all" / "1_report1" / "record.json")
    assert list(kept.words) == ["split1.safetensors"]  # a single record stays as it was made
    assert "split2.safetensors" in (tmp_path / "all" / "summary.md").read_text()
    single = memnet_command("report", "report1", "--as", "mine", "--out", "one", check=2)
    assert "--as is for several records" in single.stderr


def record_of(golden, *models):
    """Return the golden record with its model called otherwise, or with several of it."""
    record = json.loads((golden / "record_v1.json").read_text())
    (model,), results = record["models"], record["results"]
    return RunRecord.from_json(
        json.dumps(
            {
                **record,
                "models": [{**model, "name": name} for name in models],
                "results": [{**row, "model": name} for name in models for row in results],
                "plots": {},
            }
        )
    )


def test_several_models_need_a_name_for_each(golden):
    one = record_of(golden, "a/s1.safetensors", "resmem.published")
    two = record_of(golden, "a/s2.safetensors", "resmem.published")
    names = ["mine=a/s1.safetensors", "mine=a/s2.safetensors"]
    alike = named_alike([one, two], names)
    assert [list(record.words) for record in alike] == [["mine", "resmem.published"]] * 2
    assert list(one.words) == ["a/s1.safetensors", "resmem.published"]
    with pytest.raises(
        MemnetError, match=r"Record 1 compares a/s1.*say which of them --as mine is"
    ):
        named_alike([one, two], ["mine"])
    with pytest.raises(MemnetError, match="--as mine=s1 is no NAME=MODEL"):
        named_alike([one, two], [*names, "mine=s1"])
    with pytest.raises(MemnetError, match="two models of record 1 one name"):
        named_alike([one, two], [*names, "mine=resmem.published"])


def test_another_weight_file_under_the_same_name_is_refused_and_a_copy_is_not(
    memnet_command, splits, tmp_path
):
    def score(weights, check=0):
        return memnet_command(
            *("score", splits, "-m", weights, "--as", "mine", "--out", "s.csv"), check=check
        )

    score("split1.safetensors")
    before = (tmp_path / "s.csv").read_bytes()
    refused = score("split2.safetensors", check=2)
    assert "holds scores of mine made another way" in refused.stderr
    assert (tmp_path / "s.csv").read_bytes() == before
    shutil.copy(tmp_path / "split1.safetensors", tmp_path / "copy.safetensors")
    assert "0 scored, 12 were scored before" in score("copy.safetensors").stderr
    assert set(read_table(tmp_path / "s.csv")["model"]) == {"mine"}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("resmem.published", "the name of another model"),
        ("mine:old", "without a colon"),
        (" ", "can name no model"),
        ("a\nb", "on one line"),
    ],
)
def test_names_that_mislead_are_refused_before_any_work(memnet_command, splits, name, sentence):
    done = memnet_command("score", splits, "-m", "split1.safetensors", "--as", name, check=2)
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_one_name_for_two_models_is_refused_and_stdout_has_the_name(memnet_command, splits):
    both = ("-m", "split1.safetensors", "-m", "split2.safetensors")
    done = memnet_command("score", splits, *both, "--as", "mine", check=2)
    assert "would call 2 models by one name" in done.stderr
    printed = memnet_command("score", splits, "-m", "split1.safetensors", "--as", "mine").stdout
    assert printed.splitlines()[1].split(",")[2] == "mine"

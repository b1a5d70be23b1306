"""`memnet compare` as a user runs it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from memnet import MemnetError
from memnet.cli.compare import refuse_to_replace
from memnet.cli.messages import say_if_misspelt
from memnet.scoring.table import read_table

pytestmark = pytest.mark.usefixtures("quick_figures")


@pytest.fixture
def study(tmp_path):
    """A truth file and two score files of 40 pictures, in another order."""
    random = np.random.default_rng(4)
    ids = [f"{number:03d}.jpg" for number in range(40)]
    truth = random.beta(6, 2, 40)
    pd.DataFrame({"image_id": ids, "hit_rate": truth, "note": "x"}).to_csv(
        tmp_path / "truth.csv", index=False
    )
    for name, noise in (("good", 0.05), ("poor", 0.5)):
        scores = pd.DataFrame({"image_id": ids, "score": truth + noise * random.random(40) - 0.2})
        scores[::-1].to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path


def compare(command, *args, check=0, column="hit_rate"):
    truth = ("--truth", "truth.csv", "--truth-column", column)
    return command("compare", *truth, "--out", "out", "--resamples", 100, *args, check=check)


def test_it_writes_all_that_was_promised(memnet_command, study):
    done = compare(memnet_command, "--scores", "good.csv")
    out = study / "out"
    assert {path.name for path in out.iterdir()} == {
        "record.json",
        "report.html",
        "report.md",
        "figures",
        "tables",
        "scores.parquet",
    }
    assert len(list((out / "figures").iterdir())) == 2 * (5 + 1)
    record = json.loads((out / "record.json").read_text())
    value = next(r["value"] for r in record["results"] if r["metric"] == "spearman")
    merged = pd.read_csv(study / "truth.csv").merge(pd.read_csv(study / "good.csv"))
    assert value == pytest.approx(merged.hit_rate.corr(merged.score, method="spearman"), abs=1e-12)
    assert f"rho .{value * 1000:.0f} [" in done.stdout
    assert pd.read_parquet(out / "scores.parquet").shape == (40, 3)


def test_classes_in_words_print_the_auc_in_place_of_errors(memnet_command, study):
    truth = pd.read_csv(study / "truth.csv")
    truth["class"] = np.where(truth.hit_rate > truth.hit_rate.median(), "H", "L")
    truth.to_csv(study / "truth.csv", index=False)
    given = ("--scores", "good.csv", "poor.csv")
    failed = compare(memnet_command, *given, check=2, column="class")
    assert "'H' and 'L': say which of them is the memorable one (--positive H" in failed.stderr
    done = compare(memnet_command, *given, "--positive", "H", column="class")
    assert "AUC" in done.stdout
    assert "MSE" not in done.stdout


def test_copies_of_the_tables_for_spreadsheets_have_no_formulas(memnet_command, study):
    (study / "good.csv").rename(study / "=1+1.csv")
    tables = study / "out" / "tables"
    compare(memnet_command, "--scores", "./=1+1.csv", "poor.csv", "--spreadsheet-safe")
    for name, column in (("results", "model"), ("differences", "model_a")):
        plain, safe = (
            pd.read_csv(tables / f"{name}{ending}.csv") for ending in ("", ".spreadsheet")
        )
        assert "=1+1" in set(plain[column])
        assert set(safe[column]) == {each.replace("=", "'=") for each in plain[column]}
        assert safe.select_dtypes("number").equals(plain.select_dtypes("number"))
    compare(memnet_command, "--scores", "./=1+1.csv")
    assert not list(tables.glob("*.spreadsheet.csv"))  # of the earlier comparison


def test_pictures_at_hand_are_shown_unless_they_are_not_wanted(memnet_command, study):
    (study / "pictures").mkdir()
    for number in range(40):
        Image.new("RGB", (20, 10)).save(study / "pictures" / f"{number:03d}.jpg")
    scores = pd.read_csv(study / "good.csv")
    scores.assign(path="pictures/" + scores.image_id).to_csv(study / "paths.csv", index=False)
    thumbnails = {}
    for name, args in {
        "none at hand": ("good.csv",),
        "a folder": ("good.csv", "--pictures", "pictures"),
        "a column": ("paths.csv",),
        "not wanted": ("paths.csv", "--no-thumbnails"),
    }.items():
        done = compare(memnet_command, "--scores", *args)
        page = (study / "out" / "report.html").read_text(encoding="utf-8")
        thumbnails[name] = page.count("data:image/jpeg")
        assert ("thumbnails of" in done.stderr) is bool(thumbnails[name])
    assert thumbnails == {"none at hand": 0, "a folder": 36, "a column": 36, "not wanted": 0}


def test_several_score_files_after_one_option_or_repeated(memnet_command, study):
    compare(memnet_command, "--scores", "good.csv", "poor.csv", "--seed", 5)
    first = json.loads((study / "out" / "record.json").read_text())
    compare(memnet_command, "--scores", "good.csv", "--scores", "poor.csv", "--seed", 5)
    second = json.loads((study / "out" / "record.json").read_text())
    assert first["results"] == second["results"]
    assert {row["model"] for row in first["results"]} == {"good", "poor"}
    assert {row["seed"] for row in first["results"]} == {5}


def test_a_table_may_name_its_model_and_its_column_by_itself(memnet_command, study):
    own = pd.read_csv(study / "good.csv").rename(columns={"score": "pred"}).assign(score=0.5)
    own.to_csv(study / "a=b.csv", index=False)
    compare(memnet_command, "--scores", "ours=a=b.csv:pred", "poor.csv", "a=b.csv")
    record = json.loads((study / "out" / "record.json").read_text())
    spearman = {r["model"]: r["value"] for r in record["results"] if r["metric"] == "spearman"}
    truth = pd.read_csv(study / "truth.csv").merge(own)
    expected = truth.hit_rate.corr(truth.pred, method="spearman")
    assert spearman["ours"] == pytest.approx(expected, abs=1e-12)
    assert spearman.keys() == {"ours", "poor", "a=b"}  # a file's own name is taken as it is
    kept = pd.read_parquet(study / "out" / "scores.parquet")
    assert kept[kept.model == "ours"].score.std() > 0.1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("=good.csv", "has no name before '='"),
        ("ours=absent.csv", "There is no file absent.csv"),
        ("good.csv:absent", "no column 'absent'"),
        ("ours=named.csv", "column 'model', which names its models"),
    ],
)
def test_what_a_score_table_cannot_be_given_as(memnet_command, study, given, sentence):
    pd.read_csv(study / "good.csv").assign(model="m").to_csv(study / "named.csv", index=False)
    assert sentence in compare(memnet_command, "--scores", given, check=2).stderr


def test_pictures_are_scored_and_compared_in_one_go(
    memnet_command, tmp_path, make_pictures, tiny_weights
):
    folder = make_pictures(12)
    memnet_command("score", folder, "-m", tiny_weights, "-o", "s.csv")
    table = read_table(tmp_path / "s.csv")
    table[["image_id", "score"]].rename(columns={"score": "hit_rate"}).to_csv(
        tmp_path / "truth.csv", index=False
    )
    args = ("--images", folder, "--model", tiny_weights)
    compare(memnet_command, *args)
    record = json.loads((tmp_path / "out" / "record.json").read_text())
    values = {row["metric"]: row["value"] for row in record["results"]}
    assert values["spearman"] == 1.0
    assert values["mse"] < 1e-12
    (model,) = record["models"]
    assert model["known_by"] == "sidecar"
    assert model["trained_on"] == ["nothing"]
    again = compare(memnet_command, *args, "--seed", 2)
    assert "12 were scored before" in again.stderr


def test_a_table_that_another_command_made_gets_no_rows(
    memnet_command, tmp_path, make_pictures, tiny_weights
):
    folder = make_pictures(12)
    (tmp_path / "truth.csv").write_text("image_id,hit_rate\n00000.png,0.5\n00001.png,0.6\n")
    kept = tmp_path / "out" / "scores.parquet"
    first, rest = folder / "00000.png", ("--images", folder, "--model", tiny_weights)
    memnet_command("score", first, "-m", tiny_weights, "-o", kept)
    before = kept.read_bytes()
    done = compare(memnet_command, *rest, check=2)
    assert "scores.parquet was made by `memnet score " in done.stderr
    assert "compare what is in it with --scores out/scores.parquet." in done.stderr
    about = json.loads(kept.with_name("scores.parquet.json").read_text())
    for command in (None, "", "memnet compare --images other --model m --out out", "'"):
        changed = {**about, "command": command} if command is not None else {"models": {}}
        kept.with_name("scores.parquet.json").write_text(json.dumps(changed))
        assert "rows would be added" in compare(memnet_command, *rest, check=2).stderr
    assert kept.read_bytes() == before


def test_scores_of_memnet_score_carry_their_identity_into_the_record(
    memnet_command, tmp_path, make_pictures, tiny_weights
):
    memnet_command("score", make_pictures(12), "-m", tiny_weights, "-o", "s.parquet")
    table = read_table(tmp_path / "s.parquet")
    table.assign(hit_rate=table.score**2)[["image_id", "hit_rate"]].to_csv(
        tmp_path / "truth.csv", index=False
    )
    compare(memnet_command, "--scores", "s.parquet")
    (model,) = json.loads((tmp_path / "out" / "record.json").read_text())["models"]
    sidecar = json.loads((tmp_path / "s.parquet.json").read_text())
    (identity,) = sidecar["models"].values()
    assert model["weights_sha256"] == identity["weights_sha256"]
    assert model["preprocess_digest"] == identity["preprocess_digest"]


BAD_TRUTH = {
    "nan": ("image_id,hit_rate\n000.jpg,0.5\n001.jpg,\n002.jpg,0.7\n", "row 3 (001.jpg)"),
    "text": ("image_id,hit_rate\n000.jpg,0.5\n001.jpg,high\n002.jpg,0.7\n", "'high', no number"),
}


@pytest.mark.parametrize("kind", BAD_TRUTH)
def test_bad_cells_are_set_aside_and_the_good_rows_compared(memnet_command, study, kind):
    text, words = BAD_TRUTH[kind]
    (study / "truth.csv").write_text(text)
    done = compare(memnet_command, "--scores", "good.csv", check=1)
    assert words in done.stderr
    record = json.loads((study / "out" / "record.json").read_text())
    assert {row["n"] for row in record["results"] if "_truth_" not in row["metric"]} == {2}
    assert record["items"]["set_aside"] == 1


REFUSED = {
    "duplicate ids": ("image_id,hit_rate\n000.jpg,0.5\n000.jpg,0.6\n", "more than once"),
    "no common id": ("image_id,hit_rate\nx.png,0.5\ny.png,0.6\n", "ids must agree"),
    "no column": ("image_id,hitrate\n000.jpg,0.5\n", "Did you mean 'hitrate'"),
    "no id column": ("file,hit_rate\n000.jpg,0.5\n", "no column 'image_id'"),
    "empty": ("", "is empty"),
    "header only": ("image_id,hit_rate\n", "no usable number"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_unusable_truth_is_one_sentence_and_exit_code_2(memnet_command, study, kind):
    text, words = REFUSED[kind]
    (study / "truth.csv").write_text(text)
    done = compare(memnet_command, "--scores", "good.csv", check=2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (study / "out").exists()


def test_percentages_are_warned_about_and_compared_all_the_same(memnet_command, study):
    table = pd.read_csv(study / "truth.csv")
    table.assign(hit_rate=table.hit_rate * 100).to_csv(study / "truth.csv", index=False)
    done = compare(memnet_command, "--scores", "good.csv")
    assert "divide by 100" in done.stderr
    assert "divide by 100" in (study / "out" / "report.html").read_text()


def test_counts_and_strata_give_a_ceiling_and_the_noise_matched_figures(memnet_command, study):
    random = np.random.default_rng(2)
    table = pd.read_csv(study / "truth.csv")
    table["n"] = random.integers(60, 90, len(table))
    table["hits"] = random.binomial(table["n"], table["hit_rate"])
    table["hit_rate"] = table["hits"] / table["n"]
    table["category"] = np.where(np.arange(len(table)) % 2, "animal", "food")
    table.to_csv(study / "truth.csv", index=False)
    counts = ("--hits-column", "hits", "--responses-column", "n", "--strata-column", "category")
    compare(memnet_command, "--scores", "good.csv", "poor.csv", *counts, "--margin", 0.1)
    record = json.loads((study / "out" / "record.json").read_text())
    values = {(row["model"], row["metric"]): row["value"] for row in record["results"]}
    assert 0 < values["good", "ks_noise_matched"] < 1
    assert values["good", "disattenuated_spearman"] > values["good", "spearman"]
    assert record["labels"]["kind"] == "counts"
    assert record["resampling"] == {"kind": "strata", "column": "category", "groups": 2}
    (difference,) = [row for row in record["differences"] if row["metric"] == "spearman"]
    assert difference["margin"] == 0.1
    assert {row["manifest"] for row in record["results"]} != {""}


def test_a_table_of_memnet_dataset_is_compared_without_further_words(memnet_command, tmp_path):
    splits = tmp_path / "splits"
    splits.mkdir()
    random = np.random.default_rng(0)
    names = [f"{number:05d}.jpg" for number in range(30)]
    for part, of in (("train", names[:15]), ("val", names[15:18]), ("test", names[18:])):
        lines = [f"{name} {random.uniform(0.4, 1):.6f}" for name in of]
        (splits / f"{part}_1.txt").write_text("\n".join(lines) + "\n")
    memnet_command("dataset", "lamem", "--lamem", ".", "--split", 1, "--out", "truth.csv")
    truth = pd.read_csv(tmp_path / "truth.csv")
    truth.assign(score=truth["human_score"] ** 2).to_csv(tmp_path / "s.csv", index=False)
    args = ("compare", "--truth", "truth.csv", "--scores", "s.csv", "--out", "out")
    memnet_command(*args, "--resamples", 50)
    record = json.loads((tmp_path / "out" / "record.json").read_text())
    assert record["dataset"] == "lamem:test:1"
    assert record["labels"]["figures"]["ceiling_spearman"]["value"] == pytest.approx(
        0.8185, abs=1e-4
    )
    assert {row["text"] for row in record["published"] if row["metric"] == "split_half"}
    text = (tmp_path / "truth.csv").read_text()
    (tmp_path / "truth.csv").write_text(text.replace("00020.jpg", "00001.jpg"))
    done = memnet_command(*args, check=2)
    assert "was altered after `memnet dataset` wrote it" in done.stderr


def test_unmatched_pictures_are_counted(memnet_command, study):
    pd.read_csv(study / "good.csv").iloc[:30].to_csv(study / "good.csv", index=False)
    done = compare(memnet_command, "--scores", "good.csv")
    assert "10 picture(s) with a human score were left out" in done.stderr
    assert "30 pictures compared" in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--images", "x"),
        ("--model", "x", "--scores", "good.csv"),
        ("--scores", "good.csv", "--images", "x", "--model", "y"),
        ("--scores", "good.csv", "--bogus"),
    ],
)
def test_combinations_without_meaning_exit_with_2(memnet_command, study, args):
    compare(memnet_command, *args, check=2)


def test_a_table_of_scores_that_no_report_wrote_is_never_replaced(
    memnet_command, study, make_pictures, tiny_weights
):
    memnet_command("score", make_pictures(3), "-m", tiny_weights, "-o", "out/scores.parquet")
    files = [study / "out" / name for name in ("scores.parquet", "scores.parquet.json")]
    before = [file.read_bytes() for file in files]
    done = compare(memnet_command, "--scores", "good.csv", check=2)
    assert "scores.parquet is no copy that an earlier report left there" in done.stderr
    assert [file.read_bytes() for file in files] == before
    assert not (study / "out" / "record.json").exists()  # said before anything is computed


def test_a_table_of_three_columns_is_a_copy_only_beside_a_report(study):
    kept = study / "out" / "scores.parquet"
    kept.parent.mkdir()
    refuse_to_replace(kept)
    table = pd.DataFrame({"image_id": ["a"], "model": ["m"], "score": [0.5]})
    table.to_parquet(kept, index=False)
    with pytest.raises(MemnetError, match="choose another --out"):
        refuse_to_replace(kept)
    (kept.parent / "record.json").write_text("{}")
    refuse_to_replace(kept)
    table.assign(note="x").to_parquet(kept, index=False)
    with pytest.raises(MemnetError, match="choose another --out"):
        refuse_to_replace(kept)


def test_the_table_in_the_folder_itself_may_be_compared_however_it_is_written(
    memnet_command, study
):
    (study / "out").mkdir()
    good = pd.read_csv(study / "good.csv")
    good.to_parquet(study / "out" / "scores.parquet", index=False)
    compare(memnet_command, "--scores", "./out/../out/scores.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(study / "out" / "scores.parquet"), good)


def test_truth_and_scores_that_are_swapped_are_noticed(memnet_command, study):
    done = memnet_command(
        *("compare", "--truth", "good.csv", "--truth-column", "hit_rate"),
        *("--scores", "truth.csv", "--out", "out"),
        check=2,
    )
    assert "good.csv and truth.csv seem to be swapped: --truth takes the human" in done.stderr


def test_a_truth_that_lacks_its_column_is_not_called_swapped_for_that(memnet_command, study):
    (study / "split.txt").write_text("a.jpg 0.5\nb.jpg 0.6\n")  # a file of LaMem's, as it is
    done = memnet_command(
        *("compare", "--truth", "split.txt", "--truth-column", "score"),
        *("--scores", "good.csv", "--out", "out"),
        check=2,
    )
    assert "split.txt has no column 'score'. Its first line looks like data" in done.stderr


def test_a_file_where_the_report_should_go_is_refused(memnet_command, study):
    (study / "out").write_text("mine")
    assert "'out' is a file" in compare(memnet_command, "--scores", "good.csv", check=2).stderr
    assert (study / "out").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "said"),
    [("Memcat2", "'memcat2'; if you mean 'memcat'"), ("memcat", ""), ("ours", ""), ("", "")],
)
def test_a_name_that_is_nearly_that_of_a_known_data_set_is_doubted(name, said, capsys):
    say_if_misspelt(name)
    told = capsys.readouterr().err
    assert said in told
    assert bool(told) == bool(said)

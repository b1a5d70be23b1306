"""Truth tables of LaMem, MemCat and their mixture, and the manifest beside them."""

from __future__ import annotations

import hashlib
import inspect
import json
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import memnet
from memnet.cli import dataset as dataset_command
from memnet.data.columns import read_column, read_extras
from memnet.data.contamination import dataset_title, judge_contamination
from memnet.data.datasets import (
    DatasetOption,
    known_datasets,
    read_dataset,
    register_dataset,
    unregister_dataset,
)
from memnet.data.digests import manifest_digest
from memnet.data.lamem import read_lamem
from memnet.data.manifest import (
    CORRECTED,
    HIT_RATE,
    MIXED,
    Truth,
    digest_of,
    new_manifest,
    read_manifest,
    truth_columns,
)
from memnet.data.matching import join
from memnet.data.memcat import read_memcat
from memnet.data.mixture import read_mixture
from memnet.data.score_tables import read_scores
from memnet.errors import MemnetError

LAMEM_PARTS = {"train": 30, "val": 4, "test": 6}
MIXTURE_DIGEST = "d8bf40a64005775e48f30337bfd6b98437308a94f27150bea51012299e41fd9f"
OFFICIAL_MIXTURE_DIGEST = "9ff0294d47bc4e6e63e086e3f73cb43c7c8a94b75b9abc131b476af40d6f7557"


def write_lamem(folder, *, backwards=False):
    """40 pictures in two splits that share none of their labels."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in (1, 2):
        first = 0
        for part, count in LAMEM_PARTS.items():
            numbers = range(first, first + count)[:: -1 if backwards else 1]
            lines = [f"{i:08d}.jpg {(i + 40 + split) / 100:.6f}\n" for i in numbers]
            (folder / f"{part}_{split}.txt").write_text("".join(lines))
            first += count
    return folder


def memcat_frame(count=12) -> pd.DataFrame:
    number = np.arange(count)
    hits, false_alarms, responses = 40 + number, number % 5, 80 + number % 3
    return pd.DataFrame(
        {
            "image_file": [f"{i:012d}.jpg" for i in number],
            "category": np.where(number % 2, "food", "animal"),
            "subcategory": "x",
            "H": hits,
            "FA": false_alarms,
            "n_resp": responses,
            "memorability_wo_fa_correction": hits / responses,
            "memorability_w_fa_correction": (hits - false_alarms) / responses,
        }
    )


@pytest.fixture
def lamem_folder(tmp_path):
    return write_lamem(tmp_path / "lamem")


@pytest.fixture
def memcat_file(tmp_path):
    path = tmp_path / "memcat.csv"
    memcat_frame().to_csv(path)
    return path


@pytest.fixture
def mix(lamem_folder, memcat_file):
    def build(**options):
        given = {"split": 1, "label": "wo-fa", "held_out": 10, **options}
        return read_mixture(lamem_folder, memcat_file, **given)

    return build


def test_lamem_is_one_part_of_one_split(lamem_folder):
    test = read_lamem(lamem_folder, split=2)
    assert test.table["image_id"].tolist() == [f"{i:08d}.jpg" for i in range(34, 40)]
    assert test.table["human_score"].tolist() == [(i + 42) / 100 for i in range(34, 40)]
    assert (test.manifest["dataset"], test.manifest["part"]) == ("lamem", "test")
    assert (test.manifest["split"], test.manifest["label_kind"]) == (2, HIT_RATE)
    path = lamem_folder / "test_2.txt"
    assert test.manifest["sources"] == [
        {"file": "test_2.txt", "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    ]
    for part, count in LAMEM_PARTS.items():
        assert read_lamem(lamem_folder, split=1, part=part).manifest["n"] == count


def test_a_split_that_an_editor_saved_with_a_mark_has_its_first_picture(lamem_folder):
    path = next(lamem_folder.rglob("test_1.txt"))
    ids = read_lamem(lamem_folder, split=1).table["image_id"].tolist()
    path.write_text(path.read_text(), encoding="utf-8-sig", newline="\r\n")
    assert read_lamem(lamem_folder, split=1).table["image_id"].tolist() == ids


def test_lamem_is_found_in_its_archive_too(lamem_folder, tmp_path):
    (tmp_path / "archive").mkdir()
    lamem_folder.rename(tmp_path / "archive" / "splits")
    assert read_lamem(tmp_path / "archive", split=1).manifest["n"] == 6


def test_memcat_has_the_label_that_was_asked_for_and_its_counts(memcat_file):
    frame = memcat_frame()
    for label, column, kind in (
        ("wo-fa", "memorability_wo_fa_correction", HIT_RATE),
        ("w-fa", "memorability_w_fa_correction", CORRECTED),
    ):
        truth = read_memcat(memcat_file, label=label)
        assert truth.table["human_score"].tolist() == frame[column].tolist()
        assert (truth.manifest["label_column"], truth.manifest["label_kind"]) == (column, kind)
        columns = {
            role: truth.manifest[f"{role}_column"]
            for role in ("hits", "false_alarms", "responses", "category")
        }
        extras = read_extras(truth.table, columns, id_column="image_id", ids=frame["image_file"])
        assert extras["hits"].tolist() == frame["H"].tolist()
        assert extras["false_alarms"].tolist() == frame["FA"].tolist()
        assert extras["responses"].tolist() == frame["n_resp"].tolist()
        assert extras["category"].tolist() == frame["category"].tolist()


def test_the_label_of_memcat_is_never_assumed(memcat_file):
    with pytest.raises(TypeError, match="label"):
        read_memcat(memcat_file)
    with pytest.raises(MemnetError, match="--label is 'fa'; it must be wo-fa or w-fa"):
        read_memcat(memcat_file, label="fa")


@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        ("H", "55", r"wo_fa_correction is not H / n_resp for 1 picture\(s\), 000000000003.jpg"),
        ("H", "", "whole number in column 'H'"),
        ("category", "", "a name in column 'category'"),
        ("memorability_wo_fa_correction", "", r"1 row\(s\) of MemCat's file are unusable.*row 5"),
    ],
)
def test_a_damaged_memcat_is_refused(tmp_path, column, cell, says):
    frame = memcat_frame().astype(str)
    frame.loc[3, column] = cell
    frame.to_csv(tmp_path / "memcat.csv", index=False)
    with pytest.raises(MemnetError, match=says):
        read_memcat(tmp_path / "memcat.csv", label="wo-fa")


def test_the_held_out_pictures_are_those_with_the_lowest_sha256(mix):
    test, train = mix(), mix(part="train")
    ids = [*test.table["image_id"], *train.table["image_id"]]
    assert len(ids) == len(set(ids)) == 40 + 12
    assert {i.split("/")[0] for i in ids} == {"lamem", "memcat"}
    assert len(test.table) == 10
    key = {i: hashlib.sha256(f"2022:{i}".encode()).hexdigest() for i in ids}
    assert max(key[i] for i in test.table["image_id"]) < min(
        key[i] for i in train.table["image_id"]
    )
    assert sum(test.manifest["counts"].values()) == 10
    assert test.manifest["counts"]["lamem"] == test.table["image_id"].str.match("lamem/").sum()


def test_the_mixture_is_the_same_everywhere(mix, tmp_path):
    """A literal: other machines, other orders of the files and other versions must give it too."""
    assert mix().manifest["digest"] == MIXTURE_DIGEST
    write_lamem(tmp_path / "lamem", backwards=True)
    memcat_frame()[::-1].to_csv(tmp_path / "memcat.csv", sep=";")
    again = mix()
    assert again.manifest["digest"] == MIXTURE_DIGEST
    assert again.table.equals(mix().table)
    assert mix(seed=2023).manifest["digest"] != MIXTURE_DIGEST


def test_the_mixture_has_the_labels_of_one_split_of_lamem(mix):
    """Whoever merges split files gives some pictures the label of another split."""
    for split in (1, 2):
        rows = pd.concat([mix(split=split).table, mix(split=split, part="train").table])
        rows = rows[rows["dataset"] == "lamem"]
        number = rows["image_id"].str.removeprefix("lamem/").str.removesuffix(".jpg").astype(int)
        assert np.allclose(rows["human_score"], (number + 40 + split) / 100, atol=1e-12)
    assert mix(split=2).table["image_id"].tolist() == mix().table["image_id"].tolist()


def test_the_mixture_says_when_its_labels_are_of_two_kinds(mix):
    assert mix().manifest["label_kind"] == HIT_RATE
    assert mix(label="w-fa").manifest["label_kind"] == MIXED


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"held_out": 0}, "--held-out 0 must be from 1 to 51: there are 52"),
        ({"held_out": 52}, "--held-out 52"),
        ({"part": "val"}, "--part is 'val'; it must be test or train"),
        ({"split": 6}, "--split is 6; it must be 1 or 2 or 3 or 4 or 5"),
        ({"split": 3}, r"There is no .*train_3\.txt"),
    ],
)
def test_what_there_is_not_is_said(mix, options, says):
    with pytest.raises(MemnetError, match=says):
        mix(**options)


def test_parts_that_overlap_are_refused(mix, lamem_folder):
    (lamem_folder / "val_1.txt").write_text("00000001.jpg 0.5\n")
    with pytest.raises(MemnetError, match=r"1 picture\(s\) are in more than one part.*00000001"):
        mix()


def test_the_table_and_its_manifest_are_read_back(mix, tmp_path):
    truth = mix()
    path = tmp_path / "new" / "truth.csv"
    truth.write(path)
    assert read_manifest(path) == truth.manifest
    scores = read_column(path, column="human_score", id_column="image_id", name="truth")
    assert scores.by_id.tolist() == truth.table["human_score"].tolist()
    predictions = truth.table.rename(columns={"human_score": "score"})
    joined = join(scores, read_scores(predictions, id_column="image_id"))
    assert joined.manifest_digest() == truth.manifest["digest"]
    first = path.read_bytes()
    truth.write(path)  # an earlier one may be replaced
    assert path.read_bytes() == first
    assert sorted(file.name for file in path.parent.iterdir()) == ["truth.csv", "truth.csv.json"]


@pytest.mark.parametrize("change", ["a label", "an id", "a row", "a column"])
def test_a_table_that_was_altered_is_noticed(lamem_folder, tmp_path, change):
    path = tmp_path / "truth.csv"
    read_lamem(lamem_folder, split=1).write(path)
    frame = pd.read_csv(path, dtype=str)
    frame[::-1].to_csv(path, index=False, sep="\t")  # another order and layout are no alteration
    assert read_manifest(path) is not None
    if change == "a label":
        frame.loc[2, "human_score"] += "0001"
    elif change == "an id":
        frame.loc[2, "image_id"] = "x.jpg"
    elif change == "a row":
        frame = frame.iloc[1:]
    else:
        frame = frame.rename(columns={"human_score": "score"})
    frame.to_csv(path, index=False)
    with pytest.raises(MemnetError, match="was altered after `memnet dataset` wrote it"):
        read_manifest(path)


def test_a_table_without_a_manifest_is_the_users_own(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("image_id,hit_rate\na,0.5\n")
    assert read_manifest(path) is None
    beside = tmp_path / "truth.csv.json"
    beside.write_text('{"models": {}}')  # a score table's sidecar
    assert read_manifest(path) is None
    beside.write_text("{")
    with pytest.raises(MemnetError, match="cannot be read as the manifest"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [({"schema_version": 99}, "schema version 99"), ({"digest": None}, "it has no digest")],
)
def test_a_manifest_that_is_newer_or_damaged_is_refused(lamem_folder, tmp_path, change, says):
    path = tmp_path / "truth.csv"
    read_lamem(lamem_folder, split=1).write(path)
    beside = tmp_path / "truth.csv.json"
    fields = json.loads(beside.read_text()) | change
    beside.write_text(json.dumps({k: v for k, v in fields.items() if v is not None or k == "rule"}))
    with pytest.raises(MemnetError, match=says):
        read_manifest(path)


def test_a_file_that_is_no_truth_table_is_not_written_over(memcat_file, tmp_path):
    truth = read_memcat(memcat_file, label="wo-fa")
    before = memcat_file.read_bytes()
    with pytest.raises(MemnetError, match=r"memcat\.csv exists and was not written by"):
        truth.write(memcat_file)
    (tmp_path / "other.csv.json").write_text("{}")
    with pytest.raises(MemnetError, match=r"other\.csv\.json exists and was not written by"):
        truth.write(tmp_path / "other.csv")
    assert memcat_file.read_bytes() == before
    with pytest.raises(MemnetError, match=r"must end in \.csv"):
        truth.write(tmp_path / "truth.ods")


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx"])
def test_a_truth_table_of_any_kind_is_known_by_its_manifest(memcat_file, tmp_path, kind):
    truth = read_memcat(memcat_file, label="wo-fa")
    path = tmp_path / f"truth.{kind}"
    truth.write(path)
    assert read_manifest(path) == truth.manifest
    found = read_column(path, column="human_score").by_id
    assert found.to_dict() == truth.table.set_index("image_id")["human_score"].to_dict()
    if kind == "xlsx":
        assert read_manifest(f"{path}#table") == truth.manifest


# --- the official files, where they are at hand ----------------------------------------------


@pytest.fixture(scope="module")
def official(shared):
    return shared / "data" / "lamem_splits", shared / "data" / "human_scores" / (
        "memcat_image_data.csv"
    )


def test_official_lamem_has_its_published_sizes_and_the_measured_moments(official):
    """FACTS: 45,000 / 3,741 / 10,000 a split. The moments are those of split 1, population SD."""
    for split in (1, 2, 3, 4, 5):
        parts = {
            part: read_lamem(official[0], split=split, part=part).table
            for part in ("train", "val", "test")
        }
        assert [len(table) for table in parts.values()] == [45_000, 3_741, 10_000]
        whole = pd.concat(list(parts.values()))
        assert whole["image_id"].nunique() == len(whole) == 58_741
        if split == 1:
            scores = whole["human_score"].to_numpy()
            assert round(scores.mean(), 6) == 0.756077
            assert round(scores.std(ddof=0), 6) == 0.123752
            assert (scores.min(), scores.max()) == (0.2, 1.0)
            assert round(100 * (scores < 0.411).mean(), 4) == 0.6861


def test_official_labels_differ_between_splits(official):
    test = read_lamem(official[0], split=1).table
    train = read_lamem(official[0], split=2, part="train").table
    both = test.merge(train, on="image_id")
    assert len(both) == 7_670
    assert round(100 * (both["human_score_x"] != both["human_score_y"]).mean(), 1) == 98.7


def test_official_memcat_has_the_measured_means_and_its_two_labels_disagree(official):
    without = read_memcat(official[1], label="wo-fa").table
    corrected = read_memcat(official[1], label="w-fa").table
    assert len(without) == len(corrected) == 10_000
    assert round(without["human_score"].mean(), 6) == 0.758451
    assert round(corrected["human_score"].mean(), 6) == 0.693220
    rho = without["human_score"].corr(corrected["human_score"], method="spearman")
    assert round(rho, 3) == 0.904
    assert without["category"].value_counts().to_dict() == dict.fromkeys(
        ("animal", "food", "landscape", "sports", "vehicle"), 2_000
    )


def test_official_mixture_holds_out_the_same_5000_everywhere(official):
    test = read_mixture(*official, split=1, label="wo-fa")
    train = read_mixture(*official, split=1, label="wo-fa", part="train")
    assert test.manifest["digest"] == OFFICIAL_MIXTURE_DIGEST
    assert test.manifest["counts"] == {"lamem": 4_289, "memcat": 711}
    assert len(test.table) == 5_000
    assert len(train.table) == 58_741 + 10_000 - 5_000
    assert not set(test.table["image_id"]) & set(train.table["image_id"])
    assert (
        manifest_digest(test.table["image_id"], test.table["human_score"])
        == test.manifest["digest"]
    )


# -- a data set of one's own ---------------------------------------------------------------------


def read_toy(file, *, label="hit_rate"):
    """Follow docs/extending.md: a reader takes the published files and returns a Truth."""
    scores = read_column(file, column=label, id_column="picture", name=label)
    table = truth_columns(scores.by_id)
    manifest = new_manifest(
        table,
        dataset="toy",
        label_column=label,
        label_kind=HIT_RATE,
        sources={file: digest_of(file)},
        rule="every picture",
    )
    return Truth(table=table, manifest=manifest)


@pytest.fixture
def toy(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text("picture,hit_rate\n" + "".join(f"{i}.jpg,{i / 20}\n" for i in range(1, 20)))
    options = [DatasetOption(name="toy", parameter="file", type="path", help="Its table.")]
    register_dataset("toy", title="Toys (2026)", reader=read_toy, help="Toys.", options=options)
    yield path
    unregister_dataset("toy")


def test_a_registered_data_set_is_known_everywhere(toy, tmp_path):
    assert judge_contamination(["toy"], "toy").word == "contaminated"
    assert judge_contamination(["lamem"], "toy").word == "clean"
    assert judge_contamination(["toy:train:1"], "toy:test:1").word == "clean"
    assert dataset_title("toy:test") == "Toys (2026), test part"
    truth = read_dataset("toy", toy)
    assert truth.manifest["n"] == 19
    truth.write(tmp_path / "truth.csv")
    scores = truth.table.rename(columns={"human_score": "score"})
    record = memnet.compare(
        tmp_path / "truth.csv",
        scores.assign(model="memnet.caffe_lamem"),
        dataset="toy",
        resamples=100,
    )
    assert record.models[0]["contamination"] == "clean"  # and not "possibly"
    assert not [warning for warning in record.warnings if "does not know" in warning]


def test_a_registered_data_set_has_its_command(toy, tmp_path):
    result = CliRunner().invoke(
        dataset_command.app, ["toy", "--toy", str(toy), "--out", str(tmp_path / "truth.csv")]
    )
    assert result.exit_code == 0, result.output
    assert read_manifest(tmp_path / "truth.csv")["dataset"] == "toy"


def test_a_cell_that_registers_a_data_set_may_be_run_twice_and_another_reader_is_refused(toy):
    again = register_dataset("toy", title="Toys (2027)", reader=read_toy)
    assert known_datasets()["toy"] is again
    with pytest.raises(MemnetError, match=r"There is a data set 'toy' already: Toys \(2027\)"):
        register_dataset("toy", title="Other toys", reader=read_lamem)


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"name": "table-file"}, "'table-file' cannot be an option's name: .*table_file becomes"),
        ({"name": "class"}, "'class' cannot be an option's name"),
        ({"name": "out"}, "has --out of its own"),
        ({"name": "size", "type": "float"}, "type 'float'; it must be path or text or integer"),
    ],
)
def test_an_option_that_no_command_can_have_is_refused_when_it_is_made(option, sentence):
    with pytest.raises(MemnetError, match=sentence):
        DatasetOption(**{"type": "path", "help": "", **option})


def test_two_options_of_one_name_and_a_reader_that_is_not_there_are_refused():
    twice = DatasetOption(name="file", type="path", help="")
    with pytest.raises(MemnetError, match="data set toys has the option file twice"):
        register_dataset("toys", title="Toys", reader=read_toy, options=[twice, twice])
    assert "toys" not in known_datasets()
    register_dataset("toys", title="Toys", reader="memnet.data.lamem:read_toys")
    try:
        with pytest.raises(
            MemnetError, match=r"'memnet\.data\.lamem:read_toys' .* 'module:function'"
        ):
            read_dataset("toys", "x.csv")
    finally:
        unregister_dataset("toys")


def test_a_reader_that_is_called_wrongly_says_what_it_takes(toy):
    with pytest.raises(MemnetError, match=r"missing a required argument: .file.\): read_toy\("):
        read_dataset("toy", fiel=toy)


def spoil(path):
    """Three rows that cannot be used: no number, no hit rate, no id."""
    path.write_text(path.read_text() + "x.jpg,n/a\ny.jpg,1.5\n,0.5\n")


SPOILT = (
    "row 19 (x.jpg): human_score is missing",
    "row 20 (y.jpg): human_score is 1.5, not within 0 to 1",
)


def unchecked(file):
    """A reader that gives every row of its file, whatever stands there."""
    table = pd.read_csv(file).rename(columns={"picture": "image_id", "hit_rate": "human_score"})
    whole = new_manifest(
        table[:19], dataset="toy", label_kind=HIT_RATE, sources={file: digest_of(file)}
    )
    return Truth(table=table, manifest=whole, set_aside=("the reader's own sentence",))


def test_rows_that_a_reader_lets_pass_are_set_aside_with_a_sentence_each(toy):
    good = read_dataset("toy", toy)
    assert good.set_aside == ()
    spoil(toy)
    register_dataset("toy2", title="Toys, unchecked", reader=unchecked)
    try:
        truth = read_dataset("toy2", toy)
    finally:
        unregister_dataset("toy2")
    assert truth.set_aside == (
        "the reader's own sentence",
        *(f"the data set toy2, {sentence}" for sentence in SPOILT),
        "the data set toy2, row 21: image_id is missing",
    )
    assert len(truth.table) == truth.manifest["n"] == truth.manifest["counts"]["toy"] == 19
    assert truth.manifest["digest"] == manifest_digest(
        truth.table["image_id"], truth.table["human_score"]
    )


def test_a_reader_that_returns_no_truth_is_named():
    register_dataset("toy2", title="x", reader=lambda: "a table")
    try:
        with pytest.raises(MemnetError, match="reader of the data set toy2 returned a str"):
            read_dataset("toy2")
    finally:
        unregister_dataset("toy2")


def test_the_command_of_a_data_set_says_which_rows_were_set_aside(toy, tmp_path):
    spoil(toy)
    out = tmp_path / "truth.csv"
    result = CliRunner().invoke(dataset_command.app, ["toy", "--toy", str(toy), "--out", str(out)])
    assert result.exit_code == 1
    assert "(y.jpg): human_score is 1.5, not within 0 to 1" in result.stderr
    assert "1 row(s) were set aside" in result.stderr  # of 3: read_toy says nothing of the others
    assert read_manifest(out)["n"] == 19


def test_a_truth_made_of_scores_says_which_rows_cannot_be_used(toy):
    spoil(toy)
    scores = memnet.read_column(toy, column="hit_rate", id_column="picture", within=(0, 1))
    truth = Truth.from_scores(scores, dataset="toy", sources=[toy], rule="every picture")
    assert [sentence.partition(", ")[2] for sentence in truth.set_aside] == [
        "row 21 (x.jpg): hit_rate is missing ('n/a')",
        "row 22 (y.jpg): hit_rate is 1.5, not within 0 to 1",
        "row 23: picture is missing",
    ]
    assert truth.manifest["label_column"] == "hit_rate"
    assert truth.manifest["sources"] == [{"file": toy.name, "sha256": digest_of(toy)}]
    assert truth.manifest["n"] == 19


def test_a_name_is_taken_once_and_cannot_look_like_a_part(toy):
    with pytest.raises(MemnetError, match="There is a data set 'toy' already"):
        register_dataset("toy", title="Other toys")
    for name in ("", "Toy", "toy:test", "toy+lamem", " toy"):
        with pytest.raises(MemnetError, match="cannot be a data set's name"):
            register_dataset(name, title="x")
    with pytest.raises(MemnetError, match="no reader"):
        read_dataset("scenes375")
    with pytest.raises(MemnetError, match="does not know the data set 'toys', only lamem, memcat"):
        read_dataset("toys")


def test_the_options_of_every_entry_are_those_of_its_reader():
    for entry in known_datasets().values():
        if not isinstance(entry.reader, str):
            continue
        module, _, function = entry.reader.partition(":")
        signature = inspect.signature(getattr(import_module(module), function)).parameters
        options = {option.parameter or option.name: option for option in entry.options}
        assert list(options) == list(signature), entry.name
        for name, parameter in signature.items():
            default = None if parameter.default is parameter.empty else parameter.default
            assert options[name].default == default, (entry.name, name)

"""Building training sets: exact parts, the same everywhere, and nothing dropped in silence."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from memnet.data import splits
from memnet.data.contamination import judge_contamination
from memnet.data.lamem import read_lamem
from memnet.data.memcat import read_memcat
from memnet.data.mixture import read_mixture
from memnet.data.splits import held_out_ids
from memnet.errors import MemnetError
from memnet.reimpl.training.sources import from_lamem, from_memcat, from_mixture, from_table

CATEGORIES = ("animal", "food", "landscape", "sports", "vehicle")


def touch(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")  # no builder opens a picture
    return folder


def frame_of(count, **columns) -> pd.DataFrame:
    number = np.arange(count)
    return pd.DataFrame(
        {
            "image_id": [f"{i:04d}.jpg" for i in number],
            "hit_rate": [round(0.3 + 0.6 * i / count, 6) for i in number],
            "category": [CATEGORIES[i % 5] for i in number],
            **columns,
        }
    )


@pytest.fixture
def build(tmp_path):
    """Write a table and its pictures, and build a training set of them."""

    def make(frame, *, names=None, file="mine.csv", **options):
        if names is None:
            names = frame[options.get("id_column") or "image_id"].tolist()
        shutil.rmtree(tmp_path / "pictures", ignore_errors=True)
        touch(tmp_path / "pictures", names)
        path = tmp_path / file
        frame.to_parquet(path) if file.endswith("parquet") else frame.to_csv(path, index=False)
        options = {"truth_column": "hit_rate", **options}
        return from_table(path, tmp_path / "pictures", **options)

    return make


def counts(training) -> dict[str, int]:
    return {part: training.count(part) for part in ("train", "val", "test")}


def ids(training, part) -> list[str]:
    return training.table.loc[training.table["part"] == part, "image_id"].tolist()


# any table


def test_counts_are_exact_and_proportional_in_every_category(build):
    frame = frame_of(400)
    training = build(frame, val=100, test=0.25, strata_column="category")
    assert counts(training) == {"train": 200, "val": 100, "test": 100}
    table = training.table.merge(frame[["image_id", "category"]])
    assert set(table.groupby(["part", "category"]).size()) == {20, 40}


def test_totals_stay_exact_where_categories_do_not_divide(build):
    sizes = {"animal": 31, "food": 7, "sports": 2, "vehicle": 60}
    category = [name for name, size in sizes.items() for _ in range(size)]
    frame = frame_of(100, category=category)
    training = build(frame, val=13, test=17, strata_column="category")
    assert counts(training) == {"train": 70, "val": 13, "test": 17}
    table = training.table.merge(frame[["image_id", "category"]])
    # 17 % of 31, 7, 2, 60 is 5.27, 1.19, 0.34, 10.2: 5 + 1 + 0 + 10, and one more for 0.34
    test = table[table["part"] == "test"].groupby("category").size().to_dict()
    assert test == {"animal": 5, "food": 1, "sports": 1, "vehicle": 10}


def test_shares_are_those_of_the_largest_remainders():
    """The usual worked example of the method of Hare and Niemeyer: 10 seats, 100,000 votes."""
    votes = {"a": 47_000, "b": 16_000, "c": 15_800, "d": 12_000, "e": 6_100, "f": 3_100}
    assert splits._shares(votes, 10) == {"a": 5, "b": 2, "c": 1, "d": 1, "e": 1, "f": 0}


def test_the_draw_is_by_sha256_of_seed_and_id(build):
    frame = frame_of(50)
    training = build(frame, val=10, test=5, seed=7)

    def key(image_id):
        return hashlib.sha256(f"7:{image_id}".encode()).hexdigest()

    order = sorted(frame["image_id"], key=key)
    assert set(ids(training, "test")) == set(order[:5])
    assert set(ids(training, "val")) == set(order[5:15])
    assert set(ids(training, "train")) == set(order[15:])


def test_the_split_depends_on_the_seed_and_not_on_the_order_of_rows(build):
    frame = frame_of(60)
    first = build(frame, strata_column="category")
    again = build(frame.sample(frac=1, random_state=1), strata_column="category")
    pd.testing.assert_frame_equal(first.table, again.table)
    assert first.digest() == again.digest()
    assert first.trained_on == again.trained_on
    other = build(frame, strata_column="category", seed=1)
    assert other.digest() != first.digest()
    assert other.test_name != first.test_name


def test_the_test_part_is_the_same_whatever_the_size_of_the_validation_part(build):
    small, large = (build(frame_of(60), val=val, test=12) for val in (5, 30))
    assert ids(small, "test") == ids(large, "test")
    assert set(ids(small, "val")) < set(ids(large, "val"))


def test_scores_and_paths_are_those_of_the_picture(build, tmp_path):
    frame = frame_of(30)
    training = build(frame)
    scores = dict(zip(frame["image_id"], frame["hit_rate"], strict=True))
    for row in training.table.itertuples():
        assert row.score == scores[row.image_id]
        assert row.path == str(tmp_path / "pictures" / row.image_id)
    parts = training.table["part"].tolist()
    assert parts == sorted(parts, key=["train", "val", "test"].index)


def test_pictures_in_folders_have_the_path_as_id(build):
    frame = frame_of(20)
    frame["image_id"] = ["deep/er/" + each for each in frame["image_id"]]
    assert counts(build(frame)) == {"train": 12, "val": 4, "test": 4}


@pytest.mark.parametrize("file", ["mine.parquet", "mine.csv"])
def test_a_test_part_of_zero_is_none(build, file):
    training = build(frame_of(20), test=0, val=0.25, file=file)
    assert counts(training) == {"train": 15, "val": 5, "test": 0}
    assert training.test_name == ""


@pytest.mark.parametrize("given", [1.0, -0.2, -3, float("nan"), 2.5, float("inf")])
def test_a_share_that_is_none_is_refused(build, given):
    with pytest.raises(MemnetError, match="it must be a share between 0 and 1"):
        build(frame_of(20), val=given)


def test_a_whole_number_written_as_a_float_is_a_number_of_pictures(build):
    assert build(frame_of(20), val=5.0, test=2.0).count("val") == 5


def test_parts_that_leave_nothing_are_refused(build):
    with pytest.raises(MemnetError, match="--val 15 and --test 5 leave nothing of 20 pictures"):
        build(frame_of(20), val=15, test=5)
    with pytest.raises(MemnetError, match=r"--test 0\.001 of 20 pictures is none"):
        build(frame_of(20), test=0.001)
    with pytest.raises(MemnetError, match=r"The val part holds 0 picture"):
        build(frame_of(20), val=0)


def test_a_column_may_name_the_parts(build):
    words = ["train"] * 10 + [" Validation", "valid", "DEV", "val"] + ["Test"] * 6
    training = build(frame_of(20, part=words), split_column="part", val=0.9, test=0.9)
    assert counts(training) == {"train": 10, "val": 4, "test": 6}
    assert ids(training, "val") == [f"{i:04d}.jpg" for i in range(10, 14)]
    assert training.trained_on[0].startswith("mine:train:given-")
    assert judge_contamination(training.trained_on, training.test_name).word == "clean"


def test_a_validation_part_that_the_column_lacks_is_drawn_from_training(build):
    words = ["train"] * 15 + ["test"] * 5
    training = build(frame_of(20, part=words), split_column="part", val=3)
    assert counts(training) == {"train": 12, "val": 3, "test": 5}
    assert set(ids(training, "val")) == held_out_ids([f"{i:04d}.jpg" for i in range(15)], 3, 2022)
    assert "validation part drawn" in training.description["rule"]


def test_an_unknown_word_for_a_part_is_named(build):
    words = ["train"] * 10 + ["holdout"] * 10
    with pytest.raises(MemnetError, match=r"'part', calls 10 picture.*'holdout'; rename them"):
        build(frame_of(20, part=words), split_column="part")
    with pytest.raises(MemnetError, match=r"column 'part' for every picture.*\(row 4, ''\)"):
        build(frame_of(5, part=["train", "val", "", "val", "test"]), split_column="part")


@pytest.mark.parametrize(
    ("file", "dataset", "base"),
    [
        ("My Pictures (2).csv", "", "my-pictures-2"),
        ("memcat.csv", "", "table-memcat"),
        ("LaMem.csv", "", "table-lamem"),
        ("mine.csv", "LaMem+MemCat", "lamem+memcat"),
        ("mine.csv", "Scenes375", "scenes375"),
        ("lamem+mine:1.csv", "", "lamem-mine-1"),
        ("((.csv", "", "pictures"),
    ],
)
def test_names_can_be_judged_and_the_test_part_is_clean(build, file, dataset, base):
    training = build(frame_of(40), file=file, dataset=dataset)
    train, val = training.trained_on
    assert train.startswith(f"{base}:train:seed2022-")
    assert val == train.replace(":train:", ":val:")
    assert training.test_name == train.replace(":train:", ":test:")
    assert judge_contamination(training.trained_on, training.test_name).word == "clean"
    assert judge_contamination([training.test_name], training.test_name).word == "contaminated"


def test_another_draw_of_the_same_table_is_contaminated(build):
    first, second = (build(frame_of(40), seed=seed) for seed in (1, 2))
    assert judge_contamination(first.trained_on, second.test_name).word == "contaminated"
    more = build(frame_of(41), seed=1)
    assert judge_contamination(first.trained_on, more.test_name).word == "contaminated"


@pytest.mark.parametrize("dataset", ["mine:test", "lamem:train:1", "lamem+", "+"])
def test_a_data_set_with_a_part_is_refused(build, dataset):
    with pytest.raises(MemnetError, match="must be a data set's name alone"):
        build(frame_of(20), dataset=dataset)


def test_rows_without_a_picture_and_pictures_without_a_row_are_named(build):
    frame = frame_of(30)
    names = frame["image_id"].tolist()[2:] + [f"x{i}.png" for i in range(25)]
    training = build(frame, names=names)
    assert len(training.table) == 28
    assert [each.split(": there is no such picture")[0][-8:] for each in training.set_aside] == [
        "0000.jpg",
        "0001.jpg",
    ]
    lone = training.description["pictures_without_score"]
    assert lone["count"] == 25
    assert len(lone["examples"]) == 20
    assert lone["examples"][0] == "x0.png"


def test_rows_without_a_usable_score_are_set_aside(build):
    frame = frame_of(30).astype({"hit_rate": object})
    frame.loc[3, "hit_rate"] = "n/a"
    frame.loc[4, "hit_rate"] = None
    training = build(frame)
    assert len(training.table) == 28
    assert "row 5 (0003.jpg): hit_rate is missing ('n/a')" in training.set_aside[0]
    assert "row 6 (0004.jpg): hit_rate is missing" in training.set_aside[1]
    assert training.description["pictures_without_score"]["examples"] == ["0003.jpg", "0004.jpg"]


def test_ids_that_nearly_match_are_told(build):
    frame = frame_of(30)
    names = [name.replace(".jpg", ".png") for name in frame["image_id"]]
    with pytest.raises(
        MemnetError, match=r"No id of .*'0000\.jpg'.*30 would agree without file en"
    ):
        build(frame, names=names)
    with pytest.raises(MemnetError, match="Is --id-column right"):
        build(frame, names=["other.png"])
    training = build(frame, names=names[:5] + frame["image_id"].tolist()[5:])
    assert len(training.set_aside) == 5
    (note,) = training.description["notes"]
    assert note.startswith("5 id(s) of ")
    assert "would agree if read more loosely: 5 without file endings ('0000.jpg' and" in note


def test_scores_off_the_scale_are_refused_with_a_hint(build):
    frame = frame_of(20)
    percent = frame.assign(hit_rate=frame["hit_rate"] * 100)
    with pytest.raises(MemnetError, match=r"20 score\(s\) outside 0 to 1.*divide by 100"):
        build(percent)
    frame.loc[3, "hit_rate"] = -0.125
    with pytest.raises(MemnetError, match=r"1 score.*\(0003\.jpg -0\.125\).*false alarms"):
        build(frame)
    frame.loc[3, "hit_rate"] = 2.5
    with pytest.raises(MemnetError, match="rescale them"):
        build(frame)
    frame.loc[3, "hit_rate"] = -1
    with pytest.raises(MemnetError, match=r"0003\.jpg -1\); if such a number stands for a missing"):
        build(frame)


def test_pictures_are_matched_by_a_looser_rule_where_one_is_chosen(build):
    frame = frame_of(20)
    elsewhere = [f"stimuli/{each.replace('.jpg', '.png')}" for each in frame["image_id"]]
    with pytest.raises(MemnetError, match="With --match stem, 20 would match"):
        build(frame, names=elsewhere)
    found = build(frame, names=[*elsewhere, "other.png"], match="stem")
    exact = build(frame)
    assert found.digest() == exact.digest()
    for row in found.table.itertuples():
        assert row.path.endswith(f"pictures/stimuli/{row.image_id.replace('.jpg', '.png')}")
    rule = "the file names at the end of the ids are equal without their endings"
    assert found.description["join_rule"] == rule
    assert exact.description["join_rule"].startswith("ids are equal letter for letter")
    (note,) = found.description["notes"]
    assert note.endswith(f"were matched by --match stem: {rule}.")
    assert exact.description["notes"] == []
    assert found.description["pictures_without_score"]["examples"] == ["other.png"]
    with pytest.raises(MemnetError, match=r"--match stem takes .* for one picture"):
        build(frame, names=[*elsewhere, "x/0003.jpg"], match="stem")


def test_what_a_table_lacks_is_said(build, tmp_path):
    frame = frame_of(20)
    with pytest.raises(MemnetError, match=r"no column 'hit_rte'. Did you mean 'hit_rate'"):
        build(frame, truth_column="hit_rte")
    with pytest.raises(MemnetError, match="Give --truth-column, one of image_id, hit_rate, cat"):
        build(frame, truth_column="")
    with pytest.raises(MemnetError, match="no column 'kind'"):
        build(frame, strata_column="kind")
    twice = pd.concat([frame, frame.iloc[:1]])
    with pytest.raises(MemnetError, match=r"1 id\(s\) more than once .*0000\.jpg"):
        build(twice)
    frame.to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(MemnetError, match="There is no file or folder"):
        from_table(tmp_path / "mine.csv", tmp_path / "nowhere", truth_column="hit_rate")
    with pytest.raises(MemnetError, match="There is no file"):
        from_table(tmp_path / "none.csv", tmp_path, truth_column="hit_rate")


def test_ids_keep_their_leading_zeros_and_may_have_another_column(build):
    frame = frame_of(20).rename(columns={"image_id": "file"})
    assert ids(build(frame, id_column="file"), "train")[0].startswith("00")


def test_the_description_is_plain_json(build, tmp_path):
    description = build(frame_of(20), strata_column="category").description
    assert json.loads(json.dumps(description, allow_nan=False)) == description
    sha256 = hashlib.sha256((tmp_path / "mine.csv").read_bytes()).hexdigest()
    assert description["sources"] == [{"file": "mine.csv", "sha256": sha256}]
    assert "sha256 of '2022:ID', within each 'category'" in description["rule"]


# the known data sets, made up


@pytest.fixture
def memcat_file(tmp_path):
    number = np.arange(100)
    hits, false_alarms, responses = 40 + number % 30, number % 5, 80 + number % 3
    frame = pd.DataFrame(
        {
            "image_file": [f"{i:012d}.jpg" for i in number],
            "category": [CATEGORIES[i % 5] for i in number],
            "subcategory": "x",
            "H": hits,
            "FA": false_alarms,
            "n_resp": responses,
            "memorability_wo_fa_correction": hits / responses,
            "memorability_w_fa_correction": (hits - false_alarms) / responses,
        }
    )
    frame.to_csv(tmp_path / "memcat_image_data.csv", index=False)
    return tmp_path / "memcat_image_data.csv"


@pytest.fixture
def memcat_images(tmp_path):
    return touch(
        tmp_path / "MemCat",
        [f"{CATEGORIES[i % 5]}/sub{i % 3}/{i:012d}.jpg" for i in range(100)],
    )


@pytest.fixture
def lamem_folder(tmp_path):
    """100 pictures; split 2 has other labels, and other parts."""
    root = tmp_path / "lamem"
    (root / "splits").mkdir(parents=True)
    names = [f"{i:08d}.jpg" for i in range(100)]
    for split in (1, 2):
        turned = names[10 * split :] + names[: 10 * split]
        for part, chosen in (
            ("train", turned[:70]),
            ("val", turned[70:80]),
            ("test", turned[80:]),
        ):
            lines = [f"{name} {0.3 + int(name[:8]) / 200 + split / 100:.4f}\n" for name in chosen]
            (root / "splits" / f"{part}_{split}.txt").write_text("".join(lines))
    touch(root / "images", names)
    return root


def test_lamem_is_one_official_split(lamem_folder):
    training = from_lamem(lamem_folder, split=2)
    assert counts(training) == {"train": 70, "val": 10, "test": 20}
    assert training.trained_on == ("lamem:train:2", "lamem:val:2")
    assert training.test_name == "lamem:test:2"
    assert judge_contamination(training.trained_on, training.test_name).word == "clean"
    for part in ("train", "val", "test"):
        truth = read_lamem(lamem_folder, split=2, part=part).table
        found = training.table[training.table["part"] == part]
        assert found["image_id"].tolist() == truth["image_id"].tolist()
        assert found["score"].tolist() == truth["human_score"].tolist()
    assert training.table["path"][0] == str(lamem_folder / "images" / ids(training, "train")[0])
    assert training.set_aside == ()


def test_lamem_pictures_that_are_missing_are_set_aside(lamem_folder):
    before = from_lamem(lamem_folder, split=1)
    gone = [ids(before, "train")[0], *ids(before, "test")[:3]]
    for name in gone:
        (lamem_folder / "images" / name).unlink()
    training = from_lamem(lamem_folder, split=1)
    assert counts(training) == {"train": 69, "val": 10, "test": 17}
    assert [each.split(":")[0] for each in training.set_aside] == gone
    assert str(lamem_folder / "images" / gone[0]) in training.set_aside[0]
    assert training.description["notes"] == [
        "1 of the 70 pictures in the train part of LaMem's split 1 are not there, so values on it "
        "are not those of the whole part.",
        "3 of the 20 pictures in the test part of LaMem's split 1 are not there, so values on it "
        "are not those of the whole part.",
    ]


def test_lamem_without_pictures_or_with_overlapping_parts_is_refused(lamem_folder):
    with pytest.raises(MemnetError, match="--split is 6"):
        from_lamem(lamem_folder, split=6)
    with pytest.raises(MemnetError, match=r"There is no .*train_3\.txt"):
        from_lamem(lamem_folder, split=3)
    test = lamem_folder / "splits" / "test_2.txt"
    first = (lamem_folder / "splits" / "train_2.txt").read_text().splitlines()[0]
    test.write_text(test.read_text() + first + "\n")
    with pytest.raises(MemnetError, match=r"1 picture\(s\) are in more than one part .*00000020"):
        from_lamem(lamem_folder, split=2)
    shutil.rmtree(lamem_folder / "images")
    touch(lamem_folder / "images", ["other.jpg"])
    with pytest.raises(MemnetError, match=r"None of the pictures .* and 95 more"):
        from_lamem(lamem_folder, split=1)


def test_memcat_is_drawn_within_its_categories(memcat_file, memcat_images):
    training = from_memcat(memcat_file, memcat_images, label="wo-fa", val=10, test=25)
    assert counts(training) == {"train": 65, "val": 10, "test": 25}
    truth = read_memcat(memcat_file, label="wo-fa").table
    table = training.table.merge(truth, on="image_id")
    assert set(table.groupby(["part", "category"]).size()) == {2, 5, 13}
    assert table["score"].tolist() == table["human_score"].tolist()
    path = training.table.set_index("image_id")["path"]["000000000007.jpg"]
    assert path == str(memcat_images / "landscape" / "sub1" / "000000000007.jpg")
    assert judge_contamination(training.trained_on, training.test_name).word == "clean"


def test_the_label_of_memcat_decides_the_scores_and_not_the_split(memcat_file, memcat_images):
    plain, corrected = (
        from_memcat(memcat_file, memcat_images, label=label) for label in ("wo-fa", "w-fa")
    )
    assert plain.test_name == corrected.test_name
    assert plain.table["image_id"].tolist() == corrected.table["image_id"].tolist()
    assert (plain.table["score"] >= corrected.table["score"]).all()
    assert plain.digest() != corrected.digest()
    with pytest.raises(MemnetError, match="--label is 'both'"):
        from_memcat(memcat_file, memcat_images, label="both")


def test_the_split_of_memcat_does_not_depend_on_which_pictures_are_there(
    memcat_file, memcat_images
):
    whole = from_memcat(memcat_file, memcat_images, label="wo-fa")
    shutil.rmtree(memcat_images / "food")
    some = from_memcat(memcat_file, memcat_images, label="wo-fa")
    assert some.test_name == whole.test_name
    assert set(ids(some, "test")) < set(ids(whole, "test"))
    assert len(some.set_aside) == 20
    assert len(some.table) == 80
    assert "4 of the 20 pictures in the test part of MemCat" in some.description["notes"][-1]


def test_memcat_pictures_that_are_there_twice_or_never_are_refused(
    memcat_file, memcat_images, tmp_path
):
    touch(memcat_images / "copy", ["000000000003.jpg", "unrelated.jpg"])
    touch(memcat_images / "copies", ["unrelated.jpg"])  # nobody asks for it
    with pytest.raises(MemnetError, match=r"1 picture\(s\) are more than once .*copy.*sports"):
        from_memcat(memcat_file, memcat_images, label="wo-fa")
    with pytest.raises(MemnetError, match=r"None of MemCat's 100 pictures .* and 95 more"):
        from_memcat(memcat_file, touch(tmp_path / "other", ["a.jpg"]), label="wo-fa")


def test_the_mixture_holds_out_what_the_truth_table_holds_out(
    lamem_folder, memcat_file, memcat_images
):
    options = {"split": 1, "label": "wo-fa", "held_out": 40}
    training = from_mixture(lamem_folder, memcat_file, memcat_images, val=30, **options)
    assert counts(training) == {"train": 130, "val": 30, "test": 40}
    test = read_mixture(lamem_folder, memcat_file, part="test", **options)
    assert ids(training, "test") == test.table["image_id"].tolist()
    rest = read_mixture(lamem_folder, memcat_file, part="train", **options).table
    assert set(ids(training, "val")) == held_out_ids(rest["image_id"].tolist(), 30, 2022)
    paths = training.table.set_index("image_id")["path"]
    assert paths["lamem/00000004.jpg"] == str(lamem_folder / "images" / "00000004.jpg")
    assert paths["memcat/000000000007.jpg"].endswith("/landscape/sub1/000000000007.jpg")


def test_the_mixture_is_clean_under_the_name_that_compare_gives_its_test_part(
    lamem_folder, memcat_file, memcat_images
):
    from memnet.compare.comparison import _dataset_name

    options = {"split": 2, "label": "wo-fa", "held_out": 40, "seed": 3}
    training = from_mixture(lamem_folder, memcat_file, memcat_images, val=0.1, **options)
    tag = "seed3-held40-lamem2"
    assert training.trained_on == (f"lamem+memcat:train:{tag}", f"lamem+memcat:val:{tag}")
    test, train = (
        _dataset_name(read_mixture(lamem_folder, memcat_file, part=part, **options).manifest)
        for part in ("test", "train")
    )
    assert training.test_name == test
    assert judge_contamination(training.trained_on, test).word == "clean"
    assert judge_contamination(training.trained_on, train).word == "contaminated"
    assert judge_contamination(training.trained_on, "memcat").word == "contaminated"
    assert judge_contamination(training.trained_on, "lamem:test:2").word == "contaminated"


def test_pictures_that_the_mixture_lacks_are_named_with_their_place(
    lamem_folder, memcat_file, memcat_images
):
    (lamem_folder / "images" / "00000000.jpg").unlink()
    shutil.rmtree(memcat_images / "food" / "sub0")
    training = from_mixture(
        lamem_folder, memcat_file, memcat_images, split=1, label="wo-fa", held_out=40, val=30
    )
    gone = {f"memcat/{i:012d}.jpg" for i in range(100) if i % 5 == 1 and i % 3 == 0}
    assert {each.split(":")[0] for each in training.set_aside} == gone | {"lamem/00000000.jpg"}
    assert len(training.table) == 200 - len(gone) - 1


def test_a_table_of_memnet_dataset_brings_its_columns_and_name(
    memcat_file, memcat_images, tmp_path
):
    read_memcat(memcat_file, label="w-fa").write(tmp_path / "truth.csv")
    flat = touch(tmp_path / "flat", [f"{i:012d}.jpg" for i in range(100)])
    training = from_table(tmp_path / "truth.csv", flat, strata_column="category")
    assert counts(training) == {"train": 60, "val": 20, "test": 20}
    assert training.test_name.startswith("memcat:test:seed2022-")
    assert training.description["label_kind"] == "corrected hit rate"
    with pytest.raises(MemnetError, match="manifest says that the data set is memcat, and --data"):
        from_table(tmp_path / "truth.csv", flat, dataset="lamem")
    direct = from_memcat(memcat_file, memcat_images, label="w-fa")
    assert direct.test_name == training.test_name


# the real files


@pytest.fixture(scope="module")
def real_lamem(shared, tmp_path_factory):
    """LaMem's own split files, and an empty file for each of its 58,741 pictures."""
    root = tmp_path_factory.mktemp("real") / "lamem"
    splits = shared / "data" / "lamem_splits"
    names: set[str] = set()
    for part in ("train", "val", "test"):
        names.update(read_lamem(splits, split=1, part=part).table["image_id"])
    touch(root / "images", names)
    shutil.copytree(splits, root / "splits")
    yield root
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def real_memcat(shared, tmp_path_factory):
    file = shared / "data" / "human_scores" / "memcat_image_data.csv"
    frame = pd.read_csv(file)
    names = frame["category"] + "/" + frame["subcategory"] + "/" + frame["image_file"]
    images = touch(tmp_path_factory.mktemp("real") / "memcat", names)
    yield file, images
    shutil.rmtree(images)


def test_real_lamem_has_its_published_counts(real_lamem):
    training = from_lamem(real_lamem, split=3)
    assert counts(training) == {"train": 45_000, "val": 3_741, "test": 10_000}
    assert training.set_aside == ()


def test_real_memcat_is_drawn_in_equal_numbers_of_each_category(real_memcat):
    file, images = real_memcat
    training = from_memcat(file, images, label="wo-fa", val=1_000, test=2_000)
    assert counts(training) == {"train": 7_000, "val": 1_000, "test": 2_000}
    categories = read_memcat(file, label="wo-fa").table[["image_id", "category"]]
    table = training.table.merge(categories, on="image_id")
    assert set(table.groupby(["part", "category"]).size()) == {200, 400, 1_400}


def test_the_real_mixture_leaves_sixty_thousand_pictures_to_train_on(real_lamem, real_memcat):
    training = from_mixture(real_lamem, *real_memcat, split=1, label="wo-fa")
    assert counts(training) == {"train": 60_000, "val": 3_741, "test": 5_000}


def test_the_400_pictures_are_cut_as_asked(shared):
    folder = shared / "data" / "pictures"
    training = from_table(
        folder / "human_scores.csv",
        folder / "images",
        truth_column="hit_rate",
        strata_column="category",
        val=100,
        test=0,
    )
    assert counts(training) == {"train": 300, "val": 100, "test": 0}
    assert training.set_aside == ()

"""Job arrays: shards are the whole, each picture once, and their tables become that of one run."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from command import run_memnet
from memnet.data.pictures import collect
from memnet.data.shards import Shard, take_part
from memnet.errors import MemnetError
from memnet.scoring.merge import merge_tables
from memnet.scoring.table import read_table
from tiny import write_tiny

CLUSTER = Path(__file__).parents[2] / "docs" / "cluster.md"


@pytest.mark.parametrize("of", [1, 2, 3, 7, 64])
def test_shards_are_the_whole_without_overlap_and_of_like_size(of):
    names = [f"folder/{n:05d}.jpg" for n in range(2000)]
    shards = [[name for name in names if Shard(part, of).holds(name)] for part in range(1, of + 1)]
    assert sorted(itertools.chain.from_iterable(shards)) == names
    # Binomial: within five standard deviations.
    assert max(abs(len(shard) - 2000 / of) for shard in shards) < 5 * (2000 / of) ** 0.5 + 1


def test_shards_are_the_same_on_every_machine():
    """By SHA-256, whose first bytes for "abc" are ba7816bf8f01cfea (FIPS 180-2)."""
    value = 0xBA7816BF8F01CFEA
    assert [Shard(part, 1000).holds("abc") for part in (value % 1000 + 1, value % 1000 + 2)] == [
        True,
        False,
    ]


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "1/0", "-1/3", "1/3/4", "a/b", "1 /3"])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(MemnetError, match="is no part of a whole: write 1/3"):
        Shard.parse(text)


def test_pictures_that_are_added_move_no_other(make_pictures):
    folder = make_pictures(30)
    before = [take_part(collect([folder]), shard=Shard(n, 3)).items for n in (1, 2, 3)]
    for n in range(30):
        shutil.copy(folder / f"{n:05d}.png", folder / f"0{n}-new.png")
    after = [take_part(collect([folder]), shard=Shard(n, 3)).items for n in (1, 2, 3)]
    for old, new in zip(before, after, strict=True):
        assert {item.image_id for item in old} <= {item.image_id for item in new}


def test_a_limit_takes_the_first_pictures_with_all_their_rows(make_pictures):
    table = make_pictures(3) / "trials.csv"
    table.write_text("path,trial\n00002.png,1\n00000.png,2\n00001.png,3\n00002.png,4\n")
    part = take_part(collect([table]), limit=2)
    assert [item.image_id for item in part.items] == ["00002.png", "00000.png"]
    assert [row.extra["trial"] for row in part.table_rows] == ["1", "2", "4"]
    assert take_part(collect([table]), limit=9).items == collect([table]).items


def test_the_list_of_a_shard_is_its_order_and_paths_too(make_pictures, monkeypatch):
    folder = make_pictures(3)
    table = folder / "t.csv"

    def digest(text, given=table):
        table.write_text(text)
        part = take_part(collect([given]), shard=Shard(1, 2)).part
        return part["shard"]["list_sha256"]

    one = digest("image_id,path\na,00000.png\nb,00001.png\n")
    assert one != digest("image_id,path\nb,00001.png\na,00000.png\n")
    assert one != digest("image_id,path\na,00000.png\nb,00002.png\n")
    monkeypatch.chdir(folder)  # computers may see the pictures in other folders
    assert one == digest("image_id,path\na,00000.png\nb,00001.png\n", "t.csv")


def script_lines(slurm_task: int | None, tiny_weights) -> list[list[str]]:
    """The commands of docs/cluster.md, as a job or as the merge, of the tiny network."""
    blocks = re.findall(r"^```(?:bash|sh)\n(.*?)^```", CLUSTER.read_text(), flags=re.M | re.S)
    wanted = "$SLURM_ARRAY_TASK_ID" if slurm_task else "memnet merge"
    lines = [line for block in blocks for line in block.splitlines() if wanted in line]
    text = "\n".join(lines).replace("$SLURM_ARRAY_TASK_ID", str(slurm_task))
    return [shlex.split(line.replace("resmem.published", str(tiny_weights)))[1:] for line in [text]]


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_the_job_array_of_the_page_gives_the_table_of_one_run(
    memnet_command, make_pictures, tiny_weights, tmp_path, ending
):
    folder = make_pictures(40)
    (folder / "00007.png").write_bytes(b"")  # one that fails
    (tmp_path / "parts").mkdir()
    sizes = []
    for task in (3, 1, 2):
        (words,) = script_lines(task, tiny_weights)
        words = [re.sub("csv$", ending, word) for word in words]
        memnet_command(*words, check=None)
        sizes.append(len(read_table(tmp_path / f"parts/{task}.{ending}")))
    assert sum(sizes) == 40
    assert min(sizes) > 5
    (words,) = script_lines(None, tiny_weights)
    parts = sorted((tmp_path / "parts").glob(f"*.{ending}"))
    out = tmp_path / f"scores.{ending}"
    merged = memnet_command("merge", *parts, "--out", out, check=1)
    assert words == ["merge", "parts/*.csv", "--out", "scores.csv"]
    assert f"40 row(s) of 3 table(s), 1 failed -> {out}" in merged.stderr

    one = tmp_path / f"one.{ending}"
    memnet_command("score", "pictures/", "-m", tiny_weights, "-o", one, check=1)
    pd.testing.assert_frame_equal(read_table(out), read_table(one), rtol=0, atol=1e-6)
    shards, whole = (json.loads(Path(f"{path}.json").read_text()) for path in (out, one))
    assert shards["models"] == whole["models"]
    assert shards["files"] == whole["files"]
    assert (shards["rows"], shards["failed"]) == (40, 1)
    assert [part["shard"] for part in shards["merged"]] == [{"part": n, "of": 3} for n in (1, 2, 3)]
    # It is a table like any other: a run goes on with it.
    done = memnet_command("score", "pictures/", "-m", tiny_weights, "-o", out, check=1)
    assert "0 scored, 39 were scored before, 1 failed" in done.stderr


@pytest.fixture(scope="module")
def job_array(tmp_path_factory):
    """A folder with a table of trials, its three shards, and the one run; by two models."""
    root = tmp_path_factory.mktemp("job_array")
    weights = [write_tiny(root / f"{n}.safetensors", seed=n).name for n in (2, 1)]
    (root / "pictures").mkdir()
    for n in range(12):
        pixels = np.random.default_rng(n).integers(256, size=(18, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"pictures/{n:05d}.png")
    rows = [f"{n * 5 % 12:05d}.png,{n},\n" for n in range(30)]
    (root / "pictures/trials.csv").write_text("path,trial,empty\n" + "".join(rows))
    args = ("score", "pictures/trials.csv", "-m", weights[0], "-m", weights[1])
    run_memnet(*args, "-o", "one.csv", cwd=root)
    for n in (1, 2, 3):
        run_memnet(*args, "--shard", f"{n}/3", "-o", f"{n}.csv", cwd=root)
    return root


@pytest.fixture
def shards(job_array, tmp_path):
    """The three shards, in a folder of the test's own."""
    shutil.copytree(job_array, tmp_path, dirs_exist_ok=True)
    return [tmp_path / f"{n}.csv" for n in (1, 2, 3)]


def test_trials_of_two_models_stand_as_in_one_run(shards, tmp_path):
    merge_tables(shards[::-1], tmp_path / "all.csv")
    merged, one = pd.read_csv(tmp_path / "all.csv"), pd.read_csv(tmp_path / "one.csv")
    assert len(one) == 60
    pd.testing.assert_frame_equal(merged, one, rtol=0, atol=1e-6)


def test_a_missing_shard_is_named_and_the_rest_kept(memnet_command, shards, tmp_path):
    done = memnet_command("merge", shards[0], shards[2], "-o", tmp_path / "all.csv", check=1)
    assert "shard 2/3 is missing: run it (--shard 2/3) and merge again" in done.stderr
    one, two = pd.read_csv(shards[0]), pd.read_csv(shards[2])
    assert len(pd.read_csv(tmp_path / "all.csv")) == len(one) + len(two)
    memnet_command("merge", *shards, "-o", tmp_path / "all.csv")  # replaced, once it is there
    assert len(pd.read_csv(tmp_path / "all.csv")) == 60


def test_a_shard_that_only_another_model_has_is_missing(shards, tmp_path, memnet_command):
    """The two models of the array each in tables of their own, and one shard of one not run."""
    first, second = (sorted(tmp_path.glob("*.safetensors"))[n].name for n in (0, 1))
    for n in (1, 2, 3):
        for model in (first, second):
            args = ("score", "pictures/trials.csv", "-m", model, "--shard", f"{n}/3")
            run_memnet(*args, "-o", f"{model[0]}{n}.csv", cwd=tmp_path)
    parts = [tmp_path / f"{first[0]}{n}.csv" for n in (1, 2, 3)]
    parts += [tmp_path / f"{second[0]}{n}.csv" for n in (1, 3)]
    merged = merge_tables(parts, tmp_path / "all.csv")
    assert not merged.complete
    assert [note for note in merged.notes if "missing" in note] == [
        f"shard 2/3 of {second} is missing: run it (--shard 2/3) and merge again"
    ]


def test_a_table_that_was_cut_short_is_not_merged(shards, tmp_path):
    with pytest.raises(MemnetError, match="is no score table"):
        merge_tables([tmp_path / "pictures", *shards], tmp_path / "all.csv")
    table = pd.read_csv(shards[1])
    table.iloc[:-2].to_csv(shards[1], index=False)
    with pytest.raises(MemnetError, match=r"2\.csv has fewer or more rows than 2\.csv\.json says"):
        merge_tables(shards, tmp_path / "all.csv")


def test_what_is_in_several_tables_is_kept_once(shards, tmp_path):
    merged = merge_tables([tmp_path / "one.csv", *shards, shards[0]], tmp_path / "all.csv")
    assert (merged.rows, merged.twice, merged.notes) == (60, 24, [])
    table = pd.read_csv(tmp_path / "all.csv")
    assert sorted(table["trial"]) == sorted([*range(30)] * 2)
    assert table["image_id"].tolist() == sorted(table["image_id"][:30]) * 2  # by id


def change(path, changes):
    text = path.read_text()
    sidecar = json.loads(text)
    changes(sidecar)
    path.write_text(json.dumps(sidecar))


def test_shards_of_lists_that_differ_stand_by_id_and_that_is_said(shards, tmp_path):
    beside = Path(f"{shards[1]}.json")
    change(beside, lambda sidecar: sidecar["shard"].update(list_sha256="0" * 64))
    merged = merge_tables(shards, tmp_path / "all.csv")
    assert merged.complete
    assert "not made of one list of pictures" in merged.notes[0]
    ids = pd.read_csv(tmp_path / "all.csv")["image_id"]
    assert ids[:30].tolist() == sorted(ids[:30])


def test_tables_made_in_two_ways_are_refused_with_what_differs(shards, tmp_path):
    models = json.loads(Path(f"{shards[2]}.json").read_text())["models"]
    model = next(iter(models))
    beside = Path(f"{shards[2]}.json")
    change(beside, lambda sidecar: sidecar["models"][model].update(tensors_sha256="0"))
    with pytest.raises(MemnetError, match=rf"1\.csv and .*3\.csv hold scores of {model} made in "):
        merge_tables(shards, tmp_path / "all.csv")
    assert not (tmp_path / "all.csv").exists()


def test_another_score_of_a_picture_is_refused_and_that_of_a_failed_one_taken(
    memnet_command, make_pictures, tiny_weights, tmp_path
):
    folder = make_pictures(3)
    good = (folder / "00001.png").read_bytes()
    (folder / "00001.png").write_bytes(b"")
    memnet_command("score", folder, "-m", tiny_weights, "-o", "1.csv", check=1)
    (folder / "00001.png").write_bytes(good)
    memnet_command("score", folder, "-m", tiny_weights, "-o", "2.csv")
    for order in (("1.csv", "2.csv"), ("2.csv", "1.csv")):
        memnet_command("merge", *order, "-o", "all.csv")
        assert read_table(tmp_path / "all.csv")["score"].notna().all()
        assert (
            "0 scored, 3 were scored before"
            in memnet_command(*("score", folder, "-m", tiny_weights, "-o", "all.csv")).stderr
        )
        for file in ("all.csv", "all.csv.json"):
            (tmp_path / file).unlink()
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "00002.png")
    memnet_command("score", folder, "-m", tiny_weights, "-o", "3.csv")
    done = memnet_command("merge", "1.csv", "3.csv", "-o", "all.csv", check=2)
    assert "3.csv has score 0." in done.stderr
    assert f"for the picture '00002.png' of {tiny_weights}, and 1.csv has 0." in done.stderr
    assert not (tmp_path / "all.csv").exists()


def test_what_is_not_finished_or_not_there_is_not_merged(shards, tmp_path):
    out = tmp_path / "all.csv"
    with pytest.raises(MemnetError, match=r"There is no table .*4\.csv"):
        merge_tables([*shards, tmp_path / "4.csv"], out)
    (tmp_path / "1.csv.partial").write_text("")
    with pytest.raises(MemnetError, match=r"1\.csv is not finished: run its command again"):
        merge_tables(shards, out)
    (tmp_path / "1.csv.partial").unlink()
    shards[1].rename(tmp_path / "elsewhere")
    with pytest.raises(MemnetError, match=r"2\.csv is not finished"):
        merge_tables(shards, out)
    (tmp_path / "elsewhere").rename(shards[1])
    change(tmp_path / "3.csv.json", lambda sidecar: sidecar.update(finished=None))
    with pytest.raises(MemnetError, match=r"3\.csv is not finished"):
        merge_tables(shards, out)
    (tmp_path / "3.csv.json").unlink()
    with pytest.raises(MemnetError, match=r"has no 3\.csv\.json beside it"):
        merge_tables(shards, out)
    assert not out.exists()


def test_no_table_but_an_earlier_merge_is_replaced(memnet_command, shards, tmp_path):
    with pytest.raises(MemnetError, match="is one of the tables to merge"):
        merge_tables(shards, shards[0])
    with pytest.raises(MemnetError, match=r"one\.csv exists, and no merge wrote it as it is"):
        merge_tables(shards, tmp_path / "one.csv")
    (tmp_path / "mine.csv").write_text("a\n1\n")
    with pytest.raises(MemnetError, match=r"mine\.csv exists"):
        merge_tables(shards, tmp_path / "mine.csv")
    merge_tables(shards, tmp_path / "all.csv")
    memnet_command("score", "pictures", "-m", "1.safetensors", "-o", "all.csv")
    with pytest.raises(MemnetError, match=r"all\.csv exists, and no merge wrote it as it is"):
        merge_tables(shards, tmp_path / "all.csv")


@pytest.mark.parametrize("place", ["write_rows", "ScoreFile.write_sidecar"])
def test_a_merge_that_was_stopped_is_done_again(shards, tmp_path, monkeypatch, place):
    def stopped(*_args):
        raise KeyboardInterrupt

    out = tmp_path / "all.csv"
    for _ in range(2):  # into nothing, and in the place of an earlier merge
        monkeypatch.setattr(f"memnet.scoring.score_file.{place}", stopped)
        with pytest.raises(KeyboardInterrupt):
            merge_tables(shards, out)
        monkeypatch.undo()
        assert merge_tables(shards, out).rows == len(pd.read_csv(out)) == 60
        assert json.loads(Path(f"{out}.json").read_text())["finished"]


def test_a_table_is_of_one_shard(memnet_command, make_pictures, tiny_weights):
    args = ("score", make_pictures(9), "-m", tiny_weights, "-o", "s.csv")
    memnet_command(*args, "--shard", "1/3", "--limit", 1)
    memnet_command(*args, "--shard", "1/3")  # goes on
    for other, name in ((("--shard", "2/3"), "shard 2/3"), ((), "all pictures")):
        done = memnet_command(*args, *other, check=2)
        assert f"s.csv holds shard 1/3, and this run is of {name}" in done.stderr


def test_a_shard_without_pictures_is_an_empty_table(
    memnet_command, make_pictures, tiny_weights, tmp_path
):
    folder = make_pictures(1)
    for n in (1, 2):
        memnet_command("score", folder, "-m", tiny_weights, "-o", f"{n}.csv", "--shard", f"{n}/2")
    assert sorted(len(read_table(tmp_path / f"{n}.csv")) for n in (1, 2)) == [0, 1]
    assert "1 row(s)" in memnet_command("merge", "1.csv", "2.csv", "-o", "all.csv").stderr


def test_a_try_is_said_to_be_one(memnet_command, make_pictures, tiny_weights, tmp_path):
    folder = make_pictures(5)
    args = ("score", folder, "-m", tiny_weights)
    memnet_command(*args, "--limit", 2, "-o", "try.csv")
    assert read_table(tmp_path / "try.csv")["image_id"].tolist() == ["00000.png", "00001.png"]
    done = memnet_command("merge", "try.csv", "-o", "all.csv")
    assert "try.csv was made with --limit 2, and may lack pictures" in done.stderr
    assert "3 scored" in memnet_command(*args, "-o", "try.csv").stderr
    assert "limit" not in json.loads((tmp_path / "try.csv.json").read_text())
    assert len(memnet_command(*args, "--limit", 2).stdout.splitlines()) == 3

"""The scorer that travels: light, exact, and the same rows in whatever process it is called."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import memnet
import tiny as tiny_network
from memnet.data.score_columns import SCORE_COLUMNS
from memnet.scoring import batch_scorer, predictor
from memnet.scoring.table import read_table

ELSEWHERE = """
import pickle, sys
scorer, table = pickle.load(open(sys.argv[1], "rb"))
scorer(table).to_pickle(sys.argv[2])
print("tiny" in sys.modules and sys.modules["torch"].get_num_threads())
"""


@pytest.fixture(autouse=True)
def fresh():
    """No models of another test in this process."""
    tiny_network.register()
    batch_scorer._open.cache_clear()


@pytest.fixture
def table(make_pictures):
    """Paths that can be scored from anywhere, one that cannot, and none."""
    files = sorted(make_pictures(4).iterdir())
    paths = [*map(str, files), str(files[0].with_name("gone.png")), None]
    return pd.DataFrame({"image_id": list("abcdef"), "path": paths, "other": range(6)})


def test_it_gives_the_rows_of_the_predictor(table, tiny, tiny_weights):
    made = memnet.BatchScorer(tiny_weights)(table)
    known = tiny.score(list(table.path[:5]))
    known["image_id"] = pd.Series(list("abcde"), dtype="object")
    pd.testing.assert_frame_equal(made[:5], known)
    assert made.warning[5] == "failed: The table has no picture here."
    assert list(made.image_id) == list("abcdef")
    assert made.attrs["models"] == {tiny.label: tiny.identity()}


def test_it_scores_the_same_in_another_process_and_folder(tmp_path, table, monkeypatch):
    """A weight file given by a relative path is called so everywhere, and found everywhere."""
    tiny_network.write_tiny(tmp_path / "mine.safetensors")
    monkeypatch.chdir(tmp_path)
    scorer = memnet.BatchScorer("mine.safetensors", threads=1)
    here = scorer(table)
    assert set(here.model) == {"mine.safetensors"}
    (tmp_path / "sent").write_bytes(pickle.dumps((scorer, table)))
    (tmp_path / "folder").mkdir()
    words = [sys.executable, "-c", ELSEWHERE, tmp_path / "sent", tmp_path / "back"]
    helpers = Path(tiny_network.__file__).parent
    path = f"{Path(memnet.__file__).parents[1]}:{helpers}"
    done = subprocess.run(
        words,
        cwd=tmp_path / "folder",
        env={"PATH": "", "PYTHONPATH": path, "MEMNET_NO_CACHE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(pd.read_pickle(tmp_path / "back"), here)
    assert done.stdout == "1\n"  # the network came along by its name; one thread


def test_no_weights_travel(table, tiny, tiny_weights):
    scorer = memnet.BatchScorer(tiny_weights)
    scorer(table)  # they are read now
    sent = pickle.dumps(scorer)
    assert tiny.network.linear.weight.numpy().tobytes()[:64] not in sent
    tiny_weights.unlink()
    assert len(scorer(table)) == 6
    batch_scorer._open.cache_clear()
    with pytest.raises(memnet.MemnetError, match="There is no weight file"):
        pickle.loads(sent)(table)


def test_a_process_reads_the_weights_once_however_often_it_gets_the_scorer(
    table, tiny_weights, monkeypatch
):
    read = []
    build = predictor.build
    monkeypatch.setattr(predictor, "build", lambda *given: read.append(1) or build(*given))
    sent = pickle.dumps(memnet.BatchScorer(tiny_weights))
    for _ in range(3):  # as Spark does for each task
        pickle.loads(sent)(table)
    assert len(read) == 1


def test_other_weights_on_another_computer_are_refused(table, tiny_weights):
    sent = pickle.dumps(memnet.BatchScorer(tiny_weights))
    tiny_network.write_tiny(tiny_weights, seed=8)
    with pytest.raises(memnet.MemnetError, match=r"another model .*tensors_sha256"):
        pickle.loads(sent)(table)


def test_another_version_of_memnet_on_another_computer_is_refused(table, tiny_weights, monkeypatch):
    sent = pickle.dumps(memnet.BatchScorer(tiny_weights))
    monkeypatch.setattr(batch_scorer, "__version__", "9.9")
    with pytest.raises(memnet.MemnetError, match=r"has memnet 9.9, .* made by 0\."):
        pickle.loads(sent)(table)


@pytest.mark.parametrize("column", ["bytes", "content"])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_pictures_may_travel_with_the_table(column, kind, table, tiny_weights):
    scorer = memnet.BatchScorer(tiny_weights)
    known = scorer(table)[:4]
    data = [kind(Path(path).read_bytes()) for path in table.path[:4]]
    made = scorer({"path": list(table.path[:4]), "image_id": list("abcd"), column: data})
    pd.testing.assert_frame_equal(made, known)
    made = scorer([{"image_id": id_, column: each} for id_, each in zip("abcd", data, strict=True)])
    np.testing.assert_array_equal(made.score, known.score)
    assert set(made.path) == {""}


def test_without_ids_the_path_is_the_id_and_a_row_without_an_id_fails(table, tiny_weights):
    scorer = memnet.BatchScorer(tiny_weights)
    made = scorer(table[["path"]])
    assert list(made.image_id) == [*table.path[:5], ""]
    made = scorer({"image_id": [7, 8], "path": list(table.path[:2])})
    assert list(made.image_id) == ["7", "8"]
    made = scorer({"image_id": ["a", None], "path": list(table.path[:2])})
    assert made.warning.tolist() == ["", "failed: The table has no image_id here."]


@pytest.mark.parametrize(
    "columns", [["image_id"], ["bytes"], ["path", "bytes", "content"], ["file"], []]
)
def test_a_table_without_pictures_is_refused_with_its_columns(columns, tiny_weights):
    with pytest.raises(memnet.MemnetError, match="has a column 'path', or 'bytes'") as said:
        memnet.BatchScorer(tiny_weights)({name: [b"a"] for name in columns})
    assert str(said.value).endswith(f"columns: {', '.join(map(repr, columns)) or 'none'}.")


@pytest.mark.parametrize(
    "column",
    [
        [1, None],
        pd.Series([1.0, None]),
        pd.Series([1, None], dtype="Int64"),
        np.array([1.0, np.nan]),
    ],
    ids=["list", "float64", "Int64", "numpy"],
)
def test_whole_numbers_stay_whole_where_another_id_is_missing(column, table, tiny_weights):
    """Pandas makes floats of numbers beside a missing one: 1 would be called '1.0'."""
    scorer, paths = memnet.BatchScorer(tiny_weights), list(table.path[:2])
    for made in (
        scorer({"image_id": column, "path": paths}),
        scorer(pd.DataFrame({"image_id": column, "path": paths})),
        scorer([{"image_id": 1, "path": paths[0]}, {"image_id": None, "path": paths[1]}]),
        scorer([{"image_id": 1, "path": paths[0]}, {"path": paths[1]}]),
        scorer(pa.table({"image_id": pa.array([1, None]), "path": paths})),
    ):
        assert list(made.image_id) == ["1", ""]
        assert made.warning.tolist() == ["", "failed: The table has no image_id here."]


def test_ids_whose_digits_a_float_lost_are_refused(table, tiny_weights):
    ids = pd.Series([2**60 + 1, None])
    with pytest.raises(memnet.MemnetError, match="make ids text before anything is missing"):
        memnet.BatchScorer(tiny_weights)({"image_id": ids, "path": list(table.path[:2])})
    made = memnet.BatchScorer(tiny_weights)({"image_id": [2**60 + 1], "path": [table.path[0]]})
    assert list(made.image_id) == ["1152921504606846977"]


def test_a_cell_that_holds_no_picture_costs_its_row_and_no_other(table, tiny_weights):
    good = Path(table.path[0]).read_bytes()
    cells = [np.zeros((4, 4, 3)), good, 3, float("nan"), "text", ["a"], pd.NA, {"bytes": good}]
    ids = [f"{place}" for place in range(len(cells))]
    scorer = memnet.BatchScorer(tiny_weights)
    for given in (
        {"image_id": ids, "bytes": cells},
        pd.DataFrame({"image_id": ids, "bytes": pd.Series(cells, dtype=object)}),
        [{"image_id": id_, "bytes": each} for id_, each in zip(ids, cells, strict=True)],
    ):
        made = scorer(given)
        assert list(made.image_id) == ids
        assert made.score.notna().tolist() == [place == 1 for place in range(len(cells))]
        assert made.warning[0] == (
            "failed: The column 'bytes' has a ndarray here; it holds encoded pictures, as bytes."
        )
        assert "has a str here" in made.warning[4]
        assert set(made.warning[[3, 6]]) == {"failed: The table has no picture here."}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("pictures.csv", "and no str"),
        (7, "and no int"),
        ({"path": ["a", "b"], "image_id": ["x"]}, "This is no table of pictures"),
        ({"path": "a.png"}, "This is no table of pictures"),
        (pd.DataFrame([["a", "b"]], columns=["path", "path"]), "2 columns called 'path'"),
        ({"path": ["a.png", "b.png"], "image_id": [1, 1]}, "Two pictures have the image_id '1'"),
        ({"image_id": [1, 1], "bytes": [b"a", b"b"]}, "Two pictures have the image_id '1', so"),
    ],
)
def test_what_is_no_table_of_pictures_is_refused_in_one_sentence(given, sentence, tiny_weights):
    with pytest.raises(memnet.MemnetError, match=sentence) as said:
        memnet.BatchScorer(tiny_weights)(given)
    assert "\n" not in str(said.value)


def test_a_picture_of_several_trials_has_a_row_for_each(table, tiny_weights):
    made = memnet.BatchScorer(tiny_weights)({"image_id": ["a", "a"], "path": [table.path[0]] * 2})
    assert list(made.image_id) == ["a", "a"]
    assert made.score.nunique() == 1


def test_several_models_follow_each_other(table, tiny_weights, tmp_path):
    second = tiny_network.write_tiny(tmp_path / "second.safetensors", seed=9)
    both = memnet.BatchScorer([tiny_weights, second])
    made = pickle.loads(pickle.dumps(both))(table)
    assert list(made.model) == [str(tiny_weights)] * 6 + [str(second)] * 6
    for file, rows in made.groupby("model"):
        alone = memnet.BatchScorer(file)(table)
        pd.testing.assert_frame_equal(rows.reset_index(drop=True), alone)
    assert list(both.models) == [str(tiny_weights), str(second)]


def test_a_model_may_be_called_otherwise(table, tiny_weights):
    scorer = memnet.BatchScorer(tiny_weights, name="mine.v1")
    made = pickle.loads(pickle.dumps(scorer))(table)
    assert set(made.model) == {"mine.v1"}
    assert list(made.attrs["models"]) == ["mine.v1"]


@pytest.mark.parametrize(
    ("models", "settings", "sentence"),
    [
        ("resmen.published", {}, "Did you mean 'resmem.published'"),
        ([], {}, "No model was given"),
        (len, {}, "takes the names or weight files of its models"),
        (["a", 7], {}, "takes the names or weight files of its models"),
        ("a", {"device": "gpu"}, "There is no device 'gpu'; it is auto, cpu, cuda"),
        ("a", {"device": 0}, "There is no device 0"),
        ("a", {"max_side": "x"}, "max_side is 'x'; it must be a whole number"),
        ("a", {"max_pixels": 0}, "max_pixels is 0"),
        ("a", {"max_bytes": 1.5}, "max_bytes is 1.5"),
        (["a", "b"], {"name": "c"}, "2 models"),
        ("a", {"batch_size": 0}, "batch_size is 0"),
        ("a", {"threads": 0}, "threads is 0"),
    ],
)
def test_what_cannot_be_scored_with_is_refused_where_the_scorer_is_made(models, settings, sentence):
    with pytest.raises(memnet.MemnetError, match=sentence):
        memnet.BatchScorer(models, **settings)


def test_limits_and_exif_travel(table, tiny_weights):
    scorer = memnet.BatchScorer(tiny_weights, max_pixels=100, exif_orientation="apply")
    made = pickle.loads(pickle.dumps(scorer))(table)
    assert made.score.isna().all()
    assert "24 x 18 pixels, more than the limit of 100" in made.warning[0]
    (identity,) = scorer.models.values()
    assert identity["preprocess"]["exif_orientation"] == "apply"


def test_each_computers_cache_is_used_and_counted_unless_the_user_forbids(
    make_pictures, mini, home, computed, monkeypatch
):
    paths = {"path": [str(path) for path in sorted(make_pictures(3).iterdir())]}
    scorer = memnet.BatchScorer(mini, device="cpu")
    first = scorer(paths)
    there = pickle.loads(pickle.dumps(scorer))
    again = there(paths)
    pd.testing.assert_frame_equal(first, again)
    assert sum(computed) == 3
    assert (scorer.cached, there.cached) == (0, 3)
    assert memnet.BatchScorer(mini, device="cpu", cache=False)(paths).equals(first)
    monkeypatch.setenv("MEMNET_NO_CACHE", "1")  # where the command was given, not where it computes
    forbidden = pickle.dumps(memnet.BatchScorer(mini, device="cpu"))
    monkeypatch.delenv("MEMNET_NO_CACHE")
    pickle.loads(forbidden)(paths)
    assert sum(computed) == 9


def test_the_schema_for_spark_has_the_columns_of_the_table():
    fields = [field.split() for field in memnet.BatchScorer.spark_schema.split(", ")]
    assert [name for name, _ in fields] == list(SCORE_COLUMNS)
    assert dict(fields)["score"] == "double"
    assert dict(fields)["width"] == "bigint"


def test_a_table_that_it_made_is_written_with_its_sidecar(table, tiny_weights, tmp_path):
    made = memnet.BatchScorer(tiny_weights)(table)
    memnet.write_table(made, tmp_path / "scores.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "scores.parquet"), made)
    assert (tmp_path / "scores.parquet.json").exists()

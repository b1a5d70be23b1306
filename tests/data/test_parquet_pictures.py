"""Parquet files with encoded pictures, as Hugging Face's data sets are published."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archives import files_of, write_parquet
from memnet.data.pictures import collect
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.decode import PictureLimits, open_picture


@pytest.fixture
def files(make_pictures):
    return files_of(make_pictures(5))


def contents(inputs) -> list[bytes]:
    return [item.picture.read(10**6) for item in inputs.items]


def test_rows_are_the_pictures_and_their_columns_go_into_the_result(tmp_path, files):
    path = write_parquet(
        tmp_path / "train.parquet", files, group=2, label=[3, 1, None, 0, 2], text=list("abcde")
    )
    inputs = collect([path])
    assert contents(inputs) == list(files.values())
    assert [item.image_id for item in inputs.items] == [f"train.parquet/{name}" for name in files]
    assert inputs.rows[0].extra == {"label": "3", "text": "a"}
    assert inputs.rows[2].extra == {"label": "", "text": "c"}


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_a_column_of_bytes_has_rows_for_names(tmp_path, files, kind):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"jpg": pa.array([*files.values()] * 3, kind)}), path)
    inputs = collect([path])
    assert [item.image_id for item in inputs.items][:2] == ["a.parquet/00", "a.parquet/01"]
    assert contents(inputs) == [*files.values()] * 3
    assert all(row.extra is None for row in inputs.rows)


def test_ids_of_the_table_come_first_and_paths_that_repeat_are_none(tmp_path, files):
    path = tmp_path / "a.parquet"
    cells = [{"bytes": content, "path": "image.png"} for content in files.values()]
    table = pa.table({"image": cells})
    pq.write_table(table, path)
    assert collect([path]).items[1].image_id == "a.parquet/1"
    pq.write_table(table.append_column("image_id", pa.array(list("vwxyz"))), path)
    assert collect([path]).items[1].image_id == "a.parquet/w"
    pq.write_table(table.append_column("image_id", pa.array(list("vwxyv"))), path)
    with pytest.raises(MemnetError, match=r"row 6: image_id is empty or that of an earlier row"):
        collect([path])


@pytest.mark.parametrize("lists", ["pictures", "paths"])
def test_lists_structures_and_hashes_are_carried_with_every_digit(tmp_path, files, lists):
    """A list of 2,000 numbers was carried as `[0 1 2 ... 1997 1998 1999]`."""
    long = list(range(2000))
    columns = {
        "image": pa.array([*files.values()][:2], pa.binary()),
        "embedding": pa.array([[0.1, 1 / 3, float("nan")], None], pa.list_(pa.float64())),
        "long": pa.array([long, [None, 2**60]], pa.list_(pa.int64())),
        "boxes": [[[1.5, 2.0], [3.25]], []],
        "who": [{"name": "Zoë", "seen": [1]}, None],
        "tags": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
        "hash": pa.array([b"\x00\xffab", None], pa.binary(4)),
    }
    if lists == "paths":
        columns = {"path": ["a.png", "b.png"]} | columns
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=1)
    first, second = (row.extra for row in collect([path]).rows)
    assert json.loads(first["embedding"]) == [0.1, 1 / 3, None]
    assert json.loads(first["long"]) == long
    assert first["boxes"] == "[[1.5, 2.0], [3.25]]"
    assert first["who"] == '{"name": "Zoë", "seen": [1]}'
    assert first["tags"] == '[["a", 1]]'
    assert first["hash"] == "00ff6162"
    assert second == {
        **{"embedding": "", "long": "[null, 1152921504606846976]", "boxes": "[]", "who": ""},
        **{"tags": "[]", "hash": ""},
    }


def test_several_columns_of_pictures_are_asked_for(tmp_path, files):
    path = tmp_path / "a.parquet"
    content = list(files.values())
    pq.write_table(pa.table({"left": content, "right": content[::-1], "n": range(5)}), path)
    with pytest.raises(MemnetError, match=r"2 columns of pictures \(left, right\); say which"):
        collect([path])
    inputs = collect([f"{path}::right"])
    assert contents(inputs) == content[::-1]
    assert inputs.rows[0].extra == {"n": "0"}
    # Else one table would take the scores of the one column for those of the other.
    assert inputs.items[0].image_id == "a.parquet/right/0"
    assert inputs.items[0].path == f"{path}/right/0"
    assert inputs.notes == [f"{path}: its column(s) of bytes are left out of the result: left"]
    with pytest.raises(MemnetError, match=r"no column of pictures .* 'rihgt'\. Did you mean"):
        collect([f"{path}::rihgt"])


def test_a_table_with_a_column_path_is_a_manifest_still(tmp_path, make_pictures):
    folder = make_pictures(2)
    path = folder / "m.parquet"
    pq.write_table(pa.table({"path": ["00000.png", "00001.png"], "hash": [b"1", b"2"]}), path)
    assert [item.image_id for item in collect([path]).items] == ["00000.png", "00001.png"]
    pq.write_table(pa.table({"file": ["00000.png"], "hash": [b"1"]}), path)
    assert collect([path], path_column="file").items[0].path == str(folder / "00000.png")


def test_a_manifest_s_columns_of_bytes_are_not_written_as_text(tmp_path, make_pictures, files):
    path = write_parquet(tmp_path / "both.parquet", files, film=list("abcde"))
    table = pq.read_table(path).append_column("path", pa.array([f"pictures/{n}" for n in files]))
    pq.write_table(table, path)
    inputs = collect([path])
    assert [row.extra for row in inputs.rows] == [{"film": film} for film in "abcde"]
    assert inputs.notes == [f"{path}: its column(s) of bytes are left out of the result: image"]
    with pytest.raises(
        MemnetError, match=r"column 'image' .* holds bytes, not paths; .*both\.parquet::image, with"
    ):
        collect([path], path_column="image")


@pytest.mark.parametrize("layout", ["bytes", "structure"])
def test_a_column_may_be_a_dictionary(tmp_path, files, layout):
    """As pandas writes a category: each picture once, and rows that say which."""
    path = tmp_path / "a.parquet"
    content = list(files.values())
    column = pa.array([*content, None, *content]).dictionary_encode()
    if layout == "structure":
        names = pa.array([f"{n}.png" for n in range(11)])
        column = pa.StructArray.from_arrays([column, names], ["bytes", "path"])
    pq.write_table(pa.table({"jpg": column, "n": range(11)}), path, row_group_size=4)
    items = collect([path]).items
    assert [items[place].picture.read(10**6) for place in (0, 4, 6, 10)] == [
        content[place] for place in (0, 4, 0, 4)
    ]
    with pytest.raises(PictureError, match="holds no picture"):
        open_picture(items[5].picture)


def test_rows_can_be_read_in_any_order_and_elsewhere(tmp_path, files):
    many = {f"{n:03d}.png": bytes([n]) * 2000 for n in range(200)}
    path = write_parquet(tmp_path / "a.parquet", many, group=70)
    items = collect([path]).items
    for place in np.random.default_rng(1).permutation(200):
        picture = pickle.loads(pickle.dumps(items[place].picture))
        assert picture.read(10**6) == bytes([place]) * 2000


def test_a_missing_picture_and_one_too_long_are_failed_rows(tmp_path, files):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"jpg": [None, b"x" * 1000, next(iter(files.values()))]}), path)
    missing, long, good = collect([path]).items
    with pytest.raises(PictureError, match="holds no picture"):
        open_picture(missing.picture)
    with pytest.raises(PictureError, match="has 1,000 bytes, more than the limit of 999"):
        open_picture(long.picture, limits=PictureLimits(max_bytes=999))
    open_picture(good.picture)


@pytest.mark.parametrize("damage", ["cut", "footer", "no Parquet", "no pictures", "no rows"])
def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path, files, damage):
    path = write_parquet(tmp_path / "a.parquet", files)
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[:-100])
    elif damage == "footer":
        path.write_bytes(content[:-60] + bytes(40) + content[-20:])
    elif damage == "no Parquet":
        path.write_bytes(b"PAR1")
    elif damage == "no pictures":
        pq.write_table(pa.table({"n": [1, 2]}), path)
    else:
        write_parquet(path, {})
    for argument in (path, tmp_path / "*.parquet"):
        with pytest.raises(MemnetError) as refused:
            collect([argument])
        assert "a.parquet" in str(refused.value)
        assert "\n" not in str(refused.value)


def test_damaged_pages_fail_their_rows(tmp_path, files):
    path = write_parquet(tmp_path / "a.parquet", files, group=1)
    column = pq.read_metadata(path).row_group(2).column(0)
    start = column.dictionary_page_offset or column.data_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + 20] = b"\xff" * 20
    path.write_bytes(content)
    items = collect([path]).items
    with pytest.raises(PictureError, match="cannot be read from"):
        items[2].picture.read(10**6)
    assert items[3].picture.read(10**6) == files["00003.png"]


def test_memory_does_not_grow_with_a_row_group(tmp_path):
    """`pandas.to_parquet` writes one row group: it is read page by page."""
    path = tmp_path / "a.parquet"
    kind = pa.schema({"jpg": pa.binary()})
    with pq.ParquetWriter(path, kind, write_batch_size=16) as writer:
        rows = [os.urandom(200_000) for _ in range(1500)]
        writer.write_table(pa.table({"jpg": rows}), row_group_size=1500)
    del rows
    code = (
        "import sys, resource; from memnet.data.pictures import collect\n"
        "items = collect([sys.argv[1]]).items\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert all(len(item.picture.read(10**6)) == 200_000 for item in items)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    grown = int(done.stdout) / (1024 if sys.platform != "darwin" else 2**20)
    assert grown < 220  # MB, of 300 in the file

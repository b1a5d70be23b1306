"""`memnet score --format arrow`: record batches for another program, as they are made."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import command
from command import start_memnet
from memnet.scoring.table import read_table


@pytest.fixture
def trials(make_pictures):
    """Six trials of five pictures, one of which cannot be read."""
    folder = make_pictures(5)
    (folder / "00002.png").write_bytes(b"")
    rows = "".join(f"0000{n}.png,0{n},ü\u2028\n" for n in (4, 2, 0, 4, 1, 3))
    (folder / "trials.csv").write_text("path,subject,note\n" + rows, encoding="utf-8")
    return folder / "trials.csv"


def test_the_stream_is_the_parquet_table(memnet_command, trials, tiny_weights, tmp_path):
    args = ("score", trials, "-m", tiny_weights, "-b", 2)
    memnet_command(*args, "-o", tmp_path / "s.parquet", check=1)
    done = memnet_command(*args, "--format", "arrow", check=1)
    with pa.ipc.open_stream(done.stdout_bytes) as stream:
        assert stream.schema.equals(pq.read_schema(tmp_path / "s.parquet"), check_metadata=True)
        batches = list(stream)
    assert [batch.num_rows for batch in batches] == [3, 2, 1]  # 4 is there twice
    frame = pa.Table.from_batches(batches).to_pandas()
    table = pd.read_parquet(tmp_path / "s.parquet")
    assert frame["image_id"].tolist() == [f"0000{n}.png" for n in (4, 4, 2, 0, 1, 3)]
    pd.testing.assert_frame_equal(
        frame.sort_values("image_id", ignore_index=True),
        table.sort_values("image_id", ignore_index=True, kind="stable"),
    )
    assert frame["subject"].tolist()[:3] == ["04", "04", "02"]
    assert frame["score"].isna().tolist() == [False, False, True, False, False, False]
    assert frame["n_crops"].dtype == "Int64"


def test_two_models_are_in_one_stream(memnet_command, make_pictures, tiny_weights, tmp_path):
    from tiny import write_tiny

    other = write_tiny(tmp_path / "other.safetensors", seed=8)
    args = ("score", make_pictures(3), "-m", tiny_weights, "-m", other)
    memnet_command(*args, "-o", tmp_path / "s.csv")
    streamed = pa.ipc.open_stream(memnet_command(*args, "--format", "arrow").stdout_bytes)
    frame = streamed.read_pandas()[["image_id", "model", "score"]]
    assert frame.image_id.tolist() == [f"{number // 2:05d}.png" for number in range(6)]
    table = read_table(tmp_path / "s.csv")[["image_id", "model", "score"]]  # model by model
    pd.testing.assert_frame_equal(
        frame.sort_values(["model", "image_id"], ignore_index=True),
        table.sort_values(["model", "image_id"], ignore_index=True),
        check_dtype=False,
    )


def test_a_terminal_is_spared(memnet_command, make_pictures, tiny_weights, monkeypatch):
    args = ("score", make_pictures(1), "-m", tiny_weights, "--format", "arrow")
    assert "--spreadsheet-safe is for CSV" in (
        memnet_command(*args, "--spreadsheet-safe", check=2).stderr
    )
    monkeypatch.setattr(command.TextFile, "isatty", lambda self: True)
    done = memnet_command(*args, check=2)
    assert done.stdout_bytes == b""
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("memnet: stdout is a terminal, and --format arrow is no text")


@pytest.mark.process
def test_a_reader_that_stops_ends_it_quietly(make_pictures, tiny_weights):
    process = start_memnet(
        *("score", make_pictures(2000), "-m", tiny_weights, "-b", 1, "--format", "arrow"),
        env={"TINY_SLEEP": "0.05"},  # at least 100 s for all of them
    )
    stream = pa.ipc.open_stream(process.stdout.buffer)
    first = stream.read_next_batch()
    assert process.poll() is None
    process.stdout.close()
    code = process.wait(60)
    errors = process.stderr.read()
    process.stderr.close()
    assert first.column("image_id").to_pylist() == ["00000.png"]
    assert (code, errors) == (141, "")

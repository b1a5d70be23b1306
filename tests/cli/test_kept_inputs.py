"""What a command reads it does not write over."""

from __future__ import annotations

import pytest

from memnet import MemnetError
from memnet.cli.paths import keep_inputs
from memnet.util.paths import is_same


def test_one_file_is_one_however_it_is_written(tmp_path):
    (tmp_path / "a.csv").write_text("x")
    assert is_same(tmp_path / "a.csv", tmp_path / "." / "a.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    assert is_same(tmp_path / "link.csv", tmp_path / "a.csv")
    assert not is_same(tmp_path / "b.csv", tmp_path / "b.csv")


def test_an_output_that_is_an_input_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x")
    keep_inputs([tmp_path / "b.csv"], [tmp_path / "a.csv"])
    with pytest.raises(MemnetError, match=r"a\.csv is read, and would be written over"):
        keep_inputs([tmp_path / "b.csv", tmp_path / "a.csv"], [tmp_path / "a.csv"])


@pytest.mark.parametrize(
    "command",
    [
        ("clips", "out/clips.csv", "--out", "out"),
        ("migrate", "out/migrated.csv", "--score-column", "s", "--map", "m", "--out", "out"),
    ],
)
def test_a_table_from_an_earlier_run_is_not_lost(memnet_command, tmp_path, command):
    table = tmp_path / command[1]
    table.parent.mkdir()
    table.write_text("image_id,s\na,0.5\n")
    done = memnet_command(*command, check=2)
    assert "choose another --out" in done.stderr
    assert table.read_text() == "image_id,s\na,0.5\n"

"""Sentences reach stderr where there is one, and nothing else where there is none."""

from __future__ import annotations

import errno
import io
import sys

import pytest

from memnet.util.messages import open_closed_streams, say, stdout_is_closed


class FullDisk(io.StringIO):
    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("stderr", [None, FullDisk()])
def test_what_nobody_can_be_told_stops_no_work(stderr, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stderr)
    say("3 scored")
    assert capsys.readouterr().out == ""  # where tables go


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_a_closed_stream_becomes_the_null_device(name, monkeypatch):
    monkeypatch.setattr(sys, name, None)
    open_closed_streams()
    with getattr(sys, name) as stream:
        assert stdout_is_closed() == (name == "stdout")
        assert stream.readable() == (name == "stdin")
        if name != "stdin":
            stream.write("déjà vu")


def test_an_open_stream_stays(monkeypatch):
    mine = io.StringIO()
    monkeypatch.setattr(sys, "stdout", mine)
    open_closed_streams()
    assert sys.stdout is mine
    assert not stdout_is_closed()

"""What only a process of its own can show: a pipe that closes, stdout's encoding, `python -m`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import memnet
from command import run_memnet

pytestmark = pytest.mark.process


def run(*words: object, **env: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "memnet", *map(str, words)]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, **env})


def test_python_m_memnet_is_the_command():
    done = run("--version")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().strip() == f"memnet {memnet.__version__}"


def test_exit_codes_reach_the_shell():
    done = run("weights", "fetch", "nothing.there")
    assert done.returncode == 2
    assert done.stderr.startswith(b"memnet: ")
    assert b"Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_traceback():
    """`memnet variants --json | head -c 0`."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-u", "-m", "memnet", "variants", "--json"],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == b""


def test_whatever_the_locale_the_list_of_variants_is_printed():
    done = run("variants", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().split()[:5] == run_memnet("variants").stdout.split()[:5]

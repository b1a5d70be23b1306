from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tiny_command import TINY


@pytest.fixture
def memnet_command(tmp_path):
    """Return a function that runs `memnet ...` as a user does, with the tiny network known."""

    def run(*args: object, check: int | None = 0, **env: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, str(TINY), *map(str, args)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **env},
        )
        if check is not None:
            assert done.returncode == check, done.stderr
        return done

    return run

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from command import run_memnet


@pytest.fixture
def memnet_command(tmp_path):
    """Return a function that runs `memnet ...` as a user does, in this process."""

    def run(
        *args: object, check: int | None = 0, cwd: Path = tmp_path, **env: str
    ) -> subprocess.CompletedProcess[str]:
        return run_memnet(*args, check=check, cwd=cwd, env=env)

    return run

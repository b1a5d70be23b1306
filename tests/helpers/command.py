"""`memnet ...` as a user types it: here, in this process, or in one of its own.

Starting an interpreter that imports torch takes seconds, so nearly every test of the command line
calls `memnet.cli.main` in this process. What a command changes for the rest of its life (working
folder, environment, notices said once, filters of warnings, matplotlib's settings) is put back.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO
from unittest import mock

TINY = Path(__file__).parent / "tiny.py"
"""A program that is `memnet` with a tiny network known besides."""


def run_memnet(
    *args: object,
    check: int | None = 0,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Call the command line in this process, with the tiny network known.

    ``check`` is the exit code that is expected; None expects nothing. An error that is no exit
    (one that a user would see as a traceback) is raised here.
    """
    words = ["memnet", *map(str, args)]
    with a_new_process_state(words, cwd, env or {}) as (stdout, stderr):
        code = _call_main()
    out, err = stdout.text(), stderr.text()
    if check is not None:
        assert code == check, f"exit code {code}, not {check}\n{out}\n{err}"
    done = Finished(words, code, out, err)
    done.stdout_bytes = stdout.bytes.getvalue()
    return done


class Finished(subprocess.CompletedProcess[str]):
    """What came of a command; ``stdout_bytes`` for what is no text."""

    stdout_bytes: bytes


class TextFile(io.TextIOWrapper):
    """What a process that is not at a terminal writes to."""

    def __init__(self) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding="utf-8", newline="\n")

    def text(self) -> str:
        """Return what was written, as a parent reads it that reads text."""
        self.flush()
        text = self.bytes.getvalue().decode("utf-8", errors="backslashreplace")
        return text.replace("\r\n", "\n").replace("\r", "\n")


def _call_main() -> int:
    from memnet.cli import main

    try:
        main()
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def a_new_process_state(
    words: Sequence[str], cwd: Path | None, env: Mapping[str, str]
) -> Iterator[tuple[TextFile, TextFile]]:
    """Give the block the state of a new process, and this one its own back.

    Yields what the block writes to stdout and stderr; ``words`` are its ``sys.argv``.
    """
    import matplotlib

    import tiny
    from memnet.util import messages
    from memnet.weights import networks

    stdout, stderr = TextFile(), TextFile()
    before = Path.cwd()
    with (
        mock.patch.dict(os.environ, {"COLUMNS": "80", **env}),
        mock.patch.dict(networks._registered),
        mock.patch.object(messages, "_said", set()),
        mock.patch.object(sys, "argv", list(words)),
        mock.patch.object(sys, "stdin", io.StringIO()),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
        warnings.catch_warnings(),
        matplotlib.rc_context(),
    ):
        tiny.register()
        os.chdir(cwd or before)
        try:
            yield stdout, stderr
        finally:
            os.chdir(before)


def start_memnet(
    *args: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdout: IO[bytes] | int = subprocess.PIPE,
) -> subprocess.Popen[str]:
    """Start the command in a process of its own, for tests of signals, pipes and kills.

    Ctrl-C reaches it as from a terminal, also where pytest itself runs in the background: there a
    shell has it ignored, and a child inherits that.
    """
    return subprocess.Popen(
        [sys.executable, str(TINY), *map(str, args)],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        preexec_fn=_heed_ctrl_c if os.name == "posix" else None,
    )


def _heed_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


LIMIT = 600
"""Seconds after which a test of another process gives up, on however slow a machine."""


def wait_for(process: subprocess.Popen[str], event: Callable[[], bool]) -> None:
    """Wait until something that the process does can be seen from outside."""
    deadline = time.monotonic() + LIMIT
    while not event():
        if process.poll() is not None:
            out, err = process.communicate()
            raise AssertionError(f"it ended with {process.returncode} before that\n{out}\n{err}")
        if time.monotonic() > deadline:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"nothing came in {LIMIT} s\n{out}\n{err}")
        time.sleep(0.02)

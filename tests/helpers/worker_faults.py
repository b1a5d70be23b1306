"""What a decoder may do wrong, as functions that its process can find."""

from __future__ import annotations

import os
import signal


def crash() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    raise ValueError("a fault")


def process_id() -> int:
    return os.getpid()

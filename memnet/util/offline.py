"""Whether the network may be used."""

from __future__ import annotations

import os


def offline() -> bool:
    """Whether ``MEMNET_OFFLINE`` forbids the network (any value but empty and 0)."""
    return os.environ.get("MEMNET_OFFLINE", "") not in ("", "0")

"""The time, as every record and sidecar writes it."""

from __future__ import annotations

from datetime import datetime, timezone


def utc_now() -> str:
    """Return the time in UTC to the second: ``"2026-12-01T09:30:00+00:00"``.

    >>> utc_now().endswith("+00:00")
    True
    """
    return datetime.now(timezone.utc).isoformat(timespec="seconds")

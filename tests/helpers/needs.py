"""What a test needs and not every machine has: the closing line counts the skips by it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NoReturn

import pytest


def skip_for(thing: str, remedy: str = "") -> NoReturn:
    """Skip the test, since ``thing`` is missing; ``remedy`` says how to have it."""
    pytest.skip(f"needs {thing}" + (f"; {remedy}" if remedy else ""))


def closing_line(reasons: Iterable[str]) -> str:
    """Return ``"skipped: 14 for ../shared, 1 for R"`` from the reasons pytest was given."""
    things = Counter(
        re.sub(r"^(Skipped: )?(needs )?", "", reason).partition(";")[0] for reason in reasons
    )
    parts = [f"{count} for {thing}" for thing, count in things.most_common()]
    return f"skipped: {', '.join(parts)}" if parts else "skipped: none"

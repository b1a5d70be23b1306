"""The levels of all tests and intervals of the package."""

from __future__ import annotations

ALPHA = 0.05
"""Significance level: a p value below it is called unlikely."""

LEVEL = 0.95
"""Coverage of an interval."""

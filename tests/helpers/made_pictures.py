"""A table of pictures that were made up, with covariates that go with the score."""

from __future__ import annotations

import numpy as np
import pandas as pd

COVARIATES = ["light", "contrast", "colour", "edges"]


def made_table(n: int = 100, seed: int = 20) -> pd.DataFrame:
    """Make ``n`` pictures whose covariates and categories differ between high and low scores."""
    random = np.random.default_rng(seed)
    score = random.normal(size=n)
    table = pd.DataFrame({"image_id": [f"{number:03d}.jpg" for number in range(n)]})
    table["score"] = 0.7 + 0.1 * score
    for slope, name in zip((0.5, -0.4, 0.3, 0.2), COVARIATES, strict=True):
        table[name] = 50 + 10 * (slope * score + random.normal(size=n))
    table["category"] = np.where(score + random.normal(size=n) > 0.3, "animal", "place")
    return table


def difference(table: pd.DataFrame, column: str, one: str = "high", other: str = "low") -> float:
    """Standardised difference of two groups by the pooled SD (Austin 2009), computed apart."""
    a, b = (table.loc[table["group"] == name, column].astype(float) for name in (one, other))
    return float((a.mean() - b.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2))

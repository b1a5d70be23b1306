"""What is trained on: pictures with their human scores, in parts, and what these are called."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from memnet.errors import MemnetError

COLUMNS = ("image_id", "path", "score", "part")


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Pictures with human scores, each in one part.

    Attributes
    ----------
    table : a row per picture: ``image_id`` (str, unique), ``path`` (str), ``score`` (float64, 0 to
        1), ``part`` (of :data:`memnet.data.datasets.PARTS`: training
        looks at the first two). Sorted by part in that order, then by id.
    trained_on : names of what training looks at, as :mod:`memnet.data.contamination` explains
        them (``("lamem:train:1", "lamem:val:1")``).
    test_name : the name of the test part (``"lamem:test:1"``), "" where there is none.
    description : plain JSON values: where it came from, by which rule it was cut, from which
        files, which labels.
    set_aside : a sentence for each row of the source that could not be used.
    """

    table: pd.DataFrame
    trained_on: tuple[str, ...]
    test_name: str
    description: dict[str, Any]
    set_aside: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if tuple(self.table.columns) != COLUMNS:
            raise MemnetError(f"A training set has the columns {', '.join(COLUMNS)}.")
        for part in ("train", "val"):
            if self.count(part) < 2:
                raise MemnetError(
                    f"The {part} part holds {self.count(part)} picture(s), and training needs at "
                    "least 2 there; give more pictures, or another split."
                )

    def count(self, part: str) -> int:
        """How many pictures a part holds."""
        return int((self.table["part"] == part).sum())

    def digest(self) -> str:
        """Sha256 over ids, scores and parts: the same pictures, labels and split, anywhere."""
        lines = (
            f"{row.image_id}\0{row.score!r}\0{row.part}\n"
            for row in self.table.itertuples(index=False)
        )
        return hashlib.sha256("".join(lines).encode()).hexdigest()

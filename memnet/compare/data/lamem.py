"""LaMem's official test splits, as its archive holds them: ``splits/test_k.txt`` and ``images/``.

The labels of one picture differ between the splits, since each split's test labels come from one
half of the workers (Khosla et al. 2015, section 4.1). Split files are therefore never merged.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from memnet.compare.data.tables import some
from memnet.errors import MemnetError

SPLITS = (1, 2, 3, 4, 5)


def read_test_split(lamem: Path, split: int) -> pd.Series:
    """Read one test split.

    Returns
    -------
    Series
        human scores (float64, 0 to 1) indexed by the picture's file name.

    Raises
    ------
    MemnetError
        naming the file and line: missing, not ``file score``, a file twice, a score outside [0, 1].
    """
    path = lamem / "splits" / f"test_{split}.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise MemnetError(
            f"There is no {path}; --lamem must be the folder with LaMem's splits/ and images/."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise MemnetError(f"{path} cannot be read ({error}).") from error
    scores: dict[str, float] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            name, text = line.split()
            score = float(text)
        except ValueError:
            raise MemnetError(
                f"{path}, line {number}, is {line[:60]!r}; it must be a file name and a score."
            ) from None
        if not 0 <= score <= 1:
            raise MemnetError(f"{path}, line {number}: the score {text} is not within [0, 1].")
        if name in scores:
            raise MemnetError(f"{path}, line {number}: {name} stands there twice.")
        scores[name] = score
    if not scores:
        raise MemnetError(f"{path} is empty.")
    return pd.Series(scores, dtype="float64")


def picture_paths(lamem: Path, names: list[str]) -> dict[str, Path]:
    """Find the pictures in ``images/``; an error where the folder or all of them are missing."""
    folder = lamem / "images"
    if not folder.is_dir():
        raise MemnetError(
            f"There is no folder {folder}; --lamem must be the folder with splits/ and images/."
        )
    paths = {name: folder / name for name in names}
    missing = [name for name, path in paths.items() if not path.is_file()]
    if len(missing) == len(paths):
        raise MemnetError(f"None of the pictures of the splits is in {folder} ({some(missing)}).")
    return paths

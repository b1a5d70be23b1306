"""LaMem's official splits, as its archive holds them: ``splits/`` and ``images/``.

Khosla, Raju, Torralba & Oliva (2015), ICCV, doi 10.1109/ICCV.2015.275.

``splits/`` has ``train_k.txt``, ``val_k.txt`` and ``test_k.txt`` for k = 1 to 5, a line ``file
score`` per picture. The labels of one picture differ between the splits, since a split's training
labels come from one half of the workers and its test labels from the other (Khosla et al. 2015,
section 4.1). Files of different k are therefore never merged.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from memnet.data.datasets import PARTS, require_choice
from memnet.data.manifest import HIT_RATE, FilePath, Truth, digest_of, new_manifest, truth_columns
from memnet.errors import MemnetError
from memnet.util.text import shorten_list

SPLITS = (1, 2, 3, 4, 5)


def split_file(lamem: Path, split: int, part: str) -> Path:
    """Return where a split file is: in ``splits/``, or in the folder itself."""
    name = f"{part}_{split}.txt"
    inside = lamem / "splits" / name
    return lamem / name if not inside.is_file() and (lamem / name).is_file() else inside


def read_test_split(lamem: Path, split: int) -> pd.Series:
    """Read one test split; see :func:`read_split`."""
    return read_split(lamem, split, "test")


def read_split(lamem: Path, split: int, part: str) -> pd.Series:
    """Read one file of one split.

    Parameters
    ----------
    lamem : the folder with ``splits/``, or the folder with the split files themselves.
    split : 1 to 5.
    part : ``"train"``, ``"val"`` or ``"test"``.

    Returns
    -------
    Series
        human scores (float64, 0 to 1) indexed by the picture's file name.

    Raises
    ------
    MemnetError
        naming the file and line: missing, not ``file score``, a file twice, a score outside [0, 1].
    """
    path = split_file(lamem, split, part)
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise MemnetError(
            f"There is no {path}; --lamem must be the folder with LaMem's splits/ and images/."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise MemnetError(f"{path} cannot be read ({reason}).") from error
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


def read_lamem(folder: FilePath, *, split: int, part: str = "test") -> Truth:
    """Build the truth table of one part of one official split of LaMem.

    Parameters
    ----------
    folder : LaMem's folder with ``splits/``, or the folder with the split files themselves.
    split : 1 to 5. Results are given per split, with their mean, as Khosla et al. (2015) do.
    part : ``"test"`` (10,000 pictures), ``"val"`` (3,741) or ``"train"`` (45,000).

    Raises
    ------
    MemnetError
        if the split, the part or the file does not exist, or the file is damaged.
    """
    require_choice("part", part, tuple(PARTS))
    require_choice("split", split, SPLITS)
    scores = read_split(Path(folder), split, part)
    path = split_file(Path(folder), split, part)
    table = truth_columns(scores)
    manifest = new_manifest(
        table,
        dataset="lamem",
        part=part,
        split=split,
        label_kind=HIT_RATE,
        rule=f"the pictures and labels of LaMem's {path.name}, and of no other split",
        sources={path: digest_of(path)},
    )
    return Truth(table=table, manifest=manifest)


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
        raise MemnetError(
            f"None of the pictures of the splits is in {folder} ({shorten_list(missing)})."
        )
    return paths

"""A run's folder: its settings and its data are in it before the first step, so it can go on.

config.toml       every setting
split.csv         image_id, path, score, part: a row per picture
data.json         what the data are called, and by which rule they were cut
curves.csv        a row per validation
last.ckpt         the end of the last whole epoch, from which the run goes on
best.ckpt         the weights with the highest Spearman on the validation part
best.safetensors  the same for `memnet score --model`
run.json          what came of it
test/             the report on the test part
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from memnet.errors import MemnetError
from memnet.reimpl.training.config import TrainConfig, read_config
from memnet.reimpl.training.training_set import COLUMNS, TrainingSet
from memnet.util.atomic import write_text
from memnet.util.csv_text import to_csv_text
from memnet.util.json_text import parse_json, read_json_text
from memnet.util.locking import hold_lock
from memnet.util.text import printable, words_of

CONFIG, SPLIT, DATA, RUN = "config.toml", "split.csv", "data.json", "run.json"
CURVES = "curves.csv"
LAST, BEST, WEIGHTS = "last.ckpt", "best.ckpt", "best.safetensors"
TEST = "test"
TRAINED = (LAST, BEST, WEIGHTS)
"""Files of which one is there once anything was trained: until then, settings may still change."""
LOCK = ".lock"
FORMAT = "memnet training run"
SCHEMA_VERSION = 1

Row = Mapping[str, float | None]
"""A validation: a column of ``curves.csv`` -> its number, None where it is undefined."""


def begin(out: Path, config: TrainConfig, data: TrainingSet) -> None:
    """Make a folder ready for a run, or make sure that what was trained in it is the same run.

    Raises
    ------
    MemnetError
        if the folder holds a run with other settings or other data, or something else; or cannot
        be written.
    """
    begun = (out / CONFIG).is_file()
    if begun and any((out / name).is_file() for name in TRAINED):
        _same(out, config, data)
        return
    if out.exists() and not out.is_dir():
        raise MemnetError(f"{out} is a file; choose another --out.")
    if not begun and out.is_dir() and any(map(_is_strange, out.iterdir())):
        raise MemnetError(f"{out} holds files that are no training run; choose another --out.")
    about = {
        "trained_on": list(data.trained_on),
        "test_name": data.test_name,
        "description": data.description,
        "set_aside": list(data.set_aside),
    }
    paths = [os.path.abspath(path) for path in data.table["path"]]  # from wherever it is gone on
    table = data.table.assign(path=paths)
    write_text(out / SPLIT, to_csv_text(table))
    write_json(out / DATA, about)
    write_text(out / CONFIG, config.to_toml())  # the last, since it is what makes it a run


def _is_strange(path: Path) -> bool:
    """Whether a file does not belong to a beginning; hidden ones are of systems and of kills."""
    return path.name not in (SPLIT, DATA) and not path.name.startswith(".")


@contextlib.contextmanager
def lock_folder(out: Path) -> Iterator[None]:
    """Keep other processes from a run's folder; one that has it is a ``MemnetError``."""
    made = not out.exists()
    busy = f"Another process is at work on the run in {out}; wait for it, or stop it."
    try:
        with hold_lock(out / LOCK, busy=busy, advice="choose another --out"):
            yield
    finally:
        with contextlib.suppress(OSError):
            if made and [path.name for path in out.iterdir()] == [LOCK]:  # nothing was begun
                (out / LOCK).unlink()
                out.rmdir()


def rollback(out: Path) -> None:
    """Take back a beginning after which nothing was trained, so that another may be made there."""
    for name in (CONFIG, SPLIT, DATA):
        (out / name).unlink(missing_ok=True)


def read_begun(out: Path) -> tuple[TrainConfig, TrainingSet]:
    """Read the settings and data of the run in a folder.

    Raises
    ------
    MemnetError
        if there is none, or one of its files is damaged.
    """
    if not (out / CONFIG).is_file():
        raise MemnetError(
            f"{out} holds no training run; give --preset or --config, and the data, to begin one. "
            "(A probe goes on by the same whole command.)"
        )
    config = read_config(file=out / CONFIG)
    try:
        table = pd.read_csv(out / SPLIT, dtype=str, keep_default_na=False)
        about = _read_about(out / DATA)
        # By Python's own float: a score that is off in its last digit is another score.
        table = table[list(COLUMNS)].assign(score=[float(text) for text in table["score"]])
        data = TrainingSet(
            table=table,
            trained_on=tuple(about["trained_on"]),
            test_name=about["test_name"],
            description=about["description"],
            set_aside=tuple(about["set_aside"]),
        )
    except (OSError, ValueError, KeyError) as error:
        raise MemnetError(
            f"The run in {out} is damaged ({SPLIT} or {DATA}: {error}); begin it again elsewhere."
        ) from error
    return config, data


def _read_about(path: Path) -> dict[str, Any]:
    """Read what the data are called; anything else than that is a ``ValueError``."""
    about = parse_json(read_json_text(path))
    kinds = {"trained_on": list, "test_name": str, "description": dict, "set_aside": list}
    if not isinstance(about, dict) or not all(
        isinstance(about.get(name), kind) for name, kind in kinds.items()
    ):
        raise ValueError(f"{path.name} does not have the fields that memnet writes")
    names = [*about["trained_on"], *about["set_aside"]]
    if not all(isinstance(each, str) for each in names):
        raise ValueError(f"{path.name} has a name that is no text")
    return about


def read_run(folder: Path) -> dict[str, Any] | None:
    """Read the ``run.json`` of a run folder; None where the run has not come to an end yet.

    Raises
    ------
    MemnetError
        if it cannot be read, is damaged, or is not what this memnet writes.
    """
    path = Path(folder) / RUN
    try:
        run = parse_json(read_json_text(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MemnetError(f"{path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise MemnetError(
            f"{path} is damaged ({words_of(error)}); take a copy of it, or delete it and train "
            "again."
        ) from error
    if not isinstance(run, dict) or run.get("format") != FORMAT:
        raise MemnetError(f"{path} was not written by a training of memnet.")
    if (version := run.get("schema_version")) != SCHEMA_VERSION:
        raise MemnetError(
            f"{path} has schema version {printable(repr(version), 80)}, this memnet reads "
            f"{SCHEMA_VERSION}; update memnet."
        )
    return run


def require_run(folder: Path) -> dict[str, Any]:
    """Read the ``run.json`` of a run folder, as :func:`read_run`; there must be one.

    Raises
    ------
    MemnetError
        if there is none.
    """
    run = read_run(folder)
    if run is None:
        raise MemnetError(f"{folder} is no folder of a training run: there is no run.json in it.")
    return run


def read_curves(folder: Path) -> list[dict[str, float | None]]:
    """Read the ``curves.csv`` of a run folder; no row where nothing was validated yet.

    Returns
    -------
    list of dict
        a row per validation; None for an empty cell and for what is no finite number (a
        correlation with constant predictions, a loss that overflowed).

    Raises
    ------
    MemnetError
        if it cannot be read, or a cell holds something else.
    """
    path = Path(folder) / CURVES
    rows = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            for row in reader:
                if None in row or None in row.values():
                    raise ValueError(f"line {reader.line_num} has not as many cells as the head")
                rows.append({name: _number(cell) for name, cell in row.items()})
    except FileNotFoundError:
        return []
    except OSError as error:
        raise MemnetError(f"{path} cannot be read ({error.strerror}).") from error
    except (ValueError, csv.Error) as error:
        raise MemnetError(f"{path} is damaged ({words_of(error)}).") from error
    return rows


def finite(value: object) -> float | None:
    """Return a number as it is, and None for anything else (also for NaN)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def _number(cell: str) -> float | None:
    return finite(float(cell)) if cell.strip() else None


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON, whole or not at all; NaN is not JSON and raises ``ValueError``."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _same(out: Path, config: TrainConfig, data: TrainingSet) -> None:
    before, known = read_begun(out)
    old, new = before.to_dict(), config.to_dict()
    changed = [
        f"{name} was {old[name]} and is {new[name]}" for name in old if old[name] != new[name]
    ]
    if changed:
        raise MemnetError(
            f"{out} holds a run with other settings ({'; '.join(changed)}): choose another --out, "
            "or give it the same settings to go on."
        )
    if known.digest() != data.digest():
        raise MemnetError(
            f"{out} holds a run on other data (other pictures, scores or parts): choose another "
            "--out, or give it the same data to go on."
        )
    if (known.trained_on, known.test_name) != (data.trained_on, data.test_name):
        raise MemnetError(
            f"{out} holds a run whose data are called {', '.join(known.trained_on)}, and here they "
            f"are called {', '.join(data.trained_on)}: give the same --dataset and file to go on."
        )

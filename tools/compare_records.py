"""Compare two outputs of `tools/make_records.py`, value by value.

    python tools/compare_records.py BEFORE AFTER

Every value of every JSON file, every cell of every CSV and Parquet table and every number of every
weight file must be equal, to the last bit; where numbers are not, the largest difference is
printed. Not compared are times and durations, command lines, versions and what else describes the
machine (``IGNORED``). Equal, too, are paths that differ only in the folder of the records or of
the checkout, and checksums of files inside the folders, which hold such times.

Pages, figures and what was printed are counted as same or different, and decide nothing: the exit
code is 1 where a value differs, or a file of values is in one folder only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import safe_open

IGNORED = {
    *("created", "started", "finished", "seconds", "preparation_seconds", "seconds_of_last_run"),
    *("training_seconds", "pictures_per_second", "waiting_share"),
    *("command", "environment", "memnet_version", "converter"),
}
"""Names of fields and columns."""

VALUES = (".json", ".csv", ".parquet", ".safetensors")
LISTED = 5
CHECKOUT = "checkout.txt"
"""Names the checkout that made a folder."""
_MISSING = "(missing)"


@dataclass
class Comparison:
    """What the comparison of one file found.

    Attributes
    ----------
    compared : how many values.
    differing : where, before, after.
    largest : difference of two numbers; None where none differ.
    """

    compared: int = 0
    differing: list[tuple[str, Any, Any]] = field(default_factory=list)
    largest: float | None = None

    def add(self, where: str, before: Any, after: Any) -> None:
        """Compare two values."""
        self.compared += 1
        if _equal(before, after):
            return
        self.differing.append((where, before, after))
        try:
            distance = abs(float(after) - float(before))
        except (TypeError, ValueError):
            return
        if not self.largest or not distance <= self.largest:  # NaN is the largest of all
            self.largest = distance


class Side:
    """One of the two folders.

    Parameters
    ----------
    root : the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        checkout = self.root / CHECKOUT
        self.roots = {str(self.root): "OUT"}
        if checkout.is_file():
            self.roots[checkout.read_text(encoding="utf-8")] = "CHECKOUT"
        paths = sorted(path for path in self.root.rglob("*") if path.is_file())
        self.files = {path.relative_to(self.root).as_posix(): path for path in paths}
        self.digests = {
            hashlib.sha256(path.read_bytes()).hexdigest(): name
            for name, path in self.files.items()
            if name.endswith(VALUES)
        }

    def plain(self, value: Any) -> Any:
        """Return a text without what differs between two folders by rights."""
        if not isinstance(value, str):
            return value
        for root in sorted(self.roots, key=len, reverse=True):  # one may lie in the other
            value = re.sub(rf"{re.escape(root)}(?![^/\s\"'])", self.roots[root], value)
        for digest, name in self.digests.items():
            for length in (64, 16, 12, 8):
                value = value.replace(digest[:length], f"sha256 of {name}")
        return value

    def values(self, name: str) -> Iterator[tuple[str, Any]]:
        """Yield every value of a file with the place that it stands at."""
        path = self.files[name]
        if path.suffix == ".json":
            yield from self._leaves(json.loads(path.read_text(encoding="utf-8")), "")
        elif path.suffix == ".safetensors":
            yield from self._tensors(path)
        else:
            yield from self._cells(path)

    def _leaves(self, value: Any, where: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            yield f"{where}/", sorted(value.keys() - IGNORED)
            for key, inner in value.items():
                if key not in IGNORED:
                    yield from self._leaves(inner, f"{where}/{key}")
        elif isinstance(value, list):
            yield f"{where}[]", len(value)
            for place, inner in enumerate(value):
                yield from self._leaves(inner, f"{where}[{place}]")
        else:
            yield where, self.plain(value)

    def _cells(self, path: Path) -> Iterator[tuple[str, Any]]:
        if path.suffix == ".csv":
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
        else:
            table = pd.read_parquet(path)
        yield "columns", [f"{column}" for column in table.columns if column not in IGNORED]
        yield "rows", len(table)
        for column in table.columns:
            if column not in IGNORED:
                for row, cell in enumerate(table[column].tolist()):
                    yield f"{column}, row {row + 1}", self.plain(cell)

    def _tensors(self, path: Path) -> Iterator[tuple[str, Any]]:
        with safe_open(path, framework="np") as file:
            for key, text in sorted((file.metadata() or {}).items()):
                try:
                    yield from self._leaves(json.loads(text), key)
                except ValueError:
                    yield from self._leaves({key: text}, "")
            for name in sorted(file.keys()):
                tensor = file.get_tensor(name)
                yield name, list(tensor.shape)
                for place, value in enumerate(tensor.ravel().tolist()):
                    yield f"{name}[{place}]", value


def _equal(before: Any, after: Any) -> bool:
    if before is after or (before is pd.NA) != (after is pd.NA):
        return before is after
    if isinstance(before, float) and isinstance(after, float) and math.isnan(before):
        return math.isnan(after)
    return type(before) is type(after) and bool(before == after)


def compare_file(before: Side, after: Side, name: str) -> Comparison:
    """Compare one file of values that is in both folders."""
    comparison = Comparison()
    first, second = dict(before.values(name)), dict(after.values(name))
    for where in {**first, **second}:
        comparison.add(where, first.get(where, _MISSING), second.get(where, _MISSING))
    return comparison


def main() -> int:
    """Print the table; 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    given = parser.parse_args()
    before, after = Side(given.before), Side(given.after)
    names = sorted({*before.files, *after.files})
    wide = max((len(name) for name in names if name.endswith(VALUES)), default=4)
    total, bad, same, different = 0, 0, 0, []
    print(f"{'file':{wide}}  compared  differing  largest difference")
    for name in names:
        if name.startswith("inputs/") or name == CHECKOUT:
            continue
        missing = [side for side in (before, after) if name not in side.files]
        if not name.endswith(VALUES):
            if missing or before.files[name].read_bytes() != after.files[name].read_bytes():
                different.append(name)
            else:
                same += 1
            continue
        if missing:
            bad += 1
            print(f"{name:{wide}}  is not in {missing[0].root.name}")
            continue
        comparison = compare_file(before, after, name)
        total += comparison.compared
        bad += bool(comparison.differing)
        largest = "" if comparison.largest is None else f"{comparison.largest:.3g}"
        counts = f"{comparison.compared:8,}  {len(comparison.differing):9,}"
        print(f"{name:{wide}}  {counts}  {largest}".rstrip())
        for where, first, second in comparison.differing[:LISTED]:
            print(f"    {where}: {first!r} -> {second!r}")
        if len(comparison.differing) > LISTED:
            print(f"    ... and {len(comparison.differing) - LISTED:,} more")
    print(f"\n{total:,} values compared; {bad} file(s) differ.")
    print(f"Pages, figures and texts: {same} the same, {len(different)} different or in one only.")
    for name in different:
        print(f"    {name}")
    return 1 if bad or not total else 0


if __name__ == "__main__":
    sys.exit(main())

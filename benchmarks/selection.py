"""Time and memory of choosing pictures, by kind of choice.

    python benchmarks/selection.py --out benchmarks/results/select.json

Candidates are made up: a score, four covariates that follow it (correlations .15 to .37), and a
column of 12 categories. Each choice is made in a process of its own, three times; the slowest
counts. `missed` is by how much the choice may at most miss the best one, in SDs of the score and
per picture; nothing where the bound is of no use (a spread's is that without covariates, a split's
is sets that are alike altogether). Memory is the process's peak in MB, imports included.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from memnet.stats.selection import (
    Chosen,
    Matching,
    choose_groups,
    choose_pairs,
    choose_spread,
    split,
)

KINDS = ("extremes, 2 x 100", "levels, 3 x 50", "pairs, 100", "spread, 60", "split in 2")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.kind:
        print(json.dumps(measured(args.kind, args.candidates)))
        return
    found: dict[str, object] = {"candidates": args.candidates}
    for kind in KINDS:
        command = [sys.executable, __file__, "--kind", kind, "--candidates", str(args.candidates)]
        done = subprocess.run(command, check=True, capture_output=True)
        found[kind] = json.loads(done.stdout)
        print(kind, found[kind], file=sys.stderr)
    from score import machine  # beside this file; here, so that no process above counts its memory

    found["machine"] = machine("cpu")
    text = json.dumps(found, indent=1) + "\n"
    print(text, end="")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)


def measured(kind: str, n: int) -> dict[str, float | None]:
    """Choose with three seeds; the slowest counts."""
    seconds, missed = [], []
    for seed in range(3):
        start = time.perf_counter()
        chosen = choice(kind, n, seed)
        seconds.append(time.perf_counter() - start)
        pictures = sum(map(len, chosen.groups))
        missed.append((chosen.bound - chosen.objective) / pictures)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    bounded = not kind.startswith(("spread", "split"))
    return {
        "seconds": round(max(seconds), 2),
        "peak_mb": round(peak),
        "missed": round(max(missed), 5) if bounded else None,
    }


def choice(kind: str, n: int, seed: int) -> Chosen:
    """Make up candidates and choose."""
    random = np.random.default_rng(seed)
    score = random.normal(size=n)
    x = score[:, None] * [0.5, -0.25, 0.15, 0.4] + random.normal(size=(n, 4))
    x /= x.std(axis=0)
    category = random.integers(0, 12, (n, 1))

    def alike(tolerance: float, categories: bool = True) -> Matching:
        return Matching(
            covariates=x,
            tolerances=np.full(4, tolerance),
            categories=category if categories else category[:, :0],
        )

    if kind.startswith("extremes"):
        return choose_groups(np.c_[score, -score], 100, alike(0.1), seed=seed)
    if kind.startswith("levels"):
        gain = -np.abs(score[:, None] - [-1.0, 0.0, 1.0])
        return choose_groups(gain, 50, alike(0.1), seed=seed)
    if kind.startswith("pairs"):
        return choose_pairs(score, 100, alike(0.5), seed=seed)
    if kind.startswith("spread"):
        return choose_spread(score, 60, alike(0.1, categories=False), seed=seed)
    return split(np.c_[score, x], 2, None, category, seed=seed)


if __name__ == "__main__":
    main()

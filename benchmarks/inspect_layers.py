"""Activations of six layers beside a plain forward pass, in turns: time and peak memory.

``python benchmarks/inspect_layers.py PICTURES``: the first 48 pictures of a folder by
``resmem.published``, three rounds. A plain pass is `memnet score` without its table: decoding,
preprocessing and the network. Times are the processor's, of all threads, and the clock's, which
is another on a machine that does something else besides. Once per run the layers are looked for,
which runs the network on one input; that is in the time. ``--pictures 400 --rounds 1 --reduce
whole`` is for the memory of a longer run.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import TypeAlias

import memnet
from memnet.data.inputs import Item
from memnet.data.pictures import collect
from memnet.inspect.activations import write
from memnet.inspect.layers import find_layers
from memnet.inspect.reductions import REDUCTIONS, Reduction
from memnet.scoring.engine import score_items

Taken: TypeAlias = tuple[float, float]
"""Seconds of processor, and by the clock."""

LAYERS = ["resnet-13", "resnet-35", "resnet-81", "resnet-105", "resnet-139", "conv4"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", help="pictures")
    parser.add_argument("--pictures", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reduce", choices=REDUCTIONS, action="append")
    chosen = parser.parse_args()
    items = collect([chosen.folder]).items[: chosen.pictures]
    model = memnet.load("resmem.published", device="cpu")
    kinds = chosen.reduce or ["mean", "projection", "whole"]
    seconds: dict[str, list[Taken]] = {"plain": [], **{kind: [] for kind in kinds}}
    loaded = peak()
    for _ in range(chosen.rounds):
        seconds["plain"].append(plain(model, items))
        print(f"plain       peak memory {peak():,} MB (loaded {loaded:,} MB)")
        for kind in kinds:
            taken, size = activations(model, items, kind)
            seconds[kind].append(taken)
            print(f"{kind:<10}  peak memory {peak():,} MB, file {size / 1e6:,.1f} MB")
    for name, each in seconds.items():
        for clock, kind in (("of processor", 0), ("by the clock", 1)):
            taken = [times[kind] for times in each]
            ratios = [a / b[kind] for a, b in zip(taken, seconds["plain"], strict=True)]
            print(
                f"{name:<10}  {statistics.median(taken) / len(items):.3f} s {clock} a picture, "
                f"{statistics.median(ratios):.3f} times a plain pass ({min(ratios):.3f} to "
                f"{max(ratios):.3f})"
            )


def now() -> Taken:
    return time.process_time(), time.perf_counter()


def since(start: Taken) -> Taken:
    processor, clock = now()
    return processor - start[0], clock - start[1]


def plain(model: memnet.Predictor, items: list[Item]) -> Taken:
    start = now()
    for _ in score_items(model, items):
        pass
    return since(start)


def activations(model: memnet.Predictor, items: list[Item], kind: str) -> tuple[Taken, int]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "activations.npz")
        start = now()
        write(model, items, find_layers(model, LAYERS), out, Reduction(kind))
        return since(start), out.stat().st_size


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


if __name__ == "__main__":
    main()

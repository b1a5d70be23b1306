"""Activations of six layers beside a plain forward pass, in turns: processor time, peak memory.

``python benchmarks/inspect_layers.py PICTURES``: the first 48 pictures of a folder by
``resmem.published``, three rounds. A plain pass is `memnet score` without its table: decoding,
preprocessing and the network. The time is the processor's, of all threads: that of the clock is
another on a machine that does something else besides. Once per run the layers are looked for, which
runs the network on one input; that is in the time. ``--pictures 400 --rounds 1 --reduce whole`` is
for the memory of a longer run.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import memnet
from memnet.data.inputs import Item
from memnet.data.pictures import collect
from memnet.inspect.activations import write
from memnet.inspect.layers import find_layers
from memnet.inspect.reductions import REDUCTIONS, Reduction
from memnet.scoring.engine import score_items

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
    seconds: dict[str, list[float]] = {"plain": [], **{kind: [] for kind in kinds}}
    loaded = peak()
    for _ in range(chosen.rounds):
        seconds["plain"].append(plain(model, items))
        print(f"plain       peak memory {peak():,} MB (loaded {loaded:,} MB)")
        for kind in kinds:
            taken, size = activations(model, items, kind)
            seconds[kind].append(taken)
            print(f"{kind:<10}  peak memory {peak():,} MB, file {size / 1e6:,.1f} MB")
    for name, each in seconds.items():
        ratios = [a / b for a, b in zip(each, seconds["plain"], strict=True)]
        print(
            f"{name:<10}  {statistics.median(each) / len(items):.3f} s of processor a picture, "
            f"{statistics.median(ratios):.3f} times a plain pass ({min(ratios):.3f} to "
            f"{max(ratios):.3f})"
        )


def plain(model: memnet.Predictor, items: list[Item]) -> float:
    start = time.process_time()
    for _ in score_items(model, items):
        pass
    return time.process_time() - start


def activations(model: memnet.Predictor, items: list[Item], kind: str) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "activations.npz")
        start = time.process_time()
        write(model, items, find_layers(model, LAYERS), out, Reduction(kind))
        return time.process_time() - start, out.stat().st_size


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


if __name__ == "__main__":
    main()

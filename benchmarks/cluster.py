"""What `memnet score --engine ray` costs beside a local run, and how it scales.

    python benchmarks/cluster.py overhead FOLDER --pictures 1000   # of pictures; many minutes
    python benchmarks/cluster.py scaling                           # five minutes

`overhead` scores the same files into Parquet tables without the score cache, in alternation: in
this process with two threads, and by Ray with two workers of a thread each. A few pictures and then
all of them, so that what happens once per run (starting processes, importing, reading weights) can
be told from what each picture costs: that is the difference of the two times by the difference of
the two numbers. On a machine that others use, too, CPU time (of all processes, Ray's own included)
tells more than the clock; both are given.

`scaling` lets Ray believe in eight cores and has 1, 2, 4 and 8 workers run a network that sleeps
0.1 s a picture. It shows what handing pictures out and gathering rows costs, not what workers take
from each other on a real computer. Counted is what was computed from the moment when all workers
had begun until the first had nothing left.

Both say how far the scores are apart. Results are printed as JSON, and go into `--out FILE`
(`benchmarks/results/`) with the processor.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

os.environ["MEMNET_NO_CACHE"] = "1"
# Ray would let other programs go before its workers, but not before this process.
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  # so it is called

import numpy as np
import pandas as pd
import torch
from PIL import Image

import memnet
from memnet.data.inputs import Inputs
from memnet.data.pictures import collect
from memnet.scoring.cluster_parts import Share
from memnet.scoring.numeric_environment import scoring_environment
from memnet.scoring.ray_cluster import connect
from memnet.scoring.runner import Settings, score_to_file

FEW = 32
SLEEP, EACH = 0.1, 400
"""Seconds a picture of the network that sleeps, and its pictures for each worker."""


class Sleeping(torch.nn.Module):
    """Sleeps for each picture, and notes when; what it gives is the picture's mean."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Turn ``(N, 3, H, W)`` into ``(N,)``."""
        start = time.time()
        time.sleep(SLEEP * len(crops))
        with Path(os.environ["SLEEPING_LOG"]).open("a") as log:
            log.write(f"{os.getpid()} {start} {time.time()} {len(crops)}\n")
        return crops.mean(dim=(1, 2, 3)) * self.scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["overhead", "scaling"])
    parser.add_argument("folder", type=Path, nargs="?", help="for overhead: of pictures")
    parser.add_argument("--pictures", type=int, default=1000, help="for overhead: how many")
    parser.add_argument("--rounds", type=int, default=5, help="for overhead: alternations")
    parser.add_argument("--model", default="resmem.published", help="for overhead")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if args.what == "overhead":
            folder = link(args.folder, args.pictures, Path(scratch) / "pictures")
            found = overhead(folder, Path(scratch), args.model, args.rounds)
        else:
            found = scaling(Path(scratch))
    about = scoring_environment(torch.device("cpu"))
    machine = {name: about[name] for name in ("cpu", "cpu instructions", "torch", "memnet")}
    text = json.dumps({"machine": machine | {"cores": os.cpu_count()}, **found}, indent=1) + "\n"
    print(text, end="")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)


def link(folder: Path, count: int, links: Path) -> Path:
    """Fill a folder with links to pictures, going round as often as it takes."""
    links.mkdir()
    pictures = sorted(path for path in folder.rglob("*") if path.is_file())
    for number, picture in enumerate(itertools.islice(itertools.cycle(pictures), count)):
        (links / f"{number:06d}{picture.suffix}").symlink_to(picture.resolve())
    return links


class Meter(threading.Thread):
    """Adds up the CPU time of this process and of all that it started, Ray's included.

    It looks again and again, since what a process spent is gone with it.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._spent: dict[int, float] = {}

    def run(self) -> None:
        """Look, until the program ends."""
        while True:
            self.seconds()
            time.sleep(0.3)

    def seconds(self) -> float:
        """Return the sum until now."""
        parents, ticks = {}, {}
        for file in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                fields = file.read_text().rpartition(")")[2].split()
                parents[int(file.parent.name)] = int(fields[1])
                ticks[int(file.parent.name)] = int(fields[11]) + int(fields[12])
        ours = {os.getpid()}
        while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
            ours |= more
        self._spent |= {pid: ticks[pid] / os.sysconf("SC_CLK_TCK") for pid in ours}
        return sum(self._spent.values())


def timed(inputs: Inputs, out: Path, settings: Settings, meter: Meter) -> tuple[float, float]:
    """Return seconds by the clock and of CPU time."""
    start, spent = time.perf_counter(), meter.seconds()
    score_to_file(inputs, out, settings)
    return time.perf_counter() - start, meter.seconds() - spent


def overhead(folder: Path, scratch: Path, model: str, rounds: int) -> dict[str, object]:
    every = collect([folder])
    few = every.only({item.image_id for item in every.items[:FEW]})
    settings = Settings(models=[model], device="cpu")
    torch.set_num_threads(2)
    times: dict[str, list[float]] = {"local": [], "local few": [], "ray": [], "ray few": []}
    cpu: dict[str, list[float]] = {name: [] for name in times}
    start, meter = time.perf_counter(), Meter()
    meter.start()
    with connect("", 2, "cpu"):
        connecting = time.perf_counter() - start
        spread = replace(settings, share=Share(2, "cpu", 1, 0))
        for number in range(rounds):
            for name, how in (("local", settings), ("ray", spread)):
                for suffix, inputs in ((" few", few), ("", every)):
                    out = scratch / f"{name}{suffix}{number}.parquet"
                    seconds, spent = timed(inputs, out, how, meter)
                    times[name + suffix].append(seconds)
                    cpu[name + suffix].append(spent)
                    print(f"{name}{suffix}: {seconds:.1f} s, CPU {spent:.1f} s", file=sys.stderr)
    tables = [pd.read_parquet(scratch / f"{name}0.parquet") for name in ("local", "ray")]
    assert tables[0].drop(columns=["score", "raw"]).equals(tables[1].drop(columns=["score", "raw"]))
    return {
        "model": Path(model).name,
        "pictures": len(every.items),
        "of_a_few": FEW,
        "connecting_s": round(connecting, 1),
        "largest_difference": float((tables[0].score - tables[1].score).abs().max()),
        "by_the_clock": summed_up(times, len(every.items)),
        "of_cpu_time": summed_up(cpu, len(every.items)),
    }


def summed_up(times: dict[str, list[float]], count: int) -> dict[str, object]:
    each = {
        name: [
            (a - b) / (count - FEW) for a, b in zip(times[name], times[f"{name} few"], strict=True)
        ]
        for name in ("local", "ray")
    }
    ratios = [ray / local for local, ray in zip(each["local"], each["ray"], strict=True)]
    whole = [ray / local for local, ray in zip(times["local"], times["ray"], strict=True)]
    once = {
        name: statistics.median(
            few - FEW * a for few, a in zip(times[f"{name} few"], each[name], strict=True)
        )
        for name in each
    }
    return {
        "seconds": {name: [round(value, 2) for value in row] for name, row in times.items()},
        "a_picture_median": {n: round(statistics.median(row), 5) for n, row in each.items()},
        "once_median": {name: round(value, 1) for name, value in once.items()},
        "ray_over_local_a_picture": [round(ratio, 4) for ratio in ratios],
        "ray_over_local_a_picture_median": round(statistics.median(ratios), 4),
        "ray_over_local_whole_median": round(statistics.median(whole), 4),
    }


@contextlib.contextmanager
def eight_cores(log: Path) -> Iterator[None]:
    """Ray with eight cores that need not be there; its processes find this file."""
    import ray

    os.environ["PYTHONPATH"] = f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}"
    os.environ |= {"SLEEPING_LOG": str(log), "RAY_USAGE_STATS_ENABLED": "0"}
    ray.init("local", num_cpus=8, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def scaling(scratch: Path) -> dict[str, object]:
    preprocess = memnet.PreprocessSpec(
        exif_orientation="ignore",
        resize_kind="pillow-bilinear-8bit",
        resize_hw=(32, 32),
        channel_order="RGB",
        pixel_max=1.0,
        mean_kind="none",
        mean_sha256="",
        crop_hw=(32, 32),
        crop_offsets=((0, 0),),
        crop_mirrors="none",
    )
    output = memnet.OutputSpec(
        crop_reduction="mean", subtract=0.0, multiply=1.0, add=0.0, clamp="0-1"
    )
    memnet.register_network("sleeping", "cluster:Sleeping")
    file = scratch / "sleeping.safetensors"
    memnet.save_weights(
        file, Sleeping(), arch="sleeping", preprocess=preprocess, output=output, trained_on=()
    )
    (scratch / "pictures").mkdir()
    for number in range(8 * EACH):
        pixels = np.random.default_rng(number).integers(256, size=(48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(scratch / f"pictures/{number:05d}.png")
    every = collect([scratch / "pictures"])
    rows: list[dict[str, float]] = []
    log = scratch / "log"
    with eight_cores(log):
        for workers in (1, 2, 4, 8):
            log.unlink(missing_ok=True)
            inputs = every.only({item.image_id for item in every.items[: workers * EACH]})
            settings = Settings(
                models=[str(file)], device="cpu", share=Share(workers, "cpu", 8 // workers, 0)
            )
            seconds, _ = timed(inputs, scratch / f"{workers}.csv", settings, Meter())
            batches = [tuple(map(float, line.split())) for line in log.read_text().splitlines()]
            starts = {pid: start for pid, start, *_ in reversed(batches)}
            ends = {pid: end for pid, _, end, _ in batches}
            begun, ended = max(starts.values()), min(ends.values())
            done = sum(count for _, _, end, count in batches if begun < end <= ended)
            rate = done / (ended - begun)
            rows.append(
                {
                    "workers": workers,
                    "pictures": workers * EACH,
                    "pictures_per_s": round(rate, 2),
                    "share_of_sleeping_alone": round(rate * SLEEP / workers, 4),
                    "seconds_until_all_had_begun": round(begun - min(starts.values()), 1),
                    "seconds_from_first_idle_to_end": round(max(ends.values()) - ended, 1),
                    "seconds": round(seconds, 1),
                }
            )
            print(rows[-1], file=sys.stderr)
    return {"seconds_a_picture": SLEEP, "workers": rows}


if __name__ == "__main__":
    main()

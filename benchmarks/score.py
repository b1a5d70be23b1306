"""Speed and memory of `memnet score`, each against a peer measured in the same run.

    python benchmarks/score.py speed FOLDER    # of pictures; 100 or more
    python benchmarks/score.py memory FOLDER --pictures 20000  # 200, then so many: an hour and more
    python benchmarks/score.py package FOLDER  # against the resmem package's own loop
        --pictures 1000 --rounds 5 --out benchmarks/results/package.json
    python benchmarks/score.py several FOLDER --model A --model B ...  # models in one run

`--model FILE` takes another model than `resmem.published`: with a small one, what grows with the
number of pictures is not hidden behind the weights.

`speed` compares the whole command with the bare network (same weights, batch size and threads, on
inputs that lie in memory), in alternation, since machines are noisy. The command's time is given
with and without what happens once per run (starting Python, importing, reading the weights), which
a run over no new picture measures.

`package` scores the same files in one process by the loop that the `resmem` package's page shows
(picture by picture), by `memnet score` into a Parquet table without its cache, in each precision,
and by the bare network, in alternation. Loading the weights is part of each `memnet score`, and of
the package's loop not; its seconds are given by themselves, and so are those of reading and
preparing the pictures without a network. Beside the times stand the differences from the package's
scores and the targets of `exact`, `fast` and `max`.

`several` scores the same files by all models in one run, and compares that with the sum of the bare
networks (each on inputs that lie in memory) and one decoding of the pictures, without what happens
once per run (reading the weights), which a run over one picture measures; what preparing the
pictures for each model costs (resizing, mean image, crops) is given apart.

Nothing comes from the score cache. Results are printed as JSON, and go into `--out FILE`
(`benchmarks/results/`) with the processor.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

BATCH = 8
FEW = 200
"""Pictures of the short run whose memory is compared with the long one's."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["speed", "memory", "package", "several"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=200, help="how many")
    parser.add_argument("--rounds", type=int, default=3, help="alternations")
    parser.add_argument("--device", default="cpu", help="for package: where both networks run")
    parser.add_argument("--model", action="append")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    os.environ["MEMNET_NO_CACHE"] = "1"  # else a picture that comes again is only looked up
    models = args.model or ["resmem.published"]
    pictures = sorted(path for path in args.folder.rglob("*") if path.is_file())
    with tempfile.TemporaryDirectory() as scratch:
        if args.what == "speed":
            found = speed(pictures, Path(scratch), models[0], args.pictures, args.rounds)
        elif args.what == "package":
            found = package(pictures, Path(scratch), args.pictures, args.rounds, args.device)
        elif args.what == "several":
            found = several(pictures, models, args.pictures, args.rounds)
        else:
            found = memory(pictures, Path(scratch), models[0], args.pictures)
    text = json.dumps({"machine": machine(args.device), **found}, indent=1) + "\n"
    print(text, end="")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)


def machine(device: str) -> dict[str, str]:
    import torch

    from memnet.scoring.numeric_environment import scoring_environment

    names = ("device", "cpu", "cpu instructions", "threads", "torch", "memnet")
    about = scoring_environment(torch.device(device))
    return {name: about[name] for name in names}


def link(pictures: list[Path], count: int, folder: Path) -> Path:
    """Fill a folder with links to pictures, going round as often as it takes."""
    folder.mkdir()
    for number, picture in enumerate(itertools.islice(itertools.cycle(pictures), count)):
        (folder / f"{number:06d}{picture.suffix}").symlink_to(picture.resolve())
    return folder


def score(folder: Path, out: Path, model: str) -> tuple[float, float]:
    """Run `memnet score`; returns seconds and peak memory in MB."""
    command = [sys.executable, "-m", "memnet", "score", str(folder)]
    command += ["--model", model, "--out", str(out), "--batch-size", str(BATCH), "--device", "cpu"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def in_turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each call in each round; the calls take turns, since machines are noisy."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return times


def speed(
    pictures: list[Path], scratch: Path, name: str, count: int, rounds: int
) -> dict[str, object]:
    import torch

    import memnet

    folder = link(pictures, count, scratch / "pictures")
    model = memnet.load(name, device="cpu")
    inputs = torch.stack([model.preprocess.apply(path) for path in sorted(folder.iterdir())])
    model.forward(inputs[:BATCH])
    score(folder, scratch / "warm.csv", name)  # also fills the file cache
    bare, whole, steady = [], [], []
    for number in range(rounds):
        start = time.perf_counter()
        for first in range(0, count, BATCH):
            model.forward(inputs[first : first + BATCH])
        bare.append(time.perf_counter() - start)
        out = scratch / f"{number}.csv"
        seconds, _ = score(folder, out, name)
        again, _ = score(
            folder, out, name
        )  # everything is done: what a run costs without a picture
        whole.append(seconds)
        steady.append(seconds - again)
    ratios = [b / s for b, s in zip(bare, steady, strict=True)]
    return {
        "pictures": count,
        "batch_size": BATCH,
        "threads": torch.get_num_threads(),
        "bare_network_pictures_per_s": [round(count / seconds, 3) for seconds in bare],
        "memnet_score_pictures_per_s": [round(count / seconds, 3) for seconds in steady],
        "ratio": [round(ratio, 4) for ratio in ratios],
        "ratio_median": round(statistics.median(ratios), 4),
        "ratio_with_start_median": round(
            statistics.median(b / w for b, w in zip(bare, whole, strict=True)), 4
        ),
        "start_s": [round(w - s, 2) for w, s in zip(whole, steady, strict=True)],
    }


TARGETS = {"exact": 1.5, "fast": 2.3, "max": 3.0}
"""How many times as fast as the package's loop each precision shall be, where the processor
multiplies 16-bit floats."""


def package(
    pictures: list[Path], scratch: Path, count: int, rounds: int, device: str
) -> dict[str, object]:
    import numpy as np
    import pandas as pd
    import torch
    from PIL import Image
    from resmem import ResMem, transformer
    from scipy import stats

    import memnet
    from memnet.data.pictures import collect
    from memnet.scoring.runner import Settings, score_to_file

    folder = link(pictures, count, scratch / "pictures")
    files = sorted(folder.iterdir())
    theirs = ResMem(pretrained=True)
    theirs.eval().to(device)
    name = "resmem.published"
    ours = {  # each is measured here, if it never was on this machine
        precision: memnet.load(name, device=device, precision=precision) for precision in TARGETS
    }
    exact = ours["exact"]
    inputs = torch.stack([exact.preprocess.apply(path) for path in files])
    listed = collect([folder])
    scores: dict[str, list[float]] = {}

    def their_loop() -> None:
        scores["package"] = []
        for path in files:
            picture = transformer(Image.open(path).convert("RGB"))
            scores["package"].append(float(theirs(picture.view(-1, 3, 227, 227).to(device))))

    def our_command(precision: str) -> None:
        out = scratch / f"{len(list(scratch.iterdir()))}.parquet"
        settings = Settings(models=[name], device=device, batch_size=BATCH, precision=precision)
        score_to_file(listed, out, settings)
        scores[precision] = pd.read_parquet(out)["score"].tolist()

    def network() -> None:
        for first in range(0, count, BATCH):
            exact.forward(inputs[first : first + BATCH])

    def prepare() -> None:
        for path in files:
            exact.preprocess.apply(path)

    turns = {
        "package": their_loop,
        **{precision: partial(our_command, precision) for precision in TARGETS},
        "network": network,
        "loading": lambda: memnet.load(name, device=device),
        "reading in one thread": prepare,
    }
    network()
    times = in_turns(turns, rounds)

    def times_as_fast(slow: str, quick: str) -> float:
        pairs = zip(times[slow], times[quick], strict=True)
        return round(statistics.median(a / b for a, b in pairs), 3)

    def row(precision: str) -> dict[str, object]:
        changes = np.abs(np.array(scores[precision]) - scores["package"])
        reached, computing = times_as_fast("package", precision), ours[precision].computing
        return {
            "kind": "exact" if computing is None else computing.kind,
            "times_package": reached,
            "target": TARGETS[precision],
            "reached": reached >= TARGETS[precision],
            "over_bare_exact_network": times_as_fast(precision, "network"),
            "mean_difference": float(changes.mean()),
            "largest_difference": float(changes.max()),
            "spearman": float(stats.spearmanr(scores[precision], scores["package"])[0]),
        }

    return {
        "pictures": count,
        "batch_size": BATCH,
        "rounds": rounds,
        "seconds": {turn: [round(each, 2) for each in found] for turn, found in times.items()},
        **{precision: row(precision) for precision in TARGETS},
    }


def several(pictures: list[Path], names: list[str], count: int, rounds: int) -> dict[str, object]:
    import torch

    import memnet
    from memnet.data.pictures import collect
    from memnet.preprocess.decode import decode
    from memnet.scoring.runner import Settings, score_to_rows

    files = pictures[:count]
    count = len(files)
    models = [memnet.load(name, device="cpu") for name in names]

    def prepare(model: memnet.Predictor, path: Path) -> torch.Tensor:
        return model.preprocess.apply(path, mean_image=model.mean_image)

    inputs = [torch.stack([prepare(model, path) for path in files]) for model in models]
    settings = Settings(models=names, device="cpu", batch_size=BATCH)
    listed = collect(files)

    def networks() -> None:
        for model, made in zip(models, inputs, strict=True):
            for first in range(0, count, BATCH):
                model.forward(made[first : first + BATCH])

    def decoding() -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda path: decode(path, exif_orientation="ignore").width, files))

    def preparing() -> None:
        with ThreadPoolExecutor() as pool:
            for model in models:
                list(pool.map(partial(prepare, model), files))

    one = collect(files[:1])
    networks()
    calls = {
        "one run": lambda: score_to_rows(listed, settings),
        "one run over one picture": lambda: score_to_rows(one, settings),
        "networks": networks,
        "one decoding": decoding,
        "decoding and preparing for each model": preparing,
    }
    times = in_turns(calls, rounds)
    ratios = [
        (run - once) / ((network + decoded) * (count - 1) / count)
        for run, once, network, decoded in zip(
            times["one run"],
            times["one run over one picture"],
            times["networks"],
            times["one decoding"],
            strict=True,
        )
    ]
    return {
        "models": [Path(name).name for name in names],
        "pictures": count,
        "batch_size": BATCH,
        "seconds": {name: [round(each, 2) for each in row] for name, row in times.items()},
        "one_run_over_networks_and_one_decoding": round(statistics.median(ratios), 3),
    }


def memory(pictures: list[Path], scratch: Path, name: str, many: int) -> dict[str, object]:
    peaks = {}
    for count in (FEW, many):
        folder = link(pictures, count, scratch / str(count))
        _, peaks[count] = score(folder, scratch / f"{count}.csv", name)
    return {
        "model": Path(name).name,
        "peak_mb": {count: round(peak, 1) for count, peak in peaks.items()},
        "ratio": round(peaks[many] / peaks[FEW], 4),
    }


if __name__ == "__main__":
    main()

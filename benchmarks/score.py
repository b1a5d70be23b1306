"""Speed and memory of `memnet score`, each against a peer measured in the same run.

    python benchmarks/score.py speed FOLDER    # of pictures; 100 or more
    python benchmarks/score.py memory FOLDER   # scores 200, then 5,000 pictures (many minutes)
    python benchmarks/score.py package FOLDER  # against the resmem package's own loop
    python benchmarks/score.py several FOLDER --model A --model B ...  # models in one run

`--model FILE` takes another model than `resmem.published`: with a small one, what grows with the
number of pictures is not hidden behind the weights.

`speed` compares the whole command with the bare network (same weights, batch size and threads, on
inputs that lie in memory), in alternation, since machines are noisy. The command's time is given
with and without what happens once per run (starting Python, importing, reading the weights), which
a run over no new picture measures.

`package` scores the same files in one process by the loop that the `resmem` package's page shows
(picture by picture), by `memnet score` into a Parquet table without its cache, and by the bare
network, in alternation; the largest difference between the two scores is given, too.

`several` scores the same files by all models in one run, and compares that with the sum of the bare
networks (each on inputs that lie in memory) and one decoding of the pictures; what preparing the
pictures for each model costs (resizing, mean image, crops) is given apart.

Results are printed as JSON, and go into `--out FILE` (`benchmarks/results/`) with the processor.
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BATCH = 8
FEW, MANY = 200, 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["speed", "memory", "package", "several"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=200, help="for speed: how many")
    parser.add_argument("--rounds", type=int, default=3, help="for speed: alternations")
    parser.add_argument("--model", action="append")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    models = args.model or ["resmem.published"]
    pictures = sorted(path for path in args.folder.rglob("*") if path.is_file())
    with tempfile.TemporaryDirectory() as scratch:
        if args.what == "speed":
            found = speed(pictures, Path(scratch), models[0], args.pictures, args.rounds)
        elif args.what == "package":
            found = package(pictures, Path(scratch), args.pictures, args.rounds)
        elif args.what == "several":
            found = several(pictures, models, args.pictures, args.rounds)
        else:
            found = memory(pictures, Path(scratch), models[0])
    text = json.dumps({"machine": machine(), **found}, indent=1) + "\n"
    print(text, end="")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)


def machine() -> dict[str, str]:
    import torch

    from memnet.scoring.numeric_environment import scoring_environment

    about = scoring_environment(torch.device("cpu"))
    return {name: about[name] for name in ("cpu", "cpu instructions", "threads", "torch", "memnet")}


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


def package(pictures: list[Path], scratch: Path, count: int, rounds: int) -> dict[str, object]:
    import pandas as pd
    import torch
    from PIL import Image
    from resmem import ResMem, transformer

    import memnet
    from memnet.data.pictures import collect
    from memnet.scoring.runner import Settings, score_to_file

    folder = link(pictures, count, scratch / "pictures")
    files = sorted(folder.iterdir())
    theirs = ResMem(pretrained=True)
    theirs.eval()
    ours = memnet.load("resmem.published", device="cpu")
    inputs = torch.stack([ours.preprocess.apply(path) for path in files])
    listed = collect([folder])

    def their_loop() -> list[float]:
        found = []
        for path in files:
            picture = transformer(Image.open(path).convert("RGB"))
            found.append(float(theirs(picture.view(-1, 3, 227, 227))))
        return found

    def our_command(number: int) -> Path:
        out = scratch / f"{number}.parquet"
        settings = Settings(models=["resmem.published"], device="cpu", batch_size=BATCH)
        score_to_file(listed, out, settings)
        return out

    def network() -> None:
        for first in range(0, count, BATCH):
            ours.forward(inputs[first : first + BATCH])

    os.environ["MEMNET_NO_CACHE"] = "1"
    network()
    times: dict[str, list[float]] = {"package": [], "memnet": [], "network": []}
    for number in range(rounds):
        start = time.perf_counter()
        published = their_loop()
        times["package"].append(time.perf_counter() - start)
        start = time.perf_counter()
        table = our_command(number)
        times["memnet"].append(time.perf_counter() - start)
        start = time.perf_counter()
        network()
        times["network"].append(time.perf_counter() - start)
    scores = pd.read_parquet(table)["score"].to_numpy()
    apart = max(abs(a - b) for a, b in zip(scores, published, strict=True))

    def median_ratio(one: str, other: str) -> float:
        pairs = zip(times[one], times[other], strict=True)
        return round(statistics.median(a / b for a, b in pairs), 3)

    return {
        "pictures": count,
        "batch_size": BATCH,
        "seconds": {name: [round(each, 2) for each in row] for name, row in times.items()},
        "memnet_times_package": median_ratio("package", "memnet"),
        "memnet_over_bare_network": median_ratio("memnet", "network"),
        "largest_difference": float(apart),
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
    inputs = [torch.stack([model.preprocess.apply(path) for path in files]) for model in models]
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
                list(pool.map(model.preprocess.apply, files))

    os.environ["MEMNET_NO_CACHE"] = "1"
    networks()
    calls = {
        "one run": lambda: score_to_rows(listed, settings),
        "networks": networks,
        "one decoding": decoding,
        "decoding and preparing for each model": preparing,
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    ratios = [
        run / (network + decoded)
        for run, network, decoded in zip(
            times["one run"], times["networks"], times["one decoding"], strict=True
        )
    ]
    return {
        "models": [Path(name).name for name in names],
        "pictures": count,
        "batch_size": BATCH,
        "seconds": {name: [round(each, 2) for each in row] for name, row in times.items()},
        "one_run_over_networks_and_one_decoding": round(statistics.median(ratios), 3),
    }


def memory(pictures: list[Path], scratch: Path, name: str) -> dict[str, object]:
    peaks = {}
    for count in (FEW, MANY):
        folder = link(pictures, count, scratch / str(count))
        _, peaks[count] = score(folder, scratch / f"{count}.csv", name)
    return {
        "model": Path(name).name,
        "peak_mb": {count: round(peak, 1) for count, peak in peaks.items()},
        "ratio": round(peaks[MANY] / peaks[FEW], 4),
    }


if __name__ == "__main__":
    main()

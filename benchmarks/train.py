"""Speed of training, each against a peer measured in the same run. Results are printed as JSON.

    python benchmarks/train.py step              # a step against the bare forward and backward pass
    python benchmarks/train.py cache             # an epoch with and without kept branch outputs
    python benchmarks/train.py throughput        # one epoch of each preset, fp32 and bf16; on a GPU

`step` times whole steps of `memnet train` (fetching the batch, forward, backward, the update of the
weights, the loop around them) at full size, in alternation with the same network's forward and
backward pass alone on a batch that lies in memory, and with a plain PyTorch loop around that
(`torch.optim.SGD` as it is by default). `cache` trains ResMem on made-up pictures twice, once with
the outputs of its frozen branches kept and once with them computed in every step, and compares the
results. `throughput` writes to benchmarks/results/ as well.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from memnet.reimpl.training.config import read_config
from memnet.reimpl.training.fit import fit
from memnet.reimpl.training.frozen_outputs import network_input
from memnet.reimpl.training.loop import Machine
from memnet.reimpl.training.module import TrainingModule
from memnet.reimpl.training.run_folder import begin
from memnet.reimpl.training.training_set import TrainingSet

PRESETS = ("memnet", "resmem", "resmem-retrain", "m3m")
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["step", "cache", "throughput"])
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=PRESETS)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=4, help="for step: per round")
    parser.add_argument("--rounds", type=int, default=3, help="for step: alternations")
    parser.add_argument("--pictures", type=int, default=64, help="for cache and throughput")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = {"step": step, "cache": cache, "throughput": throughput}[args.what](
            args, Path(scratch)
        )
    print(json.dumps(found, indent=1))


def made_up(folder: Path, train: int) -> TrainingSet:
    """Draw noise, with scores that have nothing to do with it: this is about time alone."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    rows = []
    for number in range(train + 2):
        path = folder / f"{number:05d}.png"
        Image.fromarray(draw.integers(0, 256, (256, 256, 3), dtype=np.uint8)).save(path)
        rows.append((path.name, str(path), draw.uniform(), "train" if number < train else "val"))
    return TrainingSet(
        table=pd.DataFrame(rows, columns=["image_id", "path", "score", "part"]),
        trained_on=("noise:train:a", "noise:val:a"),
        test_name="",
        description={},
    )


def settings(preset: str, **changes):
    """Build a preset's settings for one epoch, from random weights where nothing else is said."""
    starts = dict.fromkeys(read_config(preset).starts, "random") | changes.pop("starts", {})
    return read_config(preset, changes={"starts": starts, "epochs": 1, **changes})


def run(config, data: TrainingSet, scratch: Path, name: str, device: str = "cpu") -> dict:
    out = scratch / name
    begin(out, config, data)
    machine = Machine(device=device, devices=1, workers=None, cache=scratch / "cache", wandb="")
    found = fit(config, data, out, machine)
    if found["status"] != "finished":
        raise SystemExit(found["message"])
    return found


class Stamps:
    """When each step of a run ended."""

    def __enter__(self) -> list[float]:
        self._before = TrainingModule.training_step
        times: list[float] = []
        original = self._before

        def stamped(module, batch, number):
            times.append(time.perf_counter())
            return original(module, batch, number)

        TrainingModule.training_step = stamped
        return times

    def __exit__(self, *_: object) -> None:
        TrainingModule.training_step = self._before


def step(args: argparse.Namespace, scratch: Path) -> dict[str, object]:
    data = made_up(scratch / "pictures", args.batch_size * (args.steps + 2))
    found: dict[str, object] = {"batch_size": args.batch_size, "threads": torch.get_num_threads()}
    for preset in args.presets:
        # Only what a step computes by itself: the outputs of frozen branches are not kept.
        config = settings(preset, batch_size=args.batch_size, cache_frozen=False)
        pictures = torch.from_numpy(
            np.random.default_rng(1).integers(0, 256, (args.batch_size, 227, 227, 3), np.uint8)
        )
        times: dict[str, list[float]] = {"bare": [], "plain_loop": [], "memnet_train": []}
        for number in range(args.rounds):
            times["bare"].append(bare(config, pictures, args.steps, update=False))
            with Stamps() as stamps:
                run(config, data, scratch, f"{preset}-{number}")
            # from the second step on: the first allocates; the last one's end is not stamped
            times["memnet_train"].append(statistics.median(np.diff(stamps)[1:]))
            times["plain_loop"].append(bare(config, pictures, args.steps, update=True))
        medians = {name: statistics.median(seconds) for name, seconds in times.items()}
        found[preset] = {
            "seconds_per_step": {k: [round(s, 4) for s in v] for k, v in times.items()},
            "to_bare": round(medians["memnet_train"] / medians["bare"], 3),
            "to_plain_loop": round(medians["memnet_train"] / medians["plain_loop"], 3),
        }
    return found


def bare(config, pictures: torch.Tensor, steps: int, *, update: bool) -> float:
    """Time the median step of a network by itself, after one to warm up."""
    network = config.build()
    network.freeze(config.freeze)
    network.to(memory_format=torch.channels_last).train()
    inputs, scores = network_input(pictures), torch.rand(len(pictures))
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=config.learning_rate, momentum=config.momentum)
    times = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        optimiser.zero_grad()
        (network(inputs) - scores).square().mean().backward()
        if update:
            optimiser.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def cache(args: argparse.Namespace, scratch: Path) -> dict[str, object]:
    data = made_up(scratch / "pictures", args.pictures)
    found: dict[str, object] = {"pictures": args.pictures, "threads": torch.get_num_threads()}
    for frozen in (("resnet", "convolutions"), ("resnet",)):
        kept = settings(
            "resmem",
            freeze=frozen,
            batch_size=args.batch_size,
            epochs=3,
            learning_rate=0.01,
            starts={"resnet": "resmem.published", "convolutions": "resmem.published"},
        )
        anew = replace(kept, cache_frozen=False, epochs=1)
        first = run(kept, data, scratch, f"kept-{len(frozen)}")
        second = run(anew, data, scratch, f"anew-{len(frozen)}")
        curves = [
            pd.read_csv(scratch / f"{name}-{len(frozen)}" / "curves.csv")
            for name in ("kept", "anew")
        ]
        found["+".join(frozen)] = {
            "pictures_per_s_kept": round(first["pictures_per_second"], 2),
            "pictures_per_s_anew": round(second["pictures_per_second"], 2),
            "ratio": round(first["pictures_per_second"] / second["pictures_per_second"], 1),
            "seconds_of_an_epoch": [round(curve["seconds"].iloc[1], 2) for curve in curves],
            "train_loss_of_the_first_epoch": [curve["train_loss"].iloc[1] for curve in curves],
            "val_loss_after_it": [curve["val_loss"].iloc[1] for curve in curves],
            "computed_once_s": round(first["preparation_seconds"], 1),
        }
    return found


def throughput(args: argparse.Namespace, scratch: Path) -> dict[str, object]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    data = made_up(scratch / "pictures", args.pictures)
    found: dict[str, object] = {
        "device": name,
        "pictures": args.pictures,
        "torch": torch.__version__,
    }
    for preset in args.presets:
        for precision in ("32", "bf16"):
            config = settings(
                preset, batch_size=args.batch_size, precision=precision, cache_frozen=False
            )
            did = run(config, data, scratch, f"{preset}-{precision}", device)
            found[f"{preset}, {precision}"] = {
                "pictures_per_second": round(did["pictures_per_second"], 2),
                "waiting_share": round(did["waiting_share"], 4),
            }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"train_{device}.json").write_text(json.dumps(found, indent=1) + "\n")
    return found


if __name__ == "__main__":
    main()

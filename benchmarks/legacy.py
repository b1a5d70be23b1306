"""Speed of the original MemNet's path, against what a user would run instead, in one run.

    python benchmarks/legacy.py FOLDER --out benchmarks/results/legacy.json   # 24 pictures are used

Peers, on the same weights (those of the tests' recipe: full size, random) and the same crops:
OpenCV's DNN module reading the same .caffemodel, and a plain PyTorch loop, one picture at a time in
Caffe's layout. All take turns for some rounds, since machines are noisy. A picture costs 14.4
GFLOP; the machine's own peak is measured as a product of 4,096 x 4,096 float32 matrices. Results
are printed as JSON, and written to `--out` with the processor.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from score import machine  # noqa: E402  # beside this file

import memnet  # noqa: E402
from caffe_recipe import write_recipe  # noqa: E402
from memnet.legacy.architecture import LAYERS, ORIGINAL_WIDTHS, expected_shapes  # noqa: E402
from memnet.legacy.convert import import_memnet  # noqa: E402

BATCH = 8
SIDES = {"conv1": 55, "conv2": 27, "conv3": 13, "conv4": 13, "conv5": 13}


def gflop_per_picture() -> float:
    """Ten crops; a multiplication and an addition count as two."""
    shapes = expected_shapes(ORIGINAL_WIDTHS)
    products = sum(
        np.prod(shapes[f"{layer.name}.weight"]) * SIDES.get(layer.name, 1) ** 2
        for layer in LAYERS
        if f"{layer.name}.weight" in shapes
    )
    return float(10 * 2 * products / 1e9)


class Naive(nn.Sequential):
    """The network as one would write it down in PyTorch."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        def pool() -> list[nn.Module]:
            return [nn.MaxPool2d(3, 2, ceil_mode=True)]

        def norm() -> list[nn.Module]:
            return [nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0)]

        relu = nn.ReLU
        super().__init__(
            *(nn.Conv2d(3, 96, 11, 4), relu(), *pool(), *norm()),
            *(nn.Conv2d(96, 256, 5, padding=2, groups=2), relu(), *pool(), *norm()),
            *(nn.Conv2d(256, 384, 3, padding=1), relu()),
            *(nn.Conv2d(384, 384, 3, padding=1, groups=2), relu()),
            *(nn.Conv2d(384, 256, 3, padding=1, groups=2), relu(), *pool(), nn.Flatten()),
            *(nn.Linear(9216, 4096), relu(), nn.Linear(4096, 4096), relu(), nn.Linear(4096, 1)),
        )
        for parameter, tensor in zip(self.parameters(), tensors.values(), strict=True):
            parameter.data = tensor.clone()


def peak_gflops(size: int = 4096, repeats: int = 3) -> float:
    a, b = torch.rand(size, size), torch.rand(size, size)
    a @ b
    start = time.perf_counter()
    for _ in range(repeats):
        a @ b
    return 2 * size**3 * repeats / (time.perf_counter() - start) / 1e9


def timed(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def median_ratio(numerators: list[float], denominators: list[float]) -> float:
    """Of the rounds' own ratios: each round's parts were measured within seconds of each other."""
    ratios = [a / b for a, b in zip(numerators, denominators, strict=True)]
    return round(statistics.median(ratios), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    import cv2

    paths = sorted(path for path in args.folder.rglob("*") if path.is_file())[: args.pictures]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        caffemodel = write_recipe(folder / "full.caffemodel")
        mean = ROOT / "tests" / "golden" / "mean" / "synthetic_mean.mat"
        made = import_memnet(caffemodel, mean=mean, out=folder / "full.safetensors")
        model = memnet.load(made.path, device="cpu")
        opencv = cv2.dnn.readNetFromCaffe(
            str(ROOT / "tests" / "golden" / "memnet_deploy.prototxt"), str(caffemodel)
        )
        state = {k: v.contiguous() for k, v in model.network.state_dict().items()}
    cv2.setNumThreads(torch.get_num_threads())
    naive = Naive(state).eval()
    crops = torch.stack([model.preprocess.apply(p, mean_image=model.mean_image) for p in paths])
    n = len(paths)

    def ours() -> list[torch.Tensor]:
        return [model.forward(crops[first : first + BATCH]) for first in range(0, n, BATCH)]

    def opencv_in(pictures: int) -> Callable[[], list[np.ndarray]]:
        def run() -> list[np.ndarray]:
            outputs = []
            for first in range(0, n, pictures):
                opencv.setInput(crops[first : first + pictures].flatten(0, 1).numpy())
                outputs.append(opencv.forward().copy())
            return outputs

        return run

    def plain() -> list[torch.Tensor]:
        with torch.inference_mode():
            return [naive(crops[index]) for index in range(n)]

    def prepare() -> None:
        for path in paths:
            model.preprocess.apply(path, mean_image=model.mean_image)

    runs = {
        "memnet, batches of 8 pictures": ours,
        "OpenCV, 1 picture at a time": opencv_in(1),
        "OpenCV, batches of 8 pictures": opencv_in(BATCH),
        "plain PyTorch, 1 picture at a time": plain,
        "memnet score, decoding and resizing too": lambda: model.score(paths, batch_size=BATCH),
        "decoding and resizing alone, one thread": prepare,
    }
    answers = [
        torch.cat(ours()).numpy().ravel(),
        np.concatenate(opencv_in(1)()).ravel(),
        torch.cat(plain()).numpy().ravel(),
    ]
    apart = max(float(np.abs(answers[0] - other).max()) for other in answers[1:])
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    peaks = []
    for _ in range(args.rounds):
        peaks.append(peak_gflops())
        for name, run in runs.items():
            seconds[name].append(timed(run))
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    own = middle["memnet, batches of 8 pictures"]
    cost = gflop_per_picture()
    peak = statistics.median(peaks)
    best_opencv = [
        min(pair)
        for pair in zip(
            *(values for name, values in seconds.items() if "OpenCV" in name), strict=True
        )
    ]
    ours_by_round = seconds["memnet, batches of 8 pictures"]
    report = {
        "machine": {**machine(), "opencv": cv2.__version__},
        "pictures": n,
        "rounds": args.rounds,
        "outputs_apart_at_most": apart,
        "pictures_per_s": {name: round(n / value, 3) for name, value in middle.items()},
        "times_opencv": median_ratio(best_opencv, ours_by_round),
        "times_opencv_by_round": [
            round(a / b, 3) for a, b in zip(best_opencv, ours_by_round, strict=True)
        ],
        "times_plain_pytorch": median_ratio(
            seconds["plain PyTorch, 1 picture at a time"], ours_by_round
        ),
        "gflop_per_picture": round(cost, 3),
        "gflops": round(cost * n / own, 1),
        "peak_gflops": round(peak, 1),
        "share_of_peak": median_ratio([cost * n / p for p in peaks], ours_by_round),
        "share_of_peak_by_round": [
            round(cost * n / p / s, 3) for p, s in zip(peaks, ours_by_round, strict=True)
        ],
        "decoding_and_resizing_of_network_time": median_ratio(
            seconds["decoding and resizing alone, one thread"], ours_by_round
        ),
    }
    text = json.dumps(report, indent=1) + "\n"
    print(text, end="")
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)


if __name__ == "__main__":
    main()

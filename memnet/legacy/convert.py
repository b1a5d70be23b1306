"""From MIT's files, or a PyTorch port's checkpoint, to a weight file of this package.

Every blob is placed or named in an error; layer types and parameters are compared with the
architecture always, and with the prototxt where it is given; the written file is read back and
compared number by number.
"""

from __future__ import annotations

import math
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from memnet.errors import MemnetError
from memnet.legacy.architecture import (
    LAYERS,
    LEARNT,
    ORIGINAL_WIDTHS,
    check_input,
    check_layers,
    expected_shapes,
)
from memnet.legacy.caffe_files import CaffeNet, read_caffemodel, read_prototxt
from memnet.legacy.mean_image import read_mean_image
from memnet.weights.catalogue import find
from memnet.weights.files import (
    MEAN_IMAGE,
    SourceFile,
    WeightHeader,
    file_digest,
    new_header,
    tensors_digest,
    write_weights,
)
from memnet.weights.store import stored_path

ORIGINAL = "memnet.caffe_lamem"
IMPORTED = "memnet.imported"
"""Names in the header: of what the user put into the store as the original, of any other import.

Only the former is taken to have been trained on LaMem alone: a fine-tuned MemNet looks the same.
"""


@dataclass(frozen=True)
class Converted:
    """What an import made.

    Attributes
    ----------
    path : the weight file.
    header : what it says about itself.
    report : sentences for the user.
    """

    path: Path
    header: WeightHeader
    report: tuple[str, ...]


def import_memnet(
    weights: str | Path,
    *,
    mean: str | Path,
    deploy: str | Path | None = None,
    mean_layout: str | None = None,
    out: str | Path | None = None,
) -> Converted:
    """Convert MemNet's weights and mean image to one checked safetensors file.

    Parameters
    ----------
    weights : a ``.caffemodel`` (old or new format, training snapshots too), or the checkpoint of a
        PyTorch port (names ``conv1.weight`` ... ``fc8.bias``; read without running code from it).
    mean : the mean image, ``.mat``, ``.npy`` or ``.binaryproto``.
    deploy : the ``deploy.prototxt``, compared with the weights.
    mean_layout : how the mean image lies, where it cannot be told from the picture.
    out : the file to write; None puts a network of the original's layout into the store, where
        ``memnet.caffe_lamem`` finds it.

    Raises
    ------
    MemnetError
        naming file, layer, field and value of whatever is missing, damaged or different.
    """
    weights, mean = Path(weights), Path(mean)
    if out is not None and Path(out).suffix != ".safetensors":
        raise MemnetError(f"--out {out} must end in .safetensors.")
    if weights.suffix == ".caffemodel":
        tensors, report = _from_caffe(weights, None if deploy is None else Path(deploy))
    else:
        if deploy is not None:
            raise MemnetError("--deploy belongs to a .caffemodel; a checkpoint has none.")
        tensors, report = _from_checkpoint(weights)
    widths = {name: tensors[f"{name}.bias"].shape[0] for name in LEARNT}
    entry = find(ORIGINAL)
    image = read_mean_image(mean, size_hw=entry.preprocess.resize_hw, layout=mean_layout)
    original = widths == ORIGINAL_WIDTHS
    if out is None and not original:
        raise MemnetError(
            f"{weights} is not the original MemNet ({_other_widths(widths)}), so it cannot stand "
            f"for {ORIGINAL}; name a file for it with --out FILE.safetensors."
        )
    path = stored_path(entry) if out is None else Path(out)
    placed = {name.replace("-euclidean", ""): tensor for name, tensor in tensors.items()}
    placed[MEAN_IMAGE] = torch.from_numpy(image.values)
    own_mean = image.sha256 == entry.preprocess.mean_sha256
    roles = {"weights": weights, "mean": mean, "deploy": None if deploy is None else Path(deploy)}
    header = new_header(
        name=ORIGINAL if out is None else IMPORTED,
        arch=entry.arch,
        sources=tuple(
            SourceFile(role=role, name=file.name, sha256=file_digest(file))
            for role, file in roles.items()
            if file is not None
        ),
        tensors_sha256=tensors_digest(placed),
        licence=entry.licence,
        licence_notice=entry.licence_notice,
        citation=entry.citation,
        trained_on=entry.trained_on if out is None else None,
        remark=_remark(widths, own_mean),
        preprocess=replace(entry.preprocess, mean_sha256=image.sha256),
        output=entry.output,
    )
    write_weights(path, placed, header)
    said = "the mean image is the original's, to the bit" if own_mean else ""
    return Converted(path, header, tuple(filter(None, (*report, *image.report, said))))


def _from_caffe(weights: Path, deploy: Path | None) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    net = read_caffemodel(weights)
    silent = check_layers(net)
    tensors = _place_blobs(net)
    report = [f"{weights.name}: {net.generation} network {net.name!r}, {_counted(tensors)}"]
    if deploy is not None:
        definition = read_prototxt(deploy)
        unsaid = check_layers(definition)
        if unsaid:
            raise MemnetError(f"{deploy} gives no parameters for layer(s) {', '.join(unsaid)}.")
        check_input(definition)
        _compare_widths(definition, tensors, weights.name)
        report.append(f"{deploy.name} agrees with it")
    elif silent:
        report.append(
            f"the file states no parameters for {', '.join(silent)}; MemNet's are used (give "
            "--deploy to have them compared)"
        )
    return tensors, tuple(report)


def _place_blobs(net: CaffeNet) -> dict[str, Tensor]:
    """Empty the table of the file's blobs and that of the network's parameters together."""
    spare = {
        (layer.name, index): blob for layer in net.layers for index, blob in enumerate(layer.blobs)
    }
    widths = {}
    for name in LEARNT:
        bias = spare.get((name, 1))
        if (name, 0) not in spare or bias is None:
            raise MemnetError(f"{net.source}: layer {name!r} has no weight or no bias.")
        widths[name] = bias.size
    tensors: dict[str, Tensor] = {}
    for target, shape in expected_shapes(widths).items():
        name, kind = target.rsplit(".", 1)
        index = 0 if kind == "weight" else 1
        blob = spare.pop((name, index))
        if _stripped(blob.shape) != _stripped(shape):
            raise MemnetError(
                f"{net.source}: blob {index} of layer {name!r} is {blob.shape}, MemNet's {kind} "
                f"there is {shape}."
            )
        tensors[target] = torch.from_numpy(blob.reshape(shape).copy())
    if spare:
        left = ", ".join(f"blob {index} of layer {name!r}" for name, index in spare)
        raise MemnetError(f"{net.source}: no place in MemNet for {left}.")
    return tensors


def _compare_widths(definition: CaffeNet, tensors: Mapping[str, Tensor], weights: str) -> None:
    for layer in definition.layers:
        if layer.name not in LEARNT:
            continue
        convolution = layer.type == "Convolution"
        message = (
            layer.message.convolution_param if convolution else layer.message.inner_product_param
        )
        have = tensors[f"{layer.name}.bias"].shape[0]
        if message.num_output != have:
            raise MemnetError(
                f"{definition.source}: layer {layer.name!r} has num_output {message.num_output}, "
                f"and its weights in {weights} have {have}: they do not belong together."
            )


def _from_checkpoint(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Read a PyTorch port's checkpoint; weights_only, so that no code in it runs."""
    if not path.is_file():
        raise MemnetError(f"There is no file {path}.")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (
        pickle.UnpicklingError,
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        zipfile.BadZipFile,
    ) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise MemnetError(
            f"{path} is neither a .caffemodel (by its ending) nor a PyTorch checkpoint that can be "
            f"read without running code from it ({reason[:200]})."
        ) from error
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise MemnetError(f"{path} holds no table of tensors (a state dict).")
    spare = {str(name).removeprefix("module."): tensor for name, tensor in found.items()}
    names = {name: name.replace("-euclidean", "") for name in LEARNT}
    missing = [
        f"{port}.{kind}"
        for port in names.values()
        for kind in ("weight", "bias")
        if f"{port}.{kind}" not in spare
    ]
    if missing:
        raise MemnetError(f"{path}: nothing in the file for {', '.join(missing)}.")
    tensors = {}
    widths = {name: len(spare[f"{port}.bias"]) for name, port in names.items()}
    for target, shape in expected_shapes(widths).items():
        name, kind = target.rsplit(".", 1)
        tensor = spare.pop(f"{names[name]}.{kind}")
        if _stripped(tuple(tensor.shape)) != _stripped(shape):
            raise MemnetError(
                f"{path}: {names[name]}.{kind} is {tuple(tensor.shape)}, MemNet's is {shape}."
            )
        if not torch.isfinite(tensor).all():
            raise MemnetError(f"{path}: {names[name]}.{kind} holds numbers that are not finite.")
        tensors[target] = tensor.reshape(shape).to(torch.float32).contiguous()
    if spare:
        raise MemnetError(f"{path}: no place in MemNet for {', '.join(sorted(spare))}.")
    return tensors, (
        f"{path.name}: a PyTorch port's checkpoint, {_counted(tensors)}; its first layer is taken "
        "to read blue, green, red, as Caffe's does",
    )


def _stripped(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Drop leading ones: old Caffe pads every shape to four dimensions with them."""
    shape = tuple(shape)
    while shape and shape[0] == 1:
        shape = shape[1:]
    return shape


def _counted(tensors: Mapping[str, Tensor]) -> str:
    numbers = sum(math.prod(tensor.shape) for tensor in tensors.values())
    return f"{len(tensors)} blobs of {len(LAYERS)} layers, {numbers:,} parameters"


def _other_widths(widths: Mapping[str, int]) -> str:
    return ", ".join(
        f"{name} has {have} outputs instead of {ORIGINAL_WIDTHS[name]}"
        for name, have in widths.items()
        if have != ORIGINAL_WIDTHS[name]
    )


def _remark(widths: Mapping[str, int], own_mean: bool) -> str:
    """Say what the reader of a score must know about where the weights came from."""
    if widths != ORIGINAL_WIDTHS:
        changed = _other_widths(widths)
        return f"NOT the original MemNet: a network of its shape at other widths ({changed})."
    mean = "" if own_mean else " Its mean image is not the original's."
    return (
        "This network has the original MemNet's layout; that it holds MIT's weights is the word of "
        f"whoever imported it, since no checksum of MIT's file was ever published.{mean}"
    )

"""From MIT's files, or a PyTorch port's checkpoint, to a weight file of this package.

Every blob is placed or named in an error; layer types and parameters are compared with the
architecture always, and with the prototxt where it is given; the written file is read back and
compared number by number.
"""

from __future__ import annotations

import math
import os
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
    stripped,
)
from memnet.legacy.caffe_files import CaffeNet, read_caffemodel, read_prototxt
from memnet.legacy.checkpoint import is_checkpoint, read_port_checkpoint
from memnet.legacy.mean_image import read_mean_image
from memnet.weights.catalogue import find
from memnet.weights.digests import file_digest, tensors_digest
from memnet.weights.files import (
    MEAN_IMAGE,
    SourceFile,
    WeightHeader,
    new_header,
    read_header,
    write_weights,
)
from memnet.weights.store import stored_path

ORIGINAL = "memnet.caffe_lamem"
IMPORTED = "memnet.imported"
NOT_ORIGINAL = "NOT the original MemNet"
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
    force: bool = False,
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
    force : replace a weight file that holds other numbers.

    Raises
    ------
    MemnetError
        naming file, layer, field and value of whatever is missing, damaged or different; and if
        the file to write is there and holds other weights or another mean image.
    """
    _refuse_to_overwrite(out)
    placed, header, report = _convert(
        Path(weights), Path(mean), deploy, mean_layout=mean_layout, for_store=out is None
    )
    path = stored_path(find(ORIGINAL)) if out is None else Path(out)
    if not force:
        _refuse_other_numbers(path, header, advice="--out FILE.safetensors" if out is None else "")
    write_weights(path, placed, header)
    return Converted(path, header, report)


def _convert(
    weights: Path,
    mean: Path,
    deploy: str | Path | None,
    *,
    mean_layout: str | None,
    for_store: bool,
) -> tuple[dict[str, Tensor], WeightHeader, tuple[str, ...]]:
    """Read and check the files; nothing is written."""
    port = is_checkpoint(weights)
    if port:
        if deploy is not None:
            raise MemnetError("--deploy belongs to a .caffemodel; a checkpoint has none.")
        tensors = read_port_checkpoint(weights)
        report: tuple[str, ...] = (
            f"{weights.name}: a PyTorch port's checkpoint, {_counted(tensors)}; its first layer is "
            "taken to read blue, green, red, as Caffe's does",
        )
    else:
        tensors, report = _from_caffe(weights, None if deploy is None else Path(deploy))
    widths = {name: tensors[f"{name}.bias"].shape[0] for name in LEARNT}
    entry = find(ORIGINAL)
    image = read_mean_image(mean, size_hw=entry.preprocess.resize_hw, layout=mean_layout)
    original = widths == ORIGINAL_WIDTHS
    if for_store and not original:
        raise MemnetError(
            f"{weights} is not the original MemNet ({_other_widths(widths)}), so it cannot stand "
            f"for {ORIGINAL}; name a file for it with --out FILE.safetensors."
        )
    placed = {name.replace("-euclidean", ""): tensor for name, tensor in tensors.items()}
    placed[MEAN_IMAGE] = torch.from_numpy(image.values)
    own_mean = image.sha256 == entry.preprocess.mean_sha256
    roles = {"weights": weights, "mean": mean, "deploy": None if deploy is None else Path(deploy)}
    header = new_header(
        name=ORIGINAL if for_store else IMPORTED,
        arch=entry.arch,
        sources=tuple(
            SourceFile(
                role=role,
                name=file.name,
                sha256=file_digest(file),
                note=image.layout if role == "mean" else "",
            )
            for role, file in roles.items()
            if file is not None
        ),
        tensors_sha256=tensors_digest(placed),
        licence=entry.licence,
        licence_notice=entry.licence_notice,
        citation=entry.citation,
        trained_on=entry.trained_on if for_store else None,
        remark=_remark(widths, own_mean, port),
        preprocess=replace(entry.preprocess, mean_sha256=image.sha256),
        output=entry.output,
    )
    same_mean = "the mean image is the original's, to the bit" if own_mean else ""
    return placed, header, tuple(filter(None, (*report, *image.report, same_mean)))


def import_for(
    folder: Path,
    weights: Path,
    *,
    mean: Path,
    deploy: Path | None = None,
    mean_layout: str | None = None,
) -> Converted:
    """Import into a folder of results, as ``weights.safetensors``, beside what they were made with.

    Raises
    ------
    MemnetError
        as :func:`import_memnet`; and if the folder holds results of other weights.
    """
    path = folder / "weights.safetensors"
    placed, header, report = _convert(
        weights, mean, deploy, mean_layout=mean_layout, for_store=False
    )
    if path.exists() and read_header(path).tensors_sha256 != header.tensors_sha256:
        raise MemnetError(
            f"{folder} holds results of other weights or another mean image; choose another --out."
        )
    write_weights(path, placed, header)
    return Converted(path, header, report)


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
        if stripped(blob.shape) != stripped(shape):
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


def _counted(tensors: Mapping[str, Tensor]) -> str:
    numbers = sum(math.prod(tensor.shape) for tensor in tensors.values())
    return f"{len(tensors)} blobs of {len(LAYERS)} layers, {numbers:,} parameters"


def _other_widths(widths: Mapping[str, int]) -> str:
    return ", ".join(
        f"{name} has {have} outputs instead of {ORIGINAL_WIDTHS[name]}"
        for name, have in widths.items()
        if have != ORIGINAL_WIDTHS[name]
    )


def _remark(widths: Mapping[str, int], own_mean: bool, port: bool) -> str:
    """Say what the reader of a score must know about where the weights came from."""
    if widths != ORIGINAL_WIDTHS:
        changed = _other_widths(widths)
        return f"{NOT_ORIGINAL}: a network of its shape at other widths ({changed})."
    remark = (
        "This network has the original MemNet's layout; that it holds MIT's weights is the word of "
        "whoever imported it, since no checksum of MIT's file was ever published."
    )
    if port:
        remark += " It came from the checkpoint of a PyTorch port, not from a .caffemodel."
    if not own_mean:
        remark += " Its mean image is not the original's."
    return remark


def _refuse_to_overwrite(out: str | Path | None) -> None:
    """Replace a weight file of this package, nobody else's file."""
    if out is None:
        return
    if Path(out).suffix != ".safetensors":
        raise MemnetError(f"--out {out} must end in .safetensors.")
    if os.path.exists(out):
        try:
            read_header(Path(out))
        except MemnetError as error:
            raise MemnetError(
                f"{out} exists and is no weight file of memnet's; choose another --out."
            ) from error


def _refuse_other_numbers(path: Path, header: WeightHeader, *, advice: str) -> None:
    """Keep a weight file that holds other numbers: a trained network, or another laboratory's."""
    try:
        before = read_header(path) if os.path.exists(path) else header
    except MemnetError:
        return  # a damaged file in the store: importing again is what mends it
    if before.tensors_sha256 != header.tensors_sha256:
        made = ", ".join(source.name for source in before.sources)
        raise MemnetError(
            f"{path} holds other weights, or another mean image, already ({before.name}, made from "
            f"{made}); replace it with --force, or write to another file with "
            f"{advice or 'another --out'}."
        )

"""Backbones of other libraries: torchvision and, where installed, timm, open_clip, transformers.

``NAME@WEIGHTS`` says which weights; ``@random`` takes none, which is a baseline and never a
default. Pictures are resized to a square, whatever their shape, as for ResMem, and cropped to what
the network was trained at (7/8 of that). The library's normalisation is part of the probe.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from memnet.errors import MemnetError, unknown_name
from memnet.preprocess.spec import PreprocessSpec
from memnet.reimpl.probe.backbone import Backbone, Recipe
from memnet.util.offline import offline
from memnet.util.text import printable

RANDOM = "random"
_SEED = 2022
_MEAN, _SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CLIP_MEAN, _CLIP_SD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def load_model(library: str, rest: str) -> Backbone:
    """Load ``NAME@WEIGHTS`` of a library; raises as :func:`.backbones.find_backbone`."""
    model, _, weights = rest.partition("@")
    if not model:
        raise MemnetError(f"Which network of {library}? Say {library}:NAME.")
    _import(library)
    loaded: Backbone = _guarded(library, rest, lambda: LIBRARIES[library](model, weights))
    loaded.network.eval().requires_grad_(False)
    return loaded


def build_model(recipe: Recipe) -> nn.Module:
    """Build a network by its recipe; its numbers mean nothing."""
    library = str(recipe["library"])
    if library not in LIBRARIES:
        raise unknown_name("library of backbones", library, LIBRARIES)
    _import(library)
    # Not on the meta device: some hold tables that no state dict has.
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        network: nn.Module = _guarded(
            library, str(recipe.get("model")), lambda: _BUILDERS[library](recipe)
        )
    return network.eval()


def _import(library: str) -> Any:
    try:
        return import_module(library)
    except ImportError as error:
        package = {"open_clip": "open_clip_torch"}.get(library, library)
        raise MemnetError(
            f"The backbone needs {library}, which is not installed here ({error}): "
            f"`pip install {package}`."
        ) from None


def _guarded(library: str, name: str, call: Callable[[], Any]) -> Any:
    """Call into a library, which must not use the network where that is forbidden."""
    # The hub's library, which the others download by, reads its variable once, at its import.
    hub: Any = sys.modules.get("huggingface_hub.constants")
    before = getattr(hub, "HF_HUB_OFFLINE", False)
    if hub and offline():
        hub.HF_HUB_OFFLINE = True
    try:
        return call()
    except MemnetError:
        raise
    except Exception as error:  # of a name that it does not know, or of a download
        reason = printable(f"{type(error).__name__}: {error}", 300)
        why = " The network is forbidden (--offline or MEMNET_OFFLINE)." if offline() else ""
        raise MemnetError(f"{library} cannot give {name!r} ({reason}).{why}") from error
    finally:
        if hub:
            hub.HF_HUB_OFFLINE = before


def _spec(side: int) -> PreprocessSpec:
    resized = round(side * 8 / 7)
    return PreprocessSpec(
        exif_orientation="ignore",
        resize_kind="pillow-bilinear-8bit",
        resize_hw=(resized, resized),
        channel_order="RGB",
        pixel_max=1.0,
        mean_kind="none",
        mean_sha256="",
        crop_hw=(side, side),
        crop_offsets=(((resized - side) // 2, (resized - side) // 2),),
        crop_mirrors="none",
    )


def _forbid_download(library: str, model: str) -> None:
    if offline():
        raise MemnetError(
            f"The weights of {library}:{model} are not on this machine, and the network is "
            "forbidden (--offline or MEMNET_OFFLINE)."
        )


# -- torchvision ----------------------------------------------------------------------------------


def _torchvision(model: str, weights: str) -> Backbone:
    import torchvision
    from torchvision.models import get_model_weights, list_models

    if model in set(list_models()) - set(list_models(module=torchvision.models)):
        raise MemnetError(
            f"torchvision:{model} is no classifier whose last layer could be left out; name "
            "another backbone."
        )
    recipe = {"library": "torchvision", "model": model}
    network = build_model(recipe)
    words: tuple[str, ...] = ("ImageNet (torchvision)",)
    side, remark = 224, ""
    mean, sd = _MEAN, _SD
    if weights == RANDOM:
        words, remark = (), "the backbone has random weights"
    elif weights.endswith((".pth", ".pt")):
        tensors = torch.load(Path(weights).expanduser(), map_location="cpu", weights_only=True)
        _fill(network, tensors, weights)
    else:
        known = get_model_weights(model)
        if weights and weights not in known.__members__:
            raise unknown_name(
                f"weights of torchvision:{model}", weights, [*known.__members__, RANDOM]
            )
        chosen = known[weights] if weights else known.DEFAULT
        file = Path(torch.hub.get_dir()) / "checkpoints" / chosen.url.rsplit("/", 1)[-1]
        if not file.is_file():
            _forbid_download("torchvision", model)
        _fill(network, chosen.get_state_dict(progress=True, check_hash=True), file.name)
        pixels: Any = chosen.transforms()
        side, mean, sd = pixels.crop_size[0], tuple(pixels.mean), tuple(pixels.std)
        words = (f"ImageNet (torchvision's {chosen})",)
    return Backbone(
        name=f"torchvision:{model}" + f"@{weights}" * bool(weights),
        recipe=recipe,
        network=network,
        spec=_spec(side),
        pixel_mean=mean,
        pixel_sd=sd,
        pretrained_on=words,
        licence="BSD-3-Clause (torchvision)" + "; trained on ImageNet" * bool(words),
        remark=remark,
    )


def _build_torchvision(recipe: Recipe) -> nn.Module:
    from torchvision.models import get_model

    empty = {"weights": None}
    network: nn.Module = get_model(str(recipe["model"]), **empty)
    for head in ("fc", "classifier", "heads", "head"):
        if isinstance(getattr(network, head, None), nn.Module):
            setattr(network, head, nn.Identity())
            return network
    raise MemnetError(
        f"torchvision:{recipe['model']} is no classifier whose last layer could be left out; name "
        "another backbone."
    )


def _fill(network: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    """Load published weights; those of the classifier that was left out are not needed."""
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in tensors and "num_batches" not in name]
    if missing:
        raise MemnetError(
            f"{source} does not hold the weights of this network: {missing[0]} is not there "
            f"({len(missing)} of {len(wanted)} tensors are missing)."
        )
    network.load_state_dict({name: tensors.get(name, wanted[name]) for name in wanted})


# -- timm -----------------------------------------------------------------------------------------


def _timm(model: str, weights: str) -> Backbone:
    import timm

    random = weights == RANDOM
    network: Any
    if weights.endswith((".pth", ".pt", ".safetensors")):
        network = timm.create_model(model, pretrained=False, num_classes=0)
        from timm.models import load_state_dict

        _fill(network, load_state_dict(weights), weights)
    elif weights and not random:
        raise MemnetError(f"timm's weights are part of the name: timm:{model}.{weights}.")
    elif random:
        network = build_model({"library": "timm", "model": model})
    else:
        network = timm.create_model(model, pretrained=True, num_classes=0)
    config = network.pretrained_cfg
    tag = f"{config.get('architecture', model)}.{config.get('tag', '')}".rstrip(".")
    return Backbone(
        name=f"timm:{model}" + f"@{weights}" * bool(weights),
        recipe={"library": "timm", "model": model},
        network=network,
        spec=_spec(int(config.get("input_size", (3, 224, 224))[1])),
        pixel_mean=tuple(config.get("mean", _MEAN)),
        pixel_sd=tuple(config.get("std", _SD)),
        pretrained_on=() if random else (f"the data of timm's {tag}",),
        licence=str(config.get("license") or "see timm"),
        remark="the backbone has random weights" if random else "",
    )


def _build_timm(recipe: Recipe) -> nn.Module:
    import timm

    network: nn.Module = timm.create_model(str(recipe["model"]), pretrained=False, num_classes=0)
    return network


# -- open_clip ------------------------------------------------------------------------------------


class _Visual(nn.Module):
    """The half of a CLIP that looks at pictures."""

    def __init__(self, visual: nn.Module) -> None:
        super().__init__()
        self.visual = visual

    def forward(self, pictures: Tensor) -> Tensor:
        features: Any = self.visual(pictures)
        first: Tensor = features[0] if isinstance(features, tuple) else features
        return first


def _open_clip(model: str, weights: str) -> Backbone:
    import open_clip

    if not weights:
        tags = open_clip.list_pretrained_tags_by_model(model)
        raise MemnetError(
            f"Which weights of open_clip:{model}? Say open_clip:{model}@TAG "
            f"({', '.join(tags[:4]) or 'a file'}) or open_clip:{model}@{RANDOM}."
        )
    recipe = {"library": "open_clip", "model": model}
    random = weights == RANDOM
    if random:
        network = build_model(recipe)
    else:
        network = _Visual(open_clip.create_model(model, pretrained=weights).visual)
    visual: Any = network.visual
    side = visual.image_size[0] if isinstance(visual.image_size, tuple) else visual.image_size
    return Backbone(
        name=f"open_clip:{model}@{weights}",
        recipe=recipe,
        network=network,
        spec=_spec(int(side)),
        pixel_mean=tuple(getattr(visual, "image_mean", None) or _CLIP_MEAN),
        pixel_sd=tuple(getattr(visual, "image_std", None) or _CLIP_SD),
        pretrained_on=() if random else (f"CLIP ({Path(weights).name})",),
        licence="see open_clip's page of these weights",
        remark="the backbone has random weights" if random else "",
    )


def _build_open_clip(recipe: Recipe) -> nn.Module:
    import open_clip

    return _Visual(open_clip.create_model(str(recipe["model"]), pretrained=None).visual)


# -- transformers ---------------------------------------------------------------------------------


class _Hidden(nn.Module):
    """A vision network of transformers: the pooled output where it has one, else the mean token."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pictures: Tensor) -> Tensor:
        output: Any = self.model(pixel_values=pictures)
        pooled = getattr(output, "pooler_output", None)
        features: Tensor = output.last_hidden_state.mean(dim=1) if pooled is None else pooled
        return features


def _transformers(model: str, weights: str) -> Backbone:
    import transformers

    if weights not in ("", RANDOM):
        raise MemnetError(f"transformers' weights are part of the name or folder: {model}.")
    config: Any = transformers.AutoConfig.from_pretrained(model)
    config = getattr(config, "vision_config", config)  # of CLIP and its like
    recipe = {
        "library": "transformers",
        "model": model,
        "class": type(config).__name__,
        "config": json.dumps(config.to_diff_dict(), sort_keys=True, default=str),
    }
    network: Any = build_model(recipe)
    if not weights:
        whole = type(network.model).from_pretrained(model)
        network.model.load_state_dict(whole.state_dict())
    pixels: Any = {}
    try:
        pixels = transformers.AutoImageProcessor.from_pretrained(model).to_dict()
    except (OSError, ValueError, ImportError):
        if not weights:
            raise
    return Backbone(
        name=f"transformers:{model}" + f"@{weights}" * bool(weights),
        recipe=recipe,
        network=network,
        spec=_spec(int(getattr(config, "image_size", 224))),
        pixel_mean=tuple(pixels.get("image_mean") or _MEAN),
        pixel_sd=tuple(pixels.get("image_std") or _SD),
        pretrained_on=() if weights else (f"the data of transformers' {model}",),
        licence=f"see the page of {model}",
        remark="the backbone has random weights" if weights else "",
    )


def _build_transformers(recipe: Recipe) -> nn.Module:
    import transformers

    config = getattr(transformers, str(recipe["class"]))(**json.loads(str(recipe["config"])))
    return _Hidden(transformers.AutoModel.from_config(config))


LIBRARIES: dict[str, Callable[[str, str], Backbone]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "open_clip": _open_clip,
    "transformers": _transformers,
}
"""Library -> ``(name, weights) -> Backbone``."""

_BUILDERS: dict[str, Callable[[Recipe], nn.Module]] = {
    "torchvision": _build_torchvision,
    "timm": _build_timm,
    "open_clip": _build_open_clip,
    "transformers": _build_transformers,
}

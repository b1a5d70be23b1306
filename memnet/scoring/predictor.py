"""A Predictor: network, preprocessing, output scaling and identity. Everything that scores is one.

``memnet.load`` and ``memnet.list_models`` live here.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import EntryPoint
from inspect import signature
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from memnet.data.contamination import check_trained_on
from memnet.data.inputs import Item
from memnet.data.targets import HIT_RATE, check_target
from memnet.errors import MemnetError
from memnet.preprocess.decode import MAX_PIXELS, Picture, PictureLimits
from memnet.preprocess.differentiable import preprocess_tensor
from memnet.preprocess.spec import OutputSpec, PreprocessSpec, mean_digest
from memnet.scoring import DEFAULT_BATCH_SIZE, plugins
from memnet.scoring.cached import score_with_cache, scoring_digest
from memnet.scoring.devices import open_device
from memnet.scoring.functions import AS_IT_IS, CheckedFunction, FunctionHeader
from memnet.scoring.named import NamedModel, find_named, identity_of, say_conditions, with_exif
from memnet.scoring.precision import EXACT, check_precision
from memnet.scoring.precision.choice import at_precision, say_package_is_exact
from memnet.scoring.precision.kinds import find_kind
from memnet.scoring.precision.records import Measured, computing_of
from memnet.scoring.precision.sharing import UnsuitableError
from memnet.scoring.scored import Ready, Request
from memnet.scoring.table import to_frame
from memnet.util.arrays import Float32Array
from memnet.util.importing import path_of
from memnet.util.messages import say_once
from memnet.util.text import model_label, printable
from memnet.weights import store
from memnet.weights.catalogue import catalogue
from memnet.weights.files import MEAN_IMAGE, WeightHeader, match_tensors
from memnet.weights.networks import network_class

if TYPE_CHECKING:
    import pandas as pd


class Predictor:
    """Something that turns pictures into memorability scores.

    Attributes
    ----------
    name, variant : ``"resmem.published"``, ``""``; what the score table says.
    network : module from ``(N, 3, H, W)`` float32 to ``(N,)`` float32, in eval mode.
    header : checksums, licence, citation, training data, preprocessing and output scaling; of a
        function, what its author said.
    mean_image : float32 ``(H, W, 3)`` that the preprocessing subtracts, or None.
    device : where the network runs.
    computing : how the network computes where that is not exact, and how far from it; else None.
    """

    def __init__(
        self,
        name: str,
        network: Callable[[Any], Tensor],
        header: WeightHeader | FunctionHeader,
        *,
        variant: str = "",
        mean_image: Float32Array | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.name = name
        self.variant = variant
        self.header = header
        self.mean_image = mean_image
        self.device = torch.device(device)
        self.computing: Measured | None = None
        self._network = network
        self._is_as_read = False
        if isinstance(network, nn.Module):
            network.requires_grad_(False)  # gradients go to pictures (score_tensor), not to weights
            network.to(self.device).to(memory_format=self._layout).eval()

    @classmethod
    def from_function(
        cls,
        name: str,
        function: Callable[[Any], Any],
        *,
        preprocess: PreprocessSpec | None = None,
        output: OutputSpec | None = None,
        target: str = HIT_RATE,
        trained_on: Iterable[str] | None = None,
        pretrained_on: Iterable[str] = (),
        mean_image: Float32Array | None = None,
        device: str | torch.device = "cpu",
        licence: str = "",
        citation: str = "",
        remark: str = "",
    ) -> Predictor:
        """Make a predictor of a function, without a weight file.

        Parameters
        ----------
        name : what the score table calls the model: ``"mine.v1"``.
        function : with ``preprocess``, from float32 crops ``(N, 3, H, W)`` on ``device`` to
            ``(N,)`` raw outputs; without, from a list of N pictures (PIL, mode RGB) to N numbers.
            A tensor, an array or a list of numbers will do.
        preprocess : what happens to a picture before the function sees it.
        output : how raw outputs become a score; None: they are the score.
        target : what the score estimates: ``hit_rate``, ``false_alarm_rate``, ``corrected`` or
            ``d_prime``.
        trained_on : names of the data sets whose pictures the model may have seen in training, as
            :mod:`memnet.data.contamination` explains; () for none; None, the default: unknown.
        pretrained_on : what parts of it were trained on before for another purpose, in plain
            words (``["ImageNet", "CLIP (OpenAI)"]``): shown beside ``trained_on``, never judged.
        mean_image : float32 ``(H, W, 3)``, where ``preprocess`` subtracts one.
        device : where the crops are put.
        licence, citation, remark : for records and reports.

        Raises
        ------
        MemnetError
            if the name is empty or has a colon, which stands before a variant, there is no such
            target, ``trained_on`` cannot be read, or the device cannot be used here.

        Examples
        --------
        >>> import numpy as np, memnet
        >>> def brightness(pictures):
        ...     return [np.asarray(picture).mean() / 255 for picture in pictures]
        >>> model = memnet.Predictor.from_function("brightness.v1", brightness)
        >>> model.score(np.full((20, 30, 3), 51, dtype=np.uint8)).score.tolist()
        [0.2]
        """
        if not name or ":" in name:
            raise MemnetError(f"{name!r} is no name of a model; give one like 'mine.v1'.")
        header = FunctionHeader(
            name=name,
            preprocess=preprocess,
            output=output or AS_IT_IS,
            target=check_target(target),
            trained_on=check_trained_on(trained_on),
            pretrained_on=tuple(pretrained_on),
            licence=licence,
            citation=citation,
            remark=remark,
        )
        return cls(
            name,
            CheckedFunction(name, function),
            header,
            mean_image=mean_image,
            device=open_device(str(device)),
        )

    @property
    def network(self) -> Callable[[Any], Tensor]:
        """What computes; its scores are kept in no cache once it was asked for, or replaced."""
        self._is_as_read = False
        return self._network

    @network.setter
    def network(self, network: Callable[[Any], Tensor]) -> None:
        self._is_as_read = False
        self._network = network

    @property
    def label(self) -> str:
        """The name, and the variant behind a colon where there is one."""
        return model_label(self.name, self.variant)

    @property
    def _layout(self) -> torch.memory_format:
        """Channels last: on CPUs MemNet's convolutions run at twice the speed of Caffe's layout.

        Not on Apple's GPU, where PyTorch has had operations that were silently wrong with it
        (pytorch issues 174345, 180984).
        """
        return torch.contiguous_format if self.device.type == "mps" else torch.channels_last

    @property
    def preprocess(self) -> PreprocessSpec | None:
        """What happens to a picture before the network sees it; None: it takes pictures."""
        return self.header.preprocess

    @property
    def exif_orientation(self) -> Literal["ignore", "apply"]:
        """What happens to a picture's EXIF orientation."""
        if isinstance(self.header, FunctionHeader) and self.header.preprocess is None:
            return self.header.exif_orientation
        assert self.header.preprocess is not None
        return self.header.preprocess.exif_orientation

    @property
    def target(self) -> str:
        """What the score estimates (:data:`memnet.data.targets.TARGETS`)."""
        return self.header.target

    def identity(self) -> dict[str, Any]:
        """Return everything that decides a score, as plain JSON types, as sidecars hold it.

        A model that is a function has no checksums: those fields are "". A ``target`` other than
        ``hit_rate`` has a field, and so has a precision other than ``exact``, with what was
        measured of it.
        """
        return identity_of(self.header, self.computing)

    def scoring_digest(self, limits: PictureLimits) -> bytes | None:
        """Digest everything that decides a score but the picture, for the score cache.

        None where nobody can know: the model is no weight file for a network of memnet's, or parts
        of it were touched in Python.
        """
        spec = self.header.preprocess
        mean = "" if self.mean_image is None else mean_digest(self.mean_image)
        is_whole = spec is not None and (not spec.mean_sha256 or mean == spec.mean_sha256)
        is_plain = type(self) is Predictor and not vars(self).keys() & {"forward"}
        if not (self._is_as_read and is_plain and is_whole):
            return None
        return scoring_digest(self.header, str(self.device), limits, computing_of(self.computing))

    @property
    def output(self) -> OutputSpec:
        """How the network's outputs become a score."""
        return self.header.output

    def score(
        self,
        pictures: Picture | Iterable[Picture],
        *,
        batch_size: int = DEFAULT_BATCH_SIZE,
        max_pixels: int = MAX_PIXELS,
        cache: bool = True,
    ) -> pd.DataFrame:
        """Score pictures.

        Parameters
        ----------
        pictures : paths, encoded bytes, PIL pictures or arrays (see
            :func:`memnet.preprocess.decode.decode`), mixed as you like; or a single one.
        batch_size : pictures per pass through the network; it does not change a score by more
            than 1e-6.
        max_pixels : pictures with more pixels are refused.
        cache : whether scores of files and encoded bytes may come from the score cache of this
            machine, and are put there (``docs/score.md``); ``MEMNET_NO_CACHE=1`` forbids it.

        Returns
        -------
        DataFrame
            a row per picture, in order, with the columns ``image_id`` (the file's name, or
            ``item-3`` for the fourth thing given), ``path``, ``model``, ``variant``, ``score``
            (0 to 1), ``raw``, ``n_crops``, ``clamped``, ``width``, ``height``, ``mode``,
            ``warning``. A picture that cannot be scored keeps its row: ``score`` is NaN and
            ``warning`` begins with ``failed:``. Its ``attrs["models"]`` says how the model scores
            and what it was trained on; :func:`memnet.compare` reads it there.
        """
        several: Iterable[Picture]
        if isinstance(pictures, np.ndarray):
            several = [pictures] if pictures.ndim < 4 else list(pictures)
        elif isinstance(pictures, Iterable) and not isinstance(pictures, (str, bytes)):
            several = pictures
        else:
            several = [pictures]
        requests = (Request(_item(index, picture), (0,)) for index, picture in enumerate(several))
        limits = PictureLimits(max_pixels=max_pixels)
        model = Ready(self, self.scoring_digest(limits) if cache else None)
        rows = []
        for batch in score_with_cache(
            requests, [model], cache=cache, batch_size=batch_size, limits=limits
        ):
            rows += [row for answer in batch for row in answer.rows([model])]
        table = to_frame(rows)
        table.attrs["models"] = {self.label: self.identity()}
        return table

    def score_tensor(self, pictures: Tensor, *, exact: bool = True) -> tuple[Tensor, Tensor]:
        """Score pictures that are tensors, with gradients: for those who optimise pictures.

        Parameters
        ----------
        pictures : ``(N, 3, H, W)`` floating point, RGB, values 0 to 1 (an optimiser may overstep
            a little), on any device.
        exact : for a model whose resizer rounds to 8 bits, as ResMem's does: True, the scores are
            those of :meth:`score` for the pictures rounded to 8 bits, and their gradients those
            of the same resizer without rounding; False, nothing is rounded, and the gradients are
            those of the scores given (how far these lie from the exact ones:
            ``docs/precision.md``). For other models both are the same, and pictures are not
            rounded.

        Returns
        -------
        raw, score : each ``(N,)``, on the pictures' device; float64 for float64 pictures, else
            float32; the network computes in float32. Where the score was clamped its gradient is
            zero; that of ``raw`` never is.

        Raises
        ------
        MemnetError
            for another shape, values that are not finite or seem to be grey levels 0 to 255, or
            a model that is a function of pictures, that loses the gradient, or was loaded with
            another precision than ``exact``.

        Examples
        --------
        >>> import torch, memnet
        >>> from memnet.weights.catalogue import find
        >>> model = memnet.Predictor.from_function(
        ...     "brightness.v1",
        ...     lambda crops: crops.mean(dim=(1, 2, 3)),
        ...     preprocess=find("resmem.published").preprocess,
        ... )
        >>> picture = torch.full((1, 3, 40, 60), 0.4, requires_grad=True)
        >>> raw, score = model.score_tensor(picture)
        >>> score.sum().backward()
        >>> round(score.item(), 4), bool(picture.grad.sum() > 0)
        (0.4, True)
        """
        if self.preprocess is None:
            raise MemnetError(
                f"{self.name} is a function of pictures, not of tensors; one of crops, with "
                "preprocess= in from_function, has gradients."
            )
        if self.computing is not None:
            raise MemnetError(
                f"Gradients are those of the exact network: load {self.name} without precision=."
            )
        crops = preprocess_tensor(
            pictures, self.preprocess, mean_image=self.mean_image, exact=exact
        )
        n, count = crops.shape[:2]
        inputs = crops.float().flatten(0, 1).to(self.device, memory_format=self._layout)
        with WithoutTensorFloat32():
            outputs = self._network(inputs).reshape(n, count)
        if inputs.requires_grad and not outputs.requires_grad:
            raise MemnetError(
                f"{self.name} gives numbers without gradients: it must compute a torch tensor from "
                "its crops by torch operations alone, outside of torch.no_grad()."
            )
        raw, score, _ = self.output.apply(outputs.cpu())  # Apple's GPU has no 64-bit floats
        kind = torch.promote_types(pictures.dtype, torch.float32)
        return raw.to(pictures.device, kind), score.to(pictures.device, kind)

    def forward(self, inputs: Tensor) -> Tensor:
        """Run the network on preprocessed crops.

        Parameters
        ----------
        inputs : ``(N, crops, 3, H, W)`` float32.

        Returns
        -------
        Tensor
            raw outputs, ``(N, crops)`` float32 on the CPU.
        """
        n, crops = inputs.shape[:2]
        try:
            with torch.inference_mode(), WithoutTensorFloat32():
                in_order = inputs.flatten(0, 1).to(self.device, memory_format=self._layout)
                outputs = self._network(in_order)
        except MemnetError:  # it says itself what is wrong
            raise
        except Exception as error:  # of a network and a preprocessing that do not fit, say
            height, width = inputs.shape[-2:]
            reason = printable(f"{type(error).__name__}: {error}", 300)
            advice = "It may not fit its preprocessing, or a smaller batch the memory."
            if self.device.type == "mps":
                advice = "Apple's GPU lacks some operations: use --device cpu."
            raise MemnetError(
                f"The network of {self.name} failed on {n * crops} crops of {height} x {width} "
                f"({reason}). {advice}"
            ) from error
        if not isinstance(outputs, Tensor) or outputs.numel() != n * crops:
            given = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
            raise MemnetError(
                f"The network of {self.name} must map {n * crops} crops to {n * crops} numbers; it "
                f"returned {given}."
            )
        return outputs.reshape(n, crops).float().cpu()

    def with_network(self, make: Callable[[nn.Module, Tensor], nn.Module]) -> Predictor:
        """Return the same predictor with a network made of this one's, as :class:`.kinds.Kind`."""
        spec, network = self.header.preprocess, self._network
        assert spec is not None
        assert isinstance(network, nn.Module)
        example = torch.zeros(1, 3, *spec.crop_hw, device=self.device)
        other = copy.copy(self)
        # Not as it was read: its scores are none of the exact network's in the score cache.
        other.network = make(network, example.to(memory_format=self._layout))
        return other

    def forward_pictures(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Call a function that takes pictures (PIL, RGB); returns ``(N, 1)`` on the CPU."""
        return self._network(pictures).reshape(len(pictures), 1).cpu()


class WithoutTensorFloat32:
    """Forbid TensorFloat-32 in here: on recent GPUs it would move scores by 1e-3."""

    def __enter__(self) -> None:
        self._before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False

    def __exit__(self, *_: object) -> None:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = self._before


def load(
    model: str | Path,
    *,
    device: str = "auto",
    exif_orientation: Literal["ignore", "apply"] | None = None,
    precision: str = EXACT,
) -> Predictor:
    """Load a model by name or from a weight file.

    Parameters
    ----------
    model : a name of :func:`list_models` (``"resmem.published"``), or the path of a
        ``.safetensors`` file that memnet wrote; ``:SLUG`` behind it names a variant: for a MemNet
        of Caffe's one of :func:`memnet.legacy.variants.variants`
        (``"memnet.caffe_lamem:pycaffe-no-swap"``), for a model whose pictures Pillow resizes
        ``"resmem.published:pillow-12"``.
    device : ``"auto"`` (a CUDA GPU where there is one, else Apple's GPU, else the CPU) or a torch
        device name: ``"cpu"``, ``"cuda:1"``, ``"mps"`` (Apple's GPU).
    exif_orientation : ``"apply"`` turns pictures as their EXIF block says, which neither the
        original MemNet nor the ``resmem`` package does; None keeps what the model was made with.
    precision : ``"exact"``; ``"fast"`` or ``"max"`` computes otherwise where this machine can do
        it faster within the limits of ``docs/precision.md``, which is measured the first time.

    Raises
    ------
    MemnetError
        if the name, the variant or the precision is unknown, the weights are not at hand, a
        checksum differs, or there is no such device.
    """
    point = plugins.find_plugin(str(model))
    check_precision(precision)
    if point is not None:
        say_package_is_exact(str(model), precision)
        predictor = _of_package(point, open_device(device))
        predictor.header = with_exif(predictor.header, exif_orientation)
        return predictor
    named = find_named(str(model), exif_orientation)
    device = str(open_device(device))
    named = at_precision(named, precision, device, lambda: build(named, named.read(), device))
    return build(named, named.read(), device)


def build(model: NamedModel, tensors: dict[str, Tensor], device: str) -> Predictor:
    """Build the predictor of a model whose header and numbers were read; raises as :func:`load`."""
    name, variant, header = model.name, model.variant, model.header
    mean = tensors.pop(MEAN_IMAGE, None)
    network = _build(header.arch, tensors, model.path)
    say_conditions(model)
    predictor = Predictor(
        name,
        network,
        header,
        variant=variant,
        mean_image=None if mean is None else mean.numpy(),
        device=open_device(device),
    )
    if model.computing is not None:
        kind = find_kind(model.computing.kind)
        try:
            predictor = predictor.with_network(kind.make)
        except UnsuitableError as error:  # another computer found that it could
            raise MemnetError(
                f"{model.label} was to be computed as {kind.name}, which {gethostname()} cannot do "
                f"({error})."
            ) from error
        predictor.computing = model.computing
    predictor._is_as_read = True
    return predictor


def with_other_header(
    predictor: Predictor, name: str, variant: str, header: WeightHeader | FunctionHeader
) -> Predictor:
    """Return a predictor with the same network, and another preprocessing and output scaling."""
    other = copy.copy(predictor)
    other.name, other.variant, other.header = name, variant, header
    return other


def _of_package(point: EntryPoint, device: torch.device) -> Predictor:
    """Build the predictor that another package brings, under the name that it gave it."""
    predictor = plugins.call_plugin(point, device)
    if not isinstance(predictor, Predictor):
        raise MemnetError(
            f"The model {point.name} of the package {plugins.package_of(point)} is broken: "
            f"{point.value} returned a {type(predictor).__name__} instead of a memnet.Predictor."
        )
    predictor.name = point.name
    say_once(predictor.header.licence_notice, point.name)
    return predictor


def list_models() -> list[dict[str, Any]]:
    """List the known models: name, title, whether they are at hand, licence, training, target.

    Models of installed packages come last; what they were trained on and what they estimate is
    known (else None) only when they are loaded. A package that is broken is named on stderr and
    left out.
    """
    known: list[dict[str, Any]] = [
        {
            "name": entry.name,
            "title": entry.title,
            "available": store.is_current(entry) or entry.local_copy() is not None,
            "licence": entry.licence,
            "trained_on": list(entry.trained_on),
            "target": entry.target,
            "citation": entry.citation,
        }
        for entry in catalogue().values()
    ]
    return known + [
        {
            "name": plugin.name,
            "title": plugin.title,
            "available": True,
            "licence": plugin.licence,
            "trained_on": None,
            "target": None,
            "citation": "",
        }
        for plugin in plugins.working_plugins()
    ]


def _build(arch: str, tensors: dict[str, Tensor], path: Path) -> nn.Module:
    kind: Any = network_class(arch)
    shaped = getattr(kind, "shaped_like", None)
    if shaped is None:
        try:
            signature(kind).bind()
        except TypeError as error:
            raise MemnetError(
                f"The network {path_of(kind)} of {path.name} cannot be built without arguments "
                f"({error}); give them defaults, or a class method shaped_like(tensors)."
            ) from None
    try:
        # No memory, no random numbers: every parameter is replaced below.
        with torch.device("meta"):
            network: nn.Module = kind() if shaped is None else shaped(tensors)
    except MemnetError:
        raise
    except Exception as error:  # a width of 0, or one that two groups cannot share
        reason = printable(f"{type(error).__name__}: {error}", 200)
        raise MemnetError(
            f"No network {path_of(kind)} can be built for the tensors of {path.name} ({reason})."
        ) from error
    match_tensors(tensors, network.state_dict(), path.name)
    network.load_state_dict(tensors, assign=True)
    return network


def _item(index: int, picture: Picture) -> Item:
    if isinstance(picture, (str, os.PathLike)):
        return Item(Path(picture).name, os.fspath(picture), picture)
    return Item(f"item-{index}", "", picture)

"""Which pixels of the input a unit depends on, for every tensor that a network computes.

The network is run once, and each operation that it asks PyTorch for is seen: a convolution or
pooling widens the field, an operation of single elements joins the fields of what it reads (a
residual sum, say), and whatever is not known here counts as one that reads everything. So nothing
has to be known of how a network is written, and no field is too small.

The arithmetic is that of Araujo, Norris & Sim (2019), "Computing Receptive Fields of Convolutional
Neural Networks", Distill, doi 10.23915/distill.00021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary


@dataclass(frozen=True)
class ReceptiveField:
    """The square of input pixels that a unit of a layer depends on.

    Attributes
    ----------
    size : of its sides, in pixels of the network's input.
    stride : how far the squares of neighbouring units are apart.
    start : first row (and column) of the square of the unit at row (and column) 0; negative where
        padding lies before the picture.
    """

    size: int
    stride: int
    start: int

    def box(self, row: int, column: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Return the pixels of an input of ``height`` x ``width`` that a unit sees.

        Returns
        -------
        tuple
            left, top, right, bottom; right and bottom are the first pixels outside, as Pillow has
            them.

        Examples
        --------
        >>> ReceptiveField(size=51, stride=8, start=-16).box(0, 13, 227, 227)
        (88, 0, 139, 35)
        """
        left, top = (self.start + self.stride * place for place in (column, row))
        return (
            max(left, 0),
            max(top, 0),
            min(left + self.size, width),
            min(top + self.size, height),
        )


Fields: TypeAlias = "tuple[ReceptiveField, ReceptiveField] | None"
"""Of the rows and of the columns; None: everything, or more than squares can say."""

_PIXEL = ReceptiveField(size=1, stride=1, start=0)

_ATEN = torch.ops.aten

_POOLS = (_ATEN.max_pool2d_with_indices, _ATEN.avg_pool2d)

_NORMS = (
    _ATEN.native_batch_norm,
    _ATEN._native_batch_norm_legit_no_training,
    _ATEN._batch_norm_no_update,
    _ATEN.cudnn_batch_norm,
    _ATEN.miopen_batch_norm,
)

_SAME_PLACES = (
    _ATEN.alias,
    _ATEN.cat,
    _ATEN.clone,
    _ATEN.detach,
    _ATEN.slice,
    _ATEN.split,
    _ATEN.split_with_sizes,
    _ATEN.squeeze,
    _ATEN.unsqueeze,
    _ATEN.view,
    _ATEN._to_copy,
    _ATEN._unsafe_view,
)
"""Operations that leave rows and columns where they are, if the numbers of both stay the same."""


class FieldTracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follow receptive fields through what is computed while it is active.

    Parameters
    ----------
    inputs : ``(N, C, H, W)``, of whose pixels the fields are made.

    Examples
    --------
    >>> inputs = torch.zeros(1, 3, 20, 20)
    >>> with torch.no_grad(), FieldTracer(inputs) as tracer:
    ...     outputs = torch.nn.functional.max_pool2d(inputs, 3, stride=2)
    >>> tracer.field_of(outputs)
    ReceptiveField(size=3, stride=2, start=0)
    """

    def __init__(self, inputs: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._fields = WeakTensorKeyDictionary()
        self._fields[inputs] = (_PIXEL, _PIXEL)

    def field_of(self, tensor: Tensor) -> ReceptiveField | None:
        """Return the field of each unit of a computed tensor; None where it is no square."""
        fields: Fields = self._fields.get(tensor, None)  # type: ignore[no-untyped-call]
        return fields[0] if fields is not None and fields[0] == fields[1] else None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        read = [
            each
            for each in tree_leaves((args, kwargs))
            if isinstance(each, Tensor) and each in self._fields
        ]
        if read:
            given = _arguments(func, args, kwargs or {})
            for each in tree_leaves(result):
                if isinstance(each, Tensor):
                    self._fields[each] = self._fields_after(func, given, read, each)
        return result

    def _fields_after(
        self, func: Any, given: dict[str, Any], read: Sequence[Tensor], result: Tensor
    ) -> Fields:
        operation = func.overloadpacket
        if operation is _ATEN.convolution:
            is_plain = len(read) == 1 and result.ndim == 4 and not given["transposed"]
            kernel = given["weight"].shape[2:]
            return self._widened(read[0], kernel, given) if is_plain else None
        if operation in _POOLS:
            return self._widened(read[0], given["kernel_size"], given)
        if operation is _ATEN.constant_pad_nd:
            return self._shifted(read[0], given["pad"])
        if operation is _ATEN.avg_pool3d:  # LocalResponseNorm's, over channels
            if given["kernel_size"][-2:] != [1, 1]:
                return None
        elif torch.Tag.pointwise not in func.tags and operation not in (*_NORMS, *_SAME_PLACES):
            return None
        if any(each.shape[-2:] != result.shape[-2:] for each in read):
            return None
        return _joined([self._fields[each] for each in read])

    def _widened(self, read: Tensor, kernel: Sequence[int], given: dict[str, Any]) -> Fields:
        before = self._fields[read]
        if before is None:
            return None
        strides = given["stride"] or kernel
        steps = (kernel, strides, given["padding"], given.get("dilation", [1]))
        rows, columns = (
            _after(field, *(step[place % len(step)] for step in steps))
            for place, field in enumerate(before)
        )
        return rows, columns

    def _shifted(self, read: Tensor, pad: Sequence[int]) -> Fields:
        before = self._fields[read]
        if before is None:
            return None
        left, top = ([*pad, 0, 0, 0, 0][place] for place in (0, 2))
        return _after(before[0], 1, 1, top, 1), _after(before[1], 1, 1, left, 1)


def _after(
    field: ReceptiveField, kernel: int, stride: int, padding: int, dilation: int
) -> ReceptiveField:
    """Return the field after a convolution or pooling along one axis."""
    return ReceptiveField(
        size=field.size + (kernel - 1) * dilation * field.stride,
        stride=field.stride * stride,
        start=field.start - padding * field.stride,
    )


def _joined(fields: Sequence[Fields]) -> Fields:
    """Return the fields of what reads all of these, element by element."""
    known = [each for each in fields if each is not None]
    if len(known) < len(fields):
        return None
    rows, columns = (_hull(axis) for axis in zip(*known, strict=True))
    return None if rows is None or columns is None else (rows, columns)


def _hull(fields: Sequence[ReceptiveField]) -> ReceptiveField | None:
    (stride, *others) = {field.stride for field in fields}
    if others:
        return None
    start = min(field.start for field in fields)
    end = max(field.start + field.size for field in fields)
    return ReceptiveField(size=end - start, stride=stride, start=start)


def _arguments(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, defaults included."""
    names = [each.name for each in func._schema.arguments]
    defaults = {each.name: each.default_value for each in func._schema.arguments}
    return {**defaults, **dict(zip(names, args, strict=False)), **kwargs}

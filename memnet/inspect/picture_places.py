"""From a unit of a layer back to the pixels of the picture that it sees."""

from __future__ import annotations

import math
from typing import NamedTuple

from memnet.inspect.receptive_fields import ReceptiveField
from memnet.preprocess.spec import PreprocessSpec


class Seen(NamedTuple):
    """What a unit sees of a picture, in pixels of the picture.

    Attributes
    ----------
    left, top, right, bottom : of its receptive field, without the padding; the last two are the
        first pixels outside, as Pillow's ``crop`` takes them.
    x, y : of the middle of its receptive field, padding and all; where that lies outside of what
        the network sees, of the nearest point inside.
    sees_all : whether it is all that the network sees (of this crop).
    """

    left: int
    top: int
    right: int
    bottom: int
    x: float
    y: float
    sees_all: bool


def seen_by(
    spec: PreprocessSpec,
    field: ReceptiveField | None,
    unit: tuple[int, int, int],
    width: int,
    height: int,
) -> Seen:
    """Find what a unit sees of a picture that was resized and cropped.

    Exact where the picture was not resized; else up to what the resizer mixes into a pixel at the
    edge (one pixel of the network's input).

    Parameters
    ----------
    spec : how pictures are prepared.
    field : of the unit's layer; None: each unit sees everything.
    unit : number of the crop, row, column.
    width, height : of the picture.

    Examples
    --------
    >>> from memnet.weights.catalogue import find
    >>> spec = find("resmem.published").preprocess  # resized to 256 x 256, the middle 227 x 227
    >>> seen_by(spec, ReceptiveField(size=11, stride=4, start=0), (0, 2, 1), 512, 256)
    Seen(left=36, top=22, right=58, bottom=33, x=47.0, y=27.5, sees_all=False)
    """
    crop, row, column = unit
    crop_height, crop_width = spec.crop_hw
    resized_height, resized_width = spec.resize_hw
    mirrored, (down, across) = next(
        (mirrored, offset) for number, mirrored, offset in spec.cuts() if number == crop
    )

    def to_x(x: float) -> float:
        x += across
        return (resized_width - x if mirrored else x) * width / resized_width

    def to_y(y: float) -> float:
        return (y + down) * height / resized_height

    box, middle = (0, 0, crop_width, crop_height), (crop_width / 2, crop_height / 2)
    if field is not None:
        box = field.box(row, column, crop_height, crop_width)
        middle = (
            _inside(field.start + field.stride * column + field.size / 2, crop_width),
            _inside(field.start + field.stride * row + field.size / 2, crop_height),
        )
    left, right = sorted((to_x(box[0]), to_x(box[2])))
    return Seen(
        left=math.floor(left),
        top=math.floor(to_y(box[1])),
        right=math.ceil(right),
        bottom=math.ceil(to_y(box[3])),
        x=to_x(middle[0]),
        y=to_y(middle[1]),
        sees_all=box == (0, 0, crop_width, crop_height),
    )


def _inside(place: float, size: int) -> float:
    return min(max(place, 0.0), float(size))

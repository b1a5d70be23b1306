"""What to know of one picture before its scores are used, in words."""

from __future__ import annotations

import re
from typing import NamedTuple

from memnet.preprocess.decode import Decoded
from memnet.studies.cautions import CROP, FACE_SHARE, FACES_WHY, Looks

_ORIENTATION = re.compile(r"EXIF orientation (\d) not applied")


class Warned(NamedTuple):
    """A warning: ``grey``, ``tiny``, ``faces``, ``rotated`` or ``decoding``, and its sentence."""

    kind: str
    sentence: str


def warnings_of(decoded: Decoded, looks: Looks) -> list[Warned]:
    """Say what is to be known of a picture.

    Examples
    --------
    >>> from PIL import Image
    >>> grey = Decoded(Image.new("RGB", (640, 480)), "L", 640, 480, ())
    >>> [warned.kind for warned in warnings_of(grey, Looks(True, True, False, False))]
    ['grey']
    """
    warned = []
    if looks.grey:
        stored = "stored as grey" if looks.stored_grey else "colour with three equal channels"
        warned.append(
            Warned(
                "grey",
                f"The picture is grey ({stored}). The models were trained on colour photographs: "
                "its score says less.",
            )
        )
    if looks.tiny:
        warned.append(
            Warned(
                "tiny",
                f"The picture has {decoded.width} x {decoded.height} pixels. The models take "
                f"{CROP} x {CROP}, so it is enlarged and becomes blurred; a larger original is "
                "better.",
            )
        )
    if looks.face:
        warned.append(
            Warned(
                "faces",
                f"A face seems to cover more than {100 * FACE_SHARE:.0f} % of the picture. Note "
                f"that {FACES_WHY}. Do not rank faces by these scores.",
            )
        )
    for sentence in decoded.warnings:
        if turned := _ORIENTATION.fullmatch(sentence):
            warned.append(
                Warned(
                    "rotated",
                    "Programs show this picture turned, by a note within its file (EXIF "
                    f"orientation {turned[1]}). It is scored as it is stored, as the published "
                    "models do: save it turned if people see it turned.",
                )
            )
        else:
            warned.append(Warned("decoding", f"{sentence[:1].upper()}{sentence[1:]}."))
    return warned

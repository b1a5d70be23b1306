"""Where people go wrong: pictures and scores that a memorability model says little about.

Nothing is refused here. A caution says what, how many, which, why it matters and what to do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from memnet.data.contamination import judge_contamination
from memnet.data.missing import find_doubtful_codes
from memnet.errors import PictureError
from memnet.preprocess.decode import Decoded, decode
from memnet.util.text import shorten_list

if TYPE_CHECKING:
    from memnet.data.inputs import Item

CROP = 227
"""Pixels of a side of what both networks see; a picture with a shorter side is enlarged."""

FACE_SHARE = 0.10
"""A face counts where its box covers more of the picture than this."""

_FACE_PIXELS = 256  # the longer side, at which faces are looked for: they are large ones
_CASCADE = "haarcascade_frontalface_alt.xml"
_LAMEM_NAME = re.compile(r"(?:.*/)?[0-9]{8}\.jpg")
FACES_WHY = (
    "neither MemNet nor ResMem is meant for faces: on 10k US Adult Faces such models predict "
    "memorability poorly (Younesi & Mohsenzadeh 2024, Scientific Reports 14:1246)"
)


@dataclass(frozen=True, kw_only=True)
class Caution:
    """Something to know before the scores are used.

    Attributes
    ----------
    kind : ``"grey"``, ``"tiny"``, ``"faces"``, ``"clamped"``, ``"percent"`` or ``"training"``.
    sentence : what, how many, which (the first five), why it matters, what to do; more than one
        sentence of grammar.
    ids : every picture that it is about; empty where the pictures were not named, or where
        something could not be looked for.
    """

    kind: str
    sentence: str
    ids: tuple[str, ...] = ()


def inspect_pictures(
    pictures: Iterable[Item | str | os.PathLike[str]], *, faces: bool = True
) -> list[Caution]:
    """Look for grey pictures, tiny pictures and faces; each picture is read once.

    Parameters
    ----------
    pictures : paths, which are named as given, or items of
        :func:`memnet.data.pictures.collect`, named by their ``image_id``. Those that
        cannot be decoded are passed over: scoring reports them.
    faces : whether to look for frontal faces with OpenCV's Haar cascade (Viola & Jones 2001). It
        found 99 of 100 faces of scikit-image's LFW subset, and one in 400 MemCat pictures of
        animals, food, landscapes, sports and vehicles, where there is none of that size; it misses
        profiles and turned heads. Where OpenCV is not installed a caution says so.

    Returns
    -------
    list of Caution
        at most one of each kind: ``"grey"``, ``"tiny"``, ``"faces"``.
    """
    cascade = face_cascade() if faces else None
    read = 0
    stored_grey, equal, tiny, with_face = [], [], [], []
    for picture in pictures:
        name, source = _named(picture)
        try:
            looks = look_at(decode(source, exif_orientation="ignore"), cascade)
        except PictureError:
            continue
        read += 1
        if looks.stored_grey:
            stored_grey.append(name)
        elif looks.grey:
            equal.append(name)
        if looks.tiny:
            tiny.append(name)
        if looks.face:
            with_face.append(name)
    cautions = [_grey(stored_grey, equal, read), _tiny(tiny, read), _faces(with_face, read)]
    if faces and cascade is None and read:
        cautions.append(
            Caution(
                kind="faces",
                sentence="Pictures were not searched for faces, because OpenCV is not installed "
                f'(`pip install "opencv-python-headless<5"`). Note that {FACES_WHY}.',
            )
        )
    return [caution for caution in cautions if caution is not None]


@dataclass(frozen=True)
class Looks:
    """What is to be known of a picture before its score is used.

    Attributes
    ----------
    grey : whether it has no colour; ``stored_grey``, whether it was stored without.
    tiny : whether it is smaller than what the networks see.
    face : whether a face covers much of it; False, too, where nobody looked.
    """

    grey: bool
    stored_grey: bool
    tiny: bool
    face: bool


def look_at(decoded: Decoded, cascade: Any = None) -> Looks:
    """Look at one decoded picture; for faces where there is a :func:`face_cascade`."""
    stored = decoded.mode in ("L", "1", "LA", "La") or decoded.mode.startswith("I")
    return Looks(
        grey=stored or _is_grey(decoded.rgb),
        stored_grey=stored,
        tiny=min(decoded.width, decoded.height) < CROP,
        face=cascade is not None and _face_share(decoded.rgb, cascade) > FACE_SHARE,
    )


def score_cautions(
    values: Sequence[float] | np.ndarray[Any, Any], model: str, *, ids: Sequence[str] = ()
) -> list[Caution]:
    """Look for scores that were clamped, and for scores in per cent.

    Parameters
    ----------
    values : a model's scores ``(N,)``, 0 to 1 or 0 to 100; NaN where there is none.
    model : whose they are, for the sentence.
    ids : of the pictures, ``N``; without them the sentence only counts.

    Returns
    -------
    list of Caution
        at most one of each kind: ``"percent"``, ``"clamped"``.
    """
    scores = np.asarray(values, dtype=np.float64)
    finite = scores[np.isfinite(scores)]
    plain = finite[~find_doubtful_codes(finite)]
    cautions = []
    top = 1.0
    if len(plain) and plain.min() >= 0 and 10 < plain.max() <= 100:
        top = 100.0
        cautions.append(
            Caution(
                kind="percent",
                sentence=f"The scores of {model} run from {plain.min():g} to {plain.max():g}, so "
                "they seem to be percentages; memnet's scores run from 0 to 1. Ranks and "
                "correlations stay the same, values and errors do not: divide the scores by 100.",
            )
        )
    low, high = int((scores == 0.0).sum()), int((scores == top).sum())
    if low + high:
        names = [name for name, score in zip(ids, scores, strict=False) if score in (0.0, top)]
        cautions.append(
            Caution(
                kind="clamped",
                sentence=f"{_count(low + high, len(finite), 'score')} of {model} "
                f"{_are(low + high)} exactly 0 ({low:,}) or {top:g} ({high:,}){_which(names)}: "
                "they were clamped, that is, cut off at the end of the scale, so ties there are "
                "not real. The true values lie beyond it. Use the outputs before scaling (column "
                "raw of memnet's tables), or treat these scores as censored.",
                ids=tuple(names),
            )
        )
    return cautions


def training_cautions(
    ids: Sequence[str],
    model: str,
    *,
    trained_on: Collection[str] | None,
    dataset: str = "",
    split_unpublished: Collection[str] = (),
) -> list[Caution]:
    """Say where the model may have been trained on these very pictures.

    Parameters
    ----------
    ids : of the pictures.
    model : its name, for the sentence.
    trained_on, split_unpublished : see :func:`memnet.data.contamination.judge_contamination`.
    dataset : the data set's name, "" where the user did not say. Then pictures whose names look
        like LaMem's (eight digits, ``.jpg``) are only said to look like it.

    Returns
    -------
    list of Caution
        one of kind ``"training"``, or none.

    Raises
    ------
    MemnetError
        if the data set's name cannot be read.
    """
    verdict = judge_contamination(trained_on, dataset, split_unpublished=split_unpublished)
    if verdict.word in ("contaminated", "possibly"):
        degree = "has" if verdict.word == "contaminated" else "may have"
        sentence = (
            f"{model} {degree} seen these pictures in training. {verdict.why} The model can then "
            "have learnt their human scores: its accuracy here does not show how accurate it is on "
            "new pictures."
        )
        return [Caution(kind="training", sentence=sentence, ids=tuple(ids))]
    alike = [name for name in ids if _LAMEM_NAME.fullmatch(name)]
    if dataset or not alike or not any("lamem" in name for name in trained_on or ()):
        return []
    return [
        Caution(
            kind="training",
            sentence=f"{_count(len(alike), len(ids), 'picture')} {_have(len(alike))} a name that "
            f"looks like LaMem's (eight digits, .jpg){_which(alike)}, and {model} was trained on "
            "LaMem. A name is no proof: add --dataset lamem if the pictures are from LaMem.",
            ids=tuple(alike),
        )
    ]


def _named(picture: Item | str | os.PathLike[str]) -> tuple[str, Any]:
    if isinstance(picture, (str, os.PathLike)):
        return os.fspath(picture), picture
    return picture.image_id, picture.picture


def _is_grey(rgb: Image.Image) -> bool:
    red, green, blue = (np.asarray(channel) for channel in rgb.split())
    return np.array_equal(red, green) and np.array_equal(green, blue)


def _grey(stored: list[str], equal: list[str], read: int) -> Caution | None:
    names = [*stored, *equal]
    if not names:
        return None
    return Caution(
        kind="grey",
        sentence=f"{_count(len(names), read, 'picture')} {_are(len(names))} grey "
        f"({len(stored)} stored as grey, {len(equal)} as colour with three equal channels)"
        f"{_which(names)}. The models were trained on colour photographs. Grey pictures also "
        "cannot show in which order of the colour channels old scores were made. Report their "
        "results separately, or leave them out.",
        ids=tuple(names),
    )


def _tiny(names: list[str], read: int) -> Caution | None:
    if not names:
        return None
    return Caution(
        kind="tiny",
        sentence=f"{_count(len(names), read, 'picture')} {_have(len(names))} a shorter side of "
        f"less than {CROP} pixels{_which(names)}. The models take {CROP} x {CROP} pixels, so such "
        "a picture is enlarged and becomes blurred. If you have larger original files, use them.",
        ids=tuple(names),
    )


def _faces(names: list[str], read: int) -> Caution | None:
    if not names:
        return None
    return Caution(
        kind="faces",
        sentence=f"In {_count(len(names), read, 'picture')} a face seems to cover more than "
        f"{100 * FACE_SHARE:.0f} % of it{_which(names)}. Note that {FACES_WHY}. Do not rank faces "
        "by these scores.",
        ids=tuple(names),
    )


def face_cascade() -> Any:
    """Return OpenCV's detector of frontal faces, or None where it is not installed."""
    try:
        cv2: Any = import_module("cv2")
        path = Path(cv2.data.haarcascades) / _CASCADE
    except (ImportError, AttributeError):  # OpenCV 5 has no cascades
        return None
    return cv2.CascadeClassifier(str(path)) if path.is_file() else None


def _face_share(rgb: Image.Image, cascade: Any) -> float:
    """Share of the picture that the largest face's box covers, 0.0 to 1.0.

    Only faces that are large enough to count are looked for, which is what makes it quick.
    """
    small = rgb.copy()
    small.thumbnail((_FACE_PIXELS, _FACE_PIXELS))
    least = int((FACE_SHARE * small.width * small.height) ** 0.5)
    if least > min(small.size):
        return 0.0
    grey = np.asarray(small.convert("L"))
    boxes = cascade.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=5, minSize=(least, least))
    return max((int(w) * int(h) / grey.size for _, _, w, h in boxes), default=0.0)


def _count(some_of: int, all_of: int, noun: str) -> str:
    return f"{some_of:,} of {all_of:,} {noun}{'' if all_of == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _which(names: Sequence[str]) -> str:
    return f" ({shorten_list(names)})" if names else ""

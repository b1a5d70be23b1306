"""From whatever holds a picture to 8-bit RGB, by one stated policy per picture mode.

======================  =========================================================================
mode                    becomes RGB by
======================  =========================================================================
RGB                     as it is
L (grey), 1 (black and  three equal channels
white)
P (palette)             its palette; transparency is dropped as for RGBA
RGBA, LA, PA            the alpha channel is dropped, nothing is blended (as ``convert("RGB")``)
CMYK                    Pillow's plain formula, no colour profile
YCbCr, HSV              Pillow's conversion
16-bit grey or colour   the high byte of each value
F, 32-bit, LAB, ...     refused: they have no single 8-bit meaning
======================  =========================================================================

Everything but RGB and grey leaves a sentence in the ``warning`` column. Embedded colour profiles
are not applied: neither the original MemNet nor the ``resmem`` package applied them. EXIF
orientation is not applied either unless asked, and a picture that carries one says so; the one
exception is TIFF, which Pillow turns while reading (for the ``resmem`` package, too).

What a hostile file could use up is limited before it is used: bytes of the file, pixels, sides,
pieces of its header, passes over its pixels. Whatever a decoder raises is a :class:`PictureError`,
so that no picture ends a run.
"""

from __future__ import annotations

import io
import math
import os
import re
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import numpy as np
from PIL import ExifTags, Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from memnet.errors import LimitError, PictureError
from memnet.preprocess.members import Member, too_long
from memnet.preprocess.video import VideoFrame
from memnet.util.file_stamps import stamp_file
from memnet.util.near_files import near_file
from memnet.util.sniffing import LFS_POINTER, WEB_PAGE, stand_in

Picture: TypeAlias = (
    "str | os.PathLike[str] | bytes | Image.Image | np.ndarray[Any, Any]"
    " | VideoFrame | Member | PictureError"
)
"""What holds a picture. A frame of a video, and a picture in a container, wait for their turn; an
error says why there is none."""

Box: TypeAlias = "tuple[float, float, float, float]"
"""Left, top, right and bottom edge in pixels of the decoded picture, as in ``PIL.Image.crop``."""


Opened: TypeAlias = "Image.Image | np.ndarray[Any, Any]"
"""A picture that was read up to its pixels."""

_P = TypeVar("_P", bound=Picture, covariant=True)


@dataclass(frozen=True)
class Crop(Generic[_P]):
    """A box of a picture, which is scored like a picture of its own.

    Attributes
    ----------
    picture : what it is cut out of, after its EXIF orientation was applied, if it is.
    box : its edges; fractions are allowed (:func:`cut_out`), and what is not known is NaN.
    """

    picture: _P
    box: Box


PictureOrCrop: TypeAlias = "Picture | Crop[Picture]"


FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")
"""The formats that are opened. MPO, a JPEG with a second picture behind it, counts as JPEG."""

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp")
"""The file endings that count as pictures in a folder, in lower case."""

MAX_PIXELS = 200_000_000
"""Pictures with more pixels than this are refused before they are unpacked."""

MAX_SIDE = 65_535
"""Pictures with a longer side are refused: JPEG ends there, too, and resizing one needs memory by
its side, however few pixels it has."""

MAX_BYTES = 2**30
"""Files with more bytes than this are not read."""

# Pillow takes a PNG with more than 1 MB of text, XMP or colour profile for damaged; programs for
# photographs write more. It is still limited.
PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, 2**26)

_MOST_READS = 1_000_000
"""Pieces in which a file is read, but for a BMP: a PNG of 1 GB in pieces of 4 kB has fewer. Pillow
takes a microsecond and up to 100 bytes for each, and a header of nothing else can have millions."""

_MOST_PASSES = 500
"""Of a progressive JPEG over its pixels: usual are 10. Each may take a second, and 30 bytes."""

_SIXTEEN_BIT_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I")


@dataclass(frozen=True, kw_only=True)
class PictureLimits:
    """What a picture may use up before it is refused.

    Attributes
    ----------
    max_pixels : width times height.
    max_side : of width and height.
    max_bytes : of the file; one that is longer is not read.
    """

    max_pixels: int = MAX_PIXELS
    max_side: int = MAX_SIDE
    max_bytes: int = MAX_BYTES


USUAL_LIMITS = PictureLimits()


@dataclass(frozen=True)
class Decoded:
    """A picture as 8-bit RGB, and what was done to get there.

    Attributes
    ----------
    rgb : PIL picture of mode ``RGB``.
    mode : the mode it was stored in (``RGB``, ``L``, ``P``, ``RGBA``, ``CMYK``, ``I;16`` ...).
    width, height : size in pixels as scored (after an applied EXIF orientation).
    warnings : one sentence each; empty where nothing is worth saying.
    """

    rgb: Image.Image
    mode: str
    width: int
    height: int
    warnings: tuple[str, ...]


def decode(
    picture: PictureOrCrop,
    *,
    exif_orientation: Literal["ignore", "apply"],
    limits: PictureLimits = USUAL_LIMITS,
) -> Decoded:
    """Decode a picture to 8-bit RGB.

    Parameters
    ----------
    picture : path, encoded bytes, PIL picture, or array. Arrays are ``(H, W)``, ``(H, W, 1)``,
        ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA: uint8 (0..255), bool, uint16 (the high byte is
        used) or floating point in [0, 1]. Of a :class:`Crop`, the box is decoded.
    exif_orientation : ``"ignore"`` leaves the stored pixels as they lie, ``"apply"`` turns them.
    limits : beyond which the picture is refused before it is unpacked.

    Raises
    ------
    PictureError
        in one sentence: missing, empty, truncated, not a picture, too large, or of a kind that
        has no 8-bit meaning; or as :func:`cut_out`.
    """
    if isinstance(picture, Crop):
        whole = decode(picture.picture, exif_orientation=exif_orientation, limits=limits)
        return cut_out(whole, picture.box)
    opened = _open_whole(picture, limits)
    warnings: list[str] = []
    with _one_sentence():
        image = opened if isinstance(opened, Image.Image) else _from_array(opened, warnings)
        try:
            return _decoded(image, exif_orientation, limits, warnings)
        except MemoryError:
            raise PictureError(
                f"The memory does not hold this picture ({image.width} x {image.height} pixels); "
                "shrink it."
            ) from None


def cut_out(decoded: Decoded, box: Box) -> Decoded:
    """Cut a box out of a decoded picture; nothing is resampled.

    Each edge is moved to the nearest edge of a pixel, from the middle of one to the next higher:
    a box of a whole number of pixels keeps its width and height wherever it lies. A box that
    leaves the picture is cut to it, and a warning says so.

    Raises
    ------
    PictureError
        if an edge is no number, the box is empty, or it lies outside the picture.

    Examples
    --------
    >>> whole = Decoded(Image.new("RGB", (640, 480)), "RGB", 640, 480, ())
    >>> crop = cut_out(whole, (49.5, 380.2, 150.5, 500))
    >>> (crop.width, crop.height), crop.warnings
    ((101, 100), ('box 50,380,151,500 cut to the picture: 50,380,151,480',))
    """
    if not all(map(math.isfinite, box)):
        raise PictureError(
            f"The box (left, top, right, bottom: {_edges(box)}) lacks a number; fill it in, or "
            "leave that row out."
        )
    left, top, right, bottom = edges = tuple(math.floor(edge + 0.5) for edge in box)
    if right <= left or bottom <= top:
        raise PictureError(
            f"The box (left, top, right, bottom: {_edges(box)}) holds no pixel: its right edge "
            "must lie right of its left one, and its bottom below its top."
        )
    inside = (max(left, 0), max(top, 0), min(right, decoded.width), min(bottom, decoded.height))
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        raise PictureError(
            f"The box (left, top, right, bottom: {_edges(box)}) lies outside the picture of "
            f"{decoded.width} x {decoded.height} pixels."
        )
    warnings = decoded.warnings
    if inside != edges:
        warnings += (f"box {_edges(edges)} cut to the picture: {_edges(inside)}",)
    rgb = decoded.rgb.crop(inside)
    return Decoded(rgb, decoded.mode, rgb.width, rgb.height, warnings)


def _edges(box: Iterable[float]) -> str:
    return ",".join(f"{edge:.10g}" for edge in box)


def open_picture(
    picture: PictureOrCrop, *, limits: PictureLimits = USUAL_LIMITS
) -> Opened | Crop[Opened]:
    """Read a file or encoded bytes up to its pixels, which are not unpacked yet.

    What is opened already, a PIL picture or an array, is returned as it is; of a :class:`Crop`,
    its picture is opened. Parameters and errors
    are those of :func:`decode`, which takes what this returns.
    """
    if isinstance(picture, Crop):
        return Crop(_open_whole(picture.picture, limits), picture.box)
    return _open_whole(picture, limits)


def _open_whole(picture: Picture, limits: PictureLimits) -> Opened:
    picture = read_stored(picture, limits=limits)
    if not isinstance(picture, bytes):
        return picture
    with _one_sentence():
        image = _open(picture)
        _check_size(image, limits)
        return image


def read_stored(picture: Picture, *, limits: PictureLimits = USUAL_LIMITS) -> bytes | Opened:
    """Read the bytes of a picture's file, of which nothing is looked at yet.

    What a container holds is read likewise, and may be an array; a PIL picture or an array is
    returned as it is. Parameters and errors are those of :func:`decode`, which takes what this
    returns.
    """
    if isinstance(picture, np.ndarray | Image.Image):
        return picture
    if isinstance(picture, PictureError):  # a video's frame that could not be decoded
        raise picture
    if isinstance(picture, Member):
        with _one_sentence():
            return picture.read(limits.max_bytes)
    if not isinstance(picture, (str, bytes, os.PathLike)):
        raise PictureError(
            f"A {type(picture).__name__} is no picture; give a path, encoded bytes, a PIL picture "
            "or a NumPy array."
        )
    with _one_sentence():
        return picture if isinstance(picture, bytes) else _read(picture, limits.max_bytes)


def file_bytes(picture: PictureOrCrop) -> int:
    """Return how many bytes are read before a picture is opened; 0 where nobody can tell."""
    if isinstance(picture, Crop):
        picture = picture.picture
    if isinstance(picture, Member):
        return picture.size
    stamp = stamp_file(picture) if isinstance(picture, str | os.PathLike) else None
    return stamp.size if stamp else 0


def pixels_to_unpack(opened: Opened | Crop[Opened]) -> int:
    """How many pixels memory must hold at once to decode what :func:`open_picture` returned."""
    if isinstance(opened, Crop):
        return pixels_to_unpack(opened.picture)
    if isinstance(opened, np.ndarray):
        return opened.size
    return max(opened.width * opened.height, _tile_pixels(opened))


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Turn whatever a decoder raises into a :class:`PictureError`."""
    try:
        with _no_limit_of_pillow():
            yield
    except PictureError:
        raise
    except MemoryError:
        raise PictureError("The memory does not hold this picture; shrink it.") from None
    except Exception as error:  # Pillow's decoders raise a dozen kinds on damaged files
        raise PictureError(_damage(error)) from error


def _decoded(
    image: Image.Image,
    exif_orientation: Literal["ignore", "apply"],
    limits: PictureLimits,
    warnings: list[str],
) -> Decoded:
    _check_size(image, limits)
    mode = image.mode
    if getattr(image, "is_animated", False) and image.format != "MPO":
        warnings.append("only the first frame is scored")
    deep = any("16" in _raw_mode(tile[3]) for tile in getattr(image, "tile", ()))
    turned_by_pillow = _orientation(image, warnings) if image.format == "TIFF" else 1
    rgb = _to_rgb(image, deep, warnings)
    if turned_by_pillow != 1:
        warnings.append(f"EXIF orientation {turned_by_pillow} applied (TIFF files always are)")
    rgb = _orient(image, rgb, exif_orientation, warnings)
    return Decoded(rgb, mode, rgb.width, rgb.height, tuple(warnings))


def _check_size(image: Image.Image, limits: PictureLimits) -> None:
    if max(image.width, image.height) > limits.max_side:
        raise _beyond(
            f"The picture has {image.width} x {image.height} pixels, and no side may have more "
            f"than {limits.max_side:,}; shrink or cut it",
            "--max-side",
        )
    if image.width * image.height > limits.max_pixels:
        raise _beyond(
            f"The picture has {image.width} x {image.height} pixels, more than the limit of "
            f"{limits.max_pixels:,}; shrink it",
            "--max-pixels (max_pixels=)",
        )
    if _tile_pixels(image) > limits.max_pixels:
        raise PictureError(
            f"The file is damaged (a picture of {image.width} x {image.height} pixels in tiles of "
            f"{_tile_pixels(image):,}); copy it again from its source."
        )


def _beyond(sentence: str, option: str) -> LimitError:
    return LimitError(f"{sentence}, or raise the limit with {option}.", f"{sentence}.")


def _tile_pixels(image: Image.Image) -> int:
    """Pixels of a TIFF's tile, which is unpacked as a whole however small the picture is."""
    tags = getattr(image, "tag_v2", {})
    sides = [tags.get(side, 0) for side in (_TILE_WIDTH, _TILE_LENGTH)]
    return sides[0] * sides[1] if all(isinstance(side, int) for side in sides) else 0


_TILE_WIDTH, _TILE_LENGTH = 322, 323


def _raw_mode(arguments: object) -> str:
    """How a tile's numbers are stored (``RGB;16B``), of what its decoder is given."""
    if isinstance(arguments, tuple | list) and arguments:
        arguments = arguments[0]  # behind it come offsets, which may have a 16 in them
    return arguments if isinstance(arguments, str) else ""


def _read(picture: str | os.PathLike[str], max_bytes: int) -> bytes:
    """Read a file; one sentence where there is none."""
    try:
        return _read_regular(Path(picture), max_bytes)
    except (FileNotFoundError, NotADirectoryError):
        if os.path.islink(picture):
            raise PictureError("This is a link to a file that is not there.") from None
        raise PictureError(f"There is no such file.{near_file(picture)}") from None
    except OSError as error:
        raise PictureError(f"The file cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise PictureError(f"The file name cannot be used: {error}.") from error


def _read_regular(path: Path, max_bytes: int) -> bytes:
    """Read a file that is one: what is no regular file might never end."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise PictureError("This is a folder, not a picture.")
    if not stat.S_ISREG(status.st_mode):
        raise PictureError("This is no regular file (a pipe, a device or a socket).")
    if status.st_size > max_bytes:
        raise too_long(status.st_size, max_bytes)
    if not status.st_size:  # as those of /proc are, too, of which some are never at an end
        return b""
    with path.open("rb") as file:  # not more than was looked at, however much is added meanwhile
        return file.read(status.st_size)


def _open(data: bytes) -> Image.Image:
    """Open encoded bytes; the pixels are not unpacked yet."""
    if not data:
        raise PictureError("The file is empty (0 bytes); copy it again from its source.")
    try:
        image = Image.open(pieces := _Pieces(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise PictureError(_not_a_picture(data)) from None
    if image.format == "BMP":
        pieces.left = None  # its run-length decoder reads byte by byte
    if image.info.get("progressive"):
        _check_passes(data)
    return image


class _Pieces(io.BytesIO):
    """A file in memory that can be read in so many pieces."""

    left: int | None = _MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise PictureError(
                    f"The file is made of more than {_MOST_READS:,} pieces, as no picture is; save "
                    "it anew."
                )
        return super().read(size)


def _check_passes(data: bytes) -> None:
    """Refuse a JPEG that goes over its pixels for hours."""
    passes, at = 0, 2
    while segment := _MARKER.search(data, at):
        marker, at = segment[0][1], segment.end()
        if marker == _END:
            break
        passes += marker == _START_OF_PASS
        at += int.from_bytes(data[at : at + 2], "big")
    if passes > _MOST_PASSES:
        raise PictureError(
            f"The JPEG goes {passes:,} times over its pixels, and {_MOST_PASSES} is the limit; "
            "save it anew."
        )


_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""Those that begin a piece of a JPEG, or end the picture."""

_START_OF_PASS, _END = 0xDA, 0xD9

_pillow_limit = threading.Lock()
_pillow_before: list[int | None] = []


@contextmanager
def _no_limit_of_pillow() -> Iterator[None]:
    """Let our own limits decide, not Pillow's global one, while pictures are decoded.

    The first of our threads that come in takes it away, and the last that leaves puts it back.
    """
    with _pillow_limit:
        _pillow_before.append(Image.MAX_IMAGE_PIXELS)
        Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        with _pillow_limit:
            last = _pillow_before.pop()
            if not _pillow_before:
                Image.MAX_IMAGE_PIXELS = last


def _not_a_picture(data: bytes) -> str:
    known = ", ".join(FORMATS)
    kind = stand_in(data)
    if kind == LFS_POINTER:
        return "The file is a git-LFS pointer, not the picture; run `git lfs pull`."
    if kind == WEB_PAGE:
        return "The file is a web page, not a picture; download the picture again."
    if begun := next((name for start, name in _OURS.items() if start.match(data)), ""):
        return (
            f"The file begins as {begun} and goes on as none that can be read: it is damaged or "
            "cut off; copy it again from its source."
        )
    if other := next((name for start, name in _OTHERS.items() if start.match(data)), ""):
        return f"The file is {other}; save it as one of {known}."
    start = repr(data[:12])[1:]  # without Python's b before the quotes
    return f"The file is no picture that can be read ({known}); it starts with {start}."


_OURS = {
    re.compile(rb"\xff\xd8\xff"): "a JPEG",
    re.compile(rb"\x89PNG\r\n\x1a\n"): "a PNG",
    re.compile(rb"GIF8[79]a"): "a GIF",
    re.compile(rb"RIFF.{4}WEBP", re.DOTALL): "a WEBP",
    re.compile(rb"II\*\0|MM\0\*"): "a TIFF, or a camera's raw file,",
}
_OTHERS = {
    re.compile(rb".{4}ftyp(hei|hev|mif)", re.DOTALL): "a HEIC picture, as telephones make them",
    re.compile(rb".{4}ftypavi[fs]", re.DOTALL): "an AVIF picture",
    re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"): "a JPEG 2000 picture",
    re.compile(rb"\0\0\0\x0cJXL |\xff\x0a"): "a JPEG XL picture",
    re.compile(rb"8BPS"): "a Photoshop picture",
    re.compile(rb"%PDF-"): "a PDF document",
    re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<svg", re.DOTALL): "an SVG drawing",
}
"""How files begin that people take for pictures, and what they are."""


def _damage(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in text.lower():
        return f"The file is cut off ({text}); copy it again from its source."
    return f"The file is damaged ({text}); copy it again from its source."


def _to_rgb(image: Image.Image, deep: bool, warnings: list[str]) -> Image.Image:
    """Apply the policy of the table on top to one picture."""
    mode = image.mode
    if mode == "RGB":
        image.load()
        if deep:
            warnings.append("16-bit colour reduced to 8 bits (high byte)")
        if "transparency" in image.info:
            warnings.append("one colour is transparent: kept as it is")
        return image
    if mode in ("L", "1"):
        if "transparency" in image.info:
            warnings.append("one grey is transparent: kept as it is")
        return image.convert("RGB")
    if mode in _SIXTEEN_BIT_GREY:
        values = np.asarray(image)
        if mode == "I" and (not deep or values.min() < 0 or values.max() > 65535):
            # Older Pillows open 16-bit files in this mode, too; their tiles say so ("I;16B").
            raise PictureError(
                f"The picture holds 32-bit numbers from {values.min()} to {values.max()}, which "
                "have no single 8-bit meaning; save it with 8 or 16 bits."
            )
        warnings.append("16-bit grey reduced to 8 bits (high byte)")
        return Image.fromarray((values.astype(np.uint16) >> 8).astype(np.uint8)).convert("RGB")
    if mode == "P":
        warnings.append("palette colours looked up")
        if "transparency" in image.info:
            warnings.append("transparency dropped, not blended")
            return image.convert("RGBA").convert("RGB")
        return image.convert("RGB")
    if mode in ("RGBA", "LA", "PA", "RGBa", "La", "RGBX"):
        warnings.append("transparency dropped, not blended")
        straight = {"RGBa": "RGBA", "La": "LA", "PA": "RGBA"}.get(mode)
        return (image.convert(straight) if straight else image).convert("RGB")
    if mode in ("CMYK", "YCbCr", "HSV"):
        warnings.append(f"{mode} converted to RGB without a colour profile")
        return image.convert("RGB")
    raise PictureError(
        f"Pictures of mode {mode!r} have no single 8-bit RGB meaning; save it as 8-bit RGB."
    )


_EMPTY_EXIF = 20
"""Bytes of an EXIF block without an entry."""


def _orientation(image: Image.Image, warnings: list[str]) -> int:
    """Read the EXIF orientation, 1 to 8; 1 means that the picture lies as it should."""
    try:
        exif = image.getexif()
        if not exif and len(image.info.get("exif", b"")) > _EMPTY_EXIF:
            raise ValueError("nothing in it can be read")
        orientation = int(exif.get(ExifTags.Base.Orientation, 1))
    except Exception:  # a damaged EXIF block does not make the pixels unusable
        warnings.append("the EXIF block is damaged; orientation unknown")
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def _orient(
    image: Image.Image,
    rgb: Image.Image,
    exif_orientation: Literal["ignore", "apply"],
    warnings: list[str],
) -> Image.Image:
    orientation = _orientation(image, warnings)
    if orientation == 1:
        return rgb
    if exif_orientation == "ignore":
        warnings.append(f"EXIF orientation {orientation} not applied")
        return rgb
    turned = rgb.copy()
    turned.getexif()[ExifTags.Base.Orientation] = orientation
    warnings.append(f"EXIF orientation {orientation} applied")
    return ImageOps.exif_transpose(turned)


def _from_array(array: np.ndarray[Any, Any], warnings: list[str]) -> Image.Image:
    shape_ok = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if not shape_ok or 0 in array.shape:
        raise PictureError(
            f"An array of shape {array.shape} is no picture; "
            "give height x width, or height x width x 3 (RGB)."
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype == np.uint16 and not 0 < array.max() <= 255:  # else it may be 8-bit values
        warnings.append("16-bit values reduced to 8 bits (high byte)")
        array = (array >> 8).astype(np.uint8)
    elif np.issubdtype(array.dtype, np.floating):
        if np.isnan(array).any():
            raise PictureError("The array holds NaN (no number), which is no grey level.")
        if not (array.min() >= 0 and array.max() <= 1):
            raise PictureError(
                f"A floating-point array must lie in [0, 1], this one spans "
                f"[{array.min():g}, {array.max():g}]; divide it, or give uint8 (0..255)."
            )
        array = np.rint(array * 255).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise PictureError(
            f"An array of type {array.dtype} is ambiguous; give uint8 (0..255) or floats in [0, 1]."
        )
    return Image.fromarray(np.ascontiguousarray(array))

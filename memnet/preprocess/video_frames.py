"""One frame of a video as 8-bit RGB, by FFmpeg's swscale with settings that are all stated.

======================  =========================================================================
what the frame says     becomes RGB by
======================  =========================================================================
matrix BT.601, BT.709,  its matrix
BT.2020, SMPTE 240M
no matrix               BT.601, as FFmpeg does
limited or full range   its range; where it says none, limited (full for grey, RGB and "yuvj")
10 and 12 bits          rounding to 8
RGB, grey, palette      the stored values
transparency            dropping the alpha channel
HDR (PQ, HLG)           as it is, without tone mapping
display matrix          turning by quarters and mirroring, as players do
pixels not square       as they are stored, as FFmpeg does
two fields (interlaced) both, as they are woven
======================  =========================================================================

swscale is told ``bicubic+accurate_rnd+full_chroma_int+bitexact``: flat colours come out within 1
of the exact value, on every processor alike. Where the colours of 4:2:0 lie is what the decoder
says (H.264: at the left of each two pixels), and the middle where it says nothing. The frames of an
H.264 film were those of ``ffmpeg -vf scale=in_chroma_loc=left:flags=...,format=rgb24``, to the last
bit (FFmpeg 9.0.2). What ``ffmpeg`` writes without these settings is up to 3 off in flat parts, and
more at edges of colour.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

_UNSPECIFIED = 2
"""FFmpeg's AVCOL_SPC_UNSPECIFIED."""

_BT601, _FULL_RANGE = 5, 2
"""FFmpeg's SWS_CS_ITU601 and AVCOL_RANGE_JPEG."""

_SWS_FLAGS = 0x4 | 0x40000 | 0x2000 | 0x80000
"""FFmpeg's SWS_BICUBIC, SWS_ACCURATE_RND, SWS_FULL_CHR_H_INT and SWS_BITEXACT."""

_HIGH_DEFINITION = 720
"""Lines from which films are usually BT.709."""

_HDR = {16: "PQ", 18: "HLG"}
"""FFmpeg's numbers of transfer functions -> their names."""


class FrameConverter:
    """Turns frames of PyAV into pictures; keeps what is prepared for one kind of frame."""

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self._reformatter = VideoReformatter()
        self._turns: dict[int, Image.Transpose | None] = {}

    def to_rgb(self, frame: Any) -> Image.Image:
        """Return a frame as a picture of mode ``RGB``, turned as it is to be shown."""
        rgb = self._reformatter.reformat(
            frame,
            format="rgb24",
            interpolation=_SWS_FLAGS,
            src_colorspace=_BT601 if _lacks_matrix(frame) else None,
            dst_color_range=_FULL_RANGE,
        )
        picture = Image.fromarray(rgb.to_ndarray())
        # Once for all frames of one angle: to look at a frame's side data keeps it in memory until
        # Python's garbage collector comes.
        if frame.rotation not in self._turns:
            self._turns[frame.rotation] = _turn(frame)
        turn = self._turns[frame.rotation]
        return picture if turn is None else picture.transpose(turn)


def notes_on_frame(path: str, frame: Any, pixel_ratio: Fraction | None) -> list[str]:
    """Say what is to be known about the colours and pixels of a video, of its first frame."""
    notes = []
    if _lacks_matrix(frame) and min(frame.width, frame.height) >= _HIGH_DEFINITION:
        notes.append(
            f"{path} does not say its colour matrix; BT.601 is taken, as FFmpeg does, though films "
            "of this size are usually BT.709: colours may be off by up to a seventh of their range"
        )
    if name := _HDR.get(frame.color_trc):
        notes.append(
            f"{path} is HDR ({name}) and is scored without tone mapping: its colours are paler "
            "than a player shows them"
        )
    if pixel_ratio and pixel_ratio != 1:
        notes.append(
            f"the pixels of {path} are not square ({pixel_ratio.numerator}:"
            f"{pixel_ratio.denominator}); frames are scored as they are stored, without stretching"
        )
    if frame.interlaced_frame:
        notes.append(
            f"{path} is interlaced; frames are scored with both fields woven, which shows combs "
            "where something moves"
        )
    if (matrix := _display_matrix(frame)) is not None and 0 not in matrix[[0, 1]]:
        notes.append(f"{path} asks to be shown aslant; its frames are scored as they are stored")
    return notes


def _lacks_matrix(frame: Any) -> bool:
    shades = len(frame.format.components)
    return bool(frame.colorspace == _UNSPECIFIED and not frame.format.is_rgb and shades >= 3)


def _display_matrix(frame: Any) -> np.ndarray[Any, Any] | None:
    """Return a, b, c, d: a point (x, y) is shown at (a x + c y, b x + d y), y down."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return None
    numbers: np.ndarray[Any, Any] = np.frombuffer(bytes(data), dtype=np.int32)[[0, 1, 3, 4]]
    return numbers


def _turn(frame: Any) -> Image.Transpose | None:
    """Return how a frame must be turned to be shown as its display matrix says."""
    matrix = _display_matrix(frame)
    return None if matrix is None else _TURNS.get(tuple(np.sign(matrix).tolist()))


_TURNS = {
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
"""Signs of a, b, c, d -> what Pillow calls it; upright (1, 0, 0, 1) is not among them."""

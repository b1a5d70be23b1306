"""What a model gave for a picture: as a row of the score table, and as bytes of the score cache."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from memnet.scoring.table import Row

_NUMBERS = struct.Struct("<dd?IIHHH")
"""Raw, score, clamped, width, height, and the lengths of mode, warning (bytes) and outputs."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What a model gave for a picture, and what was seen of the picture.

    Attributes
    ----------
    outputs : the network's output for each crop, unscaled.
    raw, score, clamped : what :meth:`memnet.preprocess.spec.OutputSpec.apply` makes of them.
    width, height, mode, warning : as in :class:`memnet.scoring.table.Row`.
    """

    outputs: tuple[float, ...]
    raw: float
    score: float
    clamped: bool
    width: int
    height: int
    mode: str
    warning: str

    def to_bytes(self) -> bytes:
        """Write everything; the outputs are those of a network, which are float32."""
        mode, warning = self.mode.encode(), self.warning.encode()
        numbers = (self.raw, self.score, self.clamped, self.width, self.height)
        head = _NUMBERS.pack(*numbers, len(mode), len(warning), len(self.outputs))
        return head + mode + warning + struct.pack(f"<{len(self.outputs)}f", *self.outputs)

    @classmethod
    def from_bytes(cls, data: bytes) -> Scored:
        """Read what :meth:`to_bytes` wrote."""
        raw, score, clamped, width, height, *lengths = _NUMBERS.unpack_from(data)
        in_mode = _NUMBERS.size + lengths[0]
        in_warning = in_mode + lengths[1]
        return cls(
            outputs=struct.unpack_from(f"<{lengths[2]}f", data, in_warning),
            raw=raw,
            score=score,
            clamped=clamped,
            width=width,
            height=height,
            mode=data[_NUMBERS.size : in_mode].decode(),
            warning=data[in_mode:in_warning].decode(),
        )


def make_row(image_id: str, path: str, model: str, variant: str, result: Scored | str) -> Row:
    """Make a picture's row of what the model gave for it, or of why it has no score."""
    common = {"image_id": image_id, "path": path, "model": model, "variant": variant}
    if isinstance(result, str):
        return Row.failed(**common, reason=result)
    return Row(
        **common,
        score=result.score,
        raw=result.raw,
        n_crops=len(result.outputs),
        clamped=result.clamped,
        width=result.width,
        height=result.height,
        mode=result.mode,
        warning=result.warning,
    )

"""What was measured of a model's kinds of computing on this machine, kept for the next run.

A file for each model, preprocessing, device, processor, number of threads and set of versions, in
``precision/`` of the folder of :func:`memnet.weights.store.home`. What changes has another file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memnet.errors import MemnetError
from memnet.scoring.numeric_environment import UNDECISIVE, code_digest, scoring_environment
from memnet.scoring.precision import EXACT, Limits
from memnet.util.atomic import write_text
from memnet.util.clock import utc_now
from memnet.util.json_fields import Shape, check_shape
from memnet.util.json_text import parse_json, read_json_text
from memnet.weights import store
from memnet.weights.files import WeightHeader


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A kind of computing beside the exact one, over the calibration pictures.

    Attributes
    ----------
    kind : its name in :data:`.kinds.KINDS`.
    speed : how many times the exact network's.
    mean_change, largest_change : of the scores, without sign.
    spearman : of both scores; None where one of them is the same for all pictures.
    pictures : how many.
    machine : digest of everything that it was measured with; see :func:`describe`.
    """

    kind: str
    speed: float
    mean_change: float
    largest_change: float
    spearman: float | None
    pictures: int
    machine: str

    def figures(self) -> dict[str, Any]:
        """Return what was measured, as plain JSON types."""
        values = asdict(self)
        del values["machine"]
        return values

    def as_identity(self) -> dict[str, Any]:
        """Return what the identity of a model says of it, as sidecars have it."""
        figures = self.figures()
        return {"precision": figures.pop("kind"), "deviation_from_exact": figures}

    def excess(self, limits: Limits) -> str:
        """Say how far it is over its limits; "" where it is within."""
        if not self.mean_change <= limits.mean:
            return f"scores change by {self.mean_change:.4f} on average, {limits.mean} is the most"
        if limits.largest is not None and not self.largest_change <= limits.largest:
            return f"a score changes by {self.largest_change:.4f}, {limits.largest} is the most"
        if self.spearman is None or not self.spearman >= limits.spearman:
            return f"Spearman's rho is {_rho(self.spearman)}, {limits.spearman} the least"
        return ""

    def __str__(self) -> str:
        return (
            f"{self.kind}, {self.speed:.1f} times the speed of the exact network here; scores "
            f"change by {self.mean_change:.4f} on average and {self.largest_change:.4f} at most "
            f"(Spearman's rho {_rho(self.spearman)}, {self.pictures} made pictures)"
        )


def _rho(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.5f}"


@dataclass(frozen=True)
class Record:
    """What is measured with (:func:`describe`), and its file."""

    about: dict[str, Any]

    @property
    def machine(self) -> str:
        """Digest of :attr:`about`."""
        text = json.dumps(self.about, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def file(self) -> Path:
        """Where it is kept; raises ``MemnetError`` as :func:`.store.home`."""
        return store.home() / "precision" / f"{self.machine}.json"

    def read(self) -> list[Measured] | None:
        """Return what was measured; None where nothing was, or its file is damaged."""
        try:
            content = parse_json(read_json_text(self.file))
            check_shape(content, _SHAPE, "")
            return [Measured(**each, machine=self.machine) for each in content["kinds"]]
        except (MemnetError, OSError, ValueError):
            return None

    def write(self, measured: Sequence[Measured]) -> None:
        """Keep what was measured; where that cannot be, the next run measures again."""
        kinds = [each.figures() for each in measured]
        content = {"measured": utc_now(), "kinds": kinds, "about": self.about}
        with contextlib.suppress(MemnetError, OSError):
            write_text(self.file, json.dumps(content, indent=1) + "\n")


_SHAPE: Shape = {
    "measured": str,
    "about": {},
    "kinds": [
        {
            "kind": str,
            **dict.fromkeys(("speed", "mean_change", "largest_change"), float),
            "spearman": (float, None),
            "pictures": int,
        }
    ],
}


def computing_of(measured: Measured | None) -> str:
    """Say in one word how a network computes, and on what machine it was measured, for a digest."""
    return EXACT if measured is None else f"{measured.kind} {measured.machine}"


def describe(header: WeightHeader, device: str) -> Record:
    """Describe all that decides how fast and how exact a kind of computing is."""
    import torch

    from memnet.scoring.precision import onnx_runtime

    machine = scoring_environment(torch.device(device))
    return Record(
        {
            "tensors": header.tensors_sha256,
            "arch": header.arch,
            "preprocess": header.preprocess.to_dict(),
            "output": header.output.to_dict(),
            "code": code_digest(),
            "ONNX Runtime": onnx_runtime.versions(),
            **{name: text for name, text in machine.items() if name not in UNDECISIVE},
        }
    )

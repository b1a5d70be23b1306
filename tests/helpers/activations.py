"""A file of activations, as ``memnet inspect activations`` writes it, of given numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from memnet.inspect.activation_files import IDS
from memnet.util.arrays import AnyArray


def write_npz(path: Path, ids: Sequence[str], layers: Mapping[str, AnyArray]) -> None:
    arrays = {name: np.asarray(layer, np.float32) for name, layer in layers.items()}
    np.savez(path, **{IDS: np.array(ids, dtype=str)}, **arrays)

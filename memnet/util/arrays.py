"""Types of arrays, for annotations: the dtype in the name, the shape in the docstring."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
"""float64, in which statistics and scores are computed."""

Float32Array: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"
"""float32: pictures on their way into a network, weights, outputs."""

UInt8Array: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"

AnyArray: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
"""Any dtype: uint8 pixels and what is computed of them, integers, booleans."""

NARROW = 0.01
"""Scores that span less than this are close together: they are drawn on a scale of their own, and
rounded for it."""

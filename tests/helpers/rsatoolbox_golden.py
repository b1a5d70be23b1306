"""What rsatoolbox says of made-up features: RDMs, comparisons of RDMs, resampled pictures.

``python tests/helpers/rsatoolbox_golden.py`` (with ``pip install rsatoolbox``) writes
``tests/golden/rsatoolbox.json``. Features are whole numbers, so that every machine has the same;
there are few of them in the second layer, so that its RDMs have ties.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parents[1] / "golden" / "rsatoolbox.json"
METHODS = {"correlation": "correlation", "mean-squared": "euclidean"}
"""Our name of a distance -> rsatoolbox's method."""


def features() -> dict[str, np.ndarray]:
    """Features of 14 pictures in two layers."""
    random = np.random.default_rng(18)
    first = random.integers(-50, 50, size=(14, 9))
    second = first[:, :4] // 25 + random.integers(0, 2, size=(14, 4))
    return {"first": first.astype(float), "second": second.astype(float)}


def rdms_of(layers: dict[str, np.ndarray], method: str) -> Any:
    """Return rsatoolbox's RDMs, one for each layer."""
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, concat

    return concat([calc_rdm(Dataset(x), method=method) for x in layers.values()])


def compared(rdms: Any, method: str) -> float:
    """Compare the first two of several RDMs as rsatoolbox does."""
    from rsatoolbox.rdm import compare

    return float(compare(rdms[0], rdms[1], method=method)[0, 0])


def main() -> None:
    """Write the file."""
    layers = features()
    drawn = np.random.default_rng(0).integers(14, size=(5, 14))
    content: dict[str, Any] = {
        "made_by": f"rsatoolbox {version('rsatoolbox')}: tests/helpers/rsatoolbox_golden.py",
        "features": {name: x.astype(int).tolist() for name, x in layers.items()},
        "drawn": drawn.tolist(),
    }
    for name, method in METHODS.items():
        rdms = rdms_of(layers, method)
        resampled = [rdms.subsample_pattern("index", row) for row in drawn]
        content[name] = {
            "rdms": dict(zip(layers, rdms.get_vectors().tolist(), strict=True)),
            **{each: compared(rdms, each) for each in ("spearman", "tau-a")},
            "resampled": {
                each: [compared(rdms, each) for rdms in resampled] for each in ("spearman", "tau-a")
            },
        }
    FILE.write_text(json.dumps(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

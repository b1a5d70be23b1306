"""The folder of `memnet inspect rdm`: RDMs, their comparisons, the figure, the record."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.spatial.distance import squareform

from memnet.inspect.rdm_figure import draw, to_bytes
from memnet.inspect.rdms import FORMAT, LayerRdms
from memnet.util.atomic import replace_file, write_bytes, write_text
from memnet.util.earlier_results import keep_other_files
from memnet.util.table_files import write_frame

RDMS, COMPARISONS, RECORD = "rdms.npz", "comparisons.csv", "rdms.json"
FIGURES = ("rdms.png", "rdms.svg")


def check_folder(folder: Path) -> None:
    """Raise ``MemnetError`` where files would be written over that no earlier run has written."""
    files = [folder / name for name in (RDMS, COMPARISONS, *FIGURES)]
    keep_other_files(files, folder / RECORD, FORMAT)


def write_rdms(result: LayerRdms, folder: Path) -> None:
    """Write ``rdms.npz``, ``comparisons.csv``, the figure and ``rdms.json``.

    Raises
    ------
    MemnetError
        if a file cannot be written, or would replace one that no earlier run has written.
    """
    check_folder(folder)
    text = json.dumps(result.record, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(folder / RECORD, f"{text}\n")
    rdms = result.layers | result.brains
    with replace_file(folder / RDMS) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            ids=np.array(result.ids, dtype=str),
            names=np.array(list(rdms), dtype=str),
            rdms=np.array([squareform(rdm) for rdm in rdms.values()]),
        )
    write_frame(result.table, folder / COMPARISONS)
    figure = draw(result)
    for name in FIGURES:
        write_bytes(folder / name, to_bytes(figure, name.rpartition(".")[2]))

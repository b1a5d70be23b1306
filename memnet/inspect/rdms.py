"""An RDM for each layer, and how alike they are: to one another, to other models', to a brain's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from memnet.data.digests import ids_digest
from memnet.errors import MemnetError, unknown_name
from memnet.inspect import activations as files
from memnet.inspect.brain_rdm import GivenRdm, is_numpy, read_rdm
from memnet.inspect.common_pictures import find_common, without_failed
from memnet.stats.levels import LEVEL
from memnet.stats.rdm import DISTANCES, compute_rdm, subset_rdm, undefined_pictures
from memnet.stats.rdm_comparison import RdmComparison, compare_rdms
from memnet.util.arrays import AnyArray, Array
from memnet.util.text import shorten_list
from memnet.util.versions import environment
from memnet.weights.digests import file_digest

FORMAT = "memnet rdms"
"""What ``rdms.json`` says that it is about."""

_FEWEST = 4
"""Of three pictures an RDM has three numbers, which can be in six orders."""


@dataclass(frozen=True, kw_only=True)
class LayerRdms:
    """RDMs of the same N pictures, compared.

    Attributes
    ----------
    ids : of the pictures, in the order of the first file of activations.
    layers, brains : name -> float64 ``(N (N - 1) / 2,)``, the numbers above the diagonal. A layer
        is named by its file, too, where there are several.
    comparisons : of every two.
    record : how this was computed, for a JSON file.
    """

    ids: list[str]
    layers: dict[str, Array]
    brains: dict[str, Array]
    comparisons: list[RdmComparison]
    record: dict[str, Any]

    @property
    def table(self) -> pd.DataFrame:
        """A row per comparison."""
        return pd.DataFrame([_row(each) for each in self.comparisons], columns=_COLUMNS)


def compare_layers(
    activations: Mapping[str, Path],
    brains: Mapping[str, Path] | None = None,
    *,
    brain_ids: Path | None = None,
    distance: str = "correlation",
    match: str = "exact",
    resamples: int = 1_000,
    permutations: int = 1_000,
    seed: int = 0,
    command: str = "",
) -> LayerRdms:
    """Make the RDM of each layer and compare every two, and each with given ones.

    All are of the same pictures: those that every file has, matched by id. The bootstrap over them
    and the permutations are the same for all comparisons (:mod:`memnet.stats.rdm_comparison`).

    Parameters
    ----------
    activations : name (of the model) -> a file of `memnet inspect activations`.
    brains : name -> a file with an RDM; see :func:`memnet.inspect.brain_rdm.read_rdm`.
    brain_ids : the pictures' ids of those that are NumPy files.
    distance : between two pictures' activations, a key of :data:`memnet.stats.rdm.DISTANCES`.
    match : how ids are matched, a key of :data:`memnet.data.matching.MATCH_RULES`.
    resamples, permutations, seed : of the bootstrap and the Mantel test.
    command : for the record.

    Raises
    ------
    MemnetError
        if a file cannot be read, has no picture in common with the others, fewer than
        four pictures are left, or no layer has an RDM under this distance.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> random = np.random.default_rng(0)
    >>> first = random.normal(size=(9, 20)).astype(np.float32)
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "net.npz")
    ...     np.savez(file, image_id=np.array(list("abcdefghi")), conv1=first, conv2=first[:, :15])
    ...     found = compare_layers({"net": file}, resamples=50, permutations=50)
    >>> found.table[["first", "second", "n", "spearman"]].round(2).to_numpy().tolist()
    [['conv1', 'conv2', 9, 0.61]]
    """
    if distance not in DISTANCES:
        raise unknown_name("distance", distance, DISTANCES)
    read = {name: without_failed(*files.read(path)) for name, path in activations.items()}
    given = {name: read_rdm(path, brain_ids) for name, path in (brains or {}).items()}
    if brain_ids is not None and not any(map(is_numpy, (brains or {}).values())):
        raise MemnetError(
            "--brain-ids names the pictures of a NumPy file (.npy), and no --brain is one; a table "
            "has them in its first column."
        )
    _check_names(activations, given)
    ids = {str(activations[name]): each[0] for name, each in read.items()}
    ids |= {each.source: each.ids for each in given.values()}
    common = find_common(
        ids,
        match,
        advice="Are these the same pictures? The ids of a table are its first column and the names "
        "of the others.",
    )
    layers: dict[str, Array] = {}
    notes = list(common.sentences)
    for name, (_, arrays, _) in read.items():
        rows = common.rows[str(activations[name])]
        for layer, values in arrays.items():
            label = f"{name}:{layer}" if len(read) > 1 else layer
            layers[label] = _rdm(label, values[rows], common.ids, distance)
    if both := layers.keys() & given.keys():
        raise MemnetError(
            f"A layer and a given RDM are both called {sorted(both)[0]}; call the RDM otherwise, "
            "as in --brain V4=FILE."
        )
    kept, layers, undefined = _defined(layers, common.ids, distance)
    rdms = {name: subset_rdm(rdm, kept) for name, rdm in layers.items()}
    brain_rdms = {
        name: subset_rdm(each.rdm, common.rows[each.source][kept]) for name, each in given.items()
    }
    comparisons = compare_rdms(
        rdms | brain_rdms,
        list(combinations([*rdms, *brain_rdms], 2)),
        resamples=resamples,
        permutations=permutations,
        seed=seed,
    )
    kept_ids = [common.ids[row] for row in kept]
    return LayerRdms(
        ids=kept_ids,
        layers=rdms,
        brains=brain_rdms,
        comparisons=comparisons,
        record={
            "format": FORMAT,
            "command": command,
            "activations": {
                name: {"file": str(path), "sha256": file_digest(path), "set_aside": read[name][2]}
                for name, path in activations.items()
            },
            "brains": {name: _about(each) for name, each in given.items()},
            "distance": {"name": distance, "meaning": DISTANCES[distance]},
            "match": match,
            "n": len(kept_ids),
            "ids_sha256": ids_digest(kept_ids),
            "notes": notes,
            "set_aside": undefined,
            "bootstrap": "percentile, over pictures; a picture and its own copy are left out",
            "level": LEVEL,
            "test": "Mantel, of Spearman's rho, one-sided",
            "resamples": resamples,
            "permutations": permutations,
            "seed": seed,
            "comparisons": [_row(each) for each in comparisons],
            "environment": environment(),
        },
    )


def _check_names(activations: Mapping[str, Path], given: Mapping[str, GivenRdm]) -> None:
    paths = [*map(str, activations.values()), *(each.source for each in given.values())]
    twice = {path for path in paths if paths.count(path) > 1} or set(activations) & set(given)
    if twice:
        raise MemnetError(f"{sorted(twice)[0]} is given twice; compare each file once.")


def _rdm(label: str, values: AnyArray, ids: list[str], distance: str) -> Array:
    features = values.reshape(len(values), -1)
    bad = ~np.isfinite(features).all(axis=1)
    if bad.any():
        raise MemnetError(
            f"Layer {label} has activations that are not finite for {bad.sum():,} picture(s): "
            f"{shorten_list(np.array(ids, dtype=object)[bad], 3)}."
        )
    return compute_rdm(features, distance)


def _defined(
    rdms: dict[str, Array], ids: list[str], distance: str
) -> tuple[AnyArray, dict[str, Array], list[str]]:
    """Leave out layers without any dissimilarity, then pictures without one in some layer.

    Returns the rows of the pictures that stay, the layers, and a sentence on each that does not.
    """
    sentences = []
    layers = {}
    kept = np.ones(len(ids), dtype=bool)
    for label, rdm in rdms.items():
        undefined = undefined_pictures(rdm)
        if undefined.all():
            sentences.append(
                f"Layer {label} has no {distance} between pictures, since its numbers for a "
                "picture are all the same or only one; it is left out (--distance euclidean has "
                "one)."
            )
            continue
        layers[label] = rdm
        if undefined.any():
            names = shorten_list(np.array(ids, dtype=object)[undefined], 3)
            sentences.append(
                f"{undefined.sum():,} picture(s) are left out of everything, since their numbers "
                f"in layer {label} are all the same, which has no {distance}: {names}."
            )
            kept &= ~undefined
    if not layers:
        raise MemnetError(sentences[0])
    if len(kept) < _FEWEST:
        raise MemnetError(
            f"Only {len(kept)} picture(s) are in every file; RDMs are compared over {_FEWEST} or "
            "more."
        )
    if kept.sum() < _FEWEST:
        raise MemnetError(
            f"Only {kept.sum()} of {len(kept):,} pictures have an RDM in every layer, and "
            f"{_FEWEST} are needed; leave the layer out. {' '.join(sentences)}"
        )
    return np.flatnonzero(kept), layers, sentences


_COLUMNS = [
    "first",
    "second",
    "n",
    "spearman",
    "spearman_low",
    "spearman_high",
    "tau_a",
    "tau_a_low",
    "tau_a_high",
    "p_mantel",
]


def _row(each: RdmComparison) -> dict[str, Any]:
    rho = None if np.isnan(each.spearman) else each.spearman
    rho_ends, tau_ends = each.spearman_interval, each.tau_a_interval
    values = [rho, rho_ends.low, rho_ends.high, each.tau_a, tau_ends.low, tau_ends.high, each.p]
    return dict(zip(_COLUMNS, [each.first, each.second, each.n, *values], strict=True))


def _about(given: GivenRdm) -> dict[str, Any]:
    return {
        "file": given.source,
        "sha256": file_digest(Path(given.source)),
        "set_aside": given.set_aside,
    }

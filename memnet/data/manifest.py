"""A truth table with its manifest: which pictures, which labels, by which rule, from which files.

The table is ``truth.csv`` and the manifest ``truth.csv.json`` beside it. The manifest's digest is
that of :func:`memnet.data.digests.manifest_digest`, so a table that was altered is noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from memnet import __version__
from memnet.data.columns import Scores, read_column
from memnet.data.digests import manifest_digest
from memnet.data.numbers import as_text, to_numbers
from memnet.data.sidecar import TRUTH_FORMAT, sidecar_path
from memnet.data.tables import read_table_any, split_sheet
from memnet.data.targets import TARGETS
from memnet.errors import MemnetError
from memnet.util.atomic import write_text
from memnet.util.json_fields import NAME, check_shape
from memnet.util.json_text import parse_json, read_json_text
from memnet.util.table_files import check_table, write_frame
from memnet.util.text import printable, words_of

FilePath = str | os.PathLike[str]

SCHEMA_VERSION = 1

ID_COLUMN = "image_id"
TRUTH_COLUMN = "human_score"

HIT_RATE = "hit rate"
CORRECTED = "corrected hit rate"
MIXED = "hit rate and corrected hit rate"
FALSE_ALARM_RATE = "false-alarm rate"
D_PRIME = "d'"
"""What a label can be: hits / responses, (hits - false alarms) / responses, both in one table,
false alarms / responses, or d'. Only a rate is a share of a known number of answers, with binomial
noise."""

LABEL_TARGETS = {
    HIT_RATE: "hit_rate",
    CORRECTED: "corrected",
    FALSE_ALARM_RATE: "false_alarm_rate",
    D_PRIME: "d_prime",
}
"""Kind of label -> its name in :data:`memnet.data.targets.TARGETS`."""

_RANGES = {
    HIT_RATE: (0.0, 1.0),
    CORRECTED: (-1.0, 1.0),
    MIXED: (-1.0, 1.0),
    FALSE_ALARM_RATE: (0.0, 1.0),
}


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Human scores of one data set, and where they came from.

    Attributes
    ----------
    table : a row per picture in the order of the ids: ``image_id`` (str), ``human_score``
        (float64, at most 1), and what else the data set has.
    manifest : plain JSON values; see :func:`new_manifest`.
    set_aside : a sentence for each row of the published files that could not be used.
    """

    table: pd.DataFrame
    manifest: dict[str, Any]
    set_aside: tuple[str, ...] = ()

    @classmethod
    def from_scores(
        cls,
        scores: Scores,
        *,
        dataset: str,
        label_kind: str = HIT_RATE,
        sources: Iterable[FilePath] = (),
        **more: Any,
    ) -> Truth:
        """Make the truth table of a data set whose published table has an id and a score per row.

        Parameters
        ----------
        scores : what :func:`memnet.read_column` read.
        dataset : its name, as ``memnet compare --dataset`` takes it.
        label_kind : ``"hit rate"``, ``"corrected hit rate"``, ``"false-alarm rate"``, ``"d'"``,
            or what else the scores are.
        sources : the published files; the manifest holds their names and checksums.
        more : ``part``, ``rule`` and other fields of :func:`new_manifest`.

        Examples
        --------
        >>> import memnet, pandas as pd
        >>> published = pd.DataFrame({"picture": ["b", "a", "c"], "hit_rate": [0.9, 0.6, 1.5]})
        >>> scores = memnet.read_column(
        ...     published, column="hit_rate", id_column="picture", within=(0, 1))
        >>> truth = memnet.Truth.from_scores(scores, dataset="toys")
        >>> truth.table.values.tolist()
        [['a', 0.6], ['b', 0.9]]
        >>> truth.set_aside
        ('the table given, row 2 (c): hit_rate is 1.5, not within 0 to 1',)
        """
        table = truth_columns(scores.by_id)
        files = [Path(source) for source in sources]
        manifest = new_manifest(
            table,
            dataset=dataset,
            label_kind=label_kind,
            sources={file: digest_of(file) for file in files},
            **({"label_column": scores.name} | more),
        )
        return cls(table=table, manifest=manifest, set_aside=scores.set_aside)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the table (.csv, .parquet, .xlsx) and beside it the manifest, ``path`` + ``.json``.

        Raises
        ------
        MemnetError
            if ``path`` ends otherwise, cannot be written, or holds another file already: an earlier
            truth table with its manifest is replaced, anything else is not.
        """
        path = Path(path)
        check_table(self.table, path)
        there = [file for file in (path, sidecar_path(path)) if file.exists()]
        if there and _load(sidecar_path(path)) is None:
            raise MemnetError(
                f"{there[0]} exists and was not written by `memnet dataset`; choose another --out."
            )
        text = json.dumps(self.manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        write_frame(self.table, path)
        write_text(sidecar_path(path), text)


def new_manifest(
    table: pd.DataFrame, *, dataset: str, label_kind: str, sources: Mapping[Path, str], **more: Any
) -> dict[str, Any]:
    """Describe a truth table.

    Parameters
    ----------
    table : with the columns ``image_id`` and ``human_score``.
    dataset : its name, as ``memnet compare --dataset`` takes it.
    label_kind : a key of :data:`LABEL_TARGETS`, :data:`MIXED`, or what else the labels are.
    sources : file -> its sha256; only the file's name is kept.
    more : ``part``, ``split``, ``label_column``, ``seed``, ``held_out``, ``rule``, ``counts``, the
        ``..._column`` names, and ``answers``, the file beside it with what each participant
        answered; what a data set does not have is null.

    Returns
    -------
    dict
        ``n`` and ``digest`` (sha256 over ids and labels) among the rest.
    """
    fields: dict[str, Any] = {
        "format": TRUTH_FORMAT,
        "schema_version": SCHEMA_VERSION,
        "dataset": dataset,
        "part": None,
        "split": None,
        "label_column": None,
        "label_kind": label_kind,
        "held_out": None,
        "seed": None,
        "rule": None,
        "n": len(table),
        "counts": {dataset: len(table)},
        "digest": manifest_digest(table[ID_COLUMN], table[TRUTH_COLUMN]),
        "id_column": ID_COLUMN,
        "truth_column": TRUTH_COLUMN,
        "hits_column": None,
        "responses_column": None,
        "false_alarms_column": None,
        "category_column": None,
        "answers": None,
        "sources": [{"file": path.name, "sha256": digest} for path, digest in sources.items()],
        "memnet_version": __version__,
    }
    if unknown := set(more) - set(fields):
        raise TypeError(f"no such field of a manifest: {', '.join(sorted(unknown))}")
    return fields | more


def truth_columns(scores: pd.Series) -> pd.DataFrame:
    """Build the two columns that every truth table has, in the order of the ids."""
    scores = scores.sort_index()
    return pd.DataFrame({ID_COLUMN: scores.index, TRUTH_COLUMN: scores.to_numpy(np.float64)})


def usable_truth(truth: object, dataset: str) -> Truth:
    """Return what a data set's reader gave, without the rows that cannot be used.

    Rows without an id or a number, and with a score that labels of their kind cannot have (a hit
    rate lies from 0 to 1), are set aside, each with a sentence.

    Raises
    ------
    MemnetError
        if it is no :class:`Truth`, lacks its columns, has an id twice, or no usable row.
    """
    if not isinstance(truth, Truth):
        raise MemnetError(
            f"The reader of the data set {dataset} returned a {type(truth).__name__}; it must "
            "return a memnet.Truth."
        )
    table, manifest = truth.table, truth.manifest
    id_column = manifest["id_column"]
    scores = read_column(
        table,
        column=manifest["truth_column"],
        id_column=id_column,
        source=f"the data set {dataset}",
        within=_RANGES.get(manifest["label_kind"]),
    )
    if not scores.set_aside:
        return truth
    table = table[as_text(table[id_column]).isin(scores.by_id.index)].reset_index(drop=True)
    several = len(manifest["counts"]) > 1 and "dataset" in table
    counted = {
        "n": len(table),
        "counts": {
            name: int((table["dataset"] == name).sum()) if several else len(table)
            for name in (manifest["counts"] if several else [manifest["dataset"]])
        },
        "digest": manifest_digest(table[id_column], table[manifest["truth_column"]]),
    }
    return Truth(
        table=table,
        manifest=manifest | counted,
        set_aside=(*truth.set_aside, *scores.set_aside),
    )


def read_manifest(truth: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the manifest beside a truth table, or None where there is none.

    Raises
    ------
    MemnetError
        if it cannot be read, is of a newer memnet, or the table's ids or labels are no longer
        those that it was written for.
    """
    path = split_sheet(truth)[0]
    manifest_file = sidecar_path(path)
    manifest = _load(manifest_file)
    if manifest is None:
        return None
    version = manifest.get("schema_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise MemnetError(
            f"{manifest_file} has schema version {printable(repr(version), 80)}, and this memnet "
            f"knows {SCHEMA_VERSION}: build the table again with `{_command_of(manifest)}`, or "
            "update memnet."
        )
    try:
        check_shape(manifest, _SHAPE, "")
    except ValueError as error:
        raise MemnetError(
            f"{manifest_file} is damaged ({words_of(error)}); build the table again with "
            f"`{_command_of(manifest)}`."
        ) from error
    frame = read_table_any(truth)
    columns = [manifest["id_column"], manifest["truth_column"]]
    if not set(columns) <= set(frame.columns) or manifest["digest"] != manifest_digest(
        as_text(frame[columns[0]]), to_numbers(frame[columns[1]]).tolist()
    ):
        raise MemnetError(
            f"{path} was altered after `{_command_of(manifest)}` wrote it, since its ids or labels "
            f"do not give the digest in {manifest_file.name}; run the command again, or delete "
            f"{manifest_file.name} to use the table as your own (then name its column with "
            "--truth-column)."
        )
    return manifest


def _command_of(manifest: Mapping[str, Any]) -> str:
    """Name the command that writes such a table: only one knows single participants' answers."""
    return "memnet responses" if manifest.get("answers") else "memnet dataset"


def label_target(manifest: Mapping[str, Any], column: str) -> str:
    """Return what a manifest says that a column of its table is: a name of ``TARGETS``, else "".

    A table of ``memnet responses`` has a column for each of them under its own name.

    Examples
    --------
    >>> label_target({"truth_column": "score", "label_kind": "corrected hit rate"}, "score")
    'corrected'
    """
    if column == manifest.get("truth_column"):
        return LABEL_TARGETS.get(manifest["label_kind"], "")
    return column if manifest.get("answers") and column in TARGETS else ""


def digest_of(path: Path) -> str:
    """Sha256 of a source file, which is small."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


_SHAPE = {
    **dict.fromkeys(("dataset", "id_column", "truth_column", "label_kind", "digest"), NAME),
    "n": int,
    **dict.fromkeys(("part?", "label_column?", "hits_column?", "responses_column?"), (NAME, None)),
    **dict.fromkeys(("false_alarms_column?", "category_column?"), (NAME, None)),
    **dict.fromkeys(("split?", "seed?", "held_out?"), (int, NAME, None)),
    "answers?": (NAME, None),
    "counts?": {str: int},
    "sources?": [{str: (NAME, int)}],
}
"""What a manifest must hold, and what it may."""


def _load(path: Path) -> dict[str, Any] | None:
    """Read a manifest; None where there is no file, or one that is something else."""
    try:
        content = parse_json(read_json_text(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise MemnetError(
            f"{path} cannot be read as the manifest of the table beside it ({words_of(error)}); "
            "delete it, or build the table again under another name."
        ) from error
    return content if isinstance(content, dict) and content.get("format") == TRUTH_FORMAT else None

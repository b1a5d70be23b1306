"""Human scores and predictions on the same pictures.

The rule of the join: two rows belong together when their ids are the same text, letter for
letter, ending included. Every model is judged on the same items: those that have a usable human
score and a score from every model. Whatever is left out is counted and named.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from memnet.compare.data.tables import read_table_any, require_column, some, to_numbers
from memnet.errors import MemnetError

JOIN_RULE = "ids are equal letter for letter, file ending included"


@dataclass(frozen=True, kw_only=True)
class Scores:
    """One column of scores, clean.

    Attributes
    ----------
    name : the model, or the column of human scores.
    source : where it came from.
    by_id : float64 scores indexed by image id, each id once, none missing.
    rows : rows that the source had.
    set_aside : a sentence per row that was unusable.
    variant : which variant of the model, "" for the plain one.
    identity : what the table's sidecar says of the model (weights, preprocessing, training data);
        None for a table without one, whose model is known by its name alone.
    """

    name: str
    source: str
    by_id: pd.Series
    rows: int
    set_aside: tuple[str, ...]
    variant: str = ""
    identity: dict[str, Any] | None = None


@dataclass(frozen=True)
class Joined:
    """Truth and predictions on the same items, and what was left out.

    Attributes
    ----------
    ids : the items' ids, sorted.
    truth : human scores, float64 ``(N,)``.
    predictions : model -> float64 ``(N,)``.
    truth_only, scores_only : ids without a score from every model; ids without a human score.
    warnings : sentences for the report.
    """

    ids: list[str]
    truth: np.ndarray
    predictions: dict[str, np.ndarray]
    truth_only: list[str]
    scores_only: dict[str, list[str]]
    warnings: list[str] = field(default_factory=list)

    def digest(self) -> str:
        """Sha256 over the ids, in order: which pictures this comparison is about."""
        return hashlib.sha256("\n".join(self.ids).encode()).hexdigest()


def read_column(
    table: str | os.PathLike[str] | pd.DataFrame,
    *,
    column: str,
    id_column: str,
    name: str,
    variant: str = "",
    source: str = "a DataFrame",
) -> Scores:
    """Read one column of scores from a file or a DataFrame; ``source`` names the latter.

    Rows whose id is missing, or whose score is missing or no number, are set aside, each with a
    sentence.

    Raises
    ------
    MemnetError
        if a column is missing, an id occurs twice, or no row is usable.
    """
    if isinstance(table, pd.DataFrame):
        frame = table.astype(object).where(table.notna(), "").astype(str)
    else:
        source = str(table)
        frame = read_table_any(Path(table))
        frame.index += 2  # as a spreadsheet counts: the header is row 1
    for wanted in (id_column, column):
        require_column(frame, wanted, source)
    ids = frame[id_column]
    nameless = (ids.str.strip() == "").to_numpy()
    twice = ids[ids.duplicated() & ~nameless]
    if len(twice):
        raise MemnetError(
            f"{source} has {twice.nunique()} id(s) more than once in column {id_column!r}: "
            f"{some(dict.fromkeys(twice))}; keep one row per picture."
        )
    values = to_numbers(frame[column])
    bad = np.isnan(values) | nameless
    set_aside = tuple(
        f"{source}, row {frame.index[row]}: {id_column} is missing"
        if nameless[row]
        else f"{source}, row {frame.index[row]} ({ids.iloc[row]}): {column} is "
        + (f"{frame[column].iloc[row]!r}, no number" if frame[column].iloc[row] else "missing")
        for row in np.flatnonzero(bad).tolist()
    )
    if bad.all():
        raise MemnetError(
            f"{source} has no usable number in column {column!r}"
            + (f" (its first cell is {frame[column].iloc[0]!r})." if len(frame) else " (no rows).")
        )
    by_id = pd.Series(values[~bad], index=pd.Index(ids[~bad], dtype=object))
    return Scores(
        name=name,
        source=source,
        by_id=by_id,
        rows=len(frame),
        set_aside=set_aside,
        variant=variant,
    )


def read_scores(
    table: str | os.PathLike[str] | pd.DataFrame,
    *,
    id_column: str,
    score_column: str = "score",
    name: str | None = None,
) -> list[Scores]:
    """Read predictions: a score table of ``memnet score`` (one or more models), or any CSV.

    A table with a ``model`` column gives one entry per model and variant; any other is one
    model, called ``name`` or after the file.
    """
    if isinstance(table, pd.DataFrame):
        frame = table
    else:
        frame = read_table_any(Path(table))
        frame.index += 2
    source = "a DataFrame" if isinstance(table, pd.DataFrame) else str(table)
    if id_column not in frame.columns and "image_id" in frame.columns:
        id_column = "image_id"  # truth may call it otherwise than a score table does
    if "model" not in frame.columns:
        label = name or (source if isinstance(table, pd.DataFrame) else Path(table).stem)
        return [
            _from(frame, source, column=score_column, id_column=id_column, name=label, variant="")
        ]
    known = {} if isinstance(table, pd.DataFrame) else _sidecar_models(Path(table))
    variants = frame["variant"].fillna("") if "variant" in frame.columns else ""
    found = []
    for (model, variant), rows in frame.assign(variant=variants).groupby(
        ["model", "variant"], sort=False
    ):
        label = f"{model}:{variant}" if variant else str(model)
        column = _from(
            rows, source, column=score_column, id_column=id_column, name=label, variant=str(variant)
        )
        found.append(replace(column, identity=known.get(label)))
    return found


def _from(
    frame: pd.DataFrame, source: str, *, column: str, id_column: str, name: str, variant: str
) -> Scores:
    """Read one model's rows out of a table that has been read already."""
    for wanted in (id_column, column):
        require_column(frame, wanted, source)
    return read_column(
        frame, column=column, id_column=id_column, name=name, variant=variant, source=source
    )


def _sidecar_models(path: Path) -> dict[str, Any]:
    try:
        sidecar = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
        return dict(sidecar["models"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # no table of memnet's: the report says that the model is known by name only


def join(truth: Scores, models: Sequence[Scores]) -> Joined:
    """Match by id and keep the items that every column has.

    Raises
    ------
    MemnetError
        if two models share a name, or nothing matches; the sentence says what would match if
        endings, folders or letter case were ignored.
    """
    names = [model.name for model in models]
    if len(set(names)) != len(names):
        raise MemnetError(
            f"Two sets of scores are called {next(n for n in names if names.count(n) > 1)!r}; "
            "rename one (the file's name, or its model column)."
        )
    common = truth.by_id.index
    for model in models:
        if not common.isin(model.by_id.index).any():
            raise MemnetError(_no_match(truth, model))
        common = common[common.isin(model.by_id.index)]
    if not len(common):
        raise MemnetError("No picture has a score from every model; compare them one at a time.")
    ids = sorted(common)
    joined = Joined(
        ids=ids,
        truth=truth.by_id.loc[ids].to_numpy(dtype=np.float64),
        predictions={m.name: m.by_id.loc[ids].to_numpy(dtype=np.float64) for m in models},
        truth_only=sorted(truth.by_id.index.difference(common)),
        scores_only={m.name: sorted(m.by_id.index.difference(common)) for m in models},
    )
    joined.warnings.extend(_outside({f"{truth.name} (truth)": joined.truth, **joined.predictions}))
    return joined


def _no_match(truth: Scores, model: Scores) -> str:
    sentence = (
        f"No id of {truth.source} is in {model.source} ({model.name}): ids must agree letter for "
        f"letter, and here they look like {truth.by_id.index[0]!r} and {model.by_id.index[0]!r}."
    )
    looser = {
        "without file endings": lambda text: str(Path(text).with_suffix("")),
        "without folders": lambda text: Path(text).name,
        "without folders and endings": lambda text: Path(text).stem,
        "in one letter case": str.lower,
    }
    for how, simplify in looser.items():
        left = {simplify(str(image_id)) for image_id in truth.by_id.index}
        right = {simplify(str(image_id)) for image_id in model.by_id.index}
        if shared := len(left & right):
            return f"{sentence} {shared:,} would agree {how}: change one of the two columns so."
    return f"{sentence} Is --id-column right?"


def _outside(columns: Mapping[str, np.ndarray]) -> list[str]:
    sentences = []
    for name, values in columns.items():
        low, high = float(values.min()), float(values.max())
        if low < 0 or high > 1:
            percent = low >= 0 and 1 < high <= 100 and float(np.median(values)) > 1
            hint = (
                "they look like percentages: divide by 100"
                if percent
                else "perhaps they are raw outputs"
            )
            sentences.append(
                f"{name} has scores outside [0, 1] (from {low:g} to {high:g}); {hint}. Errors "
                "(MSE, MAE, bias) mean little until both are on one scale; ranks are not affected."
            )
    return sentences

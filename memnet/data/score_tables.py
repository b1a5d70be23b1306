"""Tables of predictions: one model or several, with what the file beside them says of each."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from memnet.data.columns import Scores, read_column
from memnet.data.numbers import DECIMAL_COMMA, POINTS_UNSURE, as_text, with_decimal_points
from memnet.data.sidecar import read_sidecar
from memnet.data.tables import (
    TableInput,
    frame_and_name,
    has_column,
    require_column,
    split_sheet,
)
from memnet.errors import MemnetError
from memnet.util.text import model_label, printable


class ScoreTable(NamedTuple):
    """Where predictions stand, if not in the column that all tables of a comparison share."""

    table: TableInput
    column: str = ""  # "" for that column
    name: str | None = None  # of the model, where the table does not name it

    def read(self, *, id_column: str, score_column: str) -> list[Scores]:
        """Read the predictions as :func:`read_scores` does."""
        column = self.column or score_column
        return read_scores(self.table, id_column=id_column, score_column=column, name=self.name)


def read_scores(
    table: TableInput,
    *,
    id_column: str,
    score_column: str = "score",
    name: str | None = None,
) -> list[Scores]:
    """Read predictions: a score table of ``memnet score`` (one or more models), or any CSV.

    A table with a ``model`` column gives one entry per model and variant; any other is one
    model, called ``name`` or after the file.

    Parameters
    ----------
    table : CSV, TSV, Excel, Parquet, or a DataFrame.
    id_column : the column with the picture's id; ``image_id`` where the table lacks it.
    score_column : the column with the predictions, on any scale; ``score`` where a table with a
        column ``model``, as memnet writes it, lacks it.

    Raises
    ------
    MemnetError
        as :func:`read_column`, for each model; if a row has no name in ``model``.

    Examples
    --------
    >>> table = pd.DataFrame({"image_id": ["a", "a"], "model": ["m", "n"], "score": [0.5, 0.6]})
    >>> [scores.name for scores in read_scores(table, id_column="image_id")]
    ['m', 'n']
    """
    frame, source = frame_and_name(table)
    if not has_column(frame, id_column, source) and has_column(frame, "image_id", source):
        id_column = "image_id"  # truth may call it otherwise than a score table does
    ours = has_column(frame, "model", source) and has_column(frame, "score", source)
    if ours and not has_column(frame, score_column, source):
        score_column = "score"  # beside a laboratory's own table, which calls it otherwise
    if not has_column(frame, "model", source):
        label = name or (source if isinstance(table, pd.DataFrame) else printable(Path(table).stem))
        return [
            read_column(frame, column=score_column, id_column=id_column, name=label, source=source)
        ]
    if name:
        raise MemnetError(
            f"{source} has a column 'model', which names its models, so that it cannot be called "
            f"{name!r}; give it without a name, or remove the column."
        )
    if isinstance(table, pd.DataFrame):  # `Predictor.score` writes there what a sidecar holds
        known = table.attrs.get("models", {})
    else:
        known = _known_models(table)
    variants = as_text(frame["variant"]) if has_column(frame, "variant", source) else ""
    frame = frame.assign(model=as_text(frame["model"]), variant=variants)
    require_column(frame, score_column, source)
    # The same for all models: what a comma is may be known from the rows of one only.
    frame[score_column] = with_decimal_points(frame[score_column], source)
    frame.attrs[DECIMAL_COMMA] = frame.attrs[POINTS_UNSURE] = False
    if nameless := int((frame["model"].str.strip() == "").sum()):
        raise MemnetError(
            f"{source} has {nameless} row(s) without a name in column 'model'; fill them in, or "
            "remove the column if all scores are of one model."
        )
    models = []
    for (model, variant), rows in frame.groupby(["model", "variant"], sort=False):
        label = model_label(str(model), str(variant))
        scores = read_column(
            rows,
            column=score_column,
            id_column=id_column,
            name=label,
            variant=str(variant),
            source=source,
        )
        models.append(replace(scores, identity=known.get(label)))
    return models


def _known_models(table: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what the sidecar says of each model; nothing beside a table that is not memnet's.

    The report then says that the model is known by its name only.
    """
    try:
        models: dict[str, Any] = read_sidecar(split_sheet(table)[0])["models"]
    except (OSError, ValueError):
        return {}
    return models

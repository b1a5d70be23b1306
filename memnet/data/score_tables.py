"""Tables of predictions: one model or several, with what the file beside them says of each."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from memnet.data.columns import Scores, read_column
from memnet.data.declared import about_model, check_by_hand, warn_of_unused
from memnet.data.numbers import DECIMAL_COMMA, POINTS_UNSURE, as_text, with_decimal_points
from memnet.data.sidecar import is_truth_manifest, read_sidecar, sidecar_path
from memnet.data.tables import (
    TableInput,
    frame_and_name,
    has_column,
    id_column_of,
    require_column,
    split_sheet,
)
from memnet.errors import MemnetError
from memnet.util.caution import Caution
from memnet.util.text import model_label, printable, words_of


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
    model, called ``name`` or after the file. Where the former has several rows of a picture, as
    ``memnet score`` writes for a table of trials, the same score counts once.

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
    id_column = id_column_of(frame, id_column, source)
    ours = has_column(frame, "model", source) and has_column(frame, "score", source)
    if ours and not has_column(frame, score_column, source):
        score_column = "score"  # beside a laboratory's own table, which calls it otherwise
    if not has_column(frame, "model", source):
        label = name or (source if isinstance(table, pd.DataFrame) else printable(Path(table).stem))
        scores = read_column(
            frame, column=score_column, id_column=id_column, name=label, source=source
        )
        if isinstance(table, pd.DataFrame):
            return [scores]
        beside = read_beside(table)
        identity = about_model(beside.models, label, named=name is not None)
        unused = () if identity else warn_of_unused(beside.models, [label], beside.file)
        doubts = (*scores.doubts, *beside.doubts, *unused)
        return [replace(scores, identity=identity, doubts=doubts)]
    if name:
        raise MemnetError(
            f"{source} has a column 'model', which names its models, so that it cannot be called "
            f"{name!r}; give it without a name, or remove the column."
        )
    if isinstance(table, pd.DataFrame):  # `Predictor.score` writes there what a sidecar holds
        beside = Beside(table.attrs.get("models", {}))
    else:
        beside = read_beside(table)
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
        if ours:  # a table of trials has the score of a picture in each row that shows it
            rows = rows.drop_duplicates([id_column, score_column])
        scores = read_column(
            rows,
            column=score_column,
            id_column=id_column,
            name=label,
            variant=str(variant),
            source=source,
        )
        models.append(replace(scores, identity=beside.models.get(label)))
    doubts = (*beside.doubts, *warn_of_unused(beside.models, [m.name for m in models], beside.file))
    if models:  # a table may have a head and no rows
        models[0] = replace(models[0], doubts=(*models[0].doubts, *doubts))
    return models


class Beside(NamedTuple):
    """What the file beside a table says of each model, and what is wrong with that file."""

    models: dict[str, Any]
    file: str = ""
    doubts: tuple[Caution, ...] = ()


def read_beside(table: str | os.PathLike[str]) -> Beside:
    """Read the file beside a score table; without one, its models are known by name only.

    Raises
    ------
    MemnetError
        if it was written by hand, and says what cannot be meant.
    """
    path = split_sheet(table)[0]
    file = sidecar_path(path).name
    try:
        models: dict[str, Any] = read_sidecar(path)["models"]
    except FileNotFoundError:
        return Beside({})
    except (OSError, ValueError) as error:
        if is_truth_manifest(path):
            return Beside({})
        sentence = (
            f"{file} cannot be read as the file beside a score table ({words_of(error)}), so what "
            f"it may say of the training data is not known; mend it, or remove it."
        )
        return Beside({}, file, (Caution(sentence, "sidecar"),))
    check_by_hand(models, file)
    return Beside(models, file)

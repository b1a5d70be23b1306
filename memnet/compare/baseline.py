"""What models may add to: other models of the comparison, or columns beside the human scores."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from memnet.compare.labels import ROUNDED_LABELS
from memnet.compare.record import CONTAMINATION, Increment
from memnet.data.columns import read_column
from memnet.data.tables import TableInput, frame_and_name
from memnet.errors import MemnetError
from memnet.stats.increment import NOTHING_LEFT, increments, left_by_others
from memnet.stats.resampling import Draws
from memnet.util.arrays import Array
from memnet.util.text import printable, shorten_list

FOLLOWS = "the predictions follow from the baseline"
"""Why a model that is the baseline in other numbers has no increment."""

_FEW = 5  # pictures, of which counts may by chance look like those behind the scores


def read_baseline(
    names: Sequence[str],
    table: TableInput,
    predictions: Mapping[str, Array],
    *,
    truth_column: str,
    id_column: str,
    ids: Sequence[str],
    counts: Collection[str] = (),
) -> tuple[dict[str, Array], list[str]]:
    """Return the numbers of a baseline, and what is doubtful about them.

    Parameters
    ----------
    names : models of the comparison, or columns of the table with the human scores.
    table, truth_column, id_column : that table, its human scores and ids.
    predictions : model -> float64 ``(N,)``.
    ids : the pictures compared, N of them.
    counts : columns with the counts that the human scores are made of.

    Returns
    -------
    tuple
        name -> float64 ``(N,)``, none without names; sentences.

    Raises
    ------
    MemnetError
        if a name is neither, or both, or the human scores or their counts; a picture has no number;
        a column is constant or follows from the others; or no model is left to be added.
    """
    if not names:
        return {}, []
    baseline: dict[str, Array] = {}
    doubts: list[str] = []
    frame, source = frame_and_name(table, "the table with the human scores")
    columns = set(map(str, frame.columns))
    for name in dict.fromkeys(names):
        if name in predictions and name in columns:
            raise MemnetError(
                f"--beyond {printable(name)} is both a model and a column of {source}; rename "
                "one of them."
            )
        if name in predictions:
            baseline[name] = predictions[name]
        elif name == truth_column:
            raise MemnetError(f"--beyond {printable(name)} are the human scores themselves.")
        elif name in counts:
            raise MemnetError(
                f"--beyond {printable(name)} is a column of counts of the human scores, which are "
                "made of it; name a column that does not come from the answers."
            )
        elif name in columns and (other := _counted_in(frame, name, truth_column)):
            raise MemnetError(
                f"--beyond {printable(name)} is a column of counts of the human scores, which are "
                f"made of it and {other!r}; name a column that does not come from the answers."
            )
        elif name in columns:
            scores = read_column(frame, column=name, id_column=id_column, source=source)
            values = scores.by_id.reindex(list(ids)).to_numpy(dtype=np.float64)
            missing = [ids[row] for row in np.flatnonzero(np.isnan(values)).tolist()]
            if missing:
                raise MemnetError(
                    f"{source} needs a number in column {name!r} for every picture compared, and "
                    f"{len(missing):,} have none ({shorten_list(missing, 3)}); fill their cells, "
                    "or leave out their rows."
                )
            baseline[name] = values
            doubts += scores.doubts
        else:
            raise MemnetError(
                f"--beyond {printable(name)} is neither a model of this comparison "
                f"({shorten_list(predictions)}) nor a column of {source}."
            )
    if not set(predictions) - set(baseline):
        raise MemnetError(
            f"All models ({shorten_list(predictions)}) are in the baseline, and none is left to "
            "be added; name fewer with --beyond."
        )
    if left_by_others(list(baseline.values())) < NOTHING_LEFT:
        raise MemnetError(
            f"In the baseline {shorten_list(baseline)} a column is the same for all pictures, or "
            "follows from the others; leave it out."
        )
    return baseline, doubts


def beyond_baseline(
    truth: Array,
    baseline: Mapping[str, Array],
    predictions: Mapping[str, Array],
    words: Mapping[str, str],
    draws: Draws,
    *,
    level: float,
) -> list[Increment]:
    """Return what each model that is not in the baseline adds to it.

    Parameters
    ----------
    truth : float64 ``(N,)``.
    baseline, predictions : name -> float64 ``(N,)``.
    words : model -> its contamination.
    draws, level : of the intervals.
    """
    if not baseline:
        return []
    models = {name: values for name, values in predictions.items() if name not in baseline}
    within = [words[name] for name in baseline if name in words]
    rows = increments(truth, baseline, models, draws, level=level)
    for row in rows:
        if row["increment"] is None and _follows(models[row["model"]], baseline, truth):
            row["reason"] = FOLLOWS
    return [
        Increment(
            **row,
            n=len(truth),
            level=level,
            method=draws.method,
            resamples=draws.resamples,
            seed=draws.seed,
            contamination=max([words[row["model"]], *within], key=CONTAMINATION.index),
        )
        for row in rows
    ]


def _follows(prediction: Array, baseline: Mapping[str, Array], truth: Array) -> bool:
    """Whether predictions that differ, as human scores do, are the baseline in other numbers."""
    if np.ptp(prediction) == 0 or np.ptp(truth) == 0:
        return False
    return left_by_others([*baseline.values(), prediction]) < NOTHING_LEFT


def _counted_in(frame: pd.DataFrame, name: str, truth_column: str) -> str:
    """Name the other column with which a column of counts makes the human scores; "" for none.

    They are the share of one in the other, or what is left of 1.
    """
    counts, truth = _numbers(frame, name), _numbers(frame, truth_column)
    if not _are_counts(counts):
        return ""
    for other in frame.columns:
        others = _numbers(frame, other)
        if other in (name, truth_column) or not _are_counts(others):
            continue
        low, high = (counts, others) if np.nansum(counts) < np.nansum(others) else (others, counts)
        with np.errstate(divide="ignore", invalid="ignore"):
            share, of_both = low / high, low / (low + high)
            apart = [np.abs(s - truth) for s in (share, 1 - share, of_both, 1 - of_both)]
        for each in apart:
            known = each[np.isfinite(each)]
            if len(known) > _FEW and (known <= ROUNDED_LABELS).all():
                return str(other)
    return ""


def _numbers(frame: pd.DataFrame, name: object) -> Array:
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)


def _are_counts(values: Array) -> bool:
    known = values[np.isfinite(values)]
    return len(known) > _FEW and bool((known == np.floor(known)).all()) and bool(known.max() > 1)

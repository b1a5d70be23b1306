"""What human scores are made of: counts of answers, or the answers of single participants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from memnet.compare.comparison_input import NO_COLUMNS
from memnet.data.matching import Joined
from memnet.data.tables import TableInput, split_sheet
from memnet.data.trials import read_answers
from memnet.errors import MemnetError
from memnet.stats.participants import Measure
from memnet.stats.recognition import MEASURES, Answers
from memnet.util.text import shorten_list

_FEW_WRONG = 0.05  # of the labels may be typing errors; more are another kind of label
ROUNDED_LABELS = 0.006  # labels rounded to two decimals are still hits / responses


def read_counts(
    joined: Joined, extras: pd.DataFrame, manifest: Mapping[str, Any]
) -> tuple[Any | None, Any | None, Any | None, str]:
    """Return hits, responses and (of corrected labels) false alarms, or why there are none."""
    if "hits" not in extras:
        return None, None, None, NO_COLUMNS
    hits, responses = extras["hits"].to_numpy(), extras["responses"].to_numpy()
    apart = np.abs(hits / responses - joined.truth)
    wrong = np.flatnonzero(apart > ROUNDED_LABELS)
    if not len(wrong):
        return hits, responses, None, ""
    if "false_alarms" in extras:
        false_alarms = extras["false_alarms"].to_numpy()
        corrected = (hits - false_alarms) / responses
        if (false_alarms <= responses).all() and np.allclose(
            corrected, joined.truth, rtol=0, atol=ROUNDED_LABELS
        ):
            return hits, responses, false_alarms, ""
    if len(wrong) <= _FEW_WRONG * len(apart):
        named = [
            f"{joined.ids[row]} ({hits[row]} of {responses[row]}, and a score of "
            f"{joined.truth[row]:.6g})"
            for row in wrong.tolist()
        ]
        why = (
            f"{len(wrong):,} of {len(apart):,} human scores are not hits / responses: "
            f"{shorten_list(named, 3)}; mend or leave out these rows"
        )
        return None, None, None, why
    kind = f" ({manifest['label_kind']})" if manifest.get("label_kind") else ""
    return (
        None,
        None,
        None,
        f"the human scores{kind} are not hits / responses (they differ by up to "
        f"{apart.max():.2g}), so their noise is not binomial",
    )


def find_answers(
    table: TableInput, manifest: Mapping[str, Any], column: str, joined: Joined
) -> tuple[Answers | None, Measure | None]:
    """Return what single participants answered to the pictures, where `memnet responses` kept it.

    Raises
    ------
    MemnetError
        if the file is missing or damaged, or its answers do not give the human scores.
    """
    measure = MEASURES.get(column)
    if not manifest.get("answers") or measure is None or isinstance(table, pd.DataFrame):
        return None, None
    path = split_sheet(table)[0].parent / manifest["answers"]
    frame = read_answers(path)
    place = pd.Index(joined.ids).get_indexer(pd.Index(frame["image_id"]))
    frame, place = frame[place >= 0], place[place >= 0]
    who, people = pd.factorize(frame["participant"], sort=True)
    answers = Answers(
        who,
        place,
        frame["old"].to_numpy(dtype=bool),
        frame["yes"].to_numpy(dtype=bool),
        (len(people), len(joined.ids)),
    )
    if not np.allclose(measure(answers.sums()), joined.truth, atol=ROUNDED_LABELS):
        raise MemnetError(
            f"The answers in {path} do not give the human scores in {table}; run `memnet "
            "responses` again, or delete the manifest to use the table as your own."
        )
    return answers, measure

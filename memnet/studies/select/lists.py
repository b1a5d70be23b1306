"""Lists of trials that PsychoPy and jsPsych read: a row per picture, in random order."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from memnet.studies.select.selection import Selection
from memnet.util.arrays import AnyArray

_OWN = ("stimulus", "image_id", "group", "role")


def make_lists(selection: Selection, count: int) -> list[pd.DataFrame]:
    """Make counterbalanced lists of trials.

    Every list has all chosen pictures, in an order of its own. With two lists or more each picture
    is ``new`` in one list and ``old`` in the others, so that over all participants every picture is
    a target and a lure; each list has as many new pictures of each group, as far as they can be
    divided, and the two pictures of a pair have one role.

    Parameters
    ----------
    selection : what was chosen.
    count : number of lists.

    Returns
    -------
    list of DataFrame
        with columns whose names are Python's: ``stimulus`` (the path; the id where no path is
        known), ``image_id``, ``group``, ``role`` (not of a single list), ``pair`` or ``level``,
        ``score`` (of several predictors, a column each) and the categories.
    """
    random = np.random.default_rng(selection.settings.seed)
    table = _trials(selection)
    turn = _turns(selection, count, random)
    lists = []
    for number in range(count):
        trials = table.copy()
        if count > 1:
            trials.insert(3, "role", np.where(turn == number, "new", "old"))
        lists.append(trials.iloc[random.permutation(len(trials))].reset_index(drop=True))
    return lists


def _trials(selection: Selection) -> pd.DataFrame:
    """Return a row per chosen picture, group by group."""
    candidates, settings = selection.candidates, selection.settings
    places = np.concatenate(list(selection.groups.values()))
    ids = [candidates.ids[place] for place in places]
    columns: dict[str, Sequence[object] | AnyArray] = {
        "stimulus": [candidates.paths[place] or candidates.ids[place] for place in places],
        "image_id": ids,
        "group": [name for name, rows in selection.groups.items() for _ in rows],
    }
    if settings.kind == "pairs":
        columns["pair"] = [n for rows in selection.groups.values() for n in range(1, len(rows) + 1)]
    if settings.kind == "levels":
        per_group = zip(settings.levels, selection.groups.values(), strict=True)
        columns["level"] = [level for level, rows in per_group for _ in rows]
    one = len(candidates.score_names) == 1
    for at, name in enumerate(candidates.score_names):
        columns[_free("score" if one else name, columns)] = candidates.scores[places, at]
    for at, name in enumerate(candidates.category_names):
        columns[_free(name, columns)] = candidates.categories[places, at]
    return pd.DataFrame(columns)


def _turns(selection: Selection, count: int, random: np.random.Generator) -> AnyArray:
    """Return for each picture the list in which it is new."""
    if selection.settings.kind == "pairs":
        by_pair = random.permutation(np.arange(selection.settings.k) % count)
        return np.tile(by_pair, len(selection.groups))
    first = 0  # where groups cannot be divided evenly, the next one begins with another list
    turns: list[AnyArray] = []
    for rows in selection.groups.values():
        turns.append(random.permutation((first + np.arange(len(rows))) % count))
        first += len(rows)
    whole: AnyArray = np.concatenate(turns)
    return whole


def _free(name: str, taken: dict[str, object] | dict[str, Sequence[object] | AnyArray]) -> str:
    """Make a name that Python takes, and that no other column has.

    Examples
    --------
    >>> _free("resmem.published", {}), _free("2nd", {}), _free("group", {"group": []})
    ('resmem_published', '_2nd', 'group_2')
    """
    name = re.sub(r"\W", "_", name)
    if name[:1].isdigit() or keyword.iskeyword(name) or not name:
        name = f"_{name}"
    free, number = name, 2
    while free in taken or free in _OWN:
        free, number = f"{name}_{number}", number + 1
    return free

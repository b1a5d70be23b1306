"""``memnet select``: pictures chosen for a study."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from memnet.compare.record import RunRecord
from memnet.data.inputs import Inputs
from memnet.data.pictures import collect
from memnet.data.tables import TableInput, name_of
from memnet.errors import MemnetError, unknown_name
from memnet.stats.selection import (
    CannotBe,
    Chosen,
    Matching,
    OutOfTime,
    choose_groups,
    choose_pairs,
    choose_spread,
    split,
)
from memnet.studies.select.balance import list_balance, list_categories, list_spread
from memnet.studies.select.candidates import find_candidates
from memnet.studies.select.expected import expect
from memnet.studies.select.result import require_own, write_selection
from memnet.studies.select.selection import Candidates, Selection, SelectSettings
from memnet.util.arrays import Array
from memnet.util.checks import as_names, require_whole
from memnet.util.clock import utc_now
from memnet.util.text import join_names, shorten_list

KINDS = ("extremes", "levels", "spread", "pairs", "split")
_TOLERANCE = 0.1
_PAIR_TOLERANCE = 0.5
_SETS = 2
_PROVABLE = ("extremes", "levels", "pairs")
_NEAR = 0.005
"""A choice that may miss the best by less per picture is told of in the methods paragraph alone."""

_ONE_SCORE = ("levels", "spread", "pairs")


def select(
    table: TableInput,
    *,
    score: str | Sequence[str] = (),
    k: int | None = None,
    kind: str = "",
    levels: Sequence[float] = (),
    match: str | Sequence[str] | Mapping[str, float | None] = (),
    exact: str | Sequence[str] = (),
    sets: int = 2,
    include: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
    others: Sequence[TableInput] = (),
    id_column: str = "image_id",
    images: str | os.PathLike[str] | None = None,
    seed: int = 0,
    lists: int = 2,
    calibration: str | os.PathLike[str] | None = None,
    dataset: str = "",
    out: str | os.PathLike[str] | None = None,
    command: str = "memnet.select(...)",
) -> Selection:
    """Choose pictures for a study by their scores, alike in everything else.

    Parameters
    ----------
    table : a row per picture with scores, or a score table of ``memnet score``.
    score : the column of scores, or several: high by all of them. Of a score table, names of
        models; it may be left out where there is one.
    k : pictures per group; pairs; pictures in all of a spread; pictures per set (None: all).
    kind : ``"extremes"`` (k high and k low), ``"levels"`` (k at each level), ``"spread"`` (k evenly
        spaced scores), ``"pairs"`` (k pairs, a high and a low one each) or ``"split"`` (sets that
        are alike). Without it ``"levels"`` where ``levels`` are given, else ``"extremes"``.
    levels : scores.
    match : columns in which groups are to be alike; with a tolerance each where it is a mapping, in
        SDs of the candidates (0.1 between means; 0.5 between the pictures of a pair).
    exact : columns of categories that are equally frequent in all groups; of a pair, the same.
    sets : number of sets of a split.
    include, exclude : rules such as ``"width >= 400"`` and ``"category = animal"``.
    others : more tables of the same pictures, joined by id.
    id_column : the column with the ids; ``image_id`` where a table lacks it.
    images : the pictures, for digests and the contact sheet.
    seed : settles what is open: ties, and the order of the lists.
    lists : lists of trials to write.
    calibration : ``record.json`` of ``memnet compare`` with this model, for what to expect of
        people.
    dataset : name of the pictures' data set.
    out : folder for ``selection.csv``, ``selection.json``, ``report.html`` and ``lists/``; None
        writes nothing.
    command : what the record says was run.

    Returns
    -------
    Selection
        ``print`` it for the groups in words.

    Raises
    ------
    MemnetError
        if a table cannot be read, a column is missing, or no such choice can be made; then it says
        what stands in the way, and how many could be chosen.

    Examples
    --------
    >>> import pandas as pd
    >>> scores = pd.DataFrame({"image_id": list("abcdef"), "score": [0.9, 0.5, 0.8, 0.3, 0.6, 0.2]})
    >>> chosen = select(scores, score="score", k=2)
    >>> chosen.ids
    {'high': ['a', 'c'], 'low': ['d', 'f']}
    """
    kind = kind or ("levels" if levels else "extremes")
    settings = _settings(kind, k, levels, sets, seed, dataset, match)
    require_whole("lists", lists, 1)
    score, exact = as_names(score), tuple(dict.fromkeys(as_names(exact)))
    if out is not None:
        require_own(Path(out), [table, *others])
    measured = None if calibration is None else RunRecord.read(Path(calibration))
    inputs = collect([os.fspath(images)]) if images is not None else None
    candidates = find_candidates(
        table,
        score=score,
        match=list(settings.tolerances),
        exact=exact,
        include=as_names(include),
        exclude=as_names(exclude),
        others=others,
        id_column=id_column,
        images=inputs,
    )
    if kind in _ONE_SCORE and len(candidates.score_names) > 1:
        raise MemnetError(
            f"--kind {kind} takes one score, and there are {len(candidates.score_names)}: "
            f"{shorten_list(candidates.score_names)}."
        )
    chosen, notes = _choose(candidates, settings)
    total = sum(map(len, chosen.groups))
    if lists > total:
        raise MemnetError(
            f"--lists {lists:,}: each picture is new in one list, and {total:,} pictures are "
            f"chosen; take {total:,} lists or fewer."
        )
    packed = [path for path in candidates.paths if path and not os.path.isfile(path)]
    if out is not None and packed:
        notes.append(
            f"{len(packed):,} path(s) are no files that are there now, such as {packed[0]}: unpack "
            "pictures of archives, so that the programs of experiments can open them."
        )
    if out is not None and not all(candidates.paths):
        notes.append(
            "Where no path is known, the lists name pictures by their ids (--images FOLDER says "
            "where they are)."
        )
    selection = Selection(
        candidates=candidates,
        settings=settings,
        groups=dict(zip(_names(settings), chosen.groups, strict=True)),
        objective=chosen.objective,
        bound=chosen.bound,
        notes=notes,
        command=command,
        created=utc_now(),
        options={
            "table": name_of(table),
            "others": [name_of(other) for other in others],
            "id_column": id_column,
            "score": candidates.score_names,
            "kind": kind,
            "k": k,
            "levels": list(settings.levels),
            "match": settings.tolerances,
            "exact": list(exact),
            "sets": sets if kind == "split" else None,
            "include": list(as_names(include)),
            "exclude": list(as_names(exclude)),
            "images": None if images is None else os.fspath(images),
            "seed": seed,
            "lists": lists,
            "calibration": None if calibration is None else os.fspath(calibration),
            "dataset": dataset,
        },
    )
    selection = replace(
        selection,
        balance={
            "groups": list_balance(selection),
            "categories": list_categories(selection),
            "spread": list_spread(selection) if kind == "spread" else [],
        },
        expected=expect(selection, measured),
    )
    if out is not None:
        from memnet.studies.select.page import write_report  # what draws is imported only here

        pictures = _pictures(inputs, candidates)
        write_selection(selection, Path(out))
        write_report(selection, Path(out), pictures, measured)
    return selection


def _settings(
    kind: str,
    k: int | None,
    levels: Sequence[float],
    sets: int,
    seed: int,
    dataset: str,
    match: str | Sequence[str] | Mapping[str, float | None],
) -> SelectSettings:
    """Check what was asked for."""
    if kind not in KINDS:
        raise unknown_name("kind of selection", kind, KINDS)
    if k is None and kind != "split":
        raise MemnetError("Say how many pictures are wanted (--k).")
    if k is not None:
        require_whole("k", k, 2 if kind == "spread" else 1)
    require_whole("seed", seed, 0)
    require_whole("sets", sets, 2)
    if sets != _SETS and kind != "split":
        raise MemnetError(f"--sets is for --kind split; --kind {kind} has no sets.")
    if (kind == "levels") != bool(levels):
        raise MemnetError(
            "--kind levels needs the levels (--levels .5,.7,.9)."
            if kind == "levels"
            else f"--levels are not for --kind {kind}; leave one of them out."
        )
    if len(set(levels)) < len(levels) or (levels and len(levels) < 2):
        raise MemnetError("--levels needs two different levels or more, as in --levels .5,.7,.9.")
    default = _PAIR_TOLERANCE if kind == "pairs" else _TOLERANCE
    given = match if isinstance(match, Mapping) else dict.fromkeys(as_names(match))
    tolerances = {
        column: default if value is None else float(value) for column, value in given.items()
    }
    for column, value in tolerances.items():
        if not 0 < value < np.inf:
            raise MemnetError(
                f"The tolerance of {column!r} is {value:g}; it must be above 0 and finite, in "
                f"standard deviations (without one, {default:g})."
            )
    return SelectSettings(
        kind=kind,
        k=k or 0,
        tolerances=tolerances,
        levels=tuple(levels),
        sets=sets,
        seed=seed,
        dataset=dataset,
    )


def _names(settings: SelectSettings) -> list[str]:
    """Name the groups."""
    if settings.kind == "levels":
        return [f"level-{number}" for number in range(1, len(settings.levels) + 1)]
    if settings.kind == "split":
        return [f"set-{number}" for number in range(1, settings.sets + 1)]
    return ["spread"] if settings.kind == "spread" else ["high", "low"]


def _choose(candidates: Candidates, settings: SelectSettings) -> tuple[Chosen, list[str]]:
    """Choose; say where that cannot be done."""
    z, same_scores = _standardise(candidates.scores)
    if settings.kind != "split" and any(same_scores):
        name = candidates.score_names[same_scores.index(True)]
        raise MemnetError(
            f"All {len(z):,} candidates have the same {name}, so none is high and none is low; "
            "choose another --score, or other candidates."
        )
    covariates, constant = _standardise(candidates.covariates)
    notes = [
        f"All candidates have the same {name}: there was nothing to match."
        for name, same in zip(candidates.covariate_names, constant, strict=True)
        if same
    ]
    codes = [np.unique(column, return_inverse=True)[1] for column in candidates.categories.T]
    categories = np.array(codes, dtype=np.int64).T.reshape(len(z), len(codes))
    matching = Matching(
        covariates=covariates,
        tolerances=np.array(list(settings.tolerances.values())),
        categories=categories,
    )
    k, seed = settings.k, settings.seed
    groups = len(_names(settings))
    wanted = k * groups
    if wanted > len(z):
        raise MemnetError(
            f"{wanted:,} pictures are asked for ({groups} x {k:,}), and there are {len(z):,} to "
            f"choose from. {_left_out(candidates)}"
            + (f"Choose {len(z) // groups:,} or fewer (--k)." if len(z) >= groups else "")
        )
    if settings.kind == "split" and len(z) < groups:
        raise MemnetError(f"{len(z):,} picture(s) cannot make {groups} sets.")
    try:
        if settings.kind == "extremes":
            gain = np.column_stack([z.min(axis=1), -z.max(axis=1)])
            chosen = choose_groups(gain, k, matching, seed=seed)
            notes += _ties(candidates, gain, chosen, _names(settings))
        elif settings.kind == "levels":
            gain = -np.abs(candidates.scores[:, :1] - np.array(settings.levels))
            chosen = choose_groups(gain, k, matching, seed=seed)
            notes += _ties(candidates, gain, chosen, _names(settings))
            notes += _levels_outside(candidates, settings.levels)
        elif settings.kind == "pairs":
            chosen = choose_pairs(z[:, 0], k, matching, seed=seed)
        elif settings.kind == "spread":
            chosen = choose_spread(z[:, 0], k, matching, seed=seed)
        else:
            both = np.column_stack([z, covariates])
            chosen = split(both, settings.sets, k or None, categories, seed=seed)
    except CannotBe as reason:
        raise MemnetError(_why_not(reason, candidates, settings)) from None
    except OutOfTime:
        raise MemnetError(
            "No such choice was found in the time allowed; there may be one. Choose fewer or more "
            "(--k), match fewer columns, or allow more tolerance (--match COLUMN:0.2)."
        ) from None
    more = (chosen.bound - chosen.objective) / sum(map(len, chosen.groups))
    if settings.kind in _PROVABLE and more > _NEAR:
        unit = "" if settings.kind == "levels" else " SD of the score"
        notes.append(
            "Whether this is the very best choice was not proved: another may be better by "
            f"{more:.2g}{unit} per picture at most."
        )
    return chosen, notes


def _standardise(columns: Array) -> tuple[Array, list[bool]]:
    """Centre columns and divide by their SDs; say which have none."""
    if len(columns) < 2:
        return columns - columns.mean(axis=0), [True] * columns.shape[1]
    sds = columns.std(axis=0, ddof=1)
    constant = ~(sds > 1e-12 * np.abs(columns).max(axis=0, initial=0))
    standard = (columns - columns.mean(axis=0)) / np.where(constant, 1.0, sds)
    return np.where(constant, 0.0, standard), constant.tolist()


def _left_out(candidates: Candidates) -> str:
    count = len(candidates.left_out)
    return (
        f"{count:,} others are left out, by rules or since something is missing. " if count else ""
    )


def _why_not(reason: CannotBe, candidates: Candidates, settings: SelectSettings) -> str:
    """Say what stands in the way, and what could be chosen."""
    asked = {
        "extremes": f"{settings.k:,} high and {settings.k:,} low pictures",
        "levels": f"{settings.k:,} pictures at each of {len(settings.levels)} levels",
        "pairs": f"{settings.k:,} pairs of pictures",
        "spread": f"{settings.k:,} pictures spread over the scores",
        "split": f"{settings.sets} sets of pictures",
    }[settings.kind]
    names = [*candidates.covariate_names, *candidates.category_names]
    alike = f" that are alike in {join_names(names)}" if names else ""
    sentence = f"{asked} cannot be found{alike}, among {len(candidates.ids):,}."
    binding = [
        f"{name} (within {settings.tolerances[name]:g} SD)"
        if name in settings.tolerances
        else f"{name} ({'one category' if settings.kind == 'pairs' else 'equal counts'})"
        for name in (names[place] for place in reason.binding)
    ]
    if len(binding) == 1:
        sentence += f" What stands in the way is {binding[0]}: without it, there is a choice."
    elif binding:
        sentence += (
            f" Each of these stands in the way, and without any one of them there is a choice: "
            f"{', '.join(binding)}."
        )
    elif len(names) > 1 and reason.all_tried:
        sentence += " No one of them alone stands in the way: several do together."
    fewer = "pairs" if settings.kind == "pairs" else "pictures per group"
    if reason.most:
        at_most = "At most " if reason.proved else ""
        sentence += f" {at_most}{reason.most:,} {fewer} are possible (--k {reason.most})."
    else:
        sentence += (
            " Fewer are not possible either." if reason.proved else " Fewer may be possible."
        )
    if reason.more:
        sentence += f" {reason.more:,} are possible (--k {reason.more})."
    if settings.tolerances:
        more = 2 * max(settings.tolerances.values())
        sentence += f" Or allow more tolerance (--match COLUMN:{more:g})."
    return f"{sentence} Or match fewer columns." if names else sentence


def _levels_outside(candidates: Candidates, levels: Sequence[float]) -> list[str]:
    low, high = float(candidates.scores.min()), float(candidates.scores.max())
    outside = [f"{level:g}" for level in levels if not low <= level <= high]
    if not outside:
        return []
    return [
        f"No picture has a score of {join_names(outside, 'or')}: the candidates' run from "
        f"{low:.3g} to {high:.3g}. The nearest were chosen."
    ]


def _ties(candidates: Candidates, gain: Array, chosen: Chosen, names: Sequence[str]) -> list[str]:
    """Say where pictures that were not chosen are worth as much as the last that were."""
    notes = []
    free = np.ones(len(gain), dtype=bool)
    free[np.concatenate(chosen.groups)] = False
    for group, places in enumerate(chosen.groups):
        last = gain[places, group].min()
        tied = np.flatnonzero(free & (gain[:, group] == last))
        if len(tied):
            ids = [candidates.ids[place] for place in tied]
            inside = int((gain[places, group] == last).sum())
            notes.append(
                f"Ties: {len(tied) + inside:,} pictures are equally far at the border of "
                f"{names[group]}; {inside:,} of them were chosen, the others not "
                f"({shorten_list(ids)}). What is matched settled which, and else the seed."
            )
    return notes


def _pictures(inputs: Inputs | None, candidates: Candidates) -> dict[str, Any]:
    """Return id -> picture, for the contact sheet; those of --images, else of column path."""
    if inputs is not None:
        return {item.image_id: item.picture for item in inputs.items}
    files = zip(candidates.ids, candidates.paths, strict=True)
    return {image_id: path for image_id, path in files if path and os.path.isfile(path)}

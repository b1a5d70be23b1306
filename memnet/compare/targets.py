"""What the human scores of a comparison are, what its models estimate, and where the two differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memnet.data.manifest import MIXED, label_target
from memnet.data.targets import HIT_RATE, TARGETS, check_target, target_in_name, target_words
from memnet.errors import MemnetError
from memnet.util.caution import Caution
from memnet.util.text import join_names


def settle_target(
    asked: str,
    manifest: Mapping[str, Any],
    column: str,
    *,
    hits_column: str = "",
    false_alarms_column: str = "",
    counted: str = "",
) -> str:
    """Return what the human scores are, a name of ``TARGETS``; "" where nobody knows.

    Parameters
    ----------
    asked : what the user says, "" for nothing.
    manifest : of the table of human scores; empty where it has none.
    column : the column with them.
    hits_column, false_alarms_column : the columns with counts, "" for none.
    counted : what the counts were found to give: ``hit_rate`` for hits / responses, ``corrected``
        for (hits - false alarms) / responses, "" where there are none.

    Raises
    ------
    MemnetError
        if there is no such target, or manifest or counts say otherwise.
    """
    stated = label_target(manifest, column)
    mixed = column == manifest.get("truth_column") and manifest.get("label_kind") == MIXED
    if asked:
        check_target(asked)
        if mixed or (stated and asked != stated):
            what = f"of two kinds ({MIXED})" if mixed else target_words(stated)
            raise MemnetError(
                f"The table's manifest says that the human scores are {what}, and --target "
                f"{asked}; leave --target out, or delete the manifest if the table is your own."
            )
        if counted and asked not in _possible(counted, false_alarms_column):
            what = "hits" if counted == HIT_RATE else "(hits - false alarms)"
            raise MemnetError(
                f"The human scores are {what} / responses by the columns that were named, and not "
                f"{target_words(asked)}; leave --target out, or name other columns."
            )
        return asked
    if stated or mixed or not counted:
        return stated
    hints = {target_in_name(column), target_in_name(hits_column) or HIT_RATE}
    return counted if hints <= {"", HIT_RATE, counted} else ""


def _possible(counted: str, false_alarms_column: str) -> tuple[str, ...]:
    """Return what scores can be that counts of answers give; "hits" may be any answers "seen"."""
    if counted == HIT_RATE and not false_alarms_column:
        return (HIT_RATE, "false_alarm_rate")
    return (HIT_RATE, "corrected") if counted == HIT_RATE else (counted,)


def warn_of_targets(
    target: str, models: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any], column: str
) -> list[Caution]:
    """Say which models estimate something else than the human scores are, or are called.

    Parameters
    ----------
    target : of the human scores, "" where it is not known.
    models : of the record.
    manifest, column : of the human scores.
    """
    hint = target_in_name(column)
    if target and hint not in ("", target) and not label_target(manifest, column):
        return [
            Caution(
                f"The column of human scores is called {column}, as if it held "
                f"{target_words(hint)}, and was taken for {target_words(target)}: is it the right "
                "one?",
                "target-name",
            ),
            *_warn_of_other_targets(target, models, manifest, column),
        ]
    return _warn_of_other_targets(target, models, manifest, column)


def _warn_of_other_targets(
    target: str, models: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any], column: str
) -> list[Caution]:
    by_target: dict[str, list[str]] = {}
    for model in models:
        if model["target"] not in ("", target or HIT_RATE):
            by_target.setdefault(model["target"], []).append(model["name"])
    if not by_target:
        return []
    named = [
        f"{join_names(names)} predict{'s' if len(names) == 1 else ''} {target_words(other)}"
        for other, names in by_target.items()
    ]
    if not target:
        return [
            Caution(f"{join_names(named)}, but {_unknown(manifest, column)}.", "unknown-target")
        ]
    several = len(by_target) > 1 or len(next(iter(by_target.values()))) > 1
    others = len(models) > sum(map(len, by_target.values()))
    apart = ", and not called better or worse than the others" if others else ""
    return [
        Caution(
            f"{join_names(named)}; compared here with {target_words(target)}. "
            f"{'They' if several else 'It'} can be judged by {'their' if several else 'its'} "
            f"ranking (rho) only{apart}: MSE, bias, calibration and distributions mean nothing.",
            "crossed-target",
        )
    ]


def _unknown(manifest: Mapping[str, Any], column: str) -> str:
    if manifest.get("label_kind") == MIXED:
        return f"the human scores are of two kinds ({MIXED}): read the ranking, not the errors"
    hint = target_in_name(column)
    called = f"; the column is called {column}: --target {hint}" if hint else ""
    return (
        "what the human scores are is not known: say it with --target (in Python, target=), one of "
        f"{', '.join(TARGETS)}{called}"
    )

"""``memnet responses``: pictures' hit rates, false alarms, d' and A' from a table of trials."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from memnet.data.manifest import HIT_RATE, ID_COLUMN, digest_of, new_manifest
from memnet.data.sidecar import sidecar_path
from memnet.data.tables import TABLE_GIVEN, TableInput, split_sheet
from memnet.data.trials import Codebook, EmptyAnswers, Trials, read_trials
from memnet.errors import MemnetError
from memnet.stats.participants import LEAST_PARTICIPANTS
from memnet.stats.recognition import COUNTS, HALVES, MEASURES, Answers, Sums, split_half
from memnet.studies.responses.doubts import find_doubts, refuse_swapped
from memnet.util.atomic import write_text
from memnet.util.checks import require_whole
from memnet.util.clock import utc_now
from memnet.util.json_text import finite_or_none
from memnet.util.paths import is_same
from memnet.util.table_files import write_frame
from memnet.util.text import quoted, shorten_list
from memnet.util.versions import environment

PICTURES, PARTICIPANTS, ANSWERS = "pictures.csv", "participants.csv", "answers.parquet"
RECORD = "responses.json"
FILES = (RECORD, PICTURES, sidecar_path(Path(PICTURES)).name, PARTICIPANTS, ANSWERS)
"""What is written, in this order: what an interrupted run leaves is known by its record."""


@dataclass(frozen=True, kw_only=True)
class ResponseTables:
    """What :func:`responses` found.

    Attributes
    ----------
    pictures : a row per picture: ``image_id``, ``hits``, ``misses``, ``false_alarms``,
        ``correct_rejections``, ``n_old``, ``n_new``, ``hit_rate``, ``false_alarm_rate``,
        ``corrected``, ``d_prime``, ``a_prime``; NaN where a picture lacks the trials.
    participants : a row per participant: ``participant``, ``trials``, ``hit_rate``,
        ``false_alarm_rate``, ``vigilance`` (share right, NaN without such trials), ``left_out``
        (why, "" for those who are used).
    record : counts, rules, exclusions, ``doubts``, what looks wrong, and ``split_half``,
        measure -> its reliability.
    answers : the trials that were used: ``participant``, ``image_id``, ``old``, ``yes``.
    """

    pictures: pd.DataFrame
    participants: pd.DataFrame
    record: dict[str, Any]
    answers: pd.DataFrame

    def __str__(self) -> str:
        return "\n".join([*describe(self.record), *self.record["doubts"]])


def responses(
    trials: TableInput,
    *,
    participant: str,
    picture: str,
    response: str = "",
    correct: str = "",
    old: str = "",
    vigilance: str = "",
    yes: Sequence[object] | str | float = (),
    empty: EmptyAnswers = "",
    least_trials: int = 1,
    least_vigilance: float = 0.0,
    halves: int = HALVES,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    command: str = "memnet.responses(...)",
) -> ResponseTables:
    """Make a table of pictures of a table of trials.

    Parameters
    ----------
    trials : CSV, TSV, Excel or Parquet file, or a DataFrame: a row per trial.
    participant, picture, response, correct, old, vigilance, yes, empty : as for
        :class:`memnet.data.trials.Codebook`.
    least_trials : participants with fewer trials are left out.
    least_vigilance : participants with a smaller share of right answers to vigilance trials are
        left out, 0 to 1.
    halves, seed : random halves of the participants for the reliability.
    out : folder for ``pictures.csv`` with its manifest, ``participants.csv``, ``answers.parquet``
        and ``responses.json``; None writes nothing.
    command : what the record says was run.

    Raises
    ------
    MemnetError
        if the table cannot be read as trials, no participant is left, or ``out`` holds the table
        itself or files of others under these names.
    """
    require_whole("least_trials", least_trials, 1)
    require_whole("halves", halves, 1)
    require_whole("seed", seed, 0)
    if not 0 <= least_vigilance <= 1:
        raise MemnetError(f"least_vigilance is {least_vigilance:g}; it is a share, 0 to 1.")
    if least_vigilance and not vigilance:
        raise MemnetError("Say which column marks the vigilance trials (--vigilance).")
    codebook = Codebook(
        participant=str(participant),  # a number is no name, and refused as such
        picture=str(picture),
        response=str(response),
        correct=str(correct),
        old=str(old),
        vigilance=str(vigilance),
        yes=yes,
        empty=empty,
    )
    if out is not None:
        _keep_other_files(Path(out), trials)
    read = read_trials(trials, codebook)
    refuse_swapped(read, codebook)
    people = _participants(read, least_trials, least_vigilance)
    kept = (people["left_out"] == "").to_numpy(dtype=bool)
    if not kept.any():
        raise MemnetError(
            f"{read.source}: all {len(people):,} participants are left out by these rules "
            f"({shorten_list(dict.fromkeys(people['left_out']), 3)}); loosen them."
        )
    answers, used, seen = _answers(read, kept)
    table = _pictures([read.pictures[place] for place in seen], answers.sums())
    reliability = {
        name: split_half(answers, measure, halves=halves, seed=seed)
        for name, measure in MEASURES.items()
        if np.isfinite(table[name]).sum() > 1
    }
    record = {
        "created": utc_now(),
        "command": command,
        "source": Path(read.source).name if read.source != TABLE_GIVEN else read.source,
        "rows": read.rows,
        "trials": int(used.sum()),
        "participants": int(kept.sum()),
        "pictures": len(table),
        "examples": {
            "participant": people.loc[kept, "participant"].iloc[0],
            "picture": table[ID_COLUMN].iloc[0],
        },
        "design": _design(answers),
        "rules": {"least_trials": least_trials, "least_vigilance": least_vigilance},
        "left_out": people.loc[~kept, ["participant", "left_out"]].to_dict("records"),
        "read_as": list(read.assumed),
        "set_aside": list(read.set_aside),
        "doubts": find_doubts(read, used, codebook),
        "split_half": {
            name: {
                key: value if key == "reason" else finite_or_none(value)
                for key, value in (asdict(half) | {"by_chance": half.by_chance}).items()
            }
            for name, half in reliability.items()
        },
        "halves": halves,
        "seed": seed,
        "environment": environment(),
    }
    found = ResponseTables(
        pictures=table,
        participants=people,
        record=record,
        answers=pd.DataFrame(
            {
                "participant": np.array(read.participants, dtype=object)[read.who[used]],
                ID_COLUMN: np.array(read.pictures, dtype=object)[read.what[used]],
                "old": read.old[used],
                "yes": read.yes[used],
            }
        ),
    )
    if out is not None:
        _write(found, trials, Path(out))
    return found


def _participants(read: Trials, least_trials: int, least_vigilance: float) -> pd.DataFrame:
    """Count each participant's answers, and say who is left out, and why."""
    size = len(read.participants)

    def count(which: Any) -> Any:
        return np.bincount(read.who[which], minlength=size)

    with np.errstate(invalid="ignore", divide="ignore"):
        hit_rate = count(read.old & read.yes & ~read.flag) / count(read.old & ~read.flag)
        false_alarms = count(~read.old & read.yes & ~read.flag) / count(~read.old & ~read.flag)
        attentive = count((read.old == read.yes) & read.flag) / count(read.flag)
    trials = count(~read.flag)
    why = []
    for number, share in zip(trials.tolist(), attentive.tolist(), strict=True):
        reasons = []
        if number < least_trials:
            reasons.append(f"{number:,} trials, fewer than {least_trials:,}")
        if share < least_vigilance:
            reasons.append(
                f"{share:.0%} of the vigilance trials right, less than {least_vigilance:.0%}"
            )
        why.append("; ".join(reasons))
    return pd.DataFrame(
        {
            "participant": read.participants,
            "trials": trials,
            "hit_rate": hit_rate,
            "false_alarm_rate": false_alarms,
            "vigilance": attentive,
            "left_out": why,
        }
    )


def _pictures(names: Sequence[str], sums: Sums) -> pd.DataFrame:
    counts = {name: getattr(sums, name).astype(np.int64) for name in COUNTS}
    return pd.DataFrame(
        {
            ID_COLUMN: names,
            "hits": counts["hits"],
            "misses": counts["n_old"] - counts["hits"],
            "false_alarms": counts["false_alarms"],
            "correct_rejections": counts["n_new"] - counts["false_alarms"],
            "n_old": counts["n_old"],
            "n_new": counts["n_new"],
            **{name: measure(sums) for name, measure in MEASURES.items()},
        }
    )


def _answers(read: Trials, kept: Any) -> tuple[Answers, Any, Any]:
    """Return the answers of participants who are kept, which trials these are, which pictures."""
    used = kept[read.who] & ~read.flag
    seen = np.unique(read.what[used])
    if not len(seen):
        raise MemnetError(f"{read.source}: no trial is left but vigilance trials.")
    answers = Answers(
        (np.cumsum(kept) - 1)[read.who[used]],
        np.searchsorted(seen, read.what[used]),
        read.old[used],
        read.yes[used],
        (int(kept.sum()), len(seen)),
    )
    return answers, used, seen


def _design(answers: Answers) -> dict[str, Any]:
    """Say who saw what: whether all participants saw all pictures, and how many saw each."""
    saw = ((answers.tables["n_old"] + answers.tables["n_new"]) > 0).astype(np.int64)
    per_picture, per_participant = saw.sum(axis=0), saw.sum(axis=1)
    return {
        "crossed": bool(saw.nnz == saw.shape[0] * saw.shape[1]),
        "participants_per_picture": [int(per_picture.min()), int(per_picture.max())],
        "pictures_per_participant": [int(per_participant.min()), int(per_participant.max())],
    }


def describe(record: dict[str, Any]) -> list[str]:
    """Say in sentences what was found."""
    design = record["design"]
    low, high = design["participants_per_picture"]
    crossed = (
        "every participant saw every picture"
        if design["crossed"]
        else "each picture was seen by "
        + (f"{low:,} to " if low < high else "")
        + _count(high, "participant")
    )
    person, picture = (quoted(record["examples"][each]) for each in ("participant", "picture"))
    lines = [
        f"{_count(record['trials'], 'trial')} of {_count(record['participants'], 'participant')} "
        f"(such as {person}) with {_count(record['pictures'], 'picture')} (such as {picture}); "
        f"{crossed}."
    ]
    if record["left_out"]:
        lines.append(f"{_count(len(record['left_out']), 'participant')} left out.")
    return lines + [
        f"{name}: {_agreement(values, record['participants'])}"
        for name, values in record["split_half"].items()
    ]


def _agreement(half: dict[str, Any], participants: int) -> str:
    """Say how far two halves agree, and what that shows of the measure."""
    if half["spearman"] is None:
        return f"no split-half correlation is defined: {half['reason']}."
    agree = (
        f"two halves of the participants agree at rho = {half['spearman']:.3f} (mean of "
        f"{_count(half['halves'], 'halving')})"
    )
    if participants < LEAST_PARTICIPANTS:
        return (
            f"{agree}; {participants} participants are too few to say whether this measure holds "
            "reliable differences between the pictures."
        )
    if half["spearman"] <= half["by_chance"]:
        return (
            f"not shown to hold reliable differences between the pictures: {agree}, and chance "
            f"alone gives up to {half['by_chance']:.3f} with {_count(half['pictures'], 'picture')}."
        )
    return f"{agree}; Spearman-Brown gives {half['spearman_brown']:.3f} for all of them."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _keep_other_files(folder: Path, trials: TableInput) -> None:
    """Raise ``MemnetError`` where a file would be written over that no earlier run has written."""
    there = [path for name in FILES if (path := folder / name).exists()]
    if isinstance(trials, str | os.PathLike):
        for path in there:
            if is_same(path, split_sheet(trials)[0]):
                raise MemnetError(
                    f"{path} is read, and would be written over; choose another --out."
                )
    if there and not (folder / RECORD).exists():
        raise MemnetError(
            f"{there[0]} exists and was not written by `memnet responses`; choose another --out."
        )


def _write(found: ResponseTables, trials: TableInput, folder: Path) -> None:
    sources = {}
    if not isinstance(trials, pd.DataFrame):
        file = split_sheet(trials)[0]
        sources = {file: digest_of(file)}
    usable = found.pictures["n_old"] > 0
    truth = found.pictures[usable].rename(columns={"hit_rate": "human_score"})
    manifest = new_manifest(
        truth,
        dataset="",
        label_kind=HIT_RATE,
        sources=sources,
        rule="hits / repeats, by memnet responses",
        truth_column="hit_rate",
        hits_column="hits",
        responses_column="n_old",
        false_alarms_column="false_alarms",
        answers=ANSWERS,
    )
    path = folder / PICTURES
    write_text(folder / RECORD, json.dumps(found.record, indent=1, ensure_ascii=False) + "\n")
    write_frame(found.pictures, path)
    write_text(sidecar_path(path), json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    write_frame(found.participants, folder / PARTICIPANTS)
    write_frame(found.answers, folder / ANSWERS)

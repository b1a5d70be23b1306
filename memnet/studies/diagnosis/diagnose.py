"""``memnet diagnose``, and :func:`memnet.diagnose`: read the column, run the variants, decide."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from memnet.data.matching import MATCH_RULES
from memnet.data.tables import TableInput
from memnet.errors import MemnetError
from memnet.studies.diagnosis.column import OldColumn, match_pictures, read_old_column
from memnet.studies.diagnosis.decision import FEWEST, decide_variant
from memnet.studies.diagnosis.fingerprint import fingerprint
from memnet.studies.diagnosis.meaning import command_for_migration
from memnet.studies.diagnosis.result import RECORD, Diagnosis, without_pictures
from memnet.util.checks import require_whole

if TYPE_CHECKING:
    from memnet.data.inputs import Item

MODEL = "memnet.caffe_lamem"


def diagnose(
    scores: TableInput | OldColumn,
    *,
    score_column: str = "score",
    id_column: str = "image_id",
    images: str | os.PathLike[str] | None = None,
    match: str = "exact",
    model: str = MODEL,
    sample: int = 200,
    seed: int = 0,
    device: str = "auto",
    out: str | os.PathLike[str] | None = None,
    report: Callable[[str], None] | None = None,
    command: str = "memnet.diagnose(...)",
) -> Diagnosis:
    """Find out which variant of MemNet made an old column of scores, as ``memnet diagnose`` does.

    Parameters
    ----------
    scores : the old table: CSV, TSV, Excel or Parquet file, or a DataFrame.
    score_column : its column of scores.
    id_column : its column of picture ids.
    images : the pictures: a folder, a glob or a manifest. With them every known variant is run and
        compared with the column; without them, only the numbers give a first guess.
    match : how the column's ids are matched with the pictures' (which the ids of the answer are
        not): ``"exact"``, letter for letter; ``"basename"``, by file name; ``"stem"``, by
        file name without ending; ``"normalised"``, besides in one letter case and one
        Unicode form, %20 and no-break spaces as spaces. Ids that could be several are refused.
    model : the original MemNet: a name or a ``.safetensors`` file.
    sample : at most this many pictures are used, drawn at random; at least 10.
    seed : of the draw and of the shuffled columns.
    device : ``"auto"``, ``"cpu"``, ``"cuda"``, ...
    out : folder for the page, ``diagnosis.html``, and ``diagnosis.json``, which ``memnet migrate``
        takes over; None writes nothing.
    report : called with each message as it arises: ids that do not match, pictures that fail.
    command : what the page says was run.

    Returns
    -------
    Diagnosis
        ``print`` it for the verdict in words; ``verdict`` is a slug (``memnet variants`` lists
        them) or None, ``equivalent`` what cannot be told apart from it, ``effect`` what the variant
        did to the picture, ``meaning`` what that means for the study, ``next_command`` the
        ``memnet migrate`` that goes on from here.

    Raises
    ------
    MemnetError
        if a file or column is missing, fewer than 10 usable rows have a picture, or the model is
        no MemNet of the original's layout.

    Examples
    --------
    >>> import memnet, pandas as pd
    >>> old = pd.DataFrame({"image_id": [f"{i}.jpg" for i in range(12)],
    ...                     "memnet": [0.62, 0.91, 1, 0.48, 1, 0.75, 0.83, 0, 0.69, 0.77, 0.94, 1]})
    >>> diagnosis = memnet.diagnose(old, score_column="memnet")
    >>> diagnosis.verdict is None
    True
    >>> diagnosis.fingerprint.share_1
    0.25
    """
    require_whole("sample", sample, FEWEST)
    require_whole("seed", seed, 0)
    tell = report or (lambda message: None)
    if isinstance(scores, OldColumn):
        column = scores
    else:
        column = read_old_column(scores, id_column, score_column)
    for sentence in column.doubts:
        tell(sentence)
    if images is None:
        if match != "exact":
            raise MemnetError("--match is for the pictures; give them (--images), or leave it out.")
        guess = without_pictures(
            source=column.source,
            column=column.name,
            n=len(column.ids),
            fingerprint=fingerprint(column.texts),
            set_aside=column.set_aside,
            read_as=column.assumed,
            cautions=column.doubts,
            next_command=_with_pictures(column) if column.path else "",
        )
        return _written(replace(guess, command=command), out)
    items, unreadable = _choose_pictures(column, os.fspath(images), match, sample, seed, tell)

    from memnet.scoring.lazy_model import find_model
    from memnet.studies.variants.scores import score_variants

    outputs = score_variants(find_model(model, device), items)
    if outputs.cached:
        tell(f"{outputs.cached:,} of {len(items):,} pictures were known from the score cache")
    for image_id, reason in outputs.failed.items():
        tell(f"{image_id}: {reason}")
    result = decide_variant(column, outputs, seed=seed)
    cautions = _list_cautions([item for item in items if item.image_id not in outputs.failed])
    for sentence in cautions:
        tell(sentence)
    result = replace(
        result,
        failed=dict(outputs.failed),
        cautions=(*column.doubts, *cautions),
        complete=not (outputs.failed or unreadable),
        read_as=column.assumed,
        join_rule=MATCH_RULES[match].meaning,
        command=command,
        next_command=""
        if result.verdict is None or not column.path
        else command_for_migration(
            column.path,
            score_column=column.name,
            id_column=column.id_column,
            images=os.fspath(images),
            match=match,
            variant=result.verdict,
            diagnosis="" if out is None else str(Path(out) / RECORD),
        ),
    )
    return _written(result, out)


def _with_pictures(column: OldColumn) -> str:
    """Write the command that compares the column with every variant."""
    given = ["memnet", "diagnose", "--scores", str(column.path), "--score-column", column.name]
    if column.id_column != "image_id":
        given += ["--id-column", column.id_column]
    return shlex.join([*given, "--images", "FOLDER"])


def _written(diagnosis: Diagnosis, out: str | os.PathLike[str] | None) -> Diagnosis:
    """Write the page, where one is asked for."""
    if out is None:
        return diagnosis
    from memnet.studies.diagnosis.page import write_diagnosis

    return replace(diagnosis, page=write_diagnosis(diagnosis, Path(out)))


def _choose_pictures(
    column: OldColumn,
    images: str,
    match: str,
    sample: int,
    seed: int,
    tell: Callable[[str], None],
) -> tuple[list[Item], list[str]]:
    """Return the pictures to be scored, by the column's ids, and folders that were not listed."""
    from memnet.data.pictures import collect

    inputs = collect([images])
    for folder in inputs.unreadable:
        tell(f"folder not read: {folder}")
    ids, sentences = match_pictures(column, [item.image_id for item in inputs.items], match)
    for sentence in sentences:
        tell(sentence)
    shared = [
        replace(item, image_id=ids[item.image_id]) for item in inputs.items if item.image_id in ids
    ]
    if len(shared) < FEWEST:
        raise MemnetError(
            f"{column.source} has {len(shared)} usable row{'' if len(shared) == 1 else 's'} with a "
            f"picture; at least {FEWEST} are needed to tell variants apart."
        )
    if len(shared) > sample:
        drawn = np.random.default_rng(seed).choice(len(shared), size=sample, replace=False)
        tell(f"{sample} of {len(shared):,} pictures are used, drawn with seed {seed} (--sample)")
        shared = [shared[at] for at in sorted(drawn)]
    return shared, inputs.unreadable


def _list_cautions(scored: Sequence[Item]) -> list[str]:
    """Say what is special about the pictures; most of them grey matters to the verdict itself."""
    from memnet.studies.cautions import inspect_pictures

    sentences = []
    for caution in inspect_pictures(scored):
        sentences.append(caution.sentence)
        if caution.kind == "grey" and 2 * len(caution.ids) > len(scored):
            sentences.append(
                "Most pictures are grey: on them, variants that differ in nothing but the order of "
                "the colour channels have nearly the same scores. Take pictures in colour."
            )
    return sentences

"""``memnet migrate``, and :func:`memnet.migrate`: read a study, get its new scores, redo it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from memnet.data.tables import TableInput
from memnet.errors import MemnetError
from memnet.studies.migrate.claims.request import ClaimRequest
from memnet.studies.migrate.crosswalk import read_crosswalk
from memnet.studies.migrate.known_variant import know_variant
from memnet.studies.migrate.migration import (
    Migration,
    apply_crosswalk,
    check_request,
    migrate_scores,
)
from memnet.studies.migrate.new_scores import RESMEM, read_new_scores, score_pictures
from memnet.studies.migrate.page import page_files, write_page_files
from memnet.studies.migrate.record import MigrationRecord
from memnet.studies.migrate.study import read_study
from memnet.util.atomic import write_text
from memnet.util.checks import as_names, require_whole
from memnet.util.csv_text import to_csv_text

CROSSWALK = "crosswalk.json"
RECORD = "migrate.json"
SCORES = "scores.csv"

FEWEST_RESAMPLES = 100
"""With fewer, the ends of a 95 % interval are those of single resamples."""


def migrate(
    study: TableInput,
    *,
    score_column: str,
    id_column: str = "image_id",
    images: str | os.PathLike[str] | None = None,
    new_scores: TableInput | None = None,
    crosswalk: str | os.PathLike[str] | None = None,
    model: str = "",
    variant: str = "",
    diagnosis: str | os.PathLike[str] | None = None,
    outcomes: str | Sequence[str] = (),
    covariates: str | Sequence[str] = (),
    group: str = "",
    predictor: str = "",
    clusters_column: str = "",
    memnet_equivalent: bool = False,
    match: str = "exact",
    dataset: str = "",
    resamples: int = 2_000,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    command: str = "memnet.migrate(...)",
) -> Migration:
    """Take a study with old MemNet scores to new ones, as ``memnet migrate`` does.

    Give one of ``images``, ``new_scores`` and ``crosswalk``.

    Parameters
    ----------
    study : CSV, TSV, Excel or Parquet file, or a DataFrame: a row per picture, or per trial.
    score_column : its column with the old MemNet scores.
    id_column : its column with the picture's id.
    images : the pictures, to be scored now: a folder, a glob or a manifest.
    new_scores : a score table of ``memnet score``, or any file or DataFrame with an id and a
        column ``score``.
    crosswalk : a published ``crosswalk.json``: the old scores are placed on the new scale, without
        pictures (the command's ``--map``).
    model : the model that scores ``images`` (``"resmem.published"`` by default), or the one that
        made ``new_scores``, where the table does not name it or has several.
    variant : the variant of MemNet that made the old scores, as you state it (``memnet variants``
        lists them), "" where it is not known.
    diagnosis : instead of ``variant``, the ``diagnosis.json`` that ``memnet diagnose --out`` wrote
        of this very column.
    outcomes : columns that memorability is set against, or the one such column.
    covariates : columns held constant in partial correlations and regressions, or the one.
    group : column of groups that are compared in memorability, "" for none.
    predictor : column whose effect on the outcome is estimated with memorability as control.
    clusters_column : column of clusters of pictures that resemble each other (scenes of one place,
        frames of one film); whole ones are resampled, and tests reckon with them.
    memnet_equivalent : add the new scores on the scale of the old ones.
    match : how the study's ids are matched with those of the pictures or of the new scores:
        ``"exact"``, letter for letter; ``"basename"``, by file name; ``"stem"``, by file name
        without ending; ``"normalised"``, besides in one letter case and one Unicode form, %20 and
        no-break spaces as spaces. Ids that could be several are refused.
    dataset : data set that the pictures are of (``"lamem"``, ...), to tell whether a model was
        trained on them.
    resamples, seed : of the bootstrap, 100 resamples or more; the seed also draws the folds of
        the cross-validation.
    out : folder for everything that the command writes; None writes nothing.
    command : what the record says was run.

    Returns
    -------
    Migration
        ``print`` it for the conclusions; ``table`` is the migrated table, ``record`` has every
        number, ``crosswalk`` is the map between the two scales.

    Raises
    ------
    MemnetError
        if a file or column is missing, no id matches, fewer than 10 pictures have both scores, a
        column would be overwritten, the diagnosis is of other scores, or the request makes no
        sense.

    Examples
    --------
    >>> import numpy as np, pandas as pd, memnet
    >>> rng = np.random.default_rng(0)
    >>> m = rng.normal(size=40)  # how memorable 40 pictures are
    >>> ids = [f"{i}.jpg" for i in range(40)]
    >>> old = pd.DataFrame({"image_id": ids, "memnet": m + rng.normal(size=40)})
    >>> old["liking"] = m + rng.normal(size=40)
    >>> new = pd.DataFrame({"image_id": ids, "score": m + rng.normal(size=40) / 2})
    >>> migration = memnet.migrate(old, score_column="memnet", new_scores=new,
    ...                            outcomes=["liking"], resamples=200)
    >>> [claim["kind"] for claim in migration.record.claims]
    ['spearman', 'pearson']
    >>> list(migration.table.columns[:4])
    ['image_id', 'memnet', 'liking', 'new']
    """
    _check_source(images, new_scores, crosswalk)
    require_whole("resamples", resamples, FEWEST_RESAMPLES)
    require_whole("seed", seed, 0)
    request = ClaimRequest(
        outcomes=as_names(outcomes),
        covariates=as_names(covariates),
        group=group,
        predictor=predictor,
        clusters=clusters_column,
    )
    with ExitStack() as files:
        table = read_study(study, score_column=score_column, id_column=id_column)
        known = know_variant(table, variant, diagnosis)
        if crosswalk is not None:
            asked = request or covariates or predictor or clusters_column
            if asked or memnet_equivalent or match != "exact":
                raise MemnetError(
                    "--map changes the scale of the old scores only; claims, --memnet-equivalent "
                    "and --match need new scores (--images or --new-scores)."
                )
            result = apply_crosswalk(
                table, *read_crosswalk(Path(crosswalk)), known_variant=known, command=command
            )
        else:
            if new_scores is not None:
                new = read_new_scores(new_scores, table, model=model, rule=match)
            else:
                assert images is not None
                model = model or RESMEM
                check_request(table, model, request, memnet_equivalent=memnet_equivalent)
                folder = out or files.enter_context(TemporaryDirectory(prefix="memnet-"))
                new = score_pictures(
                    table,
                    os.fspath(images),
                    Path(folder) / SCORES,
                    model=model,
                    rule=match,
                    command=command,
                )
            result = migrate_scores(
                table,
                new,
                request=request,
                known_variant=known,
                memnet_equivalent=memnet_equivalent,
                dataset=dataset,
                resamples=resamples,
                seed=seed,
                command=command,
            )
    return result if out is None else replace(result, page=write_migration(result, Path(out)))


def _check_source(
    images: object | None, new_scores: object | None, crosswalk: object | None
) -> None:
    """Raise ``MemnetError`` unless one source of new scores is given."""
    sources = {"--images": images, "--new-scores": new_scores, "--map": crosswalk}
    given = [option for option, value in sources.items() if value is not None]
    if len(given) != 1:
        many = f"{' and '.join(given)} were given. " if given else ""
        raise MemnetError(
            f"{many}Give {'one of them alone' if many else 'one of these'}: the pictures (--images "
            "DIR), or their new scores (--new-scores FILE), or a published crosswalk (--map FILE)."
        )


def write_migration(migration: Migration, folder: Path) -> Path:
    """Write everything into a folder: table, record, crosswalk, methods, report.

    Returns
    -------
    Path
        of ``report.html``. Beside it lie ``report.md``, ``figures/``, ``migrated.csv``,
        ``migrate.json``, ``claims.csv``, ``methods.txt``, and ``crosswalk.json`` where one was
        fitted.

    Raises
    ------
    MemnetError
        if the folder cannot be written.
    """
    page = page_files(migration.record)  # what cannot be made leaves an earlier run's files whole
    if migration.crosswalk is None:
        _remove_old_crosswalk(folder, migration.record)
    write_text(folder / "migrated.csv", to_csv_text(migration.table))
    write_text(folder / RECORD, migration.record.to_json())
    write_text(folder / "methods.txt", migration.record.methods)
    if migration.crosswalk is not None:
        write_text(folder / CROSSWALK, migration.crosswalk.to_json())
    return write_page_files(page, folder)


def _remove_old_crosswalk(folder: Path, record: MigrationRecord) -> None:
    """Remove the crosswalk that an earlier run left, unless it is the very one that was applied."""
    path = folder / CROSSWALK
    applied = None if record.new or record.crosswalk is None else record.crosswalk["sha256"]
    try:
        if not path.is_file() or not (folder / RECORD).is_file():  # no earlier run's
            return
        if hashlib.sha256(path.read_bytes()).hexdigest() != applied:
            path.unlink()
    except OSError as error:
        raise MemnetError(f"{path} cannot be removed ({error.strerror}).") from error

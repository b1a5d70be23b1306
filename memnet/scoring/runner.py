"""What ``memnet score`` does: several models over the same pictures, resumable, with progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tqdm import tqdm

from memnet.data.digests import ids_digest
from memnet.data.inputs import Extra, Inputs
from memnet.data.score_columns import FAILED
from memnet.errors import MemnetError
from memnet.preprocess.decode import USUAL_LIMITS, PictureLimits
from memnet.scoring import DEFAULT_BATCH_SIZE, plugins
from memnet.scoring.batch_scorer import BatchScorer, without_pillows_warnings
from memnet.scoring.box_kinds import declare_boxes
from memnet.scoring.frame_rates import declare_rates
from memnet.scoring.lazy_model import LazyModel
from memnet.scoring.outdated import settle_outdated
from memnet.scoring.precision import EXACT
from memnet.scoring.score_file import GIVEN_AS, Key, ScoreFile, open_scores
from memnet.scoring.scored import Answer, Request
from memnet.scoring.table import Row
from memnet.scoring.table_trials import declare_tables, rows_of_other_models
from memnet.scoring.turns import Turn, in_turns
from memnet.util.clock import utc_now
from memnet.util.table_files import check_rows
from memnet.util.text import abridged, printable
from memnet.util.versions import environment
from memnet.weights.catalogue import catalogue

if TYPE_CHECKING:
    from memnet.scoring.cluster_parts import Share


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to score: models and device, batch size, EXIF policy, limits of a picture, command.

    ``precision`` is ``"exact"``, ``"fast"`` or ``"max"`` (:mod:`memnet.scoring.precision`).
    ``cache`` is whether scores may come from the score cache, if the user allows it.
    ``name`` is what the table calls the model, if it shall not be called as it was given: so the
    models of a data set's splits, a weight file each, have one name. ``share`` is what each worker
    has of the Ray cluster that scores; None: this process scores.
    """

    models: Sequence[str]
    name: str = ""
    device: str = "auto"
    batch_size: int = DEFAULT_BATCH_SIZE
    exif_orientation: Literal["ignore", "apply"] | None = None
    limits: PictureLimits = USUAL_LIMITS
    cache: bool = True
    precision: str = EXACT
    command: str = "memnet score"
    share: Share | None = None


@dataclass
class Summary:
    """What a run did.

    Attributes
    ----------
    scored : rows made now.
    cached : of these, how many came from the score cache, or are of a picture that was there twice.
    already : rows that an earlier run had made.
    failed : the rows that could not be scored.
    kept : rows of earlier runs whose pictures or models were not given this time.
    dropped : rows of frames, boxes and pictures that a video, table or archive no longer has.
    outdated : sentences on rows that stay though their files changed since they were scored.
    changed : pictures whose files changed since an earlier run, scored again.
    seconds : of scoring, without loading.
    labels : what the table calls the models, in their order.
    """

    scored: int = 0
    cached: int = 0
    already: int = 0
    failed: list[Row] = field(default_factory=list)
    kept: int = 0
    dropped: int = 0
    outdated: list[str] = field(default_factory=list)
    changed: int = 0
    seconds: float = 0.0
    labels: list[str] = field(default_factory=list)


def score_to_file(inputs: Inputs, out: Path, settings: Settings) -> Summary:
    """Score pictures into a table that survives interruption; see :mod:`.score_file`.

    Raises
    ------
    MemnetError
        if a model cannot be loaded or be called so, the table cannot be written, or it holds other
        scores.
    """
    summary = Summary()
    order: list[Key] = []
    extras: list[Extra | None] = []
    _check_name(settings)
    table_rows = inputs.table_rows
    check_rows(out, len(table_rows) * len(settings.models))
    with open_scores(out) as table:
        table.declare_part(inputs.part)
        declare_rates(table, inputs.rates)
        declare_boxes(table, inputs.boxes)
        declare_tables(table, inputs)
        scorer = _scorer(settings)
        wanted: dict[str, list[int]] = {item.image_id: [] for item in inputs.items}
        for place, (label, model) in enumerate(scorer.found):
            other_name = {GIVEN_AS: label} if label != model.label else {}
            table.declare(model.label, model.identity() | other_name)
            summary.labels.append(model.label)
            for item in inputs.items:
                key = (model.name, model.variant, item.image_id)
                if not table.is_done(key, item.path, item.box):
                    table.begin(key, item.path, item.box)
                    wanted[item.image_id].append(place)
            order += [(model.name, model.variant, row.image_id) for row in table_rows]
            extras += [row.extra for row in table_rows]
        models = {(found.model.name, found.model.variant) for found in scorer.found}
        others, notes = rows_of_other_models(table, inputs, models)
        table.require_room([*order, *(key for key, _ in others)])
        requests = [Request(item, tuple(wanted[item.image_id])) for item in inputs.items]
        asked = sum(len(request.models) for request in requests)
        summary.already = len(scorer.found) * len(requests) - asked
        if asked or "started" not in table.sidecar:
            # Else what made the scores stays on record, and no weights are read.
            table.sidecar.update(
                _about(inputs, settings, LazyModel(scorer.found[0].model, settings.device).device)
            )
            table.write_sidecar()
            _run(scorer, requests, settings, table.append, summary)
        summary.dropped, summary.outdated = settle_outdated(table, inputs, order, models)
        summary.outdated += notes
        summary.kept = len(table.rows.keys() - set(order))
        summary.changed = len(table.changed)
        table.sidecar.update(_closing(table, summary))
        table.finish(
            [*order, *(key for key, _ in others)], [*extras, *(extra for _, extra in others)]
        )
    return summary


def score_to_rows(inputs: Inputs, settings: Settings) -> tuple[list[Row], Summary]:
    """Score pictures and return a row for each and each model, without a file."""
    rows: list[Row] = []
    return rows, score_to(inputs, settings, rows.extend)


def score_to(inputs: Inputs, settings: Settings, keep: Callable[[list[Row]], None]) -> Summary:
    """Score pictures and hand the rows of each batch on as soon as they are known."""
    summary = Summary()
    _check_name(settings)
    scorer = _scorer(settings)
    everything = tuple(range(len(scorer.found)))
    requests = [Request(item, everything) for item in inputs.items]
    _run(scorer, requests, settings, keep, summary)
    return summary


def expand(rows: Iterable[Row], inputs: Inputs) -> tuple[list[Row], list[Extra]]:
    """Turn a row for each picture and model into one for each row of the user's table and model.

    The second list is what stands beside each.
    """
    by_key = {row.key: row for row in rows}
    models = dict.fromkeys(key[:2] for key in by_key)
    expanded = [
        (by_key[(*model, row.image_id)], row.extra or {})
        for model in models
        for row in inputs.table_rows
    ]
    return [row for row, _ in expanded], [extra for _, extra in expanded]


def _check_name(settings: Settings) -> None:
    """Refuse a name for several models, one that says nothing, and one that is another model's."""
    name = settings.name
    if not name:
        return
    if len(settings.models) > 1:
        raise MemnetError(
            f"--as {abridged(name)} would call {len(settings.models)} models by one name; give one "
            "--model."
        )
    if not name.strip() or name != printable(name) or ":" in name:
        raise MemnetError(
            f"--as {abridged(name)!r} can name no model; take letters on one line, without a colon "
            "(which stands before a variant)."
        )
    known = {*catalogue(), *plugins.plugins()}
    if name in known and settings.models[0].partition(":")[0] != name:
        raise MemnetError(
            f"--as {name} is the name of another model, which readers would take for this one; "
            "choose another name."
        )


def _scorer(settings: Settings) -> BatchScorer:
    return BatchScorer(
        settings.models,
        name=settings.name,
        device=settings.device,
        batch_size=settings.batch_size,
        exif_orientation=settings.exif_orientation,
        cache=settings.cache,
        precision=settings.precision,
        threads=settings.share.cores if settings.share else None,
        **asdict(settings.limits),
    )


def _run(
    scorer: BatchScorer,
    requests: Sequence[Request],
    settings: Settings,
    keep: Callable[[list[Row]], None],
    summary: Summary,
) -> None:
    """Answer requests, whose models are places in the scorer's."""
    start = time.perf_counter()
    for turn in in_turns(scorer, requests):
        models = turn.scorer.sources
        name = models[0].name if len(models) == 1 else f"{len(models)} models"
        with (
            without_pillows_warnings(),
            tqdm(
                total=turn.asked, desc=name, unit=" pictures", file=sys.stderr, disable=None
            ) as bar,
        ):
            for batch in _answers(turn, settings.share):
                summary.cached += sum(answer.known for answer in batch)
                answers = turn.with_repeats(batch)
                rows = [row for answer in answers for row in answer.rows(models)]
                bar.update(len(answers))
                del batch, answers  # whose frames of videos would stay while the next are decoded
                keep(rows)
                summary.scored += len(rows)
                summary.failed.extend(row for row in rows if row.warning.startswith(FAILED))
    summary.seconds += time.perf_counter() - start


def _answers(turn: Turn, share: Share | None) -> Iterator[list[Answer]]:
    if share is None or not turn.requests:
        return turn.scorer.answers(turn.requests)
    from memnet.scoring.ray_engine import answers_of

    return answers_of(turn.scorer, turn.requests, share)


def _about(inputs: Inputs, settings: Settings, device: str) -> dict[str, Any]:
    return {
        "command": settings.command,
        "started": utc_now(),
        "finished": None,
        "device": device,
        "batch_size": settings.batch_size,
        "max_pixels": settings.limits.max_pixels,
        "pictures": len(inputs.items),
        "picture_ids_sha256": ids_digest(item.image_id for item in inputs.items),
        "environment": environment(),
    }


def _closing(table: ScoreFile, summary: Summary) -> dict[str, Any]:
    return {
        "finished": utc_now(),
        "rows": len(table.rows),
        "failed": sum(row.warning.startswith(FAILED) for row in table.rows.values()),
        "scored_in_last_run": summary.scored,
        "from_cache_in_last_run": summary.cached,
        "seconds_of_last_run": round(summary.seconds, 3),
    }

"""``memnet bench``: how fast this machine scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from memnet.cli.options import BATCH_SIZE, DEVICE, MODELS_OR_RESMEM, Precision

if TYPE_CHECKING:
    from memnet.compare.report.table_model import Column
    from memnet.scoring.speed import BenchRecord, ModelSpeed


def bench(
    pictures: list[str] = typer.Argument(
        None,
        help="Pictures to time with, as for `memnet score`; without any, 24 made JPEG files of "
        "1024 x 768.",
    ),
    model: list[str] = MODELS_OR_RESMEM,
    out: Path | None = typer.Option(
        None, "--out", "-o", dir_okay=False, help="FILE.json for the figures in full."
    ),
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
    precision: list[Precision] = typer.Option(
        [Precision.exact], help="exact, fast or max; repeat for several: a row for each."
    ),
    rounds: int = typer.Option(5, min=1, help="How often each is timed; medians are kept."),
) -> None:
    """Time models on this machine: pictures per second, and what keeps it from more.

    The network alone, reading pictures alone, and both as `memnet score` does are timed in turns.
    Close other programs first; nothing is kept of the scores.
    """
    from memnet.cli.messages import say_ignored, say_unreadable
    from memnet.compare.report.terminal import print_sentence, print_table
    from memnet.data.pictures import collect
    from memnet.errors import MemnetError
    from memnet.scoring.speed import measure
    from memnet.util.atomic import require_writable, write_text
    from memnet.util.messages import say

    if out is not None and out.suffix != ".json":
        raise MemnetError(f"--out {out} must end in .json.")
    if out is not None and out.exists() and '"peak_gflops"' not in out.read_text(errors="replace"):
        raise MemnetError(f"{out} holds something else; choose another --out.")
    if out is not None:
        require_writable(out.parent)
    items = []
    if pictures:
        inputs = collect(pictures)
        items = inputs.items
        say_ignored(inputs)
        say_unreadable(inputs)
    record = measure(
        model,
        items,
        device=device,
        batch_size=batch_size,
        precisions=[each.value for each in precision],
        rounds=rounds,
        say_model=lambda name: say(f"timing {name} ..."),
    )
    print_table(_columns(), [_row(record, each) for each in record.models])
    for sentence in _sentences(record):
        print_sentence(sentence)
    if out is not None:
        write_text(out, json.dumps(record.to_dict(), indent=1) + "\n")
        say(f"in full -> {out}")


def _columns() -> list[Column]:
    from memnet.compare.report.table_model import Column, number_columns

    rates = ("pictures/s", "network alone", "reading alone", "share of peak", "loading")
    return [Column("model"), Column("computed in"), *number_columns(*rates), Column("bound by")]


def _row(record: BenchRecord, speed: ModelSpeed) -> list[str]:
    share = "unknown" if speed.share_of_peak is None else f"{speed.share_of_peak:.0%}"
    of_two = speed.network_share if speed.bound == "network" else 1 - speed.network_share
    return [
        speed.model,
        speed.way,
        _rate(speed.whole),
        _rate(speed.network),
        _rate(speed.reading),
        share,
        f"{speed.load_seconds:.1f} s",
        f"{speed.bound} ({of_two:.0%})",
    ]


def _rate(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _sentences(record: BenchRecord) -> list[str]:
    where, threads = record.environment["cpu"], record.environment["threads"]
    if record.environment["device"] != "cpu":
        where = record.environment["device"]
    lines = [
        f"{where}, {threads} thread(s): a matrix product reaches {record.peak_gflops:,.0f} GFLOP/s "
        "in 32-bit floats, which counts as its peak; Python and torch take "
        f"{record.start_seconds:.1f} s to start.",
        f"{record.pictures} pictures ({record.picture_kind}), batches of {record.batch_size}, "
        f"medians of {record.rounds} rounds.",
    ]
    lines += [
        f"{_named(speed)}: 10,000 pictures take about {_duration(10_000 / speed.whole)}."
        for speed in record.models
    ]
    return lines


def _named(speed: ModelSpeed) -> str:
    return speed.model if speed.precision == "exact" else f"{speed.model} ({speed.precision})"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"

"""``memnet sensitivity``: how much the variants of MemNet differ on your pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from memnet.cli.browser import OPEN_HELP, open_page
from memnet.cli.options import BATCH_SIZE

if TYPE_CHECKING:
    from memnet.studies.variants.sensitivity import Sensitivity


def sensitivity(
    pictures: list[str] = typer.Argument(
        help="Folders (searched recursively), files, globs, or manifests (CSV, Excel ...), as for "
        "`memnet score`.",
    ),
    out: Path = typer.Option(
        ..., "--out", "-o", file_okay=False, help="Folder for the report and its tables."
    ),
    model: str = typer.Option(
        "memnet.caffe_lamem", "--model", "-m", help="A MemNet by name, or its .safetensors file."
    ),
    batch_size: int = BATCH_SIZE,
    device: str = typer.Option("auto", help="auto, cpu, cuda, cuda:1, mps ..."),
    open_report: bool = typer.Option(False, "--open", help=OPEN_HELP),
) -> None:
    """Score pictures with every variant of MemNet and show how much they differ.

    Writes report.html, variants.csv (every output), summary.csv (each variant against the server)
    and correlations.csv (Spearman's rho between every two).
    """
    from memnet.cli.messages import command_line, say_ignored, say_some, say_unreadable
    from memnet.studies.variants.page import compare_with_server
    from memnet.studies.variants.run import run_sensitivity
    from memnet.util.atomic import require_writable
    from memnet.util.messages import say

    require_writable(out)
    run = run_sensitivity(
        pictures, out, model=model, batch_size=batch_size, device=device, command=command_line()
    )
    result, page = run.result, run.page
    _print(result)
    say_some([f"{name}: {why}" for name, why in result.failed.items()], f"see {page}")
    say_ignored(run.inputs)
    say_unreadable(run.inputs)
    for sentence in (*compare_with_server(result), *filter(None, [result.warning]), *run.cautions):
        say(sentence)
    known = f" ({run.cached:,} known from the score cache)" if run.cached else ""
    say(f"{result.n:,} pictures{known}, {len(result.summary)} variants -> {page}")
    if open_report:
        open_page(page)
    if not run.complete:
        raise typer.Exit(1)


def _print(result: Sensitivity) -> None:
    from memnet.compare.report.table_model import Column, number_columns
    from memnet.compare.report.terminal import print_table

    shown = ("spearman", "pearson", "mean_shift", "sd", "sd_ratio", "rms_difference")
    rows = []
    for row in result.summary.to_dict("records"):
        values = ("undefined" if row[name] != row[name] else f"{row[name]:.4f}" for name in shown)
        rows.append((row["variant"], *values))
    print_table([Column("variant"), *number_columns(*shown)], rows)

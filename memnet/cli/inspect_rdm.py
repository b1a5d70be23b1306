"""``memnet inspect rdm``: RDMs of layers, compared with one another and with a brain's."""

from __future__ import annotations

import enum
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from memnet.cli.options import MATCH_HELP

if TYPE_CHECKING:
    from memnet.stats.rdm_comparison import RdmComparison


class Distance(str, enum.Enum):
    """How unlike two pictures' activations are (:data:`memnet.stats.rdm.DISTANCES`)."""

    correlation = "correlation"
    cosine = "cosine"
    euclidean = "euclidean"
    mean_squared = "mean-squared"


def rdm(
    activations: list[str] = typer.Argument(
        help="Files of `memnet inspect activations`, one per model; NAME=FILE names the model."
    ),
    brain: list[str] = typer.Option(
        [],
        help="An RDM to compare each layer with: a square table with the pictures' ids, or a NumPy "
        "file with --brain-ids. NAME=FILE names it; repeat for several.",
    ),
    brain_ids: Path | None = typer.Option(
        None, help="For NumPy files: the pictures' ids, one a line, in their order."
    ),
    distance: Distance = typer.Option(
        Distance.correlation,
        help="Between two pictures' activations: correlation (1 - r), cosine, euclidean, or "
        "mean-squared (what rsatoolbox calls euclidean).",
    ),
    match: str = typer.Option("exact", help=MATCH_HELP),
    resamples: int = typer.Option(1_000, min=1, help="Bootstrap resamples of the pictures."),
    permutations: int = typer.Option(1_000, min=1, help="Permutations of the Mantel test."),
    seed: int = typer.Option(0, min=0, help="Seed of both."),
    out: Path = typer.Option(..., "--out", "-o", file_okay=False, help="Folder for the results."),
) -> None:
    """Compare what layers make of pictures: representational dissimilarity matrices (RDMs).

    Writes rdms.npz (ids, names, rdms), comparisons.csv (Spearman's rho and Kendall's tau-a of every
    two, with intervals over pictures), a figure, and rdms.json, which says how.
    """
    from memnet.cli.messages import command_line
    from memnet.inspect.rdm_files import check_folder, write_rdms
    from memnet.inspect.rdms import compare_layers
    from memnet.util.atomic import require_writable
    from memnet.util.messages import say
    from memnet.util.text import shorten_list

    require_writable(out)
    check_folder(out)
    result = compare_layers(
        _named(activations),
        _named(brain),
        brain_ids=brain_ids,
        distance=distance.value,
        match=match,
        resamples=resamples,
        permutations=permutations,
        seed=seed,
        command=command_line(),
    )
    write_rdms(result, out)
    record = result.record
    _print(result.comparisons)
    for sentence in (*record["notes"], *record["set_aside"]):
        say(sentence)
    unread = 0
    for each in (*record["activations"].values(), *record["brains"].values()):
        if each["set_aside"]:
            unread += len(each["set_aside"])
            what = f"{len(each['set_aside']):,} picture(s) of {each['file']} have no numbers"
            say(f"{what}: {shorten_list(each['set_aside'])}.")
    count = len(result.layers) + len(result.brains)
    if count == 1:
        say("one RDM has nothing to be compared with: name another layer, or a --brain")
    rdms = "1 RDM" if count == 1 else f"{count} RDMs"
    say(f"{rdms} of {record['n']:,} pictures -> {out}")
    if record["set_aside"] or unread:
        raise typer.Exit(1)


def _named(given: list[str]) -> dict[str, Path]:
    """Read ``NAME=FILE`` or ``FILE``, whose name is that of the file, without its ending."""
    from memnet.errors import MemnetError

    files: dict[str, Path] = {}
    for each in given:
        name, mark, file = each.partition("=")
        if not mark or os.path.isfile(each):
            name, file = Path(each).stem, each
        if not name or not file:
            raise MemnetError(f"{each} is no NAME=FILE.")
        if name in files:
            raise MemnetError(f"Two files are called {name}; name them with NAME=FILE.")
        files[name] = Path(file)
    return files


def _print(comparisons: list[RdmComparison]) -> None:
    from memnet.compare.report.table_model import (
        Column,
        interval,
        number_columns,
        p_value,
        short,
    )
    from memnet.compare.report.terminal import print_table

    rows = [
        (
            each.first,
            each.second,
            short(None if each.spearman != each.spearman else each.spearman),
            interval(each.spearman_interval.ends),
            short(each.tau_a),
            interval(each.tau_a_interval.ends),
            p_value(each.p),
        )
        for each in comparisons
    ]
    headings = ("rho", "95 % interval", "tau-a", "95 % interval", "p (Mantel)")
    print_table([Column("RDM"), Column("RDM"), *number_columns(*headings)], rows)

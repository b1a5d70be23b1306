"""``memnet power``: how many pictures a study needs."""

from __future__ import annotations

import typer


def power(
    rho: float = typer.Option(
        ...,
        help="Spearman's rho that the model is expected to have: with noise-free human scores "
        "where --reliability is given, else with the human scores as they are.",
    ),
    reliability: float = typer.Option(
        1.0, help="Of the human scores. A study sees rho x sqrt(reliability)."
    ),
    width: float | None = typer.Option(
        None, help="Width of the 95 % interval of rho that is wanted (0.1: from .55 to .65)."
    ),
    difference: float | None = typer.Option(
        None, help="How much lower another model's rho is, to be found."
    ),
    margin: float | None = typer.Option(
        None, help="Two models of one rho shall be shown to be equivalent within this margin."
    ),
    between: float = typer.Option(0.7, help="Correlation between the two models' scores."),
    power: float = typer.Option(
        0.8, help="Share of the studies that shall find the difference or the equivalence."
    ),
    pictures: int | None = typer.Option(
        None, help="Instead of how many pictures are needed, say what so many give."
    ),
    simulate: bool = typer.Option(False, "--simulate", help="Simulate studies as well."),
    studies: int = typer.Option(2_000, min=1, help="Number of simulated studies."),
    seed: int = typer.Option(20220101, min=0, help="Seed of the simulation."),
) -> None:
    """Say how many pictures a study needs: for an interval, a difference, an equivalence.

    Tests are two-sided at 5 %, equivalence is two one-sided tests at 5 %. Width and margin are of
    the rhos that a study sees; rho and difference are those with noise-free human scores.
    """
    from memnet.compare.report.table_model import Column, number_columns, short
    from memnet.compare.report.terminal import print_table
    from memnet.studies.power import power as plan

    planned = plan(
        rho,
        reliability=reliability,
        width=width,
        difference=difference,
        margin=margin,
        between=between,
        power=power,
        pictures=pictures,
        simulate=simulate,
        studies=studies,
        seed=seed,
    )
    for sentence in planned.sentences:
        print(sentence)
    print()
    headings = [Column("question"), *number_columns("size", "pictures", "power")]
    if simulate:
        headings += number_columns("simulated width", "coverage or power", "standard error")
    rows = []
    for answer in planned.answers:
        row = [
            answer.question,
            f"{answer.size:.3g}",
            f"{answer.pictures:,}",
            "" if answer.power is None else short(answer.power),
        ]
        if answer.simulated is not None and answer.simulated_share is not None:
            wide = answer.question == "width"
            share, error = answer.simulated_share
            row += [short(answer.simulated.width) if wide else "", short(share), f"{error:.4f}"]
        rows.append(row)
    print_table(headings, rows)

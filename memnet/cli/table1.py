"""``memnet table1``: Table 1 of Needell & Bainbridge (2022), published and measured."""

from __future__ import annotations

from pathlib import Path

import typer

from memnet.cli.browser import OPEN_HELP, open_page
from memnet.cli.training_options import (
    DataOptions,
    MachineOptions,
    expand_options,
    need_lightning,
)


@expand_options(leave_out=("wandb",))
def table1(
    *,
    out: Path = typer.Option(
        ..., file_okay=False, help="Folder for table1.html, .md, .tex, .csv, and the comparison."
    ),
    run: list[str] = typer.Option(
        [],
        help="NAME=FOLDER of a run of `memnet train`, for up to four: memnet, resmem, "
        "resmem-retrain, m3m. Without any they are trained now, into OUT/NAME.",
    ),
    config: Path | None = typer.Option(
        None, help="TOML with changes that all four presets share (epochs, starts, sizes ...)."
    ),
    resamples: int = typer.Option(
        10_000, min=1, help="Bootstrap resamples of the comparison of the four."
    ),
    data: DataOptions,
    machine: MachineOptions,
    open_report: bool = typer.Option(False, "--open", help=OPEN_HELP),
) -> None:
    """Print Table 1 of Needell & Bainbridge (2022) beside what was measured here.

    \b
    memnet table1 --lamem lamem/ --split 1 --memcat memcat_image_data.csv \\
        --images memcat/ --label wo-fa --out table1
    memnet table1 --run memnet=runs/a --run resmem=runs/b --out table1

    The four are trained one after another; the same command goes on after a kill. OUT/comparison
    holds those that were tested on the same pictures against each other, with the distributions
    of their scores (figures 8, 10, 11 and 12 of the paper).
    """
    from memnet.cli.messages import command_line
    from memnet.errors import MemnetError, StoppedError
    from memnet.util.messages import say

    if run and (data.given or config):
        raise MemnetError("--run takes runs as they are; leave data and --config out, or --run.")
    need_lightning()
    from memnet.experiments.table1_train import PAGE, common_settings, train_four, write_table1

    failures: dict[str, str] = {}
    aside = False
    if run:
        runs = _runs(run)
    else:
        settings = common_settings(config)
        built = data.build()
        for sentence in (*built.set_aside, *built.description.get("notes", ())):
            say(sentence)
        aside = bool(built.set_aside)
        try:
            runs, failures = train_four(
                settings, built, out, machine.build(), command=command_line(), say=say
            )
        except KeyboardInterrupt:
            raise StoppedError(
                f"interrupted; what was finished is kept in {out}, and the same command goes on."
            ) from None
    table = write_table1(runs, out, failures=failures, resamples=resamples, command=command_line())
    print(table["markdown"], end="")
    say(f"{out / 'table1.md'}, {PAGE}, table1.tex and table1.csv written")
    if table["comparison"] is not None:
        say(f"{out / 'comparison' / 'report.html'} written")
    if open_report:
        open_page(out / PAGE)
    if failures or aside:
        raise typer.Exit(1)


def _runs(given: list[str]) -> dict[str, Path]:
    from memnet.errors import MemnetError, unknown_name
    from memnet.experiments.table1 import PRESETS

    runs: dict[str, Path] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        if not (name and equals and folder):
            raise MemnetError(f"--run is {text!r}; it must be NAME=FOLDER (resmem=runs/mine).")
        if name not in PRESETS:
            raise unknown_name("row of Table 1", name, PRESETS)
        if name in runs:
            raise MemnetError(f"--run names {name} twice: {runs[name]} and {folder}.")
        runs[name] = Path(folder)
    return runs

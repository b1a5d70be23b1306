"""``memnet tune``: a search for settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from memnet.cli.browser import OPEN_HELP, open_page
from memnet.cli.training_options import (
    DataOptions,
    MachineOptions,
    expand_options,
    need_lightning,
)

if TYPE_CHECKING:
    from memnet.reimpl.training.study import Trial

_SEARCH = "Search (LOW HIGH; twice the same number: not searched)"
_PRINTED = 10


def _range(default: tuple[float, float] | tuple[int, int], text: str, name: str) -> Any:
    return typer.Option(default, name, metavar="LOW HIGH", help=text, rich_help_panel=_SEARCH)


@expand_options(leave_out=("devices", "wandb"))
def tune(
    *,
    out: Path = typer.Option(
        ..., file_okay=False, help="The search's folder. A search that was begun there goes on."
    ),
    preset: str = typer.Option("", help="memnet, memnet96, resmem, resmem-retrain or m3m."),
    config: Path | None = typer.Option(None, help="Settings as TOML, over those of the preset."),
    trials: int = typer.Option(50, min=1, help="Number of runs, with those of earlier calls."),
    timeout_minutes: float | None = typer.Option(
        None, min=0, help="Pause the search after this many minutes; the same command goes on."
    ),
    epochs: int | None = typer.Option(None, help="Of each run, at most."),
    learning_rate: tuple[float, float] = _range(
        (1e-6, 1e-1), "Drawn by its logarithm.", "--learning-rate"
    ),
    momentum: tuple[float, float] = _range((0.0, 0.99), "0 to below 1.", "--momentum"),
    batch_size: tuple[int, int] = _range((8, 128), "The powers of two there.", "--batch-size"),
    weight_decay: tuple[float, float] = _range(
        (0.0, 1e-2),
        "Drawn by its logarithm; with LOW 0: 0, or from 1e-6 on.",
        "--weight-decay",
    ),
    data: DataOptions,
    machine: MachineOptions,
    open_report: bool = typer.Option(False, "--open", help=OPEN_HELP),
) -> None:
    """Search for learning rate, momentum, batch size and weight decay (Optuna).

    \b
    memnet tune --preset resmem --truth human.csv --truth-column hit_rate \\
        --images pictures/ --out search --trials 40

    Each run is judged by its best Spearman on the validation part; the test part is never looked
    at. A run that lies below the median of those before it is pruned.

    OUT/best.toml is for `memnet train --config`, and OUT/report.html has all curves. Curves and
    settings of every run stay in OUT/trials; its weights only where no run was better, and no
    checkpoints. After a kill the same command goes on: also with the run that was cut short.
    """
    need_lightning()
    from memnet.cli.messages import command_line
    from memnet.errors import MemnetError, StoppedError
    from memnet.experiments.tune import tune as run
    from memnet.reimpl.training.config import read_config
    from memnet.reimpl.training.ranges import Ranges
    from memnet.reimpl.training.study import best_of
    from memnet.reimpl.training.tune import BEST_SETTINGS
    from memnet.util.messages import say

    if not (preset or config):
        raise MemnetError("Which settings does the search begin from? Give --preset or --config.")
    ranges = Ranges(
        learning_rate=learning_rate,
        momentum=momentum,
        batch_size=batch_size,
        weight_decay=weight_decay,
    )
    settings = read_config(preset, config, {} if epochs is None else {"epochs": epochs})
    built = data.build()
    for sentence in (*built.set_aside, *built.description.get("notes", ())):
        say(sentence)
    try:
        finished = run(
            settings,
            built,
            out,
            machine.build(),
            ranges=ranges,
            trials=trials,
            minutes=timeout_minutes,
            command=command_line(),
            after=lambda all_runs, last: say(_line(all_runs, last, trials)),
        )
    except KeyboardInterrupt:
        raise StoppedError(
            f"interrupted; what was finished is kept in {out}, and the same command goes on."
        ) from None
    ended = [trial for trial in finished if trial.state != "running"]
    _print(finished)
    if len(ended) < trials:
        say(f"paused after {len(ended)} of {trials} run(s); the same command goes on")
    if best_of(finished) is None:
        say(f"no run was finished with a Spearman, so there is no {out / BEST_SETTINGS}")
        raise typer.Exit(1)
    say(f"{out / BEST_SETTINGS} and {out / 'report.html'} written")
    if open_report:
        open_page(out / "report.html")
    if built.set_aside:
        raise typer.Exit(1)


def _settings(trial: Trial) -> list[str]:
    return [f"{name} {value:.3g}" for name, value in trial.settings.items()]


def _line(trials: Sequence[Trial], last: Trial, wanted: int) -> str:
    """Say what came of a run."""
    from memnet.reimpl.training.study import best_of

    value = "no Spearman" if last.value is None else f"Spearman {last.value:.3f}"
    best = best_of(list(trials))
    is_best = ", the best so far" if best is not None and best.number == last.number else ""
    why = f" ({last.message})" if last.message and last.state == "failed" else ""
    settings = ", ".join(_settings(last))
    return f"run {last.number} of {wanted}, {settings}: {last.state}, {value}{is_best}{why}"


def _print(trials: Sequence[Trial]) -> None:
    """Print the best runs, and how many there are of each kind."""
    from collections import Counter

    from memnet.compare.report.table_model import Column, number_columns
    from memnet.compare.report.terminal import print_table

    ranked = sorted(
        (trial for trial in trials if trial.value is not None),
        key=lambda trial: (trial.state != "complete", -(trial.value or 0.0)),
    )
    names = list(ranked[0].settings) if ranked else []
    rows = [
        (
            str(trial.number),
            trial.state,
            f"{trial.value:.3f}",
            *(f"{trial.settings[name]:.3g}" for name in names),
        )
        for trial in ranked[:_PRINTED]
    ]
    if rows:
        values = number_columns("Spearman", *(name.replace("_", " ") for name in names))
        print_table([Column("run"), Column("state"), *values], rows)
    counts = Counter(trial.state for trial in trials)
    print(f"{len(trials)} runs: " + ", ".join(f"{n} {state}" for state, n in counts.items()))

"""``memnet dataset``: the human scores of a known data set as one table for ``memnet compare``.

The commands are made of the entries in ``memnet/data/datasets.toml``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from memnet.cli.commands import App, Commands, make_readable

if TYPE_CHECKING:
    from memnet.data.datasets import DatasetEntry
    from memnet.data.manifest import Truth

_TYPES: dict[str, type] = {"path": Path, "text": str, "integer": int}


class DatasetCommands(Commands):
    """A command for each known data set with a reader, made of its entry."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the commands in the order of the entries."""
        return list(_entries())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Make the command of one data set; None where there is none of that name."""
        entry = _entries().get(cmd_name)
        if entry is None:
            return None
        made = App(add_completion=False)
        made.command(cmd_name, help=entry.help)(_command_of(entry))
        command = typer.main.get_command(made)
        make_readable(command)
        return command


app = App(
    cls=DatasetCommands,
    no_args_is_help=True,
    help="Build a truth table for `memnet compare --truth`, with a manifest beside it.",
)


@app.callback()
def _group() -> None:
    """Only so that there is a group: its commands are made of the entries."""


def _entries() -> dict[str, DatasetEntry]:
    from memnet.data.datasets import known_datasets

    return {
        entry.command or name: entry
        for name, entry in known_datasets().items()
        if entry.reader is not None
    }


def _command_of(entry: DatasetEntry) -> Callable[..., None]:
    """Make the function of one data set's command, with the options of its entry."""

    def build(**values: Any) -> None:
        out = values.pop("out")
        parameters = {option.name: option.parameter or option.name for option in entry.options}
        _finish(entry.read(**{parameters[name]: value for name, value in values.items()}), out)

    def parameter(name: str, kind: type, default: Any, text: str) -> inspect.Parameter:
        option = typer.Option(... if default is None else default, help=text)
        return inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=kind
        )

    parameters = [
        parameter(option.name, _TYPES[option.type], option.default, option.help)
        for option in entry.options
    ]
    parameters.append(
        parameter(
            "out",
            Path,
            None,
            "The table: FILE.csv, FILE.parquet or FILE.xlsx; its manifest is written beside it, as "
            "FILE.csv.json.",
        )
    )
    build.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    build.__annotations__ = {each.name: each.annotation for each in parameters}
    return build


def _finish(truth: Truth, out: Path) -> None:
    """Write the table and say what is in it and how to use it."""
    from memnet.cli.messages import say_some
    from memnet.util.messages import say
    from memnet.util.paths import command_text

    truth.write(out)
    manifest = truth.manifest
    scores = truth.table[manifest["truth_column"]]
    counts = ", ".join(f"{name} {count:,}" for name, count in manifest["counts"].items())
    print(f"pictures     {manifest['n']:,} ({counts})")
    print(f"labels       {manifest['label_kind']}")
    if len(scores) > 1:
        print(f"mean, SD     {scores.mean():.6f}, {scores.std(ddof=1):.6f}")
    print(f"from, to     {scores.min():.6f}, {scores.max():.6f}")
    print(f"rule         {manifest['rule']}")
    print(f"digest       {manifest['digest']}")
    say_some(truth.set_aside, "which `memnet.read_dataset` lists, too")
    say(
        f"{out} and its manifest written; next: memnet compare --truth {command_text([str(out)])} "
        f"--truth-column {manifest['truth_column']} --dataset {manifest['dataset']} "
        "--scores FILE --out FOLDER"
    )
    if truth.set_aside:
        say(f"{len(truth.set_aside):,} row(s) were set aside")
        raise typer.Exit(1)

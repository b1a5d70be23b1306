"""``memnet responses``: one row a trial becomes one row a picture."""

from __future__ import annotations

import enum
from pathlib import Path

import typer


class Empty(str, enum.Enum):
    """What an empty answer means."""

    no = "no"
    leave_out = "leave-out"


def responses(
    trials: Path = typer.Argument(..., help="A row per trial: CSV, TSV, Excel or Parquet."),
    participant: str = typer.Option(..., help="The column with the participants."),
    picture: str = typer.Option(..., help="The column with the pictures' ids."),
    response: str = typer.Option(
        "", help="The column with the answers: was the picture called old (seen before)?"
    ),
    correct: str = typer.Option(
        "", help="Instead: the column that says whether the answer was right. Needs --old."
    ),
    old: str = typer.Option(
        "",
        help="The column that says whether the picture was old (a target, a repeat). Without it "
        "all trials are of old pictures, and there are hit rates only.",
    ),
    yes: list[str] = typer.Option(
        [],
        help="A value of the answers that means yes, if they are keys or words of your own; repeat "
        "for several. All others then mean no.",
    ),
    empty: Empty | None = typer.Option(
        None, help="What an empty answer means: no (nothing was pressed), or leave-out."
    ),
    vigilance: str = typer.Option(
        "",
        help="The column that marks trials that only show whether a participant paid attention; "
        "they count for no picture.",
    ),
    least_vigilance: float = typer.Option(
        0.0, min=0, max=1, help="Leave out participants with a smaller share of those right."
    ),
    least_trials: int = typer.Option(1, min=1, help="Leave out participants with fewer trials."),
    halves: int = typer.Option(
        1_000, min=1, help="Random halves of the participants, for the reliability."
    ),
    seed: int = typer.Option(0, min=0, help="Seed of the halves."),
    out: Path = typer.Option(..., file_okay=False, help="Folder for the tables."),
) -> None:
    """Make a table of pictures of a table of trials: hit rates, false alarms, d', A'.

    OUT/pictures.csv is a truth table for `memnet compare`; OUT/responses.json says who was left
    out, by which rule, and how reliable each measure is: how far two halves of the participants
    agree on the pictures.
    """
    from memnet.cli.messages import command_line, say_some
    from memnet.studies.responses.responses import PICTURES, describe
    from memnet.studies.responses.responses import responses as summarise
    from memnet.util.atomic import require_writable
    from memnet.util.messages import say
    from memnet.util.paths import command_text

    path = out / PICTURES
    require_writable(out)
    found = summarise(
        trials,
        participant=participant,
        picture=picture,
        response=response,
        correct=correct,
        old=old,
        vigilance=vigilance,
        yes=yes,
        empty="" if empty is None else "no" if empty is Empty.no else "leave out",
        least_trials=least_trials,
        least_vigilance=least_vigilance,
        halves=halves,
        seed=seed,
        out=out,
        command=command_line(),
    )
    record = found.record
    for sentence in describe(record):
        print(sentence)
    if record["read_as"]:
        say(f"{trials.name} was read as {'; '.join(record['read_as'])}")
    for sentence in record["doubts"]:
        say(f"warning: {sentence}")
    say_some(record["set_aside"], f"in {out / 'responses.json'}")
    say_some(
        [f"{each['participant']}: {each['left_out']}" for each in record["left_out"]],
        f"in {out / 'participants.csv'}",
    )
    say(
        f"{record['pictures']:,} pictures -> {path}; next: memnet compare --truth "
        f"{command_text([str(path)])} --scores FILE --out FOLDER"
    )
    if record["set_aside"]:
        raise typer.Exit(1)

"""``memnet cache``: the scores that are kept on this machine."""

from __future__ import annotations

import typer

from memnet.cli.commands import App, Commands

app = App(cls=Commands, help="Show or empty the score cache of this machine.", no_args_is_help=True)


@app.command("info")
def info() -> None:
    """Print where the score cache is, how large it is, and how many scores of which model it has.

    Below it, where there are any: the files that training keeps, which are not part of it.
    """
    from memnet.compare.report.table_model import Column, number_columns
    from memnet.compare.report.terminal import print_table
    from memnet.scoring.cache_contents import read_contents
    from memnet.scoring.score_cache import MOST_BYTES, is_wanted
    from memnet.util.text import printable
    from memnet.weights import store

    contents = read_contents()
    print(f"{contents.file}: {_size(contents.bytes)} of at most {_size(MOST_BYTES)}")
    if not is_wanted():
        print("It is not in use: MEMNET_NO_CACHE or --no-cache.")
    if contents.scores:
        rows = [(printable(model), f"{count:,}") for model, count in contents.scores.items()]
        print_table([Column("model"), *number_columns("scores")], rows)
    else:
        print("It is empty.")
    training = store.home() / "training"
    files = [file for file in training.rglob("*") if file.is_file()] if training.is_dir() else []
    if files:
        size = sum(file.stat().st_size for file in files)
        print(f"{training}: {_size(size)}, pictures and outputs that training made and can remake")


@app.command("clear")
def clear(
    model: str | None = typer.Option(
        None,
        "--model",
        "-m",
        help="Forget the scores of this model and its variants only.",
    ),
) -> None:
    """Forget the scores in the cache. Tables of scores and weights stay as they are."""
    from memnet.scoring import cache_contents, score_cache
    from memnet.util.messages import say

    count = cache_contents.clear(model)
    say(f"{count:,} score{'' if count == 1 else 's'} forgotten: {score_cache.path()}")


def _size(count: int) -> str:
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count / 1e3:.0f} kB"

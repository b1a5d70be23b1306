"""``memnet weights``: what there is, getting it, checking it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

app = typer.Typer(help="List, fetch and verify model weights.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """Print every known model: name, whether its weights are at hand, licence."""
    from rich.console import Console
    from rich.table import Table

    from memnet.weights import store
    from memnet.weights.catalogue import catalogue

    table = Table("name", "weights", "MB", "licence", "what", box=None, pad_edge=False)
    for entry in catalogue().values():
        if store.is_current(entry):
            state = "stored"
        elif store.installed_file(entry) is not None:
            state = "installed"
        else:
            state = "missing"
        table.add_row(entry.name, state, f"{entry.bytes / 1e6:.0f}", entry.licence, entry.title)
    wide = None if sys.stdout.isatty() else 250
    Console(width=wide, soft_wrap=True).print(table)


@app.command()
def fetch(
    name: str = typer.Argument(help="A name from `memnet weights list`."),
    file: Path | None = typer.Option(None, help="The published file, if you have it already."),
    offline: bool = typer.Option(False, "--offline", help="Do not use the network."),
) -> None:
    """Put a model's weights into the store; downloads them if they are not on this machine."""
    from memnet.weights import store
    from memnet.weights.catalogue import find

    if offline:
        os.environ["MEMNET_OFFLINE"] = "1"
    entry = find(name)
    path = store.fetch(entry, file=file, download=True)
    print(f"memnet: {entry.licence_notice}", file=sys.stderr)
    print(path)


@app.command()
def verify(
    name: str | None = typer.Argument(None, help="A name; without it, everything stored."),
) -> None:
    """Recompute the checksums of stored weights."""
    from memnet.errors import MemnetError
    from memnet.weights import store
    from memnet.weights.catalogue import catalogue, find

    entries = [find(name)] if name else list(catalogue().values())
    present = [entry for entry in entries if name or store.stored_path(entry).exists()]
    if not present:
        print("memnet: nothing is stored yet; see `memnet weights fetch`", file=sys.stderr)
    bad = False
    for entry in present:
        try:
            print(f"{entry.name}\tok\t{store.verify(entry)}")
        except MemnetError as error:
            bad = True
            print(f"{entry.name}\tdamaged")
            print(f"memnet: {error}", file=sys.stderr)
    if bad:
        raise typer.Exit(1)

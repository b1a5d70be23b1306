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
        elif entry.user_supplied:
            state = "yours to import"
        elif store.installed_file(entry) is not None:
            state = "installed"
        else:
            state = "missing"
        stored = store.stored_path(entry)
        size = entry.bytes or (stored.stat().st_size if stored.exists() else 0)
        table.add_row(
            entry.name, state, f"{size / 1e6:.0f}" if size else "", entry.licence, entry.title
        )
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
    path = store.fetch_verified(entry, file=file, download=True)
    if entry.licence_notice:
        print(f"memnet: {entry.licence_notice}", file=sys.stderr)
    print(path)


@app.command("import")
def import_(
    file: Path = typer.Argument(
        help="memnet.caffemodel, or the checkpoint of a PyTorch port of MemNet."
    ),
    mean: Path = typer.Option(..., help="The mean image: .mat, .npy or .binaryproto."),
    deploy: Path | None = typer.Option(
        None, help="deploy.prototxt, to be compared with the weights."
    ),
    mean_layout: str | None = typer.Option(
        None, help="How the mean image lies (hwc-bgr, whc-bgr, chw-rgb ...), if it cannot be told."
    ),
    out: Path | None = typer.Option(
        None, help="FILE.safetensors; without it, the store, as memnet.caffe_lamem."
    ),
) -> None:
    """Convert the original MemNet's files to one checked weight file."""
    from memnet.legacy.convert import import_memnet

    made = import_memnet(file, mean=mean, deploy=deploy, mean_layout=mean_layout, out=out)
    for sentence in (*made.report, made.header.remark):
        print(f"memnet: {sentence}", file=sys.stderr)
    print(made.path)


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
            state = "damaged" if store.stored_path(entry).exists() else "missing"
            print(f"{entry.name}\t{state}")
            print(f"memnet: {error}", file=sys.stderr)
    if bad:
        raise typer.Exit(1)

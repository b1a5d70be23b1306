"""``memnet weights``: what there is, getting it, checking it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from memnet.weights.backbones import Backbone
    from memnet.weights.catalogue import ModelEntry

app = typer.Typer(help="List, fetch and verify model weights.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """Print every known model and backbone: name, whether it is at hand, licence."""
    from rich.console import Console
    from rich.table import Table

    from memnet.scoring.plugins import working_plugins
    from memnet.weights import backbones, store
    from memnet.weights.catalogue import catalogue

    columns = ("name", "weights", "MB", "licence", "what")
    table = Table(*columns, box=None, pad_edge=False)
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
    for plugin in working_plugins():
        table.add_row(plugin.name, "installed", "", plugin.licence, plugin.title or plugin.package)
    starts = Table(*columns, box=None, pad_edge=False)
    for backbone in backbones.backbones().values():
        if backbones.has_backbone(backbone.name):
            state = "stored"
        elif backbones.hub_file(backbone.name) is not None:
            state = "downloaded by PyTorch"
        else:
            state = "missing"
        starts.add_row(
            backbone.name, state, str(backbone.megabytes), backbone.licence, backbone.title
        )
    wide = None if sys.stdout.isatty() else 250
    console = Console(width=wide, soft_wrap=True)
    console.print(table)
    console.print("\nBackbones, which networks can be trained from:")
    console.print(starts)


@app.command()
def fetch(
    name: str = typer.Argument(help="A name from `memnet weights list`."),
    file: Path | None = typer.Option(None, help="The published file, if you have it already."),
    offline: bool = typer.Option(False, "--offline", help="Do not use the network."),
) -> None:
    """Put a model's or backbone's weights into the store; downloads what is not on this machine."""
    from memnet.weights import backbones, store

    if offline:
        os.environ["MEMNET_OFFLINE"] = "1"
    entry = _find(name)
    if isinstance(entry, backbones.Backbone):
        path = backbones.fetch_verified_backbone(name, file=file, download=True)
    else:
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
    from memnet.weights import backbones, store
    from memnet.weights.catalogue import catalogue

    def path(entry: ModelEntry | Backbone) -> Path:
        if isinstance(entry, backbones.Backbone):
            return backbones.stored_backbone(entry.name)
        return store.stored_path(entry)

    known: list[ModelEntry | Backbone] = [*catalogue().values(), *backbones.backbones().values()]
    present = [_find(name)] if name else [entry for entry in known if path(entry).exists()]
    if not present:
        print("memnet: nothing is stored yet; see `memnet weights fetch`", file=sys.stderr)
    bad = False
    for entry in present:
        try:
            if isinstance(entry, backbones.Backbone):
                backbones.verify_backbone(entry.name)
            else:
                store.verify(entry)
            print(f"{entry.name}\tok\t{path(entry)}")
        except MemnetError as error:
            bad = True
            print(f"{entry.name}\t{'damaged' if path(entry).exists() else 'missing'}")
            print(f"memnet: {error}", file=sys.stderr)
    if bad:
        raise typer.Exit(1)


def _find(name: str) -> ModelEntry | Backbone:
    """Look a model or backbone up; an unknown name is answered with the nearest of both."""
    from memnet.errors import unknown_name
    from memnet.weights.backbones import backbones
    from memnet.weights.catalogue import catalogue

    known: dict[str, ModelEntry | Backbone] = {**catalogue(), **backbones()}
    if name not in known:
        raise unknown_name("model or backbone", name, known)
    return known[name]

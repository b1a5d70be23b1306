"""``memnet weights``: what there is, getting it, checking it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from memnet.cli.commands import App, Commands

if TYPE_CHECKING:
    from memnet.weights.entry import WeightEntry

app = App(cls=Commands, help="List, fetch and verify model weights.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """Print every known model and backbone: name, whether it is at hand, licence, training."""
    from rich.table import Table
    from rich.text import Text

    from memnet.compare.report.terminal import console
    from memnet.scoring.plugins import working_plugins
    from memnet.util.messages import say
    from memnet.util.text import printable
    from memnet.weights import store
    from memnet.weights.backbones import backbones
    from memnet.weights.catalogue import catalogue
    from memnet.weights.known_models import known_models

    def row(table: Table, *cells: str) -> None:
        table.add_row(*(Text(printable(cell)) for cell in cells))  # packages of others write there

    columns = ("name", "weights", "MB", "licence", "what")
    table = Table(*columns, box=None, pad_edge=False)
    for entry in catalogue().values():
        stored = store.stored_path(entry)
        size = entry.bytes or (stored.stat().st_size if stored.exists() else 0)
        megabytes = f"{size / 1e6:.0f}" if size else ""
        row(table, entry.name, _state(entry), megabytes, entry.licence, entry.title)
    for plugin in working_plugins():
        row(table, plugin.name, "installed", "", plugin.licence, plugin.title or plugin.package)
    backbone_table = Table(*columns, box=None, pad_edge=False)
    for backbone in backbones().values():
        megabytes = str(backbone.megabytes)
        row(
            backbone_table,
            *(backbone.name, _state(backbone), megabytes, backbone.licence, backbone.title),
        )
    out = console()
    out.print(table, soft_wrap=True)
    out.print("\nBackbones, which networks can be trained from:")
    out.print(backbone_table, soft_wrap=True)
    known_table = Table("name", "trained on", "what", box=None, pad_edge=False)
    for model in known_models().values():
        trained_on = "unknown" if model.trained_on is None else ", ".join(model.trained_on)
        row(known_table, model.aliases[0], trained_on, model.title)
    out.print(
        "\nKnown, no weights here: a table of scores of this name is judged by `memnet compare`:"
    )
    out.print(known_table, soft_wrap=True)
    for known in _known():
        if problem := store.problem(known):
            say(problem)


@app.command()
def fetch(
    name: str = typer.Argument(help="A name from `memnet weights list`."),
    file: Path | None = typer.Option(None, help="The published file, if you have it already."),
    offline: bool = typer.Option(False, "--offline", help="Do not use the network."),
) -> None:
    """Put a model's or backbone's weights into the store; downloads what is not on this machine."""
    if offline:
        os.environ["MEMNET_OFFLINE"] = "1"
    _put_into_store(_find(name), file)


@app.command("import")
def import_(
    file: Path = typer.Argument(
        help="A published file of a model in `memnet weights list`; or memnet.caffemodel, or the "
        "checkpoint of a PyTorch port of MemNet."
    ),
    mean: Path | None = typer.Option(
        None, help="MemNet's mean image: .mat, .npy or .binaryproto. Needed for MemNet alone."
    ),
    deploy: Path | None = typer.Option(
        None, help="deploy.prototxt, to be compared with the weights."
    ),
    mean_layout: str | None = typer.Option(
        None, help="How the mean image lies (hwc-bgr, whc-bgr, chw-rgb ...), if it cannot be told."
    ),
    out: Path | None = typer.Option(
        None, help="FILE.safetensors; without it, the store, as memnet.caffe_lamem."
    ),
    force: bool = typer.Option(
        False, "--force", help="Replace a weight file that holds other numbers."
    ),
) -> None:
    """Convert the original MemNet's files, or another model's published one, to a weight file."""
    from memnet.legacy.convert import import_memnet
    from memnet.util.messages import say
    from memnet.weights import store

    if mean is None:
        _refuse_options_of_memnet(deploy, mean_layout, out, force or None)
        _put_into_store(store.recognise(file, _known()), file)
        return
    made = import_memnet(
        file, mean=mean, deploy=deploy, mean_layout=mean_layout, out=out, force=force
    )
    for sentence in (*made.report, made.header.remark):
        say(sentence)
    print(made.path)


@app.command()
def verify(
    name: str | None = typer.Argument(None, help="A name; without it, everything stored."),
) -> None:
    """Recompute the checksums of stored weights."""
    from memnet.errors import MemnetError
    from memnet.util.messages import say
    from memnet.weights import store

    present = [_find(name)] if name else [e for e in _known() if store.stored_path(e).exists()]
    if not present:
        say("nothing is stored yet; see `memnet weights fetch`")
    bad = False
    for entry in present:
        path = store.stored_path(entry)
        try:
            store.verify(entry)
            print(f"{entry.name}\tok\t{path}")
        except MemnetError as error:
            bad = True
            print(f"{entry.name}\t{'damaged' if path.exists() else 'missing'}")
            say(str(error))
    if bad:
        raise typer.Exit(1)


def _put_into_store(entry: WeightEntry, file: Path | None) -> None:
    """Fetch a model or backbone; say what its user must know, and print where it lies."""
    from memnet.util.messages import say
    from memnet.weights import store
    from memnet.weights.files import read_header

    path = store.fetch_verified(entry, file=file, download=True)
    if entry.licence_notice:
        say(entry.licence_notice)
    if entry.pinned_at_import:
        digest = read_header(path).weights_sha256
        say(
            f"sha256 of the file: {digest}; only {entry.sha256} of it was published, and no other "
            "file is taken after this one"
        )
    print(path)


def _refuse_options_of_memnet(*values: object) -> None:
    """Refuse options that mean nothing without the mean image of the original MemNet."""
    from memnet.errors import MemnetError

    options = ("--deploy", "--mean-layout", "--out", "--force")
    given = zip(options, values, strict=True)
    if named := [option for option, value in given if value is not None]:
        raise MemnetError(
            f"{', '.join(named)} belongs to the original MemNet, whose mean image must be given, "
            "too: --mean mean.mat."
        )


def _state(entry: WeightEntry) -> str:
    """Tell in a word or two where the weights are."""
    from memnet.weights import store

    if entry.user_supplied and store.problem(entry):
        return "damaged"
    if store.is_current(entry):
        return "stored"
    if entry.user_supplied:
        return "yours to import"
    return "missing" if entry.local_copy() is None else entry.copy_state


def _known() -> list[WeightEntry]:
    from memnet.weights.backbones import backbones
    from memnet.weights.catalogue import catalogue

    return [*catalogue().values(), *backbones().values()]


def _find(name: str) -> WeightEntry:
    """Look a model or backbone up; an unknown name is answered with the nearest of both."""
    from memnet.weights.known_models import no_such_model

    known = {entry.name: entry for entry in _known()}
    if name not in known:
        raise no_such_model("model or backbone", name, known)
    return known[name]

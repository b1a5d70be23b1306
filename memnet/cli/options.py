"""Options that several commands have: a command takes one as the default of its parameter."""

from __future__ import annotations

import enum

import typer


class Precision(str, enum.Enum):
    """How exactly a network computes (:data:`memnet.scoring.precision.PRECISIONS`)."""

    exact = "exact"
    fast = "fast"
    max = "max"


MODEL = typer.Argument(help="Model name or .safetensors file.")
_MODELS_HELP = "Model name or .safetensors file; repeat for several."
MODELS = typer.Option(..., "--model", "-m", help=_MODELS_HELP)
MODELS_OR_RESMEM = typer.Option(["resmem.published"], "--model", "-m", help=_MODELS_HELP)
PICTURES = typer.Argument(
    help="Folders (searched recursively), files, globs, or manifests with a column `path`: as for "
    "`memnet score`."
)
LAYERS = typer.Option(
    ..., metavar="NAME,NAME", help="Layers by any of the names that `memnet inspect layers` lists."
)
FILTERS = typer.Option(
    "",
    metavar="NUMBERS",
    help="Filters of each layer by their numbers from 0, as in 0,3,10-20; or all. Without it, the "
    "first eight.",
)
BATCH_SIZE = typer.Option(8, "--batch-size", "-b", min=1, help="Pictures per pass.")
DEVICE = typer.Option("auto", help="auto, cpu, cuda, cuda:1, mps (Apple's GPU) ...")

MATCH_HELP = (
    "How ids are matched: exact, basename (file names), stem (without endings), or normalised "
    "(besides in one letter case and Unicode form, %20 and no-break spaces as spaces)."
)
PICTURES_HELP = (
    "Folder, glob or manifest with the pictures: the most and least memorable ones, and the "
    "largest disagreements, are shown in the report."
)

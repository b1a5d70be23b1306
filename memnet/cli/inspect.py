"""``memnet inspect``: looking inside a model; a file for each of its commands."""

from __future__ import annotations

from memnet.cli.commands import App, Commands
from memnet.cli.inspect_activations import activations
from memnet.cli.inspect_gallery import gallery
from memnet.cli.inspect_layers import layers
from memnet.cli.inspect_map import map_
from memnet.cli.inspect_rdm import rdm
from memnet.cli.inspect_top import top
from memnet.cli.inspect_units import units
from memnet.cli.inspect_visualise import visualise

app = App(
    cls=Commands,
    no_args_is_help=True,
    help="Look inside a model: its layers, and what they respond to.",
)
app.command("layers")(layers)
app.command("activations")(activations)
app.command("rdm")(rdm)
app.command("units")(units)
app.command("top")(top)
app.command("map")(map_)
app.command("visualise")(visualise)
app.command("gallery")(gallery)

"""``memnet inspect layers``: the layers of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memnet.cli.options import MODEL

if TYPE_CHECKING:
    from memnet.inspect.layers import Layer


def layers(
    model: str = MODEL,
) -> None:
    """List the layers of a model: their names, sizes and receptive fields.

    In the order in which the network calls them, a line each. Wherever a layer is asked for, any
    of its names will do.
    """
    from memnet.compare.report.table_model import Column, number_columns
    from memnet.compare.report.terminal import print_table
    from memnet.inspect.layers import layers_of
    from memnet.scoring.predictor import load
    from memnet.util.messages import say

    predictor = load(model, device="cpu")
    found = layers_of(predictor)
    headings = [Column("layer"), Column("other names"), Column("kind")]
    numbers = number_columns("output", "receptive field", "stride", "parameters")
    print_table([*headings, *numbers], map(_row, found))
    spec = predictor.preprocess
    assert spec is not None
    convolutions = sum(layer.kind == "convolution" for layer in found)
    say(
        f"{convolutions} convolutions and {len(found) - convolutions} dense layers; receptive "
        f"fields and strides are in pixels of the input, {spec.crop_hw[1]} x {spec.crop_hw[0]}"
    )


def _row(layer: Layer) -> list[str]:
    field = layer.receptive_field
    return [
        layer.name,
        ", ".join(layer.aliases),
        layer.kind,
        " x ".join(map(str, layer.shape)),
        "whole" if field is None else f"{field.size} x {field.size}",
        "" if field is None else str(field.stride),
        f"{layer.parameters:,}",
    ]

"""`memnet inspect layers`."""

from __future__ import annotations

import re

HEADINGS = ["layer", "other names", "kind", "output", "receptive field", "stride", "parameters"]


def test_a_line_for_each_layer(memnet_command, mini):
    """The golden small MemNet: AlexNet's places at other widths."""
    done = memnet_command("inspect", "layers", mini)
    heading, *lines = done.stdout.splitlines()
    assert re.split(r" {2,}", heading) == HEADINGS
    assert [line.split()[0] for line in lines] == [
        *(f"conv{n}" for n in range(1, 6)),
        "fc6",
        "fc7",
        "fc8",
    ]
    assert " 163 x 163 " in lines[4]
    assert "fc8-euclidean" in lines[-1]
    assert "5 convolutions and 3 dense layers" in done.stderr
    assert "227 x 227" in done.stderr


def test_models_are_named_as_elsewhere(memnet_command):
    done = memnet_command("inspect", "layers", "resmem.publishd", check=2)
    assert "Did you mean 'resmem.published'" in done.stderr


def test_the_group_lists_its_commands(memnet_command):
    assert "layers" in memnet_command("inspect", "--help").stdout

"""Weights for ResMem made by a recipe, so that the network is tested where the real ones are not.

Run as a script where the `resmem` package is installed, it asks the package's own class what it
computes with these weights and writes `tests/golden/resmem_recipe.json`:

    python tests/helpers/resmem_recipe.py
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

SEED = 2022
GOLDEN = Path(__file__).parent.parent / "golden" / "resmem_recipe.json"


def recipe_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Make one tensor per name, in name order, that keep signals alive through 152 layers."""
    random = np.random.RandomState(SEED)
    tensors: dict[str, Tensor] = {}
    for name in sorted(shapes):
        shape = shapes[name]
        if name.endswith("num_batches_tracked"):
            tensors[name] = torch.tensor(1)
            continue
        normal = random.standard_normal(shape)
        if name.endswith("running_var"):
            values = 0.5 + np.abs(normal)
        elif name.endswith("running_mean"):
            values = 0.1 * normal
        elif len(shape) == 1 and name.endswith("weight"):  # batch normalisation
            values = (0.2 if "bn3" in name else 1.0) + 0.05 * normal
        elif len(shape) == 1:
            values = 0.01 * normal
        else:
            values = normal * np.sqrt(2 / np.prod(shape[1:]))
        tensors[name] = torch.from_numpy(np.asarray(values, dtype=np.float32))
    return tensors


def recipe_inputs() -> Tensor:
    """Four inputs, ``(4, 3, 227, 227)``, with different structure in every channel."""
    random = np.random.RandomState(SEED + 1)
    noise = random.random_sample((4, 3, 227, 227))
    ramp = np.linspace(0, 1, 227)
    noise[1] *= ramp
    noise[2] *= ramp[:, None]
    noise[3, 0] *= 0.1
    return torch.from_numpy(noise.astype(np.float32))


if __name__ == "__main__":
    from importlib.metadata import version

    import resmem as published
    import torchvision.models

    # The package downloads ImageNet weights unless told that its own will replace them.
    published.resnet152 = lambda pretrained=False: torchvision.models.resnet152(weights=None)
    network = published.ResMem(pretrained=False).eval()
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    network.load_state_dict(recipe_weights(shapes))
    with torch.inference_mode():
        scores = network(recipe_inputs()).flatten().tolist()
    certificate = {
        "what": "outputs of the resmem package's own ResMem class with the recipe's weights",
        "command": "python tests/helpers/resmem_recipe.py",
        "versions": {name: version(name) for name in ("resmem", "torch", "torchvision", "numpy")},
        "scores": scores,
    }
    GOLDEN.write_text(json.dumps(certificate, indent=1) + "\n")
    print(scores)

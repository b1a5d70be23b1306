"""Pictures that a filter, or the whole network, responds to: made by gradient ascent from noise.

What the recipes do: :mod:`memnet.inspect.recipes`. What to make of such pictures:
``docs/inspect.md``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from tqdm import tqdm

from memnet.errors import MemnetError, unknown_name
from memnet.inspect.filters import check_filters
from memnet.inspect.layers import Layer, find_layer
from memnet.inspect.objectives import FilterObjective, Objective, ScoreObjective
from memnet.inspect.recipes import Modern, Recipe
from memnet.scoring.predictor import Predictor
from memnet.util.arrays import UInt8Array

Aim = Literal["channel", "neuron", "score"]
"""What is raised: a filter's mean over space, its unit in the centre, or the model's raw score."""

AIMS: tuple[Aim, ...] = ("channel", "neuron", "score")

DEFAULT_BATCH = 4
"""Pictures that are optimised together."""


@dataclass(frozen=True)
class Visualisation:
    """A picture that was made, and how far it got.

    Attributes
    ----------
    filter : its number in the layer; 0 for the score.
    number : which of several pictures of one filter, from 0.
    picture : ``(height, width, 3)``, 8 bits, RGB. Of the objective ``neuron`` (in the modern
        recipe) what lies outside its receptive field is grey.
    start : the objective's value for the noise at the start.
    reached : for the picture as it is, 8-bit and not transformed.
    curve : at every step, as it was optimised: with the transforms of that step.
    """

    filter: int
    number: int
    picture: UInt8Array = field(repr=False)
    start: float
    reached: float
    curve: list[float] = field(repr=False)

    @property
    def raised(self) -> bool:
        """Whether the picture has more of what is looked for than the noise had.

        Nothing can raise the output of a dead filter.
        """
        return math.isfinite(self.reached) and self.reached > self.start


def visualise(
    predictor: Predictor,
    layer: str | Layer | None = None,
    filters: Sequence[int] = (0,),
    *,
    objective: Aim = "channel",
    recipe: Recipe | None = None,
    diversity: int = 1,
    seed: int = 0,
    batch_size: int = DEFAULT_BATCH,
) -> list[Visualisation]:
    """Make pictures that raise the output of filters, or the score.

    Parameters
    ----------
    predictor : a model whose network memnet can look into.
    layer : a name or alias (:func:`memnet.inspect.layers.find_layer`); None for the score.
    filters : numbers of filters of the layer, from 0; not looked at for the score.
    objective : ``"channel"``, the filter's mean over space; ``"neuron"``, its unit in the centre;
        ``"score"``, the raw score of the model, before it is clamped.
    recipe : :class:`~memnet.inspect.recipes.Modern` (default) or
        :class:`~memnet.inspect.recipes.Of2020`.
    diversity : pictures of each filter, which are made unlike each other.
    seed : of the noise and the transforms. The same seed on the same machine gives the same
        pictures; on other machines, and in batches of another size, other digits, and in time
        other details.
    batch_size : pictures that are optimised together.

    Returns
    -------
    list of Visualisation
        in the order of the filters.

    Raises
    ------
    MemnetError
        for an unknown layer or objective, a filter that is not there, a recipe that the layer
        cannot have, or a batch that needs more memory than there is.

    Examples
    --------
    >>> import memnet
    >>> from memnet.inspect.recipes import Modern
    >>> from memnet.weights.catalogue import find
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, stride=9), torch.nn.Flatten())
    >>> model = memnet.Predictor.from_function(
    ...     "mine.v1", network, preprocess=find("resmem.published").preprocess
    ... )
    >>> made = visualise(model, "0", [2, 5], recipe=Modern(steps=3))
    >>> [(each.filter, each.picture.shape, each.raised) for each in made]
    [(2, (227, 227, 3), True), (5, (227, 227, 3), True)]
    """
    goal, names = resolve(predictor, layer, filters, objective)
    wanted = [(name, number) for name in names for number in range(diversity)]
    made = batches(predictor, goal, wanted, recipe or Modern(), seed, batch_size)
    return [each for batch in made for each in batch]


def resolve(
    predictor: Predictor, layer: str | Layer | None, filters: Sequence[int], objective: str
) -> tuple[Objective, list[int]]:
    """Return the objective, and the filters without repetitions; raises as :func:`visualise`."""
    if objective not in AIMS:
        raise unknown_name("objective", objective, AIMS)
    if objective == "score":
        if layer is not None:
            raise MemnetError("The objective score is of the whole network: name no layer.")
        return ScoreObjective(predictor), [0]
    if layer is None:
        raise MemnetError(f"Which layer? The objective {objective} is of a filter of a layer.")
    found = find_layer(predictor, layer) if isinstance(layer, str) else layer
    names = check_filters(found, filters)
    aim: Literal["channel", "neuron"] = "neuron" if objective == "neuron" else "channel"
    return FilterObjective(predictor, found, aim), names


def batches(
    predictor: Predictor,
    objective: Objective,
    wanted: Sequence[tuple[int, int]],
    recipe: Recipe,
    seed: int,
    batch_size: int,
) -> Iterator[list[Visualisation]]:
    """Make the pictures of filters, batch by batch.

    Parameters
    ----------
    wanted : filter and number of each picture. Those of one filter stand together, and come into
        one batch, however many they are.
    predictor, objective, recipe, seed, batch_size : as for :func:`visualise`.
    """
    groups = [[each for each in wanted if each[0] == name] for name in dict(wanted)]
    together: list[list[tuple[int, int]]] = []
    for group in groups:
        if together and len(together[-1]) + len(group) <= batch_size:
            together[-1] += group
        else:
            together.append(list(group))
    steps = recipe.all_steps * len(together)
    with tqdm(
        total=steps, desc="visualise", unit=" steps", delay=2, disable=None, file=sys.stderr
    ) as bar:
        for batch in together:
            yield _one_batch(predictor, objective, batch, recipe, seed, bar.update)


def _one_batch(
    predictor: Predictor,
    objective: Objective,
    batch: list[tuple[int, int]],
    recipe: Recipe,
    seed: int,
    after_step: Callable[[], object],
) -> list[Visualisation]:
    filters = [name for name, _ in batch]
    generators = [_generator(seed, name, number) for name, number in batch]
    ascent = recipe.ascend(objective, filters, generators, predictor.device, after_step)
    made = []
    for place, (name, number) in enumerate(batch):
        picture = ascent.pictures[place]
        if objective.box is not None and picture.shape[:2] == objective.size_hw:
            picture = _grey_outside(picture, objective.box)
        made.append(
            Visualisation(
                filter=name,
                number=number,
                picture=picture,
                start=ascent.starts[place],
                reached=evaluate(objective, picture, name, predictor.device),
                curve=ascent.curves[place],
            )
        )
    return made


def evaluate(
    objective: Objective, picture: UInt8Array, filter_: int, device: torch.device
) -> float:
    """Return an objective's value for an 8-bit picture ``(height, width, 3)``."""
    pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None]
    with torch.no_grad():
        values, _ = objective(pixels.to(device).float() / 255, [filter_])
    return float(values.item())


def _grey_outside(picture: UInt8Array, box: tuple[int, int, int, int]) -> UInt8Array:
    """Leave no echo of waves where the unit does not look."""
    left, top, right, bottom = box
    seen = np.full_like(picture, 128)
    seen[top:bottom, left:right] = picture[top:bottom, left:right]
    return seen


def _generator(seed: int, name: int, number: int) -> torch.Generator:
    """Return the random numbers of one picture, whatever others are in its batch."""
    state = np.random.SeedSequence([seed, name, number]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))

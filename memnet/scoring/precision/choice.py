"""``fast`` or ``max``, a model and a machine: by which kind of computing it scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from memnet.scoring.named import NamedModel
from memnet.scoring.precision import EXACT, LIMITS, check_precision
from memnet.scoring.precision.records import Measured, describe
from memnet.util.messages import say, say_once
from memnet.weights.networks import is_own

if TYPE_CHECKING:
    from memnet.scoring.predictor import Predictor

_WORTH = 1.02
"""A kind that is less than so many times as fast is not worth a change of any score."""


def at_precision(
    model: NamedModel, precision: str, device: str, load_exact: Callable[[], Predictor]
) -> NamedModel:
    """Let a model be computed as fast as a precision allows on this machine.

    The first time that a model is asked for it is measured, which takes the time of some 200
    pictures; what came out is kept. Of a network that :func:`memnet.register_network` added
    nothing is kept, since nobody knows when its code changes.

    Parameters
    ----------
    model : by its header.
    precision : ``"exact"``, ``"fast"`` or ``"max"``.
    device : where its network will run: ``"cpu"``, ``"cuda:1"``.
    load_exact : loads the model to be measured.

    Returns
    -------
    NamedModel
        with its kind of computing; the given one where none is faster within the limits, which is
        said on stderr.

    Raises
    ------
    MemnetError
        if there is no such precision, or the model cannot be loaded.
    """
    if check_precision(precision) == EXACT:
        return model
    record = describe(model.header, device)
    measured = record.read()
    if measured is None:
        from memnet.scoring.precision.measuring import measure

        say(f"{model.label}: measuring how fast and how exact this machine can be, once ...")
        found = measure(load_exact(), record.machine)
        measured = record.read() or found  # another process may have been first
        if measured is found and is_own(model.header.arch):
            record.write(found)
    return replace(model, computing=choose(measured, precision, model.label))


def choose(measured: Sequence[Measured], precision: str, label: str) -> Measured | None:
    """Take the fastest kind within the limits of a precision, and say which it is on stderr."""
    faster = [each for each in measured if each.speed >= _WORTH]
    limits = LIMITS[precision]
    within = [each for each in faster if not each.excess(limits)]
    best = max(within, key=lambda each: each.speed, default=None)
    for each in faster:
        if (excess := each.excess(limits)) and (best is None or each.speed > best.speed):
            say_once(f"{label}: {each.kind} is refused for --precision {precision}: {excess}")
    if best is None:
        say_once(
            f"{label}: nothing that is faster within the limits of --precision {precision} was "
            "found on this machine, so its scores are exact ones"
        )
    else:
        say_once(f"{label}, {precision}: {best}")
    return best


def say_package_is_exact(model: str, precision: str) -> None:
    """Say of a model of another package that its precision is its own affair."""
    if precision != EXACT:
        say_once(
            f"{model} comes from another package, which knows one way to compute it; --precision "
            f"{precision} is left out"
        )

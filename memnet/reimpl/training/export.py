"""From a checkpoint to the weight file that ``memnet score --model`` takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from memnet.preprocess.spec import OutputSpec, PreprocessSpec
from memnet.reimpl.branches import Network
from memnet.reimpl.initial_weights import Start
from memnet.reimpl.training.callbacks import read_checkpoint
from memnet.reimpl.training.config import TrainConfig
from memnet.weights.catalogue import find
from memnet.weights.digests import file_digest, tensors_digest
from memnet.weights.files import SourceFile, new_header, write_weights

CITATION = find("resmem.published").citation
"""Needell & Bainbridge (2022), whose networks and settings these are."""

OUTPUT = OutputSpec(crop_reduction="mean", subtract=0.0, multiply=1.0, add=0.0, clamp="none")
"""The networks are trained on scores, so that an output is a score."""


def training_spec() -> PreprocessSpec:
    """Return what every network of the paper is fed: that of the published ResMem."""
    return find("resmem.published").preprocess


def export(
    checkpoint: Path,
    out: Path,
    *,
    network: Network,
    config: TrainConfig,
    initial_weights: Sequence[Start],
    trained_on: Sequence[str],
) -> dict[str, float]:
    """Write the weights of a checkpoint as a weight file with everything in its header.

    Parameters
    ----------
    checkpoint : of a run; has the branches that were trained.
    network : has the others.
    initial_weights : where each branch began: licences and training data are inherited.
    trained_on : names of the data that this run looked at.

    Returns
    -------
    dict
        which validation these weights are of: ``epoch``, ``step``, ``val_spearman``, ``val_loss``.
    """
    content = read_checkpoint(checkpoint)
    state = content.pop("state_dict")
    tensors = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    tensors |= state
    notices = list(
        dict.fromkeys(start.licence_notice for start in initial_weights if start.licence_notice)
    )
    licences = [f"{start.branch}: {start.licence}" for start in initial_weights if start.licence]
    citations = [CITATION, *(start.citation for start in initial_weights if start.citation)]
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", out.parent.name).strip("-") or "run"
    header = new_header(
        name=f"{config.arch}.{name}",
        arch=config.arch,
        sources=(
            SourceFile(role="weights", name=checkpoint.name, sha256=file_digest(checkpoint)),
            *(
                SourceFile(role="start", name=start.source, sha256=start.sha256, note=start.branch)
                for start in initial_weights
                if start.sha256
            ),
        ),
        tensors_sha256=tensors_digest(tensors),
        licence="; ".join(["the trainer's own", *dict.fromkeys(licences)]),
        licence_notice="; ".join(notices),
        citation="; ".join(dict.fromkeys(citations)),
        trained_on=training_data_of(initial_weights, trained_on),
        remark="",
        preprocess=training_spec(),
        output=OUTPUT,
    )
    write_weights(out, tensors, header)
    best: dict[str, float] = content
    return best


def training_data_of(
    initial_weights: Sequence[Start], trained_on: Sequence[str]
) -> tuple[str, ...] | None:
    """Name all data that the weights have seen, those they began from included; None: unknown."""
    names = list(trained_on)
    for start in initial_weights:
        if start.trained_on is None:
            return None
        names += start.trained_on
    return tuple(dict.fromkeys(names))

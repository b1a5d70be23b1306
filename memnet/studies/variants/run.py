"""What ``memnet sensitivity`` does: score with every variant, compare them, write the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from memnet.data.inputs import Inputs
from memnet.data.pictures import collect
from memnet.errors import MemnetError
from memnet.scoring import DEFAULT_BATCH_SIZE
from memnet.scoring.lazy_model import find_model
from memnet.studies.cautions import inspect_pictures, training_cautions
from memnet.studies.variants.page import write_sensitivity_page
from memnet.studies.variants.scores import score_variants
from memnet.studies.variants.sensitivity import ENOUGH, FEWEST, Sensitivity, compare_variants
from memnet.util.atomic import write_text
from memnet.util.csv_text import to_csv_text


@dataclass(frozen=True, kw_only=True)
class SensitivityRun:
    """What the variants made of some pictures, and where the report is.

    Attributes
    ----------
    result : the comparison of the variants.
    inputs : the pictures, with what was no picture or could not be listed.
    cautions : sentences about the pictures and what the model was trained on.
    page : ``report.html``.
    cached : of how many pictures everything was known from the score cache.
    """

    result: Sensitivity
    inputs: Inputs
    cautions: tuple[str, ...]
    page: Path
    cached: int = 0

    @property
    def complete(self) -> bool:
        """Whether every picture could be scored and every folder be listed."""
        return not (self.result.failed or self.inputs.unreadable)


def run_sensitivity(
    pictures: Sequence[str],
    out: str | Path,
    *,
    model: str = "memnet.caffe_lamem",
    batch_size: int = DEFAULT_BATCH_SIZE,
    device: str = "auto",
    command: str = "run_sensitivity(...)",
) -> SensitivityRun:
    """Score pictures with every variant of MemNet and write how much they differ.

    Parameters
    ----------
    pictures : folders, files, globs or manifests, as ``memnet score`` takes them.
    out : a folder for ``report.html``, ``variants.csv`` (every output), ``summary.csv`` (each
        variant against the server) and ``correlations.csv`` (Spearman's rho of every two).
    model : a MemNet of the original's layout: a name or a ``.safetensors`` file.
    batch_size : pictures per pass through the network.
    device : ``"auto"``, ``"cpu"``, ``"cuda"``, ...
    command : what the report says was run.

    Raises
    ------
    MemnetError
        for fewer than three pictures, a model that has no variants, or a folder that cannot be
        written.
    """
    out = Path(out)
    inputs = collect(list(pictures))
    if len(inputs.items) < FEWEST:
        raise MemnetError(
            f"{len(inputs.items)} picture(s) were given; a rank correlation needs at least "
            f"{FEWEST}, and {ENOUGH} to mean anything."
        )
    found = find_model(model, device)
    scores = score_variants(found, inputs.items, batch_size=batch_size)
    result = compare_variants(scores)
    scored = [item for item in inputs.items if item.image_id not in result.failed]
    trained_on = found.header.trained_on
    cautions = tuple(
        caution.sentence
        for caution in (
            *inspect_pictures(scored),
            *training_cautions(scores.image_ids, found.name, trained_on=trained_on),
        )
    )
    write_text(out / "variants.csv", to_csv_text(result.scores))
    write_text(out / "summary.csv", to_csv_text(result.summary))
    correlations = result.correlations.rename_axis("variant").reset_index()
    write_text(out / "correlations.csv", to_csv_text(correlations))
    remark = found.header.remark  # finding it has said it already
    page = write_sensitivity_page(
        out,
        result,
        cautions=[*([f"{found.name}: {remark}"] if remark else []), *cautions],
        command=command,
        weights_sha256=found.header.tensors_sha256,
    )
    return SensitivityRun(
        result=result, inputs=inputs, cautions=cautions, page=page, cached=scores.cached
    )

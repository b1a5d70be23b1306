"""``memnet sensitivity``: how much the variants of MemNet differ on your pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from memnet.studies.variants.sensitivity import Sensitivity


def sensitivity(
    pictures: list[str] = typer.Argument(
        help="Folders (searched recursively), files, globs, or manifest CSV files, as for "
        "`memnet score`.",
    ),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for the report and its tables."),
    model: str = typer.Option(
        "memnet.caffe_lamem", "--model", "-m", help="A MemNet by name, or its .safetensors file."
    ),
    batch_size: int = typer.Option(8, "--batch-size", "-b", min=1, help="Pictures per pass."),
    device: str = typer.Option("auto", help="auto, cpu, cuda, cuda:1 ..."),
) -> None:
    """Score pictures with every variant of MemNet and show how much they differ.

    Writes report.html, variants.csv (every output), summary.csv (each variant against the server)
    and correlations.csv (Spearman's rho between every two).
    """
    from memnet.cli.messages import command_line, say, say_ignored, say_some, say_unreadable
    from memnet.data.pictures import collect
    from memnet.errors import MemnetError
    from memnet.scoring.predictor import load
    from memnet.studies.cautions import inspect_pictures, training_cautions
    from memnet.studies.variants.page import findings, write_sensitivity_page
    from memnet.studies.variants.scores import score_variants
    from memnet.studies.variants.sensitivity import ENOUGH, FEWEST, compare_variants
    from memnet.util.atomic import write_text

    inputs = collect(pictures)
    if len(inputs.items) < FEWEST:
        raise MemnetError(
            f"{len(inputs.items)} picture(s) were given; a rank correlation needs at least "
            f"{FEWEST}, and {ENOUGH} to mean anything."
        )
    predictor = load(model, device=device)
    scores = score_variants(predictor, inputs.items, batch_size=batch_size)
    result = compare_variants(scores)
    scored = [item for item in inputs.items if item.image_id not in result.failed]
    remark = predictor.header.remark
    cautions = [f"{predictor.name}: {remark}"] if remark else []
    cautions += [
        caution.sentence
        for caution in (
            *inspect_pictures(scored),
            *training_cautions(
                scores.image_ids, predictor.name, trained_on=predictor.header.trained_on
            ),
        )
    ]
    write_text(out / "variants.csv", result.scores.to_csv(index=False))
    write_text(out / "summary.csv", result.summary.to_csv(index=False))
    write_text(out / "correlations.csv", result.correlations.to_csv(index_label="variant"))
    page = write_sensitivity_page(
        out,
        result,
        cautions=cautions,
        command=command_line(),
        weights_sha256=predictor.header.tensors_sha256,
    )
    _print(result)
    say_some([f"{name}: {why}" for name, why in result.failed.items()], f"see {page}")
    say_ignored(inputs)
    say_unreadable(inputs)
    for sentence in (*findings(result), *filter(None, [result.warning]), *cautions[bool(remark) :]):
        say(sentence)
    say(f"{result.n:,} pictures, {len(result.summary)} variants -> {page}")
    if result.failed or inputs.unreadable:
        raise typer.Exit(1)


def _print(result: Sensitivity) -> None:
    from memnet.compare.report.table_model import Column
    from memnet.compare.report.terminal import numbers, print_table

    shown = ("spearman", "pearson", "mean_shift", "sd", "sd_ratio", "rms_difference")
    rows = []
    for row in result.summary.to_dict("records"):
        values = ("undefined" if row[name] != row[name] else f"{row[name]:.4f}" for name in shown)
        rows.append((row["variant"], *values))
    print_table([Column("variant"), *numbers(*shown)], rows)

"""``memnet verify-legacy``: the original MemNet against its published 0.565."""

from __future__ import annotations

from pathlib import Path

import typer


def verify_legacy(
    lamem: Path = typer.Option(..., help="LaMem's folder: splits/test_1.txt ... and images/."),
    caffemodel: Path | None = typer.Option(
        None, help="memnet.caffemodel; without it, the imported memnet.caffe_lamem is used."
    ),
    mean: Path | None = typer.Option(None, help="The mean image that belongs to --caffemodel."),
    deploy: Path | None = typer.Option(None, help="deploy.prototxt, compared with the weights."),
    mean_layout: str | None = typer.Option(
        None, help="How the mean image lies (hwc-bgr, whc-bgr ...)."
    ),
    split: str = typer.Option("all", help="1, 2, 3, 4, 5 or all."),
    out: Path = typer.Option(
        Path("memnet-verify"), file_okay=False, help="Folder for scores and verdict."
    ),
    device: str = typer.Option("auto", help="auto, cpu, cuda, mps ..."),
    batch_size: int = typer.Option(8, min=1, help="Pictures per pass."),
    resamples: int = typer.Option(2_000, min=100, help="Bootstrap resamples."),
) -> None:
    """Score LaMem's official test splits with the original MemNet and judge the result.

    Prints, per split: n, Spearman's rho with its 95 % interval, MSE, SD of the predictions; then
    the published values and a verdict against a band that was fixed beforehand. The exit code is
    0 whatever the verdict, 1 if pictures failed.
    """
    from memnet.cli.messages import command_line, report_failures
    from memnet.data.inputs import Inputs
    from memnet.data.lamem import SPLITS
    from memnet.errors import MemnetError
    from memnet.experiments import verify_legacy as verifying
    from memnet.legacy.convert import NOT_ORIGINAL, ORIGINAL, import_for
    from memnet.scoring.runner import Settings
    from memnet.util.messages import say
    from memnet.weights.catalogue import find
    from memnet.weights.files import read_header
    from memnet.weights.store import fetch

    if split not in ("all", *map(str, SPLITS)):
        raise MemnetError(f"--split {split!r} must be 1, 2, 3, 4, 5 or all.")
    if (caffemodel is None) != (mean is None):
        raise MemnetError("--caffemodel and --mean belong together: give both or neither.")
    splits = SPLITS if split == "all" else (int(split),)
    verifying.read_lamem(lamem, splits)  # what is wrong with it is said before the conversion
    if caffemodel is not None and mean is not None:
        made = import_for(out, caffemodel, mean=mean, deploy=deploy, mean_layout=mean_layout)
        for sentence in made.report:
            say(sentence)
        model, remark = str(made.path), made.header.remark
    else:
        model, remark = ORIGINAL, read_header(fetch(find(ORIGINAL))).remark
    settings = Settings(
        models=[model], device=device, batch_size=batch_size, command=command_line()
    )
    verification, summary = verifying.verify_legacy(
        model,
        lamem,
        out,
        splits=splits,
        settings=settings,
        remark=remark,
        original=not remark.startswith(NOT_ORIGINAL),
        resamples=resamples,
    )
    report_failures(Inputs(), summary, out / "scores.parquet")
    _print(verification)
    say(f"verdict and values -> {out / 'verification.json'}")
    if summary.failed or any(result.failed for result in verification.splits):
        raise typer.Exit(1)


def _print(verification: object) -> None:
    from memnet.compare.report.table_model import Column, number_columns
    from memnet.compare.report.terminal import print_table
    from memnet.experiments.verify_legacy import Verification
    from memnet.util.text import printable

    assert isinstance(verification, Verification)
    rows = [
        (
            str(result.split),
            f"{result.n:,}",
            f"{result.failed:,}",
            *_rho(result.spearman, result.interval),
            f"{result.mse:.5f}",
            f"{result.sd:.4f}",
            result.verdict,
        )
        for result in verification.splits
    ]
    if verification.spread is not None:
        rows.append(
            (
                "mean of all",
                f"{verification.pictures:,}",
                "",
                *_rho(verification.mean, verification.interval),
                f"{verification.mse:.5f}",
                f"{verification.sd:.4f}",
                verification.verdict,
            )
        )
    values = number_columns("n", "failed", "Spearman's rho", "95 % interval", "MSE", "SD")
    print_table([Column("test split"), *values, Column("verdict")], rows)
    if verification.spread is not None:
        print(
            f"\nSD of rho over the splits {verification.spread:.4f}; n of all: distinct pictures."
        )
    print("\nPublished:")
    for value, source in verification.published:
        print(f"  {value:<6} {source}")
    print(
        f"Accepted, fixed beforehand: {verification.band[0]} to {verification.band[1]} "
        "(0.565 +- 2 standard errors at n = 10,000)."
    )
    print(
        "The splits are not merged: a picture's label differs from split to split, since each is\n"
        "the average of one half of the people who saw it."
    )
    if verification.remark:
        print(printable(verification.remark))
    subject = "" if verification.original else " on a network that is NOT the original MemNet"
    print(f"\nVerdict{subject}: {verification.verdict.upper()}. {verification.sentence}")


def _rho(rho: float | None, interval: list[float] | None) -> tuple[str, str]:
    return (
        "undefined" if rho is None else f"{rho:.4f}",
        "none" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}",
    )

"""``memnet score``: pictures in, a table of scores out."""

from __future__ import annotations

import enum
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from memnet.cli.options import BATCH_SIZE, DEVICE, MODELS, Precision

if TYPE_CHECKING:
    from memnet.scoring.cluster_parts import Share


class Exif(str, enum.Enum):
    """What to do with a picture's EXIF orientation."""

    ignore = "ignore"
    apply = "apply"


class Engine(str, enum.Enum):
    """What runs the models."""

    local = "local"
    ray = "ray"


class Format(str, enum.Enum):
    """How the table is written to stdout."""

    csv = "csv"
    jsonl = "jsonl"
    arrow = "arrow"


def score(
    pictures: list[str] = typer.Argument(
        help="Folders (searched recursively), files, globs, or manifests (CSV, Excel ...) with a "
        "column `path` (and `image_id`); see --path-column. Videos where --fps is given.",
    ),
    model: list[str] = MODELS,
    name: str = typer.Option(
        "",
        "--as",
        help="What the table calls the model, instead of its name or file: the models of a data "
        "set's splits, a weight file each, get one name.",
    ),
    out: Path | None = typer.Option(
        None,
        "--out",
        "-o",
        dir_okay=False,
        help="FILE.csv, FILE.parquet or FILE.xlsx; without it, CSV goes to stdout.",
    ),
    format_: Format | None = typer.Option(
        None,
        "--format",
        help="Of what goes to stdout: a table in CSV, in the end; or each row as soon as it is "
        "known, as a line of JSON or in an Arrow stream.",
    ),
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
    precision: Precision = typer.Option(
        Precision.exact,
        help="exact: as the authors computed. fast, max: as fast as this machine can within "
        "limits (docs/precision.md), which is measured the first time.",
    ),
    exif: Exif = typer.Option(
        Exif.ignore, help="EXIF orientation: the published models ignore it."
    ),
    max_pixels: int = typer.Option(
        200_000_000, min=1, help="Refuse pictures with more pixels than this."
    ),
    max_side: int = typer.Option(
        65_535, min=1, help="Refuse pictures with a longer side, in pixels."
    ),
    max_bytes: int = typer.Option(2**30, min=1, help="Do not read files with more bytes."),
    path_column: str = typer.Option(
        "path",
        help="The column of a manifest that has the pictures' paths; its other columns stand in "
        "the result, too.",
    ),
    id_pattern: str = typer.Option(
        "",
        "--id-pattern",
        metavar="REGEX",
        help="Make each picture's id of its path: what the pattern's group matches, as in "
        "'nsd0*(\\d+)'.",
    ),
    addresses: bool = typer.Option(
        False,
        "--allow-addresses",
        help="Let the paths of a manifest be addresses (https://, s3:// ...) and fetch what is "
        "there. Needs the extra `remote`.",
    ),
    fps: str = typer.Option(
        "",
        metavar="RATE",
        help="Score videos, too: so many frames per second (2, 0.5, 29.97, 30000/1001). Needs the "
        "extra `video`.",
    ),
    box_columns: str = typer.Option(
        "",
        metavar="LEFT,TOP,RIGHT,BOTTOM",
        help="Columns of a manifest with a box of each row's picture, in pixels: it is scored.",
    ),
    centre_columns: str = typer.Option(
        "",
        metavar="X,Y,WIDTH,HEIGHT",
        help="The same by centre and size, as crops round fixations; the last two may be numbers: "
        "x,y,100,100.",
    ),
    limit: int | None = typer.Option(None, min=1, help="Score the first pictures only, for a try."),
    shard: str | None = typer.Option(
        None,
        metavar="I/N",
        help="Score part I of N (1/3, 2/3, 3/3), as a job array does; `memnet merge` joins them.",
    ),
    engine: Engine = typer.Option(
        Engine.local,
        help="local: this computer; ray: a Ray cluster, or several processes of this computer. "
        "Needs the extra `cluster`, and --out.",
    ),
    address: str = typer.Option(
        "",
        help="Of the Ray cluster: auto for the one that this computer belongs to, HOST:6379; "
        "without it, this computer alone.",
    ),
    workers: int | None = typer.Option(
        None,
        min=1,
        help="Processes of the Ray cluster; without it, one for each GPU, or for each four cores.",
    ),
    spreadsheet_safe: bool = typer.Option(
        False,
        "--spreadsheet-safe",
        help="Write FILE.spreadsheet.csv, too, with no text that a spreadsheet takes for a "
        "formula. Without --out, stdout is like that.",
    ),
) -> None:
    """Score pictures with one or more models.

    Finished rows are on disk as they are made: run the same command again after an interruption
    and it goes on. A picture that cannot be read keeps its row, without a score.
    """
    from memnet.cli.messages import command_line, report_failures
    from memnet.data.boxes import BoxColumns
    from memnet.data.pictures import collect
    from memnet.data.shards import Shard, take_part
    from memnet.errors import MemnetError
    from memnet.preprocess.decode import PictureLimits
    from memnet.preprocess.video import parse_fps
    from memnet.scoring.runner import Settings, expand, score_to, score_to_file, score_to_rows
    from memnet.scoring.sinks import print_arrow, print_json_lines
    from memnet.scoring.table import read_rows_and_extras, rows_to_csv
    from memnet.util.atomic import write_text
    from memnet.util.messages import say, stdout_is_closed
    from memnet.util.table_files import check_table_name

    if engine is Engine.local and (address or workers):
        raise MemnetError("--address and --workers are for --engine ray.")
    if engine is Engine.ray and (out is None or fps):
        raise MemnetError(
            "--engine ray writes a table that a run can go on with; give --out."
            if out is None
            else "--engine ray is for pictures: to reach its frames, each worker would decode a "
            "video from its beginning. Score videos in jobs of their own (docs/cluster.md)."
        )
    if out is not None:
        check_table_name(out)
        if format_ is not None:
            raise MemnetError(
                f"--format {format_.value} is for stdout; what {out} is, its ending says."
            )
    elif spreadsheet_safe and format_ not in (None, Format.csv):
        raise MemnetError(
            f"--spreadsheet-safe is for CSV; leave it out with --format {format_.value}."
        )
    elif format_ is Format.arrow and sys.stdout is not None and sys.stdout.isatty():
        raise MemnetError(
            "stdout is a terminal, and --format arrow is no text; send it to a program or a file "
            "(> scores.arrows), or give --out scores.parquet."
        )
    elif stdout_is_closed():
        raise MemnetError("stdout is closed, and the table would go there; give --out FILE.csv.")
    part = None if shard is None else Shard.parse(shard)
    boxes = BoxColumns.parse(box_columns=box_columns, centre_columns=centre_columns)
    inputs = collect(
        pictures,
        path_column=path_column,
        id_pattern=id_pattern,
        boxes=boxes,
        fps=parse_fps(fps) if fps else None,
        addresses=addresses,
    )
    inputs = take_part(inputs, shard=part, limit=limit)
    settings = Settings(
        models=list(dict.fromkeys(model)),
        name=name,
        device=device,
        batch_size=batch_size,
        exif_orientation=exif.value if exif is Exif.apply else None,
        limits=PictureLimits(max_pixels=max_pixels, max_side=max_side, max_bytes=max_bytes),
        precision=precision.value,
        command=command_line(),
    )
    if out is None and format_ in (Format.jsonl, Format.arrow):
        with (print_arrow if format_ is Format.arrow else print_json_lines)(inputs) as take_rows:
            summary = score_to(inputs, settings, take_rows)
    elif out is None:
        rows, summary = score_to_rows(inputs, settings)
        table = expand(rows, inputs)
        print(rows_to_csv(*table, spreadsheet_safe=spreadsheet_safe), end="")
    else:
        with _cluster(engine, address, workers, device) as share:
            if share is not None:
                settings = replace(settings, device=share.device, share=share)
            summary = score_to_file(inputs, out, settings)
    report_failures(inputs, summary, out)
    if out is not None and spreadsheet_safe:
        stem = out.stem if out.suffix.lower() == ".csv" else out.name  # each has its own copy
        copy = out.with_name(f"{stem}.spreadsheet.csv")
        write_text(copy, rows_to_csv(*read_rows_and_extras(out), spreadsheet_safe=True))
        say(f"a copy for spreadsheets -> {copy}")
    if summary.failed or inputs.unreadable:
        raise typer.Exit(1)


def _cluster(
    engine: Engine, address: str, workers: int | None, device: str
) -> AbstractContextManager[Share | None]:
    if engine is Engine.local:
        return nullcontext()
    from memnet.scoring.ray_cluster import connect

    return connect(address, workers, device)

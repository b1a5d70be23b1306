"""``memnet report``: a saved record rendered again, or several side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from memnet.cli.browser import OPEN_HELP, open_page
from memnet.cli.options import PICTURES_HELP

if TYPE_CHECKING:
    from memnet.compare.record import RunRecord
    from memnet.preprocess.decode import PictureOrCrop


def report(
    records: list[Path] = typer.Argument(
        ..., metavar="RECORD...", help="record.json of `memnet compare`, or the folder it is in."
    ),
    names: list[str] = typer.Option(
        [],
        "--as",
        help="For the summary of several records: NAME is the name of the one model that each "
        "compares, whatever it is called there (a weight file for each split); with several "
        "models NAME=MODEL, repeated.",
    ),
    out: Path = typer.Option(..., file_okay=False, help="Folder for the report."),
    pictures: list[str] = typer.Option([], help=PICTURES_HELP),
    open_report: bool = typer.Option(False, "--open", help=OPEN_HELP),
) -> None:
    """Render a saved comparison again: the same record gives the same files.

    With several records of the same models (LaMem's five splits, whose human scores differ) each
    gets a folder of its own, and summary.html has mean and SD over them. Records of different data
    sets become the page of a benchmark, as `memnet benchmark` makes it; nothing is computed anew.
    """
    import re

    from memnet.cli.tables import print_results, print_summary
    from memnet.compare.record import RunRecord
    from memnet.compare.report.render import write_report
    from memnet.compare.report.summary import named_alike, spreads, write_summary
    from memnet.data.contamination import DatasetName
    from memnet.errors import MemnetError
    from memnet.util.messages import say

    files = list(map(_record_file, records))
    read = [RunRecord.read(file) for file in files]
    if len(read) == 1:
        if names:
            raise MemnetError("--as is for several records; a single one is shown as it was made.")
        write_report(read[0], out, pictures=_shown(read[0], pictures))
        print_results(read[0])
        say(f"the report is in {out / 'report.html'}")
        if open_report:
            open_page(out / "report.html")
        return
    if len({DatasetName.parse(record.dataset).base for record in read}) > 1:
        if names:
            raise MemnetError(
                "--as is for records of one data set, and these are of several; give the models "
                "one name in the suite of `memnet benchmark`, which compares them."
            )
        _of_several_datasets(files, read, out, pictures)
        if open_report:
            open_page(out / "index.html")
        return
    alike = named_alike(read, names)
    spreads(alike)  # refuses what does not belong together before anything is written
    folders = []
    for number, (file, record) in enumerate(zip(files, read, strict=True), start=1):
        stem = file.resolve().parent.name if file.stem == "record" else file.stem
        name = f"{number}_{re.sub(r'[^A-Za-z0-9.-]+', '_', stem)[:60].strip('._') or 'record'}"
        write_report(record, out / name, pictures=_shown(record, pictures))
        say(f"record {number} -> {out / name / 'report.html'}")
        folders.append(name)
    print_summary(write_summary(alike, folders, out))
    say(f"mean and SD over {len(read)} records -> {out / 'summary.html'}")
    if open_report:
        open_page(out / "summary.html")


def _record_file(path: Path) -> Path:
    """Find the record that is meant; a benchmark is none, but has one for each data set."""
    from memnet.errors import MemnetError

    file = path / "record.json" if path.is_dir() else path
    folder = path if path.is_dir() else path.parent
    benchmark = folder / "benchmark.json"
    if benchmark.is_file() and (file == benchmark or not file.exists()):
        raise MemnetError(
            f"{path} is a benchmark, and no single comparison: those are in {folder / 'datasets'}, "
            "and the same `memnet benchmark` with the same --out shows it again."
        )
    return file


def _of_several_datasets(
    files: list[Path], records: list[RunRecord], out: Path, pictures: list[str]
) -> None:
    """Show records of different data sets as a benchmark."""
    from memnet.cli.messages import command_line
    from memnet.cli.tables import print_benchmark
    from memnet.compare.report.summary import refuse_repeats
    from memnet.studies.benchmark.run import benchmark_of_records
    from memnet.util.messages import say
    from memnet.util.text import shorten_list

    refuse_repeats(records)
    named: dict[str, RunRecord] = {}
    for number, (file, record) in enumerate(zip(files, records, strict=True), start=1):
        name = record.dataset or file.resolve().parent.name
        named[f"{name} (record {number})" if name in named else name] = record
    benchmark = benchmark_of_records(
        named,
        out,
        pictures={name: _shown(record, pictures) for name, record in named.items()},
        command=command_line(),
    )
    print_benchmark(benchmark)
    for sentence in benchmark.warnings:
        say(sentence)
    say(
        f"the records are of different data sets ({shorten_list(named)}), over which no plain mean "
        f"is taken: they are shown as a benchmark -> {out / 'index.html'}; `memnet benchmark` "
        "makes one from a suite, and scores what is missing"
    )


def _shown(record: RunRecord, pictures: list[str]) -> Mapping[str, PictureOrCrop]:
    """Find the pictures that the report shows; where they lie is not part of a record."""
    from memnet.cli.compare import find_shown

    return find_shown(record, pictures, [], "exact") if pictures else {}

"""Table 1 of Needell & Bainbridge (2022) made anew: four networks, the same pictures, one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from memnet.compare.comparison import compare_scores
from memnet.compare.record import RunRecord
from memnet.compare.report.markdown import escape_markdown
from memnet.compare.report.page import html_page
from memnet.compare.report.render import write_report
from memnet.compare.report.table1 import (
    TABLE1,
    Measured,
    table1_csv,
    table1_latex,
    table1_markdown,
    table1_rows,
)
from memnet.data.sidecar import read_sidecar, sidecar_path
from memnet.errors import MemnetError, StoppedError, unknown_name
from memnet.experiments.table1 import PRESETS, table1_of_runs
from memnet.experiments.train import train
from memnet.reimpl.training.config import TrainConfig, network_class, read_config, read_toml
from memnet.reimpl.training.loop import Machine
from memnet.reimpl.training.run_folder import RUN, TEST
from memnet.reimpl.training.training_set import TrainingSet
from memnet.scoring.table import read_table, write_table
from memnet.util.atomic import write_text
from memnet.util.text import shorten_list, words_of

COMPARISON = "comparison"
"""Folder of the report that holds the runs against each other."""
PAGE = "table1.html"
TITLE = "Table 1 of Needell & Bainbridge (2022)"

_OF_A_PRESET = ("preset", "arch", "freeze")
_BY_BRANCH = ("sizes", "starts")


def common_settings(file: Path | None) -> dict[str, TrainConfig]:
    """Read changes that all four presets share.

    Parameters
    ----------
    file : TOML with fields of :class:`memnet.reimpl.training.config.TrainConfig`; None for none.
        Of ``sizes`` and ``starts`` each network takes what it has.

    Returns
    -------
    dict
        a key of :data:`memnet.experiments.table1.PRESETS` -> its settings.

    Raises
    ------
    MemnetError
        if the file is wrong, says what makes one preset differ from another (``arch``,
        ``freeze``), or names a size or a branch that none of the networks has.
    """
    given = read_toml(file) if file else {}
    for name in _OF_A_PRESET:
        if name in given:
            raise MemnetError(
                f"{file}: {name} is what the four rows of Table 1 differ in; leave it out."
            )
    published = {preset: read_config(preset) for preset in PRESETS}
    there = {
        preset: {
            "sizes": tuple(network_class(config.arch).published_sizes),
            "starts": tuple(config.starts),
        }
        for preset, config in published.items()
    }
    tables = {name: given[name] for name in _BY_BRANCH if isinstance(given.get(name), dict)}
    for name, values in tables.items():
        known = list(dict.fromkeys(key for parts in there.values() for key in parts[name]))
        for key in values:
            if key not in known:
                raise unknown_name(f"{file}: entry of {name}", key, known)
    settings = {}
    for preset in PRESETS:
        own = {
            name: {key: value for key, value in values.items() if key in there[preset][name]}
            for name, values in tables.items()
        }
        try:
            settings[preset] = read_config(preset, changes={**given, **own})
        except MemnetError as error:
            where = f"{file}, for {preset}: " if file else ""
            raise MemnetError(f"{where}{error}") from error
    return settings


def train_four(
    settings: Mapping[str, TrainConfig],
    data: TrainingSet,
    out: Path,
    machine: Machine,
    *,
    command: str = "",
    say: Callable[[str], None] = lambda sentence: None,
) -> tuple[dict[str, Path], dict[str, str]]:
    """Train the presets one after another, each in a folder of ``out`` that is called by it.

    A run that is finished is left as it is; one that fails does not keep the others.

    Returns
    -------
    runs, failures
        preset -> folder, of the runs that left a record; preset -> sentence, of those that failed.

    Raises
    ------
    KeyboardInterrupt
        if a run was interrupted; the same call goes on with it.
    """
    runs, failures = {}, {}
    for preset, config in settings.items():
        folder = out / preset
        try:
            run = train(config, data, folder, machine, command=command)
            outcome = f"{run['status']}, {run['seconds']:.0f} s"
        except StoppedError:
            raise KeyboardInterrupt from None
        except MemnetError as error:
            outcome = failures[preset] = str(error)
        if (folder / RUN).is_file():
            runs[preset] = folder
        say(f"{preset}: {outcome}")
    return runs, failures


def write_table1(
    runs: Mapping[str, Path],
    out: Path,
    *,
    failures: Mapping[str, str] | None = None,
    resamples: int = 10_000,
    command: str = "",
) -> dict[str, Any]:
    """Write ``table1.html``, ``.md``, ``.tex`` and ``.csv``, and the comparison of the runs.

    Parameters
    ----------
    runs : a key of :data:`memnet.experiments.table1.PRESETS` -> the folder of a run of it.
    out : where they are written.
    failures : preset -> why there is no run, or not a whole one.
    resamples : bootstrap resamples of the comparison.
    command : the command line, for the record.

    Returns
    -------
    dict
        ``markdown``, the table; ``notes``, sentences under it; ``comparison``, the record of the
        runs that were tested on the same pictures, None where there are not two.
    """
    table = table1_of_runs({PRESETS[preset]: folder for preset, folder in runs.items()})
    notes = list(table["notes"])
    for preset, sentence in (failures or {}).items():
        title = TABLE1[PRESETS[preset]]
        if preset not in runs:
            notes = [note for note in notes if note != f"{title}: no run was given."]
            notes.append(f"{title}: could not be trained. {sentence}")
    record, why = _compared(runs, out / COMPARISON, resamples, command)
    if why:
        notes.append(why)
    markdown = table1_markdown(table["measured"], notes)
    write_text(out / "table1.md", markdown)
    write_text(out / PAGE, _page(table["measured"], markdown, compared=record is not None))
    write_text(out / "table1.tex", table1_latex(table["measured"], notes))
    write_text(out / "table1.csv", table1_csv(table["measured"]))
    return {"markdown": markdown, "notes": notes, "comparison": record}


def _page(measured: Measured, table: str, *, compared: bool) -> str:
    found = [
        f"{row['name']} {row['spearman_measured']}, published {row['spearman_published']}"
        for row in table1_rows(measured)
        if row["spearman_measured"]
    ]
    answer = "None of the four models was measured here."
    if found:
        answer = f"Rank correlations measured here: {'; '.join(found)}."
    subtitle = "The published values beside those measured here"
    text = f"# {TITLE}\n\n{subtitle}\n\n**{escape_markdown(answer)}**\n\n{table}"
    if compared:
        text += f"\n[The models against each other]({COMPARISON}/report.html)\n"
    return html_page(text, title=f"memnet: {TITLE}", wide=True)


def _compared(
    runs: Mapping[str, Path], out: Path, resamples: int, command: str
) -> tuple[RunRecord | None, str]:
    """Compare the runs on the test part that they share, or say why they are not compared."""
    tested = {
        preset: RunRecord.read(folder / TEST / "record.json")
        for preset, folder in runs.items()
        if (folder / TEST / "record.json").is_file()
    }
    if len(tested) < 2:
        return None, "The models are not compared with each other: fewer than two were tested."
    if len({record.results[0].manifest for record in tested.values()}) > 1:
        return None, "The models are not compared: they were tested on different pictures."
    first = next(iter(tested))
    try:
        tables = [
            _renamed(
                runs[preset] / TEST / "scores.parquet", TABLE1[PRESETS[preset]], out / "scores"
            )
            for preset in tested
        ]
        record = compare_scores(
            runs[first] / TEST / "truth.csv",
            tables,
            truth_column="human_score",
            dataset=tested[first].dataset,
            resamples=resamples,
            command=command,
        )
    except MemnetError as error:  # the table itself does not need it
        return None, f"The models are not compared: {error}"
    write_report(record, out)
    return record, ""


def _renamed(source: Path, name: str, folder: Path) -> Path:
    """Copy a score table under the paper's name for its model; it is called by its file there."""
    try:
        models = read_sidecar(source)["models"]
    except (OSError, ValueError) as error:
        raise MemnetError(
            f"{sidecar_path(source)}, which says how {source.name} was made, cannot be read "
            f"({words_of(error)}); remove the folder {source.parent} and train again: only the "
            "test is done anew."
        ) from error
    if len(models) != 1:
        raise MemnetError(
            f"{source} has the scores of {len(models)} models ({shorten_list(models)}), where "
            f"there must be the run's alone; remove the folder {source.parent} and train again: "
            "only the test is done anew."
        )
    table = read_table(source).assign(model=name)
    table.attrs["models"] = {name: next(iter(models.values()))}
    target = folder / f"{name}.parquet"
    write_table(table, target)
    return target

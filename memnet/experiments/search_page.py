"""The page of a search for settings: every run's curve, what it reached by setting, all runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from memnet.compare.report.digits import fixed, rounded
from memnet.compare.report.page import html_page
from memnet.compare.report.render import render, svg_images, write_page
from memnet.compare.report.table_model import Cell, Column, Table, number_columns
from memnet.errors import MemnetError, unknown_name
from memnet.experiments.settings_figure import (
    draw_settings,
    settings_caption,
    settings_names,
)
from memnet.experiments.training_figures import STATES, draw_search, plain, search_caption
from memnet.experiments.training_run import best_row
from memnet.experiments.training_tables import contamination_sentence
from memnet.reimpl.training.run_folder import finite, require_run
from memnet.util.paths import relative_path

CHOSEN = (
    "The best of many runs is chosen by the validation part, so its value there is too high "
    "for new pictures; score it on pictures that no run has looked at before you report it."
)


def write_search_page(folder: Path, trials: Sequence[Mapping[str, Any]]) -> Path:
    """Write ``report.html``, ``figures/search.*`` and ``figures/parameters.*`` of a search.

    Parameters
    ----------
    folder : of the search.
    trials : one or more, each ``{"number", "state", "value", "params", "folder", "curves"}``:
        number, unique; state, one of "complete", "pruned", "failed", "running"; value, the
        validation rank correlation that the search maximises, None where there is none; settings;
        folder of the run, None where there is none; rows of its ``curves.csv``.

    Returns
    -------
    Path
        of ``report.html``.

    Raises
    ------
    MemnetError
        if there is no trial, a state is unknown, or the folder cannot be written.
    """
    folder = Path(folder)
    if not trials:
        raise MemnetError(f"The search in {folder} has no run yet, so there is nothing to show.")
    for trial in trials:
        if trial["state"] not in STATES:
            raise unknown_name("state of a search's run", str(trial["state"]), STATES)
    ordered = sorted(trials, key=_rank)
    best = _best(ordered)
    runs = [(_name(t), t["params"], t["curves"], t["state"]) for t in trials]
    marked = "" if best is None else _name(best)
    drawn = {"search": draw_search(runs, best=marked)}
    captions = {"search": search_caption(runs, best=marked)}
    if settings_names(trials):
        star = None if best is None else best["number"]
        drawn["parameters"] = draw_settings(trials, best=star)
        captions["parameters"] = settings_caption(trials, best=star)
    context = {
        "subtitle": _counts(trials),
        "answer": _answer(trials, best),
        "first": _first(ordered),
        "captions": captions,
        "runs": _runs(ordered, best, folder),
    }
    images = svg_images(drawn)
    page = folder / "report.html"
    text = render("memnet.experiments", "search.md.j2", context)
    text = html_page(text, title="memnet: search for settings", images=images)
    write_page(page, text, drawn, images)
    return page


def _runs(
    ordered: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None, folder: Path
) -> Table:
    names = list(dict.fromkeys(name for trial in ordered for name in trial["params"]))
    numeric = {
        name: all(finite(t["params"].get(name, 0)) is not None for t in ordered) for name in names
    }
    return Table(
        title="",
        columns=[
            Column("Run"),
            Column("State"),
            *number_columns("Validation rho", "Validations", "Best at step"),
            *(Column(name, numeric=numeric[name]) for name in names),
        ],
        rows=[_row(trial, names, folder, best=trial is best) for trial in ordered],
    )


def _rank(trial: Mapping[str, Any]) -> tuple[bool, float, int]:
    value = finite(trial["value"])
    return value is None, -(value or 0.0), trial["number"]


def _best(ordered: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the complete run of the highest value: a pruned one was not trained to its end."""
    for trial in ordered:
        if trial["state"] == "complete" and finite(trial["value"]) is not None:
            return trial
    return None


def _name(trial: Mapping[str, Any]) -> str:
    return f"run {trial['number']}"


def _answer(trials: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None) -> str:
    """Say in a sentence which run is the best, and what it was."""
    if best is None:
        return "No run was finished with a defined rank correlation."
    settings = ", ".join(f"{name} {plain(value)}" for name, value in best["params"].items())
    value = fixed(best["value"], 2, bare=True)
    return (
        f"The best of {len(trials):,} runs, {_name(best)}, reaches rho {value} on the validation "
        f"part{' with ' * bool(settings)}{settings}."
    )


def _counts(trials: Sequence[Mapping[str, Any]]) -> str:
    counts = {state: sum(trial["state"] == state for trial in trials) for state in STATES}
    text = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
    return f"{len(trials):,} run{'' if len(trials) == 1 else 's'}: {text}"


def _first(trials: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say how far the values can be believed, in the words of the runs themselves, each once."""
    sentences = [CHOSEN] if len(trials) > 1 else []
    for trial in trials:
        folder = trial["folder"]
        if folder is not None and (Path(folder) / "run.json").exists():
            sentences.append(contamination_sentence(require_run(Path(folder))))
    return list(dict.fromkeys(filter(None, sentences)))


def _row(trial: Mapping[str, Any], names: Sequence[str], folder: Path, *, best: bool) -> list[Cell]:
    top = best_row(trial["curves"])
    value = finite(trial["value"])
    texts = [
        trial["state"],
        "" if value is None else rounded(value, None, bare=True)[0],
        f"{len(trial['curves']):,}",
        "" if top is None else f"{top['step']:,.0f}",
        *(plain(trial["params"][name]) if name in trial["params"] else "" for name in names),
    ]
    first = Cell(_name(trial), link=_link(trial["folder"], folder), word="best" if best else "")
    return [first, *map(Cell, texts)]


def _link(run: str | Path | None, folder: Path) -> str:
    """Link the page of a run from that of the search, wherever both are moved together."""
    if run is None or not (Path(run) / "report.html").exists():
        return ""
    there = relative_path(Path(run).resolve() / "report.html", folder.resolve())
    return there.as_uri() if there.is_absolute() else quote(there.as_posix())

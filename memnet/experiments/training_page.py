"""The page of a training run: what was trained, from where, how it went, what it is good for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memnet.compare.report.page import html_page
from memnet.compare.report.render import render, svg_images, write_page
from memnet.experiments import training_tables
from memnet.experiments.training_figures import (
    curves_caption,
    draw_curves,
    drawable,
    title,
)
from memnet.experiments.training_run import UNFINISHED, read_test
from memnet.reimpl.training.run_folder import TEST, WEIGHTS, read_curves, require_run
from memnet.util.paths import command_text

_STATUS = {
    "finished": "finished, every epoch",
    "stopped early": "stopped early, as the validation value no longer rose",
    "interrupted": "interrupted",
    "failed": "failed",
}


def write_run_page(folder: Path) -> Path:
    """Write ``report.html`` and ``figures/curves.svg`` and ``.png`` of a run folder.

    The page is one file without outside resources, and says of a run that failed or was
    interrupted what it had reached.

    Returns
    -------
    Path
        of ``report.html``.

    Raises
    ------
    MemnetError
        if the folder is none of a training run, or cannot be written.
    """
    folder = Path(folder)
    run, curves, test = require_run(folder), read_curves(folder), read_test(folder)
    there = drawable(curves)
    drawn = {"curves": draw_curves(curves, run)} if there else {}
    captions = {"curves": curves_caption(curves, run)} if there else {}
    images = svg_images(drawn)
    usable = (folder / WEIGHTS).exists()
    context = {
        "title": title(run),
        "subtitle": _subtitle(run),
        "answer": training_tables.answer(run, test),
        "first": _first(run),
        "glance": training_tables.glance(run, curves, test),
        "tested": (folder / TEST / "report.html").exists(),
        "figure_names": list(drawn),
        "captions": captions,
        "validations": training_tables.validations(curves),
        "branches": training_tables.branches(run),
        "licences": training_tables.licences(run),
        "data": training_tables.data(run),
        "usable": usable,
        "weights": command_text([str(folder / WEIGHTS)]),
        "use": _use(run),
        "time": training_tables.time(run),
        "settings": training_tables.settings(run),
        "digest": run.get("data", {}).get("digest", ""),
        "command": run.get("command", ""),
        "version": run.get("memnet_version", "of an unknown version"),
        "environment": run.get("environment", {}),
    }
    page = folder / "report.html"
    text = render("memnet.experiments", "run.md.j2", context)
    text = html_page(text, title=f"memnet training: {title(run)}", images=images)
    write_page(page, text, drawn, images)
    return page


def _subtitle(run: Mapping[str, Any]) -> str:
    counts = run.get("data", {}).get("counts", {})
    parts = (("train", "training"), ("val", "validation"), ("test", "test"))
    text = ", ".join(f"{counts.get(key, 0):,} {name}" for key, name in parts)
    return f"{text} pictures · {_STATUS.get(run.get('status', ''), run.get('status', ''))}"


def _first(run: Mapping[str, Any]) -> list[str]:
    """Gather what must be known before any number is read."""
    sentences = []
    message = str(run.get("message", "")).strip()
    if run.get("status") in UNFINISHED:
        verb = "was interrupted" if run["status"] == "interrupted" else "failed"
        reason = f": {message.rstrip('.')}." if message else "."
        sentences.append(
            f"This run {verb}{reason} What is shown is what it had reached until then."
        )
    elif message:
        sentences.append(message)
    sentences.append(training_tables.contamination_sentence(run))
    warnings = [start.get("warning", "") for start in training_tables.initial_weights(run).values()]
    sentences += [str(warning) for warning in [*run.get("warnings", []), *warnings]]
    return list(dict.fromkeys(filter(None, sentences)))


def _use(run: Mapping[str, Any]) -> str:
    names = ", ".join(run.get("data", {}).get("trained_on", []))
    return (
        "The file holds the weights of the best epoch with their preprocessing and what they were "
        f"trained on ({names or 'not stated'}), so that memnet compare can tell which data sets it "
        "has seen."
    )

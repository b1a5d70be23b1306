"""The page of a probe: how well it ranks pictures it was not fitted to, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memnet.compare.report.page import html_page
from memnet.compare.report.render import render, svg_images, write_page
from memnet.experiments import probe_tables
from memnet.experiments.probe_figure import can_draw, curve_caption, draw_curve
from memnet.experiments.training_run import read_test
from memnet.reimpl.training.run_folder import TEST, WEIGHTS
from memnet.util.paths import command_text


def write_probe_page(folder: Path, probe: Mapping[str, Any]) -> Path:
    """Write ``report.html`` and ``figures/`` of a probe's folder.

    Parameters
    ----------
    folder : with the reports on held-out pictures and the test part, where there is one.
    probe : the content of ``probe.json``.

    Returns
    -------
    Path
        of the page.

    Raises
    ------
    MemnetError
        if the folder cannot be written.
    """
    test = read_test(folder)
    drawn = {"learning-curve": draw_curve(probe)} if can_draw(probe) else {}
    captions = {"learning-curve": curve_caption(probe)} if drawn else {}
    images = svg_images(drawn)
    name = probe["backbone"]["name"]
    held = probe["held_out"]["n"]
    context = {
        "title": name,
        "subtitle": f"{held:,} pictures in {len(probe['folds'])} folds · "
        f"{probe['backbone']['features']:,} features · {probe['settings']['crops']} crop"
        + "s"
        * (probe["settings"]["crops"] != "centre"),
        "answer": probe_tables.answer(probe),
        "first": probe_tables.first(probe),
        "glance": probe_tables.glance(probe, test),
        "tested": (folder / TEST / "report.html").exists(),
        "folds": probe_tables.folds(probe),
        "more": probe_tables.more_pictures(probe),
        "figure_names": list(drawn),
        "captions": captions,
        "weights": command_text([str(folder / WEIGHTS)]),
        "methods": probe_tables.methods(probe),
        "curve": probe_tables.curve(probe),
        "penalties": probe_tables.penalties(probe),
        "backbone": probe_tables.backbone(probe),
        "notice": probe["backbone"]["licence_notice"],
        "data": probe_tables.data(probe),
        "time": probe_tables.time(probe),
        "digest": probe["data"]["digest"],
        "command": probe["command"],
        "version": probe["memnet_version"],
        "environment": probe["environment"],
    }
    page = folder / "report.html"
    text = render("memnet.experiments", "probe.md.j2", context)
    text = html_page(text, title=f"memnet probe: {name}", images=images)
    write_page(page, text, drawn, images)
    return page

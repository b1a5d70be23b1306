"""The page of maps: what they show, how far they can be trusted, and each beside its picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from memnet.compare.report.markdown import escape_markdown
from memnet.compare.report.page import html_page
from memnet.compare.report.render import render
from memnet.compare.report.style import number
from memnet.compare.report.table_model import Cell, Column, Table, number_columns
from memnet.errors import MemnetError
from memnet.inspect.maps import DOUBTFUL, size_text
from memnet.util.atomic import write_bytes
from memnet.util.text import shorten_list

MOST_SHOWN = 60
"""Pictures that a page shows: some 15 MB."""

_WHAT = {
    "windows": "Each part of a picture is scored alone, as if it were the picture: yellow parts "
    "would be memorable pictures by themselves.",
    "occlusion": "What the score loses when a part is hidden behind grey: red parts raise the "
    "score, blue ones lower it.",
    "gradient": "What each part adds to the raw score, as compared with a grey picture (integrated "
    "gradients): red parts raise it, blue ones lower it.",
}


def write_map_page(record: Mapping[str, Any], page: Path) -> None:
    """Write the page of a folder of maps: one file without outside resources.

    Parameters
    ----------
    record : content of ``maps.json``.
    page : beside it.

    Raises
    ------
    MemnetError
        if a figure of the record is not there, or the page cannot be written.
    """
    pictures = record["pictures"]
    shown = pictures[:MOST_SHOWN]
    try:
        images = {each["figure"]: (page.parent / each["figure"]).read_bytes() for each in shown}
    except OSError as error:
        raise MemnetError(f"A figure cannot be read ({error}); delete it and run again.") from error
    settings = record["settings"]
    context = {
        "title": record["model"]["label"],
        "subtitle": f"{settings['method']} · {len(pictures):,} "
        f"picture{'s' if len(pictures) != 1 else ''}",
        "answer": _WHAT[settings["method"]],
        "first": _cautions(record),
        "trust": _trust(record),
        "images": "\n".join(
            f"![{escape_markdown(_caption(each))}]({each['figure']})" for each in shown
        ),
        "shown": len(shown),
        "left_out": max(0, len(pictures) - MOST_SHOWN),
        "table": _table(pictures),
        "methods": methods_text(record),
        "failed": record["failed"],
        "command": record["command"],
        "environment": record["environment"],
    }
    text = render("memnet.inspect", "maps.md.j2", context)
    title = f"memnet maps: {record['model']['label']}"
    write_bytes(page, html_page(text, title=title, images=images).encode())


def _cautions(record: Mapping[str, Any]) -> list[str]:
    pictures = record["pictures"]
    found = []
    same = [each["image_id"] for each in pictures if abs(each["sanity"]["rho"] or 0) > DOUBTFUL]
    if same:
        found.append(
            f"{len(same):,} of {len(pictures):,} maps correlate with those of a network with "
            f"random parameters (rho above {DOUBTFUL}, without its sign): they may show the "
            f"picture rather than what the model has learnt ({shorten_list(same)})."
        )
    short = [each["image_id"] for each in pictures if not _adds_up(each)]
    if short:
        found.append(
            f"The attributions of {len(short):,} pictures do not add up to the difference that "
            f"they explain; take more steps ({shorten_list(short)})."
        )
    unseen = [each["unseen"] for each in pictures if each["unseen"]]
    if unseen:
        found.append(
            f"The model does not see the border of a picture: {fmean(unseen):.0%} of the pixels "
            "have no value in these maps."
        )
    return found


def _adds_up(entry: Mapping[str, Any]) -> bool:
    given = entry["completeness"]
    return given is None or abs(given["total"] - given["difference"]) <= given["tolerance"]


def _trust(record: Mapping[str, Any]) -> str:
    """Say what the sanity checks gave, all together."""
    checks = [each["sanity"] for each in record["pictures"]]
    known = [abs(each["rho"]) for each in checks if each["rho"] is not None]
    reasons = " ".join(sorted({each["reason"] for each in checks if each["rho"] is None}))
    if not known:
        return f"No map could be checked: {reasons}" if reasons else ""
    above = sum(rho > DOUBTFUL for rho in known)
    without = len(checks) - len(known)
    return (
        "Sanity check: every map was made again with the network's parameters drawn at random. A "
        "map that stays the same shows the picture, not what the model has learnt. Spearman's rho "
        f"of the two, without its sign, is {number(fmean(known), 2)} on average and above "
        f"{DOUBTFUL} for {above:,} of {len(known):,} pictures."
        + (f" {without:,} more cannot be compared: {reasons}" if without else "")
    )


def _caption(entry: Mapping[str, Any]) -> str:
    rho = entry["sanity"]["rho"]
    check = f"rho with random network {number(rho or 0, 2)}"
    if rho is None:
        check = f"no sanity check ({entry['sanity']['reason'].rstrip('.')})"
    return f"{entry['image_id']}: score {number(entry['score'])}, {check}"


def _table(pictures: list[dict[str, Any]]) -> Table:
    columns = (
        Column("Picture"),
        *number_columns("Score", "Lowest", "Highest", "rho with random network"),
    )
    rows = [
        [
            Cell(each["image_id"]),
            Cell(number(each["score"])),
            Cell(number(each["lowest"])),
            Cell(number(each["highest"])),
            Cell("-" if (rho := each["sanity"]["rho"]) is None else number(rho, 2)),
        ]
        for each in pictures
    ]
    after = "Lowest and highest: of the map. The maps themselves are in the folder maps."
    return Table(title="", columns=columns, rows=rows, after=after)


def methods_text(record: Mapping[str, Any]) -> str:
    """Write how the maps were made, for a methods section."""
    settings, model = record["settings"], record["model"]["label"]
    sizes = size_text(settings["sizes"])
    check = (
        "As a sanity check (Adebayo et al., 2018) each map was made again after the parameters of "
        "the network had been drawn at random as PyTorch initialises layers of their kind (seed "
        f"{settings['seed']}), and the two maps were correlated (Spearman)."
    )
    grey = "grey (red 124, green 116, blue 104: the mean colour of ImageNet)"
    step = "" if settings["stride"] is None else f"{100 * settings['stride']:.3g} %"
    if settings["method"] == "windows":
        how = (
            f"Memorability maps were made with {model} by scoring overlapping windows as pictures "
            f"of their own (after Khosla et al., 2015): windows of {sizes} of the picture's width "
            f"and height, at distances of at most {step} of a window; a pixel's value is the mean "
            "score of the windows in which the model sees it"
        )
        how += ", averaged over the sizes." if len(settings["sizes"]) > 1 else "."
    elif settings["method"] == "occlusion":
        how = (
            f"Occlusion maps were made with {model}: a patch of {sizes} of the picture's width and "
            f"height in {grey} was moved over the resized picture in steps of at most {step} of "
            "it; a pixel's value is the raw score without the patch minus that with it, the "
            "mean over the patches that cover the pixel."
        )
    else:
        how = (
            f"The raw score of {model} was attributed to pixels by integrated gradients "
            f"(Sundararajan et al., 2017; captum) from a picture of {grey}, with "
            f"{settings['steps']} steps; attributions are shown as sums over squares of {sizes} of "
            "the picture's width and height."
        )
    return f"{how} {check}"

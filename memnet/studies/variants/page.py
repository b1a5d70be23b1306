"""The page of a sensitivity analysis: how alike the variants are on these pictures."""

from __future__ import annotations

import io
import math
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import memnet
from memnet.compare.report.page import html_page
from memnet.compare.report.render import render, svg_images, write_page
from memnet.compare.report.table_model import Cell, Column, Table, number_columns
from memnet.errors import PictureError
from memnet.preprocess.decode import decode
from memnet.studies.variants.figures import draw_heat_map
from memnet.studies.variants.sheet import list_variants

if TYPE_CHECKING:
    import pandas as pd

    from memnet.studies.variants.sensitivity import Sensitivity

SHOWN = 12
"""Pictures that are shown of those that move most."""

_THUMBNAIL = 96  # pixels of the longer side
_THUMBNAILS = "thumbnail-"
_NEARLY = 0.99


def write_sensitivity_page(
    folder: Path,
    result: Sensitivity,
    *,
    cautions: Sequence[str],
    command: str,
    weights_sha256: str,
) -> Path:
    """Write ``report.html`` and ``figures/correlations.svg`` and ``.png``.

    Parameters
    ----------
    folder : where to.
    result : what is shown.
    cautions : sentences about the pictures.
    command, weights_sha256 : where the numbers come from.

    Returns
    -------
    Path
        of ``report.html``.

    Raises
    ------
    MemnetError
        if the folder cannot be written.
    """
    order = result.order
    shown = result.correlations.loc[order, order]
    drawn = {"correlations": draw_heat_map(shown, n=result.n)}
    images = svg_images(drawn)
    moved = _moved(result)
    for place, path in enumerate(moved["path"]):
        if image := thumbnail(path):
            images[f"{_THUMBNAILS}{place}"] = image
    answer, *findings = compare_with_server(result)
    failed = [f"{name}: {why}" for name, why in result.failed.items()]
    context = {
        "subtitle": f"{result.n:,} pictures, scored with {result.model} in "
        f"{len(result.correlations)} variants",
        "first": [*filter(None, [result.warning]), *_failures(failed), *result.notes, *cautions],
        "answer": answer,
        "findings": findings,
        "captions": {"correlations": _caption(result, order)},
        "summary": _summary(result),
        "moved": _moved_table(moved, images),
        "failed": failed,
        "command": command,
        "weights_sha256": weights_sha256,
        "version": memnet.__version__,
    }
    page = folder / "report.html"
    text = render("memnet.studies.variants", "sensitivity.md.j2", context)
    title = "memnet: variants on these pictures"
    write_page(page, html_page(text, title=title, images=images, wide=True), drawn, images)
    return page


def compare_with_server(result: Sensitivity) -> list[str]:
    """Say in a few sentences how far the variants agree with the server."""
    table = result.summary
    others = table[(table["same_as"] == "") & (table["variant"] != "server")]
    rho = others.set_index("variant")["spearman"]
    known = rho.dropna().sort_values()
    sentences = []
    if len(known):
        near = int((known >= _NEARLY).sum())
        sentences.append(
            f"{near or 'None'} of {len(others)} other ways of preprocessing "
            f"rank{'' if near > 1 else 's'} "
            f"these pictures nearly as the server does (Spearman's rho of {_NEARLY} or more)."
        )
        least = ", ".join(
            f"{slug} ({_minus(f'{value:.2f}')})" for slug, value in known.head(3).items()
        )
        sentences.append(f"Least like the server: {least}.")
    if len(known) < len(rho):
        constant = ", ".join(rho.index[rho.isna()])
        sentences.append(f"Constant outputs, so no rank correlation with the server: {constant}.")
    same = table[table["same_as"] != ""]
    if len(same):
        sentences.append(
            f"{len(same)} variants have the same inputs as another, so the same raw outputs: "
            + ", ".join(
                f"{a} (as {b})" for a, b in zip(same["variant"], same["same_as"], strict=True)
            )
            + "."
        )
    return sentences


def _failures(failed: Sequence[str]) -> list[str]:
    if not failed:
        return []
    verb = "picture is" if len(failed) == 1 else "pictures are"
    return [f"{len(failed):,} {verb} not in these results; the list is at the end of the page."]


def _caption(result: Sensitivity, order: Sequence[str]) -> str:
    text = (
        f"Spearman's rho between the raw outputs of every two variants on {result.n:,} pictures. "
        "Variants with the same inputs are shown once. Similar variants are placed next to each "
        "other (average linkage on 1 - rho)"
    )
    rho = result.correlations.to_numpy(dtype=float).diagonal()
    undefined = dict(zip(result.correlations.index, rho, strict=True))
    constant = [slug for slug in order if math.isnan(undefined[slug])]
    if constant:
        text += f"; a dash: the outputs of {', '.join(constant)} are constant and have no ranks"
    return f"{text}."


def _summary(result: Sensitivity) -> Table:
    columns = [
        Column("Variant"),
        *number_columns(
            "Spearman's rho",
            "Pearson's r",
            "Mean shift",
            "SD",
            "SD ratio",
            "RMS difference",
            "Largest difference",
            "Clamped",
        ),
    ]
    rows = [_row(row) for row in result.summary.to_dict("records")]
    return Table(
        title="",
        columns=columns,
        rows=rows,
        before="Each variant compared with the server. All columns but the last are about raw "
        "outputs, before scaling and clamping.",
        after="SD: with n - 1. SD ratio: the variant's SD divided by the server's. Largest "
        "difference: the absolute value, and the picture that has it. Clamped: share of scores "
        "that were cut off at 0 or 1; a dash where the variant does not clamp.",
    )


def _row(row: Mapping[Any, Any]) -> list[Cell]:
    note = f"same inputs as {row['same_as']}" if row["same_as"] else row["reason"]
    share = row["clamped_share"]
    return [
        Cell(row["variant"], note=note),
        *(_cell(row[name]) for name in ("spearman", "pearson", "mean_shift", "sd", "sd_ratio")),
        _cell(row["rms_difference"]),
        Cell(_cell(row["max_difference"]).text, note=row["max_picture"]),
        Cell("–" if math.isnan(share) else f"{100 * share:.1f} %"),
    ]


def _cell(value: float) -> Cell:
    """Four decimals, or two digits of a number too small for them; or ``undefined``."""
    if math.isnan(value):
        return Cell("undefined")
    text = f"{value:.4f}" if abs(value) >= 0.001 or value == 0 else f"{value:.2g}"
    return Cell(_minus(text))


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _moved(result: Sensitivity) -> pd.DataFrame:
    return result.moved[result.moved["mean_move"] > 0].head(SHOWN)


def _moved_table(moved: pd.DataFrame, images: Container[str]) -> Table:
    rows = []
    for place, row in enumerate(moved.to_dict("records")):
        image = f"{_THUMBNAILS}{place}"
        rows.append(
            [
                Cell(row["image_id"], image=image if image in images else ""),
                Cell(f"{row['server_rank']:g}"),
                Cell(f"{row['mean_move']:.1f}"),
                Cell(f"{row['furthest_rank']:g}"),
                Cell(row["furthest_variant"]),
            ]
        )
    return Table(
        title="",
        columns=[
            Column("Picture"),
            *number_columns("Server's rank", "Mean change", "Furthest rank"),
            Column("With variant"),
        ],
        rows=rows,
        before="Rank 1 is the most memorable picture. Mean change: mean absolute change of rank "
        "over the variants with different inputs. Furthest rank: the rank that is furthest from "
        "the server's, and the variant that gives it.",
    )


def thumbnail(path: str) -> bytes:
    """Return a small JPEG, b"" where the picture can no longer be read."""
    try:
        picture = decode(path, exif_orientation="ignore").rgb.copy()
    except PictureError:
        return b""
    picture.thumbnail((_THUMBNAIL, _THUMBNAIL))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=80)
    return buffer.getvalue()


def sheet_page(picture: str, sheet: bytes) -> str:
    """Return the page of a contact sheet, with the list of the variants.

    Parameters
    ----------
    picture : the name of the picture that the variants are shown for.
    sheet : the contact sheet, a PNG file.
    """
    variants = list_variants()
    rows = [
        [
            Cell(variant["slug"], note=variant["title"]),
            Cell(variant["inputs"], note=_same_inputs(variant["same_inputs"])),
            Cell(variant["output"]),
            Cell(variant["known_defect"] or "none"),
            Cell(variant["use_for"]),
            Cell(variant["source"]),
        ]
        for variant in variants
    ]
    columns = [
        Column("Variant"),
        Column("What it feeds the network", wide=True),
        *map(Column, ("Output", "Known defect", "Use for", "Source")),
    ]
    context = {
        "picture": picture,
        "count": len(rows),
        "different": len({frozenset([v["slug"], *v["same_inputs"]]) for v in variants}),
        "variants": Table(title="", columns=columns, rows=rows),
        "version": memnet.__version__,
    }
    text = render("memnet.studies.variants", "sheet.md.j2", context)
    return html_page(text, title="memnet: variants of MemNet", images={"sheet": sheet}, wide=True)


def _same_inputs(slugs: Sequence[str]) -> str:
    return f"the same inputs: {', '.join(slugs)}" if slugs else ""

"""The pictures that a filter responds to most and least, found in one pass for many filters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from memnet import __version__
from memnet.data.inputs import Item
from memnet.errors import MemnetError, unknown_name
from memnet.inspect.filters import check_filters
from memnet.inspect.layers import Layer, network_of
from memnet.inspect.picture_places import seen_by
from memnet.inspect.recording import record
from memnet.inspect.running_top import NONE
from memnet.inspect.strongest_units import BY, keep_strongest, unit_at
from memnet.inspect.top_progress import SIDES, Progress
from memnet.preprocess.decode import USUAL_LIMITS, PictureLimits
from memnet.scoring import DEFAULT_BATCH_SIZE
from memnet.scoring.predictor import Predictor
from memnet.util.atomic import write_text
from memnet.util.checks import require_whole
from memnet.util.csv_text import cells_to_csv_text, disarm_cell
from memnet.util.json_text import parse_json, read_json_text
from memnet.util.text import words_of
from memnet.weights.digests import tensors_digest

FORMAT = "memnet inspect top"
"""What ``top.json`` says that it is."""

EVERY = 200
"""Pictures between two times that progress is saved."""

PROGRESS = "progress.npz"

MOST = 1000
"""Pictures that are kept for each filter and side; memory grows with them."""


class TopRow(NamedTuple):
    """One of the pictures that a filter responds to most or least.

    Attributes
    ----------
    layer, filter : the layer's module path, the filter's number.
    side, rank : ``"most"`` or ``"least"``; 1 is the strongest or the weakest.
    image_id, path : of the picture.
    activation : the mean over space of the filter's output, or its largest value.
    crop, row, column : the strongest unit: which crop of the picture (0 in models that see one),
        and where in the layer; the last two None in a dense layer.
    left, top, right, bottom : the receptive field of this unit in pixels of the picture, as
        Pillow's ``crop`` takes them; without the padding.
    x, y : the middle of the receptive field, padding and all, in pixels of the picture.
    sees_all : whether the receptive field is all that the network sees of the picture, or crop.
    width, height : of the picture in pixels.
    sha256 : of the picture's content, see :class:`memnet.inspect.top_progress.Shown`.
    """

    layer: str
    filter: int
    side: str
    rank: int
    image_id: str
    path: str
    activation: float
    crop: int
    row: int | None
    column: int | None
    left: int
    top: int
    right: int
    bottom: int
    x: float
    y: float
    sees_all: bool
    width: int
    height: int
    sha256: str

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The receptive field: left, top, right, bottom."""
        return self.left, self.top, self.right, self.bottom


@dataclass(frozen=True)
class Top:
    """The pictures that filters respond to most and least.

    Attributes
    ----------
    about : what was looked for: ``model``, ``identity``, ``network_sha256``, ``exif_orientation``,
        ``crops`` (how many of a picture the network sees), ``layers`` (a list of ``name``,
        ``other_names``, ``kind``, ``shape``, ``receptive_field`` and ``filters``), ``by``, ``k``.
    rows : by layer, filter, side and rank.
    pictures : how many took part.
    failed : id -> why a picture could not.
    """

    about: dict[str, Any]
    rows: list[TopRow]
    pictures: int
    failed: dict[str, str]


def find_top(
    predictor: Predictor,
    items: Sequence[Item],
    wanted: Sequence[tuple[Layer, Sequence[int]]],
    out: str | Path,
    *,
    k: int = 9,
    by: Literal["mean", "max"] = "mean",
    batch_size: int = DEFAULT_BATCH_SIZE,
    every: int = EVERY,
    limits: PictureLimits = USUAL_LIMITS,
) -> Top:
    """Find the pictures that filters respond to most and least, in one pass over the pictures.

    Memory holds k records for each filter and side, and no pictures. Equal activations are ordered
    by ``image_id``. A file that is there twice counts once, under the smaller id.

    Parameters
    ----------
    predictor : the model.
    items : the pictures.
    wanted : layers (:func:`memnet.inspect.layers.find_layer`) and numbers of their filters.
    out : folder for ``top.csv`` and ``top.json``. If an earlier call with the same model, layers,
        filters, ``k`` and ``by`` left off there, its pictures are not computed again.
    k : how many pictures for each filter and side.
    by : what pictures are ordered by: the ``"mean"`` over space of the filter's output (before any
        ReLU), or its ``"max"``. Of several crops, the mean of their means, or the largest.
    batch_size : pictures per pass.
    every : progress is saved after so many pictures.
    limits : on what is read.

    Returns
    -------
    Top
        also written to ``top.json``, its rows to ``top.csv``.

    Raises
    ------
    MemnetError
        if there are no pictures, none can be read, a layer has no such filter, or ``out`` has
        something else.

    Examples
    --------
    >>> import tempfile, torch, memnet
    >>> from memnet.inspect.layers import find_layer
    >>> from memnet.weights.catalogue import find
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5), torch.nn.AdaptiveMaxPool3d(1))
    >>> model = memnet.Predictor.from_function(
    ...     "mine.v1", network, preprocess=find("resmem.published").preprocess
    ... )
    >>> grey = Item("grey.png", "", np.full((256, 256, 3), 128, np.uint8))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     top = find_top(model, [grey], [(find_layer(model, "0"), [3])], folder, k=1)
    >>> [(row.side, row.rank, row.box) for row in top.rows]
    [('most', 1, (14, 14, 19, 19)), ('least', 1, (14, 14, 19, 19))]
    """
    require_whole("k", k, 1)
    if k > MOST:
        raise MemnetError(f"k is {k:,}; at most {MOST:,} pictures are kept for each filter.")
    require_whole("every", every, 1)
    if by not in BY:
        raise unknown_name("order of pictures", by, BY)
    if not items:
        raise MemnetError("There are no pictures to choose from.")
    folder = Path(out)
    modules = list(network_of(predictor).modules())
    chosen = {
        layer.name: (layer, sorted(check_filters(layer, filters)))
        for layer, filters in sorted(wanted, key=lambda each: modules.index(each[0].module))
    }
    about = _about(predictor, list(chosen.values()), k, by)
    progress = _begin(folder, about)
    left = [each for each in items if each.image_id not in progress.done]
    # Those that failed before come last, so that the others' batches are what they would have been.
    left.sort(key=lambda item: item.image_id in progress.failed)
    assert predictor.preprocess is not None
    keep = keep_strongest(
        {name: filters for name, (_, filters) in chosen.items()}, by, predictor.preprocess.n_crops
    )
    layers = [layer for layer, _ in chosen.values()]
    unsaved = 0
    for batch in record(predictor, left, layers, keep, batch_size=batch_size, limits=limits):
        progress.add(batch, limits)
        unsaved += len(batch.items) + len(batch.failed)
        if unsaved >= every:
            progress.write(folder / PROGRESS)
            unsaved = 0
    if not progress.done:
        name, reason = next(iter(progress.failed.items()))
        raise MemnetError(f"None of {len(items):,} pictures can be read: {name}: {reason}")
    progress.write(folder / PROGRESS)
    top = Top(
        about=about,
        rows=_rows(progress, predictor, chosen),
        pictures=len(progress.done),
        failed=progress.failed,
    )
    _write(top, folder)
    return top


def few_pictures(count: int, k: int) -> str:
    """Say that some pictures are among the strongest and the weakest, of fewer than 2 x k."""
    return (
        f"{count:,} pictures are fewer than twice {k:,}, so some are among the strongest of a "
        "filter and among its weakest; more pictures, or a smaller -k, tell more."
    )


def read(folder: str | Path) -> Top:
    """Read what :func:`find_top` or ``memnet inspect top`` wrote to a folder.

    Raises
    ------
    MemnetError
        if it has no ``top.json`` that can be read.
    """
    path = Path(folder) / "top.json"
    try:
        content = parse_json(read_json_text(path))
        if content.pop("format") != FORMAT:
            raise ValueError("it is about something else")
        content["rows"] = [TopRow(**row) for row in content["rows"]]
        del content["memnet"]
        return Top(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MemnetError(
            f"{path} cannot be read ({words_of(error)}); `memnet inspect top` makes such files."
        ) from error


def _about(
    predictor: Predictor, chosen: Sequence[tuple[Layer, list[int]]], k: int, by: str
) -> dict[str, Any]:
    """Describe what is looked for, in plain JSON types."""
    assert predictor.preprocess is not None
    about = {
        "model": predictor.label,
        "identity": predictor.identity(),
        "network_sha256": tensors_digest(network_of(predictor).state_dict()),
        "exif_orientation": predictor.exif_orientation,
        "crops": predictor.preprocess.n_crops,
        "layers": [
            {
                "name": layer.name,
                "other_names": layer.aliases,
                "kind": layer.kind,
                "shape": layer.shape,
                "receptive_field": layer.receptive_field and asdict(layer.receptive_field),
                "filters": filters,
            }
            for layer, filters in chosen
        ],
        "by": by,
        "k": k,
    }
    plain: dict[str, Any] = json.loads(json.dumps(about))
    return plain


def _begin(folder: Path, about: dict[str, Any]) -> Progress:
    if (folder / PROGRESS).exists():
        return Progress.load(folder / PROGRESS, about)
    if any((folder / name).exists() for name in ("top.json", "top.csv")):
        raise MemnetError(f"{folder} has results already, and no {PROGRESS}; choose another --out.")
    progress = Progress(about)
    progress.write(folder / PROGRESS)
    return progress


def _rows(
    progress: Progress, predictor: Predictor, chosen: dict[str, tuple[Layer, list[int]]]
) -> list[TopRow]:
    spec = predictor.preprocess
    assert spec is not None
    rows = []
    for name, (layer, filters) in chosen.items():
        for place, number in enumerate(filters):
            for side in SIDES:
                top = progress.tops[name, side]
                found = zip(top.values[place], top.pictures[place], top.places[place], strict=True)
                for rank, (value, picture, unit) in enumerate(found, start=1):
                    if picture == NONE:
                        break
                    shown = progress.shown(picture)
                    crop, row, column = unit_at(layer, int(unit))
                    seen = seen_by(
                        spec,
                        layer.receptive_field,
                        (crop, row or 0, column or 0),
                        shown.width,
                        shown.height,
                    )
                    made = TopRow(
                        layer=name,
                        filter=number,
                        side=side,
                        rank=rank,
                        image_id=shown.image_id,
                        path=shown.path,
                        activation=_short(value if side == "most" else -value),
                        crop=crop,
                        row=row,
                        column=column,
                        **seen._asdict(),
                        width=shown.width,
                        height=shown.height,
                        sha256=shown.sha256,
                    )
                    rows.append(made)
    return rows


def _short(value: float) -> float:
    """Return the number with the fewest digits that is the same in 32 bits, as networks have it."""
    return float(str(np.float32(value))) + 0.0  # no -0.0


def _write(top: Top, folder: Path) -> None:
    cells = [[disarm_cell(cell) for cell in row] for row in top.rows]
    write_text(folder / "top.csv", cells_to_csv_text(TopRow._fields, cells))
    content = {
        "format": FORMAT,
        "memnet": __version__,
        "about": top.about,
        "pictures": top.pictures,
        "failed": top.failed,
        "rows": [row._asdict() for row in top.rows],
    }
    write_text(folder / "top.json", json.dumps(content, indent=1) + "\n")

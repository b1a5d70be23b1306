"""Maps of many pictures in a folder, where a later run goes on."""

from __future__ import annotations

import hashlib
import io
import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from memnet.compare.report.style import to_bytes
from memnet.data.inputs import Item
from memnet.errors import MemnetError, PictureError
from memnet.inspect.map_figure import draw_map
from memnet.inspect.map_page import write_map_page
from memnet.inspect.maps import MapMaker, PictureMap
from memnet.preprocess.decode import Decoded
from memnet.util.atomic import require_writable, write_bytes, write_text
from memnet.util.json_fields import check_shape
from memnet.util.versions import environment

RECORD = "maps.json"
PAGE = "maps.html"

_SHAPE = {
    "model": {"label": str},
    "settings": {"method": str},
    "pictures": [
        {
            "image_id": str,
            "pixels_sha256": str,
            "map": str,
            "figure": str,
            "score": float,
            "lowest": float,
            "highest": float,
            "unseen": float,
            "sanity": {"rho": (float, None), "reason": str},
            "completeness": (None, {"total": float, "difference": float, "tolerance": float}),
            "warnings": [str],
        }
    ],
}


@dataclass
class MapSummary:
    """What a run did.

    Attributes
    ----------
    made, already : how many maps this run made, and how many it found.
    failed : sentences on pictures that could not be read.
    warned : how many of the pictures asked for have a warning beside their map.
    """

    made: int = 0
    already: int = 0
    failed: list[str] = field(default_factory=list)
    warned: int = 0


def write_maps(
    maker: MapMaker,
    items: Iterable[Item],
    folder: Path,
    *,
    command: str = "",
    done: Callable[[], object] = lambda: None,
) -> MapSummary:
    """Make the maps of pictures and write them into a folder.

    Per picture: ``maps/NAME.npy``, the map as float32 in the picture's own pixels, and
    ``figures/NAME.png``, the map over the picture. ``maps.json`` lists them and is written after
    each; maps that it lists of the same model, settings and pixels are kept. ``maps.html`` shows
    them.

    Parameters
    ----------
    maker : makes them.
    items : the pictures.
    folder : for the files; it is made.
    command : for the record.
    done : called after each picture.

    Raises
    ------
    MemnetError
        if the folder cannot be written, or holds maps of another model or other settings; if no
        picture can be read.
    """
    require_writable(folder)
    record = _begin(maker, folder)
    record |= {"command": command, "environment": environment(), "failed": []}
    known = {each["image_id"]: each for each in record["pictures"]}
    summary = MapSummary()
    for item in items:
        try:
            decoded = maker.decode(item.picture)
            digest = _digest(decoded)
            entry = known.get(item.image_id)
            if entry is not None and _is_there(entry, folder, digest):
                summary.already += 1
            else:
                entry = _make(maker, item, decoded, folder) | {"pixels_sha256": digest}
                known[item.image_id] = entry
                summary.made += 1
                record["pictures"] = list(known.values())
                _write_record(record, folder)
            summary.warned += bool(entry["warnings"])
        except PictureError as error:
            known.pop(item.image_id, None)
            summary.failed.append(f"{item.path or item.image_id}: {error}")
        done()
    if not known and summary.failed:
        raise MemnetError(f"No picture has a map: {summary.failed[0]}")
    record["pictures"], record["failed"] = list(known.values()), summary.failed
    _write_record(record, folder)
    write_map_page(record, folder / PAGE)
    return summary


def _begin(maker: MapMaker, folder: Path) -> dict[str, Any]:
    """Return the record that the folder has, or a new one."""
    predictor = maker.predictor
    settings = {key: value for key, value in asdict(maker.settings).items() if key != "batch_size"}
    if maker.settings.method != "gradient":
        del settings["steps"]
    new: dict[str, Any] = {
        "model": {"label": predictor.label, "identity": predictor.identity()},
        "settings": json.loads(json.dumps(settings)),
        "pictures": [],
    }
    path = folder / RECORD
    if not path.exists():
        return new
    try:
        old = json.loads(path.read_bytes())
        check_shape(old, _SHAPE, "")
    except (OSError, ValueError) as error:
        raise MemnetError(
            f"{path} cannot be read as a list of maps ({error}); choose another --out."
        ) from error
    label = new["model"]["label"]
    if old["model"]["label"] != label:
        raise MemnetError(
            f"{folder} was made with the model {old['model']['label']}, not {label}; choose "
            "another --out."
        )
    if old["model"] != new["model"]:
        raise MemnetError(
            f"{folder} was made with another model of this name; choose another --out."
        )
    if old["settings"] != new["settings"]:
        raise MemnetError(
            f"{folder} was made with other settings ({_listed(old['settings'])}), not "
            f"{_listed(new['settings'])}; choose another --out."
        )
    return new | {"pictures": old["pictures"]}


def _listed(settings: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items())


def _digest(decoded: Decoded) -> str:
    size = f"{decoded.width} x {decoded.height}:".encode()
    return hashlib.sha256(size + decoded.rgb.tobytes()).hexdigest()


def _is_there(entry: dict[str, Any], folder: Path, digest: str) -> bool:
    files = (folder / entry[name] for name in ("map", "figure"))
    return entry["pixels_sha256"] == digest and all(file.is_file() for file in files)


def _make(maker: MapMaker, item: Item, decoded: Decoded, folder: Path) -> dict[str, Any]:
    started = time.monotonic()
    made = maker.make(decoded)
    name = _file_name(item.image_id)
    buffer = io.BytesIO()
    np.save(buffer, made.values, allow_pickle=False)
    figure = draw_map(made, item.image_id, maker.predictor.label, maker.settings)
    entry = {"image_id": item.image_id, "path": item.path}
    entry |= {"map": f"maps/{name}.npy", "figure": f"figures/{name}.png"}
    write_bytes(folder / entry["map"], buffer.getvalue())
    write_bytes(folder / entry["figure"], to_bytes(figure, "png"))
    return {**entry, **_numbers(made), "seconds": round(time.monotonic() - started, 2)}


def _numbers(made: PictureMap) -> dict[str, Any]:
    """Return what the record says of a map."""
    height, width = made.values.shape
    completeness = made.completeness
    return {
        "width": width,
        "height": height,
        "score": made.score,
        "raw": made.raw,
        "lowest": float(np.nanmin(made.shown)),
        "highest": float(np.nanmax(made.shown)),
        "unseen": float(np.isnan(made.values).mean()),
        "sanity": asdict(made.sanity),
        "completeness": None
        if completeness is None
        else {**asdict(completeness), "tolerance": completeness.tolerance},
        "warnings": made.warnings,
    }


def _file_name(image_id: str) -> str:
    """Make a file's name of an id that may hold folders or letters that no file name can."""
    readable = re.sub(r"[^\w.-]+", "-", image_id)[-60:].strip("-.")
    return f"{readable}-{hashlib.sha256(image_id.encode()).hexdigest()[:8]}".lstrip("-")


def _write_record(record: dict[str, Any], folder: Path) -> None:
    text = json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False)
    write_text(folder / RECORD, text + "\n")

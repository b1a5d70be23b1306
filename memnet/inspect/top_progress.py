"""How far a pass for the strongest pictures has come, in memory and in a file that survives it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from memnet.errors import MemnetError
from memnet.inspect.recording import Recorded
from memnet.inspect.running_top import NONE, RunningTop
from memnet.preprocess.decode import PictureLimits
from memnet.scoring.picture_contents import digest_picture
from memnet.util.arrays import AnyArray
from memnet.util.atomic import replace_file
from memnet.util.json_text import parse_json
from memnet.util.text import join_names, words_of

SIDES = ("most", "least")

_SAID = {
    "model": "model",
    "identity": "version of the model",
    "network_sha256": "weights",
    "layers": "layers or filters",
    "by": "--by",
    "k": "-k",
}
"""What must be the same for a pass to go on, and how a sentence calls it."""


class Shown(NamedTuple):
    """A picture that is among the strongest or weakest of some filter.

    ``sha256`` is that of its file (and box, where it is one); of a picture that was decoded before
    memnet had it, it stands for its id.
    """

    image_id: str
    path: str
    width: int
    height: int
    sha256: str


class Progress:
    """The strongest pictures so far, and which pictures these were.

    Memory: for each filter 2 x k numbers, places and pictures, and the ids of all pictures done.

    Attributes
    ----------
    about : what is looked for, plain JSON types.
    tops : (name of a layer, side) -> its filters' pictures; of the side ``least`` the values have
        the other sign.
    done : ids of the pictures that took part.
    failed : id -> why a picture could not.
    """

    def __init__(self, about: dict[str, Any]) -> None:
        self.about = about
        self.tops = {
            (layer["name"], side): RunningTop.empty(len(layer["filters"]), about["k"])
            for layer in about["layers"]
            for side in SIDES
        }
        self.done: dict[str, None] = {}
        self.failed: dict[str, str] = {}
        self._shown: list[Shown] = []

    def add(self, batch: Recorded, limits: PictureLimits) -> None:
        """Let the pictures of a batch compete; ``(pictures, filters, 2)``: values and places."""
        self.failed |= {each.item.image_id: each.reason for each in batch.failed}
        rows: dict[int, int] = {}  # number of a picture -> its row in the batch
        known = {shown.sha256: number for number, shown in enumerate(self._shown)}
        bad = self._not_finite(batch)
        for row, (item, size) in enumerate(zip(batch.items, batch.sizes, strict=True)):
            if row in bad:
                self.failed[item.image_id] = f"Layer {bad[row]} gives no finite number for it."
                continue
            content = digest_picture(item.picture, limits)
            digest = content.key(b"").hex() if content else f"id {item.image_id}"
            shown = Shown(item.image_id, item.path, *size, digest)
            number = known.setdefault(digest, len(self._shown))
            if number == len(self._shown):
                self._shown.append(shown)
            elif item.image_id < self._shown[number].image_id:
                self._shown[number] = shown
            rows.setdefault(number, row)
            self.done[item.image_id] = None
            self.failed.pop(item.image_id, None)
        numbers, places = np.array(list(rows), np.int64), list(rows.values())
        ids = [shown.image_id for shown in self._shown]
        ranks = np.empty(len(ids), np.int64)
        ranks[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
        for (layer, side), top in self.tops.items():
            if rows:
                values, units = np.moveaxis(batch.values[layer][places], 2, 0)
                signed = values if side == "most" else -values
                top.add(signed, numbers, units.astype(np.int64), ranks)

    def _not_finite(self, batch: Recorded) -> dict[int, str]:
        """Return rows of pictures for which a layer gives infinity or NaN, and the layer."""
        bad: dict[int, str] = {}
        for layer, values in batch.values.items():
            if len(values) != len(batch.items):
                raise MemnetError(
                    f"Layer {layer} does not give its values picture by picture; choose another."
                )
            finite = np.isfinite(values).all(axis=(1, 2))
            bad |= dict.fromkeys(np.flatnonzero(~finite).tolist(), layer)
        return bad

    def shown(self, number: int) -> Shown:
        """Return the picture of a number in :attr:`tops`."""
        return self._shown[number]

    def forget_others(self) -> None:
        """Forget pictures that are no longer among the strongest or weakest of any filter."""
        kept = np.unique(np.concatenate([top.pictures.ravel() for top in self.tops.values()]))
        kept = kept[kept != NONE]
        for top in self.tops.values():
            places = np.searchsorted(kept, top.pictures)
            top.pictures = np.where(top.pictures == NONE, NONE, places)
        self._shown = [self._shown[number] for number in kept]

    def write(self, path: Path) -> None:
        """Write everything to a file, whole or not at all."""
        self.forget_others()
        facts = {
            "about": self.about,
            "done": list(self.done),
            "failed": self.failed,
            "shown": self._shown,
        }
        arrays: dict[str, AnyArray] = {"facts": np.array(json.dumps(facts))}
        for place, top in enumerate(self.tops.values()):
            arrays[f"values{place}"] = top.values
            arrays[f"pictures{place}"] = top.pictures
            arrays[f"places{place}"] = top.places
        with replace_file(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # its stubs know one keyword

    @classmethod
    def load(cls, path: Path, about: Mapping[str, Any]) -> Progress:
        """Read what :meth:`write` wrote.

        Raises
        ------
        MemnetError
            if it cannot be read, or is about something else than ``about``.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                facts = parse_json(str(file["facts"]))
                progress = cls(facts["about"])
                for place, top in enumerate(progress.tops.values()):
                    top.values = file[f"values{place}"]
                    top.pictures = file[f"pictures{place}"]
                    top.places = file[f"places{place}"]
            progress.done = dict.fromkeys(facts["done"])
            progress.failed = facts["failed"]
            progress._shown = [Shown(*each) for each in facts["shown"]]
        except Exception as error:  # whatever a damaged file leads to
            raise MemnetError(
                f"{path} cannot be read ({words_of(error)}); delete its folder to begin anew, or "
                "choose another --out."
            ) from error
        other = [said for name, said in _SAID.items() if facts["about"].get(name) != about[name]]
        if other:
            raise MemnetError(
                f"{path.parent} has the strongest pictures of a run that was of another kind "
                f"(different: {join_names(other)}); choose another --out."
            )
        return progress

"""A part of the pictures: a shard of a job array, or the first few for a try."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, replace

from memnet.data.inputs import Inputs
from memnet.errors import MemnetError


@dataclass(frozen=True)
class Shard:
    """Shard ``part`` of ``of``, counted from 1.

    Which pictures are in it is decided by their ids alone: pictures that are added or removed
    later move no other picture to another shard.
    """

    part: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``"2/3"``.

        Raises
        ------
        MemnetError
            if it is not written so, or there is no such part.

        Examples
        --------
        >>> Shard.parse("2/3")
        Shard(part=2, of=3)
        """
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        shard = cls(int(found[1]), int(found[2])) if found else None
        if shard is None or not 1 <= shard.part <= shard.of:
            raise MemnetError(
                f"--shard {text} is no part of a whole: write 1/3, 2/3 and 3/3 for three parts."
            )
        return shard

    def holds(self, image_id: str) -> bool:
        """Whether a picture is in it: by the first 8 bytes of the SHA-256 of its id (UTF-8).

        Examples
        --------
        >>> [[name for name in "abcdef" if Shard(part, 3).holds(name)] for part in (1, 2, 3)]
        [['f'], ['a', 'b'], ['c', 'd', 'e']]
        """
        start = hashlib.sha256(image_id.encode()).digest()[:8]
        return int.from_bytes(start, "big") % self.of == self.part - 1

    def __str__(self) -> str:
        return f"{self.part}/{self.of}"


def take_part(inputs: Inputs, *, shard: Shard | None = None, limit: int | None = None) -> Inputs:
    """Return a shard of the pictures, or the first ``limit`` of them (of the shard).

    :attr:`Inputs.part` of what is returned says so: ``limit``, and of a shard ``part``, ``of``,
    a digest of all rows, and the places of its own rows among them, counted from 0,
    by which ``memnet merge`` puts the shards together again.
    """
    if shard is None and limit is None:
        return inputs
    items = [item for item in inputs.items if shard is None or shard.holds(item.image_id)][:limit]
    ids = {item.image_id for item in items}
    all_rows = inputs.table_rows
    places = [place for place, row in enumerate(all_rows) if row.image_id in ids]
    part: dict[str, object] = {} if limit is None else {"limit": limit}
    if shard is not None:
        part["shard"] = {
            "part": shard.part,
            "of": shard.of,
            "list_sha256": _list_digest(inputs),
            "places": places,
        }
    return replace(inputs.only(ids), part=part)


def _list_digest(inputs: Inputs) -> str:
    """Sha256 over the rows in their order: id, path and box of each.

    Of the paths what all begin with is left out: computers may see the pictures in other folders.
    """
    paths = [item.path for item in inputs.items]
    begin = len(os.path.commonprefix(paths))  # noqa: RUF071 - of letters, as addresses have no folders
    items = {item.image_id: f"{item.path[begin:]}\t{item.box}" for item in inputs.items}
    digest = hashlib.sha256()
    for row in inputs.table_rows:
        digest.update(f"{row.image_id}\t{items[row.image_id]}\n".encode())
    return digest.hexdigest()

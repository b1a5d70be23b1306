"""Ids that do not match letter for letter, and what would make them match.

Nothing here matches anything: it finds the sentence that tells the user what to change.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from posixpath import splitext


def _file(image_id: str) -> str:
    return image_id.replace("\\", "/").rpartition("/")[2]


LOOSER: dict[str, Callable[[str], str]] = {
    "in one letter case": str.casefold,
    "without file endings": lambda text: splitext(text)[0],
    "without folders": _file,
    "without folders and endings": lambda text: splitext(_file(text))[0],
    "in one letter case, without folders and endings": lambda text: splitext(
        _file(text).casefold()
    )[0],
    "without spaces around them": str.strip,
    "without leading zeros": lambda text: text.lstrip("0"),  # a spreadsheet makes 7 of 007
    # a spreadsheet, and somebody who left the endings out
    "without folders, endings and leading zeros": lambda text: splitext(_file(text))[0].lstrip("0"),
    "in one Unicode normal form": lambda text: unicodedata.normalize("NFC", text),  # macOS: NFD
}
"""How ids may be read more loosely -> the function that does so."""


def nearest_rule(left: Iterable[str], right: Iterable[str]) -> tuple[str, int]:
    """Return the looser reading under which most ids agree, and how many do; ``("", 0)`` if none.

    Where two readings do equally well, the one that changes less (the earlier) is returned.
    """
    left, right = list(left), list(right)
    best, most = "", 0
    for how, simplify in LOOSER.items():
        shared = len(set(map(simplify, left)) & set(map(simplify, right)))
        if shared > most:
            best, most = how, shared
    return best, most


def unclear(left: Iterable[str], right: Iterable[str]) -> dict[str, list[str]]:
    """Find ids on the left that are the bare name of more than one id on the right.

    Bare: in one letter case, without folders and endings. Returns id -> those that it could be.
    """
    bare = LOOSER["in one letter case, without folders and endings"]
    places: dict[str, list[str]] = {}
    for image_id in right:
        places.setdefault(bare(image_id), []).append(image_id)
    return {
        image_id: places[bare(image_id)]
        for image_id in left
        if len(places.get(bare(image_id), ())) > 1
    }


def near_misses(left: Iterable[str], right: Iterable[str]) -> list[tuple[str, int, str, str]]:
    """Pair up ids that are alike among those that found no partner.

    Parameters
    ----------
    left, right : the ids of either side that the other side does not have.

    Returns
    -------
    list of (how, count, left example, right example)
        per looser reading, from the one that changes least; an id counts once, under the first
        reading that finds it a partner.
    """
    left, right = list(left), list(right)
    found = []
    for how, simplify in LOOSER.items():
        if not left or not right:
            break
        partner = dict(zip(map(simplify, reversed(left)), reversed(left), strict=True))
        matched = {key for key in map(simplify, right) if key in partner}
        if matched:
            example = next(image_id for image_id in right if simplify(image_id) in matched)
            found.append((how, len(matched), partner[simplify(example)], example))
            left = [image_id for image_id in left if simplify(image_id) not in matched]
            right = [image_id for image_id in right if simplify(image_id) not in matched]
    return found

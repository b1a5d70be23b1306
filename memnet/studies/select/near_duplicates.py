"""Pictures that are there twice: the same file, or nearly the same to the eye."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from memnet.errors import MemnetError
from memnet.util.arrays import AnyArray
from memnet.util.text import quoted

BITS = 6
"""Two perceptual hashes of 64 bits that differ in so many or fewer are of one picture."""

_BANDS = BITS + 1  # two hashes that differ in fewer bits than bands agree in one of them
_HASH_BITS = 64
_COUNTS = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.uint8)


def read_hashes(texts: Sequence[str], source: str) -> tuple[AnyArray, AnyArray]:
    """Read perceptual hashes of 16 hexadecimal digits, as ``memnet describe`` writes them.

    Returns
    -------
    (uint64 ``(N,)``, bool ``(N,)``)
        the hashes, and whether there is one.

    Raises
    ------
    MemnetError
        if a cell holds something else.
    """
    hashes = np.zeros(len(texts), dtype=np.uint64)
    there = np.array([bool(text.strip()) for text in texts], dtype=bool)
    for place in np.flatnonzero(there).tolist():
        try:
            if len(texts[place].strip()) != _HASH_BITS // 4:
                raise ValueError
            hashes[place] = int(texts[place].strip(), 16)
        except ValueError:
            raise MemnetError(
                f"{source} has {quoted(texts[place])} in column 'phash', which is no perceptual "
                "hash of 16 hexadecimal digits; make the column by `memnet describe`, or rename it."
            ) from None
    return hashes, there


def find_repeats(hashes: AnyArray, has_hash: AnyArray, sha256: Sequence[str]) -> dict[int, int]:
    """Find pictures that an earlier one is the same as, or nearly.

    Parameters
    ----------
    hashes : uint64 ``(N,)``, in the order in which the first of several is kept.
    has_hash : bool ``(N,)``.
    sha256 : of the files, "" where it is not known.

    Returns
    -------
    dict
        place of a picture that repeats another -> place of the first, which is kept. Whoever is
        kept is near to nobody else who is kept.

    Examples
    --------
    >>> hashes = np.array([0, 0b111, 0xFFFF], dtype=np.uint64)
    >>> find_repeats(hashes, np.ones(3, dtype=bool), ["", "", ""])
    {1: 0}
    """
    near = _near(hashes, has_hash)
    first: dict[str, int] = {}
    repeats: dict[int, int] = {}
    for place in range(len(hashes)):
        same = first.setdefault(sha256[place], place) if sha256[place] else place
        earlier = [other for other in near.get(place, ()) if other not in repeats]
        if same != place:
            earlier.append(repeats.get(same, same))
        if earlier:
            repeats[place] = min(earlier)
    return repeats


def _near(hashes: AnyArray, has_hash: AnyArray) -> dict[int, set[int]]:
    """Return place -> the earlier places whose hashes are near to its own."""
    near: dict[int, set[int]] = {}
    edges = np.linspace(0, _HASH_BITS, _BANDS + 1).astype(int)
    places = np.flatnonzero(has_hash)
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        band = (hashes[places] >> np.uint64(low)) & np.uint64(2 ** (high - low) - 1)
        order = places[np.argsort(band, kind="stable")]
        starts = np.flatnonzero(np.diff(np.sort(band))) + 1
        for group in np.split(order, starts):
            for row, place in enumerate(group[1:].tolist(), 1):
                others = group[:row][_differing(hashes[group[:row]], hashes[place]) <= BITS]
                if len(others):
                    near.setdefault(place, set()).update(others.tolist())
    return near


def _differing(hashes: AnyArray, one: np.uint64) -> AnyArray:
    """Count the bits in which hashes differ from one."""
    bits: AnyArray = _COUNTS[(hashes ^ one)[:, None].view(np.uint8)].sum(axis=1)
    return bits

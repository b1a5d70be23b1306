"""The pictures that files of activations and tables have in common, matched by id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from memnet.data.matching import IdMatch, match_ids
from memnet.errors import MemnetError
from memnet.util.arrays import AnyArray
from memnet.util.text import shorten_list


@dataclass(frozen=True, kw_only=True)
class CommonPictures:
    """What several sources have in common.

    Attributes
    ----------
    ids : of the N pictures that every source has, as the first one writes them and in its order.
    rows : source -> int ``(N,)``, the rows of these pictures in it.
    sentences : what was left out, and what would match under a looser rule.
    """

    ids: list[str]
    rows: dict[str, AnyArray]
    sentences: list[str]


def find_common(
    sources: Mapping[str, Sequence[str]],
    rule: str = "exact",
    *,
    advice: str = "Are these the same pictures?",
) -> CommonPictures:
    """Find the pictures that every source has.

    Parameters
    ----------
    sources : name -> ids. The pictures are in the order of the first one.
    rule : of matching, a key of :data:`memnet.data.matching.MATCH_RULES`.
    advice : what is said where no picture is common and nothing tells why.

    Raises
    ------
    MemnetError
        if an id is in a source twice, a source has no picture of the first, or no picture is in
        all of them.

    Examples
    --------
    >>> common = find_common({"layers.npz": ["a", "b", "c"], "brain.csv": ["c", "a"]})
    >>> common.ids, common.rows["brain.csv"].tolist(), common.sentences
    (['a', 'c'], [1, 0], ['1 of 3 pictures of layers.npz is not in brain.csv: b.'])
    """
    for name, ids in sources.items():
        repeated = [each for each, count in Counter(ids).items() if count > 1]
        if repeated:
            raise MemnetError(
                f"{name} has {len(repeated):,} id(s) more than once: {shorten_list(repeated)}."
            )
    (first, wanted), *others = sources.items()
    matches = {
        name: match_ids(wanted, ids, left_name=first, right_name=name, rule=rule)
        for name, ids in others
    }
    kept = np.ones(len(wanted), dtype=bool)
    sentences = []
    for match in matches.values():
        match.require_any(advice)
        kept &= match.positions >= 0
        sentences += [*match.sentences(), *_left_out(match)]
    if not kept.any():
        raise MemnetError(f"No picture of {first} is in each of {', '.join(matches)}.")
    rows = np.flatnonzero(kept)
    return CommonPictures(
        ids=[each for each, keep in zip(wanted, kept, strict=True) if keep],
        rows={first: rows} | {name: match.positions[rows] for name, match in matches.items()},
        sentences=sentences,
    )


def without_failed(
    ids: Sequence[str], layers: Mapping[str, AnyArray]
) -> tuple[list[str], dict[str, AnyArray], list[str]]:
    """Leave out pictures that could not be read when activations were made: all NaN.

    Returns
    -------
    tuple
        ids and layers of the others, and the ids of those that are left out.
    """
    failed = np.ones(len(ids), dtype=bool)
    for values in layers.values():
        failed &= np.isnan(values.reshape(len(ids), -1)).all(axis=1)
    if not failed.any():
        return list(ids), dict(layers), []
    return (
        [each for each, bad in zip(ids, failed, strict=True) if not bad],
        {name: values[~failed] for name, values in layers.items()},
        [each for each, bad in zip(ids, failed, strict=True) if bad],
    )


def _left_out(match: IdMatch) -> list[str]:
    """Say which pictures only one of the two has."""
    sentences = []
    for name, ids, missing, other in (
        (match.left_name, match.left, match.left_only, match.right_name),
        (match.right_name, match.right, match.right_only, match.left_name),
    ):
        if missing:
            verb = "is" if len(missing) == 1 else "are"
            sentences.append(
                f"{len(missing):,} of {len(ids):,} pictures of {name} {verb} not in {other}: "
                f"{shorten_list(missing, 3)}."
            )
    return sentences

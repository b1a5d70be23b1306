"""Matching ids, and human scores with predictions by them.

Two rows belong together when their ids are the same text, letter for letter, file ending included
(:func:`match_ids`). The user may choose a looser rule (:data:`MATCH_RULES`); under it, ids that
could be several are refused. Ids that would agree if they were read more loosely than was chosen
(:data:`LOOSER_RULES`) are never matched; they become sentences that tell the user what to change.

Every model of a comparison is judged on the same items: those that have a usable human score and a
score from every model (:func:`join`). Whatever is left out is counted and named.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np
import pandas as pd

from memnet.data.columns import Scores
from memnet.data.digests import ids_digest, manifest_digest
from memnet.data.missing import find_doubtful_codes
from memnet.data.numbers import MIXED_SCALES, scale_hint
from memnet.data.tables import TABLE_GIVEN
from memnet.errors import MemnetError, unknown_name
from memnet.util.caution import Caution
from memnet.util.text import quoted, shorten_list


def _basename(image_id: str) -> str:
    return image_id.replace("\\", "/").rpartition("/")[2]


def _split_ending(image_id: str) -> tuple[str, str]:
    """Split the file ending off, "" for none: 2 to 5 letters, or one of those with a digit.

    What else stands behind a point belongs to the name: a number, a version.

    Examples
    --------
    >>> _split_ending("x/face.v0.JPG"), _split_ending("face.v0"), _split_ending("000.5")
    (('x/face.v0', '.JPG'), ('face.v0', ''), ('000.5', ''))
    """
    match = _ENDING.search(image_id)
    if not match or not _basename(image_id[: match.start()]).strip("."):
        return image_id, ""  # a point alone begins the name of a hidden file
    return image_id[: match.start()], match[0]


def _stem(image_id: str) -> str:
    return _split_ending(_basename(image_id))[0]


def _folded_stem(image_id: str) -> str:
    return _stem(image_id).casefold()


def _plain(image_id: str) -> str:
    """Write what stands for a letter as that letter: ``%20`` and a no-break space are a space."""
    return unicodedata.normalize("NFC", unquote(image_id)).replace("\xa0", " ")


def _with_one_ending(image_id: str) -> str:
    """Make ``a.jpg`` of ``a.jpg.jpg``, as where a system hides endings and one was typed."""
    stem, ending = _split_ending(image_id)
    return stem if ending and _split_ending(stem)[1].casefold() == ending.casefold() else image_id


def _as_number(image_id: str) -> str:
    """Write what a spreadsheet takes for a number as that number: 1000 of ``1E+03``."""
    return repr(float(image_id)) if _NUMBER.fullmatch(image_id) else image_id


def _in_utf8(image_id: str) -> str:
    """Make é of Ã©: the two bytes of a letter in UTF-8, read as Windows-1252."""
    try:
        return image_id.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return image_id


_ENDING = re.compile(r"\.([a-z]{2,5}|jp2|j2k|mp2|mp4|m4v|3gp)\Z", re.ASCII | re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")

LOOSER_RULES: dict[str, Callable[[str], str]] = {
    "without spaces around them": lambda image_id: image_id.strip().strip("\u200b\ufeff"),
    "in one letter case": str.casefold,
    "without file endings": lambda image_id: _split_ending(image_id)[0],
    "without folders": _basename,
    "without folders and endings": _stem,
    "in one letter case, without folders and endings": _folded_stem,
    "without quotation marks around them": lambda image_id: image_id.strip("=\"'"),
    "with their file ending once": _with_one_ending,
    "without leading zeros": lambda image_id: image_id.lstrip("0"),  # a spreadsheet makes 7 of 007
    # a spreadsheet, and somebody who left the endings out
    "without folders, endings and leading zeros": lambda image_id: _stem(image_id).lstrip("0"),
    "as numbers": _as_number,
    "in one Unicode normal form": lambda image_id: unicodedata.normalize("NFC", image_id),  # macOS
    "with what %20 and no-break spaces stand for": _plain,
    "in one Unicode normal form, without folders and endings": lambda image_id: _stem(
        _plain(image_id)
    ),
    "with é for Ã© (UTF-8 was read as Windows-1252)": _in_utf8,
}
"""How ids may be read more loosely -> what that makes of an id; what changes least comes first."""


def _normalised(image_id: str) -> str:
    return _folded_stem(_plain(image_id).strip()).strip()


class MatchRule(NamedTuple):
    """A rule by which ids are matched."""

    meaning: str  # what records and messages say of it
    simplify: Callable[[str], str]  # what of an id must be equal


MATCH_RULES = {
    "exact": MatchRule("ids are equal letter for letter, file ending included", str),
    "basename": MatchRule(
        "the file names at the end of the ids are equal, whatever folders they are in", _basename
    ),
    "stem": MatchRule(
        "the file names at the end of the ids are equal without their endings", _stem
    ),
    "normalised": MatchRule(
        "the file names at the end of the ids are equal without their endings, in one letter case "
        "and one Unicode normal form (NFC), with the letter that a %-code stands for in its place "
        "(%20: a space), no-break spaces as spaces, and no spaces around them",
        _normalised,
    ),
}
"""What ``--match`` takes; the strictest comes first."""


class Suggestion(NamedTuple):
    """Ids without a partner that would have one under a looser rule."""

    rule: str  # a key of LOOSER_RULES
    total: int
    left: str  # an example
    right: str


@dataclass(frozen=True, kw_only=True, eq=False)
class IdMatch:
    """Two lists of ids, matched letter for letter or by a looser rule; see :func:`match_ids`.

    Attributes
    ----------
    left_name, right_name : what sentences call the two lists.
    left, right : the ids, ``(L,)`` and ``(R,)``.
    positions : int ``(L,)``, where each id of the left list stands in the right one; -1 where it
        does not.
    rule : a key of :data:`MATCH_RULES`.
    """

    left_name: str
    right_name: str
    left: Sequence[str]
    right: Sequence[str]
    positions: np.ndarray
    rule: str = "exact"

    @cached_property
    def matched(self) -> list[str]:
        """The ids that both lists have, in the order of the left one."""
        return [self.left[row] for row in np.flatnonzero(self.positions >= 0).tolist()]

    @property
    def partners(self) -> dict[str, str]:
        """The ids of the right list that have a partner -> its id in the left one."""
        pairs = zip(self.left, self.positions.tolist(), strict=True)
        return {self.right[position]: image_id for image_id, position in pairs if position >= 0}

    @cached_property
    def left_only(self) -> list[str]:
        """The ids that only the left list has, in its order."""
        return [self.left[row] for row in np.flatnonzero(self.positions < 0).tolist()]

    @cached_property
    def right_only(self) -> list[str]:
        """The ids that only the right list has, in its order."""
        alone = np.ones(len(self.right), dtype=bool)
        alone[self.positions[self.positions >= 0]] = False
        return [self.right[row] for row in np.flatnonzero(alone).tolist()]

    @property
    def note(self) -> str:
        """Say by which rule the ids were matched; "" where they are equal letter for letter."""
        if self.rule == "exact":
            return ""
        return (
            f"Ids of {self.left_name} and of {self.right_name} were matched by --match "
            f"{self.rule}: {MATCH_RULES[self.rule].meaning}."
        )

    @cached_property
    def ambiguous(self) -> dict[str, list[str]]:
        """Unmatched ids on the left that could be several on the right -> those ids."""
        return find_ambiguous(self.left_only, self.right_only)

    @cached_property
    def suggestions(self) -> list[Suggestion]:
        """What would match under looser rules; see :func:`suggest_matches`."""
        return suggest_matches(*self._unambiguous())

    def _unambiguous(self) -> tuple[list[str], list[str]]:
        several = {image_id for ids in self.ambiguous.values() for image_id in ids}
        return (
            [image_id for image_id in self.left_only if image_id not in self.ambiguous],
            [image_id for image_id in self.right_only if image_id not in several],
        )

    def require_any(self, advice: str = "Is --id-column right?") -> None:
        """Raise ``MemnetError`` where no id matches; it says what would make them match.

        ``advice`` is said where nothing is known that would.
        """
        if (self.positions >= 0).any():
            return
        best = best_looser_rule(*self._unambiguous())
        hints = self._ambiguous_sentences()
        if best:
            hints = [
                f"{best.total:,} would agree {best.rule} ({quoted(best.left)} and "
                f"{quoted(best.right)}): change one of the two so.",
                *hints,
            ]
        examples = ""
        if len(self.left) and len(self.right):
            examples = (
                f", and here they look like {quoted(self.left[0])} and {quoted(self.right[0])}"
            )
        must = "ids must agree letter for letter, file ending included"
        if self.rule != "exact":
            must = f"--match {self.rule} needs that {MATCH_RULES[self.rule].meaning}"
        hints = [*hints, self._rule_hint().strip()]
        raise MemnetError(
            f"No id of {self.left_name} is in {self.right_name}: {must}{examples}. "
            f"{' '.join(filter(None, hints)) or advice}"
        )

    def _rule_hint(self) -> str:
        """Name the strictest rule under which more would match, and none would be ambiguous."""
        names = list(MATCH_RULES)
        for rule in names[names.index(self.rule) + 1 :]:
            try:
                match = match_ids(self.left, self.right, left_name="", right_name="", rule=rule)
            except MemnetError:  # ambiguous
                continue
            if len(match.matched) > len(self.matched):
                return f" With --match {rule}, {len(match.matched):,} would match."
        return ""

    def sentences(self) -> list[str]:
        """Say which unmatched ids would match if read more loosely, and which could be several."""
        sentences = []
        if self.suggestions:
            listed = ", ".join(
                f"{each.total:,} {each.rule} ({quoted(each.left)} and {quoted(each.right)})"
                for each in self.suggestions
            )
            total = sum(suggestion.total for suggestion in self.suggestions)
            how = "letter for letter" if self.rule == "exact" else f"by --match {self.rule}"
            sentences.append(
                f"{total:,} id(s) of {self.left_name} do not agree {how} with "
                f"{self.right_name} and are left out, but would agree if read more loosely: "
                f"{listed}; change one of the two if they are the same pictures."
                f"{self._rule_hint()}"
            )
        return sentences + self._ambiguous_sentences()

    def _ambiguous_sentences(self) -> list[str]:
        if not self.ambiguous:
            return []
        image_id, several = next(iter(self.ambiguous.items()))
        return [
            f"{len(self.ambiguous):,} id(s) of {self.left_name} could each be more than one of "
            f"{self.right_name}: {quoted(image_id)} could be "
            f"{shorten_list(map(quoted, several), 3)}; write the path within the folder, file "
            "ending included, as the id."
        ]


def _name_of_scores(model: Scores) -> str:
    """Name a model's table in a sentence; a DataFrame has no name, and the truth may be one."""
    if model.source != TABLE_GIVEN:
        return f"{model.source} ({model.name})"
    return "the scores given" + ("" if model.name == TABLE_GIVEN else f" ({model.name})")


def match_ids(
    left: Sequence[str],
    right: Sequence[str],
    *,
    left_name: str,
    right_name: str,
    rule: str = "exact",
) -> IdMatch:
    """Match two lists of ids: letter for letter, file ending included, or by a looser rule.

    Parameters
    ----------
    left, right : the ids; on the right, each once.
    left_name, right_name : what sentences call the lists.
    rule : a key of :data:`MATCH_RULES`.

    Raises
    ------
    MemnetError
        if there is no such rule, or two ids of one list are the same under a looser one.

    Examples
    --------
    >>> match = match_ids(["a.jpg", "B.jpg"], ["b.jpg", "a.jpg"], left_name="x", right_name="y")
    >>> match.matched, match.left_only, match.right_only
    (['a.jpg'], ['B.jpg'], ['b.jpg'])
    >>> match.suggestions[0].rule
    'in one letter case'
    """
    if rule not in MATCH_RULES:
        raise unknown_name("rule of matching", rule, MATCH_RULES)
    keys = [list(map(MATCH_RULES[rule].simplify, ids)) for ids in (left, right)]
    if rule != "exact":
        for ids, made, name in zip((left, right), keys, (left_name, right_name), strict=True):
            _refuse_ambiguous(ids, made, name, rule)
    left_keys, right_keys = (pd.Index(np.array(made, dtype=object)) for made in keys)
    return IdMatch(
        left_name=left_name,
        right_name=right_name,
        left=left,
        right=right,
        positions=right_keys.get_indexer(left_keys),
        rule=rule,
    )


def _refuse_ambiguous(ids: Sequence[str], keys: list[str], name: str, rule: str) -> None:
    """Raise ``MemnetError`` where a looser rule takes two ids of one list for the same."""
    first: dict[str, str] = {}
    for image_id, key in zip(ids, keys, strict=True):
        if first.setdefault(key, image_id) != image_id:
            raise MemnetError(
                f"--match {rule} takes {quoted(first[key])} and {quoted(image_id)} of {name} for "
                "one picture; choose a stricter rule, or change the ids."
            )


def best_looser_rule(left: Sequence[str], right: Sequence[str]) -> Suggestion | None:
    """Return the looser rule under which most ids agree, None where none does.

    Where two rules do equally well, the one that changes less (the earlier) is returned.
    """
    best = None
    for rule, simplify in LOOSER_RULES.items():
        shared = set(map(simplify, left)) & set(map(simplify, right))
        if len(shared) > (best.total if best else 0):
            example = next(image_id for image_id in left if simplify(image_id) in shared)
            partner = next(each for each in right if simplify(each) == simplify(example))
            best = Suggestion(rule, len(shared), example, partner)
    return best


def find_ambiguous(left: Iterable[str], right: Iterable[str]) -> dict[str, list[str]]:
    """Find ids on the left that are the bare name of more than one id on the right.

    Bare: in one letter case, without folders and endings. Returns id -> those that it could be.
    """
    places: dict[str, list[str]] = {}
    for image_id in right:
        places.setdefault(_folded_stem(image_id), []).append(image_id)
    return {
        image_id: places[_folded_stem(image_id)]
        for image_id in left
        if len(places.get(_folded_stem(image_id), ())) > 1
    }


def suggest_matches(left: Sequence[str], right: Sequence[str]) -> list[Suggestion]:
    """Pair up ids that are alike among those without a partner.

    An id counts once, under the first of :data:`LOOSER_RULES` that finds it a partner.
    """
    suggestions = []
    for rule, simplify in LOOSER_RULES.items():
        if not left or not right:
            break
        partner = dict(zip(map(simplify, reversed(left)), reversed(left), strict=True))
        keys = {key for key in map(simplify, right) if key in partner}
        if keys:
            example = next(image_id for image_id in right if simplify(image_id) in keys)
            suggestions.append(Suggestion(rule, len(keys), partner[simplify(example)], example))
            left = [image_id for image_id in left if simplify(image_id) not in keys]
            right = [image_id for image_id in right if simplify(image_id) not in keys]
    return suggestions


@dataclass(frozen=True)
class Joined:
    """Truth and predictions on the same items, and what was left out.

    Attributes
    ----------
    ids : the items' ids, sorted.
    truth : human scores, float64 ``(N,)``.
    predictions : model -> float64 ``(N,)``.
    truth_only, scores_only : ids without a score from every model; ids without a human score.
    warnings : sentences for the report, with their kinds.
    """

    ids: list[str]
    truth: np.ndarray
    predictions: dict[str, np.ndarray]
    truth_only: list[str]
    scores_only: dict[str, list[str]]
    warnings: list[Caution] = field(default_factory=list)

    def digest(self) -> str:
        """Sha256 over the ids: which pictures this comparison is about."""
        return ids_digest(self.ids)

    def manifest_digest(self) -> str:
        """Sha256 over ids and human scores; see :func:`memnet.data.digests.manifest_digest`."""
        return manifest_digest(self.ids, self.truth.tolist())


def join(
    truth: Scores, models: Sequence[Scores], *, rule: str = "exact", classes: bool = False
) -> Joined:
    """Match by id and keep the items that every column has.

    Parameters
    ----------
    rule : of matching, a key of :data:`MATCH_RULES`; the items have the ids of ``truth``.
    classes : the truth is known to be two classes, 1 and 0, however few its pictures are.

    Raises
    ------
    MemnetError
        if two models share a name, two ids are one under the rule, or nothing matches; the
        sentence says what would match if endings, folders or letter case were ignored.
    """
    names = [model.name for model in models]
    if len(set(names)) != len(names):
        raise MemnetError(
            f"Two sets of scores are called {next(n for n in names if names.count(n) > 1)!r}; "
            "rename one (--scores NAME=FILE, its model column, or {name: table} in Python)."
        )
    truth_ids = truth.by_id.index.tolist()
    matches = {
        model.name: match_ids(
            truth_ids,
            model.by_id.index.tolist(),
            left_name=truth.source,
            right_name=_name_of_scores(model),
            rule=rule,
        )
        for model in models
    }
    kept = np.ones(len(truth_ids), dtype=bool)
    for match in matches.values():
        match.require_any()
        kept &= match.positions >= 0
    if not kept.any():
        raise MemnetError("No picture has a score from every model; compare them one at a time.")
    ids = truth.by_id.index.to_numpy()
    rows = np.array(sorted(np.flatnonzero(kept).tolist(), key=ids.__getitem__))
    used = {name: match.positions[rows] for name, match in matches.items()}
    joined = Joined(
        ids=ids[rows].tolist(),
        truth=truth.by_id.to_numpy(dtype=np.float64)[rows],
        predictions={m.name: m.by_id.to_numpy(dtype=np.float64)[used[m.name]] for m in models},
        truth_only=sorted(ids[~kept].tolist()),
        scores_only={m.name: sorted(_without(m.by_id.index, used[m.name])) for m in models},
    )
    for match in matches.values():
        joined.warnings.extend(Caution(sentence, "ids") for sentence in match.sentences())
    joined.warnings.extend(
        _two_valued(truth.name, joined.truth)
        or _outside(truth.name, _without_doubtful(truth.by_id, rows), is_truth=True)
    )
    for model in [] if classes or has_classes(joined.truth) else models:
        plain = _without_doubtful(model.by_id, used[model.name])
        joined.warnings.extend(_outside(model.name, plain, is_truth=False))
    return joined


def _without(index: pd.Index, rows: np.ndarray) -> list[str]:
    left = np.ones(len(index), dtype=bool)
    left[rows] = False
    return list(index[left])


_CLASSES_FROM = 5
"""With fewer pictures, two values may be scores, unless it is said which of them is a class."""


def has_classes(truth: np.ndarray) -> bool:
    """Whether the truth is compared as classes (memnet.data.two_classes), not as scores."""
    return len(truth) >= _CLASSES_FROM and np.array_equal(np.unique(truth), [0, 1])


def _two_valued(name: str, truth: np.ndarray) -> list[Caution]:
    values = np.unique(truth)
    if len(values) != 2 or len(truth) < _CLASSES_FROM or has_classes(truth):
        return []
    return [
        Caution(
            f"{name} (truth) has only two values, {values[0]:g} and {values[1]:g}: classes, not "
            "scores. Errors (MSE, MAE, bias), calibration and distributions mean nothing against "
            "classes, and correlations cannot reach 1 with so many ties; say which class is the "
            f"memorable one (--positive {values[1]:g}), or compare with the scores that the "
            "classes were made of.",
            "two-classes",
        )
    ]


def _without_doubtful(by_id: pd.Series, rows: np.ndarray) -> np.ndarray:
    """Leave out what may stand for missing values, which the column's ``doubts`` have named."""
    values = by_id.to_numpy(dtype=np.float64)
    plain: np.ndarray = values[rows][~find_doubtful_codes(values)[rows]]
    return plain


_STRAYS, _STRAY = 0.01, 0.05
"""A scale is not doubted for this share of predictions or fewer, at most so far outside [0, 1]."""


def _outside(name: str, values: np.ndarray, *, is_truth: bool) -> list[Caution]:
    if not len(values):
        return []
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        return []
    outside = (values < 0) | (values > 1)
    size = f"{outside.sum():,} of {len(values):,}"
    if not is_truth and outside.mean() <= _STRAYS and -_STRAY <= low <= high <= 1 + _STRAY:
        return [
            Caution(
                f"{name} has {size} scores ({outside.mean():.2%}) just outside [0, 1] (from "
                f"{low:g} to {high:g}); they are used as they stand.",
                "stray-scores",
            )
        ]
    hint = scale_hint(values)
    if not hint and is_truth:
        hint = "a hit rate has none" + (
            ", a rate corrected for false alarms may be below 0" if low < 0 and high <= 1 else ""
        )
    hint = hint or "perhaps they are raw outputs"
    ranks = "ranks are not affected"
    if hint.endswith(MIXED_SCALES):
        ranks = "nor do ranks, as long as some are percentages"
    return [
        Caution(
            f"{name}{' (truth)' if is_truth else ''} has scores outside [0, 1] ({size}, from "
            f"{low:g} to {high:g}); {hint}. Errors (MSE, MAE, bias) and distributions mean little "
            f"unless truth and predictions are on one scale from 0 to 1; {ranks}.",
            "scale",
        )
    ]

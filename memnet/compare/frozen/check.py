"""What a model says now against its frozen scores: who moved, by how much, and what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memnet.compare.frozen.file import FrozenPicture, FrozenScores, failure, relative, score_rows
from memnet.data.inputs import Item
from memnet.data.pictures import collect
from memnet.errors import MemnetError
from memnet.scoring.numeric_environment import (
    UNDECISIVE,
    differences,
    same_digits,
    scoring_environment,
)
from memnet.weights.digests import file_digest

if TYPE_CHECKING:
    from memnet.scoring.predictor import Predictor

_SHOWN = 20
"""Pictures that a message shows one by one; the others are counted."""

_ENVIRONMENT = "environment: "


@dataclass(frozen=True, kw_only=True)
class MovedPicture:
    """A picture whose score no longer holds.

    Attributes
    ----------
    picture : as it was frozen.
    score, raw : now.
    difference : the larger of the differences of the score and of the raw output in score units
        (times the output's ``multiply``).
    file_changed : whether the picture file has other bytes.
    """

    picture: FrozenPicture
    score: float
    raw: float
    difference: float
    file_changed: bool


@dataclass(frozen=True, kw_only=True)
class FrozenCheck:
    """The outcome of a check.

    Attributes
    ----------
    frozen : what was checked.
    exact : whether scores had to be equal to the last bit.
    why_not_exact : a clause, "" where ``exact``.
    moved : the pictures that moved too far, largest difference first.
    unscored : a clause for each picture that is missing or cannot be scored now.
    changes : what differs from the time of freezing, a line each.
    not_frozen : ids of pictures that lie beside the frozen ones and are not in the file.
    """

    frozen: FrozenScores
    exact: bool
    why_not_exact: str
    moved: list[MovedPicture]
    unscored: list[str]
    changes: list[str]
    not_frozen: list[str]

    @property
    def holds(self) -> bool:
        """Whether every frozen picture was scored, and none moved."""
        return not self.moved and not self.unscored

    def notes(self) -> list[str]:
        """List what a passing test should report; empty where there is nothing to report."""
        telling = [line for line in self.changes if not line.startswith(_ENVIRONMENT)]
        notes = [f"the scores hold, although this changed: {line}" for line in telling]
        if self.not_frozen:
            notes.append(f"not frozen: {_count(self.not_frozen, 'picture', 'pictures')}")
        return notes

    def message(self, shown_path: str) -> str:
        """Return the failure's text: the table, what changed, and what to do.

        Parameters
        ----------
        shown_path : the frozen file, as the reader knows it.
        """
        frozen = self.frozen
        total = len(frozen.pictures)
        limit = "" if self.exact else f" by more than {frozen.tolerance:g}"
        moved = f"{len(self.moved)} of {total} scores of {frozen.model} moved{limit}."
        if not self.moved:
            moved = f"{len(self.unscored)} of {total} pictures of {frozen.model} cannot be scored."
        lines = [f"{shown_path}: {moved}"]
        if self.exact and self.moved:
            lines[0] += " The environment is the same, so they must be equal to the last bit."
        if self.moved:
            lines += ["", *_table(self.moved)]
        if self.unscored:
            lines += ["", f"Not scored now ({len(self.unscored)} of {total}):"]
            lines += [f"  {clause}" for clause in self.unscored[:_SHOWN]]
            if len(self.unscored) > _SHOWN:
                lines.append(f"  ... and {len(self.unscored) - _SHOWN} more")
        lines += ["", f"Changed since the scores were frozen ({frozen.created}):"]
        lines += [f"  {line}" for line in self.changes]
        if not self.changes and not self.unscored:
            lines.append(
                "  nothing that is recorded: weights, preprocessing, picture files and environment "
                "are the same, so memnet's code differs, or the frozen file was edited"
            )
        if self.not_frozen:
            lines.append(f"  not frozen: {_count(self.not_frozen, 'picture', 'pictures')}")
        if self.why_not_exact:
            lines += ["", f"Not compared bit for bit: {self.why_not_exact}."]
        if self.moved:
            lines += ["", "If today's scores are the right ones: pytest --memnet-refreeze."]
        return "\n".join(lines)


def check(
    frozen: FrozenScores,
    predictor: Predictor,
    *,
    path: Path,
    images: Sequence[str | Path] | None = None,
) -> FrozenCheck:
    """Score the frozen pictures again and compare.

    Parameters
    ----------
    frozen : read from ``path``.
    predictor : the model as it is now.
    path : the frozen file, whose folder all paths in it start from.
    images : where to look for pictures that are not frozen; None looks where the frozen ones were
        collected.
    """
    folder = path.parent
    items = [Item(p.image_id, p.path, folder / p.path) for p in frozen.pictures]
    rows = score_rows(predictor, items, frozen.batch_size)
    environment = scoring_environment(predictor.device)
    moved: list[MovedPicture] = []
    unscored, other_bytes, decoded = [], [], []
    exact = same_digits(frozen.environment, environment)
    why = "" if exact else _why_not(frozen.environment, environment)
    results = list(zip(frozen.pictures, rows, strict=True))
    if any(row.score is None for row in rows):
        why = why or "some pictures are not scored, so the batches differ"
        exact = False
    limit = 0.0 if exact else frozen.tolerance
    for picture, row in results:
        if row.score is None or row.raw is None:
            unscored.append(f"{picture.image_id}: {failure(row)} ({picture.path})")
            continue
        changed = file_digest(folder / picture.path) != picture.sha256
        if changed:
            other_bytes.append(picture.image_id)
        before, now = (picture.mode, picture.warning), (row.mode, row.warning)
        if before != now:
            decoded.append(f"{picture.image_id} ({_as_text(before)} -> {_as_text(now)})")
        difference = max(
            abs(row.score - picture.score),
            abs(row.raw - picture.raw) * abs(frozen.output["multiply"]),
        )
        if difference > limit:
            moved.append(
                MovedPicture(
                    picture=picture,
                    score=row.score,
                    raw=row.raw,
                    difference=difference,
                    file_changed=changed,
                )
            )
    changes = _changes(frozen, predictor, environment, path)
    sources = [folder / source for source in frozen.images] if images is None else images
    not_frozen: list[str] = []
    try:
        inputs = collect(sources)
        changes += [f"images: folder not read: {where}" for where in inputs.unreadable]
        names = {item.image_id for item in inputs.items}
        not_frozen = sorted(names - {picture.image_id for picture in frozen.pictures})
    except MemnetError as error:
        changes.append(f"images: {error}")
    if unscored:
        changes.append(f"pictures: {len(unscored)} missing or not scored")
    if other_bytes:
        changes.append(f"picture files (sha256): {_count(other_bytes, 'picture', 'pictures')}")
    if decoded:
        changes.append(f"decoding: {_count(decoded, 'picture', 'pictures')}")
    return FrozenCheck(
        frozen=frozen,
        exact=exact,
        why_not_exact=why,
        moved=sorted(moved, key=lambda row: -row.difference),
        unscored=unscored,
        changes=changes,
        not_frozen=not_frozen,
    )


def describe_refreeze(before: FrozenScores | None, now: FrozenScores) -> str:
    """Say in a clause what freezing again did to the scores."""
    if before is None:
        return f"{_pictures(len(now.pictures))} frozen for the first time"
    old = {picture.image_id: picture.score for picture in before.pictures}
    new = {picture.image_id: picture.score for picture in now.pictures}
    distances = [abs(new[name] - old[name]) for name in old.keys() & new.keys()]
    changed = [distance for distance in distances if distance > 0]
    clauses = [f"{len(changed)} of {_pictures(len(distances))} got another score"]
    if changed:
        clauses[0] += f", by up to {max(changed):.2e}"
    if added := sorted(new.keys() - old.keys()):
        clauses.append(f"added: {_count(added, 'picture', 'pictures')}")
    if gone := sorted(old.keys() - new.keys()):
        clauses.append(f"no longer frozen: {_count(gone, 'picture', 'pictures')}")
    return "; ".join(clauses)


def _changes(
    frozen: FrozenScores, predictor: Predictor, environment: Mapping[str, str], path: Path
) -> list[str]:
    header, spec = predictor.header, predictor.preprocess
    name = predictor.name
    if frozen.model.endswith(".safetensors") and name != frozen.model:
        name = relative(name, path)
    pairs: dict[str, tuple[Any, Any]] = {
        "model": (frozen.model, name),
        "variant": (frozen.variant, predictor.variant),
        "weights (sha256 of the file)": (frozen.weights_sha256, header.weights_sha256),
        "weights (sha256 of the numbers)": (frozen.tensors_sha256, header.tensors_sha256),
    }
    for part, before, now in (
        ("preprocess", frozen.preprocess, {} if spec is None else spec.to_dict()),
        ("output", frozen.output, header.output.to_dict()),
    ):
        for key in dict.fromkeys([*before, *now]):
            pairs[f"{part}.{key}"] = before.get(key), now.get(key)
    lines = [f"{key}: {_as_text(a)} -> {_as_text(b)}" for key, (a, b) in pairs.items() if a != b]
    lines += [
        f"{_ENVIRONMENT}{key} {_as_text(a)} -> {_as_text(b)}"
        for key, (a, b) in differences(frozen.environment, environment).items()
    ]
    return lines


def _why_not(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = [name for name in differences(before, now) if name not in UNDECISIVE]
    if names:
        return f"the environment is another one ({', '.join(names)})"
    return f"device {now['device']} and cpu {now['cpu']} do not guarantee the same last digit"


def _table(moved: Sequence[MovedPicture]) -> list[str]:
    rows = [("picture", "frozen", "now", "difference", "")]
    for row in moved[:_SHOWN]:
        raw = abs(row.score - row.picture.score) < row.difference
        remarks = [
            f"raw {row.picture.raw:.9f} -> {row.raw:.9f}" if raw else "",
            "the picture file changed" if row.file_changed else "",
        ]
        rows.append(
            (
                row.picture.image_id,
                f"{row.picture.score:.9f}",
                f"{row.score:.9f}",
                f"{row.score - row.picture.score:+.2e}",
                "; ".join(filter(None, remarks)),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"  {row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  "
        f"{row[3]:>{widths[3]}}  {row[4]}".rstrip()
        for row in rows
    ]
    if len(moved) > _SHOWN:
        lines.append(f"  ... and {len(moved) - _SHOWN} more, none larger")
    return lines


def _as_text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(filter(None, value)) or "nothing"
    return str(value) if value not in ("", None) else "nothing"


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"


def _count(names: Sequence[str], singular: str, plural: str) -> str:
    """Return ``3 pictures: a, b, c``, with at most five names."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{len(names)} {singular if len(names) == 1 else plural}: {', '.join(names[:5])}{more}"

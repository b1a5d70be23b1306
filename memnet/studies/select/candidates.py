"""What can be chosen from: tables joined, rules applied, whatever is missing named."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

from memnet.data.declared import about_model
from memnet.data.digests import stored_digest
from memnet.data.inputs import Inputs
from memnet.data.matching import match_ids
from memnet.data.missing import EMPTY_CELLS
from memnet.data.score_rows import read_score_rows
from memnet.data.tables import TableInput, require_column
from memnet.errors import MemnetError, PictureError, unknown_name
from memnet.preprocess.decode import Crop, PictureOrCrop, decode, read_stored
from memnet.studies.select.near_duplicates import BITS, find_repeats, read_hashes
from memnet.studies.select.reading import PictureTable, read_pictures
from memnet.studies.select.rules import Rule
from memnet.studies.select.selection import Candidates
from memnet.util.text import quoted, shorten_list


def find_candidates(
    table: TableInput,
    *,
    score: Sequence[str],
    match: Collection[str],
    exact: Sequence[str],
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    others: Sequence[TableInput] = (),
    id_column: str = "image_id",
    images: Inputs | None = None,
) -> Candidates:
    """Read tables and find the pictures that can be chosen.

    Parameters
    ----------
    table, others, id_column : as for :func:`memnet.studies.select.reading.read_pictures`.
    score : columns of scores; of a score table, names of models. None for its only model.
    match : columns of numbers in which groups are to be alike.
    exact : columns of categories that are to be equally frequent in all groups.
    include, exclude : rules (:mod:`memnet.studies.select.rules`); all must hold, and none may.
    images : the pictures themselves: for paths and digests. Those that are not there cannot be
        chosen.

    Raises
    ------
    MemnetError
        if a table or a rule cannot be read, a column is missing or holds no numbers, or no picture
        is left.
    """
    rules = [(Rule.parse(text), True) for text in include]
    rules += [(Rule.parse(text), False) for text in exclude]
    used = [*score, *match, *exact, *(rule.column for rule, _ in rules)]
    read = read_pictures(table, others, id_column=id_column, used=used)
    if id_column in (rule.column for rule, _ in rules) and id_column not in read.frame.columns:
        read.frame[id_column] = read.frame.index
    scores = _score_columns(read, score)
    _refuse_twice(scores, list(match), list(exact))
    for column in dict.fromkeys([*scores, *match, *exact, *(rule.column for rule, _ in rules)]):
        require_column(read.frame, column, read.name)
    state = _State(read)
    if images is not None:
        state.find_files(images)
    for rule, keep in rules:
        state.apply(rule, keep)
    numbers = {column: state.numbers(column, column in match) for column in (*scores, *match)}
    for column in exact:
        state.categories(column)
    state.require_some()
    state.drop_repeats()
    kept = state.kept
    frame = read.frame.iloc[kept]
    return Candidates(
        ids=[str(each) for each in frame.index],
        score_names=scores,
        scores=_stack([numbers[column][kept] for column in scores], len(kept)),
        covariate_names=list(match),
        covariates=_stack([numbers[column][kept] for column in match], len(kept)),
        category_names=list(exact),
        categories=np.array(
            [frame[column].str.strip() for column in exact], dtype=object
        ).T.reshape(len(kept), len(exact)),
        paths=[state.paths[place] for place in kept],
        sha256=[state.sha256[place] for place in kept],
        table=frame,
        notes=[*read.notes, *state.notes],
        identities=_identities(read, scores),
        left_out=state.left_out,
        lacking=state.lacking,
        spreads={column: _spread(numbers[column]) for column in scores},
        tables=read.sources,
    )


def _score_columns(read: PictureTable, score: Sequence[str]) -> list[str]:
    """Return the columns with the scores that are meant."""
    if not score:
        if len(read.labels) == 1:
            return read.labels
        if read.labels:
            raise MemnetError(
                f"{read.name} has scores of {len(read.labels)} models, "
                f"{shorten_list(read.labels, 20)}; say which are meant by --score, once for each."
            )
        columns = shorten_list(map(str, read.frame.columns), 50)
        raise MemnetError(f"Say which column has the scores: --score COLUMN. There are: {columns}.")
    names = []
    for name in dict.fromkeys(score):
        if name == "score" and "score" not in read.frame.columns and read.labels:
            if len(read.labels) > 1:
                raise unknown_name("model", name, read.labels)
            name = read.labels[0]
        names.append(name)
    return names


def _refuse_twice(scores: list[str], match: list[str], exact: list[str]) -> None:
    for column in match:
        if column in scores:
            raise MemnetError(
                f"Groups cannot differ in {column!r} and be alike in it: leave it out of --match."
            )
    for column in exact:
        if column in (*scores, *match):
            raise MemnetError(
                f"Column {column!r} is given to --exact, which takes categories, and as numbers "
                "as well; say which it is."
            )


class _State:
    """Which pictures are left, and why the others are not."""

    def __init__(self, read: PictureTable) -> None:
        self.read = read
        frame = read.frame
        self.paths = frame["path"].tolist() if "path" in frame else [""] * len(frame)
        self.sha256 = frame["sha256"].tolist() if "sha256" in frame else [""] * len(frame)
        self.notes: list[str] = []
        self.left_out: dict[str, str] = {}
        self.lacking = 0
        self.pictures: dict[int, PictureOrCrop] = {}
        self.there = np.ones(len(frame), dtype=bool)

    @property
    def kept(self) -> list[int]:
        places: list[int] = np.flatnonzero(self.there).tolist()
        return places

    def _drop(self, reasons: Mapping[int, str], sentence: str, *, lacks: bool = True) -> None:
        """Leave pictures out; those that are left out already have their reason."""
        new = {place: why for place, why in reasons.items() if self.there[place]}
        if not new:
            return
        ids = self.read.frame.index
        self.left_out |= {str(ids[place]): why for place, why in new.items()}
        self.there[list(new)] = False
        self.lacking += len(new) if lacks else 0
        such = shorten_list(f"{ids[place]} ({why})" for place, why in new.items())
        self.notes.append(f"{len(new):,} picture(s) {sentence}: {such}.")

    def apply(self, rule: Rule, keep: bool) -> None:
        """Leave out what a rule says."""
        cells = self.read.frame[rule.column]
        holds, unknown = rule.apply(cells, self.read.name)
        option = "--include" if keep else "--exclude"
        if not (holds & self.there).any():
            if keep:
                raise MemnetError(
                    f"No picture is left by {option} {quoted(rule.text)}.{rule.hint(cells)}"
                )
            self.notes.append(
                f"{option} {quoted(rule.text)} leaves out no picture.{rule.hint(cells)}"
            )
        self._drop(
            dict.fromkeys(
                np.flatnonzero(unknown).tolist(), f"{rule.column} is missing or no number"
            ),
            f"are left out, since nobody can tell whether {quoted(rule.text)} holds",
        )
        out = np.flatnonzero(self.there & ~holds if keep else self.there & holds).tolist()
        ids = self.read.frame.index
        self.left_out |= {str(ids[place]): f"{option} {rule.text}" for place in out}
        self.there[out] = False
        if out:
            self.notes.append(f"{len(out):,} picture(s) are left out by {option} {rule.text}.")

    def numbers(self, column: str, is_matched: bool) -> Any:
        """Read a column of numbers; leave out the pictures that have none."""
        frame, source = self.read.frame, self.read.name
        table = pd.DataFrame({"image_id": frame.index, column: frame[column].to_numpy()})
        table.attrs = dict(frame.attrs)
        rows = read_score_rows(table, column=column, id_column="image_id", source=source)
        if not rows.usable.any():
            words = pd.Series(rows.texts[rows.texts != ""])
            advice = f" Its first cell is {quoted(words.iloc[0])}." if len(words) else ""
            if len(words) and words.str.strip().str.endswith("%").all():
                advice += " Take the percent signs away."
            elif len(words) and is_matched:
                advice += " Categories are matched by --exact."
            raise MemnetError(f"{source} has no number in column {column!r}.{advice}")
        known = self.read.lacking.get(column, {})
        self._drop(
            {
                place: known.get(str(frame.index[place])) or rows.note(place)
                for place in np.flatnonzero(~rows.usable).tolist()
            },
            f"have no number in {column!r} and are left out",
        )
        self.notes += rows.doubts()
        return rows.values

    def categories(self, column: str) -> None:
        """Leave out the pictures without a category."""
        cells = self.read.frame[column].str.strip()
        empty = cells.str.lower().isin(EMPTY_CELLS).to_numpy(dtype=bool)
        known = self.read.lacking.get(column, {})
        ids = self.read.frame.index
        self._drop(
            {
                place: known.get(str(ids[place]), f"{column} is missing")
                for place in np.flatnonzero(empty).tolist()
            },
            f"have no {column!r} and are left out",
        )

    def require_some(self) -> None:
        """Raise ``MemnetError`` where nothing is left."""
        if not self.there.any():
            first = next(iter(self.left_out.items()), ("", ""))
            raise MemnetError(
                f"No picture of {self.read.name} is left to choose from; {quoted(first[0])}, for "
                f"example: {first[1]}. All {len(self.left_out):,} have reasons such as these: "
                f"{shorten_list(dict.fromkeys(self.left_out.values()), 3)}."
            )

    def find_files(self, images: Inputs) -> None:
        """Find the pictures' files, and their digests."""
        items = {item.image_id: item for item in images.items}
        ids = [str(each) for each in self.read.frame.index]
        match = match_ids(
            ids, list(items), left_name=self.read.name, right_name="the pictures of --images"
        )
        match.require_any("Give the folder that was given to `memnet score`.")
        self.notes += match.sentences()
        reasons: dict[int, str] = {}
        changed = []
        for place, image_id in enumerate(ids):
            if image_id not in items:
                reasons[place] = "it is not among --images"
                continue
            try:
                digest = digest_of_picture(items[image_id].picture)
            except PictureError as error:
                reasons[place] = f"its file cannot be read ({error})"
                continue
            if self.sha256[place] not in ("", digest):
                changed.append(image_id)
            self.paths[place], self.sha256[place] = items[image_id].path, digest
            self.pictures[place] = items[image_id].picture
        if changed:
            raise MemnetError(
                f"{len(changed):,} picture(s) are not the files that {self.read.name} was made of "
                f"(other sha256): {shorten_list(changed)}; run `memnet describe` again."
            )
        self._drop(reasons, "are left out")

    def _hash_pictures(self) -> list[str]:
        """Return perceptual hashes of the pictures at hand; none without the extra ``describe``."""
        if not self.pictures or find_spec("imagehash") is None or find_spec("skimage") is None:
            return []
        import imagehash

        from memnet.studies.describe.measures import shrink

        texts = [""] * len(self.there)
        for place in self.kept:
            try:
                decoded = decode(self.pictures[place], exif_orientation="ignore")
            except PictureError:  # it has a digest, and the contact sheet says what is wrong
                continue
            small = shrink(decoded.rgb)
            low, high = small.convert("L").getextrema()
            texts[place] = "" if low == high else str(imagehash.phash(small))
        return texts

    def drop_repeats(self) -> None:
        """Keep the first of pictures that are the same, or nearly."""
        frame, kept = self.read.frame, self.kept
        hashes, there = np.zeros(len(kept), dtype=np.uint64), np.zeros(len(kept), dtype=bool)
        texts = frame["phash"].tolist() if "phash" in frame.columns else self._hash_pictures()
        if texts:
            hashes, there = read_hashes([texts[place] for place in kept], self.read.name)
        else:
            self.notes.append(
                "Near-duplicates were not looked for: that needs the column phash of `memnet "
                "describe` (--with covariates.csv)."
            )
        sha256 = [self.sha256[place] for place in kept]
        repeats = find_repeats(hashes, there, sha256)
        same = {a: b for a, b in repeats.items() if sha256[a] and sha256[a] == sha256[b]}
        near = {a: b for a, b in repeats.items() if a not in same}
        for found, how, sentence in (
            (same, "the same file as", "are the same file as another, and left out"),
            (
                near,
                "nearly the same as",
                "look nearly like another (perceptual hashes within "
                f"{BITS} of 64 bits), and are left out",
            ),
        ):
            self._drop(
                {kept[a]: f"{how} {frame.index[kept[b]]}" for a, b in found.items()},
                sentence,
                lacks=False,
            )


def digest_of_picture(picture: PictureOrCrop) -> str:
    """Return the sha256 of a picture's file; of a box of a picture, that of the picture's.

    Raises
    ------
    PictureError
        if it cannot be read.
    """
    return stored_digest(read_stored(picture.picture if isinstance(picture, Crop) else picture))


def _stack(columns: list[Any], rows: int) -> Any:
    return np.column_stack(columns) if columns else np.zeros((rows, 0))


def _spread(values: Any) -> tuple[float, float, int]:
    """Return SD, mean and number of all scores, those of pictures that rules leave out as well."""
    there = values[np.isfinite(values)]
    sd = float(there.std(ddof=1)) if len(there) > 1 else 0.0
    return sd, float(there.mean()), len(there)


def _identities(read: PictureTable, scores: list[str]) -> dict[str, Any]:
    known = {name: about_model(read.models, name, named=len(scores) > 1) for name in scores}
    return {name: about for name, about in known.items() if about is not None}

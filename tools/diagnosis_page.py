"""Columns of known origin, and what `diagnose` makes of them: the study behind docs/diagnose.md.

    python tools/diagnosis_page.py docs/diagnose.md [--full] [--draws 50] [--workers 2]

draws 30 pictures 50 times, writes every variant's scores in every form, diagnoses each column and
writes the tables between the markers of the page. So it does with columns of other models, which
are merely related to a variant, as they are and with every tenth row replaced. The network is the
small one of the golden files (the weights of the original are not public); ``--full`` takes the
recipe's full-size network, with fewer pictures to draw from. The fast tests do one draw of the
same.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import _helpers  # noqa: F401
import memnet
from caffe_recipe import write_recipe
from memnet.data.pictures import collect
from memnet.legacy.variants import twins, variants
from memnet.studies.diagnosis.candidate_fits import registered_traits
from memnet.studies.diagnosis.column import OldColumn
from memnet.studies.diagnosis.decision import decide_variant
from memnet.studies.diagnosis.result import Diagnosis
from memnet.studies.variants.scores import VariantScores, score_variants
from references import GOLDEN, SHARED, golden_pictures, imported

PICTURES = 30
DRAWS = 50
BEGIN, END = "<!-- diagnose-study: begin -->", "<!-- diagnose-study: end -->"
RELATED_BEGIN, RELATED_END = "<!-- related-study: begin -->", "<!-- related-study: end -->"
CORRUPTED_BEGIN = "<!-- related-corrupted-study: begin -->"
CORRUPTED_END = "<!-- related-corrupted-study: end -->"
Related = tuple[int, int | None, float, str]  # pictures, decimals, correlation, what was said
RELATED = (0.8, 0.9, 0.95, 0.97, 0.99, 1.0)  # correlations with a variant; 1 is that variant
COUNTS = (10, 12, 15, 30, 60)
DECIMALS = (1, 2, 4, None)


@dataclass(frozen=True)
class Kind:
    """How a column is written: ``form``, decimals (None: all), and what is done to its rows."""

    name: str
    form: str
    decimals: int | None = None
    unit: float = 1.0
    rows: str = "as they are"  # "corrupted" or "shuffled"

    @property
    def exact(self) -> bool:
        """Whether only variants with the same numbers may remain."""
        return self.decimals is None or self.decimals >= 4


KINDS = (
    Kind("raw", "raw"),
    Kind("scaled", "scaled"),
    Kind("scaled, clamped", "clamped"),
    Kind("scaled, clamped crop by crop", "per crop"),
    Kind("raw, 2 decimals", "raw", 2),
    Kind("raw, 3 decimals", "raw", 3),
    Kind("raw, 4 decimals", "raw", 4),
    Kind("raw, 5 decimals", "raw", 5),
    Kind("raw, 6 decimals", "raw", 6),
    Kind("scaled, clamped, 2 decimals", "clamped", 2),
    Kind("scaled, clamped, x100, 2 decimals", "clamped", 2, 100.0),
    Kind("raw, 10 % of rows corrupted", "raw", None, 1.0, "corrupted"),
    Kind("scaled, clamped, 4 decimals, 10 % corrupted", "clamped", 4, 1.0, "corrupted"),
    Kind("raw, 6 decimals, shuffled", "raw", 6, 1.0, "shuffled"),
    Kind("scaled, clamped, 2 decimals, shuffled", "clamped", 2, 1.0, "shuffled"),
)


@dataclass(frozen=True)
class Pool:
    """Pictures to draw from: every variant's outputs, and those of crops drawn anew."""

    scores: VariantScores
    redrawn: dict[str, np.ndarray]

    def take(self, rows: Sequence[int]) -> Pool:
        names = tuple(self.scores.image_ids[row] for row in rows)
        at = list(rows)
        outputs = {slug: values[at] for slug, values in self.scores.outputs.items()}
        scores = dataclasses.replace(self.scores, image_ids=names, paths=names, outputs=outputs)
        return Pool(scores, {slug: values[at] for slug, values in self.redrawn.items()})

    def draw(self, random: np.random.Generator, count: int = PICTURES) -> Pool:
        return self.take(random.choice(len(self.scores.image_ids), count, replace=False).tolist())


def make_pictures(folder: Path, count: int, seed: int = 11) -> Path:
    """Cut, turn and recolour the golden pictures into `count` different ones."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    originals = [Image.open(path).convert("RGB") for path in golden_pictures().values()]
    for number in range(count):
        original = originals[number % len(originals)]
        width, height = original.size
        across, down = int(width * random.uniform(0.4, 0.9)), int(height * random.uniform(0.4, 0.9))
        left, top = random.integers(width - across + 1), random.integers(height - down + 1)
        part = np.asarray(original.crop((left, top, left + across, top + down)), dtype=np.float64)
        part = part[:, :: random.choice([-1, 1])] ** random.uniform(0.7, 1.3, size=3)
        part *= random.uniform(160, 255, size=3) / np.maximum(part.max(axis=(0, 1)), 1)
        size = tuple(random.integers(180, 520, size=2).tolist())
        Image.fromarray(part.astype(np.uint8)).resize(size).save(folder / f"{number:03d}.png")
    return folder


def pictures(folder: Path, count: int) -> Path | list[Path]:
    """Photographs where the reference material is, made pictures elsewhere."""
    photographs = sorted((SHARED / "data" / "pictures" / "images").glob("*.jpg"))
    if photographs:
        rows = np.random.default_rng(5).choice(len(photographs), count, replace=False)
        return [photographs[row] for row in sorted(rows)]
    return make_pictures(folder, count)


def pool(model: memnet.Predictor, pictures: Path | list[Path], seed: int = 3) -> Pool:
    """Run every variant; those with random crops also with crops drawn anew for each picture."""
    items = collect(pictures if isinstance(pictures, list) else [pictures]).items
    scores = score_variants(model, items)
    random = np.random.default_rng(seed)
    redrawn = {}
    for slug, variant in variants().items():
        if not variant.random_crops:
            continue
        spec = variant.spec_for(model.header.preprocess.mean_sha256)
        rows = []
        for item in items:
            offsets = random.integers(0, 30, size=(len(spec.crop_offsets), 2)).tolist()
            anew = dataclasses.replace(spec, crop_offsets=tuple(map(tuple, offsets)))
            crops = anew.apply(item.picture, mean_image=model.mean_image)
            rows.append(model.forward(crops[None])[0].double().numpy())
        redrawn[slug] = np.array(rows)
    return Pool(scores, redrawn)


def write(outputs: np.ndarray, kind: Kind, random: np.random.Generator) -> list[str]:
    """Write raw outputs ``(N, crops)`` as an old study would have."""
    raw = outputs.mean(axis=1)
    # Written out here, not taken from the package: (raw - 0.7626) * 2 + 0.65.
    values = {
        "raw": raw,
        "scaled": 2 * raw - 0.8752,
        "clamped": np.minimum(np.maximum(2 * raw - 0.8752, 0), 1),
        "per crop": np.minimum(np.maximum(2 * outputs - 0.8752, 0), 1).mean(axis=1),
    }[kind.form]
    values = values * kind.unit

    texts = [in_digits(float(value), kind.decimals) for value in values]
    if kind.rows == "shuffled":
        return [texts[row] for row in random.permutation(len(texts))]
    if kind.rows == "corrupted":
        return corrupt(texts, kind.decimals, kind.unit, random)
    return texts


def corrupt(
    texts: Sequence[str], decimals: int | None, unit: float, random: np.random.Generator
) -> list[str]:
    """Replace every tenth row, half of them by another row's value, half by noise."""
    texts = list(texts)
    for number, row in enumerate(random.choice(len(texts), round(0.1 * len(texts)), replace=False)):
        other = texts[int(random.integers(len(texts)))]
        texts[row] = other if number % 2 else in_digits(float(random.uniform(0, unit)), decimals)
    return texts


def in_digits(value: float, decimals: int | None) -> str:
    return repr(value) if decimals is None else f"{value:.{decimals}f}"


def as_column(ids: Sequence[str], texts: Sequence[str]) -> OldColumn:
    return OldColumn(
        source="old.csv",
        name="memnet",
        ids=tuple(ids),
        texts=tuple(texts),
        values=np.array([float(text) for text in texts]),
        set_aside=(),
    )


@dataclass(frozen=True)
class Outcome:
    """One column: its truth, its kind, and what was said of it."""

    truth: str
    kind: Kind
    diagnosis: Diagnosis

    @property
    def told(self) -> set[str]:
        """The verdict and what cannot be told apart from it; without a verdict, what remains."""
        return {*filter(None, [self.diagnosis.verdict]), *self.diagnosis.equivalent}

    @property
    def label(self) -> str:
        if self.diagnosis.verdict is None:
            return "none" if self.diagnosis.evidence == "none" else "too little"
        return "right" if self.truth in self.told else "another"


def outcomes(
    drawn: Pool, random: np.random.Generator, kinds: Sequence[Kind] = KINDS
) -> Iterator[Outcome]:
    """Diagnose every variant's scores in every form on the pictures of one draw."""
    traits = registered_traits()
    ids = drawn.scores.image_ids
    for slug, outputs in drawn.scores.outputs.items():
        source = drawn.redrawn.get(slug, outputs)
        for kind in kinds:
            column = as_column(ids, write(source, kind, random))
            yield Outcome(slug, kind, decide_variant(column, drawn.scores, traits=traits))


# -- the tables of the page --------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    """What the tables need of an outcome."""

    truth: str
    kind: str
    label: str
    told: tuple[str, ...]


def one_draw(job: tuple[Pool, int]) -> list[Tally]:
    drawn_from, seed = job
    random = np.random.default_rng(seed)
    return [
        Tally(outcome.truth, outcome.kind.name, outcome.label, tuple(sorted(outcome.told)))
        for outcome in outcomes(drawn_from.draw(random), random)
    ]


def tables(tallies: Sequence[Tally], draws: int, of: int, network: str) -> str:
    shuffled = {kind.name for kind in KINDS if kind.rows == "shuffled"}
    own = [tally for tally in tallies if tally.kind not in shuffled]
    lines = [
        f"{len(tallies):,} columns: {draws} draws of {PICTURES} pictures out of {of}, "
        f"{len({row.truth for row in tallies})} variants, {len(KINDS)} ways of writing; {network}.",
        "",
        "By truth, without the shuffled columns. *right*: the truth is the verdict or among those "
        "not told apart from it; *told apart from all but twins*: nothing else is; *also in the "
        "class*: which others are, and how often.",
        "",
        "| truth | columns | right | told apart from all but twins | another variant | none "
        "| too little information | also in the class |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    same = twins()
    for truth in dict.fromkeys(tally.truth for tally in own):
        rows = [tally for tally in own if tally.truth == truth]
        labels = Counter(tally.label for tally in rows)
        right = [tally for tally in rows if tally.label == "right"]
        alone = sum(set(tally.told) <= set(same[truth]) for tally in right)
        others = Counter(slug for tally in right for slug in tally.told if slug not in same[truth])
        also = ", ".join(f"{slug} {count}" for slug, count in others.most_common(3))
        lines.append(
            f"| {truth} | {len(rows)} | {labels['right']} | {alone} | {labels['another']} | "
            f"{labels['none']} | {labels['too little']} | {also} |"
        )
    lines += [
        "",
        "By way of writing. For shuffled columns the right answer is none (or too little).",
        "",
        "| column | columns | right | another variant | none | too little information |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind in KINDS:
        rows = [tally for tally in tallies if tally.kind == kind.name]
        labels = Counter(tally.label for tally in rows)
        right = labels["right"] if kind.name not in shuffled else labels["none"]
        another = labels["another"]
        none = labels["none"] if kind.name not in shuffled else right
        if kind.name in shuffled:
            another += labels["right"]  # a verdict on shuffled rows is wrong, whatever it names
        lines.append(
            f"| {kind.name} | {len(rows)} | {right} | {another} | {none} | {labels['too little']} |"
        )
    return "\n".join(lines)


# -- other models, which are merely related to a variant ------------------------------------------


def related_texts(
    raw: np.ndarray, r: float, decimals: int | None, random: np.random.Generator
) -> list[str]:
    """Write scores that are correlated `r` with a variant's, on average, with its mean and SD."""
    noise = raw.std() * random.normal(size=len(raw))
    values = raw.mean() + r * (raw - raw.mean()) + np.sqrt(1 - r**2) * noise
    return [in_digits(float(value), decimals) for value in values]


def related_draw(job: tuple[Pool, int], *, corrupted: bool = False) -> list[Related]:
    """Diagnose one column for each count, number of decimals and correlation.

    Where ``corrupted``, every tenth row of each is replaced (see :func:`corrupt`).
    """
    drawn_from, seed = job
    random = np.random.default_rng(seed)
    scores = drawn_from.scores
    spread = [slug for slug in scores.outputs if scores.raw(slug).std() > 0.02]
    rows = []
    for count in COUNTS:
        drawn = drawn_from.draw(random, count)
        for decimals, r in ((decimals, r) for decimals in DECIMALS for r in RELATED):
            slug = str(random.choice(spread))
            texts = related_texts(drawn.scores.raw(slug), r, decimals, random)
            if corrupted:
                texts = corrupt(texts, decimals, 1.0, random)
            diagnosis = decide_variant(as_column(drawn.scores.image_ids, texts), drawn.scores)
            told = {diagnosis.verdict, *diagnosis.equivalent}
            label = (
                diagnosis.evidence
                if r < 1 or diagnosis.verdict is None or slug in told
                else "another"
            )
            rows.append((count, decimals, r, label))
    return rows


def related_table(rows: Sequence[Related]) -> str:
    verdicts = ("exact", "close", "affine", "rank", "another")
    cells: dict[tuple[int, int | None, float], Counter[str]] = {}
    for count, decimals, r, label in rows:
        cells.setdefault((count, decimals, r), Counter())[label] += 1
    false = Counter(label for *_, r, label in rows if r < 1 and label in verdicts)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(false.items())) or "none at all"
    each = len(rows) // len(cells)
    lines = [
        f"Each cell is of {each} columns. False verdicts among the columns of other models: "
        f"{kinds}.",
        "",
        "| pictures | decimals | "
        + " | ".join(f"r = {str(r).removeprefix('0')}" for r in RELATED[:-1])
        + " | the variant: named | too little information |",
        "| ---: | ---: |" + " ---: |" * (len(RELATED) + 1),
    ]
    for count in COUNTS:
        for decimals in DECIMALS:
            false_ones = [
                str(sum(cells[count, decimals, r][kind] for kind in verdicts)) for r in RELATED[:-1]
            ]
            true = cells[count, decimals, 1.0]
            named = sum(true[kind] for kind in verdicts[:-1])
            lines.append(
                f"| {count} | {'all' if decimals is None else decimals} | "
                f"{' | '.join(false_ones)} | {named} | {true['too little information']} |"
            )
    return "\n".join(lines)


@dataclass(frozen=True)
class StudyTables:
    """The three tables of the page."""

    variants: str
    related: str
    related_corrupted: str


def study(
    model: memnet.Predictor, count: int, draws: int, network: str, workers: int
) -> StudyTables:
    with tempfile.TemporaryDirectory() as scratch:
        drawn_from = pool(model, pictures(Path(scratch) / "pictures", count))
    jobs = [(drawn_from, seed) for seed in range(draws)]
    with ProcessPoolExecutor(workers) as pool_of_workers:
        every = list(pool_of_workers.map(one_of_each, jobs))
    tallies, related, corrupted = ([row for draw in every for row in draw[at]] for at in range(3))
    return StudyTables(
        tables(tallies, draws, count, network), related_table(related), related_table(corrupted)
    )


def one_of_each(job: tuple[Pool, int]) -> tuple[list[Tally], list[Related], list[Related]]:
    return one_draw(job), related_draw(job), related_draw(job, corrupted=True)


def small_network(folder: Path) -> memnet.Predictor:
    return imported(GOLDEN / "mini" / "mini_v2.caffemodel", folder)


def full_network(folder: Path) -> memnet.Predictor:
    return imported(write_recipe(folder / "full.caffemodel"), folder)


def into_page(page: Path, text: str, begin: str, end: str) -> None:
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, there, after = rest.partition(end)
    assert there, f"{page} has no {begin} and {end}"
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("page", type=Path)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    make, count, network = (
        (full_network, 60, "full-size network of a recipe")
        if given.full
        else (small_network, 200, "small network")
    )
    with tempfile.TemporaryDirectory() as folder:
        made = study(make(Path(folder)), count, given.draws, network, given.workers)
    into_page(given.page, made.variants, BEGIN, END)
    into_page(given.page, made.related, RELATED_BEGIN, RELATED_END)
    into_page(given.page, made.related_corrupted, CORRUPTED_BEGIN, CORRUPTED_END)

"""Published values as data, to be shown beside measured ones, and what may be compared with what.

The values are in ``published.toml``, each with its source. Where a paper contradicts itself both
values are returned; nothing here picks one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from memnet.data.contamination import DatasetName
from memnet.data.targets import HIT_RATE, check_target
from memnet.errors import MemnetError
from memnet.util.resources import packaged_toml

HUMAN = "human"
"""The "model" of values about people's scores themselves."""

LAMEM_VARIANCE = 0.0153
"""Variance of LaMem's 58,741 scores (SD 0.1238), from its split files; MemCat's is more."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A publication: ``key`` in the data, ``short`` for tables, full ``citation``, ``url``."""

    key: str
    short: str
    citation: str
    url: str


@dataclass(frozen=True, kw_only=True)
class PublishedValue:
    """One published number; the head of ``published.toml`` says more about each field.

    Attributes
    ----------
    id : unique.
    model, beside : whose value it is; further catalogue names beside which it is shown.
    dataset, metric : as in ``record.json``.
    value, printed, qualifier : the number, its digits as printed, the source's own "about".
    source, also_in, where : publication, others that repeat it, table or text.
    what : one line.
    like_for_like, note : whether a measured value may be compared with it, and why (not).
    contradicts : ids of what the same paper says elsewhere.
    every_dataset : whether it is about the model, whatever it is shown.
    target : what the human scores were (:data:`memnet.data.targets.TARGETS`).
    unseen : whether it says how good these weights, or others trained alike, are on new pictures.
    pictures : on how many it was measured; 0 where that is not said.
    """

    id: str
    model: str
    beside: tuple[str, ...]
    dataset: str
    metric: str
    value: float
    printed: str
    qualifier: str
    source: Source
    also_in: tuple[Source, ...]
    where: str
    what: str
    like_for_like: bool
    note: str
    contradicts: tuple[str, ...]
    every_dataset: bool = False
    target: str = HIT_RATE
    unseen: bool = False
    pictures: int = 0

    @property
    def text(self) -> str:
        """The number as its source has it: ``as low as 0.0047``."""
        return f"{self.qualifier} {self.printed}".strip()

    @property
    def place(self) -> str:
        """Where its source has it, and who repeats it: ``text; also in Needell (2020)``."""
        return "; also in ".join([self.where, *(source.short for source in self.also_in)])


@dataclass(frozen=True, kw_only=True)
class PublishedComparison:
    """A published value beside a measured model: ``comparable`` or not, and ``why``."""

    published: PublishedValue
    model: str
    comparable: bool
    why: str


@dataclass(frozen=True, kw_only=True)
class PublishedReliability:
    """How reliable the human scores of a data set are, by a published split-half correlation.

    Attributes
    ----------
    published : the correlation between two halves of the workers.
    labels : which human scores are meant.
    made_of : ``"half"`` where those scores come from one such half, ``"all"`` where from both.
    why : the reason.
    """

    published: PublishedValue
    labels: str
    made_of: str
    why: str

    @property
    def value(self) -> float:
        """Reliability of the labels: of halves as published, else after Spearman and Brown."""
        half = self.published.value
        return half if self.made_of == "half" else 2 * half / (1 + half)

    @property
    def ceiling(self) -> float:
        """Highest correlation that a perfect predictor can expect with these labels."""
        return math.sqrt(self.value)


@dataclass(frozen=True, kw_only=True)
class PublishedSpread:
    """How much a model's scores vary on pictures like those of its tests.

    Attributes
    ----------
    model : its name.
    sd, mean, pictures : of its scores (SD with n - 1), and of how many pictures.
    where : which pictures, and by whom it was measured.
    """

    model: str
    sd: float
    mean: float
    pictures: int
    where: str


@cache
def published() -> tuple[PublishedValue, ...]:
    """Return every published value, in the order of the file."""
    data = _data()
    sources = {key: Source(key=key, **table) for key, table in data["sources"].items()}
    known = {field.name for field in fields(PublishedValue)}
    values: dict[str, PublishedValue] = {}
    for table in data["figure"]:
        if unknown := table.keys() - known:
            raise MemnetError(f"The published value {table['id']} has unknown fields {unknown}.")
        if table["id"] in values:
            raise MemnetError(f"Two published values have the id {table['id']!r}.")
        check_target(table.get("target", HIT_RATE))
        values[table["id"]] = PublishedValue(
            **{
                **table,
                "source": sources[table["source"]],
                "also_in": tuple(sources[key] for key in table["also_in"]),
                "beside": tuple(table["beside"]),
                "contradicts": tuple(table["contradicts"]),
            }
        )
    return tuple(values.values())


def published_for(
    dataset: str, models: Iterable[str] | None = None, target: str = ""
) -> list[PublishedComparison]:
    """Return the published values to be shown beside measured ones.

    Parameters
    ----------
    dataset : the tested data set, as ``--dataset`` names it; part and split make no difference.
        A mixture also brings the values of its parts, and a part those of the mixture, as not
        comparable.
    models : measured models, ``name`` or ``name:variant``; :data:`HUMAN` for the values about
        people's scores. None for every value of this data set, whosever it is.
    target : what the human scores tested on are; values that are about another one are left out.
        "" where that is not known: then those about hit rates.

    Returns
    -------
    list of PublishedComparison
        in the order of ``models``, then of the file.
    """
    if not dataset.strip():
        return []
    tested = DatasetName.parse(dataset)
    everyone = (stated.model for stated in published())
    rows = []
    for model in dict.fromkeys(everyone if models is None else models):
        name, _, variant = model.partition(":")
        for stated in published():
            if name != stated.model and (models is None or name not in stated.beside):
                continue
            if stated.target != (target or HIT_RATE):
                continue
            of = DatasetName.parse(stated.dataset)
            if not (of.names & tested.names or stated.every_dataset):
                continue
            clauses = [stated.note]
            if of.names != tested.names:
                clauses.insert(0, f"a value for {of.base}, but {tested.base} was tested here")
            if variant:
                clauses.insert(
                    0, f"a value of the model itself, but its variant {variant} was tested here"
                )
            clauses += [
                f"the same paper says {other.text} ({other.where})" for other in rivals(stated)
            ]
            why = "; ".join(clauses)
            rows.append(
                PublishedComparison(
                    published=stated,
                    model=model,
                    comparable=stated.like_for_like and of.names == tested.names and not variant,
                    why=f"{why[0].upper()}{why[1:]}.",
                )
            )
    return rows


def published_reliability(dataset: str) -> PublishedReliability | None:
    """Return the published reliability of a data set's labels; None where there is none.

    LaMem comes without counts, and its labels are those of one split's test part (Khosla et al.
    2015, section 4.1).
    """
    base = DatasetName.parse(dataset).base
    for table in _data()["reliability"]:
        if table["dataset"] == base:
            rest = {key: table[key] for key in ("labels", "made_of", "why")}
            return PublishedReliability(published=_find_value(table["figure"]), **rest)
    return None


def known_spread(model: str) -> PublishedSpread | None:
    """Return how much a model's scores vary where that was measured; else None."""
    tables = [table for table in _data()["spread"] if table["model"] == model]
    return PublishedSpread(**tables[0]) if tables else None


def rivals(stated: PublishedValue) -> list[PublishedValue]:
    """Return what the same paper says elsewhere about the same."""
    return [other for other in published() if other.id in stated.contradicts]


def least_mse(r: float, variance: float) -> float:
    """Least MSE of any prediction with Pearson correlation ``r``: ``(1 - r^2) variance``.

    ``variance`` is that of the human scores (divided by n), in squared score units. The best
    straight line through any prediction has this MSE, so none with that ``r`` has a lower one.
    """
    return (1 - r * r) * variance


def contaminated_mse_note(
    *, mse: float, spearman: float, pearson: float, truth_sd: float, n: int
) -> str:
    """Say with numbers what kind of test gives the published MSE of 0.0047.

    Parameters
    ----------
    mse, spearman, pearson : of ``resmem.published`` on a contaminated data set.
    truth_sd : SD of the human scores there, in score units (with n - 1).
    n : pictures.

    Returns
    -------
    str
        some sentences; the last one judges only what the numbers given bear out.
    """
    rho, best = (_find_value(f"nb22-retrain-{name}-text") for name in ("rho", "mse"))
    floor = least_mse(rho.value, LAMEM_VARIANCE)
    needed = math.sqrt(1 - best.value / LAMEM_VARIANCE)
    own_floor = least_mse(pearson, truth_sd**2 * (n - 1) / n)
    text = (
        f"{best.source.short} give ResMemRetrain an MSE {best.text}, and a rank correlation of "
        f"{rho.text}. LaMem's scores have a variance of {LAMEM_VARIANCE} (MemCat's vary more), and "
        f"no prediction that correlates with them at r = {rho.text} has an MSE below "
        f"(1 - r^2) x {LAMEM_VARIANCE} = {floor:.4f}; {best.printed} needs an r of {needed:.2f}. "
        f"Here, on {n:,} pictures of data sets that it was trained on, its MSE is {mse:.5f}, with "
        f"Spearman's rho {spearman:.4f} and r = {pearson:.4f}, for which {own_floor:.5f} is the "
        f"least possible (SD of the human scores {truth_sd:.4f})."
    )
    if mse < floor and pearson > rho.value:
        return (
            f"{text} An MSE like {best.printed} is what a test on its own training pictures gives; "
            "it says nothing about new pictures."
        )
    return f"{text} These numbers do not show how the published value came about."


@cache
def _data() -> dict[str, Any]:
    return packaged_toml("memnet.compare", "published.toml")


def _find_value(name: str) -> PublishedValue:
    return next(stated for stated in published() if stated.id == name)

"""What a gallery shows: filters, the pictures made for them, and their strongest photographs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memnet.errors import MemnetError
from memnet.inspect import top as top_files
from memnet.inspect import visualisation_files
from memnet.inspect.top import Top, TopRow, few_pictures
from memnet.util.text import join_names, shorten_list

_MEASURES = {
    "channel": "mean over space",
    "mean": "mean over space",
    "neuron": "its unit in the centre",
    "max": "its strongest unit",
}
_SAME = {("channel", "mean"), ("neuron", "max")}
"""Objectives of made pictures, and orders of photographs, that are the same measure."""


@dataclass(frozen=True)
class GalleryFilter:
    """A filter with its pictures.

    Attributes
    ----------
    layer, number : its layer's module path and its own number.
    made : rows of ``visualisations.json``; several with ``--diversity``, none if none was made.
    most, least : the photographs, strongest and weakest first.
    by : what photographs are ordered by: ``"mean"`` or ``"max"``.
    is_one_number : whether the filter gives one number for a picture, so that all measures agree.
    """

    layer: str
    number: int
    made: list[Mapping[str, Any]]
    most: list[TopRow]
    least: list[TopRow]
    by: str
    is_one_number: bool

    @property
    def reached(self) -> float | None:
        """The most that a made picture reached."""
        return max(
            (row["reached"] for row in self.made if row["sha256"] and row["reached"] is not None),
            default=None,
        )

    @property
    def is_comparable(self) -> bool:
        """Whether made pictures and photographs are measured by the same number."""
        return self.is_one_number or (self._aim, self.by) in _SAME

    @property
    def is_beaten(self) -> bool:
        """Whether a photograph raises the filter more than the picture that was made for it."""
        if self.reached is None or not self.most or not self.is_comparable:
            return False
        return self.most[0].activation > self.reached

    @property
    def is_failed(self) -> bool:
        """Whether gradient ascent got no further than its noise."""
        return bool(self.made) and all(row["sha256"] is None for row in self.made)

    @property
    def is_dead(self) -> bool:
        """Whether all photographs give the same or, without them, nothing raises it."""
        if len({row.image_id for row in self.most + self.least}) > 1:
            return self.most[0].activation == self.least[0].activation
        return self.is_failed

    @property
    def sentence(self) -> str:
        """How far the made picture got, beside the strongest photograph."""
        if self.reached is not None:
            made = f"Made picture {short(self.reached)}"
        elif self.made:
            made = "No picture could be made: gradient ascent got no further than its noise"
        else:
            made = "No picture was made"
        if not self.most:
            return f"{made}; no photographs."
        photograph = f"strongest photograph {short(self.most[0].activation)}"
        if self.reached is None:
            return f"{made}; {photograph}."
        if not self.is_comparable:
            return (
                f"{made} ({_MEASURES[self._aim]}), {photograph} ({_MEASURES[self.by]}): two "
                "measures, which do not compare."
            )
        more = " The photograph raises the filter more." if self.is_beaten else ""
        return f"{made}, {photograph}.{more}"

    @property
    def _aim(self) -> str:
        return str(self.made[0]["made_of"]["objective"])


@dataclass(frozen=True)
class GalleryLayer:
    """A layer and those of its filters that are shown.

    Attributes
    ----------
    name, other_names : its module path and aliases.
    facts : a line on it: kind, receptive field, how many filters.
    filters : by number.
    """

    name: str
    other_names: list[str]
    facts: str
    filters: list[GalleryFilter]

    @property
    def title(self) -> str:
        """Its name, with other names in brackets."""
        return self.name + (f" ({', '.join(self.other_names)})" if self.other_names else "")


@dataclass(frozen=True)
class Gallery:
    """What a page and its sheets are made of.

    Attributes
    ----------
    model : its name.
    layers : in the order of the network's modules: each branch from shallow to deep.
    top : the photographs.
    made_in : folder of the made pictures.
    cautions : what to know before looking.
    sources : of what and how all was made, a line each.
    """

    model: str
    layers: list[GalleryLayer]
    top: Top = field(repr=False)
    made_in: Path
    cautions: list[str]
    sources: list[str]


def read_gallery(top: str | Path, visualised: str | Path) -> Gallery:
    """Match what ``memnet inspect top`` and ``memnet inspect visualise`` wrote.

    Parameters
    ----------
    top, visualised : folders that the two commands wrote to.

    Raises
    ------
    MemnetError
        if one of them cannot be read, they are of two models, or they have no layer in common.
    """
    found = top_files.read(top)
    rows = list(visualisation_files.read(Path(visualised)).values())
    if not rows:
        raise MemnetError(
            f"{visualised} has no {visualisation_files.NAME}; `memnet inspect visualise` makes it."
        )
    about = found.about
    model = {"name": about["model"], **about["identity"]}
    for row in rows:
        other = row["made_of"]["model"]
        if other != model:
            name = other["name"]
            of = "another model of this name" if name == about["model"] else name
            raise MemnetError(
                f"{top} has the strongest pictures of {about['model']}, and {visualised} those "
                f"made for {of}; a gallery is of one model."
            )
    of_filters = [row for row in rows if row["made_of"]["layer"] is not None]
    made_layers = dict.fromkeys(row["made_of"]["layer"] for row in of_filters)
    known = {layer["name"]: layer for layer in about["layers"]}
    if not known.keys() & made_layers.keys():
        raise MemnetError(
            f"{top} has the strongest pictures of {shorten_list(known)}, and {visualised} those "
            f"made for {shorten_list(made_layers) if made_layers else 'the score'}; a gallery "
            "needs both of the same layers."
        )
    layers = [_layer(name, known.get(name), found, of_filters) for name in {**known, **made_layers}]
    return Gallery(
        model=about["model"],
        layers=layers,
        top=found,
        made_in=Path(visualised),
        cautions=_cautions(layers, found, rows),
        sources=_sources(found, of_filters),
    )


def short(value: float) -> str:
    """Write an activation with three digits and a true minus sign."""
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")


def _layer(
    name: str, about: Mapping[str, Any] | None, top: Top, made: Iterable[Mapping[str, Any]]
) -> GalleryLayer:
    of_layer = [row for row in made if row["made_of"]["layer"] == name]
    numbers = {row["made_of"]["filter"] for row in of_layer} | set(
        about["filters"] if about else ()
    )
    photographs = [row for row in top.rows if row.layer == name]
    filters = [
        GalleryFilter(
            layer=name,
            number=number,
            made=[row for row in of_layer if row["made_of"]["filter"] == number],
            most=[row for row in photographs if (row.filter, row.side) == (number, "most")],
            least=[row for row in photographs if (row.filter, row.side) == (number, "least")],
            by=top.about["by"],
            is_one_number=about is not None and len(about["shape"]) == 1,
        )
        for number in sorted(numbers)
    ]
    if about is None:
        return GalleryLayer(name, [], "No photographs were looked for.", filters)
    sees_all = bool(photographs) and all(row.sees_all for row in photographs)
    facts = _facts(about, len(filters), sees_all=sees_all)
    return GalleryLayer(name, about["other_names"], facts, filters)


def _facts(about: Mapping[str, Any], shown: int, *, sees_all: bool) -> str:
    is_convolution = about["kind"] == "convolution"
    total = about["shape"][0 if is_convolution else -1]
    kind = "Convolution" if is_convolution else "Dense"
    what = "filters" if is_convolution else "units"
    field_ = about["receptive_field"]
    sees = "a unit sees the whole picture"
    if field_:
        sees = f"a unit sees {field_['size']:,} x {field_['size']:,} pixels of the network's input"
        sees += ", padding and all, which is everything" if sees_all else ""
    return f"{kind}; {sees}; {shown:,} of {total:,} {what} {'is' if shown == 1 else 'are'} shown."


def _cautions(
    layers: Iterable[GalleryLayer], top: Top, rows: Iterable[Mapping[str, Any]]
) -> list[str]:
    filters = [each for layer in layers for each in layer.filters]
    found = []

    def name_them(chosen: list[GalleryFilter], one: str, many: str) -> None:
        if chosen:
            names = [f"filter {each.number} of {each.layer}" for each in chosen]
            count = "One filter" if len(names) == 1 else f"{len(names):,} filters"
            found.append(f"{count} {one if len(names) == 1 else many}: {shorten_list(names)}.")

    name_them(
        [each for each in filters if each.is_dead],
        "seems to be dead (nothing changes what it gives)",
        "seem to be dead (nothing changes what they give)",
    )
    name_them(
        [each for each in filters if each.is_failed and not each.is_dead],
        "has no made picture, as gradient ascent got no further than its noise (more --steps may)",
        "have no made pictures, as gradient ascent got no further than its noise (more --steps "
        "may)",
    )
    name_them(
        [each for each in filters if each.is_beaten],
        "is raised more by a photograph than by the picture made for it, so that picture does not "
        "show what the filter would have",
        "are raised more by a photograph than by the picture made for them, so those pictures do "
        "not show what the filters would have",
    )
    name_them(
        [each for each in filters if not each.made],
        "has no made picture",
        "have no made pictures",
    )
    name_them(
        [each for each in filters if not each.most],
        "has no photographs",
        "have no photographs",
    )
    if top.pictures < 2 * top.about["k"]:
        found.append(few_pictures(top.pictures, top.about["k"]))
    if top.failed:
        count = len(top.failed)
        what = "One photograph" if count == 1 else f"{count:,} photographs"
        names = shorten_list(top.failed)
        found.append(f"{what} could not be read and took no part: {names}.")
    identity = top.about["identity"]
    if not (identity["weights_sha256"] or identity["tensors_sha256"]):
        found.append(
            "The model has no checksum: whether both kinds of pictures are of the same network is "
            "known by its name alone."
        )
    if any(row["made_of"]["layer"] is None for row in rows):
        found.append("The folder has pictures made for the score, too; they are not shown here.")
    return found


def _sources(top: Top, made: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say how all was made, without what changes from one run to the next."""
    about = top.about
    by = _MEASURES[about["by"]]
    recipes = dict.fromkeys(_recipe(row["made_of"]) for row in made)
    versions = dict.fromkeys(row["versions"]["memnet"] for row in made)
    return [
        f"Model: {about['model']}, checksum of its network {about['network_sha256']}",
        f"Photographs: {top.pictures:,}, ordered by {by} of what the filter gives, before any "
        f"ReLU; up to {about['k']} of each end",
        *(f"Made pictures: {recipe}" for recipe in recipes),
        f"memnet {join_names(list(versions))}",
    ]


def _recipe(made_of: Mapping[str, Any]) -> str:
    settings = ", ".join(
        f"{key} {value}" for key, value in made_of["recipe"].items() if key != "name"
    )
    return (
        f"recipe {made_of['recipe']['name']} ({settings}), objective {made_of['objective']}, seed "
        f"{made_of['seed']}"
    )

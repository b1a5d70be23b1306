"""The paragraph for a methods section: what was done with which model, in words to be copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memnet import __version__
from memnet.compare.published import published
from memnet.data.matching import MATCH_RULES
from memnet.stats.levels import ALPHA
from memnet.studies.migrate.agreement import rise_together
from memnet.studies.migrate.new_scores import RESMEM, is_resmem

SOFTWARE = f"memnet {__version__} (the memnet developers; Apache-2.0)"

_HESTERBERG = (
    "Hesterberg, T. C. (2015). What teachers should know about the bootstrap: Resampling in the "
    "undergraduate statistics curriculum. The American Statistician, 69, 371-386. "
    "https://doi.org/10.1080/00031305.2015.1089789"
)
_HOLM = (
    "Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian "
    "Journal of Statistics, 6, 65-70."
)
_OLD_SOURCE, _NEW_SOURCE = "K15", "NB22"

SHORT, FULL, CHECKSUMS, REFERENCES = "In short", "In full", "Checksums", "References"
"""The headings of a methods text."""

RESMEM_SCALE = "ResMem"
"""What a crosswalk calls the scale of :data:`~.new_scores.RESMEM`."""


def citations() -> dict[str, str]:
    """Return the full citations of both models: ``old``, ``new``."""
    sources = {value.source.key: value.source for value in published()}
    return {
        "old": f"{sources[_OLD_SOURCE].citation} {sources[_OLD_SOURCE].url}",
        "new": f"{sources[_NEW_SOURCE].citation} {sources[_NEW_SOURCE].url}",
    }


def write_methods(
    *,
    study: Mapping[str, Any],
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    pictures: Mapping[str, Any],
    claims: Sequence[Mapping[str, Any]],
    agreement: Mapping[str, Any],
    crosswalk: Mapping[str, Any] | None,
    settings: Mapping[str, Any],
) -> str:
    """Write the paragraph, short and in full, then checksums and references.

    See :class:`memnet.studies.migrate.record.MigrationRecord` for the arguments.

    Returns
    -------
    str
        parts with a heading each, which :func:`split_methods` finds again.
    """
    sentences = [
        *_models(old, new),
        *_pictures(study, pictures, agreement),
        *_statistics(claims, settings),
        *_crosswalk(crosswalk),
        *_licence(new),
    ]
    cited = citations()
    references = [
        cited["old"],
        cited["new"] if is_resmem(str(new.get("name"))) else str(new.get("citation") or ""),
    ]
    references += [_HESTERBERG] if claims else []
    references += [_HOLM] if len(claims) > 1 else []
    checksums = _checksums(study, new, pictures)
    parts = {
        SHORT: _short(old, new, study, pictures, agreement, claims, settings),
        FULL: " ".join(sentences),
        CHECKSUMS: "\n".join(f"- {line}" for line in checksums),
        REFERENCES: "\n".join(f"- {reference}" for reference in filter(None, references)),
    }
    return "\n\n".join(f"{heading}\n\n{text}" for heading, text in parts.items()) + "\n"


def split_methods(text: str) -> dict[str, str]:
    r"""Split a text of :func:`write_methods` into its parts; one without headings is :data:`FULL`.

    Examples
    --------
    >>> split_methods("In short\n\nThis.\n\nReferences\n\n- A book.\n")
    {'In short': 'This.', 'References': '- A book.'}
    >>> split_methods("This.\n\nReferences\n\n- A book.\n")
    {'In full': 'This.', 'References': '- A book.'}
    """
    parts: dict[str, str] = {}
    heading = FULL
    for block in text.strip().split("\n\n"):
        if block in (SHORT, FULL, CHECKSUMS, REFERENCES):
            heading = block
        else:
            parts[heading] = f"{parts[heading]}\n\n{block}" if heading in parts else block
    return parts


def _short(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    study: Mapping[str, Any],
    pictures: Mapping[str, Any],
    agreement: Mapping[str, Any],
    claims: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> str:
    """Write what a methods section must say at least."""
    name = str(new.get("name"))
    if is_resmem(name):
        what = "ResMem (Needell & Bainbridge, 2022)"
    elif new.get("known_by") == "nobody":
        what = "a model that its score table does not name"
    else:
        what = f"the model {name}"
    variant = old.get("variant")
    made = f", variant {variant['slug']}" if variant else ""
    text = (
        f"Image memorability was predicted with {what} instead of MemNet (Khosla et al., "
        f"2015{made}) for {pictures['n']:,} of {study['pictures']:,} pictures, with {SOFTWARE}."
    )
    if unrelated := say_unrelated(agreement):
        text += f" {unrelated}"
    if claims:
        clusters = max((claim["detail"].get("clusters", 0) for claim in claims), default=0)
        of = f"the {clusters:,} clusters of pictures" if clusters else "the pictures"
        text += (
            " Each claim was computed with both scores on the same pictures, with "
            f"{100 * settings['level']:g} % intervals from {settings['resamples']:,} paired "
            f"bootstrap resamples of {of}."
        )
    return text


def _checksums(
    study: Mapping[str, Any], new: Mapping[str, Any], pictures: Mapping[str, Any]
) -> list[str]:
    """List what tells files and settings apart, each with its sha256."""
    known = {
        "weights": new.get("weights_sha256"),
        "preprocessing": new.get("preprocess_digest"),
        f"the study's table, {study['source']}": study.get("sha256"),
        "ids of the pictures": pictures.get("digest"),
    }
    return [f"{what}: sha256 {digest}" for what, digest in known.items() if digest]


def _say_variant(old: Mapping[str, Any]) -> str:
    """Say how the earlier analysis prepared its pictures."""
    variant = old.get("variant")
    start = f"The earlier analysis used MemNet scores (Khosla et al., 2015), column {old['name']!r}"
    if not variant:
        return f"{start}; how their pictures were prepared is not recorded."
    effect = str(variant["effect"])
    effect = effect[:1].lower() + effect[1:]
    if variant["known_by"] == "user":
        return (
            f"{start}, made by the variant {variant['slug']} of its preprocessing, as the authors "
            f"state: {effect}"
        )
    return (
        f"{start}, made by the variant {variant['slug']} of its preprocessing, as memnet diagnose "
        f"found from the pictures ({str(variant['finding']).rstrip('.')}): {effect}"
    )


def write_crosswalk_methods(
    *, old: Mapping[str, Any], crosswalk: Mapping[str, Any], source: str, digest: str
) -> str:
    """Write the paragraph of a study whose old scores were mapped without pictures."""
    forward = crosswalk["forward"]
    text = (
        f"The MemNet scores (Khosla et al., 2015) in column {old['name']!r} were placed on the "
        f"scale of {forward['target']} with a published crosswalk ({source}), "
        f"fitted on {forward['n']:,} pictures (Spearman's rho {forward['spearman']:.3f} between "
        "the two scores; cross-validated root mean square error of the expected score "
        f"{forward['rmse_isotonic']:.4f}), by {SOFTWARE}. No picture was scored anew: the mapped "
        "scores rank the pictures as the old ones do. Scores outside the crosswalk's range were "
        "left empty."
    )
    if old.get("variant"):
        text += f" {_say_variant(old)}"
    listed = "\n".join(f"- {reference}" for reference in crosswalk_references(crosswalk))
    checksum = f"- the crosswalk, {source}: sha256 {digest}"
    return f"{text}\n\n{CHECKSUMS}\n\n{checksum}\n\n{REFERENCES}\n\n{listed}\n"


def crosswalk_references(crosswalk: Mapping[str, Any]) -> list[str]:
    """Return what to cite for a crosswalk: MemNet, and what its file says of the new model."""
    cited = citations()
    if is_resmem(new_model_of(crosswalk)):
        return list(cited.values())
    known = crosswalk["provenance"].get("citations")
    listed = [str(each) for each in known] if isinstance(known, list) else []
    return list(dict.fromkeys([cited["old"], *listed]))


def new_model_of(crosswalk: Mapping[str, Any]) -> str:
    """Name the model of a crosswalk's new scores: as its file says, or by the scale's name."""
    new = crosswalk["provenance"].get("new")
    name = new.get("name") if isinstance(new, Mapping) else None
    if isinstance(name, str) and name:
        return name
    target = str(crosswalk["forward"]["target"])
    return RESMEM if target == RESMEM_SCALE else target


def _models(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    if is_resmem(str(new.get("name"))):
        what = (
            "ResMem (Needell & Bainbridge, 2022; ResMemRetrain, the weights of the Python package "
            "resmem 1.1.6"
        )
    elif new.get("known_by") == "nobody":
        what = "a model that its score table does not name (source not stated"
    else:
        what = f"the model {new['name']} ({new.get('citation') or 'source not stated'}"
    scored_here = new.get("known_by") == "sidecar"
    by = f", run by {SOFTWARE}" if scored_here else f"; the analysis was run with {SOFTWARE}"
    sentences = [f"Image memorability was predicted with {what}){by}."]
    if new.get("known_by") == "name":
        rest = (
            "weights and preprocessing are inferred from the name"
            if new.get("weights_sha256")
            else "it does not record which weights and preprocessing made them"
        )
        sentences.append(
            f"(The scores were read from {new['source']}, which names this model; {rest}.)"
        )
    elif new.get("known_by") == "user":
        sentences.append(
            f"(The scores were read from {new['source']}, which names no model: the authors stated "
            "the model, and this was not checked.)"
        )
    elif new.get("known_by") == "nobody":
        sentences.append(
            f"(The scores were read from {new['source']}, which does not say which weights and "
            "preprocessing made them.)"
        )
    sentences.append(_say_variant(old))
    return sentences


def _pictures(
    study: Mapping[str, Any], pictures: Mapping[str, Any], agreement: Mapping[str, Any]
) -> list[str]:
    rule = pictures["join_rule"]
    loosely = "" if rule == MATCH_RULES["exact"].meaning else f" ({rule})"
    sentences = [
        f"Scores were matched by the pictures' identifiers{loosely}; {pictures['n']:,} of "
        f"{study['pictures']:,} pictures had both."
    ]
    if study["rows"] > study["pictures"]:
        sentences.append(
            f"The table had {study['rows']:,} rows; other columns were averaged over the rows of a "
            "picture, and pictures were the unit of analysis."
        )
    rho = agreement.get("figures", {}).get("spearman", {})
    if unrelated := say_unrelated(agreement):
        sentences.append(unrelated)
    elif rho.get("value") is not None:
        ends = rho["interval"]
        between = f", 95 % interval {_ends(ends)}" if ends else ""
        sentences.append(
            f"Old and new scores correlated at Spearman's rho = {rho['value']:.3f}{between}."
        )
    return sentences


def say_unrelated(agreement: Mapping[str, Any]) -> str:
    """Say, in words to be pasted, where old and new scores are not shown to rise together."""
    if rise_together(agreement):
        return ""
    rho = agreement["figures"]["spearman"]
    if rho["value"] is None:
        found = f"Spearman's rho is undefined: {rho['reason']}"
    else:
        ends = f", 95 % interval {_ends(rho['interval'])}" if rho["interval"] else ""
        found = f"Spearman's rho = {rho['value']:.3f}{ends}, n = {agreement['n']:,}"
    return (
        f"Old and new scores were not shown to measure the same thing ({found}), so the results "
        "with the new scores are no test of the earlier ones."
    )


def _statistics(claims: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> list[str]:
    if not claims:
        return []
    computed = (
        "Each claim was computed with the old and with the new scores on the same pictures. "
        f"Intervals ({100 * settings['level']:g} %) and the comparison of old and new come from "
        f"{settings['resamples']:,} paired bootstrap resamples of the pictures (seed "
        f"{settings['seed']}), as percentiles widened for small samples (Hesterberg, 2015); p "
        f"values are two-sided and not corrected for the number of claims ({len(claims)}). "
        f"{_corrected(claims)}"
    ).strip()
    clusters = max((claim["detail"].get("clusters", 0) for claim in claims), default=0)
    drawn = (
        f"Pictures came in {clusters:,} clusters, which were resampled whole."
        if clusters
        else "Pictures were taken as independent of one another."
    )
    control = (
        "The control for memorability is incomplete, since a score measures it with error: a "
        "coefficient that remains may be memorability's own."
        if any(claim["kind"] == "control" for claim in claims)
        else ""
    )
    shown = (
        "A result was taken as significant if its test rejected at .05 and its interval excluded 0."
    )
    tests = f"The tests were: {'; '.join(tests_of(claims))}."
    return [computed, drawn, shown, tests, *filter(None, [control])]


def _corrected(claims: Sequence[Mapping[str, Any]]) -> str:
    """Say how many p values stay below .05 with Holm's correction; "" for a single claim."""
    if len(claims) < 2:
        return ""
    below = {}
    for score in ("old", "new"):
        for form in (f"p_{score}", f"p_{score}_holm"):
            p_values = [claim.get(form) for claim in claims]
            below[form] = sum(p is not None and p < ALPHA for p in p_values)
    return (
        f"Corrected over them (Holm, 1979), {below['p_old_holm']} of {below['p_old']} p values "
        f"below .05 with the old scores stay below it, and {below['p_new_holm']} of "
        f"{below['p_new']} with the new."
    )


def tests_of(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name each test once, with what it tests and its residual degrees of freedom."""
    dof_by_test: dict[str, set[int]] = {}
    for claim in claims:
        known = dof_by_test.setdefault(str(claim["test"]), set())
        if claim["detail"]["freedom"] > 0 and claim["kind"] != "group_difference":
            known.add(claim["detail"]["freedom"])
    return [
        f"{test} ({', '.join(f'{dof:,}' for dof in sorted(known))} degrees of freedom)"
        if known
        else test
        for test, known in dof_by_test.items()
    ]


def _crosswalk(crosswalk: Mapping[str, Any] | None) -> list[str]:
    if crosswalk is None:
        return []
    forward = crosswalk["forward"]
    return [
        f"Old scores were placed on the new scale by equipercentile linking, and the expected new "
        f"score was estimated by isotonic regression on {forward['n']:,} pictures; its "
        f"cross-validated root mean square error was {forward['rmse_isotonic']:.4f} (predicting "
        f"the mean: {forward['rmse_mean']:.4f}). The crosswalk was not extrapolated."
    ]


def _licence(new: Mapping[str, Any]) -> list[str]:
    notice = str(new.get("licence_notice") or "")
    return [f"Licence: {notice}."] if notice else []


def _ends(ends: Sequence[float]) -> str:
    return f"[{ends[0]:.3f}, {ends[1]:.3f}]"

"""What a verdict means: what the variant did to the picture, how far it is from the original.

How far is measured, on the column's own pictures: the variant's raw outputs beside the server's.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import numpy as np

from memnet.legacy.variants import SERVER, find_variant, variants
from memnet.stats.metrics.spearman import spearman
from memnet.studies.diagnosis.likelihood import NOISE
from memnet.util.arrays import Array


@dataclass(frozen=True, kw_only=True)
class ServerAgreement:
    """A variant's raw outputs beside the server's, on the same pictures.

    Attributes
    ----------
    n : pictures.
    same : whether they are the same numbers, up to the arithmetic of computers.
    rho : Spearman's rho; None where either is constant.
    shift : mean difference, the variant's minus the server's.
    sd_ratio : the variant's SD divided by the server's; None where the latter is 0.
    """

    n: int
    same: bool
    rho: float | None
    shift: float
    sd_ratio: float | None


def measure_against_server(raw: Array, server: Array) -> ServerAgreement:
    """Compare a variant's raw outputs with the server's.

    Parameters
    ----------
    raw, server : float64 ``(N,)``, of the same pictures.

    Examples
    --------
    >>> import numpy as np
    >>> server = np.array([0.6, 0.7, 0.9, 0.8])
    >>> measure_against_server(server / 2, server).sd_ratio
    0.5
    """
    off = float(np.abs(raw - server).max())
    spread = float(server.std())
    rho = float(spearman(server, raw))
    return ServerAgreement(
        n=len(raw),
        same=off <= 2 * NOISE * max(1.0, float(np.abs(server).max())),
        rho=rho if np.isfinite(rho) else None,
        shift=float((raw - server).mean()),
        sd_ratio=float(raw.std()) / spread if spread else None,
    )


def effect_of(slug: str) -> str:
    """Say what a variant did to the picture; "" for one that the registry does not have."""
    return find_variant(slug).effect if slug in variants() else ""


def say_meaning(
    slug: str, form: str | None, agreement: ServerAgreement | None, *, retrained: bool
) -> tuple[str, ...]:
    """Say what a verdict means for the study: for ranks, then for the level of the scores.

    Parameters
    ----------
    slug, form : the verdict, and the form of the column.
    agreement : the variant beside the server; None where there is no server to compare with.
    retrained : whether the studies that used the variant had weights of their own.
    """
    if retrained:
        return (
            "The studies that used it had retrained weights, so how far such scores agree with the "
            "original's is not known.",
        )
    if agreement is None:
        return ()
    return (_say_ranks(slug, agreement), _say_level(form, agreement))


def _say_ranks(slug: str, agreement: ServerAgreement) -> str:
    if slug == SERVER:
        return "It is the original: nothing that rests on these scores changes for its sake."
    if agreement.same:
        return (
            "Before scaling, its scores are the original's: what rests on the order of the "
            "pictures (rank correlations, top and bottom groups) is as with the original."
        )
    if agreement.rho is None:
        return "Its outputs are all the same on these pictures, so that they rank nothing."
    return (
        f"Ranks: on these {agreement.n:,} pictures its order and the original's agree at "
        f"Spearman's rho {agreement.rho:.3f}; what rests on order (correlations, top and bottom "
        "groups) can be trusted that far and no farther."
    )


_ON_SERVERS_SCALE = "scaled-clamped"


def _say_level(form: str | None, agreement: ServerAgreement) -> str:
    """Say whether means and cut-offs can be compared with the original's."""
    if agreement.same and form == _ON_SERVERS_SCALE:
        return "Level: means and cut-offs are on the original's scale."
    apart = ""
    if not agreement.same:
        where = "higher" if agreement.shift > 0 else "lower"
        apart = f"its raw outputs are on average {abs(agreement.shift):.3f} {where}"
        if agreement.sd_ratio is None:
            apart += " than the original's"
        else:
            apart += f" than the original's, {agreement.sd_ratio:.2f} times as spread out"
    scale = "" if form == _ON_SERVERS_SCALE else "the column is not on the original's scale"
    reason = ", and ".join(filter(None, [apart, scale]))
    return f"Level: {reason}, so means and cut-offs cannot be compared with the original's."


def command_for_migration(
    study: str,
    *,
    score_column: str,
    id_column: str,
    images: str,
    match: str,
    variant: str,
    diagnosis: str,
) -> str:
    """Write the ``memnet migrate`` that takes a verdict over: its file, or else the variant."""
    words = ["memnet", "migrate", study, "--score-column", score_column]
    if id_column != "image_id":
        words += ["--id-column", id_column]
    words += ["--images", images]
    if match != "exact":
        words += ["--match", match]
    words += ["--diagnosis", diagnosis] if diagnosis else ["--variant", variant]
    return shlex.join([*words, "--out", "migrated"])

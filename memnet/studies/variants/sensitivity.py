"""How much it matters which variant scored the pictures: pure functions of the outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from memnet.errors import MemnetError
from memnet.legacy.variants import SERVER, find_variant, twins
from memnet.stats.metrics.spearman import spearman_matrix
from memnet.util.arrays import Array

if TYPE_CHECKING:
    from memnet.studies.variants.scores import VariantScores


FEWEST = 3
"""Fewer pictures than this have no rank correlation worth the name."""

ENOUGH = 10
"""Fewer than this: statistics are given, with a warning."""

_CONSTANT = 1e-6  # relative: what 32-bit arithmetic in the network leaves of equal outputs


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """What the variants make of the same pictures.

    Attributes
    ----------
    model : whose weights.
    scores : long table: ``image_id``, ``variant``, ``raw`` (mean of the outputs over the crops),
        ``score`` (what the variant makes of it).
    summary : a row per variant: ``variant``, ``n``, ``spearman`` and ``pearson`` (of its raw
        outputs and the server's), ``mean_shift`` (of raw), ``sd`` (of raw, over n - 1),
        ``sd_ratio`` (by the server's), ``rms_difference`` and ``max_difference`` (of raw, absolute)
        with ``max_picture`` ("" where none differs), ``clamped_share`` (NaN for a variant that does
        not clamp), ``same_as`` (the first variant with the same inputs, "" for none before it),
        ``reason`` (why a value is NaN).
    correlations : Spearman's rho of raw outputs, variants by variants; NaN for constant outputs.
    moved : a row per picture, the most moved first: ``image_id``, ``path``, ``server_rank`` (1 is
        the most memorable), ``mean_move`` (mean absolute change of rank over the variants with
        inputs of their own), ``furthest_rank`` and ``furthest_variant``.
    failed : image id -> why the picture could not be scored.
    """

    model: str
    scores: pd.DataFrame
    summary: pd.DataFrame
    correlations: pd.DataFrame
    moved: pd.DataFrame
    failed: Mapping[str, str]

    @property
    def n(self) -> int:
        """Number of pictures."""
        return len(self.moved)

    @property
    def warning(self) -> str:
        """A sentence where there are too few pictures, "" where there are enough."""
        if self.n >= ENOUGH:
            return ""
        return (
            f"There are only {self.n} pictures (fewer than {ENOUGH}): rank correlations of so few "
            "pictures are unreliable, and other pictures may give very different results."
        )

    @property
    def order(self) -> list[str]:
        """The variants with inputs of their own, like ones beside each other."""
        names = distinct(list(self.correlations.index))
        return clustered(self.correlations.loc[names, names])

    @property
    def notes(self) -> list[str]:
        """What must be known of some variants before their numbers are read, a sentence each."""
        variants = [find_variant(slug) for slug in self.correlations.index]
        own = [each.slug for each in variants if each.own_weights]
        drawn = [each.slug for each in variants if each.random_crops]
        notes = []
        if own:
            notes.append(
                f"The studies that used {', '.join(own)} had their own weights: the results here "
                "show their preprocessing with the weights of this model instead."
            )
        if drawn:
            notes.append(
                f"{', '.join(drawn)} used random crops of every picture: here ten fixed crops are "
                "used instead, and other crops give other numbers."
            )
        return notes


def compare_variants(scores: VariantScores) -> Sensitivity:
    """Compare the variants' outputs on the same pictures, each with the server's.

    Raises
    ------
    MemnetError
        for fewer than three pictures.
    """
    n = len(scores.image_ids)
    if n < FEWEST:
        raise MemnetError(
            f"{n} picture{' was' if n == 1 else 's were'} scored; a rank correlation needs at "
            f"least {FEWEST}, and {ENOUGH} to mean anything: give more pictures."
        )
    raw = {slug: scores.raw(slug) for slug in scores.outputs}
    long, clamped = _scores(scores, raw)
    correlations = rank_correlations(raw)
    return Sensitivity(
        model=scores.model,
        scores=long,
        summary=_summary(scores.image_ids, raw, correlations, clamped),
        correlations=correlations,
        moved=_moved(scores, raw),
        failed=dict(scores.failed),
    )


def rank_correlations(raw: Mapping[str, Array]) -> pd.DataFrame:
    """Return Spearman's rho between every two columns.

    Parameters
    ----------
    raw : name -> values ``(N,)``.

    Returns
    -------
    DataFrame
        symmetric, names by names, 1 on the diagonal; NaN for a column that is constant.
    """
    varying = [name for name, values in raw.items() if not is_constant(values)]
    rho = pd.DataFrame(np.nan, index=list(raw), columns=list(raw))
    if varying:
        rho.loc[varying, varying] = spearman_matrix(np.array([raw[name] for name in varying]))
    return rho


def is_constant(values: Array) -> bool:
    """Whether a network's outputs differ by no more than its 32-bit arithmetic does."""
    return bool(np.ptp(values) <= _CONSTANT * max(1.0, float(np.abs(values).max())))


def clustered(correlations: pd.DataFrame) -> list[str]:
    """Order the columns so that like ones stand together.

    Average linkage on 1 - rho, leaves in their optimal order; columns without a rho come last.
    """
    diagonal = pd.Series(np.diag(correlations), index=correlations.index)
    known = list(diagonal.index[diagonal.notna()])
    rest = [name for name in correlations.index if name not in known]
    if len(known) < 3:
        return known + rest
    distance = 1 - correlations.loc[known, known].to_numpy()
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    order = [known[leaf] for leaf in leaves_list(tree)]
    if SERVER in order and order.index(SERVER) > len(order) / 2:
        order.reverse()  # a tree has no left and right: begin with the server's end
    return order + rest


def distinct(slugs: Mapping[str, Any] | list[str]) -> list[str]:
    """Keep the first of the variants with the same inputs."""
    return list(dict.fromkeys(group[0] for group in twins(slugs).values()))


def _scores(
    scores: VariantScores, raw: Mapping[str, Array]
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the long table, and the share of clamped scores of the variants that clamp."""
    parts, clamped = [], {}
    for slug, values in raw.items():
        output = find_variant(slug).output
        _, score, was_clamped = output.apply(torch.from_numpy(scores.outputs[slug]))
        clamped[slug] = (
            float("nan") if output.clamp == "none" else was_clamped.double().mean().item()
        )
        columns = {"variant": slug, "raw": values, "score": score.numpy()}
        parts.append(pd.DataFrame({"image_id": scores.image_ids, **columns}))
    return pd.concat(parts, ignore_index=True), clamped


def _summary(
    image_ids: tuple[str, ...],
    raw: Mapping[str, Array],
    correlations: pd.DataFrame,
    clamped: Mapping[str, float],
) -> pd.DataFrame:
    server = raw[SERVER]
    alike = twins(raw)
    rows = []
    for slug, values in raw.items():
        difference = values - server
        constant = [name for name in (slug, SERVER) if is_constant(raw[name])]
        worst = int(np.abs(difference).argmax())
        sd, server_sd = float(values.std(ddof=1)), float(server.std(ddof=1))
        rows.append(
            {
                "variant": slug,
                "n": len(values),
                "spearman": correlations.loc[slug, SERVER],
                "pearson": np.nan if constant else np.corrcoef(values, server)[0, 1],
                "mean_shift": difference.mean(),
                "sd": sd,
                "sd_ratio": np.nan if SERVER in constant else sd / server_sd,
                "rms_difference": np.sqrt(np.square(difference).mean()),
                "max_difference": np.abs(difference[worst]),
                "max_picture": image_ids[worst] if difference[worst] else "",
                "clamped_share": clamped[slug],
                "same_as": alike[slug][0] if alike[slug][0] != slug else "",
                "reason": f"the outputs of {constant[0]} are constant" if constant else "",
            }
        )
    return pd.DataFrame(rows)


def _moved(scores: VariantScores, raw: Mapping[str, Array]) -> pd.DataFrame:
    """Rank the pictures within each variant and see how far each moves from its server rank."""
    others = [slug for slug in distinct(list(raw)) if slug != SERVER and not is_constant(raw[slug])]
    server = rankdata(-raw[SERVER])
    table = pd.DataFrame(
        {"image_id": scores.image_ids, "path": scores.paths, "server_rank": server}
    )
    if not others or is_constant(raw[SERVER]):
        return table.assign(mean_move=np.nan, furthest_rank=np.nan, furthest_variant="")
    ranks = np.array([rankdata(-raw[slug]) for slug in others])  # variants x pictures
    moves = np.abs(ranks - server)
    furthest = moves.argmax(axis=0)
    table["mean_move"] = moves.mean(axis=0)
    table["furthest_rank"] = ranks[furthest, np.arange(len(server))]
    table["furthest_variant"] = [others[at] for at in furthest]
    return table.sort_values("mean_move", ascending=False, kind="stable", ignore_index=True)

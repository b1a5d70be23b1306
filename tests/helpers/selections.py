"""Selections without a solver: pictures drawn by a rule, for tests of what is said of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from memnet.studies.select.selection import Candidates, Selection, SelectSettings


def candidates_of(
    scores: Any,
    covariates: Mapping[str, Any] | None = None,
    categories: Mapping[str, Any] | None = None,
    *,
    name: str = "resmem.published",
    identities: dict[str, Any] | None = None,
) -> Candidates:
    """Return candidates ``0000.jpg``, ``0001.jpg``, ... with these columns."""
    scores = np.asarray(scores, dtype=np.float64)
    covariates, categories = covariates or {}, categories or {}
    n = len(scores)
    ids = [f"{place:04d}.jpg" for place in range(n)]
    return Candidates(
        ids=ids,
        score_names=[name],
        scores=scores[:, None],
        covariate_names=list(covariates),
        covariates=np.stack(list(covariates.values()), axis=1) if covariates else np.empty((n, 0)),
        category_names=list(categories),
        categories=np.stack([np.array(each, dtype=object) for each in categories.values()], axis=1)
        if categories
        else np.empty((n, 0), dtype=object),
        paths=[""] * n,
        sha256=[""] * n,
        table=pd.DataFrame({"image_id": ids, name: scores, **covariates, **categories}),
        identities=identities or {},
        spreads={name: (float(scores.std(ddof=1)), float(scores.mean()), n)},
    )


def select_by_rank(candidates: Candidates, kind: str = "extremes", **settings: Any) -> Selection:
    """Choose by the scores alone: the ends, the nearest to levels, every so many-th, ..."""
    k, dataset = settings.pop("k", 20), settings.pop("dataset", "")
    score = candidates.scores[:, 0]
    order = np.argsort(score, kind="stable")
    levels = settings.pop("levels", (0.6, 0.75, 0.9) if kind == "levels" else ())
    groups = {
        "extremes": lambda: {"high": order[-k:], "low": order[:k]},
        "pairs": lambda: {"high": order[-k:][::-1], "low": order[:k]},
        "levels": lambda: {
            f"level-{at}": np.argsort(np.abs(score - level), kind="stable")[:k]
            for at, level in enumerate(levels, start=1)
        },
        "spread": lambda: {"spread": order[np.linspace(0, len(order) - 1, k).astype(int)]},
        "split": lambda: {f"set-{at + 1}": order[at::2] for at in range(2)},
    }[kind]()
    return Selection(
        candidates=candidates,
        settings=SelectSettings(
            kind=kind,
            k=k,
            tolerances=dict.fromkeys(candidates.covariate_names, 0.1),
            levels=levels,
            dataset=dataset,
            **settings,
        ),
        groups=groups,
        objective=1.0,
        bound=1.0,
    )

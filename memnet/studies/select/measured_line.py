"""The line of people's scores on predicted scores that ``memnet compare`` measured."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from memnet.compare.record import RunRecord
from memnet.data.contamination import DatasetName
from memnet.studies.select.people_line import (
    LinePoint,
    PeopleLine,
    model_verdict,
    published_line,
)
from memnet.studies.select.selection import Candidates


def measured_line(
    record: RunRecord, candidates: Candidates, name: str, dataset: str
) -> PeopleLine | None:
    """Return the line of a comparison with this very model; None where it is not in it."""
    model = _same_model(record, name, candidates.identities.get(name, {}))
    if model is None:
        return None
    results = {each.metric: each for each in record.results if each.model == model}
    slope, r = results.get("calibration_slope"), results.get("pearson")
    if slope is None or slope.value is None or slope.interval is None or r is None:
        return None
    n, sd = r.n, float(record.truth["sd"])
    stated = (record.labels.get("figures") or {}).get("reliability_pearson") or {}
    reliability = float(stated.get("value") or 1.0)
    residual = sd * math.sqrt((1 - (r.value or 0.0) ** 2) * (n - 1) / (n - 2))
    noise = (1 - reliability) * sd**2
    items = math.sqrt(max(residual**2 - noise, 0.0))
    value, low, high = (
        LinePoint(slope=each, residual=residual, items=items)
        for each in (slope.value, *slope.interval)
    )
    intercept = results["calibration_intercept"].value or 0.0
    scores = candidates.scores[:, candidates.score_names.index(name)]
    line = PeopleLine(
        value=value,
        low=low,
        high=high,
        mean=intercept + slope.value * float(scores.mean()),
        best=slope.value * math.sqrt(reliability) / r.value if r.value else slope.value,
        spread_error=0.0,
        measured=True,
        source=f"The line of people's scores on those of {name} was measured on {slope.n:,} "
        f"pictures{f' of {record.dataset}' if record.dataset else ''}: slope {slope.value:.2f} "
        f"[{slope.interval[0]:.2f}, {slope.interval[1]:.2f}], r = {r.value or 0.0:.2f}.",
    )
    return _if_seen_unlike(line, record, slope.contamination, candidates, name, dataset)


def _same_model(record: RunRecord, name: str, identity: dict[str, Any]) -> str | None:
    """Find a predictor in a comparison: by its weights and preprocessing, else by its name."""
    for model in record.models:
        told = [
            (model.get(key), identity.get(key)) for key in ("weights_sha256", "preprocess_digest")
        ]
        if all(a and b for a, b in told):
            if all(a == b for a, b in told):
                return str(model["name"])
        elif model["name"] == name:
            return name
    return None


def _if_seen_unlike(
    line: PeopleLine,
    record: RunRecord,
    word: str,
    candidates: Candidates,
    name: str,
    dataset: str,
) -> PeopleLine:
    """Widen the line where the model had seen the calibration's pictures and not these, or so."""
    if dataset and record.dataset and _base(dataset) == _base(record.dataset):
        return line
    other = published_line(candidates, name, dataset)
    here = model_verdict(candidates, name, dataset)
    if word == "contaminated" and here.word != "contaminated":
        text = (
            f"{name} had seen the pictures of the calibration in training, which may flatter it. "
        )
        if isinstance(other, str):
            return replace(line, cautions=[f"{text}On new pictures the difference may be smaller."])
        low = min(line.low, other.low, key=lambda each: each.slope)
        text += "The lower end is that of published tests on new pictures."
        return replace(line, low=low, cautions=[text], confident=False)
    if here.word == "contaminated" and word != "contaminated" and not isinstance(other, str):
        high = max(line.high, other.high, key=lambda each: each.slope)
        return replace(line, high=high, cautions=other.cautions, confident=False)
    return line


def _base(dataset: str) -> str:
    return DatasetName.parse(dataset).base

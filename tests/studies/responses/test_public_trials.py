"""A public table of trials: 40 people recalled 768 pictured celebrities, places and objects.

Morton et al. (2013), Cerebral Cortex 23, 2407-2422, as the package psifr carries it (its data are
read, and none are kept here): ``pip install --no-deps psifr`` lets these tests run.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import memnet
from needs import skip_for

HALVES = 50


@pytest.fixture(scope="module")
def trials() -> pd.DataFrame:
    """A row per picture shown to a person, and whether that person recalled it after the list."""
    found = importlib.util.find_spec("psifr")
    if found is None or not found.submodule_search_locations:
        skip_for("psifr", "a public table of trials: pip install --no-deps psifr")
    raw = pd.read_csv(Path(next(iter(found.submodule_search_locations)), "data", "Morton2013.csv"))
    keys = ["subject", "session", "list", "item_number"]
    shown = raw[raw["trial_type"] == "study"]
    recalled = raw.loc[raw["trial_type"] == "recall", keys].dropna().drop_duplicates()
    together = shown[keys].merge(recalled, how="left", on=keys, indicator=True)
    together["recalled"] = (together.pop("_merge") == "both").astype(int)
    return together


@pytest.fixture(scope="module")
def found(trials):
    return memnet.responses(
        trials,
        participant="subject",
        picture="item_number",
        response="recalled",
        halves=HALVES,
        seed=0,
    )


def ranks(values):
    """Midranks, by counting: half of those as large as itself are thought to be below."""
    ordered = np.sort(values)
    below, up_to = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return (below + up_to + 1) / 2


def test_counts_and_rates_are_those_of_pandas(trials, found):
    assert (found.record["trials"], found.record["participants"], found.record["pictures"]) == (
        (46_080, 40, 768)
    )
    rates = trials.groupby(trials["item_number"].astype(str))["recalled"].mean()
    ours = found.pictures.set_index("image_id")["hit_rate"]
    assert rates.reindex(ours.index).to_numpy() == pytest.approx(ours.to_numpy(), abs=1e-12)


def test_split_half_is_that_of_plain_numpy(trials, found):
    people, who = np.unique(trials["subject"].to_numpy(), return_inverse=True)
    _, what = np.unique(trials["item_number"].to_numpy(), return_inverse=True)
    shown, hits = np.zeros((2, len(people), what.max() + 1))
    np.add.at(shown, (who, what), 1)
    np.add.at(hits, (who, what), trials["recalled"].to_numpy())
    row_of = {str(person): row for row, person in enumerate(people)}
    in_our_order = np.array([row_of[str(person)] for person in found.participants["participant"]])
    generator = np.random.default_rng(0)
    rho, r = [], []
    for _ in range(HALVES):
        order = in_our_order[generator.permutation(len(people))]
        both = order[:20], order[20:]
        halves = [hits[half].sum(axis=0) / shown[half].sum(axis=0) for half in both]
        rho.append(np.corrcoef(*map(ranks, halves))[0, 1])
        r.append(np.corrcoef(*halves)[0, 1])
    values = found.record["split_half"]["hit_rate"]
    assert values["spearman"] == pytest.approx(np.mean(rho), abs=1e-12)
    assert values["pearson"] == pytest.approx(np.mean(r), abs=1e-12)
    whole = 2 * np.mean(rho) / (1 + np.mean(rho))
    assert values["spearman_brown"] == pytest.approx(whole, abs=1e-12)
    assert values["pictures"] == 768

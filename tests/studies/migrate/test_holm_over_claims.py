"""Holm's p over a study's claims: in the claims, on the page, in the CSV and the methods text."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

import memnet
from memnet.studies.migrate.methods import _corrected
from memnet.studies.migrate.page import claims_csv, claims_table


@pytest.fixture(scope="module")
def record():
    rng = np.random.default_rng(0)
    n = 60
    true = rng.normal(size=n)
    ids = [f"{i:03d}.jpg" for i in range(n)]
    study = pd.DataFrame(
        {
            "image_id": ids,
            "memnet": 0.7 + 0.1 * true + 0.1 * rng.normal(size=n),
            "liking": 0.4 * true + rng.normal(size=n),
            "arousal": 0.2 * true + rng.normal(size=n),
            "kind": np.where(rng.random(n) < 0.5, "in", "out"),
        }
    )
    new = pd.DataFrame({"image_id": ids, "score": 0.7 + 0.1 * true})
    return memnet.migrate(
        study,
        score_column="memnet",
        new_scores=new,
        outcomes=["liking", "arousal"],
        group="kind",
        resamples=100,
    ).record


def p_cells(table):
    """The cells with the p of the old and of the new score."""
    old, new = [n for n, column in enumerate(table.columns) if column.heading == "p"][:2]
    return [row[place] for row in table.rows for place in (old, new)]


@pytest.mark.parametrize("score", ["old", "new"])
def test_it_is_that_of_statsmodels_over_all_claims_with_one_score(record, score):
    raw = [claim[f"p_{score}"] for claim in record.claims]
    assert len(raw) == 5
    expected = multipletests(raw, method="holm")[1]
    assert [claim[f"p_{score}_holm"] for claim in record.claims] == pytest.approx(
        expected, abs=1e-12
    )


def test_it_stands_under_the_p_on_the_page_and_in_the_csv(record):
    table = claims_table(record)
    assert "under each Holm's, corrected over the 5 claims with one score" in table.before
    assert all(cell.interval.startswith("Holm ") for cell in p_cells(table))
    rows = list(csv.DictReader(io.StringIO(claims_csv(record))))
    assert [float(row["p_new_holm"]) for row in rows] == [
        claim["p_new_holm"] for claim in record.claims
    ]


def test_a_single_claim_has_nothing_to_be_corrected(record):
    table = claims_table(replace(record, claims=record.claims[:1]))
    assert not any(cell.note for cell in p_cells(table))
    assert "Holm" not in table.before


def test_the_methods_text_counts_what_stays_below_with_it():
    claims = [
        {"p_old": 0.01, "p_old_holm": 0.03, "p_new": 0.2, "p_new_holm": 0.4},
        {"p_old": 0.04, "p_old_holm": 0.08, "p_new": None, "p_new_holm": None},
        {"p_old": 0.6, "p_old_holm": 0.6, "p_new": 0.001, "p_new_holm": 0.002},
    ]
    assert _corrected(claims) == (
        "Corrected over them (Holm, 1979), 1 of 2 p values below .05 with the old scores stay "
        "below it, and 1 of 1 with the new."
    )
    assert _corrected(claims[:1]) == ""


def test_the_methods_text_cites_holm(record):
    assert "Corrected over them (Holm, 1979)" in record.methods
    assert "Holm, S. (1979)" in record.methods

"""Draws of pictures by the dozen, and the full-size network; minutes, `pytest -m slow`."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import diagnosis_page as study
from memnet.legacy.variants import variants

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs" / "diagnose.md"
DRAWS = 5


def labels(found: list[study.Tally]) -> Counter[str]:
    shuffled = {kind.name for kind in study.KINDS if kind.rows == "shuffled"}
    return Counter(one.label for one in found if one.kind not in shuffled)


@pytest.mark.parametrize(("network", "count"), [("small", 90), ("full", 36)])
def test_hardly_any_column_is_taken_for_another_variant_s(network: str, count: int, tmp_path: Path):
    make = study.small_network if network == "small" else study.full_network
    drawn_from = study.pool(make(tmp_path), study.pictures(tmp_path / "pictures", count))
    found = [one for seed in range(DRAWS) for one in study.one_draw((drawn_from, 1000 + seed))]
    assert len(found) == DRAWS * len(variants()) * len(study.KINDS)
    told = labels(found)
    assert told["another"] <= 0.002 * sum(told.values())
    assert told["none"] <= 0.01 * sum(told.values())
    shuffled = [one for one in found if one.kind.endswith("shuffled")]
    assert all(one.label in ("none", "too little") for one in shuffled)


def test_other_models_are_hardly_ever_named_after_a_variant_and_the_variants_are(tmp_path: Path):
    drawn_from = study.pool(
        study.small_network(tmp_path), study.pictures(tmp_path / "pictures", 90)
    )
    found = [row for seed in range(DRAWS) for row in study.related_draw((drawn_from, 2000 + seed))]
    others = [label for *_, r, label in found if r <= 0.97]
    verdicts = [label for label in others if label not in ("none", "too little information")]
    assert len(others) == DRAWS * len(study.COUNTS) * len(study.DECIMALS) * 4
    assert len(verdicts) <= 0.01 * len(others)
    own = [label for _, decimals, r, label in found if r == 1 and decimals in (4, None)]
    assert own == ["exact"] * len(own)


def test_ten_pictures_are_enough_for_full_precision(tmp_path: Path):
    drawn_from = study.pool(
        study.small_network(tmp_path), study.pictures(tmp_path / "pictures", 60)
    )
    random = np.random.default_rng(0)
    drawn = drawn_from.draw(random, 10)
    exact = [kind for kind in study.KINDS if kind.name in ("raw", "raw, 4 decimals")]
    wrong = [
        (one.truth, one.kind.name, one.diagnosis.verdict)
        for one in study.outcomes(drawn, random, exact)
        if one.truth not in one.told and one.truth not in drawn_from.redrawn
    ]
    assert not wrong


def test_the_page_s_table_is_of_every_variant_and_its_rows_add_up():
    text = PAGE.read_text(encoding="utf-8").partition(study.BEGIN)[2].partition(study.END)[0]
    rows = re.findall(
        r"^\| ([\w-]+) \| (\d+) \| (\d+) \| \d+ \| (\d+) \| (\d+) \| (\d+) \|", text, re.M
    )
    assert [row[0] for row in rows] == list(variants())
    kinds = sum(kind.rows != "shuffled" for kind in study.KINDS)
    for _, columns, right, another, none, little in rows:
        assert int(columns) == study.DRAWS * kinds
        assert int(right) + int(another) + int(none) + int(little) == int(columns)

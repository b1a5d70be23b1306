"""The report of a selection: what it says, with which numbers, and that it stands alone."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from memnet.studies.select.balance import list_balance, list_categories, split_plainly
from memnet.studies.select.page import write_report
from selections import candidates_of, select_by_rank

KINDS = ("extremes", "pairs", "levels", "spread", "split")


@pytest.fixture(scope="module")
def candidates():
    generator = np.random.default_rng(5)
    scores = generator.normal(0.75, 0.11, 200)
    return candidates_of(
        scores,
        {
            "luminance_mean": 0.5 + 0.8 * (scores - 0.75) + generator.normal(0, 0.1, 200),
            "width": generator.normal(2_000, 300, 200).round(),
        },
        {"category": np.where(np.arange(200) % 3, "animal", "food")},
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_report_that_stands_alone(kind, candidates, tmp_path):
    page = write_report(select_by_rank(candidates, kind), tmp_path, {})
    html = page.read_text(encoding="utf-8")
    assert page == tmp_path / "report.html"
    assert not re.search(r'(src|href)="(?!data:|#)', html)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    for name in re.findall(r"\]\((figures/[^)]+)\)", text):
        assert (tmp_path / name).is_file()
    assert "undefined" not in text
    assert "nan" not in text.casefold().split()
    assert "memnet select" in text


def test_the_answer_has_the_numbers_of_the_tables(candidates, tmp_path):
    selection = select_by_rank(candidates, dataset="figrim")
    write_report(selection, tmp_path, {})
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    answer = text.split("**")[1]
    high, low = (candidates.covariates[selection.groups[name]] for name in ("high", "low"))
    pooled = np.sqrt((high.var(axis=0, ddof=1) + low.var(axis=0, ddof=1)) / 2)
    apart = np.abs(high.mean(axis=0) - low.mean(axis=0)) / pooled
    assert answer.startswith("20 high and 20 low pictures were chosen from 200 candidates")
    assert f"differ between groups by {apart.max():.2f} SD at most" in answer
    assert f"| width *(tolerance 0.1 SD)* | {high.mean(axis=0)[1]:,.0f}" in text


def test_before_is_the_median_split(candidates):
    selection = select_by_rank(candidates)
    before = split_plainly(selection)
    score = candidates.scores[:, 0]
    assert set(before["high"]) == set(np.flatnonzero(score > np.median(score)))
    row = next(row for row in list_balance(selection) if row.name == "luminance_mean")
    values = candidates.covariates[:, 0]
    upper, lower = values[score > np.median(score)], values[score < np.median(score)]
    pooled = np.sqrt((upper.var(ddof=1) + lower.var(ddof=1)) / 2)
    assert row.before.difference == pytest.approx((upper.mean() - lower.mean()) / pooled)
    assert row.before.difference > 0.3


def test_categories_are_counted_in_every_group(candidates):
    selection = select_by_rank(candidates)
    rows = {row.category: row for row in list_categories(selection)}
    for name, places in selection.groups.items():
        names, counts = np.unique(candidates.categories[places, 0].astype(str), return_counts=True)
        for category, count in zip(names, counts, strict=True):
            assert rows[category].after[name] == count
    assert sum(row.before["high"] for row in rows.values()) == 100


def test_what_threatens_the_choice_is_said(candidates, tmp_path):
    selection = select_by_rank(candidates, dataset="memcat")
    pictures = {}
    for place in selection.groups["high"][:2]:
        file = tmp_path / candidates.ids[place]
        Image.new("L", (120, 90), 99).save(file)
        pictures[candidates.ids[place]] = file
    write_report(selection, tmp_path / "out", pictures)
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    note = text[text.index("Before you use them") : text.index("## How alike")]
    assert "has seen these pictures in training" in note
    assert "2 of 2 pictures are grey" in note
    assert "shorter side of less than 227" in note


def test_the_contact_sheet_shows_the_groups_and_names_what_it_cannot(candidates, tmp_path):
    selection = select_by_rank(candidates, k=3)
    shown = candidates.ids[selection.groups["low"][0]]
    file = tmp_path / "any.png"
    Image.new("RGB", (300, 240), (200, 30, 30)).save(file)
    write_report(selection, tmp_path, {shown: file})
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "### high, 3 pictures" in text
    assert "### low, 3 pictures" in text
    assert "5 pictures could not be shown" in text
    assert len(list((tmp_path / "figures").glob("picture_*.jpg"))) == 6
    write_report(selection, tmp_path, {})
    assert not list((tmp_path / "figures").glob("picture_*.jpg"))


def test_a_choice_that_is_not_proved_best_says_how_far_it_may_be(candidates, tmp_path):
    from dataclasses import replace

    selection = replace(select_by_rank(candidates), objective=10.0, bound=10.5)
    write_report(selection, tmp_path, {})
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "no other can be better by more than 0.5" in text
    assert "proved" not in text


def test_the_same_selection_gives_the_same_files(candidates, tmp_path):
    for name in ("a", "b"):
        write_report(select_by_rank(candidates), tmp_path / name, {})
    names = {file.relative_to(tmp_path / "a") for file in (tmp_path / "a").rglob("*.*")}
    assert names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()

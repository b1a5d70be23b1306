"""The report of a selection: what it says, with which numbers, and that it stands alone."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from memnet.studies.select.balance import list_balance, list_categories, split_plainly
from memnet.studies.select.expected import expect
from memnet.studies.select.methods import write_methods
from memnet.studies.select.page import write_report
from memnet.studies.select.words import say_alike, say_expected, say_spreads
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


@pytest.fixture(scope="module")
def written(candidates, tmp_path_factory):
    """Return kind -> the folder of its report."""
    folder = tmp_path_factory.mktemp("select")
    for kind in KINDS:
        write_report(select_by_rank(candidates, kind), folder / kind, {})
    return {kind: folder / kind for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_report_that_stands_alone(kind, written):
    html = (written[kind] / "report.html").read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:|#)', html)
    text = (written[kind] / "report.md").read_text(encoding="utf-8")
    for name in re.findall(r"\]\((figures/[^)]+)\)", text):
        assert (written[kind] / name).is_file()
    assert "undefined" not in text
    assert "nan" not in text.casefold().split()
    assert "memnet select" in text


def test_the_answer_has_the_numbers_of_the_tables(candidates, written):
    selection = select_by_rank(candidates)
    text = (written["extremes"] / "report.md").read_text(encoding="utf-8")
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
    page = write_report(selection, tmp_path, {shown: file})
    assert page == tmp_path / "report.html"
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "### high, 3 pictures" in text
    assert "### low, 3 pictures" in text
    assert "5 pictures could not be shown" in text
    assert len(list((tmp_path / "figures").glob("picture_*.jpg"))) == 6
    write_report(selection, tmp_path, {})
    assert not list((tmp_path / "figures").glob("picture_*.jpg"))


def test_a_choice_that_is_not_proved_best_says_how_far_it_may_be(candidates):
    selection = replace(select_by_rank(candidates), objective=10.0, bound=10.5)
    text, _ = write_methods(selection, list_balance(selection), expect(selection))
    number = sum(map(len, selection.groups.values()))
    near = f"no other can be better by more than {0.5 / number:.2g} SD of the score per picture"
    assert near in text
    assert "proved" not in text


def test_a_difference_below_the_limit_is_not_rounded_to_it(candidates):
    selection = select_by_rank(candidates)
    row = list_balance(selection)[1]
    for difference, text in ((0.0999, "0.099 SD"), (0.1001, "0.10 SD"), (0.0449, "0.04 SD")):
        rows = [replace(row, after=replace(row.after, difference=-difference))]
        assert text in say_alike(selection, rows)


def test_spreads_that_differ_are_named_though_means_are_alike(candidates):
    selection = select_by_rank(candidates)
    row = next(row for row in list_balance(selection) if row.name == "width")
    ratios = {0.6: "", 1.9: "", 2.7: "width (2.7 times)", 0.25: "width (4.0 times)"}
    for ratio, text in ratios.items():
        rows = [replace(row, after=replace(row.after, variance_ratio=ratio))]
        sentences = say_spreads(rows)
        assert bool(sentences) == bool(text)
        assert text in "".join(sentences)


def test_scores_on_another_scale_are_not_compared_with_peoples():
    scores = np.random.default_rng(1).normal(0, 1, 100)
    selection = select_by_rank(candidates_of(scores), dataset="figrim")
    sentence, people = say_expected(selection, expect(selection))
    assert "on a scale of their own" in sentence
    assert "must see each picture" in people


def _sentences(candidates, dataset, **changed):
    selection = select_by_rank(candidates, dataset=dataset)
    expectation = expect(selection)
    rows = [replace(row, **changed) for row in expectation.differences]
    return " ".join(say_expected(selection, replace(expectation, differences=rows)))


def test_fewer_than_twenty_people_are_never_advised(candidates):
    few = _sentences(candidates, "things", people=7, people_low=12, low=0.1)
    assert "20 or more people (computed: 7) must see each picture as an old one" in few
    assert "; 12" not in few
    assert "40 or more participants in all" in few
    many = _sentences(candidates, "things", people=35, people_low=90, low=0.1)
    assert "35 people must see each picture as an old one" in many
    assert "; 90 if it is as small as the lower end" in many
    assert "one answer per person and picture" in many
    assert "random slopes for persons" in many


@pytest.mark.parametrize(("lists", "participants"), [(2, "70"), (3, "54"), (5, "45")])
def test_every_picture_is_new_in_one_list(candidates, lists, participants):
    selection = replace(select_by_rank(candidates, dataset="things"), options={"lists": lists})
    expectation = expect(selection)
    row = replace(expectation.differences[0], people=35, people_low=None, low=0.1)
    text = " ".join(say_expected(selection, replace(expectation, differences=[row])))
    assert f"{participants} participants in all" in text
    # so many are enough: each list is given to as many, and a picture is old in all but one
    per_list = int(participants) // lists
    assert per_list * lists == int(participants)
    assert per_list * (lists - 1) >= 35 > (per_list - 1) * (lists - 1)


def test_regression_to_the_mean_is_said_as_it_is(candidates):
    less = _sentences(candidates, "things", raw=0.3, value=0.21, same_scale=True)
    assert "part of the differences between predictions is error" in less
    assert "A picture predicted .10 higher is on average remembered only .07 more" in less
    assert "the predictions differ more than" not in less
    more = _sentences(candidates, "things", raw=0.2, value=0.26, same_scale=True)
    assert "these predictions are shrunken towards their mean" in more
    assert "remembered .13 more" in more


def test_a_range_is_not_called_a_95_percent_interval(candidates, tmp_path):
    plain = replace(candidates, covariate_names=[], covariates=np.empty((200, 0)))
    plain = replace(plain, category_names=[], categories=np.empty((200, 0), dtype=object))
    for name, chosen, is_one in (
        ("new", select_by_rank(plain, dataset="things"), True),
        ("seen", select_by_rank(plain, dataset="memcat"), False),
        ("matched", select_by_rank(candidates, dataset="things"), False),
    ):
        write_report(chosen, tmp_path / name, {})
        text = (tmp_path / name / "report.md").read_text(encoding="utf-8")
        assert ("(95 % interval)." in text.split("**")[1]) == is_one
        assert ("a range, no 95 % interval" in text.split("**")[1]) != is_one
        assert "would be observed for these very pictures, with about 80 answers each" in text


def test_of_levels_the_widest_difference_is_told_and_all_are_in_the_table(written):
    text = (written["levels"] / "report.md").read_text(encoding="utf-8")
    assert "hit rates of level-3 and level-1 are expected to differ by" in text.split("**")[1]
    assert text.count("must see each picture as an old one (") == 1
    for pair in ("level-3 − level-2", "level-2 − level-1", "level-3 − level-1"):
        assert f"| {pair} |" in text


def test_a_single_picture_in_a_group_has_no_balance(candidates, tmp_path):
    write_report(select_by_rank(candidates, k=1), tmp_path, {})
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "No number of people shows the expected difference" in text
    assert "with 1 picture a group" in text
    assert "Variance ratio" not in text


def test_the_same_selection_gives_the_same_files(candidates, written, tmp_path):
    write_report(select_by_rank(candidates), tmp_path, {})
    names = {file.relative_to(tmp_path) for file in tmp_path.rglob("*.*")}
    assert names
    for name in names:
        assert (tmp_path / name).read_bytes() == (written["extremes"] / name).read_bytes()

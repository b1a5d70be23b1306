"""The answer of a report: the sentence on the first screen, its threats, its digits, its place."""

from __future__ import annotations

import re
import statistics
from dataclasses import replace

import pytest

from memnet.compare.record import Difference, Result, RunRecord
from memnet.compare.report.answer import strength, write_answer, write_threats
from memnet.compare.report.digits import decimals, result_texts, rounded
from memnet.compare.report.findings import write_findings
from memnet.compare.report.page import html_page
from memnet.compare.report.render import markdown
from memnet.compare.report.summary import Spread, write_summary, write_summary_answer
from memnet.compare.report.tables import at_a_glance
from memnet.compare.report.threats import no_reliable_scores, order_warnings
from memnet.compare.report.to_paste import checksums_text, methods_text, results_text
from memnet.errors import MemnetError


@pytest.fixture(scope="module")
def old(golden) -> RunRecord:
    return RunRecord.read(golden / "record_v1.json")


def rho(model: str, value: float | None, *ends: float, word: str = "clean", **more) -> Result:
    known = {
        "variant": "",
        "dataset": "scenes375",
        "metric": "spearman",
        "n": 240,
        "level": 0.95,
        "method": "paired percentile bootstrap",
        "resamples": 10_000,
        "seed": 1,
        "reason": "",
    }
    interval = list(ends) or None
    return Result(
        **{**known, **more}, model=model, value=value, interval=interval, contamination=word
    )


def pair(first: str, second: str, value: float, low: float, high: float, p: float) -> Difference:
    known = {
        "metric": "spearman",
        "n": 240,
        "level": 0.95,
        "method": "paired percentile bootstrap",
        "resamples": 10_000,
        "seed": 1,
        "tests": {},
        "margin": 0.02,
        "p_equivalence": 0.5,
        "interval_equivalence": [low, high],
        "equivalent": False,
        "contamination": "clean",
        "reason": "",
    }
    return Difference(
        **known,
        model_a=first,
        model_b=second,
        value=value,
        interval=[low, high],
        p_value=p,
        p_holm=p,
        p_bh=p,
    )


def compared(old: RunRecord, *results: Result, differences=(), **more: object) -> RunRecord:
    (model,) = old.models
    names = dict.fromkeys(result.model for result in results)
    return replace(
        old,
        models=[{**model, "name": name} for name in names],
        results=list(results),
        differences=list(differences),
        plots={},
        **more,
    )


CEILING = {
    "kind": "counts",
    "source": "",
    "reason": "",
    "halves": 1000,
    "responses": {"lowest": 20, "median": 40, "highest": 60},
    "figures": {
        name: {"value": value, "interval": None, "method": "m", "resamples": 0}
        for name, value in (
            ("ceiling_spearman", 0.83),
            ("split_half", 0.53),
            ("reliability_spearman", 0.69),
        )
    },
}
GOOD = (
    rho("a", 0.489, 0.406, 0.564),
    rho("a", 0.588, 0.5, 0.68, metric="disattenuated_spearman"),
    rho("a", -0.1078, -0.1193, -0.0958, metric="bias"),
)


def test_a_good_model_is_answered_with_strength_ceiling_and_bias(old):
    record = compared(old, *GOOD, labels=CEILING)
    assert write_answer(record) == (
        "a ranks these pictures moderately as people do: rho .49 [.41, .56], 59 % of what is "
        "possible (ceiling .83); its scores are .11 too low on average."
    )
    assert write_threats(record) == []


def test_scores_that_are_right_within_chance_are_not_called_too_high(old):
    bias = rho("a", 0.01, -0.002, 0.02, metric="bias")
    assert write_answer(compared(old, GOOD[0], bias)) == (
        "a ranks these pictures moderately as people do: rho .49 [.41, .56]."
    )


def test_beyond_the_ceiling_no_share_above_one_is_given(old):
    share = rho("a", 1.03, 0.9, 1.1, metric="disattenuated_spearman")
    said = write_answer(compared(old, rho("a", 0.85, 0.8, 0.88), share, labels=CEILING))
    assert ", as much as these human scores allow (ceiling .83)." in said


def test_an_interval_over_three_bands_leaves_the_strength_open(old):
    assert write_answer(compared(old, rho("a", 0.58, 0.32, 0.76))) == (
        "a ranks these pictures as people do, somewhere from weakly to strongly: rho "
        ".58 [.32, .76]."
    )


def test_an_interval_that_reaches_0_shows_no_agreement(old):
    record = compared(old, rho("a", 0.11, -0.02, 0.24), *GOOD[1:], labels=CEILING)
    assert write_answer(record) == (
        "a is not shown to rank these pictures better than chance would: rho .11 [-.02, .24]."
    )


def test_an_interval_below_0_is_called_the_wrong_way_round(old):
    said = write_answer(compared(old, rho("a", -0.4, -0.5, -0.3)))
    assert said.startswith("a ranks these pictures the wrong way round, rho -.40 [-.50, -.30]: ")


def test_an_undefined_rho_is_no_answer(old):
    record = compared(old, rho("a", None, reason="the predictions are all equal"))
    assert write_answer(record) == (
        "There is no answer about a: the rank correlation with the human scores is undefined "
        "(the predictions are all equal)."
    )


def test_a_value_without_an_interval_says_nothing_of_other_pictures(old):
    record = compared(old, rho("a", 0.5, n=2, reason="too few pictures"))
    assert write_answer(record) == (
        "a has rho .500 on these pictures, without an interval (too few pictures): nothing can be "
        "said about other pictures."
    )


TWO = (rho("a", 0.62, 0.55, 0.68), rho("b", 0.5, 0.43, 0.57))


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_models_that_differ_the_better_leads_by_how_much(old, turned):
    row = pair("b", "a", -0.12, -0.17, -0.05, 0.0004)
    if turned:
        row = pair("a", "b", 0.12, 0.05, 0.17, 0.0004)
    assert write_answer(compared(old, *TWO, differences=[row])) == (
        "a ranks these pictures moderately as people do, better than b beyond chance: rho "
        ".62 [.55, .68] against .50 [.43, .57] of b, a lead of .12 [.05, .17], p < .001."
    )


def test_of_two_models_not_apart_neither_is_called_better(old):
    row = pair("a", "b", 0.12, -0.01, 0.25, 0.07)
    said = write_answer(compared(old, *TWO, differences=[row]))
    assert said == (
        "Both rank these pictures moderately as people do; a is not shown to rank them better than "
        "b: rho .62 [.55, .68] against .50 [.43, .57], a difference of .12 [-.01, .25], p = .070."
    )


def test_only_who_is_apart_from_every_other_is_best_of_three(old):
    results = (*TWO, rho("c", 0.45, 0.2, 0.6))
    apart = [pair("a", "b", 0.12, 0.05, 0.17, 0.001), pair("b", "c", 0.05, -0.1, 0.1, 0.6)]
    all_apart = [*apart, pair("a", "c", 0.17, 0.02, 0.3, 0.02)]
    said = write_answer(compared(old, *results, differences=all_apart))
    assert "best of 3 models beyond chance" in said
    assert "p = .001 after correction" in said
    not_all = [*apart, pair("a", "c", 0.17, -0.02, 0.3, 0.09)]
    said = write_answer(compared(old, *results, differences=not_all))
    assert "best of" not in said
    assert "better than b beyond chance" in said


def test_a_contaminated_model_with_the_highest_rho_is_not_called_better(old):
    seen = rho("x", 0.95, 0.94, 0.96, word="contaminated")
    rows = [pair("x", name, 0.4, 0.3, 0.5, 0.0001) for name in "ab"]
    record = compared(
        old, seen, *TWO, differences=[*rows, pair("a", "b", 0.12, 0.05, 0.17, 0.0004)]
    )
    said = write_answer(record)
    assert said.startswith("a ranks these pictures moderately as people do, better than b")
    assert not re.search(r"\bx\b", said)
    assert write_threats(record) == [
        "x (rho .950 [.940, .960]) was trained on this data set, and cannot be called better or "
        "worse."
    ]


def test_between_models_the_contaminated_one_is_named_once(old):
    seen = rho("x", 0.95, 0.94, 0.96, word="contaminated")
    row = replace(pair("x", "b", 0.45, 0.3, 0.6, 0.0001), contamination="contaminated")
    text = markdown(compared(old, seen, TWO[1], differences=[row]))
    section = text[text.index("## Between models ##") :]
    section = section[: section.index("\n## ", 5)]
    assert section.count("> Trained on this data set: x. A difference from such a model") == 1
    assert "**contaminated**" not in section


def test_where_one_model_alone_is_not_contaminated_it_is_the_answer(old):
    seen = rho("x", 0.95, 0.94, 0.96, word="contaminated")
    assert write_answer(compared(old, seen, TWO[1])) == (
        "Of these models, only b is not known to be trained on this data set. It ranks these "
        "pictures moderately as people do: rho .50 [.43, .57]."
    )


def test_where_all_are_contaminated_none_is_best(old):
    results = [replace(result, contamination="contaminated") for result in TWO]
    record = compared(old, *results, differences=[pair("a", "b", 0.12, 0.05, 0.17, 0.0004)])
    assert "none can be called the best" in write_answer(record)
    (threat,) = write_threats(record)
    assert "nothing about pictures that they have not seen" in threat


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.41, 0.56, "moderately"),
        (0.33, 0.5, "weakly to moderately"),
        (0.05, 0.2, "hardly to weakly"),
        (0.91, 0.95, "very strongly"),
        (-0.05, 0.5, ""),
        (0.0, 0.5, ""),
    ],
)
def test_strength_has_the_words_of_both_ends(low, high, words):
    assert strength(rho("a", (low + high) / 2, low, high)) == words


WARNINGS = [
    "Only 500 resamples: intervals and p values are imprecise.",
    "The numbers of answers are very unequal (a tenth ...).",
    "Only 20 pictures: intervals from so few are approximate.",
    "something that nobody has named yet",
    "memnet does not know the data set x, so it cannot tell which models were trained on it.",
    "a has scores outside [0, 1] (from 0 to 7); perhaps they are raw outputs.",
    "t.csv: score has -999 in row 3. Such a number may stand for a missing value.",
]


def test_warnings_stand_in_the_order_of_what_they_threaten_and_none_is_lost(old):
    record = compared(old, *GOOD, warnings=WARNINGS)
    ordered = order_warnings(record)
    assert ordered == [WARNINGS[place] for place in (5, 6, 4, 2, 1, 3, 0)]
    text = markdown(record)
    ordered.remove(WARNINGS[2])  # stands in full under the answer
    assert f"> {WARNINGS[2]}\n" in text[: text.index("| Model |")]
    places = [text.index(f"> * {warning.split('[')[0]}") for warning in ordered]
    assert places == sorted(places)


def test_what_threatens_the_answer_stands_under_it_and_unlike_scales_have_no_bias(old):
    record = compared(old, *GOOD, warnings=WARNINGS)
    assert "too low" not in write_answer(record)
    assert write_threats(record) == [
        "Predictions and human scores may not be on one scale: read the ranking, not the errors.",
        "Some numbers may be codes for missing values: see the warnings.",
        WARNINGS[2],
    ]


def test_a_warning_is_known_by_its_kind_whatever_its_words(old):
    """A name within a sentence may look like another warning; records of before have no kinds."""
    said = {
        "few-resamples": "Hardly any resamples.",
        "remark": "Only 3 pictures tells categories apart, not pictures within them.",
        "few-pictures": "Hardly any pictures.",
        "scale": "The truth runs from 0 to 100.",
        "categories": "It knows the groups and nothing else.",
    }
    record = compared(old, *GOOD, warnings=list(said.values()), warning_kinds=list(said))
    order = ["categories", "scale", "few-pictures", "remark", "few-resamples"]
    assert order_warnings(record) == [said[kind] for kind in order]
    assert "too low" not in write_answer(record)
    assert write_threats(record) == [
        said["categories"],
        "Predictions and human scores may not be on one scale: read the ranking, not the errors.",
        said["few-pictures"],
    ]


def test_wrong_rows_threaten_more_than_contamination_and_that_more_than_few_pictures(old):
    seen = [replace(result, contamination="contaminated") for result in GOOD]
    record = compared(
        old, *seen, warnings=[WARNINGS[2]], items={**old.items, "n": 20, "set_aside": 9}
    )
    rows, contamination, few = write_threats(record)
    assert rows == "9 rows of the tables could not be used: see the warnings."
    assert contamination.startswith("a was trained on this data set")
    assert few == WARNINGS[2]


def test_pictures_left_out_threaten_the_answer_where_they_are_many(old):
    record = compared(old, *GOOD, items={**old.items, "n": 80, "without_score": 20})
    (line,) = write_threats(record)
    assert line.startswith("20 of 100 pictures with a human score are not in this comparison")
    few = compared(old, *GOOD, items={**old.items, "n": 100, "without_score": 2})
    assert write_threats(few) == []


def test_the_answer_stands_before_any_table_and_the_rest_is_folded(old):
    for record in (old, compared(old, *GOOD, labels=CEILING)):
        lines = markdown(record).splitlines()
        answer = next(place for place, line in enumerate(lines) if line.startswith("**"))
        assert answer == 4
        assert "2026-11-24 19:35 UTC" in lines[2]
        assert answer < next(place for place, line in enumerate(lines) if line.startswith("|"))
        headings = [line for line in lines if line.startswith("## ")]
        assert headings[0] == "## In words"
        first = lines[: lines.index("## In words")]
        assert any(line.startswith("| Model | Spearman's rho | ") for line in first)
        assert all(heading.endswith(" ##") for heading in headings[1:])


@pytest.mark.parametrize(
    ("value", "ends", "texts"),
    [
        (0.489051, (0.40582, 0.56399), (".49", "[.41, .56]")),
        (0.41234, (0.3971, 0.4272), (".412", "[.397, .427]")),
        (0.0119024, (0.0103, 0.0137), (".0119", "[.0103, .0137]")),
        (0.12, (-0.003, 0.24), (".120", "[-.003, .240]")),  # on which side of 0 the end lies
        (0.5, None, (".500", "none")),
        (None, None, ("undefined", "none")),
        (-1e-9, (-0.2, 0.2), (".00", "[-.20, .20]")),
        (1.0, (1.0, 1.0), ("1.00", "[1.00, 1.00]")),
    ],
)
def test_digits_follow_the_width_of_the_interval(value, ends, texts):
    assert rounded(value, ends, bare=True) == texts


@pytest.mark.parametrize("width", [0.5, 0.15, 0.049, 0.02, 0.003, 0.0004])
def test_rounding_moves_no_end_by_more_than_a_tenth_of_the_width(width):
    assert 10 ** -decimals(0.3, (0.3, 0.3 + width)) <= width / 5
    assert decimals(0.3, (0.3, 0.3 + width)) <= decimals(0.3, (0.3, 0.3 + width / 10))


def test_errors_that_are_compared_have_as_many_digits_as_either_interval_warrants(old):
    pairs = {"mse": (0.0184, 0.0152, 0.0213), "mse_recalibrated": (0.01051, 0.00893, 0.01249)}
    errors = [rho("a", *numbers, metric=name) for name, numbers in pairs.items()]
    far = rho("b", 0.2, 0.15, 0.25, metric="mse")  # another model's have those of its own
    results = [*GOOD, *errors, far]
    assert [rounded(*(v, ends))[0] for v, *ends in pairs.values()] == ["0.018", "0.0105"]
    rows = at_a_glance(
        compared(old, rho("a", 0.5, 0.4, 0.6), rho("b", 0.3, 0.2, 0.4), *errors, far)
    )
    heads = [column.heading for column in rows.columns]
    place = heads.index("MSE")
    assert [(c.text, c.interval) for c in rows.rows[0][place : place + 2]] == [
        ("0.0184", "[0.0152, 0.0213]"),
        ("0.0105", "[0.0089, 0.0125]"),
    ]
    assert rows.rows[1][place].text == "0.20"
    assert result_texts(far, results)[0] == "0.20"


def test_results_to_paste_are_in_apa_style(old):
    record = compared(old, *GOOD, labels=CEILING)
    assert results_text(record) == (
        "a's predictions correlated with memorability, rs(238) = .49, 95% CI [.41, .56], "
        "p < .001, 59% of the noise ceiling of .83; their mean error was -0.108, 95% CI "
        "[-0.119, -0.096]."
    )
    clustered = replace(record, resampling={"kind": "clusters", "column": "c", "groups": 20})
    assert ", p " not in results_text(clustered)


def test_a_null_is_not_pasted_as_a_correlation(old):
    null = compared(old, rho("a", 0.1, -0.03, 0.22))
    assert results_text(null) == (
        "a's predictions did not correlate significantly with memorability, rs(238) = .10, "
        "95% CI [-.03, .22], p = .122."
    )
    clustered = replace(null, resampling={"kind": "clusters", "column": "c", "groups": 20})
    assert "No correlation of a's predictions with memorability was shown, rs(" in results_text(
        clustered
    )
    unsure = compared(old, rho("a", 0.2, -0.01, 0.32))  # p = .002, as one interval is not the other
    assert results_text(unsure).startswith("The rank correlation of a's predictions with memorabi")
    assert "predictions with memorability was rs(238) = .20" in results_text(unsure)
    wrong = compared(old, rho("a", -0.4, -0.5, -0.3))
    assert "predictions correlated negatively with memorability, rs(" in results_text(wrong)


@pytest.mark.parametrize(
    ("column", "called"),
    [
        ("hit_rate", "memorability"),
        ("Memorability", "memorability"),
        ("false_alarm_rate", "the human scores (false_alarm_rate)"),
        ("whiteness", "the human scores (whiteness)"),
    ],
)
def test_what_was_predicted_is_named_by_its_column(old, column, called):
    record = replace(compared(old, *GOOD), truth={**old.truth, "column": column})
    assert f"correlated with {called}, rs(" in results_text(record)


def test_halves_that_agree_by_chance_have_no_ceiling_in_words(old):
    figures = {
        name: {"value": value, "interval": None, "method": "m", "resamples": 0}
        for name, value in (
            ("ceiling_spearman", None),
            ("split_half", -0.11),
            ("reliability_spearman", -0.238),
        )
    }
    for labels in (CEILING, CEILING | {"kind": "participants", "participants": 9}):
        record = compared(old, *GOOD, labels={**labels, "figures": figures})
        (said,) = write_findings(record)
        assert "no better than chance, so these scores hold no reliable differences" in said
        assert "undefined" not in said
        assert "ceiling" not in methods_text(record)


def test_the_p_value_to_paste_is_that_of_scipy(old):
    from scipy import stats

    x, y = list(range(12)), [3, 0, 1, 5, 2, 4, 9, 6, 7, 11, 10, 8]
    expected = stats.spearmanr(x[:10], sorted(range(10), key=lambda i: (i * 7) % 10))
    result = rho("a", float(expected.statistic), -0.5, 0.8, n=10)
    from memnet.compare.report.to_paste import _p_of_rho

    assert _p_of_rho(compared(old, result), result) == pytest.approx(expected.pvalue, abs=1e-12)
    expected = stats.spearmanr(x, y)
    result = rho("a", float(expected.statistic), 0.2, 0.9, n=12)
    assert _p_of_rho(compared(old, result), result) == pytest.approx(expected.pvalue, abs=1e-12)


def test_a_pair_to_paste_says_only_what_the_test_says(old):
    row = pair("b", "a", -0.12, -0.17, -0.05, 0.0004)
    assert (
        "a's correlation was higher than b's by .12, 95% CI [.05, .17], p < .001 (paired "
        "permutation test)."
    ) in results_text(compared(old, *TWO, differences=[row]))
    row = pair("a", "b", 0.12, -0.01, 0.25, 0.07)
    assert "did not differ significantly" in results_text(compared(old, *TWO, differences=[row]))


def test_methods_name_resamples_ceiling_and_versions_and_no_checksum(old):
    record = compared(
        old, *TWO, differences=[pair("a", "b", 0.12, 0.05, 0.17, 0.0004)], labels=CEILING
    )
    text = methods_text(record)
    for part in ("10,000 resamples", "Spearman-Brown", "memnet 0.1.0", "NumPy", "swap-permutation"):
        assert part in text
    assert not re.search("[0-9a-f]{64}", text)
    assert old.truth["sha256"] in checksums_text(record)
    assert old.items["digest"] in checksums_text(record)


def test_findings_of_one_model_are_about_the_human_scores_alone(old):
    assert len(write_findings(compared(old, *GOOD, labels=CEILING))) == 1


def spread(model: str, *values: float | None, word: str = "clean") -> Spread:
    known = [value for value in values if value is not None]
    return Spread(
        model=model,
        metric="spearman",
        values=list(values),
        mean=statistics.fmean(known) if known else None,
        sd=statistics.stdev(known) if len(known) > 1 else None,
        contamination=word,
    )


def test_errors_that_are_compared_in_a_summary_have_one_number_of_digits(old, tmp_path):
    values = {"mse": (0.018, 0.022), "mse_recalibrated": (0.0101, 0.0104)}
    records = [
        compared(old, *(rho("a", values[name][k], metric=name) for name in values))
        for k in range(2)
    ]
    write_summary(records, ["1", "2"], tmp_path)
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| a "))
    assert [cell.split()[0] for cell in row.split("|")[2:4]] == ["0.02000", "0.01025"]


def test_a_summary_answers_first_and_calls_no_contaminated_model_better():
    rows = [
        spread("a", 0.48, 0.5, 0.52),
        spread("x", 0.9, 0.9, 0.93, word="contaminated"),
        spread("b", 0.6, 0.62, 0.61),
    ]
    assert write_summary_answer(rows) == (
        "Over 3 comparisons the mean rho is .610 (.600 to .620) for b and .500 (.480 to .520) for "
        "a; no test was made of their difference, see the single reports. Not counted, since "
        "trained on these pictures: x."
    )
    assert write_summary_answer(rows[:1]) == (
        "Over 3 comparisons the mean rho is .500 (.480 to .520) for a."
    )
    assert "says nothing about other pictures" in write_summary_answer(rows[1:2])
    assert "no answer" in write_summary_answer([spread("a", None, None)])


def test_the_summary_page_has_its_answer_before_any_table(old, tmp_path):
    second = replace(
        old,
        results=[
            replace(r, value=None if r.value is None else r.value + 0.01) for r in old.results
        ],
    )
    write_summary([old, second], ["1", "2"], tmp_path)
    lines = (tmp_path / "summary.md").read_text().splitlines()
    assert '<p class="lead">' in (tmp_path / "summary.html").read_text()
    assert lines[2].startswith("**Over 2 comparisons the mean rho is .494 (.489 to .499) for ")
    assert [line for line in lines if line.startswith("## ")] == [
        "## At a glance",
        "## Every value ##",
        "## The comparisons ##",
    ]


def test_a_bold_paragraph_is_the_answer_and_no_line_breaks_within_its_values():
    page = html_page("# A\n\nSub.\n\n**Rho .49 [.41, .56], p < .1.**\n\n> **a note**\n", title="x")
    assert '<p class="sub">Sub.</p>' in page
    lead = page[page.index('<p class="lead">') :]
    text = "Rho .49_[.41,_.56], p_&lt;_.1.".replace("_", "\N{NO-BREAK SPACE}")
    assert lead.startswith(f'<p class="lead"><strong>{text}</strong></p>')
    assert page.count('class="lead"') == 1


def test_models_that_both_rank_the_wrong_way_round_are_said_to(old):
    record = compared(
        old,
        rho("y", -0.48, -0.57, -0.38),
        rho("x", -0.64, -0.71, -0.56),
        differences=[pair("y", "x", 0.16, 0.08, 0.24, 0.001)],
    )
    assert write_answer(record) == (
        "y and x both rank these pictures the wrong way round, rho -.48 [-.57, -.38] and -.64 "
        "[-.71, -.56]: their scores may be reversed (say what is forgotten), or belong to other "
        "pictures."
    )


def test_a_reversed_model_beside_a_sound_one_is_said_to_be(old):
    record = compared(
        old,
        rho("a", 0.5, 0.45, 0.6),
        rho("b", 0.3, 0.25, 0.36),
        rho("x", -0.64, -0.71, -0.56),
        differences=[pair("a", "b", 0.2, 0.1, 0.3, 0.001), pair("a", "x", 1.1, 1, 1.2, 0.001)],
    )
    said = write_answer(record)
    assert said.startswith("a ranks these pictures moderately as people do, best of 3 models")
    assert said.endswith(
        " x ranks them the wrong way round, rho -.64 [-.71, -.56]: its scores may be reversed."
    )


def test_models_with_one_value_in_every_resample_rank_identically(old):
    same = [rho("x", 0.5, 0.45, 0.6), rho("y", 0.5, 0.45, 0.6)]
    record = compared(old, *same, differences=[pair("x", "y", 0.0, 0.0, 0.0, 1.0)])
    assert write_answer(record) == (
        "x and y rank these pictures identically, moderately as people do: rho .50 [.45, .60] "
        "each. One may be a copy of the other."
    )
    assert "The two rank the pictures alike" in " ".join(write_findings(record))
    assert results_text(record).endswith("x and y ranked the pictures identically.")


def noise(split_half: float, ends: list[float] | None = None, **more) -> dict:
    """Return labels whose halves agree by so much, with an interval of their reliability."""
    figures = {
        name: {"value": value, "interval": interval, "method": "m", "resamples": 0}
        for name, value, interval in (
            ("split_half", split_half, None),
            ("reliability_spearman", 2 * split_half / (1 + split_half), ends),
            ("ceiling_spearman", 0.358 if split_half > 0 else None, None),
        )
    }
    return {**CEILING, "figures": figures, **more}


def test_human_scores_that_are_noise_are_the_first_threat_and_in_the_answer(old):
    warned = {"warnings": ["It is so."], "warning_kinds": ["categories"]}
    record = compared(old, rho("a", 0.02, -0.1, 0.14), labels=noise(-0.02), **warned)
    doubt = "hese human scores are not shown to hold reliable differences between pictures "
    assert write_answer(record).endswith(
        f"chance would: rho .02 [-.10, .14]; but t{doubt}(split-half -.02), so no model could be "
        "shown to."
    )
    assert (
        write_threats(record)[0] == f"T{doubt}(split-half -.02): get more answers for each picture."
    )
    both = compared(old, rho("a", 0.02, -0.1, 0.14), rho("b", 0, -0.1, 0.1), labels=noise(-0.02))
    assert "so no model could be shown to." in write_answer(both)


def test_a_ceiling_of_scores_that_may_be_noise_is_not_stated_flatly(old):
    share = rho("a", 0.9, 0.1, 2.0, metric="disattenuated_spearman")
    record = compared(old, rho("a", 0.2, 0.1, 0.3), share, labels=noise(0.068))
    assert "of what is possible" not in write_answer(record)
    assert "noise ceiling of" not in results_text(record)
    said = write_findings(record)[-1]
    assert "no more than rho" not in said
    assert "may as well be nothing" in said
    assert write_threats(record)


@pytest.mark.parametrize(
    ("labels", "doubtful"),
    [
        (noise(0.2), False),  # of 240 pictures: beyond 1.96 / sqrt(2 * 239) = .09
        (noise(0.08), True),
        (noise(0.2, [-0.1, 0.4], kind="participants", participants=9), True),
        (noise(0.08, [0.01, 0.2], kind="participants", participants=9), False),
        (noise(0.01, kind="published", source="s"), False),
        ({}, False),
    ],
)
def test_scores_are_doubted_by_the_interval_of_their_reliability_or_by_halves(
    old, labels, doubtful
):
    record = compared(old, rho("a", 0.2, 0.1, 0.3), labels=labels)
    assert bool(no_reliable_scores(replace(record, items={**record.items, "n": 240}))) == doubtful


def test_who_is_not_certain_to_be_unseen_is_told_to_name_the_data_set(old):
    record = compared(old, rho("a", 0.5, 0.4, 0.6, word="unknown"))
    unsure = "Whether a has seen these pictures is not certain"
    assert write_threats(replace(record, dataset="scenes375")) == [f"{unsure}."]
    assert write_threats(replace(record, dataset="")) == [
        f"{unsure}: name the data set with --dataset (in Python, dataset=)."
    ]


def test_where_the_leader_knows_categories_only_the_other_model_is_told_of(old):
    def found(value: float, low: float, high: float) -> dict:
        within = {"value": value, "interval": [low, high], "reason": ""}
        return {"within": within, "between_share": 0.5, "by_category": [], "heterogeneity": None}

    record = compared(
        old,
        rho("a", 0.8, 0.75, 0.85),
        rho("b", 0.5, 0.45, 0.6),
        categories={"models": {"a": found(0.01, -0.1, 0.1), "b": found(0.4, 0.3, 0.5)}},
    )
    assert write_answer(record).endswith(
        " But within categories a is not shown to rank them: rho .01 [-.10, .10]. There, b "
        "ranks them as people do: rho .40 [.30, .50]."
    )


def test_a_summary_of_classes_is_about_auc_and_not_with_scores(old, tmp_path):
    classes = {"positive": "H", "negative": "L", "positives": 100, "negatives": 140}
    scores = compared(old, rho("a", 0.5, 0.4, 0.6))
    truth = {**old.truth, "classes": classes}
    auc = compared(old, rho("a", 0.8, 0.7, 0.9, metric="auc"), truth=truth)
    with pytest.raises(MemnetError, match="record 1 are scores, and those of record 2 two classes"):
        write_summary([scores, auc], ["1", "2"], tmp_path)
    again = replace(auc, created="later")
    write_summary([auc, again], ["1", "2"], tmp_path)
    said = (tmp_path / "summary.md").read_text().splitlines()[2]
    assert said == (
        "**Over 2 comparisons the mean AUC is .800 for a. But records 1 and 2 are of the same "
        "pictures: these are not independent comparisons, and the SD says nothing.**"
    )

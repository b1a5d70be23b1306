"""What the page of a migration says first: the answer, what threatens it, each caution once."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import memnet
from memnet.cli.migrate import _print
from memnet.studies.migrate.answer import (
    COMPUTED_ALL_THE_SAME,
    claim_texts,
    say_agreement,
    say_if_apart,
    write_answer,
    write_next_step,
    write_results,
)
from memnet.studies.migrate.methods import split_methods
from memnet.studies.migrate.migration import Migration

N = 60


def scores(random, ids, values):
    return pd.DataFrame({"image_id": ids, "score": values, "model": "resmem.published"})


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the records and the Markdown of a sound study, and of one with rows mixed up."""
    random = np.random.default_rng(5)
    true = random.normal(size=N)
    ids = [f"{i:02d}.jpg" for i in range(N)]
    study = pd.DataFrame(
        {
            "image_id": ids,
            "memnet": np.clip(0.65 + 0.1 * (true + 0.6 * random.normal(size=N)), 0, 0.99).round(4),
            "rating": (true + 0.5 * random.normal(size=N)).round(3),
            "fame": (0.5 * true + random.normal(size=N)).round(3),
            "kind": random.choice(["indoor", "outdoor"], N),
        }
    )
    new = np.clip(0.7 + 0.1 * (true + 0.3 * random.normal(size=N)), 0, 0.99)
    made = {}
    for name, values in (("sound", new), ("mixed up", random.permutation(new))):
        out = tmp_path_factory.mktemp(name.replace(" ", "_"))
        done = memnet.migrate(
            study,
            score_column="memnet",
            new_scores=scores(random, ids, values),
            outcomes=["rating"],
            predictor="fame",
            group="kind",
            dataset="lamem",
            resamples=200,
            out=out,
        )
        made[name] = done.record, (out / "report.md").read_text(encoding="utf-8").replace("\\", "")
    return made


def test_the_answer_comes_before_warnings_table_figure_and_what_is_folded(pages):
    record, text = pages["sound"]
    answer = re.search(r"^\*\*(With ResMem as with MemNet, .*)\*\*$", text, re.M)
    assert answer is not None
    assert answer[1] == write_answer(record)
    wanted = [
        "With ResMem as with MemNet, memorability goes with rating",
        "\n\nBetween the old and the new scores, Spearman's rho is 0.",
        "What to do next: report each claim with both scores",
        "What threatens it",
        "## The claims, with",
        "| Claim | Shown with |",  # a table breaks over pages in print, a figure does not
        "figures/claims.png",
        "##\n",
    ]
    places = [text.index(part) for part in wanted]
    assert places == sorted(places)
    assert "not shown to measure the same thing" not in text


def test_scores_not_shown_to_be_related_answer_nothing(pages):
    record, text = pages["mixed up"]
    rho = record.agreement["figures"]["spearman"]
    low, high = rho["interval"]
    assert low <= 0 <= high
    answer = (
        "The two score columns are not shown to measure the same thing: Spearman's rho is "
        f"{rho['value']:.2f}, 95 % CI [{low:.2f}, {high:.2f}], between memnet and ResMem on 60 "
        "pictures. So nothing can be said about the study's claims yet. Check first: Does each row "
        "have the two scores of one picture? Is memnet the column of MemNet's scores, and which "
        "variant made them (memnet diagnose)?"
    )
    first = text.split("\n\n")[2]
    assert first == f"**{answer}**"
    for said in ("With ResMem as", "What to do next", "What threatens", "holds", "| Shown with |"):
        assert said not in text.partition("## The claims")[0]
    assert "| Shown with |" not in text
    _, _, claims = text.partition("## The claims, computed all the same ##\n\n> ")
    assert claims.startswith(COMPUTED_ALL_THE_SAME)
    assert text.index("figures/scores.png") < text.index("## The claims")
    assert "### Each claim in a sentence" in claims  # within the fold
    sentences = claims.partition("### Each claim in a sentence")[2].partition("## ")[0]
    assert "Spearman's rho of memorability and rating: it is 0." in sentences
    assert not re.search(r": (holds|changes|is significant)", sentences)
    assert "Also to be known" in text
    assert "the lowest that 200 resamples can give" not in text
    _, _, corrected = text.partition("## What better measurement alone would do ##\n\n> ")
    assert corrected.startswith(COMPUTED_ALL_THE_SAME)
    assert record.conclusions[:2] == [answer, COMPUTED_ALL_THE_SAME]


def test_nor_do_the_sentences_to_paste(pages):
    record, text = pages["mixed up"]
    rho = record.agreement["figures"]["spearman"]
    low, high = rho["interval"]
    said = (
        "Old and new scores were not shown to measure the same thing (Spearman's rho = "
        f"{rho['value']:.3f}, 95 % interval [{low:.3f}, {high:.3f}], n = 60), so the results with "
        "the new scores are no test of the earlier ones."
    )
    assert write_results(record) == said
    results = text[text.index("### Instead of results") : text.index("### In short")]
    assert said in results
    assert "of memorability" not in results
    parts = split_methods(record.methods)
    assert said in parts["In short"]
    assert said in parts["In full"]
    sound, _ = pages["sound"]
    assert "not shown to measure" not in sound.methods + write_results(sound)


def test_in_print_it_is_said_first_too(pages, capsys):
    for name, apart in (("sound", False), ("mixed up", True)):
        record, _ = pages[name]
        done = Migration(table=pd.DataFrame(), record=record, crosswalk=None, complete=True)
        second = str(done).splitlines()[1]
        assert second.startswith("The two score columns are not shown") is apart
        _print(record)
        first, *others = capsys.readouterr().out.split("\n\n")
        assert " ".join(first.split()) == write_answer(record)
        assert [" ".join(other.split()) for other in others].count(COMPUTED_ALL_THE_SAME) == apart
        assert others[1 if apart else 2].startswith("claim ")
        assert " ".join(others[0].split()) == (
            COMPUTED_ALL_THE_SAME if apart else say_agreement(record)
        )
        assert (": holds" in str(done) + first + "".join(others)) is not apart


def related(record, value, interval, reason=""):
    """Return a record whose scores have another rank correlation."""
    figures = {"spearman": {"value": value, "interval": interval, "reason": reason}}
    return replace(record, agreement={"figures": figures, "n": record.agreement["n"]})


@pytest.mark.parametrize(
    ("value", "interval", "begins"),
    [
        (0.2, [0.01, 0.4], ""),
        (0.2, [0.0, 0.4], "The two score columns are not shown to measure the same thing:"),
        (0.2, None, "The two score columns are not shown to measure the same thing:"),
        (None, None, "The two score columns are not shown to measure the same thing:"),
        (-0.2, [-0.4, 0.1], "The two score columns are not shown to measure the same thing:"),
        (-0.6, [-0.7, -0.4], "The two score columns run against each other:"),
    ],
)
def test_only_an_interval_above_0_shows_that_scores_are_related(pages, value, interval, begins):
    said = say_if_apart(related(pages["sound"][0], value, interval, "a column is constant"))
    assert said.startswith(begins)
    assert bool(said) is bool(begins)
    assert ("(a column is constant)" in said) is (bool(begins) and interval is None)
    assert ("Is one of them reversed" in said) is (value == -0.6)


def test_few_pictures_may_be_too_few(pages):
    record = related(pages["sound"][0], 0.2, [-0.3, 0.6])
    few = replace(record, agreement=record.agreement | {"n": 20})
    assert say_if_apart(few).endswith("If all is right, 20 pictures may be too few to show it.")
    assert "too few" not in say_if_apart(record)


def with_verdicts(record, verdicts):
    """Return a record whose claims came out so, with no difference shown."""
    claims = [
        claim | {"verdict": verdict, "p_difference": 0.5}
        for claim, verdict in zip(record.claims, verdicts, strict=True)
    ]
    return replace(record, claims=claims)


def test_the_answer_names_the_variables_and_calls_no_claim_vanished(pages):
    """The claims are two of rating, then fame's with rating, then the groups'."""
    record = with_verdicts(pages["sound"][0], ["old only", "old only", "new only", "neither"])
    said = write_answer(record)
    assert said.startswith(
        "Significant with MemNet only, though the two scores are not shown to differ there: "
        "rating. Significant with ResMem only, though the two scores are not shown to differ "
        "there: fame with rating, memorability held constant. Significant with neither MemNet nor "
        "ResMem: kind. (4 statistics of 3 variables; corrected for their number (Holm), "
    )
    assert "no longer" not in said
    step = write_next_step(record)
    assert "the claim stays open: write neither that a result vanished nor that one" in step
    assert step.endswith("What is significant with neither score is not refuted.")
    step = write_next_step(with_verdicts(record, ["holds"] * 4))
    assert "stays open" not in step
    assert "refuted" not in step


def test_statistics_of_a_variable_that_disagree_are_counted(pages):
    said = write_answer(
        with_verdicts(pages["sound"][0], ["weaker", "neither", "holds", "stronger"])
    )
    assert said.startswith(
        "With ResMem as with MemNet, memorability differs by kind (stronger); fame goes with "
        "rating where memorability is held constant. By some of their statistics only: rating (1 "
        "of 2 significant with both scores, 1 with neither). (4 statistics of 3 variables; "
    )
    said = write_answer(with_verdicts(pages["sound"][0], ["old only", "neither", "holds", "holds"]))
    assert "rating (1 of 2 with MemNet only, 1 with neither, no difference shown)." in said


def test_of_many_variables_four_are_named(pages):
    record = pages["sound"][0]
    claims = [record.claims[0] | {"outcome": f"x{i}", "verdict": "holds"} for i in range(6)]
    said = write_answer(replace(record, claims=claims))
    assert said.startswith(
        "With ResMem as with MemNet, memorability goes with x0, x1, x2, x3 and 2 more. (6 "
        "statistics; corrected"
    )


def test_an_end_just_below_0_is_not_written_as_0():
    ends = {"value": 0.13, "interval": [-0.0008, 0.257]}
    claim = {"old": ends, "new": ends, "difference": ends, "detail": {"statistic": "r"}}
    assert claim_texts(claim, "new") == (".130", "[-.001, .257]")


def test_each_caution_is_said_once(pages):
    for _, text in pages.values():
        for caution in (
            "is no evidence that the two disagree",
            "no evidence that they disagree",
            "ruled out",
            "no independent confirmation",
            "measures memorability with error",
            "not independent of one another",
            "the lowest that these resamples can give",
        ):
            before_methods, _, rest = text.partition("## To paste")
            assert before_methods.count(caution) <= 1, caution
            assert rest.partition("## What better")[2].count(caution) == 0


def test_results_are_written_to_be_pasted(pages):
    record, text = pages["sound"]
    claim = record.claims[0]
    assert claim["kind"] == "spearman"

    def plain(value: float) -> str:
        return f"{value:.2f}".replace("0.", ".", 1)

    low, high = map(plain, claim["new"]["interval"])
    assert (
        f"Spearman's rho of memorability and rating (n = 60): with ResMem rho = "
        f"{plain(claim['new']['value'])}, 95 % CI [{low}, {high}], p < .001; with MemNet rho = "
    ) in text


def test_warnings_are_short_and_stand_in_full_below(pages):
    _, text = pages["sound"]
    note = text[text.index("What threatens it") : text.index("## The claims")]
    assert "> * MemNet may have seen these pictures in training.\n" in note
    in_full = text[text.index("## The warnings in full ##") :]
    assert "- MemNet may have seen these pictures in training. The model was trained on" in in_full

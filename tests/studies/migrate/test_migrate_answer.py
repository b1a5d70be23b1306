"""What the page of a migration says first: the answer, what threatens it, each caution once."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import memnet
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


def test_the_answer_comes_before_warnings_figure_table_and_what_is_folded(pages):
    record, text = pages["sound"]
    answer = re.search(r"^\*\*(Of the 4 claims, redone with ResMem, .*)\*\*$", text, re.M)
    assert answer is not None
    words = [claim["verdict"] for claim in record.claims]
    kept = sum(word in ("holds", "stronger", "weaker") for word in words)
    assert f"{kept} hold" in answer[1]
    wanted = ["Of the 4 claims", "What threatens it", "figures/claims.png", "## The claims", "##\n"]
    places = [text.index(part) for part in wanted]
    assert places == sorted(places)
    assert "do not rise together" not in text


def test_rows_that_do_not_belong_together_are_the_first_thing_said(pages):
    record, text = pages["mixed up"]
    rho = record.agreement["figures"]["spearman"]
    assert rho["interval"][0] <= 0
    first = (
        f"> **Old and new scores do not rise together on these pictures: Spearman's rho is "
        f"{rho['value']:.2f} [{rho['interval'][0]:.2f}, {rho['interval'][1]:.2f}]. Check first "
        "that rows, scores and pictures belong together;"
    )
    assert text.index(first) < text.index("redone with ResMem")
    assert text.index("figures/scores.png" if "figures/scores.png" in text else "crosswalk.png") < (
        text.index("## The claims")
    )


def test_in_print_it_is_said_first_too(pages):
    for name, apart in (("sound", False), ("mixed up", True)):
        record, _ = pages[name]
        done = Migration(table=pd.DataFrame(), record=record, crosswalk=None, complete=True)
        second = str(done).splitlines()[1]
        assert second.startswith("Old and new scores do not rise together") is apart


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
    note = text[text.index("What threatens it") : text.index("figures/claims.png")]
    assert "> * MemNet may have seen these pictures in training.\n" in note
    in_full = text[text.index("## The warnings in full ##") :]
    assert "- MemNet may have seen these pictures in training. The model was trained on" in in_full

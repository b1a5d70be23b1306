"""What a verdict means, in words: each sentence, and the figures in it by hand."""

from __future__ import annotations

import numpy as np
import pytest

from memnet.legacy.variants import variants
from memnet.studies.diagnosis.meaning import (
    command_for_migration,
    effect_of,
    measure_against_server,
    say_meaning,
)

SERVER = np.array([0.6, 0.7, 0.9, 0.8, 0.5])


@pytest.mark.parametrize("slug", list(variants()))
def test_every_variant_says_in_a_sentence_what_it_did_to_the_picture(slug: str):
    text = effect_of(slug)
    assert text[0].isupper()
    assert text.endswith(".")
    swapped = variants()[slug].preprocess.channel_order == "RGB"
    assert ("ed and blue were exchanged" in text) is swapped
    assert ("scaled to 0 to 1" in text) is (variants()[slug].preprocess.pixel_max == 1.0)
    assert ("instead of ten" in text or "instead of in ten" in text) is (
        len(variants()[slug].preprocess.crop_offsets) == 1
        and "hardly" not in text
        and slug != "video-double-scale"
    )


def test_an_unknown_variant_has_no_effect_to_tell():
    assert effect_of("plain") == ""


def test_ranks_and_level_are_those_of_the_two_columns():
    found = measure_against_server(np.array([0.5, 0.7, 0.8, 0.9, 0.4]) / 2, SERVER)
    assert found.rho == pytest.approx(0.9)
    assert found.shift == pytest.approx(0.33 - 0.7)
    ranks, level = say_meaning("gray-01", "raw", found, retrained=False)
    assert ranks.startswith("Ranks: on these 5 pictures its order and the original's agree at ")
    assert "Spearman's rho 0.900;" in ranks
    assert level.startswith("Level: its raw outputs are on average 0.370 lower than the original's")
    assert level.endswith("so means and cut-offs cannot be compared with the original's.")


def test_the_original_s_own_numbers_change_nothing_but_their_scale():
    same = measure_against_server(SERVER, SERVER)
    raw = say_meaning("matlab-demo-2014", "raw", same, retrained=False)
    assert raw[0].startswith("Before scaling, its scores are the original's")
    assert raw[1] == (
        "Level: the column is not on the original's scale, so means and cut-offs cannot be "
        "compared with the original's."
    )
    clamped = say_meaning("server", "scaled-clamped", same, retrained=False)
    assert clamped[1] == "Level: means and cut-offs are on the original's scale."


def test_constant_outputs_and_retrained_weights_have_no_figure():
    constant = measure_against_server(np.full(5, 0.7), SERVER)
    assert constant.rho is None
    assert "rank nothing" in say_meaning("gray-01", "raw", constant, retrained=False)[0]
    (only,) = say_meaning("keras-memtransfer", "raw", constant, retrained=True)
    assert "is not known" in only


def test_the_next_command_can_be_typed_as_it_is():
    command = command_for_migration(
        "my study.csv",
        score_column="mem",
        id_column="id",
        images="stimuli",
        match="stem",
        variant="server",
        diagnosis="",
    )
    assert command == (
        "memnet migrate 'my study.csv' --score-column mem --id-column id --images stimuli "
        "--match stem --variant server --out migrated"
    )

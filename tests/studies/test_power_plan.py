"""What `memnet power` answers, in numbers and words."""

from __future__ import annotations

import pytest

import memnet
from memnet.errors import MemnetError
from memnet.stats.power import attenuated, pictures_for_difference, pictures_for_margin


def test_all_three_questions_are_answered_at_once():
    plan = memnet.power(0.7, reliability=0.75, width=0.1, difference=0.05, margin=0.05)
    a, b = attenuated(0.7, 0.75), attenuated(0.65, 0.75)
    assert plan.rho_seen == a
    assert [(each.question, each.pictures) for each in plan.answers] == [
        ("width", 731),
        ("difference", pictures_for_difference(a, b, 0.7, 0.8)),
        ("margin", pictures_for_margin(a, 0.7, 0.05, 0.8)),
    ]
    assert str(plan).splitlines()[0] == (
        "With noise-free human scores rho is 0.7; scores of reliability 0.75 show 0.606 of it "
        "(0.7 x sqrt(0.75))."
    )
    assert "(0.65, seen as 0.563) in 80 % of studies needs 1,786 pictures" in str(plan)


def test_what_pictures_give_is_what_needs_them():
    plan = memnet.power(0.7, reliability=0.75, pictures=1_786)
    width, difference, margin = plan.answers
    assert difference.size == pytest.approx(0.05, abs=1e-4)  # with noise-free scores, as asked
    assert memnet.power(0.7, reliability=0.75, width=width.size).answers[0].pictures == 1_786
    needed = memnet.power(0.7, reliability=0.75, margin=margin.size * 1.0001).answers[0]
    assert needed.pictures == pytest.approx(1_786, abs=1)


def test_the_power_of_given_pictures_is_said():
    plan = memnet.power(0.6, pictures=400, difference=0.1, margin=0.05)
    _, difference, margin = plan.answers
    assert (difference.size, margin.size) == (0.1, 0.05)
    assert difference.power == pytest.approx(0.845, abs=0.005)
    assert "400 pictures find that another model's rho is lower by 0.1 (0.5) in 85 %" in str(plan)


def test_simulated_studies_have_a_standard_error():
    plan = memnet.power(0.6, difference=0.2, simulate=True, studies=400)
    share, error = plan.answers[0].simulated_share
    assert share == pytest.approx(0.8, abs=0.07)
    assert error == pytest.approx((share * (1 - share) / 400) ** 0.5, abs=1e-12)


def test_simulated_human_scores_have_their_noise():
    """Noise-free scores would show the difference nearly always."""
    plan = memnet.power(
        0.7, reliability=0.3, pictures=300, difference=0.2, simulate=True, studies=400
    )
    answer = plan.answers[1]
    assert answer.simulated_share[0] == pytest.approx(answer.power, abs=0.07)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"rho": 1.2, "width": 0.1}, "The rho is 1.2; it must be above -1 and below 1"),
        ({"rho": 0.6}, "Say what is to be planned"),
        ({"rho": 0.6, "width": float("nan")}, "The width is nan"),
        ({"rho": 0.6, "width": 0.1, "reliability": 0}, "The reliability is 0; it must be above 0"),
        ({"rho": 0.6, "width": 0.1, "pictures": 50}, "leave the width out, or the pictures"),
        ({"rho": 0.6, "pictures": 3}, "The number of pictures is 3; it must be 4 or more"),
        ({"rho": 0.9, "difference": 0.1, "between": 0.1}, "rho 0.9 and 0.8 have scores that"),
        ({"rho": -0.5, "difference": 0.6}, "No rho is lower than -0.5 by 0.6"),
        ({"rho": 0.6, "margin": 1e-7}, "more than 1,000,000,000 pictures are needed"),
        (
            {"rho": 0.6, "margin": 1e-3, "simulate": True},
            "simulated studies of 3,553,041 pictures are too many",
        ),
    ],
)
def test_numbers_that_cannot_be_are_refused(given, sentence):
    with pytest.raises(MemnetError, match=sentence.replace("(", r"\(")):
        memnet.power(**given)


def test_few_pictures_are_warned_of():
    assert "poor ones below 25 pictures" in str(memnet.power(0.3, pictures=20))


@pytest.mark.parametrize(
    ("rho", "given", "sentence"),
    [
        ("0.7", {"width": 0.1}, "The rho is '0.7'; it must be a number."),
        (None, {"width": 0.1}, "The rho is None; it must be a number."),
        (0.7, {"width": "0.1"}, "The width is '0.1'; it must be a number."),
        (0.7, {"pictures": "10"}, "The number of pictures is '10'; it must be a number."),
    ],
)
def test_what_is_no_number_is_refused(rho, given, sentence):
    with pytest.raises(MemnetError) as caught:
        memnet.power(rho, **given)
    assert str(caught.value) == sentence


def test_that_no_difference_can_be_found_is_said():
    plan = memnet.power(0.6, pictures=10)
    assert [answer.question for answer in plan.answers] == ["width", "margin"]
    assert (
        "No difference between two models can be found in 80 % of studies with 10 pictures, "
        "however large."
    ) in plan.sentences
    assert "No difference" not in str(memnet.power(0.6, pictures=400))


def test_simulated_numbers_are_printed():
    plan = memnet.power(0.6, pictures=100, difference=0.2, simulate=True, studies=50)
    difference = plan.answers[1]
    said = [each for each in plan.sentences if each.startswith("Simulated studies of 100 pictures")]
    assert len(said) == 3
    share, error = difference.simulated_share
    assert f"{share:.3g}" in said[1]
    assert f"(standard error {error:.4f}) find the difference." in said[1]
    assert "mean width" in said[0]

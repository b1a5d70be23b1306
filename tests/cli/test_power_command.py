"""`memnet power` on the command line."""

from __future__ import annotations


def test_sentences_and_a_table_are_printed(memnet_command):
    done = memnet_command("power", "--rho", 0.7, "--reliability", 0.75, "--width", 0.1)
    lines = done.stdout.splitlines()
    assert lines[1] == "A 95 % interval no wider than 0.1 around it needs 731 pictures."
    assert lines[-2].split() == ["question", "size", "pictures", "power"]
    assert lines[-1].split() == ["width", "0.1", "731"]


def test_simulated_power_stands_beside_the_formula_s(memnet_command):
    done = memnet_command(
        *("power", "--rho", 0.6, "--pictures", 100, "--difference", 0.2),
        *("--simulate", "--studies", 50, "--seed", 1),
    )
    width, difference, margin = done.stdout.splitlines()[-3:]
    assert len(width.split()) == 6
    assert len(difference.split()) == len(margin.split()) == 6


def test_impossible_numbers_are_one_sentence(memnet_command):
    done = memnet_command("power", "--rho", 2, "--width", 0.1, check=2)
    assert done.stderr == "memnet: The rho is 2; it must be above -1 and below 1.\n"

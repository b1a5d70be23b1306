"""Which data `memnet train`, `tune` and `table1` are given, by options that go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from memnet import MemnetError
from memnet.cli.training_options import DataOptions

TABLE = {"truth": Path("t.csv"), "images": Path("i")}
LAMEM = {"lamem": Path("l"), "split": 1}
MEMCAT = {"memcat": Path("m.csv"), "images": Path("i"), "label": "wo-fa"}


def defaults():
    return {name: field.default.default for name, field in DataOptions.__dataclass_fields__.items()}


@pytest.fixture
def options():
    """Return a function that makes the options as the command line does."""
    return lambda **given: DataOptions(**(defaults() | given))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (TABLE | {"label": "wo-fa"}, "(--truth) takes no --label; leave that out. It takes"),
        (TABLE | {"split": 2, "held_out": 9}, "takes no --split and no --held-out"),
        (LAMEM | {"val": "0.1"}, "LaMem, whose splits have their own parts, takes no --val"),
        (LAMEM | {"images": Path("i")}, "takes no --images"),
        (LAMEM | {"data_seed": 1}, "takes no --data-seed; leave that out. It takes --split."),
        (MEMCAT | {"dataset": "memcat"}, "MemCat takes no --dataset"),
        (LAMEM | {"match": "stem"}, "takes no --match"),
        (MEMCAT | {"strata_column": "c"}, "MemCat takes no --strata-column"),
        (MEMCAT | LAMEM | {"test": "9"}, "--held-out pictures, takes no --test"),
        (TABLE | LAMEM, "leave --lamem and --memcat out"),
        (TABLE | {"split_column": "part", "test": "9"}, "leave --test out"),
        ({"val": "0.1"}, "Which data?"),
    ],
)
def test_an_option_of_another_source_is_named_and_not_dropped(options, given, words):
    data = options(**given)
    assert data.given
    with pytest.raises(MemnetError) as told:
        data.build()
    assert words in str(told.value)


def test_without_any_option_no_data_are_given(options):
    assert not options().given


@pytest.mark.parametrize(
    ("given", "reader"),
    [
        (TABLE | {"val": "9", "test": "0", "data_seed": 3, "dataset": "d"}, "from_table"),
        (LAMEM, "from_lamem"),
        (MEMCAT | {"val": "0.5", "test": "9"}, "from_memcat"),
        (MEMCAT | LAMEM | {"val": "9", "held_out": 7}, "from_mixture"),
    ],
)
def test_what_belongs_to_a_source_reaches_its_reader(options, monkeypatch, given, reader):
    taken = {}

    def read(*args, **options):
        taken.update(options, args=args)

    monkeypatch.setattr(f"memnet.reimpl.training.sources.{reader}", read)
    options(**given).build()
    for name, value in given.items():
        if name in ("truth", "lamem", "memcat", "images"):
            assert value in taken["args"]
        else:
            expected = {"val": float, "test": float}.get(name, lambda same: same)(value)
            assert taken["seed" if name == "data_seed" else name] == expected

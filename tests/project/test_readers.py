"""Whatever is in a file that people bring: it is read, or one sentence says what is wrong.

Random bytes, and real files that are cut short, have bytes changed, have a piece put in, or (JSON)
have one value replaced. `test_readers_slow.py` does the same a million times, guided by coverage.
"""

from __future__ import annotations

import copy
import json
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readers import READERS, try_to_read, with_header

ODD = st.sampled_from(
    [
        *(None, True, -1, 0, 1.5, 10**400, 1e308, float("nan"), float("inf")),
        *("", "x", "x" * 2_000, "1", "a\nb", "\x1b[2J", "\udcff", "/"),
        *([], [[]], [None], ["x"], [1.0, 2.0], {}, {"": 0}, {"x": {"x": []}}),
    ]
)


@cache
def seeds(name: str) -> list[bytes]:
    return READERS[name].seeds()


def places(values: object, where: tuple = ()) -> list[tuple]:
    """The way to each value of a JSON document."""
    found = [where]
    if isinstance(values, dict):
        for key in values:
            found += places(values[key], (*where, key))
    elif isinstance(values, list):
        for number in range(min(len(values), 3)):
            found += places(values[number], (*where, number))
    return found


def replaced(values: object, where: tuple, odd: object, how: str) -> object:
    """A copy with one value replaced, or taken away."""
    if not where:
        return odd
    values = copy.deepcopy(values)
    parent = values
    for key in where[:-1]:
        parent = parent[key]
    if how == "gone":
        del parent[where[-1]]
    else:
        parent[where[-1]] = odd
    return values


def altered_json(data: st.DataObject, text: bytes) -> bytes:
    values = json.loads(text)
    where = data.draw(st.sampled_from(places(values)))
    how = data.draw(st.sampled_from(["odd", "odd", "odd", "gone"]))
    return json.dumps(replaced(values, where, data.draw(ODD), how)).encode()


def altered(data: st.DataObject, real: bytes) -> bytes:
    how = data.draw(st.sampled_from(["random", "cut", "changed", "inserted"]))
    at = data.draw(st.integers(0, len(real) - 1))
    if how == "random":
        return data.draw(st.binary(max_size=400))
    if how == "cut":
        return real[:at]
    piece = data.draw(st.binary(min_size=1, max_size=16))
    return real[:at] + piece + real[at + (len(piece) if how == "changed" else 0) :]


@pytest.mark.parametrize("name", READERS)
def test_what_the_fuzzers_start_from_is_read(name, tmp_path):
    for seed in seeds(name):
        sentence = try_to_read(READERS[name], tmp_path, seed)
        assert READERS[name].refused in sentence if READERS[name].refused else not sentence


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.large_base_example],
)
def test_whatever_is_in_a_file_ends_in_one_sentence_at_most(name, tmp_path, data):
    real = data.draw(st.sampled_from(seeds(name)))
    alter = altered_json if READERS[name].as_json and data.draw(st.booleans()) else altered
    try_to_read(READERS[name], tmp_path, alter(data, real))


@given(data=st.data())
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_stands_in_the_header_of_a_weight_file(tmp_path, data):
    (real,) = seeds("weights")
    length = int.from_bytes(real[:8], "little")
    header = json.loads(real[8 : 8 + length])
    memnet = json.loads(header["__metadata__"]["memnet"])
    where = data.draw(st.sampled_from(places(memnet)))
    header["__metadata__"]["memnet"] = json.dumps(replaced(memnet, where, data.draw(ODD), "odd"))
    try_to_read(
        READERS["weights"], tmp_path, with_header(json.dumps(header).encode()) + real[8 + length :]
    )
    header = altered_json(data, real[8 : 8 + length])
    try_to_read(READERS["weights"], tmp_path, with_header(header) + real[8 + length :])

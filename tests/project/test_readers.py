"""Whatever is in a file that people bring: it is read, or one sentence says what is wrong.

Random bytes, and real files that are cut short, have bytes changed, have a piece put in, or (JSON)
have one value replaced. `test_readers_slow.py` does the same a million times, guided by coverage.
"""

from __future__ import annotations

import json
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readers import READERS, alter_json, try_to_read


@cache
def seeds(name: str) -> list[bytes]:
    return READERS[name].seeds()


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
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.large_base_example],
)
def test_whatever_is_in_a_file_ends_in_one_sentence_at_most(name, tmp_path, data):
    real = data.draw(st.sampled_from(seeds(name)))
    alter = READERS[name].alter
    if alter is not None and data.draw(st.booleans()):
        content = alter(real, data.draw(st.randoms(use_true_random=False)))
    else:
        content = altered(data, real)
    try_to_read(READERS[name], tmp_path, content)


@pytest.mark.parametrize("name", [name for name in READERS if READERS[name].alter is alter_json])
def test_a_version_of_several_lines_is_said_in_one(name, tmp_path):
    values = json.loads(seeds(name)[0])
    (key,) = [key for key in values if key.endswith("version") and key != "memnet_version"]
    sentence = try_to_read(READERS[name], tmp_path, json.dumps({**values, key: "a\nb"}).encode())
    assert "version" in sentence

"""Coverage-guided fuzzing of every reader with atheris: `pytest -m slow`, minutes for each.

A million files each, or as many as the seconds in ``MEMNET_FUZZ_SECONDS`` allow (120). No input may
crash, hang for ten seconds or take 3 GB.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from needs import skip_for
from readers import READERS

RUNS = 1_000_000
SECONDS = int(os.environ.get("MEMNET_FUZZ_SECONDS", "120"))
TARGET = """
import sys, tempfile, warnings
from pathlib import Path
from random import Random
import atheris

warnings.simplefilter("ignore")  # of damaged pictures, by the million
with atheris.instrument_imports(include=["memnet"]):
    from readers import READERS, try_to_read
reader, corpus, folder = READERS[sys.argv.pop(1)], Path(sys.argv[1]), Path(tempfile.mkdtemp())
seeds = reader.seeds()
with atheris.instrument_imports(include=["memnet"]):
    for number, seed in enumerate(seeds):  # what they need is imported here
        (corpus / f"seed{number}").write_bytes(seed)
        try_to_read(reader, folder, seed)

def mutate(data, max_size, seed):
    random = Random(seed)
    if reader.alter is None or random.random() < 0.2:
        return atheris.Mutate(data, max_size)
    for start in (data, random.choice(seeds)):
        try:
            return reader.alter(start, random)[:max_size]
        except (ValueError, KeyError, TypeError, AttributeError):  # no longer well formed
            pass
    return atheris.Mutate(data, max_size)

atheris.Setup(
    sys.argv, lambda data: try_to_read(reader, folder, data), custom_mutator=mutate
)
atheris.Fuzz()
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_no_input_crashes_hangs_or_eats_memory(name, tmp_path):
    if find_spec("atheris") is None:
        skip_for("atheris", "pip install atheris; test_readers.py runs everywhere")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (tmp_path / "target.py").write_text(TARGET)
    limits = [f"-runs={RUNS}", f"-max_total_time={SECONDS}", "-timeout=10", "-rss_limit_mb=3000"]
    limits += [f"-max_len={max(4096, 2 * max(map(len, READERS[name].seeds())))}"]
    done = subprocess.run(
        [sys.executable, "target.py", name, str(corpus), *limits],
        capture_output=True,
        text=True,
        errors="replace",
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=SECONDS + 300,
    )
    print(done.stderr[-1500:])
    assert done.returncode == 0, done.stderr[-3000:]
    (runs,) = re.findall(r"^Done (\d+) runs", done.stderr, flags=re.MULTILINE)
    assert int(runs) > 100
    assert not list(Path(tmp_path).glob("crash-*"))

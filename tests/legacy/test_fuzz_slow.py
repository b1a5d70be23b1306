"""Coverage-guided fuzzing of the file readers with atheris; minutes, `pytest -m slow`."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import references

TARGET = """
import sys, tempfile
from pathlib import Path
import atheris
with atheris.instrument_imports(include=["memnet.legacy", "google.protobuf.text_format"]):
    from memnet.errors import MemnetError
    from memnet.legacy.caffe_files import read_binaryproto, read_caffemodel, read_prototxt
    from memnet.legacy.architecture import check_layers

kind = sys.argv.pop(1)
folder = Path(tempfile.mkdtemp())
path = folder / ("fuzz" + kind)

def read(path):
    if kind == ".binaryproto":
        read_binaryproto(path)
    else:
        check_layers((read_caffemodel if kind == ".caffemodel" else read_prototxt)(path))

def one(data):
    path.write_bytes(data)
    try:
        read(path)
    except MemnetError as error:
        assert "\\n" not in str(error)

atheris.Setup(sys.argv, one)
atheris.Fuzz()
"""
SEEDS = {
    ".caffemodel": ("mini_v1.caffemodel", "mini_v2.caffemodel"),
    ".prototxt": ("deploy.prototxt",),
    ".binaryproto": (),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", SEEDS)
def test_no_input_crashes_hangs_or_eats_memory(tmp_path, kind):
    if find_spec("atheris") is None:
        pytest.skip("needs atheris; the hypothesis test runs everywhere")
    target, corpus = tmp_path / "target.py", tmp_path / "corpus"
    target.write_text(TARGET)
    corpus.mkdir()
    for name in SEEDS[kind]:
        data = (references.GOLDEN / "mini" / name).read_bytes()
        # Of a network its layers without their numbers: structure is what there is to break.
        (corpus / name).write_bytes(data if len(data) < 5_000 else stripped(name))
    limits = ["-max_total_time=40", "-timeout=5", "-rss_limit_mb=1500", "-max_len=8192"]
    done = subprocess.run(
        [sys.executable, str(target), kind, str(corpus), *limits],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
    )
    print(done.stderr[-1500:])
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done" in done.stderr
    assert not list(Path(tmp_path).glob("crash-*"))


def stripped(name: str) -> bytes:
    from memnet.legacy.caffe_schema import message_class

    net = message_class("NetParameter")()
    net.ParseFromString((references.GOLDEN / "mini" / name).read_bytes())
    for layer in [*net.layers, *net.layer]:
        for blob in layer.blobs:
            blob.data[:] = [b"\0\0\0\0"]
    return net.SerializeToString()

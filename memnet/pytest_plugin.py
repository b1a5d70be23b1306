"""What memnet brings to pytest: the fixture ``frozen_scores`` and ``--memnet-refreeze``.

pytest loads this file wherever memnet is installed, so it imports nothing but pytest until a test
asks for the fixture. ``pytest -p no:memnet`` leaves it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from memnet.compare.frozen.file import FrozenScores
    from memnet.scoring.predictor import Predictor

_REFROZEN = "memnet refrozen"
_NOTE = "memnet note"


_NAMES = ("memnet", __name__)
"""The plugin's entry point, and the module as ``-p`` or ``pytest_plugins`` may name it."""


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add ``--memnet-refreeze``."""
    for name in _NAMES:
        if pluginmanager.get_plugin(name) is None:
            pluginmanager.set_blocked(name)  # to load one plugin by two names is an error
    parser.getgroup("memnet").addoption(
        "--memnet-refreeze",
        action="store_true",
        help="rewrite the files of frozen_scores with the scores of today",
    )


@pytest.fixture
def frozen_scores(request: pytest.FixtureRequest) -> FrozenChecker:
    """Hold a model to its frozen scores: ``frozen_scores.check("frozen.json")``.

    The file is made by ``memnet freeze``. Scores must be equal bit for bit where the environment
    is the same, and within the file's tolerance elsewhere.
    """
    return FrozenChecker(request)


class FrozenChecker:
    """What the fixture ``frozen_scores`` gives to a test."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._here = request.path.parent
        self._root = request.config.rootpath
        self._refreeze = bool(request.config.getoption("--memnet-refreeze"))
        self._properties: list[tuple[str, object]] = request.node.user_properties

    def check(
        self,
        path: str | Path,
        *,
        model: str | Path | Predictor | None = None,
        images: str | Path | Sequence[str | Path] | None = None,
    ) -> None:
        """Score the frozen pictures again, and fail where a score no longer holds.

        With ``--memnet-refreeze`` the file is written anew instead, from whatever pictures lie
        now where the frozen ones were collected; the test then counts as ``refrozen``, and the
        terminal summary says what became of the scores. A file that would not change stays as it
        is.

        Parameters
        ----------
        path : the frozen file; this and every other path is relative to the test's file.
        model : the model, where the file's own name of it does not lead to it: a ``Predictor``
            made by the laboratory, a name, or a ``.safetensors`` file. None loads the model that
            the file names, on the CPU if it was frozen there.
        images : where pictures are collected from when the file is written, and looked for that
            are not frozen. With ``model`` it lets ``--memnet-refreeze`` make a file that is not
            there yet. None takes the places that the file names.

        Raises
        ------
        AssertionError
            with a table of the pictures that moved, and of everything that changed since they
            were frozen (weights, preprocessing, versions, processor, picture files).
            Also where nothing can be compared: no file, no weights, a missing picture. A test of
            frozen scores never skips itself, since nobody would notice that it stopped testing;
            where the weights cannot be expected, load the model in a fixture that skips, and hand
            it over as ``model``.
        """
        __tracebackhide__ = True
        from memnet.errors import MemnetError

        file = self._here / path
        given = [images] if isinstance(images, (str, Path)) else images
        sources = None if given is None else [self._here / image for image in given]
        if isinstance(model, Path) or (isinstance(model, str) and ".safetensors" in model):
            model = str(self._here / model)  # FILE.safetensors, or FILE.safetensors:VARIANT
        try:
            self._act(file, model, sources)
        except MemnetError as error:
            raise AssertionError(str(error)) from None

    def _act(
        self, file: Path, model: str | Path | Predictor | None, images: Sequence[Path] | None
    ) -> None:
        __tracebackhide__ = True
        from memnet.compare.frozen.check import check
        from memnet.compare.frozen.file import FrozenScores
        from memnet.errors import MemnetError

        shown = self._shown(file)
        if self._refreeze:
            before = FrozenScores.read(file) if file.exists() else None
            if before is None and (model is None or images is None):
                raise MemnetError(
                    f"There is no frozen file {file}; make it with `memnet freeze`, or give the "
                    "check model= and images= and run pytest with --memnet-refreeze."
                )
            predictor = _load(model, before, file)
            self._note(_REFROZEN, f"{shown}: {_rewrite(file, before, predictor, images)}")
            return
        frozen = FrozenScores.read(file)
        verdict = check(frozen, _load(model, frozen, file), path=file, images=images)
        if not verdict.holds:
            raise AssertionError(verdict.message(shown))
        for note in verdict.notes():
            self._note(_NOTE, f"{shown}: {note}")

    def _shown(self, file: Path) -> str:
        from memnet.util.paths import relative_path

        return relative_path(file, self._root).as_posix()

    def _note(self, kind: str, sentence: str) -> None:
        """Leave a sentence for the terminal summary; it travels with the test's report."""
        self._properties.append((kind, sentence))


def _load(
    model: str | Path | Predictor | None, frozen: FrozenScores | None, file: Path
) -> Predictor:
    from memnet.scoring.predictor import load

    if model is not None and not isinstance(model, (str, Path)):
        return model
    device = "cpu" if frozen is None or frozen.environment.get("device") == "cpu" else "auto"
    if model is None:
        assert frozen is not None
        of_a_file = frozen.model.endswith(".safetensors")
        model = str(file.parent / frozen.model) if of_a_file else frozen.model
        model += f":{frozen.variant}" if frozen.variant else ""
    return load(model, device=device)


def _rewrite(
    file: Path,
    before: FrozenScores | None,
    predictor: Predictor,
    images: Sequence[str | Path] | None,
) -> str:
    """Freeze again, and return a clause about what that did."""
    from dataclasses import replace

    from memnet.compare.frozen.check import describe_refreeze
    from memnet.compare.frozen.file import freeze
    from memnet.data.pictures import collect
    from memnet.errors import MemnetError

    kept: dict[str, Any] = {}
    if before is not None:
        kept = {"batch_size": before.batch_size, "tolerance": before.tolerance}
        images = images or [file.parent / image for image in before.images]
    assert images is not None
    inputs = collect(images)
    if before is not None:
        there = {item.image_id for item in inputs.items}
        gone = [p.image_id for p in before.pictures if p.image_id not in there]
        if gone:
            raise MemnetError(
                f"{len(gone)} frozen picture(s) are missing ({', '.join(gone[:5])}), "
                "and --memnet-refreeze leaves none out; bring them back, or make the file anew "
                "with `memnet freeze --force`."
            )
    now = freeze(predictor, inputs, images=images, out=file, **kept)
    if before is not None and replace(now, created=before.created) == before:
        return "nothing changed, the file stays as it is"
    now.write(file)
    return describe_refreeze(before, now)


def _sentences(report: object, kind: str) -> list[str]:
    """Choose our sentences among what any test may have left there, in any form."""
    properties = getattr(report, "user_properties", [])
    pairs = [entry for entry in properties if isinstance(entry, (tuple, list)) and len(entry) == 2]
    return [str(text) for name, text in pairs if isinstance(name, str) and name == kind]


def pytest_report_teststatus(report: Any) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Count a passed test that has rewritten its frozen file as ``refrozen``."""
    if report.when == "call" and report.passed and _sentences(report, _REFROZEN):
        return "refrozen", "R", ("REFROZEN", {"yellow": True})
    return None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say which files were rewritten, and what passing checks should not keep to themselves."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    for kind, title in ((_REFROZEN, "memnet: frozen anew"), (_NOTE, "memnet: frozen scores")):
        lines = dict.fromkeys(line for report in reports for line in _sentences(report, kind))
        if lines:
            terminalreporter.section(title)
            for line in lines:
                terminalreporter.line(line)

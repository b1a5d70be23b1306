"""What ``memnet train``, ``tune`` and ``table1`` ask alike: which data, and on which machine."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import typer

from memnet.cli.options import MATCH_HELP

if TYPE_CHECKING:
    import pandas as pd

    from memnet.reimpl.training.loop import Machine
    from memnet.reimpl.training.training_set import TrainingSet


def _data(default: Any, text: str, **more: Any) -> Any:
    return typer.Option(default, help=text, rich_help_panel="Data", **more)


def _probe(default: Any, text: str, **more: Any) -> Any:
    return typer.Option(default, help=text, rich_help_panel="Probe (--preset probe)", **more)


def _machine(default: Any, text: str, **more: Any) -> Any:
    return typer.Option(default, help=text, rich_help_panel="Machine", **more)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The options about data: a field is an option of the commands that take this class."""

    truth: Path | None = _data(None, "CSV, TSV, Excel or Parquet with a human score per picture.")
    images: Path | None = _data(
        None, "The folder with the pictures (of MemCat, where --memcat is given)."
    )
    truth_column: str = _data("", "The column with the human scores.")
    id_column: str = _data("", "The column with the picture's id: by default image_id.")
    split_column: str = _data(
        "", "A column with train, val or test; without it, parts are drawn at random."
    )
    strata_column: str = _data("", "Draw the parts within the groups of this column.")
    match: str = _data("exact", MATCH_HELP)
    val: str = _data("", "Validation part: a share (by default 0.2) or a number of pictures (100).")
    test: str = _data("", "Test part, never used in training: as for --val; 0 for none.")
    dataset: str = _data("", "Name of the data set (memcat, ...), to tell contaminated results.")
    lamem: Path | None = _data(None, "LaMem's folder, with splits/ and images/; with --split.")
    split: int = _data(0, "LaMem's official split, 1 to 5.", show_default=False)
    memcat: Path | None = _data(
        None, "memcat_image_data.csv, with --images; with --lamem: the mixture."
    )
    label: str = _data("", "MemCat's label: wo-fa (hit rate) or w-fa (corrected for false alarms).")
    held_out: int = _data(5_000, "Number of test pictures of the mixture.")
    data_seed: int = _data(
        2022, "Seed of the random parts; the parts are the same on every machine."
    )

    @property
    def named(self) -> tuple[str, ...]:
        """The options that were given, by their fields' names."""
        return _named(self)

    @property
    def given(self) -> bool:
        """Whether any data, or anything about them, were named."""
        return bool(self.named)

    def build(self) -> TrainingSet:
        """Read the data; options that do not go together are an error."""
        from memnet.cli.messages import say_if_misspelt
        from memnet.errors import MemnetError
        from memnet.reimpl.training import sources

        self._check_source()
        say_if_misspelt(self.dataset)
        if self.lamem and not self.split:
            raise MemnetError("--lamem needs --split, 1 to 5: its labels differ between splits.")
        if (self.truth or self.memcat) and not self.images:
            raise MemnetError("--images FOLDER is missing: where are the pictures?")
        if self.memcat and not self.label:
            raise MemnetError("--memcat needs --label, wo-fa or w-fa: they rank differently.")
        if self.split_column and self.test:
            raise MemnetError("--split-column says which pictures are tested; leave --test out.")
        parts = {
            name: _amount(name, text)
            for name, text in (("val", self.val), ("test", self.test))
            if text
        }
        if self.truth:
            assert self.images is not None
            return sources.from_table(
                self.truth,
                self.images,
                truth_column=self.truth_column,
                id_column=self.id_column,
                split_column=self.split_column,
                strata_column=self.strata_column,
                match=self.match,
                seed=self.data_seed,
                dataset=self.dataset,
                **parts,
            )
        if self.memcat and not self.lamem:
            assert self.images is not None
            return sources.from_memcat(
                self.memcat, self.images, label=self.label, seed=self.data_seed, **parts
            )
        assert self.lamem is not None
        if not self.memcat:
            return sources.from_lamem(self.lamem, split=self.split)
        assert self.images is not None
        return sources.from_mixture(
            self.lamem,
            self.memcat,
            self.images,
            split=self.split,
            label=self.label,
            held_out=self.held_out,
            seed=self.data_seed,
            **parts,
        )

    def _check_source(self) -> None:
        """Refuse options of another source than the one given: they would change nothing."""
        from memnet.errors import MemnetError

        source = tuple(name for name in ("truth", "lamem", "memcat") if getattr(self, name))
        if not source:
            raise MemnetError(
                "Which data? Give --truth FILE with --images FOLDER, or --lamem FOLDER with "
                "--split, or --memcat FILE with --images, or the last two together."
            )
        if source not in _TAKEN:
            raise MemnetError("--truth is a table of your own; leave --lamem and --memcat out.")
        what, taken = _TAKEN[source]
        strays = [name for name in self.named if name not in (*source, *taken)]
        if strays:
            named = " and no ".join(map(_option, strays))
            raise MemnetError(
                f"{what} takes no {named}; leave that out. It takes "
                f"{', '.join(map(_option, taken))}."
            )


_TABLE_COLUMNS = ("truth_column", "id_column", "split_column", "strata_column")
_TABLE = ("images", *_TABLE_COLUMNS, "match", "dataset")
_TAKEN = {
    ("truth",): ("A table of your own (--truth)", (*_TABLE, "val", "test", "data_seed")),
    ("lamem",): ("LaMem, whose splits have their own parts,", ("split",)),
    ("memcat",): ("MemCat", ("images", "label", "val", "test", "data_seed")),
    ("lamem", "memcat"): (
        "The mixture of LaMem and MemCat, whose test part is --held-out pictures,",
        ("images", "split", "label", "val", "held_out", "data_seed"),
    ),
}
"""What is trained on, by the options that name it: in words, and the options that belong to it."""


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _amount(name: str, text: str) -> float:
    """Read a share or a number of pictures."""
    from memnet.errors import MemnetError

    try:
        return int(text) if text.strip().isdigit() else float(text)
    except ValueError:
        raise MemnetError(
            f"--{name} is {text!r}; it must be a share such as 0.2, or a number of pictures."
        ) from None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProbeOptions:
    """The options of ``--preset probe`` alone."""

    backbone: str = _probe(
        "",
        "MODEL:BRANCH (resmem.published:resnet) or LIBRARY:NAME (torchvision:resnet50, timm:..., "
        "open_clip:NAME@WEIGHTS, transformers:...).",
    )
    crops: str = _probe("centre", "Features are averaged over crops: centre, five or ten.")
    folds: int = _probe(5, "Folds of the nested cross-validation, 3 or more.")
    group_column: str = _probe(
        "", "Pictures that are alike in this column (category) stay in one fold."
    )
    hits_column: str = _probe("", "Hits per picture, for the ceiling; with --responses-column.")
    responses_column: str = _probe("", "How many people saw each picture.")
    target: str = _probe(
        "", "What the human scores are: hit_rate, false_alarm_rate, corrected or d_prime."
    )

    @property
    def named(self) -> tuple[str, ...]:
        """The options that were given, by their fields' names."""
        return _named(self)

    def facts(self, data: DataOptions, ids: list[str]) -> pd.DataFrame | None:
        """Read what stands beside the human scores, indexed by id; None where nothing is wanted."""
        from memnet.data.columns import read_extras
        from memnet.data.manifest import read_manifest
        from memnet.data.memcat import read_memcat
        from memnet.errors import MemnetError

        if bool(self.hits_column) != bool(self.responses_column):
            raise MemnetError("--hits-column and --responses-column belong together: give both.")
        wanted = {
            "group": self.group_column,
            "hits": self.hits_column,
            "responses": self.responses_column,
        }
        if data.truth:
            known = read_manifest(data.truth) or {}
            if not self.hits_column and self._is_of_hits(data, known):
                wanted["hits"] = known.get("hits_column") or ""
                wanted["responses"] = known.get("responses_column") or ""
            id_column = data.id_column or known.get("id_column") or "image_id"
            source: Any = data.truth
        elif data.memcat and not data.lamem:
            id_column, source = "image_id", read_memcat(data.memcat, label=data.label).table
        elif any(wanted.values()):
            raise MemnetError(
                "--group-column, --hits-column and --responses-column are columns of --truth, or "
                "of MemCat alone; leave them out."
            )
        columns = {role: column for role, column in wanted.items() if column}
        return read_extras(source, columns, id_column=id_column, ids=ids) if columns else None

    @staticmethod
    def _is_of_hits(data: DataOptions, known: Mapping[str, Any]) -> bool:
        """Whether the human scores are the hit rates that a manifest's counts belong to."""
        same = data.truth_column in ("", known.get("truth_column"))
        return (
            same and known.get("label_kind") == "hit rate" and bool(known.get("responses_column"))
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MachineOptions:
    """The options about the machine."""

    device: str = _machine("auto", "auto, cpu or cuda.")
    devices: int = _machine(1, "GPUs, or processes on the CPU, that share each batch.", min=1)
    workers: int | None = _machine(
        None, "Processes that fetch batches: by default none on a CPU, up to 8 for a GPU.", min=0
    )
    cache: Path | None = _machine(
        None, "Folder for decoded pictures, 0.2 MB each, and outputs of frozen branches."
    )
    wandb: str = _machine("", "Log to this project of Weights & Biases, too.")

    @property
    def named(self) -> tuple[str, ...]:
        """The options that were given, by their fields' names."""
        return _named(self)

    def build(self) -> Machine:
        """Say where the run computes and keeps its pictures."""
        from memnet.reimpl.training.loop import Machine
        from memnet.weights.store import home

        return Machine(
            device=self.device,
            devices=self.devices,
            workers=self.workers,
            cache=self.cache or home() / "training",
            wandb=self.wandb,
        )


def expand_options(
    *, leave_out: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a command take all options of a class as one argument.

    Typer reads a command's options from its signature. This replaces each (keyword-only)
    parameter of type :class:`DataOptions` (or of its kin here) by the fields of the class,
    and puts them together again when the command is called; so each option stands once.

    Parameters
    ----------
    leave_out : fields that are no option of this command; they keep their default.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(command)
        groups = {name: kind for name, kind in hints.items() if kind in _GROUPS}
        parameters = []
        for name, parameter in inspect.signature(command).parameters.items():
            if name not in groups:
                parameters.append(parameter.replace(annotation=hints[name]))
                continue
            types = get_type_hints(groups[name])
            for field in _fields(groups[name], leave_out):
                parameters.append(
                    inspect.Parameter(
                        field.name,
                        inspect.Parameter.KEYWORD_ONLY,
                        default=field.default,
                        annotation=types[field.name],
                    )
                )

        @functools.wraps(command)
        def run(**given: Any) -> None:
            for name, kind in groups.items():
                left_out = {
                    field.name: getattr(field.default, "default", None)
                    for field in dataclasses.fields(kind)
                    if field.name in leave_out
                }
                taken = {field.name: given.pop(field.name) for field in _fields(kind, leave_out)}
                given[name] = kind(**taken, **left_out)
            command(**given)

        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


_GROUPS = (DataOptions, MachineOptions, ProbeOptions)


def _named(options: Any) -> tuple[str, ...]:
    return tuple(
        field.name
        for field in dataclasses.fields(options)
        if getattr(options, field.name) != getattr(field.default, "default", None)
    )


def _fields(kind: Any, leave_out: Collection[str]) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(kind) if field.name not in leave_out]


def need_lightning() -> None:
    """Say how to install what training needs, where it is not there."""
    from importlib.util import find_spec

    from memnet.errors import MemnetError

    missing = [name for name in ("lightning", "optuna", "tensorboard") if find_spec(name) is None]
    if missing:
        raise MemnetError(
            f"Training needs {', '.join(missing)}, which the extra `train` brings: "
            '`pip install "memnet-harness[train]"`.'
        )

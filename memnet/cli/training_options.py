"""What ``memnet train``, ``tune`` and ``table1`` ask alike: which data, and on which machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from memnet.reimpl.training.dataset import TrainingSet
    from memnet.reimpl.training.loop import Machine

_DATA, _MACHINE = "Data", "Machine"


def _of(panel: str, default: Any, text: str, *names: str, **more: Any) -> Any:
    return typer.Option(default, *names, help=text, rich_help_panel=panel, **more)


TRUTH = _of(_DATA, None, "CSV, TSV or Parquet with a human score per picture.")
IMAGES = _of(_DATA, None, "The folder with the pictures (of MemCat, where --memcat is given).")
TRUTH_COLUMN = _of(_DATA, "", "The column with the human scores.")
ID_COLUMN = _of(_DATA, "", "The column with the picture's id: by default image_id.")
SPLIT_COLUMN = _of(_DATA, "", "A column that says train, val or test; else the parts are drawn.")
STRATA_COLUMN = _of(_DATA, "", "Draw the parts within the groups of this column.")
VAL = _of(_DATA, "", "Validation part: a share (by default 0.2) or a number of pictures (100).")
TEST = _of(_DATA, "", "Test part, which training never looks at: as --val; 0 for none.")
DATASET = _of(_DATA, "", "Name of the data set (memcat, ...), to tell contaminated figures.")
LAMEM = _of(_DATA, None, "LaMem's folder, with splits/ and images/; with --split.")
SPLIT = _of(_DATA, 0, "LaMem's official split, 1 to 5.", show_default=False)
MEMCAT = _of(_DATA, None, "memcat_image_data.csv, with --images; with --lamem: the mixture.")
LABEL = _of(_DATA, "", "MemCat's label: wo-fa (hit rate) or w-fa (corrected for false alarms).")
HELD_OUT = _of(_DATA, 5_000, "Of the mixture: how many pictures are the test part.")
DATA_SEED = _of(_DATA, 2022, "Of the draw of the parts; the same everywhere.")

DEVICE = _of(_MACHINE, "auto", "auto, cpu or cuda.")
DEVICES = _of(_MACHINE, 1, "GPUs, or processes on the CPU, that share each batch.", min=1)
WORKERS = _of(
    _MACHINE,
    None,
    "Processes that fetch batches: by default none on a CPU, up to 8 for a GPU.",
    min=0,
)
CACHE = _of(
    _MACHINE, None, "Folder for decoded pictures, 0.2 MB each, and outputs of frozen branches."
)
WANDB = _of(_MACHINE, "", "Log to this project of Weights & Biases, too.")


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The answers about data; see the options above."""

    truth: Path | None
    images: Path | None
    truth_column: str
    id_column: str
    split_column: str
    strata_column: str
    val: str
    test: str
    dataset: str
    lamem: Path | None
    split: int
    memcat: Path | None
    label: str
    held_out: int
    data_seed: int

    @property
    def given(self) -> bool:
        """Whether any data were named."""
        return bool(self.truth or self.lamem or self.memcat)

    def build(self) -> TrainingSet:
        """Read the data; options that do not go together are an error."""
        from memnet.errors import MemnetError
        from memnet.reimpl.training import sources

        if not self.given:
            raise MemnetError(
                "Which data? Give --truth FILE with --images FOLDER, or --lamem FOLDER with "
                "--split, or --memcat FILE with --images, or the last two together."
            )
        if self.truth and (self.lamem or self.memcat):
            raise MemnetError("--truth is a table of your own; leave --lamem and --memcat out.")
        if self.lamem and not self.split:
            raise MemnetError("--lamem needs --split, 1 to 5: its labels differ between splits.")
        if (self.truth or self.memcat) and not self.images:
            raise MemnetError("--images FOLDER is missing: where are the pictures?")
        if self.memcat and not self.label:
            raise MemnetError("--memcat needs --label, wo-fa or w-fa: they rank differently.")
        parts: dict[str, float] = {}
        for name, text in (("val", self.val), ("test", self.test)):
            if text:
                parts[name] = _amount(name, text)
        if self.split_column and "test" in parts:
            raise MemnetError("--split-column says which pictures are tested; leave --test out.")
        if self.truth:
            assert self.images is not None
            return sources.from_table(
                self.truth,
                self.images,
                truth_column=self.truth_column,
                id_column=self.id_column,
                split_column=self.split_column,
                strata_column=self.strata_column,
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
            if parts:
                raise MemnetError("LaMem's splits have their own parts; leave --val, --test out.")
            return sources.from_lamem(self.lamem, split=self.split)
        if "test" in parts:
            raise MemnetError("The mixture's test part is --held-out pictures; leave --test out.")
        assert self.images is not None
        drawn = {"val": parts["val"]} if "val" in parts else {}
        return sources.from_mixture(
            self.lamem,
            self.memcat,
            self.images,
            split=self.split,
            label=self.label,
            held_out=self.held_out,
            seed=self.data_seed,
            **drawn,
        )


def _amount(name: str, text: str) -> float:
    """Read a share or a number of pictures."""
    from memnet.errors import MemnetError

    try:
        return int(text) if text.strip().isdigit() else float(text)
    except ValueError:
        raise MemnetError(
            f"--{name} is {text!r}; it must be a share such as 0.2, or a number of pictures."
        ) from None


def machine_of(
    device: str, devices: int, workers: int | None, cache: Path | None, wandb: str
) -> Machine:
    """Put the answers about the machine together."""
    from memnet.reimpl.training.loop import Machine
    from memnet.weights.store import home

    return Machine(
        device=device,
        devices=devices,
        workers=workers,
        cache=cache or home() / "training",
        wandb=wandb,
    )


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

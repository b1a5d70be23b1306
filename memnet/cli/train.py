"""``memnet train``: the paper's models on one's own pictures."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from memnet.cli.browser import OPEN_HELP, open_page
from memnet.cli.train_probe import PROBE, train_a_probe
from memnet.cli.training_options import (
    DataOptions,
    MachineOptions,
    ProbeOptions,
    expand_options,
    need_lightning,
)

if TYPE_CHECKING:
    from memnet.reimpl.training.config import TrainConfig
    from memnet.reimpl.training.training_set import TrainingSet

_SETTINGS = "Settings (by default as in the preset or the file)"


def _setting(text: str, default: Any = None, *names: str) -> Any:
    return typer.Option(default, *names, help=text, rich_help_panel=_SETTINGS)


@expand_options()
def train(
    *,
    out: Path = typer.Option(
        ..., file_okay=False, help="The run's folder. A run that was begun there goes on."
    ),
    preset: str = typer.Option("", help="memnet, memnet96, resmem, resmem-retrain, m3m or probe."),
    config: Path | None = typer.Option(None, help="Settings as TOML, over those of the preset."),
    data: DataOptions,
    start: list[str] = _setting(
        "BRANCH=SOURCE, repeat for several: random, imagenet, coco, a model's name or a weight "
        "file (resnet=resmem.published).",
        [],
    ),
    freeze: list[str] | None = _setting(
        "A branch that is not trained (resnet, convolutions, segmentation); repeat for several, "
        "or `none`."
    ),
    learning_rate: float | None = _setting("Of stochastic gradient descent."),
    momentum: float | None = _setting("Of stochastic gradient descent."),
    weight_decay: float | None = _setting("Of stochastic gradient descent."),
    batch_size: int | None = _setting("Pictures per step, over all devices.", None, "--batch-size"),
    epochs: int | None = _setting("At most."),
    patience: int | None = _setting("Validations without a better Spearman before it stops."),
    crop: str | None = _setting("centre or random."),
    mirror: bool | None = _setting("Mirror half of the pictures.", None, "--mirror/--no-mirror"),
    cache_frozen: bool | None = _setting(
        "Compute the outputs of frozen branches once.", None, "--cache-frozen/--no-cache-frozen"
    ),
    validations_per_epoch: int | None = _setting("n: after every (batches // n)-th batch."),
    precision: str | None = _setting("32, bf16 or 16 (mixed)."),
    seed: int | None = _setting("Seed of weights, order, crops and dropout."),
    probe: ProbeOptions,
    machine: MachineOptions,
    open_report: bool = typer.Option(False, "--open", help=OPEN_HELP),
) -> None:
    """Train MemNet, ResMem, ResMemRetrain or M3M (Needell & Bainbridge 2022), or fit a probe.

    \b
    memnet train --preset resmem --truth human.csv --truth-column hit_rate \\
        --images pictures/ --out runs/mine

    OUT/best.safetensors is then scored with by `memnet score --model`, and OUT/report.html
    says how the run went. After a kill the same command goes on, as does --out alone.

    A probe is a ridge regression on the features of a frozen backbone: minutes, not hours.

    \b
    memnet train --preset probe --backbone torchvision:resnet50 --truth human.csv \\
        --truth-column hit_rate --group-column category --images pictures/ --out runs/probe
    """
    changes: dict[str, Any] = {
        "learning_rate": learning_rate,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "batch_size": batch_size,
        "epochs": epochs,
        "patience": patience,
        "crop": crop,
        "mirror": mirror,
        "cache_frozen": cache_frozen,
        "validations_per_epoch": validations_per_epoch,
        "precision": precision,
        "seed": seed,
        "freeze": None if not freeze else () if freeze == ["none"] else tuple(freeze),
        "starts": _starts(start),
    }
    changes = {name: value for name, value in changes.items() if value not in (None, {})}
    if preset == PROBE:
        _refuse(
            "The preset probe takes no",
            [*changes, *(["config"] if config else [])],
            "there is no network to train",
        )
        train_a_probe(probe, data, machine, out, open_report=open_report)
        return
    _refuse("Only the preset probe takes", probe.named, "say --preset probe")
    need_lightning()
    from memnet.cli.messages import command_line, say_some
    from memnet.errors import MemnetError, StoppedError
    from memnet.experiments.train import is_finished
    from memnet.experiments.train import train as run
    from memnet.reimpl.training.config import read_config
    from memnet.reimpl.training.run_folder import read_run
    from memnet.util.messages import say

    try:
        settings, built = None, None
        if preset or config or changes or data.given:
            if not (preset or config):
                raise MemnetError(
                    "Settings or data were given without --preset or --config: give one of them "
                    "to begin a run, or --out alone to go on with one."
                )
            settings = read_config(preset, config, changes)
            built = data.build()
            _introduce(built, settings)
        if is_finished(out, read_run(out)):
            say(f"{out} holds a run that is finished; nothing is trained")
        record = run(settings, built, out, machine.build(), command=command_line())
    except KeyboardInterrupt:
        raise StoppedError(
            f"interrupted; what was finished is kept in {out}, and the same command goes on."
        ) from None
    listed = [s for s in record["warnings"] if built is None or s not in built.set_aside]
    say_some(listed, "in run.json")
    for notice in record["licence_notices"]:
        say(notice)
    _print(record, out)
    if open_report:
        open_page(out / "report.html")
    set_aside = built is not None and built.set_aside
    judged = not (record.get("test") or {}).get("why_not")
    if record["failed_pictures"] or set_aside or not record["best"] or not judged:
        raise typer.Exit(1)


def _refuse(what: str, given: Collection[str], why: str) -> None:
    """Refuse options that would change nothing."""
    from memnet.errors import MemnetError

    if given:
        named = " and no ".join(f"--{name.replace('_', '-')}" for name in given)
        if what.startswith("Only"):
            named = named.replace(" and no ", " and ")
        raise MemnetError(f"{what} {named}: {why}, or leave that out.")


def _introduce(data: TrainingSet, config: TrainConfig) -> None:
    """Say what will be trained on, and whether that promises anything."""
    from memnet.cli.messages import say_some
    from memnet.util.messages import say

    for sentence in data.description.get("notes", ()):
        say(sentence)
    say_some(data.set_aside, "left out of the run")
    say(", ".join(f"{data.count(part):,} {part}" for part in ("train", "val", "test")))
    if advice := config.advice(data.count("train")):
        say(advice)


def _starts(given: list[str]) -> dict[str, str]:
    from memnet.errors import MemnetError

    weights = {}
    for text in given:
        branch, equals, source = text.partition("=")
        if not (branch and equals and source):
            raise MemnetError(f"--start is {text!r}; it must be BRANCH=SOURCE (resnet=imagenet).")
        weights[branch] = source
    return weights


def _print(run: dict[str, Any], out: Path) -> None:
    """Say what came of it: the data on stdout, where things are on stderr."""
    from memnet.reimpl.training.run_folder import TEST, WEIGHTS
    from memnet.util.messages import say

    best = run["best"]
    print(f"status       {run['status']}")
    if not best:
        say(
            "no validation had predictions that differ from picture to picture, so there are no "
            f"weights to keep: try a lower learning_rate than {run['config']['learning_rate']:g}"
        )
        return
    word = run["data"]["contamination"]
    reached = f"Spearman {best['val_spearman']:.3f}, MSE {best['val_loss']:.4f}"
    print(f"best epoch   {best['epoch']:g}")
    print(f"validation   {reached} ({word})")
    if (out / TEST / "record.json").is_file():
        print(f"test         see {out / TEST / 'report.html'}")
    if run["seconds"] and run["pictures_per_second"]:
        print(f"training     {run['seconds']:.0f} s, {run['pictures_per_second']:.1f} pictures/s")
    say(f"weights in {out / WEIGHTS}, and the page is {out / 'report.html'}")

"""``memnet train --preset probe``: ridge regression on features of a frozen backbone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from memnet.cli.browser import open_page
from memnet.cli.training_options import DataOptions, MachineOptions, ProbeOptions

PROBE = "probe"
_NOT_OF_PROBES = ("devices", "workers", "wandb")


def train_a_probe(
    probe: ProbeOptions,
    data: DataOptions,
    machine: MachineOptions,
    out: Path,
    *,
    open_report: bool,
) -> None:
    """Fit a probe and print how well it predicts pictures that it has not seen."""
    from memnet.cli.messages import command_line, say_some
    from memnet.errors import MemnetError, StoppedError
    from memnet.util.messages import say

    if not probe.backbone:
        raise MemnetError(
            "Features of which backbone? Give --backbone, for example resmem.published:resnet, "
            "torchvision:resnet50 or timm:vit_base_patch16_224."
        )
    if strays := [name for name in machine.named if name in _NOT_OF_PROBES]:
        raise MemnetError(f"The preset probe takes no --{strays[0]}; leave that out.")
    if data.val:
        raise MemnetError(
            "The preset probe takes no --val: its penalty is chosen by cross-validation, and all "
            "pictures but those of --test are fitted to; leave that out."
        )
    from memnet.experiments.probe import ProbeSettings, say_results, train_probe
    from memnet.weights.store import home

    built = _for_folds(data).build()
    for sentence in built.description.get("notes", ()):
        say(sentence)
    say_some(built.set_aside, "left out of the run")
    fitted = built.table["part"] != "test"
    facts = probe.facts(data, built.table["image_id"][fitted].tolist())
    settings = ProbeSettings(
        backbone=probe.backbone,
        crops=probe.crops,
        folds=probe.folds,
        seed=data.data_seed,
        group_column=probe.group_column,
        target=_target(probe.target, built.description),
    )
    try:
        record = train_probe(
            settings,
            built,
            out,
            beside=facts,
            cache=machine.cache or home() / "training",
            device=machine.device,
            command=command_line(),
        )
    except KeyboardInterrupt:
        raise StoppedError(
            "interrupted; the features that were computed are kept, and the same command goes on."
        ) from None
    say_results(record)
    _print(record, out)
    if open_report:
        open_page(out / "report.html")
    judged = record["test"] or {"unread": [], "why_not": ""}
    if record["failed"] or built.set_aside or judged["unread"] or judged["why_not"]:
        raise typer.Exit(1)


def _target(asked: str, described: Mapping[str, Any]) -> str:
    """Settle what the human scores are: as asked or as the manifest says, else hit rates."""
    from memnet.data.manifest import LABEL_TARGETS
    from memnet.data.targets import HIT_RATE, check_target, target_in_name, target_words
    from memnet.errors import MemnetError

    stated = LABEL_TARGETS.get(described.get("label_kind") or "", "")
    if asked:
        check_target(asked)
        if stated and stated != asked:
            raise MemnetError(
                f"The human scores are {target_words(stated)} by their manifest, and --target "
                f"{asked}; leave --target out."
            )
        return asked
    column = str(described.get("label_column") or "")
    hint = target_in_name(column)
    if not stated and hint not in ("", HIT_RATE):
        raise MemnetError(
            f"The column {column!r} seems to hold {target_words(hint)}: say --target {hint}, or "
            f"--target {HIT_RATE} if it does not."
        )
    return stated or HIT_RATE


def _for_folds(data: DataOptions) -> DataOptions:
    """Draw folds of all pictures, unless a test part was asked for: they are honest already.

    A validation part is fitted to like the rest, so the smallest that there can be is drawn.
    """
    drawn = bool(data.truth) != bool(data.memcat) and not data.lamem and not data.split_column
    return dataclasses.replace(data, test=data.test or "0", val="2") if drawn else data


def _print(record: dict[str, Any], out: Path) -> None:
    """Say what came of it: the data on stdout, where things are on stderr."""
    from memnet.experiments.probe_tables import error_text, rho_text
    from memnet.reimpl.training.run_folder import TEST, WEIGHTS
    from memnet.util.messages import say

    held, word = record["held_out"], record["data"]["contamination"]
    print(f"held out     {rho_text(held)}, mean over {len(record['folds'])} folds ({word})")
    print(f"             {error_text(held)}")
    print(f"backbone     {record['backbone']['name']}, {record['backbone']['features']:,} features")
    if (out / TEST / "record.json").is_file():
        print(f"test         see {out / TEST / 'report.html'}")
    say(f"weights in {out / WEIGHTS}, and the page is {out / 'report.html'}")

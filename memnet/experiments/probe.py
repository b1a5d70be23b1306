"""``memnet train --preset probe``: ridge regression on features of a frozen backbone.

The value that counts is that of pictures held out: each is predicted by a regression whose weights
and whose penalty were chosen without its fold (:mod:`memnet.stats.ridge`). The weight file that is
kept is fitted to all pictures but those of the test part.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from memnet import __version__
from memnet.compare.comparison import MOST_ALONE, compare_scores
from memnet.compare.report.render import write_report
from memnet.data.contamination import DatasetName, judge_contamination
from memnet.data.sidecar import SIDECAR_VERSION, sidecar_path
from memnet.data.splits import draw_folds
from memnet.data.targets import check_target
from memnet.errors import MemnetError
from memnet.experiments.probe_page import write_probe_page
from memnet.experiments.probe_results import FRACTIONS, judge_folds
from memnet.experiments.test_part import judge_test_part
from memnet.preprocess.spec import OutputSpec
from memnet.reimpl.probe.backbone import Backbone
from memnet.reimpl.probe.backbones import find_backbone
from memnet.reimpl.probe.features import compute_features, make_probe
from memnet.reimpl.probe.network import ARCH, Probe
from memnet.reimpl.training.run_folder import WEIGHTS, lock_folder, write_json
from memnet.reimpl.training.training_set import TrainingSet
from memnet.scoring.named import identity_of
from memnet.scoring.numeric_environment import scoring_environment
from memnet.stats.ridge import NestedRidge, held_out_at, nested_ridge
from memnet.util.arrays import Array
from memnet.util.atomic import write_text
from memnet.util.csv_text import to_csv_text
from memnet.util.json_text import parse_json, read_json_text
from memnet.util.messages import say
from memnet.util.versions import environment
from memnet.weights.digests import tensors_digest
from memnet.weights.files import SourceFile, WeightHeader, new_header, write_weights

RECORD, HELD_OUT, REPORT = "probe.json", "held-out.csv", "held-out"
FORMAT, SCHEMA_VERSION = "memnet probe", 1
OUTPUT = OutputSpec(crop_reduction="mean", subtract=0.0, multiply=1.0, add=0.0, clamp="none")
SOURCES = (
    "Hoerl & Kennard (1970), Technometrics 12, 55-67 (ridge regression); Varma & Simon (2006), BMC "
    "Bioinformatics 7, 91 (nested cross-validation)"
)


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """What decides a probe, beside its data.

    Attributes
    ----------
    backbone : its name (:func:`memnet.reimpl.probe.backbones.find_backbone`).
    crops : a word of :data:`memnet.reimpl.probe.backbone.CROPS`.
    folds : how many, 3 or more.
    seed : of folds drawn at random, and of the intervals.
    group_column : what the groups that stay whole are, "" for none; for the record.
    target : what the human scores are (:data:`memnet.data.targets.TARGETS`).
    """

    backbone: str
    crops: str = "centre"
    folds: int = 5
    seed: int = 2022
    group_column: str = ""
    target: str = "hit_rate"


def train_probe(
    settings: ProbeSettings,
    data: TrainingSet,
    out: Path,
    *,
    beside: pd.DataFrame | None = None,
    cache: Path,
    device: str = "auto",
    command: str = "",
) -> dict[str, Any]:
    """Fit a probe, say how well it predicts pictures that it has not seen, and write it all.

    Features that were computed before are taken from ``cache``, also after a kill.

    Parameters
    ----------
    settings : see :class:`ProbeSettings`.
    data : its training and validation parts are fitted to, in folds; the test part is judged by
        the written weight file.
    out : the folder: ``best.safetensors``, ``held-out.csv``, ``held-out/`` and ``test/`` (reports),
        ``probe.json``, ``report.html``.
    beside : indexed by picture: ``group``, whose pictures stay in one fold; ``hits`` and
        ``responses``, for the ceiling. Any of them, or None.
    cache : folder of the features.
    device : ``"auto"``, ``"cpu"`` or ``"cuda"``.
    command : the command line, for the record.

    Returns
    -------
    dict
        the content of ``probe.json``.

    Raises
    ------
    MemnetError
        if the backbone is not to be had, there are too few pictures or groups, or the folder holds
        something else.
    """
    # What can be refused is refused before anything is written or computed.
    check_target(settings.target)
    _check_folds(settings, data, beside)
    backbone, computed_on = find_backbone(settings.backbone), _device(device)
    with lock_folder(out):
        _claim(out, settings, data)
        return _train(settings, backbone, data, out, beside, cache, computed_on, command)


def _check_folds(settings: ProbeSettings, data: TrainingSet, beside: pd.DataFrame | None) -> None:
    """Refuse folds that cannot be drawn, and say where whole groups make fewer than asked for."""
    fitted = data.table[data.table["part"] != "test"]
    if fitted["score"].nunique() == 1:
        raise MemnetError(
            f"All human scores are {fitted['score'].iloc[0]:g}: there is nothing to predict. Is it "
            "the right column?"
        )
    ids = fitted["image_id"].tolist()
    groups = None if beside is None or "group" not in beside else beside.loc[ids, "group"].tolist()
    if groups is not None:
        sizes = Counter(groups)
        named = len(sizes)
        alone = sum(size == 1 for size in sizes.values())
        if alone > MOST_ALONE * len(ids):
            raise MemnetError(
                f"Column {settings.group_column!r} has {named:,} different values for "
                f"{len(ids):,} pictures, and {alone:,} pictures are alone in their group: that "
                "keeps nothing together; name a coarser column with --group-column, or leave it "
                "out."
            )
        if 3 <= named < settings.folds:
            say(f"{named} groups make {named} folds, not {settings.folds}: each stays whole.")
    draw_folds(ids, settings.folds, settings.seed, groups)


def _train(
    settings: ProbeSettings,
    backbone: Backbone,
    data: TrainingSet,
    out: Path,
    beside: pd.DataFrame | None,
    cache: Path,
    device: torch.device,
    command: str,
) -> dict[str, Any]:
    spec = backbone.probe_spec(settings.crops)
    probe = make_probe(backbone)
    digest = backbone.digest()
    rows = data.table[data.table["part"] != "test"].reset_index(drop=True)
    started = time.perf_counter()
    features = compute_features(
        probe, spec, rows["path"].tolist(), folder=cache, digest=digest, device=device
    )
    probe.to("cpu")
    seconds = {"features": time.perf_counter() - started}
    failed = [f"{rows['image_id'][row]}: {why}" for row, why in sorted(features.failed.items())]
    there = np.array([row not in features.failed for row in range(len(rows))])
    if there.sum() < 2 * settings.folds:
        first = f" ({failed[0]})" if failed else ""
        raise MemnetError(
            f"{there.sum():,} pictures could be read{first}, too few for {settings.folds} folds."
        )
    rows, values = rows[there].reset_index(drop=True), features.values[there]
    ids, truth = rows["image_id"].tolist(), rows["score"].to_numpy(np.float64)
    facts = None if beside is None else beside.loc[ids]
    groups = None if facts is None or "group" not in facts else facts["group"].tolist()
    folds = draw_folds(ids, settings.folds, settings.seed, groups)
    started = time.perf_counter()
    nested = nested_ridge(values, truth, folds)
    seconds["regression"] = time.perf_counter() - started
    started = time.perf_counter()
    curve = _learning_curve(values, truth, folds, nested, ids, settings.seed)
    seconds["learning curve"] = time.perf_counter() - started
    header = _write_weights(out / WEIGHTS, probe, nested, backbone, settings, data, digest, spec)
    names = _fold_names(data, ids, folds)
    held_out_model = _write_held_out(out, header, backbone, rows, nested, folds, names, command)
    _report_held_out(out, rows, facts, folds, settings, names[1], command)
    verdict = judge_contamination(held_out_model["trained_on"], names[1])
    results = judge_folds(nested, truth, folds, groups, curve, seed=settings.seed)
    record: dict[str, Any] = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "model": header.name,
        "settings": asdict(settings),
        "backbone": _about(backbone, values.shape[1], digest),
        "data": {
            "digest": data.digest(),
            "counts": {"fitted": len(ids), "test": data.count("test")},
            "description": data.description,
            "trained_on": None if header.trained_on is None else list(header.trained_on),
            "held_out_name": names[1],
            "contamination": verdict.word,
            "contamination_why": verdict.why,
        },
        **results,
        "seconds": seconds | {"pictures computed": features.computed},
        "failed": failed,
        "test": None,
        "command": command,
        "environment": {**environment(), **scoring_environment(device)},
        "memnet_version": __version__,
    }
    if data.count("test"):
        try:
            unread = judge_test_part(out, data, device.type, command, settings.target)
            record["test"] = {"unread": unread, "why_not": ""}
        except MemnetError as error:  # not one of the pictures can be read, say
            record["test"] = {"unread": [], "why_not": str(error)}
    write_json(out / RECORD, record)
    write_probe_page(out, record)
    return record


def _device(name: str) -> torch.device:
    if name == "auto":  # as in training, which takes no GPU of Apple's
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise MemnetError("The device 'cuda' cannot be used here: PyTorch sees no such GPU.")
    return torch.device(name)


def _claim(out: Path, settings: ProbeSettings, data: TrainingSet) -> None:
    """Make sure that a folder is empty, or holds this very probe, or nothing of another one yet."""
    wanted = {**asdict(settings), "data": data.digest(), "called": list(data.trained_on)}
    begun = out / ".probe.json"
    finished = any(not path.name.startswith(".") for path in out.iterdir())
    try:
        before = parse_json(read_json_text(begun))
    except (OSError, ValueError):
        if finished:
            raise MemnetError(
                f"{out} holds files that are no probe; choose another --out."
            ) from None
        before = {}
    changed = [name for name in wanted if before and before.get(name) != wanted[name]]
    if changed and finished:
        raise MemnetError(
            f"{out} holds another probe (different: {', '.join(changed)}); choose another --out."
        )
    write_json(begun, wanted)


def _learning_curve(
    features: Array, truth: Array, folds: Any, nested: NestedRidge, ids: list[str], seed: int
) -> dict[float, Array]:
    """Predict held-out pictures by regressions fitted to a share of the others, drawn by id."""
    order = [hashlib.sha256(f"curve {seed}:{each}".encode()).digest() for each in ids]
    place = np.empty(len(ids), dtype=np.intp)
    for fold in range(int(folds.max()) + 1):  # the same share of every fold
        inside = np.flatnonzero(folds == fold)
        place[sorted(inside, key=lambda row: order[row])] = np.arange(len(inside))
    sizes = np.bincount(folds)[folds]
    curve = {
        share: held_out_at(features, truth, folds, nested.fold_penalties, place < share * sizes)
        for share in FRACTIONS
    }
    return {share: each for share, each in curve.items() if np.isfinite(each).all()}


def _fitted_to(data: TrainingSet) -> list[str]:
    """Name what the weight file has seen: the whole data set, where no part was kept for a test."""
    if data.count("test"):
        return list(data.trained_on)
    return list(dict.fromkeys(DatasetName.parse(name).base for name in data.trained_on))


def _fold_names(data: TrainingSet, ids: list[str], folds: Any) -> tuple[str, str]:
    """Name what a held-out prediction was fitted to, and what it is tested on.

    Both are parts of one split, which share no picture.
    """
    base = DatasetName.parse(data.trained_on[0]).base
    lines = "".join(sorted(f"{each}\0{fold}\n" for each, fold in zip(ids, folds, strict=True)))
    split = f"folds-{hashlib.sha256(lines.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    return f"{base}:train:{split}", f"{base}:test:{split}"


def _write_weights(
    path: Path,
    probe: Probe,
    nested: NestedRidge,
    backbone: Backbone,
    settings: ProbeSettings,
    data: TrainingSet,
    digest: str,
    spec: Any,
) -> WeightHeader:
    with torch.no_grad():
        probe.linear.weight[0] = torch.from_numpy(nested.ridge.weights)
        probe.linear.bias[0] = nested.ridge.intercept
    tensors = {name: tensor.detach().cpu() for name, tensor in probe.state_dict().items()}
    numbers = tensors_digest(tensors)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", path.parent.resolve().name).strip("-") or "run"
    seen = backbone.trained_on
    header = new_header(
        name=f"{ARCH}.{name}",
        arch=ARCH,
        sources=(
            SourceFile(role="weights", name="ridge regression", sha256=numbers),
            SourceFile(role="start", name=backbone.name, sha256=digest, note="backbone"),
        ),
        tensors_sha256=numbers,
        licence="; ".join(filter(None, ["the trainer's own", f"backbone: {backbone.licence}"])),
        licence_notice=backbone.licence_notice,
        citation="; ".join(filter(None, [SOURCES, backbone.citation])),
        trained_on=None if seen is None else tuple(dict.fromkeys([*seen, *_fitted_to(data)])),
        remark="; ".join(filter(None, [f"ridge regression on {backbone.name}", backbone.remark])),
        preprocess=spec,
        output=OUTPUT,
        target=settings.target,
        pretrained_on=backbone.pretrained_on,
    )
    write_weights(path, tensors, header)
    return header


def _write_held_out(
    out: Path,
    header: WeightHeader,
    backbone: Backbone,
    rows: pd.DataFrame,
    nested: NestedRidge,
    folds: Any,
    names: tuple[str, str],
    command: str,
) -> dict[str, Any]:
    """Write each picture's held-out prediction as a score table, and what made it beside it."""
    table = pd.DataFrame(
        {
            "image_id": rows["image_id"],
            "model": header.name,
            "score": nested.held_out,
            "fold": folds + 1,
        }
    )
    seen = backbone.trained_on
    identity = identity_of(
        replace(
            header,
            trained_on=None if seen is None else (*seen, names[0]),
            remark=f"{header.remark}; predictions of {int(folds.max()) + 1} regressions, each of "
            "pictures that it was not fitted to; the regressions differ in level, which alone "
            "pulls rho over all pictures down, below zero where it is weak: the value to report is "
            f"the mean over folds, in ../report.html; as a data set these are {names[1]}",
        )
    )
    identity |= {"weights_sha256": "", "tensors_sha256": ""}  # several regressions, not the file
    about = {"sidecar_version": SIDECAR_VERSION, "models": {header.name: identity}}
    text = json.dumps(about | {"command": command}, indent=2, ensure_ascii=False)
    write_text(out / HELD_OUT, to_csv_text(table))
    write_text(sidecar_path(out / HELD_OUT), text + "\n")
    return identity


def _report_held_out(
    out: Path,
    rows: pd.DataFrame,
    facts: pd.DataFrame | None,
    folds: Any,
    settings: ProbeSettings,
    dataset: str,
    command: str,
) -> None:
    """Compare the held-out predictions with the human scores, as any score table is compared."""
    table = rows[["image_id", "score"]].rename(columns={"score": "human_score"})
    table = table.assign(fold=folds + 1)
    given: dict[str, Any] = {}
    if facts is not None:
        table = pd.concat([table, facts.reset_index(drop=True)], axis=1)
        roles = {"group": "strata_column", "hits": "hits_column", "responses": "responses_column"}
        given = {role: column for column, role in roles.items() if column in facts}
    truth = out / REPORT / "truth.csv"
    write_text(truth, to_csv_text(table))
    record = compare_scores(
        truth,
        [out / HELD_OUT],
        truth_column="human_score",
        dataset=dataset,
        target=settings.target,
        seed=settings.seed,
        command=command or "memnet train --preset probe",
        **given,
    )
    write_report(record, out / REPORT)


def _about(backbone: Backbone, features: int, digest: str) -> dict[str, Any]:
    seen = backbone.trained_on
    return {
        "name": backbone.name,
        "features": features,
        "sha256": digest,
        "trained_on": None if seen is None else list(seen),
        "pretrained_on": list(backbone.pretrained_on),
        "licence": backbone.licence,
        "licence_notice": backbone.licence_notice,
        "citation": backbone.citation,
        "remark": backbone.remark,
        "resize_hw": list(backbone.spec.resize_hw),
        "crop_hw": list(backbone.spec.crop_hw),
    }


def say_results(record: Mapping[str, Any]) -> None:
    """Say on stderr what must be known before the numbers are read."""
    for sentence in record["failed"]:
        say(sentence)
    if notice := record["backbone"]["licence_notice"]:
        say(notice)

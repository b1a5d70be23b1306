"""The tables of a training run's page, as cells of text: functions of what its folder holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from memnet.compare.record import RunRecord
from memnet.compare.report.digits import decimals, fixed, rounded
from memnet.compare.report.table_model import Cell, Column, Table, number_columns
from memnet.compare.report.tables import value_cell
from memnet.experiments.training_figures import plain
from memnet.experiments.training_run import tested_model
from memnet.reimpl.training.run_folder import Row, finite

_MOST_ROWS = 60
"""More validations than this are not listed on the page; they are in ``curves.csv``."""

_CONTAMINATED = (
    "The validation values are contaminated: {why} They are no estimate of how well the network "
    "does on new pictures."
)


def contamination_sentence(run: Mapping[str, Any]) -> str:
    """Say what is wrong with a run's validation values; "" where they are clean."""
    word, why = _contamination(run)
    if word == "clean":
        return ""
    if word == "contaminated":
        return _CONTAMINATED.format(why=why)
    return f"Contamination of the validation values: {word}. {why}".strip()


def _contamination(run: Mapping[str, Any]) -> tuple[str, str]:
    data = run.get("data", {})
    why = str(data.get("contamination_why", "")).strip()
    if not data.get("contamination"):
        return "unknown", why or "run.json does not say whether a branch has seen these pictures."
    return str(data["contamination"]), why


def answer(run: Mapping[str, Any], test: RunRecord | None) -> str:
    """Say in a sentence how well the network ranks pictures."""
    best = run.get("best") or {}
    value, epoch = finite(best.get("val_spearman")), finite(best.get("epoch"))
    if value is None:
        return "No validation has a defined rank correlation, so there is no network to score with."
    count = run.get("data", {}).get("counts", {}).get("val", 0)
    reached = f"rho {_rho(value, None)} on {count:,} validation pictures"
    network = "The best network" if epoch is None else f"The network of epoch {epoch:g}"
    model = None if test is None else tested_model(test, run)
    if test is None or model is None:
        return f"{network} reaches {reached}, by which it was chosen; it has not been tested."
    result = test.result("spearman", model)
    if result.value is None:
        return f"{network} reaches {reached}, by which it was chosen; its test is undefined."
    return (
        f"{network} ranks {result.n:,} test pictures with rho "
        f"{_rho(result.value, result.interval)}; it was chosen by {reached}."
    )


def _rho(value: float, ends: Sequence[float] | None) -> str:
    digits = 2 if ends is None else decimals(value, ends)
    text = fixed(value, digits, bare=True)
    if ends is not None:
        text += f" [{', '.join(fixed(end, digits, bare=True) for end in ends)}]"
    return text


def glance(run: Mapping[str, Any], curves: Sequence[Row], test: RunRecord | None) -> Table:
    """Lay out the values of the validations that matter, and those of the test."""
    word, why = _contamination(run)
    columns = [
        Column("Part"),
        *number_columns("Pictures", "Spearman's rho", "MSE"),
        Column("When"),
    ]
    rows = []
    if curves:
        rows.append([Cell("Validation, at the start"), *_validation(run, curves[0], word)])
    best = run.get("best")
    if best:
        row = {**best, "val_spearman": finite(best.get("val_spearman"))}
        row["val_loss"] = finite(best.get("val_loss"))
        cells = _validation(run, row, word)
        rows.append([Cell("Validation, best", note="whose weights were kept"), *cells])
    if len(curves) > 1:
        rows.append([Cell("Validation, at the end"), *_validation(run, curves[-1], word)])
    rows.append(_test(run, test))
    return Table(
        title="",
        columns=columns,
        rows=rows,
        before=f"Contamination of the validation values: {word}. {why}".strip(),
        after=(
            "The best epoch is chosen by the validation part, so that its rho there is a little "
            "too high for new pictures; the test part is for that."
        ),
    )


def _validation(run: Mapping[str, Any], row: Mapping[str, Any], word: str) -> list[Cell]:
    count = run.get("data", {}).get("counts", {}).get("val", 0)
    epoch, step = finite(row.get("epoch")), finite(row.get("step"))
    when = "" if epoch is None else f"epoch {epoch:g}"
    return [
        Cell(f"{count:,}"),
        Cell(rounded(row.get("val_spearman"), None, bare=True)[0], word=word),
        Cell(rounded(row.get("val_loss"), None)[0], word=word),
        Cell(when if step is None else f"{when}, step {step:,.0f}"),
    ]


def _test(run: Mapping[str, Any], test: RunRecord | None) -> list[Cell]:
    count = run.get("data", {}).get("counts", {}).get("test", 0)
    model = None if test is None else tested_model(test, run)
    if test is None or model is None:
        why = "not scored" if count else "no test part"
        why = "test/record.json is of several models" if test is not None else why
        return [Cell("Test", note=why), Cell(f"{count:,}"), Cell(""), Cell(""), Cell("")]
    results = {result.metric: result for result in test.results if result.model == model}
    reasons = [m.get("contamination_why", "") for m in test.models if m["name"] == model]
    values = [
        value_cell(results[metric], word=True) if metric in results else Cell("")
        for metric in ("spearman", "mse")
    ]
    cells = [Cell(f"{test.items['n']:,}"), *values, Cell("with the best epoch's weights")]
    return [Cell("Test", note=reasons[0] if reasons else ""), *cells]


_LISTED = {
    "epoch": ("Epoch", "{:g}"),
    "step": ("Step", "{:,.0f}"),
    "train_loss": ("Training MSE", "{:.6f}"),
    "val_loss": ("Validation MSE", "{:.6f}"),
    "val_spearman": ("Validation rho", "{:.6f}"),
    "learning_rate": ("Learning rate", "{:.3g}"),
    "seconds": ("Seconds", "{:,.1f}"),
}


def validations(curves: Sequence[Row]) -> Table:
    """List every validation, or say where they are listed."""
    if not curves:
        return Table(title="", columns=[], rows=[], before="Nothing was validated yet.")
    if len(curves) > _MOST_ROWS:
        text = f"All {len(curves):,} validations are in curves.csv."
        return Table(title="", columns=[], rows=[], before=text)
    always = ("epoch", "val_spearman")
    listed = [
        name
        for name in _LISTED
        if name in always or any(row.get(name) is not None for row in curves)
    ]
    return Table(
        title="",
        columns=[Column(_LISTED[name][0], numeric=name != "epoch") for name in listed],
        rows=[[_cell(row, name) for name in listed] for row in curves],
    )


def _cell(row: Row, name: str) -> Cell:
    value = row.get(name)
    if value is None:
        return Cell("undefined" if name == "val_spearman" else "")
    return Cell(_LISTED[name][1].format(value))


def initial_weights(run: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return branch -> where it began; a mere text is its source."""
    return {
        branch: dict(start) if isinstance(start, Mapping) else {"source": str(start)}
        for branch, start in run.get("starts", {}).items()
    }


def branches(run: Mapping[str, Any]) -> Table:
    """Lay out where each branch began, and whether it was trained."""
    frozen = run.get("frozen", [])
    rows = []
    for branch, start in initial_weights(run).items():
        digest = start.get("sha256")
        rows.append(
            [
                Cell(branch),
                Cell(str(start["source"]), note=f"sha256 {digest[:12]}..." if digest else ""),
                Cell("frozen" if branch in frozen else "trained"),
                Cell(_training_data(start)),
                Cell(str(start.get("licence", "") or "")),
            ]
        )
    parameters = run.get("parameters", {})
    text = "A frozen branch keeps its weights and its batch-norm statistics."
    if {"trained", "all"} <= set(parameters):
        text = f"{parameters['trained']:,} of {parameters['all']:,} parameters were trained. {text}"
    return Table(
        title="",
        columns=[
            Column("Branch"),
            Column("Began from", wide=True),
            Column("In training"),
            Column("Data set it had seen"),
            Column("Licence"),
        ],
        rows=rows,
        before=text,
    )


def _training_data(start: Mapping[str, Any]) -> str:
    """Name the data sets of memorability that a branch's first weights were trained on."""
    if "trained_on" not in start:
        return "not stated"
    names = start["trained_on"]
    return "nobody knows" if names is None else ", ".join(names) or "none of memorability"


def licences(run: Mapping[str, Any]) -> list[str]:
    """Gather notices and citations of the weights that branches began from, each once."""
    sentences = [str(notice) for notice in run.get("licence_notices", [])]
    for branch, start in initial_weights(run).items():
        notice = start.get("licence_notice")
        if notice and notice not in sentences:
            sentences.append(f"{branch}: {notice}")
        if start.get("citation"):
            sentences.append(f"{branch}: cite {start['citation']}")
    return list(dict.fromkeys(sentences))


def data(run: Mapping[str, Any]) -> Table:
    """Lay out which pictures there were, in which parts, from where."""
    data = run.get("data", {})
    counts = data.get("counts", {})
    rows = [(f"pictures, {part}", f"{count:,}") for part, count in counts.items()]
    rows.append(("looked at in training", ", ".join(data.get("trained_on", []))))
    rows.append(("name of the test part", str(data.get("test_name", "")) or "no test part"))
    rows += description(data.get("description", {}))
    return pairs(rows)


_DESCRIPTION = {
    "source": "came from",
    "rule": "parts",
    "label_column": "column of the human scores",
    "label_kind": "human scores are",
    "split": "split",
    "held_out": "held out for the test part",
    "seed": "seed of the parts",
    "images": "folder of the pictures",
    "join_rule": "ids were matched",
    "sources": "file",
    "pictures_without_score": "pictures without a score",
    "notes": "notes",
}
"""Key of a training set's description -> what the page calls it."""


def description(description: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say where the pictures and scores came from; what is not known of is not listed."""
    for key, value in description.items():
        if value is None or value in ("", [], {}):
            continue
        name = _DESCRIPTION.get(key, key)
        if key == "sources":
            for file in value:
                yield name, f"{file['file']} (sha256 {file['sha256'][:12]}...)"
        elif key == "pictures_without_score":
            few = ", ".join(value["examples"][:3])
            yield name, f"{value['count']:,}" + (f", for example {few}" if few else "")
        else:
            yield from _flat({name: value})


def time(run: Mapping[str, Any]) -> Table:
    """Lay out how long it took, on what."""
    seconds, preparation = finite(run.get("seconds")), finite(run.get("preparation_seconds"))
    rate, waiting = finite(run.get("pictures_per_second")), finite(run.get("waiting_share"))
    rows = [
        ("training", _seconds(seconds)),
        ("preparing caches, before it", _seconds(preparation)),
        ("device", str(run.get("device", "")) or "not stated"),
        ("precision", str(run.get("precision", "")) or "not stated"),
        ("pictures per second", "not measured" if rate is None else f"{rate:,.1f}"),
        ("time spent waiting for data", "not measured" if waiting is None else f"{waiting:.1%}"),
    ]
    return pairs(rows)


def _seconds(value: float | None) -> str:
    if value is None:
        return "not measured"
    if value < 120:
        return f"{value:,.1f} s"
    return f"{value:,.0f} s ({value / 60:,.0f} min)"


def settings(run: Mapping[str, Any]) -> Table:
    """Lay out every setting."""
    return pairs(_flat(run.get("config", {})))


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Give each value of nested tables a line of its own, ``starts.resnet``."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{name}.")
        elif isinstance(value, (list, tuple)):
            yield f"{above}{name}", ", ".join(map(plain, value)) or "none"
        elif value is None or value == {} or value == "":
            yield f"{above}{name}", "none"
        elif isinstance(value, bool):
            yield f"{above}{name}", "yes" if value else "no"
        else:
            yield f"{above}{name}", plain(value)


def pairs(rows: Iterable[tuple[str, str]]) -> Table:
    """Lay out names and values, a row each."""
    return Table(
        title="",
        columns=[Column("What"), Column("Value", wide=True)],
        rows=[[Cell(name), Cell(value)] for name, value in rows],
    )

"""A metric from outside the package: registered, resampled, tabulated, explained, tested."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import memnet
from memnet.compare.report.difference_tables import difference_tables
from memnet.compare.report.glossary import glossary
from memnet.compare.report.render import write_report
from memnet.compare.report.tables import sections
from memnet.errors import MemnetError
from memnet.stats.metrics import METRICS, Metric, register_metric

TRUTH = [0.5, 0.6, 0.8, 0.9]


def rmse(truth, prediction):
    return float(np.sqrt(np.mean((prediction - truth) ** 2)))


@pytest.fixture
def registered():
    register_metric(
        Metric(
            name="rmse",
            title="RMSE",
            better="lower",
            function=rmse,
            between_models=True,
            explanation="the root of the mean squared error, in units of the scores.",
        )
    )
    yield
    del METRICS["rmse"]


def table(scores, model):
    ids = [f"{k}.jpg" for k in range(len(scores))]
    return pd.DataFrame({"image_id": ids, "score": scores, "model": model})


def compared(**more):
    """Errors by hand: a has 0, .1, -.2, -.1, so a mean square of .015; b has .2 throughout."""
    truth = table(TRUTH, "").rename(columns={"score": "hit_rate"}).drop(columns="model")
    a = table([0.5, 0.7, 0.6, 0.8], "a")
    b = table([0.7, 0.8, 1.0, 0.7], "b")
    return memnet.compare(truth, [a, b], truth_column="hit_rate", resamples=300, **more)


def test_a_new_metric_is_in_the_record_with_its_interval(registered):
    record = compared()
    result = record.result("rmse", "a")
    assert result.value == pytest.approx(np.sqrt(0.015), abs=1e-12)
    assert record.value("rmse", "b") == pytest.approx(0.2, abs=1e-12)
    # On each resample it is the root of the MSE, and so its interval that of the MSE's ends.
    low, high = record.result("mse", "a").interval
    assert result.interval == pytest.approx([np.sqrt(low), np.sqrt(high)], rel=0.02)
    assert result.interval[0] < result.value < result.interval[1]
    assert record.result("rmse", "b").interval == pytest.approx([0.2, 0.2], abs=1e-12)


def test_a_new_metric_is_tested_between_two_models(registered):
    (row,) = [row for row in compared().differences if row.metric == "rmse"]
    assert row.value == pytest.approx(np.sqrt(0.015) - 0.2, abs=1e-12)
    low, high = row.interval
    assert low <= row.value <= high
    # By hand: the third picture's errors are equal in size, so 4 of the 16 swaps (the other three
    # pictures all stay or all change places) have a difference as large as the observed one.
    assert row.p_value == pytest.approx(4 / 16, abs=0.08)
    assert row.p_holm == row.p_value
    assert row.tests == {}
    assert row.equivalent is None


def test_a_new_metric_is_in_the_tables_and_the_glossary_of_the_report(registered, tmp_path):
    record = compared()
    for section in sections(record):
        (accuracy,) = [part for part in section.tables if part.title == "Accuracy"]
        assert "RMSE" in [row[0].text for row in accuracy.rows]
    assert "RMSE" in [part.title for part in difference_tables(record)]
    assert glossary(record)["RMSE"].startswith("the root of the mean squared error")
    write_report(record, tmp_path)
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "the root of the mean squared error, in units of the scores." in page


def test_a_new_metric_with_a_flag_is_noise_matched_too():
    register_metric(Metric(name="rmse", title="RMSE", function=rmse, noise_matched=True))
    try:
        counts = pd.DataFrame(
            {"image_id": [f"{k}.jpg" for k in range(4)], "hits": [20, 24, 32, 36], "n": 40}
        )
        counts["hit_rate"] = counts["hits"] / counts["n"]
        record = memnet.compare(
            counts,
            table([0.5, 0.7, 0.6, 0.8], "a"),
            truth_column="hit_rate",
            hits_column="hits",
            responses_column="n",
            resamples=300,
        )
    finally:
        del METRICS["rmse"]
    result = record.result("rmse_noise_matched")
    assert result.value > record.value("rmse")  # binomial noise adds to the error
    assert result.interval[0] < result.value < result.interval[1]
    assert result.p_value is None  # it has no swap test


def test_without_it_everything_is_as_before():
    assert "rmse" not in METRICS
    record = compared()
    with pytest.raises(KeyError, match="0 results"):
        record.result("rmse", "a")
    assert "RMSE" not in glossary(record)


def test_a_name_that_is_taken_is_refused():
    for name in ("mse", "mse_label_noise", "ks_noise_matched"):
        with pytest.raises(MemnetError, match=f"There is a metric '{name}' already"):
            register_metric(Metric(name=name, title="Mine", function=rmse))
    assert METRICS["mse"].title == "MSE"


def test_a_cell_of_a_notebook_may_be_run_twice_and_another_function_is_refused(registered):
    metric = METRICS["rmse"]
    assert register_metric(metric) is metric
    del METRICS["rmse"]
    cell = "def rmse(truth, prediction):\n    return 0.0\n"
    for _ in range(2):  # each run makes a function of its own
        exec(cell, {"__name__": "__main__"}, made := {})
        again = register_metric(Metric(name="rmse", title="Again", function=made["rmse"]))
        assert METRICS["rmse"] is again
    with pytest.raises(MemnetError, match="There is a metric 'rmse' already"):
        register_metric(Metric(name="rmse", title="Another", function=max))
    assert METRICS["rmse"] is again


def test_a_wrong_direction_is_refused_with_the_allowed_ones():
    with pytest.raises(MemnetError, match=r"better='smaller'; .*'higher', 'lower', 'zero'"):
        Metric(name="rmse", title="RMSE", function=rmse, better="smaller")
    with pytest.raises(MemnetError, match=r"group='acuracy'; .*'accuracy', 'error parts'"):
        Metric(name="rmse", title="RMSE", function=rmse, group="acuracy")


def fails_at(call):
    """Return a metric's function that raises at this call and is a plain mean before."""
    calls = []

    def function(truth, prediction):
        calls.append(None)
        if len(calls) >= call:
            raise ZeroDivisionError("nothing to\ndivide by")
        return float(np.mean(prediction))

    return function


@pytest.mark.parametrize(
    ("fields", "model"),
    [
        ({"function": fails_at(1)}, "a"),  # of the first model's value
        ({"function": fails_at(2)}, "b"),
        ({"function": fails_at(3)}, "a"),  # on its first resample
        ({"function": fails_at(603), "between_models": True}, "a and b"),  # on the swaps
        ({"function": fails_at(606), "between_models": True}, "a and b"),
        ({"function": rmse, "swap": lambda pair: 1 / 0}, "a"),
        ({"function": rmse, "test": lambda truth, prediction: 1 / 0}, "a"),
        ({"function": lambda truth, prediction: "much"}, "a"),
    ],
)
def test_a_metric_that_raises_is_named_with_the_model_and_what_it_raised(fields, model):
    register_metric(Metric(name="broken", title="Broken", **fields))
    try:
        with pytest.raises(MemnetError, match=rf"metric 'broken' failed for {model} \(\w+Error: "):
            compared()
    finally:
        del METRICS["broken"]


def test_a_metric_that_raises_on_noisy_predictions_is_named_too():
    def noisy(resamples):
        raise IndexError

    broken = Metric(
        name="broken", title="B", function=rmse, noise_matched=True, resample_noisy=noisy
    )
    register_metric(broken)
    table = pd.DataFrame({"image_id": list("abcd"), "hits": [5, 6, 7, 9], "n": 10})
    table = table.assign(hit_rate=table["hits"] / 10, score=0.5, model="flat")
    columns = {"truth_column": "hit_rate", "hits_column": "hits", "responses_column": "n"}
    try:
        with pytest.raises(MemnetError, match=r"'broken' failed for flat \(IndexError: no message"):
            memnet.compare(table, table, resamples=100, **columns)
    finally:
        del METRICS["broken"]


def test_a_new_metric_of_the_ranges_has_a_table_of_its_own():
    register_metric(Metric(name="low_rmse", title="RMSE, low", function=rmse, group="ranges"))
    try:
        (section, _) = sections(compared())
    finally:
        del METRICS["low_rmse"]
    tables = {part.title: part for part in section.tables}
    (row,) = tables["Error by range of the human score, more"].rows
    assert [row[0].text, row[1].text] == ["RMSE, low", "0.12"]  # the root of .015
    assert "Error by range of the human score" in tables

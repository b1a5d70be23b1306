"""Holm's p over the tests of a model, in the record, the report and the CSV."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

import memnet
from memnet.compare.record import RunRecord
from memnet.compare.report.files import table_files
from memnet.compare.report.tables import sections
from memnet.stats.metrics import describe


@pytest.fixture(scope="module")
def record() -> RunRecord:
    random = np.random.default_rng(4)
    ids = [f"{number:03d}.jpg" for number in range(150)]
    hits = random.binomial(40, random.beta(6, 2, 150))
    table = pd.DataFrame({"image_id": ids, "hits": hits, "n": 40, "hit_rate": hits / 40})
    scores = [
        pd.DataFrame({"image_id": ids, "model": name, "score": np.clip(values, 0, 1)})
        for name, values in {
            "a": hits / 40 + random.normal(0.01, 0.1, 150),
            "b": 0.5 * hits / 40 + 0.3,
        }.items()
    ]
    return memnet.compare(
        table,
        scores,
        truth_column="hit_rate",
        hits_column="hits",
        responses_column="n",
        resamples=199,
    )


@pytest.mark.parametrize("model", ["a", "b"])
@pytest.mark.parametrize("group", ["distribution", "noise-matched"])
def test_holm_s_p_is_that_of_statsmodels_over_the_tests_of_one_table(record, model, group):
    family = [
        result
        for result in record.results
        if result.model == model
        and describe(result.metric).group == group
        and result.p_value is not None
    ]
    assert len(family) >= 7
    raw = [result.p_value for result in family]
    expected = multipletests(raw, method="holm")[1]
    assert [result.p_holm for result in family] == pytest.approx(expected, abs=1e-12)
    assert all(result.p_holm >= result.p_value for result in family)


def test_what_was_not_tested_has_no_corrected_p(record):
    for result in record.results:
        assert (result.p_holm is None) == (result.p_value is None)


def test_both_p_values_stand_in_the_report_and_in_the_csv(record):
    table = next(
        t for t in sections(record)[0].tables if "p, Holm" in {c.heading for c in t.columns}
    )
    place = [column.heading for column in table.columns].index("p, Holm")
    assert table.columns[place - 1].heading == "p"
    assert all(row[place].text for row in table.rows if row[place - 1].text != "not tested")
    assert "Holm's p is corrected over the tests of this table." in table.before
    rows = list(csv.DictReader(io.StringIO(table_files(record)["results.csv"])))
    assert list(rows[0])[-1] == "p_holm"
    ks = next(row for row in rows if row["model"] == "a" and row["metric"] == "ks")
    assert float(ks["p_holm"]) == record.result("ks", "a").p_holm


def test_a_record_of_before_is_read_and_shown_without_it(record):
    plain = json.loads(record.to_json())
    for row in plain["results"]:
        del row["p_holm"]
    old = RunRecord.from_json(json.dumps(plain))
    assert old.result("ks", "a").p_holm is None
    assert old.result("ks", "a").p_value == record.result("ks", "a").p_value
    tables = [table for section in sections(old) for table in section.tables]
    assert "p, Holm" not in {column.heading for table in tables for column in table.columns}
    assert not any("Holm" in table.before for table in tables)

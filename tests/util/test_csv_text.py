from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from memnet.compare.report.csv_text import csv_text
from memnet.util.csv_text import disarm_cell, to_csv_text

AWKWARD = ["a\rb", "a\r\nb", "a\nb", 'say "a"', "a,b", " a", ""]


@pytest.mark.parametrize("kind", ["object", "string", "category"])
def test_what_was_written_is_what_is_read(kind):
    frame = pd.DataFrame({"image_id": pd.Series(AWKWARD).astype(kind), "score": 0.1})
    text = to_csv_text(frame)
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows == [["image_id", "score"], *([cell, "0.1"] for cell in AWKWARD)]
    read = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    assert read["image_id"].tolist() == AWKWARD


def test_a_heading_may_have_a_carriage_return_too():
    text = to_csv_text(pd.DataFrame({"two\rlines": [1]}))
    assert text == '"two\rlines"\n1\n'


def test_without_carriage_returns_nothing_more_is_quoted():
    assert to_csv_text(pd.DataFrame({"a": ["x"], "b": [0.5]})) == "a,b\nx,0.5\n"


def test_a_report_s_tables_bear_carriage_returns_too():
    text = csv_text(["model", "value"], [{"model": "a\rb", "value": 0.1}, {"model": "c"}])
    assert text == '"model","value"\n"a\rb","0.1"\n"c",""\n'
    assert csv_text(["model", "value"], [{"model": "c", "value": True}]) == "model,value\nc,TRUE\n"


def test_only_texts_that_a_spreadsheet_computes_get_an_apostrophe():
    cells = ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", "a=1", "", None]
    safe = list(map(disarm_cell, cells))
    assert safe == [*(f"'{cell}" for cell in cells[:7]), "a=1", "", None]
    assert disarm_cell(-0.5) == -0.5

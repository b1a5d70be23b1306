"""`memnet report` as a user runs it: one record, or several side by side."""

from __future__ import annotations

import json
import statistics

import pandas as pd
import pytest

from memnet.compare.report.digits import decimals, fixed

pytestmark = pytest.mark.usefixtures("quick_figures")


def altered(record: dict, shift: float, **more: object) -> str:
    """Return another record of the same model: every value moved by ``shift``."""
    results = [
        {**row, **more, "value": None if row["value"] is None else row["value"] + shift}
        for row in record["results"]
    ]
    return json.dumps({**record, "results": results})


@pytest.fixture
def saved(golden, tmp_path):
    """Three records in folders of their own, as `memnet compare` leaves them."""
    record = json.loads((golden / "record_v1.json").read_text())
    for name, text in {
        "split 1": json.dumps(record),
        "split 2": altered(record, 0.01, contamination="contaminated"),
        "split 3": altered(record, -0.04),
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text(text)
    return tmp_path


def test_one_record_renders_to_the_same_bytes_again_and_prints_the_main_figures(
    memnet_command, saved
):
    first = memnet_command("report", saved / "split 1" / "record.json", "--out", "one")
    again = memnet_command("report", saved / "one", "--out", "two")  # a folder will do
    files = sorted(p.relative_to(saved / "one") for p in (saved / "one").rglob("*.*"))
    assert {"report.html", "report.md", "record.json"} <= {path.as_posix() for path in files}
    assert len(files) > 10
    for name in files:
        assert (saved / "one" / name).read_bytes() == (saved / "two" / name).read_bytes()
    assert first.stdout == again.stdout
    lines = [" ".join(line.split()) for line in first.stdout.splitlines()]
    assert lines[0].startswith("resmem.published ranks these pictures moderately as people do")
    assert lines[1:3] == ["", "model metric value 95 % interval n test pictures"]
    assert "resmem.published Spearman's rho .49 [.41, .56] 375 clean" in lines
    assert len(lines) == 3 + 8
    assert "report.html" in first.stderr


def test_several_records_give_mean_and_sd_and_stay_apart(memnet_command, saved):
    names = [f"split {number}" for number in (1, 2, 3)]
    done = memnet_command("report", *names, "--out", "all")
    folders = ["1_split_1", "2_split_2", "3_split_3"]
    for folder, name in zip(folders, names, strict=True):
        assert (saved / "all" / folder / "report.html").exists()
        mine = json.loads((saved / "all" / folder / "record.json").read_text())["results"]
        assert (
            mine[0]["value"]
            == json.loads((saved / name / "record.json").read_text())["results"][0]["value"]
        )
    table = pd.read_csv(saved / "all" / "summary.csv").set_index("metric")
    values = [0.48905133384141136 + shift for shift in (0, 0.01, -0.04)]
    rho = table.loc["spearman"]
    assert rho["records"] == 3
    assert rho["mean"] == pytest.approx(statistics.fmean(values), abs=1e-15)
    assert rho["sd"] == pytest.approx(statistics.stdev(values), abs=1e-15)  # with n - 1
    assert [rho[f"value_{place}"] for place in (1, 2, 3)] == pytest.approx(values, abs=1e-15)
    assert rho["contamination"] == "contaminated"  # the worst of the three
    mean, sd = statistics.fmean(values), statistics.stdev(values)
    digits = decimals(mean, (mean - sd, mean + sd))
    spread_texts = {"mean": fixed(mean, digits, bare=True), "sd": fixed(sd, digits, bare=True)}
    for name in ("summary.html", "summary.md"):
        text = (saved / "all" / name).read_text()
        assert spread_texts["mean"] in text
        assert spread_texts["sd"] in text
        assert "no standard error" in text
        assert "share pictures" in text
        assert text.count("contaminated") >= 2  # at a glance, and at every value
    assert f"{statistics.fmean(values):.6f}" in done.stdout


def test_records_of_other_models_are_refused_in_one_sentence(memnet_command, saved):
    path = saved / "split 2" / "record.json"
    path.write_text(path.read_text().replace("resmem.published", "another"))
    done = memnet_command("report", "split 1", "split 2", "--out", "all", check=2)
    assert "the same models" in done.stderr
    assert "another" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (saved / "all").exists()


def test_the_same_record_twice_is_refused(memnet_command, saved):
    done = memnet_command("report", "split 1", "split 2", "split 1", "--out", "all", check=2)
    assert "Records 1 and 3 are the same" in done.stderr
    assert not (saved / "all").exists()


@pytest.mark.parametrize("text", [None, "{}", '{"schema_version": 99}'])
def test_what_is_no_record_is_one_sentence(memnet_command, saved, text):
    if text is not None:
        (saved / "x.json").write_text(text)
    done = memnet_command("report", "x.json", "--out", "one", check=2)
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (saved / "one").exists()


def test_a_damaged_record_is_named_and_a_benchmark_is_no_record(memnet_command, saved):
    (saved / "bad").mkdir()
    (saved / "bad" / "record.json").write_text('{"schema_version": 1}')
    done = memnet_command("report", "split 1", "bad", "--out", "all", check=2)
    assert "The record bad/record.json is damaged" in done.stderr.replace("\\", "/")
    (saved / "many").mkdir()
    (saved / "many" / "benchmark.json").write_text("{}")
    for given in ("many", "many/benchmark.json"):
        done = memnet_command("report", given, "--out", "all", check=2)
        assert "is a benchmark, and no single comparison" in done.stderr

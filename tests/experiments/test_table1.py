"""Table 1 of Needell & Bainbridge (2022): its digits typed here, and what runs put beside it."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from memnet.compare.report.table1 import (
    Estimate,
    table1_csv,
    table1_latex,
    table1_markdown,
    table1_rows,
)
from memnet.errors import MemnetError
from memnet.experiments.table1 import table1_of_runs
from training_runs import made_up_test, run_json, write_run


def test_table_1_has_the_rows_columns_and_digits_of_the_paper():
    rows = table1_rows()
    assert [row["name"] for row in rows] == ["MemNet", "ResMem", "ResMemRetrain", "M3M"]
    columns = ("mse", "spearman", "training_seconds")
    assert [[row[f"{column}_published"] for column in columns] for row in rows] == [
        ["0.012", "0.55", "2500"],
        ["0.008", "0.66", "8900"],
        ["0.008", "0.67", "24000"],
        ["0.009", "0.68", "24600"],
    ]
    assert [[row[f"{column}_text"] for column in columns] for row in rows] == [
        ["", "", ""],
        ["0.0091", "0.68", ""],
        ["as low as 0.0047", "0.68", ""],
        ["", "", ""],
    ]
    assert all(row[f"{column}_measured"] == "" for row in rows for column in columns)


MEASURED = {
    "resmem.published": {"mse": 0.00466174, "spearman": 0.81727353},
    "m3m": {"training_seconds": 3600.4, "mse": "50 % | a_b"},
}


def test_table_1_in_markdown_to_the_letter():
    assert table1_markdown(MEASURED) == (
        "| Model | MSE loss, published | MSE loss, here "
        "| Spearman rank correlation, published | Spearman rank correlation, here "
        "| Training time (s), published | Training time (s), here |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| MemNet | 0.012 |  | 0.55 |  | 2500 |  |\n"
        "| ResMem | 0.008 (text: 0.0091) |  | 0.66 (text: 0.68) |  | 8900 |  |\n"
        "| ResMemRetrain | 0.008 (text: as low as 0.0047) | 0.0047 "
        "| 0.67 (text: 0.68) | 0.817 | 24000 |  |\n"
        "| M3M | 0.009 | 50 % \\| a_b | 0.68 |  | 24600 | 3600 |\n"
        "\n"
        "Published: Needell & Bainbridge (2022), Table 1; in brackets what the text of the same "
        "paper says. Tested on 5,000 held-out pictures of LaMem and MemCat; times on one GTX 1080 "
        "Ti.\n"
    )


LATEX = r"""\begin{tabular}{lrrrrrr}
\toprule
 & \multicolumn{2}{c}{MSE loss} & \multicolumn{2}{c}{Spearman rank correlation} & \multicolumn{2}{c}{Training time (s)} \\
\cmidrule(lr){2-3}\cmidrule(lr){4-5}\cmidrule(lr){6-7}
Model & published & here & published & here & published & here \\
\midrule
MemNet & 0.012 &  & 0.55 &  & 2500 &  \\
ResMem & 0.008 (text: 0.0091) &  & 0.66 (text: 0.68) &  & 8900 &  \\
ResMemRetrain & 0.008 (text: as low as 0.0047) & 0.0047 & 0.67 (text: 0.68) & 0.817 & 24000 &  \\
M3M & 0.009 & 50 \% \textbar{} a\_b & 0.68 &  & 24600 & 3600 \\
\bottomrule
\end{tabular}
\par
{\footnotesize Published: Needell \& Bainbridge (2022), Table 1; in brackets what the text of the same paper says. Tested on 5,000 held-out pictures of LaMem and MemCat; times on one GTX 1080 Ti.\par}
"""  # noqa: E501


def test_table_1_in_latex_to_the_letter():
    assert table1_latex(MEASURED) == LATEX


def test_a_model_or_metric_that_table_1_does_not_have_is_refused():
    with pytest.raises(MemnetError, match=r"no model of Table 1 'resmem\.publised'.*mean"):
        table1_rows({"resmem.publised": {"mse": 0.01}})
    with pytest.raises(MemnetError, match="no column of Table 1 'kendall'"):
        table1_rows({"resmem": {"kendall": 0.5}})
    with pytest.raises(MemnetError, match="no column of Table 1 'kendall'"):
        table1_csv({"resmem": {"kendall": 0.5}})


RUN = {
    "m3m": {
        "spearman": Estimate(
            value=0.6612, interval=(0.6524, 0.6699), contamination="clean", n=5000
        ),
        "mse": Estimate(value=0.00812, contamination="contaminated"),
        "training_seconds": 1234.5,
        "device": "CPU (a & b)",
        "pictures_per_second": 98.44,
    }
}


def test_a_correlation_is_written_with_its_interval_and_a_bad_word_but_not_a_good_one():
    row = table1_rows(RUN)[3]
    assert row["spearman_measured"] == "0.661 [0.652, 0.670]"
    assert row["mse_measured"] == "0.0081 (contaminated)"
    assert (row["device_measured"], row["pictures_per_second_measured"]) == ("CPU (a & b)", "98.4")
    assert table1_rows(RUN)[0]["device_measured"] == ""


def test_device_and_speed_have_columns_only_where_they_were_measured():
    head, rule, *rows = table1_markdown(RUN, notes=["One\nnote.", "Two."]).splitlines()
    assert head.endswith("| Training time (s), here | Device | Pictures per second |")
    assert {line.count("|") for line in (head, rule, *rows[:4])} == {10}
    assert rows[-2:] == ["- One note.", "- Two."]
    assert rows[-3] == ""
    text = table1_latex(RUN, notes=["50 % of it"])
    body = text.split(r"\bottomrule")[0].splitlines()
    lines = [line for line in body if line.endswith(r"\\") and "multicolumn" not in line]
    assert len(lines) == 5
    assert {line.replace(r"\&", "").count("&") for line in lines} == {8}
    assert r"CPU (a \& b) & 98.4 \\" in text
    assert text.endswith("{\\footnotesize 50 \\% of it\\par}\n")


def test_csv_has_every_number_in_full_and_nothing_where_there_is_none():
    rows = list(csv.DictReader(io.StringIO(table1_csv(RUN))))
    assert [row["model"] for row in rows] == ["memnet.reimpl", "resmem", "resmem.published", "m3m"]
    m3m = rows[3]
    assert float(m3m["spearman"]) == 0.6612
    assert (float(m3m["spearman_low"]), float(m3m["spearman_high"])) == (0.6524, 0.6699)
    assert (m3m["spearman_n"], m3m["spearman_contamination"]) == ("5000", "clean")
    assert (m3m["mse"], m3m["mse_low"], m3m["mse_contamination"]) == ("0.00812", "", "contaminated")
    assert (m3m["training_seconds"], m3m["training_seconds_published"]) == ("1234.5", "24600")
    assert rows[2]["mse_text"] == "as low as 0.0047"
    measured = ("mse", "spearman", "spearman_low", "training_seconds", "device")
    assert all(row[name] == "" for row in rows[:3] for name in measured)


def about(notes: list[str], name: str) -> str:
    """What is noted about a row, in one text."""
    return " ".join(note for note in notes if note.startswith(f"{name}: "))


@pytest.fixture(scope="module")
def tested():
    return made_up_test(dataset="scenes375")


def test_a_run_gives_what_its_test_measured(tmp_path, tested):
    folder = write_run(tmp_path, test=tested)
    found = table1_of_runs({"resmem": folder})
    values = found["measured"]["resmem"]
    rho, mse = tested.result("spearman"), tested.result("mse")
    assert (values["spearman"].value, list(values["spearman"].interval)) == (
        rho.value,
        rho.interval,
    )
    assert (values["mse"].value, values["mse"].n) == (mse.value, 120)
    assert (values["training_seconds"], values["pictures_per_second"]) == (122.04, 98.4)
    assert values["device"] == "CPU (a <made-up> processor)"
    text = table1_markdown(found["measured"], found["notes"])
    ends = ", ".join(f"{end:.3f}" for end in rho.interval)
    assert f"{rho.value:.3f} [{ends}] (unknown)" in text
    for name in ("MemNet", "ResMemRetrain", "M3M"):
        assert f"{name}: no run was given." in found["notes"]
    assert "61 s of preparing caches" in about(found["notes"], "ResMem")
    assert "stopped early" in about(found["notes"], "ResMem")
    assert "contamination of its test: unknown. Nobody knows" in about(found["notes"], "ResMem")
    assert "120 picture(s) of 375 scene pictures" in found["notes"][0]
    assert tested.results[0].manifest[:12] in found["notes"][0]


def test_runs_tested_on_different_pictures_are_not_to_be_held_against_each_other(tmp_path, tested):
    m3m = run_json(preset="m3m", arch="m3m")
    same = {
        "resmem": write_run(tmp_path / "a", test=tested),
        "m3m": write_run(tmp_path / "b", m3m, test=tested),
    }
    notes = table1_of_runs(same)["notes"]
    assert not any("different pictures" in note for note in notes)
    assert any(note.startswith("ResMem, M3M tested here on 120 picture(s)") for note in notes)
    other = same | {"m3m": write_run(tmp_path / "c", m3m, test=made_up_test(seed=2))}
    notes = table1_of_runs(other)["notes"]
    assert "must not be compared" in notes[0]
    assert [note.split(" tested")[0] for note in notes[1:3]] == ["ResMem", "M3M"]


def test_a_run_without_a_test_has_empty_cells_and_a_reason(tmp_path):
    none = run_json()
    none["data"]["counts"]["test"] = 0
    for run, reason in ((none, "the run has no test part"), (run_json(), "was not scored")):
        found = table1_of_runs({"resmem": write_run(tmp_path, run)})
        assert reason in about(found["notes"], "ResMem")
        row = table1_rows(found["measured"])[1]
        assert (row["mse_measured"], row["spearman_measured"]) == ("", "")
        assert row["training_seconds_measured"] == "122"


def test_a_contaminated_test_says_so_in_the_cell_and_why_in_a_note(tmp_path):
    record = made_up_test(dataset="memcat", models=["resmem.published"])
    found = table1_of_runs({"resmem": write_run(tmp_path, test=record)})
    row = table1_rows(found["measured"])[1]
    assert row["spearman_measured"].endswith("] (contaminated)")
    assert row["mse_measured"].endswith("] (contaminated)")
    why = record.models[0]["contamination_why"]
    assert f"its test: contaminated. {why}" in about(found["notes"], "ResMem")


def test_a_number_that_is_not_there_is_an_empty_cell_and_a_note(tmp_path, tested):
    bare = run_json(seconds=None, device="", pictures_per_second=None, preparation_seconds=None)
    found = table1_of_runs({"resmem": write_run(tmp_path, bare, test=tested)})
    assert set(found["measured"]["resmem"]) == {"mse", "spearman"}
    said = about(found["notes"], "ResMem")
    assert "run.json does not say: training time (s), device, pictures per second." in said
    text = json.loads((tmp_path / "test" / "record.json").read_text())
    for result in text["results"]:
        if result["metric"] == "spearman":
            result |= {"value": None, "interval": None, "reason": "predictions are all equal"}
    (tmp_path / "test" / "record.json").write_text(json.dumps(text))
    found = table1_of_runs({"resmem": tmp_path})
    assert "spearman" not in found["measured"]["resmem"]
    assert "predictions are all equal" in about(found["notes"], "ResMem")


def test_a_run_that_did_not_end_or_froze_otherwise_is_named(tmp_path, tested):
    run = run_json(status="interrupted", message="Interrupted in epoch 4.", frozen=[])
    said = about(
        table1_of_runs({"resmem": write_run(tmp_path, run, test=tested)})["notes"], "ResMem"
    )
    assert "was interrupted" in said
    assert "Interrupted in epoch 4." in said
    assert "its ResNet-152 was trained, other than in the paper" in said


def test_a_test_of_several_models_counts_only_where_the_run_is_named(tmp_path):
    record = made_up_test(models=["best", "other"])
    folder = write_run(tmp_path, test=record)
    found = table1_of_runs({"resmem": folder})
    assert "spearman" not in found["measured"]["resmem"]
    assert "is of several models" in about(found["notes"], "ResMem")
    write_run(tmp_path, run_json(model="other"))
    found = table1_of_runs({"resmem": folder})
    assert found["measured"]["resmem"]["spearman"].value == record.value("spearman", "other")


@pytest.mark.parametrize(
    ("preset", "sentence"),
    [
        ("memnet96", r"the preset memnet96 \(the original's layout with 96 filters\), which is no"),
        ("resmem-retrain", "which is the row ResMemRetrain .* give it as resmem-retrain"),
        ("", "by no preset, which is no row of Table 1"),
    ],
)
def test_a_run_of_another_preset_is_refused(tmp_path, preset, sentence):
    write_run(tmp_path, run_json(preset=preset))
    with pytest.raises(MemnetError, match=sentence):
        table1_of_runs({"resmem": tmp_path})


def test_a_folder_that_is_no_run_and_a_row_that_is_none_are_refused(tmp_path):
    with pytest.raises(MemnetError, match=r"no folder of a training run.*no run\.json"):
        table1_of_runs({"m3m": tmp_path})
    with pytest.raises(MemnetError, match="no model of Table 1 'memnet96'"):
        table1_of_runs({"memnet96": tmp_path})
    for text, sentence in (
        ("{", r"run\.json is damaged"),
        ("{}", "not written by a training of memnet"),
        (json.dumps(run_json(schema_version=2)), "schema version 2, this memnet reads 1"),
    ):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(MemnetError, match=sentence):
            table1_of_runs({"m3m": tmp_path})


def test_each_row_takes_the_preset_of_its_own(tmp_path: Path):
    for model, preset in (
        ("memnet.reimpl", "memnet"),
        ("resmem", "resmem"),
        ("resmem.published", "resmem-retrain"),
        ("m3m", "m3m"),
    ):
        folder = write_run(tmp_path / preset, run_json(preset=preset))
        assert set(table1_of_runs({model: folder})["measured"]) == {model}
        assert re.search(r"\| 122 \|", table1_markdown(table1_of_runs({model: folder})["measured"]))

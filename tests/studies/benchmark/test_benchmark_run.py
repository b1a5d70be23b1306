"""A benchmark's numbers are its comparisons', and what was seen in training never wins."""

from __future__ import annotations

import math
import shutil

import numpy as np
import pandas as pd
import pytest

import memnet
from benchmark_suites import ELSEWHERE, PREDICTORS, write_lab, write_suite
from memnet.errors import MemnetError
from memnet.studies.benchmark import run
from memnet.studies.benchmark.answer import dataset_answer
from memnet.studies.benchmark.record import BenchmarkRecord
from memnet.studies.benchmark.run import RECORD, benchmark

COUNTS = {"truth_column": "hit_rate", "hits_column": "hits", "responses_column": "responses"}


def write_bare_report(record, folder):
    """What a report leaves that a benchmark looks for: drawing the rest has its own tests."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text("a page")
    (folder / "record.json").write_text(record.to_json())


@pytest.fixture(scope="module", autouse=True)
def quick_reports():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "write_report", write_bare_report)
        patch.setattr(run, "write_benchmark", lambda record, folder: None)
        yield


@pytest.fixture(scope="module")
def lab(quick_reports, tmp_path_factory):
    """Return the folder of a finished benchmark: lab/suite.toml and lab/out."""
    folder = tmp_path_factory.mktemp("lab")
    benchmark(write_lab(folder), folder / "out")
    return folder


@pytest.fixture(scope="module")
def record(lab):
    return BenchmarkRecord.read(lab / "out" / RECORD)


@pytest.fixture
def copy(lab, tmp_path):
    """Return a copy of the finished benchmark, to be changed."""
    return shutil.copytree(lab, tmp_path / "lab")


@pytest.mark.parametrize("dataset", ["memcat", "scenes375"])
def test_every_cell_is_what_compare_alone_says(lab, record, dataset):
    for model in PREDICTORS:
        alone = memnet.compare(
            lab / f"{dataset}.csv",
            {model: lab / f"{model}_{dataset}.csv"},
            dataset=dataset,
            trained_on={model: ["memcat"] if model == "cheat" else ELSEWHERE},
            resamples=200,
            **COUNTS,
        )
        cell = record.cell(dataset, model)
        rho, corrected = alone.result("spearman"), alone.result("disattenuated_spearman")
        assert (cell.n, cell.rho, cell.interval) == (120, rho.value, rho.interval)
        assert (cell.disattenuated, cell.disattenuated_interval) == (
            corrected.value,
            corrected.interval,
        )
        assert cell.ceiling == alone.labels["figures"]["ceiling_spearman"]["value"]
        assert cell.mse == alone.value("mse")
        assert (cell.contamination, cell.why) == (
            rho.contamination,
            alone.models[0]["contamination_why"].replace("the call", "the suite"),
        )
        assert (lab / "out" / cell.report).is_file()


def test_what_was_seen_in_training_is_never_the_best_and_in_no_mean(record):
    cheat = record.cell("memcat", "cheat")
    assert cheat.contamination == "contaminated"
    assert cheat.declared_by == "the suite"
    assert cheat.rho > 0.95 > record.cell("memcat", "good").rho
    assert [cell.model for cell in record.cells if cell.best] == ["good", "cheat"]
    summary = next(each for each in record.summaries if each.model == "cheat")
    assert summary.datasets == ["scenes375"]
    assert summary.left_out["memcat"].startswith("contaminated")
    assert summary.mean == record.cell("scenes375", "cheat").disattenuated


def test_the_same_model_wins_where_it_was_trained_elsewhere(copy):
    write_suite(copy, models={"cheat": {"trained_on": ELSEWHERE}})
    changed = benchmark(copy / "suite.toml", copy / "out")
    assert changed.cell("memcat", "cheat").best
    assert not changed.cell("memcat", "good").best


def test_where_no_cell_is_clean_the_best_is_of_the_doubtful_ones(copy):
    write_suite(copy, models={name: {"trained_on": ["a set of ours"]} for name in ("good", "weak")})
    changed = benchmark(copy / "suite.toml", copy / "out")
    assert changed.cell("memcat", "good").contamination == "possibly"
    assert changed.cell("memcat", "good").best
    assert [c.model for c in changed.cells if c.dataset == "scenes375" and c.best] == ["cheat"]
    assert all(each.mean is None for each in changed.summaries if each.model != "cheat")


def test_the_page_calls_no_doubtful_model_the_best_where_one_is_clean(copy):
    write_suite(copy, models={"cheat": {"trained_on": ["a set of ours"]}})
    changed = benchmark(copy / "suite.toml", copy / "out")
    assert changed.cell("memcat", "cheat").contamination == "possibly"
    assert [cell.model for cell in changed.cells if cell.best] == ["good", "good"]
    text = dataset_answer(changed, "memcat")
    assert text.startswith("memcat: good ranks best, rho ")
    assert "beyond chance above the other. Higher, but not known to be unseen: cheat (poss" in text


def test_a_model_of_false_alarms_is_not_called_the_best_at_hit_rates(copy):
    write_suite(copy, models={"cheat": {"trained_on": ELSEWHERE, "target": "false_alarm_rate"}})
    changed = benchmark(copy / "suite.toml", copy / "out")
    for dataset in ("memcat", "scenes375"):
        cell = changed.cell(dataset, "cheat")
        assert (cell.crossed, cell.best, cell.mse, cell.contamination) == (
            True,
            False,
            None,
            "clean",
        )
        assert changed.cell(dataset, "good").best
    crossed = [row for row in changed.differences if "cheat" in (row.model_a, row.model_b)]
    assert len(crossed) == 4
    assert all(row.p_holm is None for row in crossed)


def test_holm_counts_the_pairs_of_all_data_sets_but_those_with_a_contaminated_model(record):
    family = [row for row in record.differences if row.contamination != "contaminated"]
    assert len(record.differences) == 6
    assert len(family) == 4  # one on memcat, three on scenes375
    steps = sorted(row.p_value for row in family)
    highest, expected = 0.0, {}
    for place, p in enumerate(steps):
        highest = max(highest, min(1.0, p * (len(steps) - place)))
        expected[p] = highest
    for row in family:
        assert math.isclose(row.p_holm, expected[row.p_value])
    assert all(row.p_holm is None for row in record.differences if row not in family)


def test_a_record_reads_as_it_was_written(record):
    assert BenchmarkRecord.from_json(record.to_json()) == record
    assert str(record).startswith("memcat: good: rho 0.")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"schema_version": 1', '"schema_version": 2', "reads up to 1; update memnet"),
        ('"crossed": false', '"crossed": "no"', "must be true or false"),
        ('"contamination": "clean"', '"contamination": "spotless"', "'spotless' is no"),
        ('"best": false', '"best": true', "'cheat' cannot be the best on 'memcat'"),
        ('"model": "good"', '"model": "other"', "not every model on every data set"),
        ('"cells"', '"sells"', "not the record of a benchmark"),
    ],
)
def test_a_damaged_record_is_one_sentence(record, old, new, words):
    text = record.to_json()
    if "best" in old:  # that of the contaminated cell
        start = text.index('"model": "cheat"')
        text = text[:start] + text[start:].replace(old, new, 1)
    else:
        text = text.replace(old, new, 1)
    with pytest.raises(MemnetError, match=words):
        BenchmarkRecord.from_json(text)


def test_a_second_run_compares_nothing_again(copy, monkeypatch):
    monkeypatch.setattr(run, "compare_scores", None)
    monkeypatch.setattr(run, "write_report", None)
    again = benchmark(copy / "suite.toml", copy / "out")
    assert again.cells == BenchmarkRecord.read(copy / "out" / RECORD).cells


@pytest.mark.parametrize("what", ["scores", "truth", "resamples", "declared", "damaged"])
def test_what_changed_is_compared_again_and_the_rest_is_not(copy, monkeypatch, what):
    compared = []
    real = run.compare_scores
    monkeypatch.setattr(
        run,
        "compare_scores",
        lambda truth, *args, **more: compared.append(more["dataset"]) or real(truth, *args, **more),
    )
    everywhere = ["memcat", "scenes375"]
    suite = copy / "suite.toml"
    if what == "scores":
        table = pd.read_csv(copy / "weak_memcat.csv")
        table.loc[0, "score"] += 0.1
        table.to_csv(copy / "weak_memcat.csv", index=False)
    elif what == "truth":
        table = pd.read_csv(copy / "memcat.csv").iloc[1:]
        table.to_csv(copy / "memcat.csv", index=False)
    elif what == "resamples":
        suite.write_text(suite.read_text().replace("resamples = 200", "resamples = 150"))
    elif what == "declared":
        write_suite(copy, models={"weak": {"trained_on": []}})
    else:
        (copy / "out" / "datasets" / "memcat" / "record.json").write_text("{")
    benchmark(suite, copy / "out")
    assert compared == (everywhere if what in ("resamples", "declared") else ["memcat"])


def test_what_is_wrong_with_one_table_is_in_its_cell_and_the_rest_is_compared(copy):
    pd.read_csv(copy / "weak_memcat.csv").assign(image_id=range(120)).to_csv(
        copy / "weak_memcat.csv", index=False
    )
    (copy / "cheat_memcat.csv").unlink()
    (copy / "scenes375.csv").unlink()
    write_suite(copy, models={"extra": {}}, scores={"extra": ""})
    changed = benchmark(copy / "suite.toml", copy / "out")
    assert not changed.complete
    assert changed.cell("memcat", "good").rho is not None
    assert "cheat_memcat.csv" in changed.cell("memcat", "cheat").missing
    assert "id" in changed.cell("memcat", "weak").missing
    assert "add one under [dataset.scores] of memcat" in changed.cell("memcat", "extra").missing
    for model in ("good", "weak", "cheat", "extra"):
        assert "scenes375.csv" in changed.cell("scenes375", model).missing
    assert BenchmarkRecord.read(copy / "out" / RECORD).cells == changed.cells


def test_a_table_of_most_pictures_costs_the_others_the_rest_and_that_is_said(copy):
    pd.read_csv(copy / "weak_memcat.csv").iloc[:90].to_csv(copy / "weak_memcat.csv", index=False)
    changed = benchmark(copy / "suite.toml", copy / "out")
    assert {changed.cell("memcat", model).n for model in PREDICTORS} == {90}
    (sentence,) = [text for text in changed.warnings if "same 90 pictures" in text]
    assert sentence.startswith("memcat:")
    assert "weak 90" in sentence


def test_a_table_of_few_pictures_costs_the_others_nothing(copy, record):
    pd.read_csv(copy / "weak_memcat.csv").iloc[:50].to_csv(copy / "weak_memcat.csv", index=False)
    changed = benchmark(copy / "suite.toml", copy / "out")
    assert changed.cell("memcat", "good").rho == record.cell("memcat", "good").rho
    assert "50 of the 120 pictures" in changed.cell("memcat", "weak").missing


def test_one_table_may_have_the_scores_of_several_models_in_a_column_of_any_name(copy, record):
    rows = [
        pd.read_csv(copy / f"{model}_memcat.csv").assign(model=model) for model in ("good", "weak")
    ]
    both = pd.concat(rows).rename(columns={"score": "memorability"})
    both.to_csv(copy / "both.csv", index=False)
    suite = copy / "suite.toml"
    text = suite.read_text().replace('"good_memcat.csv"', '"both.csv:memorability"')
    suite.write_text(text.replace('"weak_memcat.csv"', '"both.csv:memorability"'))
    changed = benchmark(suite, copy / "out")
    for model in PREDICTORS:
        assert changed.cell("memcat", model).rho == record.cell("memcat", model).rho
    suite.write_text(text.replace('"weak_memcat.csv"', '"both.csv:memorabilty"'))
    changed = benchmark(suite, copy / "out")
    assert "'memorabilty'" in changed.cell("memcat", "weak").missing


def test_scores_on_another_scale_have_no_mse(copy, record):
    table = pd.read_csv(copy / "weak_memcat.csv")
    table.assign(score=100 * table["score"]).to_csv(copy / "weak_memcat.csv", index=False)
    changed = benchmark(copy / "suite.toml", copy / "out")
    assert changed.cell("memcat", "weak").mse is None
    assert changed.cell("memcat", "weak").rho == record.cell("memcat", "weak").rho
    assert changed.cell("memcat", "good").mse == record.cell("memcat", "good").mse


def test_two_classes_have_no_rho_and_the_cell_says_so(copy):
    table = pd.read_csv(copy / "memcat.csv")
    table["hit_rate"] = (table["hit_rate"] > table["hit_rate"].median()).astype(int)
    table.drop(columns=["hits", "responses"]).to_csv(copy / "memcat.csv", index=False)
    suite = copy / "suite.toml"
    counts = 'hits_column = "hits"\nresponses_column = "responses"\n'
    suite.write_text(suite.read_text().replace(counts, "", 1))
    cell = benchmark(suite, copy / "out").cell("memcat", "good")
    assert "two classes" in cell.missing
    assert (copy / "out" / cell.report).is_file()


def test_the_same_pictures_twice_are_said_to_be_no_two_data_sets(copy):
    suite = copy / "suite.toml"
    suite.write_text(suite.read_text().replace("scenes375", "memcat").replace('"memcat"', '"a"', 1))
    text = suite.read_text()
    head, first, second = text.split("[[dataset]]")
    second = second.replace('name = "memcat"', 'name = "again"', 1)
    suite.write_text("[[dataset]]".join([head, first.replace('"a"', '"memcat"'), second]))
    changed = benchmark(suite, copy / "out")
    assert any("memcat and again are the same pictures" in text for text in changed.warnings)


def test_data_sets_that_share_ids_may_be_of_the_same_pictures(copy):
    suite = copy / "suite.toml"
    pd.read_csv(copy / "scenes375.csv").iloc[:70].to_csv(copy / "scenes375.csv", index=False)
    suite.write_text(suite.read_text().replace('dataset = "scenes375"\n', ""))
    changed = benchmark(suite, copy / "out")
    assert any(
        text.startswith("memcat and scenes375 have 70 image ids in") for text in changed.warnings
    )


def test_data_sets_that_are_known_to_be_others_share_ids_by_chance(record):
    assert not any("memcat and scenes375" in text for text in record.warnings)


def test_a_folder_that_holds_something_else_is_left_alone(copy):
    (copy / "pictures").mkdir()
    (copy / "pictures" / "a.jpg").write_bytes(b"")
    with pytest.raises(MemnetError, match=r"holds files that are no benchmark \(a.jpg\)"):
        benchmark(copy / "suite.toml", copy / "pictures")
    assert [path.name for path in (copy / "pictures").iterdir()] == ["a.jpg"]


def test_models_read_their_facts_from_the_catalogue_and_the_suite(lab, tmp_path):
    suite = tmp_path / "suite.toml"
    suite.write_text(
        'models = ["resmem.published"]\n[[model]]\nname = "mine"\ntitle = "Mine"\n'
        'pretrained_on = ["CLIP"]\n[[dataset]]\nname = "scenes"\ndataset = "scenes375"\n'
        'truth = "package:scenes375"\ntruth_column = "hit_rate"\n[dataset.scores]\n'
        '"resmem.published" = "package:scenes375"\nmine = "package:scenes375:hits"\n'
    )
    made = benchmark(suite, tmp_path / "out", resamples=100)
    resmem, mine = made.models
    assert (resmem["trained_on"], resmem["target"]) == (
        ["lamem", "memcat", "lamem+memcat"],
        "hit_rate",
    )
    assert resmem["citation"]
    assert (mine["title"], mine["trained_on"], mine["pretrained_on"]) == ("Mine", None, ["CLIP"])
    assert made.cell("scenes", "mine").contamination == "unknown"
    assert made.cell("scenes", "resmem.published").best
    golden = pd.read_csv(run.read_suite("scenes375").datasets[0].truth)
    rho = golden["hit_rate"].corr(golden["score"], method="spearman")
    assert np.isclose(made.cell("scenes", "resmem.published").rho, rho, atol=1e-12)

"""`memnet diagnose` as a user meets it: text, JSON, ids, pictures that fail, exit codes.

The variants are run once; but for the picture that fails, the commands are handed what they gave.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from scipy import stats
from typer.testing import CliRunner

import diagnosis_page as study
from memnet.cli.diagnose import diagnose
from memnet.data.pictures import collect
from memnet.errors import MemnetError
from memnet.studies.variants.scores import score_variants

COUNT = 14
app = typer.Typer()
app.command()(diagnose)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """Return a folder with pictures, the small network as a file, and the variants' raw outputs."""
    folder = tmp_path_factory.mktemp("command")
    pictures = study.make_pictures(folder / "pictures", COUNT)
    model = study.small_network(folder)
    scores = score_variants(model, collect([pictures]).items)
    (file,) = folder.glob("*.safetensors")
    return folder, pictures, file, scores


@pytest.fixture
def run(case, monkeypatch):
    _, pictures, file, scores = case

    def scored_before(predictor, items):
        rows = [scores.image_ids.index(item.image_id) for item in items]
        return study.Pool(scores, {}).take(rows).scores

    monkeypatch.setattr("memnet.studies.variants.scores.score_variants", scored_before)

    def call(table: Path, *options: object, images: bool = True, code: int = 0):
        given = ["--images", pictures, "--model", file, "--device", "cpu"] if images else []
        arguments = ["--scores", table, "--score-column", "memnet", *given, *options]
        done = CliRunner().invoke(app, list(map(str, arguments)))
        if isinstance(done.exception, MemnetError):
            raise done.exception
        assert done.exit_code == code, done.output
        return done

    return call


def table(path: Path, scores, decimals: int = 4, name=lambda image_id: image_id) -> Path:
    raw = scores.raw("pycaffe-no-swap")
    rows = [
        f"{name(image_id)},{value:.{decimals}f}"
        for image_id, value in zip(scores.image_ids, raw, strict=True)
    ]
    path.write_text("\n".join(["image_id,memnet", *rows, ""]), encoding="utf-8")
    return path


def test_json_names_the_variant_and_its_twin_and_is_all_that_is_on_stdout(run, case, tmp_path):
    done = run(table(tmp_path / "old.csv", case[3]), "--json")
    found = json.loads(done.stdout)
    assert {found["verdict"], *found["equivalent"]} == {"pycaffe-no-swap", "pil-no-swap"}
    assert (found["form"], found["evidence"], found["digits"]) == ("raw", "exact", 4)
    assert (found["n"], found["failed"]) == (COUNT, {})
    assert len(found["candidates"]) > 20
    assert found["fingerprint"]["n"] == COUNT


def test_text_says_verdict_reason_margin_and_the_five_best(run, case, tmp_path):
    out = run(table(tmp_path / "old.csv", case[3])).stdout
    assert out.startswith("Verdict: pycaffe-no-swap (exact, raw).")
    assert "all 14 rows agree to 4 decimals" in out
    assert "It cannot be told apart from 1 other (pil-no-swap: the same raw outputs" in out
    assert "The next best is" in out
    lines = out.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("Variant"))
    assert [len(line.split()) for line in lines[head + 1 : head + 6]] == [6] * 5
    assert lines[head + 1].startswith("pycaffe-no-swap")
    assert "The numbers were written with 4 decimals." in out
    assert "look like this" not in out  # no guess beside what the pictures have shown


def test_the_text_says_what_was_done_to_the_picture_what_it_means_and_what_comes_next(
    run, case, tmp_path
):
    old = table(tmp_path / "old.csv", case[3])
    lines = run(old).stdout.splitlines()
    (did,) = (line for line in lines if line.startswith("What it did to the picture: "))
    assert "Red and blue were exchanged" in did
    (means,) = (line for line in lines if line.startswith("What it means for the study: "))
    raw, server = case[3].raw("pycaffe-no-swap"), case[3].raw("server")
    rho = stats.spearmanr(raw, server).statistic
    assert (
        "Ranks: on these 14 pictures its order and the original's agree at Spearman's rho "
        f"{rho:.3f};" in means
    )
    (after,) = (line for line in lines if line.startswith("Next: "))
    asked = f"Next: memnet migrate {old} --score-column memnet --images {case[1]}"
    assert after == f"{asked} --variant pycaffe-no-swap --out migrated"


def test_a_folder_gets_a_page_that_answers_first_and_a_record_for_migrate(run, case, tmp_path):
    old, out = table(tmp_path / "old.csv", case[3]), tmp_path / "out"
    lines = run(old, "--out", out).stdout.splitlines()
    assert lines[-1].endswith(f"--diagnosis {out / 'diagnosis.json'} --out migrated")
    page = (out / "diagnosis.html").read_text(encoding="utf-8")
    wanted = ["Verdict: pycaffe-no-swap", "Red and blue were exchanged", "Ranks: on these 14"]
    wanted += ["memnet migrate", "<figure>", "The candidates", "<details"]
    body = page[page.index("<body") :]
    places = [body.index(text) for text in wanted]
    assert places == sorted(places)
    record = json.loads((out / "diagnosis.json").read_text(encoding="utf-8"))
    assert (record["verdict"], record["column"], record["source"]) == (
        "pycaffe-no-swap",
        "memnet",
        str(old),
    )
    assert "column memnet of old.csv?" in body
    assert record["compared"]["image_ids"] == list(case[3].image_ids)
    assert record["compared"]["variant"] == case[3].raw("pycaffe-no-swap").tolist()
    with pytest.raises(MemnetError, match="--open shows the page that --out DIR writes"):
        run(old, "--open")


def test_without_pictures_a_folder_gets_the_page_of_a_first_guess(run, case, tmp_path):
    run(table(tmp_path / "old.csv", case[3]), "--out", tmp_path / "out", images=False)
    page = (tmp_path / "out" / "diagnosis.html").read_text(encoding="utf-8")
    assert "14 rows, without their pictures" in page
    assert "<figure>" not in page


def test_a_straight_line_and_an_order_are_named_once_and_lead_the_table(run, case, tmp_path):
    raw = case[3].raw("pycaffe-no-swap")
    for name, values in (("affine", 3 - 2 * raw), ("rank", raw.argsort().argsort() ** 3 + 0.5)):
        old = tmp_path / f"{name}.csv"
        rows = [
            f"{one},{float(value)!r}" for one, value in zip(case[3].image_ids, values, strict=True)
        ]
        old.write_text("\n".join(["image_id,memnet", *rows]), encoding="utf-8")
        lines = run(old).stdout.splitlines()
        if name == "affine":
            assert lines[0] == "Verdict: pycaffe-no-swap (affine)."
            head = next(at for at, line in enumerate(lines) if line.startswith("Variant"))
            assert lines[head + 1].split()[:2] == ["pycaffe-no-swap", "affine"]
        else:  # of 14 pictures a related model may have the very order, too
            assert lines[0].startswith("Verdict: ")
            assert "rank, rank" not in lines[0]


def test_grey_pictures_are_said_and_that_they_hide_the_order_of_the_channels(run, tmp_path, case):
    from PIL import Image

    _, pictures, _, scores = case
    grey = tmp_path / "grey"
    grey.mkdir()
    for path in pictures.iterdir():
        Image.open(path).convert("L").save(grey / path.name)
    old = table(tmp_path / "old.csv", scores)
    done = run(old, "--json", "--images", grey)
    cautions = json.loads(done.stdout)["cautions"]
    assert "14 of 14 pictures are grey" in cautions[0]
    assert any("Most pictures are grey" in sentence for sentence in cautions)
    assert "Most pictures are grey" in done.stderr
    assert "grey" not in run(old).stderr


def test_without_pictures_only_the_numbers_speak(run, case, tmp_path):
    done = run(table(tmp_path / "old.csv", case[3]), images=False)
    assert done.stdout.startswith("The numbers alone (14):")
    assert "memnet: old.csv was read as UTF-8, comma between cells\n" in done.stderr
    assert "--images" in done.stderr
    plain = json.loads(run(tmp_path / "old.csv", "--json", images=False).stdout)
    assert (plain["verdict"], plain["equivalent"]) == (None, [])
    assert plain["evidence"] == "no pictures"
    assert plain["fingerprint"]["decimals"] == 4


def test_ids_without_endings_are_an_error_that_says_what_to_change(run, case, tmp_path):
    old = table(tmp_path / "old.csv", case[3], name=lambda image_id: Path(image_id).stem)
    with pytest.raises(MemnetError, match=r"14 would agree without file endings .*: change one"):
        run(old)


def test_some_ids_without_endings_are_left_out_and_said(run, case, tmp_path):
    drop = ("001.png", "004.png")
    old = table(
        tmp_path / "old.csv",
        case[3],
        name=lambda image_id: image_id[:-4] if image_id in drop else image_id,
    )
    done = run(old, "--json")
    assert json.loads(done.stdout)["n"] == COUNT - 2
    assert "2 id(s)" in done.stderr
    assert "'001' and '001.png'" in done.stderr


def test_ids_are_matched_by_a_looser_rule_where_one_is_chosen(run, case, tmp_path, monkeypatch):
    _, _, _, scores = case

    def scored_before(predictor, items):
        rows = [scores.image_ids.index(Path(item.path).name) for item in items]
        taken = study.Pool(scores, {}).take(rows).scores
        return replace(taken, image_ids=tuple(item.image_id for item in items))

    monkeypatch.setattr("memnet.studies.variants.scores.score_variants", scored_before)
    exact = json.loads(run(table(tmp_path / "old.csv", scores), "--json").stdout)
    old = table(tmp_path / "old.csv", scores, name=lambda one: f"Stimuli/{one[:-4]}.JPG")
    with pytest.raises(MemnetError, match="With --match stem, 14 would match"):
        run(old)
    done = run(old, "--json", "--match", "stem", "--id-column", "image_id")
    found = json.loads(done.stdout)
    rule = "the file names at the end of the ids are equal without their endings"
    assert "Stimuli/000.JPG" in found["cautions"][0]  # pictures have the ids of the table
    named = {"join_rule", "cautions", "compared", "command", "next_command"}
    assert {name for name in exact if found[name] != exact[name]} <= named
    assert found["join_rule"] == rule
    assert "--match stem" in found["next_command"]
    assert exact["join_rule"] == "ids are equal letter for letter, file ending included"
    assert f"were matched by --match stem: {rule}." in done.stderr
    with pytest.raises(MemnetError, match="--match is for the pictures"):
        run(old, "--match", "stem", images=False)


def test_a_sample_is_drawn_with_its_seed_and_said(run, case, tmp_path):
    old = table(tmp_path / "old.csv", case[3])
    first = run(old, "--json", "--sample", 10, "--seed", 3)
    assert json.loads(first.stdout)["n"] == 10
    assert "10 of 14 pictures are used, drawn with seed 3" in first.stderr


def test_a_picture_that_fails_is_named_and_the_exit_code_is_1(case, tmp_path):
    _, pictures, file, scores = case
    folder = tmp_path / "with a broken one"
    folder.mkdir()
    for path in pictures.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "003.png").write_bytes(b"no picture")
    old = table(tmp_path / "old.csv", scores)
    arguments = ["--scores", old, "--score-column", "memnet", "--images", folder, "--model", file]
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert done.exit_code == 1
    assert "003.png" in done.stderr
    found = json.loads(done.stdout)
    assert list(found["failed"]) == ["003.png"]
    assert found["n"] == COUNT - 1
    assert found["verdict"] in ("pycaffe-no-swap", "pil-no-swap")


def test_fewer_than_ten_rows_are_refused_before_anything_is_scored(run, case, tmp_path):
    old = tmp_path / "old.csv"
    lines = table(old, case[3]).read_text(encoding="utf-8").splitlines()
    old.write_text("\n".join(lines[:9]), encoding="utf-8")
    with pytest.raises(MemnetError, match=r"8 usable row.* at least 10"):
        run(old)


def test_none_of_these_is_an_answer_and_no_failure(run, case, tmp_path):
    old = tmp_path / "old.csv"
    values = [0.91, 0.52, 0.77, 0.64, 0.83, 0.58, 0.7, 0.95, 0.61, 0.88, 0.49, 0.8, 0.67, 0.73]
    rows = [f"{one},{value}" for one, value in zip(case[3].image_ids, values, strict=True)]
    old.write_text("\n".join(["image_id,memnet", *rows]), encoding="utf-8")
    done = run(old)
    assert done.stdout.startswith("Verdict: none of these.\n")


def test_the_command_is_known_and_a_missing_file_is_one_sentence_and_exit_2(memnet_command):
    done = memnet_command(
        "diagnose", "--scores", "nothing.csv", "--score-column", "memnet", check=2
    )
    assert done.stderr == "memnet: There is no file nothing.csv.\n"

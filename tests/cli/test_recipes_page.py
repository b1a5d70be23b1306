"""Every recipe of docs/recipes.md, run as it stands there on inputs such as its readers have.

The model is a tiny one. What the page does in R is run where there is R.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import memnet
from folder_server import FolderServer
from needs import skip_for

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
RECIPES = dict(
    re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL),
)
NSD_SIZE = 30


def block(recipe: str, language: str) -> str:
    """Return what stands in a recipe's blocks of a language."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", RECIPES[recipe], re.MULTILINE | re.DOTALL)
    return "".join(blocks)


@pytest.fixture
def run(memnet_command, tiny_weights, tmp_path):
    """Return a function that runs a recipe's commands, and returns what they print."""

    def run(recipe: str, check: int = 0, **elsewhere: str) -> str:
        printed = ""
        for line in block(recipe, "sh").splitlines():
            line = re.sub(r"[a-z]+\.published", str(tiny_weights), line).partition(" | ")[0]
            for scheme, here in elsewhere.items():
                line = line.replace(f"{scheme}://", here)
            program, *words = shlex.split(line)
            assert program == "memnet"
            printed += memnet_command(*words, check=check).stdout
        return printed

    return run


@pytest.fixture
def in_r(tmp_path):
    """Return a function that runs a recipe's lines in R and returns the values asked for."""

    def run_r(recipe: str, **wanted: str) -> dict[str, str]:
        if not shutil.which("Rscript"):
            skip_for("R", "Rscript runs the lines of the page")
        asked = "".join(f'cat("\\n{name}:", {wanted[name]})\n' for name in wanted)
        (tmp_path / "recipe.R").write_text(block(recipe, "r") + asked, encoding="utf-8")
        done = subprocess.run(
            ["Rscript", "recipe.R"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return dict(re.findall(r"^(\w+): ?(.*)$", done.stdout, flags=re.MULTILINE))

    return run_r


@pytest.fixture
def pictures(make_pictures, tmp_path):
    """Return a function that puts pictures of different content under these names."""
    source = make_pictures(4, "made", size=(300, 200))

    def put(*names: str) -> None:
        for number, name in enumerate(names):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            with Image.open(source / f"{number % 4:05d}.png") as image:
                image.save(tmp_path / name)

    return put


def numbers(text: str) -> list[float]:
    return [float(each) for each in text.split()]


def test_the_list_on_top_leads_to_every_recipe():
    linked = re.findall(r"\[go\]\(#(.*?)\)", PAGE)
    assert linked == [re.sub(r"[^\w ]", "", name).lower().replace(" ", "-") for name in RECIPES]


def test_every_recipe_is_run_here():
    tests = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in RECIPES if f'run("{name}"' not in tests] == []
    assert all(block(name, "sh") for name in RECIPES)
    assert all(len(block(name, "sh").splitlines()) <= 2 for name in RECIPES)


def test_a_folder(run, pictures, tmp_path):
    pytest.importorskip("openpyxl", reason="needs openpyxl; pip install openpyxl")
    pictures("my_pictures/b.png", "my_pictures/old/a.jpg")
    run("A folder of pictures")
    table = pd.read_excel(tmp_path / "scores.xlsx")
    assert table["image_id"].tolist() == ["b.png", "old/a.jpg"]
    assert table.shape[1] == 2 + 10
    assert table["score"].between(0, 1).all()


def test_a_table(run, pictures, tmp_path):
    pictures("img/x.png", "y.png")
    posts = pd.DataFrame({"file_path": ["y.png", "img/x.png", "y.png"], "likes": [3, 1, 3]})
    posts.to_csv(tmp_path / "posts.csv", index=False)
    run("A table that names pictures")
    scored = pd.read_csv(tmp_path / "scored.csv")
    pd.testing.assert_frame_equal(scored[list(posts)], posts)
    assert scored["score"][0] == scored["score"][2] != scored["score"][1]


@pytest.fixture
def things(run, pictures, tmp_path):
    pictures("img/things/cat_01b.jpg", "img/things/dog_01b.jpg")
    trials = "image_l,image_r\nimg/things/dog_01b.jpg,img/things/cat_01b.jpg\n"
    (tmp_path / "trials.csv").write_text(trials + "img/things/cat_01b.jpg,img/things/gone.jpg\n")
    run("Trials with two pictures")
    return pd.read_csv(tmp_path / "scores.csv").set_index("image_id")["score"]


def test_ids_are_those_of_the_trials(things):
    assert things.index.tolist() == ["img/things/cat_01b.jpg", "img/things/dog_01b.jpg"]


def test_trials_get_both_scores_in_r(things, in_r):
    got = in_r("Trials with two pictures", l="trials$score_l", r="trials$score_r")
    cat, dog = things
    assert numbers(got["l"]) == pytest.approx([dog, cat])
    assert numbers(got["r"].replace("NA", "nan")) == pytest.approx([cat, np.nan], nan_ok=True)


@pytest.fixture
def nsd_files(run, pictures, tmp_path):
    pictures("nsd/shared0001_nsd02951.png", "nsd/shared0002_nsd00001.png")
    coco = "nsdId,cocoId\n" + "".join(f"{n},{9000 + n}\n" for n in (0, 1, 2950, 2951))
    (tmp_path / "nsd_stim_info_merged.csv").write_text(coco)
    run("Numbers in names of files")


def test_numbers_become_ids(nsd_files, tmp_path):
    assert pd.read_csv(tmp_path / "scores.csv")["image_id"].tolist() == [2951, 1]


def test_numbers_from_one_meet_numbers_from_zero_in_r(nsd_files, in_r):
    got = in_r("Numbers in names of files", coco="scores$cocoId")
    assert numbers(got["coco"]) == [9000 + 2950, 9000]


@pytest.fixture
def nsd_scores(run, tmp_path):
    """Scores of the first pictures of a file that is like the NSD's, but smaller."""
    h5py = pytest.importorskip("h5py", reason="needs h5py; pip install h5py")
    bricks = np.random.default_rng(31).integers(256, size=(12, NSD_SIZE, NSD_SIZE, 3))
    with h5py.File(tmp_path / "nsd_stimuli.hdf5", "w") as file:
        file["imgBrick"] = bricks.astype(np.uint8)
    (tmp_path / "trials.csv").write_text("id73k\n11\n1\n12\n")
    run("The Natural Scenes Dataset as it is downloaded")
    return pd.read_csv(tmp_path / "nsd.csv").set_index("image_id")["score"], bricks


def test_an_hdf5_file_of_the_nsd(nsd_scores, tiny):
    scores, bricks = nsd_scores
    assert scores.index.tolist() == list(range(12))
    alone = tiny.score([brick.astype(np.uint8) for brick in bricks])["score"]
    assert scores.to_numpy() == pytest.approx(alone.to_numpy(), abs=1e-6)


def test_trials_in_the_scanner_get_their_modulator_in_r(nsd_scores, in_r):
    wanted = {"m": "trials$memorability", "c": "abs(sum(trials$modulator)) < 1e-12"}
    got = in_r("The Natural Scenes Dataset as it is downloaded", **wanted)
    scores, _ = nsd_scores
    assert numbers(got["m"]) == pytest.approx(scores[[10, 0, 11]].tolist())
    assert got["c"] == "TRUE"


@pytest.fixture
def fixations(run, pictures, tmp_path):
    pictures("a.png")
    rows = "".join(f"s{n % 2},a.png,{60 + 17 * n},{70 + 5 * n},{0.2 + n / 50}\n" for n in range(9))
    (tmp_path / "fixations.csv").write_text("subject,picture,x,y,duration\n" + rows)
    run("What fixations fell on")
    return pd.read_csv(tmp_path / "crops.csv")


def test_crops_round_fixations(fixations, tiny, tmp_path):
    assert fixations["width"].tolist() == fixations["height"].tolist() == [100] * 9
    assert fixations["duration"].tolist() == pytest.approx([0.2 + n / 50 for n in range(9)])
    with Image.open(tmp_path / "a.png") as whole:
        corner = whole.crop((60 + 17 - 50, 75 - 50, 60 + 17 + 50, 75 + 50))
    assert fixations["score"][1] == pytest.approx(tiny.score(corner)["score"][0], abs=1e-6)


def test_a_model_of_fixations_in_r(fixations, in_r):
    got = in_r("What fixations fell on", slope="coef(model)[['score']]")
    design = np.column_stack([np.ones(9), fixations["score"], fixations["subject"] == "s1"])
    slope = np.linalg.lstsq(design, np.log(fixations["duration"]), rcond=None)[0][1]
    assert float(got["slope"]) == pytest.approx(slope, rel=1e-4)


def test_halves_of_high_and_low_scores_last_equally_long_in_r(in_r, tmp_path):
    """Where longer fixations fall on what has higher scores, plain halves would differ."""
    random = np.random.default_rng(17)
    duration = random.gamma(4, 0.06, 500)
    score = 0.5 + 0.5 * (duration - duration.mean()) + random.normal(0, 0.05, 500)
    rows = {"score": score, "duration": duration, "subject": random.choice(["s1", "s2"], 500)}
    pd.DataFrame(rows).to_csv(tmp_path / "crops.csv", index=False)
    columns = {f"{half}_{name}": f"{half}${name}" for half in ("low", "high") for name in rows}
    got = in_r("What fixations fell on", **columns)
    low, high = (np.array(numbers(got[f"{half}_duration"])) for half in ("low", "high"))
    assert len(low) == len(high) == 200
    plain = duration[score > np.median(score)].mean() - duration[score < np.median(score)].mean()
    assert abs(high.mean() - low.mean()) < 0.1 * plain
    assert min(numbers(got["high_score"])) < max(numbers(got["low_score"]))  # of other durations
    assert np.mean(numbers(got["high_score"])) > np.mean(numbers(got["low_score"])) + 0.05


@pytest.fixture
def film(tmp_path):
    from videos import noise, write_video

    return write_video(
        tmp_path / "film.mp4", noise(50), codec="libx264rgb", pix_fmt="rgb24", rate=5
    )


def test_a_film_for_the_scanner(run, film, tmp_path):
    run("A film in the scanner")
    events = pd.read_csv(tmp_path / "sub-01_task-film_events.tsv", sep="\t")
    assert events["onset"].tolist() == [10, 12, 14, 16, 18]
    assert events["duration"].tolist() == [2] * 5
    frames = pd.read_csv(tmp_path / "frames.csv")["score"].to_numpy().reshape(5, 4)
    assert events["memorability"].to_numpy() == pytest.approx(frames.mean(axis=1))
    assert events["memorability_peak"].to_numpy() == pytest.approx(frames.max(axis=1))


def test_the_moments_of_a_film(run, film, tmp_path, in_r):
    judged = np.array([0.3, 0.1, 0.5, 0.2, 0.4])
    rows = "".join(f"{2 * n},{each}\n" for n, each in enumerate(judged))
    (tmp_path / "judged.csv").write_text("onset,importance\n" + rows)
    run("Moments of a film")
    frames = pd.read_csv(tmp_path / "frames.csv")
    means = frames["score"].to_numpy().reshape(5, 4).mean(axis=1)
    assert pd.read_csv(tmp_path / "clips" / "windows.csv")["mean"].to_numpy() == pytest.approx(
        means
    )
    got = in_r("Moments of a film", rho="rho", best="best", worst="worst")
    assert float(got["rho"]) == pytest.approx(
        pd.Series(means).corr(pd.Series(judged), method="spearman"), abs=1e-6
    )
    times = frames["time"]
    assert float(got["best"]) == times[frames["score"].idxmax()]
    assert float(got["worst"]) == times[frames["score"].idxmin()]


def test_web_addresses(run, pictures, tmp_path):
    pictures("web/a.jpg", "web/b.jpg")
    with FolderServer(tmp_path / "web") as web:
        addresses = [f"{web.url}/{name}" for name in ("b.jpg", "gone.jpg", "a.jpg")]
        films = pd.DataFrame({"film": ["B", "gone", "A"], "poster_url": addresses})
        films.to_csv(tmp_path / "films.csv", index=False)
        run("A table of web addresses", check=1)
    scored = pd.read_csv(tmp_path / "scored.csv")
    pd.testing.assert_frame_equal(scored[list(films)], films)
    assert scored["score"].isna().tolist() == [False, True, False]
    assert "404" in scored["warning"][1]


def test_a_bucket_and_a_database(run, pictures, tmp_path):
    pictures("a.jpg", "b.jpg")
    store = fsspec.filesystem("memory")
    for name in ("a.jpg", "b.jpg"):
        store.pipe(f"/my-bucket/posters/{name}", (tmp_path / name).read_bytes())
    lines = run("A bucket and a database", s3="memory://")
    store.store.clear()
    score_page = (Path(__file__).parents[2] / "docs" / "score.md").read_text(encoding="utf-8")
    (program,) = re.findall(
        r"^```python\n(import json\nimport sqlite3.*?)^```", score_page, re.MULTILINE | re.DOTALL
    )
    with contextlib.closing(sqlite3.connect(tmp_path / "films.db")) as films:
        with films:
            films.execute("CREATE TABLE films (poster TEXT, memorability REAL)")
            films.executemany("INSERT INTO films VALUES (?, NULL)", [("b.jpg",), ("a.jpg",)])
        subprocess.run(
            [sys.executable, "-c", program], input=lines, text=True, cwd=tmp_path, check=True
        )
        found = dict(films.execute("SELECT poster, memorability FROM films"))
    assert found == {row["image_id"]: row["score"] for row in map(json.loads, lines.splitlines())}
    assert len(found) == 2


def test_a_program_that_asks(run, pictures, tiny, tmp_path, monkeypatch):
    pictures("poster.jpg", "example.org/poster.jpg")
    with FolderServer(tmp_path) as web:
        row, fetched = map(json.loads, run("A program that asks", https=f"{web.url}/").splitlines())
    assert row["image_id"] == fetched["image_id"] == "poster.jpg"
    assert 0 < fetched["score"] < 1
    monkeypatch.setattr(memnet, "load", lambda name: tiny)
    names: dict = {}
    exec(block("A program that asks", "python"), names)
    answer = names["answer"]((tmp_path / "poster.jpg").read_bytes())
    assert answer["ok"]
    assert answer["memorability"] == pytest.approx(row["score"], abs=1e-6)
    assert answer["source"] == tiny.name
    assert not names["answer"](b"no picture")["ok"]
    json.dumps(answer)

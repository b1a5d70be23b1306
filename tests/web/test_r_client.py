"""`memnet.R`: what R gets from a server is what the Python client gets."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import memnet
import memnet.web
from live_server import LiveServer, tiny_settings
from memnet.web.client import Client
from needs import skip_for

SCRIPT = Path(memnet.web.__file__).parent / "r" / "memnet.R"
KEY = "a-key-of-the-tests"
PROGRAM = """
args <- commandArgs(trailingOnly = TRUE)
source(args[1])
setwd(args[2])
scores <- memnet_score("pictures")
utils::write.csv(format(scores, digits = 17), "scores.csv", row.names = FALSE)
one <- memnet_score(c("pictures/deeper/a b.png", "missing.png"), models = "tiny.test")
rates <- seq(0.5, 0.9, length.out = nrow(scores))
people <- data.frame(image_id = scores$image_id, hit_rate = rates)
compared <- memnet_compare(people, scores, truth_column = "hit_rate", out = "report.html")
again <- memnet_compare("people.csv", scores, truth_column = "hit_rate")
sentence <- function(expression) tryCatch({ expression; "" }, error = conditionMessage)
Sys.unsetenv("MEMNET_API_KEY")
told <- list(
  columns = names(scores), classes = vapply(scores, class, ""), ids = one$image_id,
  alone = format(one$score[1], digits = 17),
  warnings = one$warning, answer = compared$answer, matched = compared$matched,
  notes = compared$notes, again = again$answer,
  keyless = sentence(memnet_score("pictures")),
  unknown = sentence(memnet_score("pictures", models = "resmem", key = args[3])),
  column = sentence(memnet_compare(people, scores, truth_column = "HR", key = args[3])),
  nobody = sentence(memnet_score("pictures", url = "http://127.0.0.1:9"))
)
writeLines(jsonlite::toJSON(told, auto_unbox = TRUE), "told.json")
"""


@pytest.fixture(scope="module")
def folder(golden_pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("r")
    pictures = folder / "pictures"
    (pictures / "deeper").mkdir(parents=True)
    for path in golden_pictures.values():
        shutil.copy(path, pictures / path.name)
    shutil.copy(path, pictures / "deeper" / "a b.png")
    (pictures / "broken.png").write_bytes(path.read_bytes()[:300])
    (pictures / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def seen(weights, folder):
    """What Python sees, and what R saw of the same server."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        skip_for("R")
    check = "quit(status = !requireNamespace('httr2', quietly = TRUE))"
    if subprocess.run([rscript, "-e", check], capture_output=True, check=False).returncode:
        skip_for("R's package httr2", "on Debian: apt-get install r-cran-httr2")
    with LiveServer(tiny_settings(weights, key=KEY)) as server:
        client = Client(server.url, KEY)
        table = client.score(folder / "pictures")
        truth = pd.DataFrame(
            {"image_id": table["image_id"], "hit_rate": np.linspace(0.5, 0.9, len(table))}
        )
        truth.to_csv(folder / "people.csv", index=False)
        compared = client.compare(truth, table, truth_column="hit_rate")
        (folder / "program.R").write_text(PROGRAM.replace("tiny.test", weights.name))
        environment = {"MEMNET_URL": server.url, "MEMNET_API_KEY": KEY, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [rscript, "--vanilla", folder / "program.R", SCRIPT, folder, KEY],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    told = json.loads((folder / "told.json").read_text(encoding="utf-8"))
    return table, compared, told


def test_the_table_of_r_is_that_of_python(seen, folder):
    table, _, told = seen
    ours = pd.read_csv(folder / "scores.csv", keep_default_na=False, skipinitialspace=True)
    assert told["columns"] == list(table)
    assert ours["image_id"].str.strip().tolist() == table["image_id"].tolist()
    assert ours["warning"].str.strip().tolist() == table["warning"].tolist()
    for column, off in {"score": 1e-6, "raw": 1e-6, "width": 0, "height": 0, "n_crops": 0}.items():
        values = pd.to_numeric(ours[column], "coerce").to_numpy(float)
        wanted = table[column].to_numpy(float, na_value=np.nan)
        np.testing.assert_allclose(values, wanted, rtol=0, atol=off)  # batches differ by rounding
    kinds = dict(zip(told["columns"], told["classes"], strict=True))
    assert (kinds["score"], kinds["n_crops"], kinds["clamped"]) == ("numeric", "integer", "logical")


def test_a_picture_alone_has_the_very_score_of_memnet_score(seen, folder, weights):
    path = folder / "pictures" / "deeper" / "a b.png"
    expected = memnet.load(weights, device="cpu").score(path)["score"][0]
    assert float(seen[2]["alone"]) == expected


def test_files_have_their_names_and_a_missing_one_its_row(seen):
    assert seen[2]["ids"] == ["a b.png", "missing.png"]
    enlarged, missing = seen[2]["warnings"]
    assert enlarged.startswith("The picture has 213 x 320 pixels.")
    assert missing == "failed: There is no such file."


def test_the_comparison_of_r_is_that_of_python(seen, folder):
    _, compared, told = seen
    assert told["answer"] == told["again"] == compared.answer
    assert told["matched"] == compared.matched == 9
    assert told["notes"] == list(compared.notes)
    assert compared.answer.partition(":")[0] in (folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("keyless", "This server wants its key"),
        ("unknown", "There is no model of this server 'resmem'"),
        ("column", "HR"),
        ("nobody", "The server cannot be reached; does `memnet serve` run at http://127.0.0.1:9"),
    ],
)
def test_errors_are_sentences(seen, name, sentence):
    assert sentence in seen[2][name]

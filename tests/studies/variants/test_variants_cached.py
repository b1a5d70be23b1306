"""The variants by way of the score cache: `diagnose` and `sensitivity` compute nothing twice."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import memnet
from command import run_memnet
from memnet.data.pictures import collect
from memnet.scoring.lazy_model import find_model
from memnet.studies.variants.scores import score_variants

SLUGS = ["keyes-centre", "pycaffe-no-swap", "matlab-demo-2014"]


def test_a_second_run_computes_nothing_and_gives_the_same_bits(mini, home, make_pictures, computed):
    folder = make_pictures(5)
    (folder / "bad.png").write_text("no picture")
    items = collect([folder]).items
    first = score_variants(find_model(mini, "cpu"), items, batch_size=2)
    assert first.cached == 0
    count = sum(computed)
    assert count > 5 * 20  # as many networks' inputs as the variants make of a picture
    again = score_variants(find_model(mini, "cpu"), items)
    assert (again.cached, sum(computed)) == (5, count)
    assert again.image_ids == first.image_ids
    assert again.failed == first.failed
    assert list(again.outputs) == list(first.outputs)
    for slug, outputs in first.outputs.items():
        assert np.array_equal(again.outputs[slug], outputs)
        assert again.outputs[slug].dtype == np.float64


def test_they_are_those_that_are_computed(mini, home, make_pictures, monkeypatch):
    items = collect([make_pictures(3)]).items
    cached = [score_variants(find_model(mini, "cpu"), items, slugs=SLUGS) for _ in range(2)][1]
    monkeypatch.setenv("MEMNET_NO_CACHE", "1")
    anew = score_variants(memnet.load(mini, device="cpu"), items, slugs=SLUGS)
    assert (cached.cached, anew.cached) == (3, 0)
    for slug in ("server", *SLUGS):
        assert np.allclose(cached.outputs[slug], anew.outputs[slug], rtol=0, atol=1e-6)


def test_only_what_is_missing_is_computed(mini, home, make_pictures, computed):
    folder = make_pictures(4)
    items = collect([folder]).items
    score_variants(find_model(mini, "cpu"), items[:2], slugs=SLUGS[:1])
    computed.clear()
    scores = score_variants(find_model(mini, "cpu"), items, slugs=SLUGS[:2])
    assert scores.cached == 0
    # server and keyes-centre of two pictures, pycaffe-no-swap of all four
    assert sorted(computed) == [2, 2, 4]


def test_score_and_the_variants_share_what_they_computed(
    mini, home, make_pictures, computed, tmp_path
):
    folder = make_pictures(3)
    scores = score_variants(find_model(mini, "cpu"), collect([folder]).items, slugs=SLUGS)
    computed.clear()
    for slug in ("server", "keyes-centre", "pycaffe-no-swap"):
        table = memnet.load(f"{mini}:{slug}", device="cpu").score(sorted(folder.iterdir()))
        assert table.raw.tolist() == pytest.approx(scores.raw(slug).tolist(), abs=1e-12)
    assert memnet.load(mini, device="cpu").score(sorted(folder.iterdir())).score.notna().all()
    assert not computed


def test_a_model_that_was_touched_is_computed(mini, home, make_pictures):
    items = collect([make_pictures(2)]).items
    whole = score_variants(memnet.load(mini, device="cpu"), items, slugs=SLUGS[:1])
    model = memnet.load(mini, device="cpu")
    model.network.conv1.register_forward_hook(lambda layer, inputs, output: output * 0)
    touched = score_variants(model, items, slugs=SLUGS[:1])
    assert touched.cached == 0
    assert not np.allclose(touched.outputs["server"], whole.outputs["server"])
    again = score_variants(find_model(mini, "cpu"), items, slugs=SLUGS[:1])
    assert np.array_equal(again.outputs["server"], whole.outputs["server"])


_WITHOUT_TORCH = """
import sys
from memnet.data.pictures import collect
from memnet.scoring.lazy_model import find_model
from memnet.studies.variants.scores import score_variants
import memnet.studies.diagnosis.diagnose
scores = score_variants(find_model(sys.argv[1], "cpu"), collect([sys.argv[2]]).items)
print(scores.cached, "torch" in sys.modules)
"""


@pytest.mark.process
def test_where_all_is_known_nothing_waits_for_torch(mini, home, make_pictures):
    """Its import takes longer than all the rest of a second `memnet diagnose`."""
    folder = make_pictures(3)
    score_variants(find_model(mini, "cpu"), collect([folder]).items)
    words = [sys.executable, "-c", _WITHOUT_TORCH, str(mini), str(folder)]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.split() == ["3", "False"]


def test_the_commands_say_what_was_known(mini, home, make_pictures, tmp_path, quick_figures):
    folder = make_pictures(12)
    words = ("sensitivity", folder, "--model", mini, "--device", "cpu", "--out")
    assert "cache" not in run_memnet(*words, tmp_path / "one").stderr
    assert (
        "12 pictures (12 known from the score cache)" in run_memnet(*words, tmp_path / "two").stderr
    )
    same = [(tmp_path / name / "variants.csv").read_bytes() for name in ("one", "two")]
    assert same[0] == same[1]
    old = tmp_path / "old.csv"
    rows = [f"{path.name},{0.5 + number / 30:.4f}" for number, path in enumerate(folder.iterdir())]
    old.write_text("\n".join(["image_id,memnet", *rows]) + "\n")
    done = run_memnet(
        *("diagnose", "--scores", old, "--score-column", "memnet", "--images", folder),
        *("--model", mini, "--device", "cpu"),
    )
    assert "12 of 12 pictures were known from the score cache" in done.stderr

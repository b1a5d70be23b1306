"""The figures of `memnet sensitivity` are SciPy's and hand-computed ones; undefined stays NaN."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from memnet.errors import MemnetError
from memnet.studies.variants.figures import draw_heat_map
from memnet.studies.variants.page import (
    compare_with_server,
    thumbnail,
    write_sensitivity_page,
)
from memnet.studies.variants.scores import VariantScores, score_variants
from memnet.studies.variants.sensitivity import (
    clustered,
    compare_variants,
    is_constant,
    rank_correlations,
)
from memnet.weights.catalogue import find


def scored(n=40, seed=0, **columns):
    """Outputs of a few variants on n pictures; a column given by name replaces the drawn one."""
    random = np.random.default_rng(seed)
    server = random.normal(0.76, 0.08, (n, 10))
    outputs = {
        "server": server,
        "matlab-demo-2014": server.copy(),
        "keyes-centre": server[:, 4:5] + random.normal(0, 0.01, (n, 1)),
        "pycaffe-no-swap": random.normal(0.7, 0.1, (n, 1)),
    }
    outputs |= {name.replace("_", "-"): np.asarray(value) for name, value in columns.items()}
    names = tuple(f"{number:03d}.png" for number in range(n))
    return VariantScores(model="small", image_ids=names, paths=names, outputs=outputs, failed={})


def row(found, slug):
    return found.summary.set_index("variant").loc[slug]


def test_correlations_are_those_of_scipy():
    scores = scored()
    found = compare_variants(scores)
    for slug in scores.outputs:
        server, values = scores.raw("server"), scores.raw(slug)
        assert row(found, slug)["spearman"] == pytest.approx(stats.spearmanr(values, server)[0])
        assert row(found, slug)["pearson"] == pytest.approx(stats.pearsonr(values, server)[0])
    pair = stats.spearmanr(scores.raw("keyes-centre"), scores.raw("pycaffe-no-swap"))[0]
    assert found.correlations.loc["keyes-centre", "pycaffe-no-swap"] == pytest.approx(pair)
    assert (found.correlations.to_numpy() == found.correlations.to_numpy().T).all()


def test_ties_get_scipys_rank_correlation():
    a, b = np.array([1.0, 1, 2, 3, 3, 3]), np.array([2.0, 1, 1, 4, 4, 3])
    assert rank_correlations({"a": a, "b": b}).loc["a", "b"] == pytest.approx(
        stats.spearmanr(a, b)[0]
    )


def test_figures_of_four_pictures_computed_by_hand():
    server = np.array([0.5, 0.6, 0.7, 0.8])
    other = np.array([0.7, 0.6, 0.9, 0.8])
    found = compare_variants(
        VariantScores(
            model="m",
            image_ids=("a", "b", "c", "d"),
            paths=("a", "b", "c", "d"),
            outputs={"server": server[:, None], "keyes-centre": other[:, None]},
        )
    )
    line = row(found, "keyes-centre")
    assert line["n"] == 4
    assert line["spearman"] == pytest.approx(0.6)  # ranks 1 2 3 4 and 2 1 4 3: 1 - 6 * 4 / 60
    assert line["mean_shift"] == pytest.approx(0.1)
    assert line["sd"] == pytest.approx(math.sqrt(0.05 / 3))
    assert line["sd_ratio"] == pytest.approx(1.0)
    assert line["rms_difference"] == pytest.approx(math.sqrt(0.08 / 4))
    assert line["max_difference"] == pytest.approx(0.2)
    assert line["max_picture"] in ("a", "c")
    assert row(found, "server")["max_picture"] == ""


def test_only_a_variant_that_clamps_has_a_clamped_share():
    # The server's score is (raw - 0.7626) * 2 + 0.65: 1 is reached at 0.9376, 0 at 0.4376.
    raw = np.array([0.43, 0.44, 0.76, 0.93, 0.94])
    found = compare_variants(scored(5, server=raw[:, None], keyes_centre=raw[:, None]))
    assert row(found, "server")["clamped_share"] == pytest.approx(2 / 5)
    assert math.isnan(row(found, "keyes-centre")["clamped_share"])
    scores = found.scores.query("variant == 'server'")
    np.testing.assert_allclose(scores["score"], [0, 0.0048, 0.6448, 0.9848, 1], atol=1e-12)
    np.testing.assert_allclose(scores["raw"], raw)


def test_a_clamp_per_crop_counts_a_picture_whose_mean_is_inside():
    crops = np.full((5, 1), 0.7) + np.arange(5)[:, None] * 0.01
    crops[0] = 0.95
    found = compare_variants(scored(5, pretorched_x=crops))
    assert row(found, "pretorched-x")["clamped_share"] == pytest.approx(1 / 5)


def test_a_constant_column_gives_nan_and_a_reason():
    found = compare_variants(scored(gray_01=np.full((40, 1), 0.9)))
    line = row(found, "gray-01")
    assert math.isnan(line["spearman"])
    assert math.isnan(line["pearson"])
    assert line["sd"] == pytest.approx(0, abs=1e-12)
    assert line["reason"] == "the outputs of gray-01 are constant"
    assert found.correlations.loc["gray-01"].isna().all()
    assert found.order[-1] == "gray-01"
    assert any(
        "Constant outputs, so no rank correlation with the server: gray-01" in sentence
        for sentence in compare_with_server(found)
    )


def test_a_constant_server_leaves_nothing_defined_to_compare_with():
    found = compare_variants(scored(server=np.full((40, 10), 0.9)))
    assert found.summary["spearman"].isna().all()
    assert found.summary["sd_ratio"].isna().all()
    assert found.moved["mean_move"].isna().all()


def test_noise_of_32_bit_arithmetic_has_no_ranks():
    noise = np.random.default_rng(1).normal(0, 6e-8, 100)
    assert is_constant(0.9 + noise)
    assert not is_constant(0.9 + 100 * noise)


def test_variants_with_the_same_inputs_stand_once_in_the_heat_map():
    found = compare_variants(scored())
    assert "matlab-demo-2014" not in found.order
    assert row(found, "matlab-demo-2014")["same_as"] == "server"
    assert set(found.order) == {"server", "keyes-centre", "pycaffe-no-swap"}


def test_like_columns_are_put_beside_each_other():
    random = np.random.default_rng(5)
    a, b = random.random(50), random.random(50)
    near = {
        "a1": a,
        "b1": b,
        "a2": a + 0.01 * random.random(50),
        "b2": b + 0.01 * random.random(50),
    }
    order = clustered(rank_correlations(near))
    assert [name[0] for name in order] in (["a", "a", "b", "b"], ["b", "b", "a", "a"])


def test_the_picture_that_moves_is_named_first():
    server = np.linspace(0.5, 0.9, 12)
    other = server.copy()
    other[0] = 0.95  # from the least to the most memorable: everybody else falls by one
    found = compare_variants(
        VariantScores(
            model="m",
            image_ids=tuple("abcdefghijkl"),
            paths=tuple("abcdefghijkl"),
            outputs={
                "server": server[:, None],
                "keyes-centre": other[:, None],
                "caffe-train": 2 * server[:, None],  # nobody moves
            },
        )
    )
    first = found.moved.iloc[0]
    assert (first["image_id"], first["server_rank"], first["furthest_rank"]) == ("a", 12, 1)
    assert first["mean_move"] == 5.5  # of 11 and 0
    assert (found.moved["mean_move"].iloc[1:] == 0.5).all()


def test_too_few_pictures_are_refused_and_few_are_warned_of():
    with pytest.raises(MemnetError, match=r"2 pictures were scored.*at least 3"):
        compare_variants(scored(2))
    assert "only 9 pictures (fewer than 10)" in compare_variants(scored(9)).warning
    assert compare_variants(scored(10)).warning == ""


def test_studies_with_weights_of_their_own_and_random_crops_are_noted():
    found = compare_variants(scored(mem_transfer_lua=np.random.default_rng(0).random((40, 10))))
    assert any("mem-transfer-lua had their own weights" in note for note in found.notes)
    assert any("mem-transfer-lua used random crops" in note for note in found.notes)
    assert compare_variants(scored()).notes == []


def test_the_heat_map_writes_each_rho_in_its_cell():
    rho = pd.DataFrame(
        [[1, 0.9876, -0.25], [0.9876, 1, np.nan], [-0.25, np.nan, np.nan]],
        index=list("abc"),
        columns=list("abc"),
    )
    figure = draw_heat_map(rho, n=20)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["1", ".988", "−.250", ".988", "1", "–", "−.250", "–", "–"]
    image = figure.axes[0].get_images()[0]
    assert image.get_clim() == (-0.3, 1)


def test_the_page_is_one_file_with_its_pictures_and_shows_names_as_text(tmp_path, golden):
    picture = golden / "images" / "chelsea_small_97x64.png"
    scores = scored(12)
    ids = ("<b>x</b>.png", *scores.image_ids[1:])
    scores = VariantScores(
        model="small",
        image_ids=ids,
        paths=(str(picture),) * 12,
        outputs=scores.outputs,
        failed={"bad.png": "The file is empty."},
    )
    page = write_sensitivity_page(
        tmp_path,
        compare_variants(scores),
        cautions=["Mind the faces."],
        command="memnet sensitivity x",
        weights_sha256="0" * 64,
    ).read_text(encoding="utf-8")
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x" in page
    assert "bad.png: The file is empty." in page
    assert "1 picture is not in these results" in page
    assert "Mind the faces." in page
    assert re.search(r'<p class="lead"><strong>\w+ of 2 other ways of preprocessing rank', page)
    assert page.count("data:image/jpeg;base64,") == 12
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", page)
    assert (tmp_path / "figures" / "correlations.png").exists()


def test_a_thumbnail_is_small_and_a_lost_picture_has_none(tmp_path):
    Image.effect_noise((800, 600), 60).convert("RGB").save(tmp_path / "p.png")
    assert len(thumbnail(str(tmp_path / "p.png"))) < 12_000
    assert thumbnail(str(tmp_path / "gone.png")) == b""


def test_a_model_of_another_network_has_no_variants_and_no_word_of_a_server():
    entry = find("resmem.published")
    header = entry.header(entry.sha256, entry.tensors_sha256)
    predictor = SimpleNamespace(device="cpu", name=entry.name, variant="", header=header)
    with pytest.raises(MemnetError, match=r"is not the original .Caffe. MemNet, so it has no") as e:
        score_variants(predictor, [])
    assert ":server" not in str(e.value)

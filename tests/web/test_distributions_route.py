"""`GET /v1/distributions`, and the percentiles that scores have among those human scores."""

from __future__ import annotations

import pytest

from memnet.data.human_scores import percentile


def test_the_histograms_have_edges_and_counts(client):
    told = client.get("/v1/distributions").json()["distributions"]
    assert [(each["dataset"], each["target"]) for each in told][:2] == [
        ("lamem", "hit_rate"),
        ("memcat", "hit_rate"),
    ]
    for each in told:
        assert (len(each["edges"]), len(each["counts"])) == (51, 50)
        assert sum(each["counts"]) == each["n"]
        assert each["url"].startswith("https://doi.org/")
    assert (told[0]["n"], told[0]["sd"]) == (58_741, 0.123752)
    assert told[0]["edges"][29:36] == [0.58, 0.6, 0.62, 0.64, 0.66, 0.68, 0.7]


def test_scores_have_their_percentiles(client, golden_pictures):
    path = next(iter(golden_pictures.values()))
    answer = client.post("/v1/scores", files=[("files", ("a.png", path.read_bytes()))]).json()
    (score,) = answer["pictures"][0]["scores"]
    assert score["percentiles"].keys() == {"lamem", "memcat"}
    for dataset, value in score["percentiles"].items():
        assert value == pytest.approx(percentile(dataset, score["score"]), abs=0.051)

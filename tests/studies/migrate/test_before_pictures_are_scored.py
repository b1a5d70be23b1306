"""What can be refused is refused before a picture is scored; a folder may have other scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import memnet
from memnet.errors import MemnetError
from tiny import write_tiny

N = 14


@pytest.fixture
def study():
    random = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "image_id": [f"{place:05d}.png" for place in range(N)],
            "memnet": random.random(N).round(4),
            "rating": random.normal(size=N).round(3),
            "place": ["beach", "road"] * (N // 2),
        }
    )


@pytest.fixture
def migrate(tmp_path, make_pictures, tiny, monkeypatch):
    """Return a function that migrates with pictures, and says whether any was scored."""
    pictures, log = make_pictures(N), tmp_path / "log"
    monkeypatch.setenv("TINY_LOG", str(log))

    def go(study, model=tmp_path / "tiny.safetensors", **asked):
        log.unlink(missing_ok=True)
        return memnet.migrate(
            study,
            score_column="memnet",
            images=pictures,
            model=str(model),
            resamples=100,
            out=tmp_path / "out",
            **asked,
        )

    go.log = log
    return go


@pytest.mark.parametrize(
    ("change", "asked", "said"),
    [
        (lambda table: table, {"outcomes": ["place"]}, "has no number in column 'place'"),
        (
            lambda table: table,
            {"outcomes": ["rating"], "covariates": ["place"]},
            "has no number in column 'place'",
        ),
        (lambda table: table[:9], {}, "^9 picture.* have an old score in the table given; at leas"),
    ],
)
def test_what_would_be_refused_afterwards_is_refused_before(study, migrate, change, asked, said):
    with pytest.raises(MemnetError, match=said):
        migrate(change(study), **asked)
    assert not migrate.log.exists()


def test_a_second_model_in_the_same_folder_is_no_error_once_all_is_scored(
    study, migrate, tmp_path, monkeypatch
):
    first = migrate(study)
    write_tiny(tmp_path / "other.safetensors", seed=8)
    monkeypatch.chdir(tmp_path)
    second = migrate(study, "./other.safetensors")  # the table calls it other.safetensors
    assert second.new.model == "other.safetensors"
    table = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert table["model"].nunique() == 2
    theirs = table["score"][table["model"] == "other.safetensors"]
    assert second.table["new"].astype(float).tolist() == theirs.tolist()
    assert first.table["new"].tolist() != second.table["new"].tolist()

"""``GET /v1/distributions``: the human scores on whose scale a score is shown."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from memnet.data.human_scores import BINS, EDGES, distributions
from memnet.web.problems import responses

router = APIRouter()


class HumanScores(BaseModel):
    """A histogram of the human scores of a data set."""

    dataset: str = Field(examples=["lamem"])
    title: str = Field(examples=["LaMem (Khosla et al. 2015)"])
    citation: str
    url: str = Field(description="where the scores were published")
    target: str = Field(description="what the scores are", examples=["hit_rate"])
    label: str = Field(description="which of the published labels they are, in words")
    n: int = Field(description="pictures", examples=[58741])
    mean: float = Field(examples=[0.756077])
    sd: float = Field(examples=[0.123752])
    edges: list[float] = Field(
        min_length=BINS + 1, max_length=BINS + 1, description="of the bins, 0 to 1"
    )
    counts: list[int] = Field(min_length=BINS, max_length=BINS, description="pictures in each bin")


class Distributions(BaseModel):
    """Histograms of human scores."""

    distributions: list[HumanScores]


@router.get(
    "/v1/distributions",
    summary="How human scores are distributed",
    response_model=Distributions,
    responses=responses(),
)
async def list_distributions() -> dict[str, Any]:
    """Return histograms of LaMem's and MemCat's human scores, with their source.

    Scores of a model belong on those of its `target`.
    """
    return {
        "distributions": [
            {
                "dataset": each.dataset,
                "title": each.title,
                "citation": each.citation,
                "url": each.url,
                "target": each.target,
                "label": each.label,
                "n": each.n,
                "mean": each.mean,
                "sd": each.sd,
                "edges": EDGES,
                "counts": each.counts,
            }
            for each in distributions()
        ]
    }

"""Speed and memory of the statistics, each beside what a user would call instead.

``python benchmarks/stats.py peer``: the bootstrap interval of Spearman's rho, against
``scipy.stats.bootstrap`` on ``spearmanr`` with the same resamples, in turns. ``... whole``:
everything for 5 models and 10,000 pictures with 10,000 resamples. ``... memory``: peak memory at
10,000, 30,000 and 58,741 pictures.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from statistics import median

import numpy as np
import pandas as pd
from scipy import stats

import memnet
from memnet.stats import bootstrap


def simulated_tables(n: int, models: int = 5) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Labels of about 40 people each (so with ties), and predictions of rising noise."""
    random = np.random.default_rng(0)
    p = random.beta(6, 2, n)
    responses = random.integers(36, 45, n)
    hits = random.binomial(responses, p)
    ids = [f"{k:06d}.jpg" for k in range(n)]
    truth = pd.DataFrame({"image_id": ids, "hit_rate": hits / responses, "hits": hits})
    truth["responses"] = responses
    scores = [
        pd.DataFrame(
            {
                "image_id": ids,
                "score": np.clip(p + 0.05 * (k + 1) * random.standard_normal(n), 0, 1),
                "model": f"model {k}",
            }
        )
        for k in range(models)
    ]
    return truth, scores


def peer(n: int, resamples: int, rounds: int) -> dict[str, object]:
    """Time both intervals in turns on the same resamples, after one small call to warm up."""
    truth, scores = simulated_tables(n, 1)
    x, y = truth["hit_rate"].to_numpy(), scores[0]["score"].to_numpy()
    bootstrap.intervals(x[:50], y[:50], resamples=10, seed=0, only=("spearman",))
    memnet_seconds, scipy_seconds, apart = [], [], 0.0
    for seed in range(rounds):
        start = time.perf_counter()
        intervals = bootstrap.intervals(x, y, resamples=resamples, seed=seed, only=("spearman",))
        memnet_seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
        interval = stats.bootstrap(
            (x, y),
            lambda a, b: stats.spearmanr(a, b).statistic,
            paired=True,
            vectorized=False,
            n_resamples=resamples,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        scipy_seconds.append(time.perf_counter() - start)
        low, high = intervals["spearman"].ends or (np.nan, np.nan)
        apart = max(apart, abs(low - interval.low), abs(high - interval.high))
    return {
        "pictures": n,
        "resamples": resamples,
        "ratio": median(scipy_seconds) / median(memnet_seconds),
        "seconds_memnet": median(memnet_seconds),
        "seconds_scipy": median(scipy_seconds),
        "largest_difference_of_the_ends": apart,
    }


def whole(n: int, resamples: int) -> dict[str, object]:
    """Time ``memnet.compare`` with everything switched on, and measure its peak memory."""
    truth, scores = simulated_tables(n)
    how = {"truth_column": "hit_rate", "hits_column": "hits", "responses_column": "responses"}
    memnet.compare(truth[:60], [table[:60] for table in scores], resamples=10, **how)
    start = time.perf_counter()
    record = memnet.compare(truth, scores, resamples=resamples, **how)
    return {
        "pictures": n,
        "models": len(scores),
        "resamples": resamples,
        "seconds": time.perf_counter() - start,
        "figures": len(record.results),
        "differences": len(record.differences),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def memory(resamples: int) -> list[dict[str, object]]:
    """Run :func:`whole` at three sizes, each in a process of its own."""
    rows = []
    for n in (10_000, 30_000, 58_741):
        command = [sys.executable, __file__, "whole", "--pictures", str(n)]
        done = subprocess.run(
            [*command, "--resamples", str(resamples)], capture_output=True, text=True, check=True
        )
        rows.append(json.loads(done.stdout))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("peer", "whole", "memory"))
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--resamples", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if given.what == "peer":
        result: object = peer(given.pictures, given.resamples or 2_000, given.rounds)
    elif given.what == "whole":
        result = whole(given.pictures, given.resamples or 10_000)
    else:
        result = memory(given.resamples or 200)
    print(json.dumps(result, indent=1))

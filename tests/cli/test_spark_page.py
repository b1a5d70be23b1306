"""The Spark program of docs/cluster.md, as it stands there, of the tiny network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import memnet
import tiny
from memnet.scoring.table import read_table
from needs import skip_for

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "cluster.md"


@pytest.mark.slow
def test_spark_gives_the_scores_of_a_local_run(
    make_pictures, tiny_weights, memnet_command, tmp_path
):
    if find_spec("pyspark") is None:
        skip_for("PySpark", "pip install pyspark")
    if shutil.which("java") is None:
        skip_for("Java", "apt-get install default-jre-headless")
    folder = make_pictures(60)
    (folder / "00007.png").write_bytes(b"this is no picture")
    paths = [str(path) for path in sorted(folder.iterdir())]
    pd.DataFrame({"path": [*paths, "gone.png"]}).to_csv(tmp_path / "pictures.csv", index=False)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.M | re.S)
    program = "\n".join(["import tiny", "tiny.register()", *blocks])
    program = program.replace("resmem.published", str(tiny_weights))
    assert len(blocks) == 3
    (tmp_path / "program.py").write_text(program)
    helpers = Path(tiny.__file__).parent
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env=os.environ
        | {
            "PYTHONPATH": f"{ROOT}:{helpers}",
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": "127.0.0.1",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    memnet_command("score", folder, "-m", tiny_weights, "-o", "local.csv", check=1)
    local = read_table(tmp_path / "local.csv")
    by_path = pd.read_parquet(tmp_path / "scores").sort_values("path", ignore_index=True)
    assert list(by_path.columns) == list(local.columns)
    assert by_path.path.tolist() == [*paths, "gone.png"]
    assert "no such file" in by_path.warning[60]
    by_bytes = read_table(tmp_path / "scores.parquet").sort_values("path", ignore_index=True)
    assert by_bytes.path.tolist() == [f"file:{path}" for path in paths]
    for made in (by_path[:60], by_bytes):
        pd.testing.assert_series_equal(made.score, local.score, rtol=0, atol=1e-6)
        assert made.warning.tolist() == local.warning.tolist()
        assert set(made.model) == {str(tiny_weights)}
    # It has a sidecar, with which scores are compared.
    truth = pd.DataFrame({"image_id": by_bytes.image_id, "hit_rate": np.linspace(0, 1, 60)})
    record = memnet.compare(truth, tmp_path / "scores.parquet", truth_column="hit_rate")
    assert max(result.n for result in record.results) == 59

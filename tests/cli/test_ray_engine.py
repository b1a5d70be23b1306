"""`memnet score --engine ray`: the table of a local run, whatever happens to the workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import tiny
from archives import files_of, write_parquet, write_tar, write_zip
from command import start_memnet, wait_for
from memnet.scoring.table import read_table
from needs import skip_for
from tiny import write_tiny

HELPERS = Path(tiny.__file__).parent
ROOT = HELPERS.parents[1]


def test_what_the_engine_needs_is_said_before_anything_is_done(
    memnet_command, make_pictures, tiny_weights, monkeypatch
):
    folder = make_pictures(1)
    score = ("score", folder, "-m", tiny_weights)

    def said(*words):
        return memnet_command(*score, *words, check=2).stderr

    assert "give --out" in said("--engine", "ray")
    assert "to reach its frames" in said("--engine", "ray", "-o", "s.csv", "--fps", "2")
    assert "are for --engine ray" in said("--workers", "2", "-o", "s.csv")
    assert "are for --engine ray" in said("--address", "auto", "-o", "s.csv")
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    assert said("--engine", "ray", "-o", "s.csv") == (
        'memnet: --engine ray needs Ray: pip install "memnet-harness[cluster]".\n'
    )


@pytest.fixture(scope="module")
def ray_here():
    """Ray on this computer, with two cores that it believes in."""
    if find_spec("ray") is None:
        skip_for("Ray", 'pip install "ray[data]"')
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{ROOT}:{HELPERS}")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield ray
        ray.shutdown()


@pytest.fixture
def environment():
    """Of a command in a process of its own, whose Ray is its own, too."""
    if find_spec("ray") is None:
        skip_for("Ray", 'pip install "ray[data]"')
    return {"PYTHONPATH": f"{ROOT}:{HELPERS}"}


def require_equal(out, local):
    one, other = read_table(out), read_table(local)
    pd.testing.assert_frame_equal(one, other, rtol=0, atol=1e-6)
    sidecars = [json.loads(Path(f"{path}.json").read_text()) for path in (out, local)]
    for name in ("models", "files", "device", "rows", "failed", "environment"):
        assert sidecars[0][name] == sidecars[1][name], name


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_ray_gives_the_table_of_a_local_run(
    ending, ray_here, memnet_command, make_pictures, tiny_weights, tmp_path
):
    """Two models; trials that show a picture twice; one picture that fails; and a second run."""
    folder = make_pictures(100)
    (folder / "00007.png").write_bytes(b"")
    rows = [f"{n * 7 % 100:05d}.png,{n}\n" for n in range(130)]
    (folder / "trials.csv").write_text("path,trial\n" + "".join(rows))
    second = write_tiny(tmp_path / "second.safetensors", seed=3)
    score = ("score", "pictures/trials.csv", "-m", tiny_weights, "-m", second.name)
    ray = ("--engine", "ray", "--workers", 2)
    memnet_command(*score, "-o", f"local.{ending}", check=1)
    done = memnet_command(*score, "-o", f"ray.{ending}", *ray, check=1)
    assert "198 scored" in done.stderr
    assert "2 failed" in done.stderr
    require_equal(tmp_path / f"ray.{ending}", tmp_path / f"local.{ending}")
    # Either goes on with what the other did.
    Image.new("RGB", (20, 20), "red").save(folder / "00007.png")
    os.utime(folder / "00009.png", (1, 1))
    for out, engine in ((f"local.{ending}", ray), (f"ray.{ending}", ())):
        done = memnet_command(*score, "-o", out, *engine)
        assert "4 scored" in done.stderr
        assert "196 were scored before" in done.stderr
    require_equal(tmp_path / f"ray.{ending}", tmp_path / f"local.{ending}")


@pytest.mark.slow
def test_pictures_in_archives_are_read_by_the_workers(
    ray_here, memnet_command, make_pictures, tiny_weights, tmp_path
):
    folder = make_pictures(40)
    write_zip(tmp_path / "one.zip", files_of(folder))
    write_tar(tmp_path / "two.tar", files_of(folder))
    write_parquet(tmp_path / "three.parquet", files_of(folder))
    score = ("score", "one.zip", "two.tar", "three.parquet", "-m", tiny_weights)
    memnet_command(*score, "-o", "local.csv")
    memnet_command(*score, "-o", "ray.csv", "--engine", "ray", "--workers", 2)
    require_equal(tmp_path / "ray.csv", tmp_path / "local.csv")
    assert len(read_table(tmp_path / "ray.csv")) == 120


class RunOnTwoWorkers:
    """`memnet score` on a Ray of its own, so slow that it can be disturbed.

    ``log`` tells how many pictures a network computed, batch by batch.
    """

    def __init__(self, score, out: Path, environment, *, seconds_of_a_batch: float):
        self.command = (*score, "-o", out, "--engine", "ray", "--workers", 2)
        self.journal, self.log = Path(f"{out}.partial"), out.with_name("log")
        slow = {"TINY_SLEEP": str(seconds_of_a_batch), "TINY_LOG": str(self.log)}
        self.process = start_memnet(*self.command, cwd=out.parent, env=environment | slow)

    def wait_for_rows(self, count: int) -> None:
        wait_for(self.process, lambda: self.journal.exists() and self.rows() >= count)

    def rows(self) -> int:
        return self.journal.read_bytes().count(b"\n")

    def workers(self) -> list[int]:
        """The processes in which Ray computes for it."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                name = (process / "cmdline").read_bytes()
                variables = (process / "environ").read_bytes()
            except OSError:
                continue  # it has ended meanwhile
            is_worker = name.startswith(b"ray::") and b"Map" in name
            if is_worker and os.fsencode(self.log) in variables:
                found.append(int(process.name))
        return found


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc; of Linux")
def test_workers_that_are_killed_lose_and_repeat_nothing(
    environment, memnet_command, make_pictures, tiny_weights, tmp_path
):
    out = tmp_path / "s.csv"
    score = ("score", make_pictures(320), "-m", tiny_weights, "--batch-size", 4)
    run = RunOnTwoWorkers(score, out, environment, seconds_of_a_batch=0.2)
    for moment in (40, 120):
        run.wait_for_rows(moment)
        for worker in run.workers()[:1]:
            os.kill(worker, signal.SIGKILL)
    said = run.process.communicate(timeout=300)[1]
    assert run.process.returncode == 0, said
    assert "320 scored" in said
    assert "A worker died" in said
    memnet_command(*score, "-o", "local.csv")
    require_equal(out, tmp_path / "local.csv")
    # What a worker had begun was computed again, and nothing else.
    computed = sum(int(line) for line in run.log.read_text().split())
    assert 320 < computed <= 320 + 2 * 16


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc; of Linux")
def test_a_run_that_is_killed_leaves_no_workers_and_goes_on(
    environment, memnet_command, make_pictures, tiny_weights, tmp_path
):
    out = tmp_path / "s.parquet"
    score = ("score", make_pictures(160), "-m", tiny_weights, "--batch-size", 4)
    run = RunOnTwoWorkers(score, out, environment, seconds_of_a_batch=0.3)
    run.wait_for_rows(30)
    assert len(run.workers()) == 2
    run.process.kill()
    run.process.communicate()
    kept = run.rows()
    limit = time.monotonic() + 60
    while run.workers() and time.monotonic() < limit:
        time.sleep(0.5)
    assert not run.workers()
    again = start_memnet(*run.command, cwd=tmp_path, env=environment)
    said = again.communicate(timeout=300)[1]
    assert f"{160 - kept} scored" in said
    assert f"{kept} were scored before" in said
    memnet_command(*score, "-o", "local.parquet")
    require_equal(out, tmp_path / "local.parquet")


TWO_COMPUTERS = """
import sys, threading, time
from pathlib import Path
import tiny
from memnet.cli import main
from ray.cluster_utils import Cluster

tiny.register()
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
second = cluster.add_node(num_cpus=1)

def switch_off():
    journal = Path("s.csv.partial")
    while not journal.exists() or journal.read_bytes().count(b"\\n") < 40:
        time.sleep(0.1)
    cluster.remove_node(second, allow_graceful=False)

threading.Thread(target=switch_off, daemon=True).start()
sys.argv += ["--address", cluster.address]
try:
    main()
finally:
    cluster.shutdown()
"""


@pytest.mark.slow
@pytest.mark.process
def test_a_computer_that_is_switched_off_loses_and_repeats_nothing(
    environment, memnet_command, make_pictures, tiny_weights, tmp_path
):
    """Two that Ray takes for such, on this one."""
    score = ("score", make_pictures(200), "-m", tiny_weights, "--batch-size", "4")
    (tmp_path / "two.py").write_text(TWO_COMPUTERS)
    ray = ("-o", "s.csv", "--engine", "ray", "--workers", "2")
    done = subprocess.run(
        [sys.executable, "two.py", *score, *ray],
        cwd=tmp_path,
        env=os.environ | environment | {"TINY_SLEEP": "0.25"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "infinite retries" in done.stderr
    assert "200 scored" in done.stderr
    memnet_command(*score, "-o", "local.csv")
    require_equal(tmp_path / "s.csv", tmp_path / "local.csv")


DEADLY = """
import os
from tiny import Tiny

class Deadly(Tiny):
    def forward(self, x):
        if x.mean() > 0.99:
            os.kill(os.getpid(), 9)
        if x.mean() < 0.01:
            raise ValueError("too dark")
        return super().forward(x)
"""


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize(
    ("colour", "sentence"),
    [
        ("white", "4 workers died over the pictures from 00040.png to 00043.png."),
        ("black", "failed on 8 crops of 11 x 11 (ValueError: too dark)"),
    ],
)
def test_pictures_that_stop_a_network_stop_the_run_with_a_sentence(
    colour, sentence, environment, make_pictures, tmp_path
):
    pictures, out = make_pictures(44), tmp_path / "s.csv"
    (tmp_path / "deadly.py").write_text(DEADLY)
    for n in range(40, 44):
        Image.new("RGB", (20, 20), colour).save(pictures / f"{n:05d}.png")
    write_tiny(tmp_path / "deadly.safetensors", arch="deadly")
    (tmp_path / "run.py").write_text(
        "from memnet import register_network\nfrom memnet.cli import main\n"
        "register_network('deadly', 'deadly:Deadly')\nmain()\n"
    )
    path = f"{environment['PYTHONPATH']}:{tmp_path}"
    words = ["score", pictures, "-m", "deadly.safetensors", "--batch-size", "4", "-o", out]
    done = subprocess.run(
        [sys.executable, "run.py", *words, "--engine", "ray", "--workers", "1"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert done.stdout == ""
    assert len((tmp_path / "s.csv.partial").read_text().splitlines()) == 40


@pytest.mark.slow
def test_a_cluster_that_cannot_be_used_is_named(environment, make_pictures, tmp_path, tiny_weights):
    pictures = make_pictures(1)
    words = ("score", pictures, "-m", tiny_weights, "-o", "s.csv", "--engine", "ray")
    for more, sentence in (
        (("--address", "127.0.0.1:1"), "No Ray cluster can be used at 127.0.0.1:1"),
        (("--workers", "999"), "too few cores for 999 worker(s)"),
        (("--device", "cuda"), "The cluster has no GPU"),
    ):
        run = start_memnet(*words, *more, cwd=tmp_path, env=environment)
        said = run.communicate(timeout=300)[1]
        assert run.returncode == 2
        assert sentence in said
    assert not (tmp_path / "s.csv").exists()

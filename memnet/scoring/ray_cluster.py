"""A Ray cluster to score on: the one that is named, or one of this computer's own cores."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Iterator

from memnet.errors import MemnetError
from memnet.scoring.cluster_parts import Computer, Share, share_out
from memnet.util.text import words_of


@contextlib.contextmanager
def connect(address: str, workers: int | None, device: str) -> Iterator[Share]:
    """Connect to a Ray cluster, or start one on this computer; for ``share_out``'s arguments.

    Left to itself, Ray would take the cluster that was started here last, and wait minutes for one
    that is no more.
    """
    address = address or os.environ.get("RAY_ADDRESS", "")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it reports to its makers
    try:
        import ray.data
    except ImportError as error:
        raise MemnetError(
            '--engine ray needs Ray: pip install "memnet-harness[cluster]".'
        ) from error
    about = {"log_to_driver": False, "logging_level": logging.ERROR, "ignore_reinit_error": True}
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    found = ray.is_initialized()
    with contextlib.redirect_stdout(sys.stderr):  # Ray's sentences about workers that died
        try:
            _require_answer(address)
            ray.init(address or "local", include_dashboard=False, **about)
        except (OSError, ValueError, ray.exceptions.RayError) as error:
            where = f"at {address}" if address else "here"
            raise MemnetError(f"No Ray cluster can be used {where} ({words_of(error)}).") from error
        try:
            nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            computers = [Computer(int(n.get("CPU", 0)), int(n.get("GPU", 0))) for n in nodes]
            yield share_out(computers, workers, device)
        finally:
            if not found:
                ray.shutdown()


def _require_answer(address: str) -> None:
    """Raise ``OSError`` where nothing listens at HOST:PORT; Ray would try for many minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()

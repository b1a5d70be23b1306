"""A server with a network of a few hundred numbers: its app, and a client that speaks to it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import pytest

from tiny import register, write_tiny

pytest.importorskip("fastapi", reason="needs the extra `web`")

from starlette.testclient import TestClient

from live_server import tiny_settings
from memnet.web.app import make_app
from memnet.web.settings import Limits

ADDRESS = "http://127.0.0.1:8400"


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> Path:
    register()
    return write_tiny(tmp_path_factory.mktemp("web") / "tiny.safetensors")


@pytest.fixture(scope="session")
def client(weights: Path):
    """A client of a server that lives as long as the tests do: none of them may change it."""
    with TestClient(make_app(tiny_settings(weights)), base_url=ADDRESS) as client:
        yield client


@pytest.fixture(scope="session")
def open_client(weights: Path):
    """Return a function that opens a client of a server with other limits or settings."""

    @contextmanager
    def open_one(limits: Limits | None = None, **changes: object):
        settings = tiny_settings(weights, limits=limits or Limits(), **changes)
        with TestClient(make_app(settings), base_url=ADDRESS) as client:
            yield client

    return open_one

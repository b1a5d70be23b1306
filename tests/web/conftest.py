"""A server with a network of a few hundred numbers: its app, and a client that speaks to it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from live_server import LiveServer, tiny_settings
from memnet.web.app import make_app
from memnet.web.settings import Limits
from page_browser import chromium
from tiny import register, write_tiny

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


@pytest.fixture(scope="session")
def alarm_weights(tmp_path_factory) -> Path:
    """Another network, of false alarms."""
    register()
    path = tmp_path_factory.mktemp("web") / "alarms.safetensors"
    return write_tiny(path, seed=8, name="tiny.alarms", target="false_alarm_rate")


@pytest.fixture(scope="session")
def address(weights: Path, alarm_weights: Path):
    """Of a server that a browser can ask, with a model of hits and one of false alarms."""
    models = (str(weights), str(alarm_weights))
    with LiveServer(tiny_settings(weights, models=models)) as server:
        yield server.url


@pytest.fixture(scope="session")
def browser():
    with chromium() as browser:
        yield browser

"""A server with a network of a few hundred numbers: its app, and a client that speaks to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiny import register, write_tiny

pytest.importorskip("fastapi", reason="needs the extra `web`")

from starlette.testclient import TestClient

from memnet.web.app import make_app
from memnet.web.settings import Settings

ADDRESS = "http://127.0.0.1:8400"


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> Path:
    register()
    return write_tiny(tmp_path_factory.mktemp("web") / "tiny.safetensors")


@pytest.fixture(scope="session")
def settings(weights: Path) -> Settings:
    return Settings(models=(str(weights),), device="cpu", decoders=1)


@pytest.fixture(scope="session")
def client(settings: Settings):
    """A client of a server that lives as long as the tests do: none of them may change it."""
    with TestClient(make_app(settings), base_url=ADDRESS) as client:
        yield client

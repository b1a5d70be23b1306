"""`memnet serve` within a thread of the tests, at an address of its own."""

from __future__ import annotations

import threading
from pathlib import Path

from memnet.web.server import Server, address_of, listen
from memnet.web.settings import Settings


class LiveServer:
    """A server that answers at ``url`` while a ``with`` block lasts."""

    def __init__(self, settings: Settings) -> None:
        self._ready = threading.Event()
        self.server = Server(settings, self._ready.set)
        self._socket = listen("127.0.0.1", 0)
        self.port = self._socket.getsockname()[1]
        self.url = address_of("127.0.0.1", self.port)
        run = {"sockets": [self._socket]}
        self._thread = threading.Thread(target=self.server.run, kwargs=run)

    def stop(self) -> None:
        """Ask it to end, as a signal does."""
        self.server.app.state.service.is_ready = False
        self.server.should_exit = True

    def __enter__(self) -> LiveServer:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join(60)
        self._socket.close()
        assert not self._thread.is_alive()


def tiny_settings(weights: Path, **changes: object) -> Settings:
    """Settings of a server with the weights that ``tiny.write_tiny`` wrote."""
    return Settings(**{"models": (str(weights),), "device": "cpu", "decoders": 1, **changes})

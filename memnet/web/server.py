"""uvicorn, set up for this app: one process, a socket that is bound first, an end in peace."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from memnet.errors import MemnetError
from memnet.util.messages import say
from memnet.web.addresses import is_loopback
from memnet.web.app import make_app
from memnet.web.models import labels_in_words
from memnet.web.settings import Settings

_STOPPED = 130
"""Exit code of what was stopped by a signal."""


class Server(uvicorn.Server):
    """A server that says when it is ready.

    Parameters
    ----------
    settings : of the app; the models are loaded now.
    on_ready : called once requests are taken.

    Raises
    ------
    MemnetError
        as :func:`.app.make_app`.
    """

    def __init__(self, settings: Settings, on_ready: Callable[[], None] = lambda: None) -> None:
        self.app, self._on_ready = make_app(settings), on_ready
        config = uvicorn.Config(
            self.app,
            access_log=False,  # addresses of requests are nobody's business
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            ws="none",
            http=hurried(settings.limits.body_seconds),
        )
        super().__init__(config)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take no more requests, and end once those that were taken are answered.

        A second time: end at once. Networks cannot be stopped halfway in any other way.
        """
        if self.should_exit:
            say("ended at once; what was not answered is lost")
            self.app.state.service.decoders.stop()
            self.app.state.comparisons.stop()
            os._exit(_STOPPED)
        self.app.state.service.is_ready = False
        if self.app.state.service.waiting:
            say("finishing what was accepted (Ctrl-C again ends it at once)")
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def hurried(seconds: float) -> type[H11Protocol]:
    """Return a protocol that ends connections on which no request begins for so long.

    uvicorn's own waits for ever for the head of a request.
    """

    class Hurried(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._timer.cancel()
            super().connection_lost(exc)

        def _watch(self) -> None:
            self._timer = self.loop.call_later(seconds, self._check, self.cycle)

        def _check(self, before: RequestResponseCycle | None) -> None:
            is_idle = self.cycle is None or self.cycle.response_complete
            if is_idle and self.cycle is before:
                self.transport.close()
            else:
                self._watch()

    return Hurried


def run(settings: Settings, on_ready: Callable[[str], None] = lambda address: None) -> None:
    """Serve until Ctrl-C, or SIGTERM.

    Parameters
    ----------
    settings : of the server.
    on_ready : is called with its address once it takes requests.

    Raises
    ------
    MemnetError
        as :func:`.app.make_app`, or if the address is taken or none of this machine's.
    """
    _allow_many_connections()
    with listen(settings.host, settings.port) as listening:
        address = address_of(settings.host, listening.getsockname()[1])

        def say_ready() -> None:
            models = labels_in_words(server.app.state.models)
            say(f"{models} at {address} (Ctrl-C ends it){_for_others(settings)}")
            on_ready(address)

        server = Server(settings, say_ready)
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again when all is done
            server.run(sockets=[listening])


def _for_others(settings: Settings) -> str:
    """Say how other machines reach it, and who may."""
    if is_loopback(settings.host):
        return ""
    who = "who brings its key" if settings.key else "anyone, without a key"
    return f"; from other machines by this one's address or name, for {who}"


def listen(host: str, port: int) -> socket.socket:
    """Bind a socket; raises ``MemnetError`` where that cannot be done."""
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        with contextlib.ExitStack() as until_bound:
            listening = until_bound.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            until_bound.pop_all()
            return listening
    except OSError as error:
        raise MemnetError(
            f"The server cannot listen at {host}, port {port} ({error.strerror}); choose another "
            "--port, or --host."
        ) from error


def _allow_many_connections() -> None:
    """Take as many files and connections as the system lets this user have."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):  # macOS lets nobody have "unlimited"
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def address_of(host: str, port: int) -> str:
    """Return where a browser on this machine finds the server.

    Examples
    --------
    >>> address_of("0.0.0.0", 8400), address_of("::1", 80)
    ('http://127.0.0.1:8400', 'http://[::1]:80')
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

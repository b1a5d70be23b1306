"""uvicorn, set up for this app: one process, a socket that is bound first, an end in peace."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import uvicorn

from memnet.errors import MemnetError
from memnet.util.messages import say
from memnet.web.app import make_app
from memnet.web.models import labels_in_words
from memnet.web.settings import Settings


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
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()


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
    with listen(settings.host, settings.port) as listening:
        address = address_of(settings.host, listening.getsockname()[1])

        def say_ready() -> None:
            models = labels_in_words(server.app.state.models)
            say(f"{models} at {address} (Ctrl-C ends it)")
            on_ready(address)

        server = Server(settings, say_ready)
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again when all is done
            server.run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """Bind a socket; raises ``MemnetError`` where that cannot be done."""
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise MemnetError(
            f"The server cannot listen at {host}, port {port} ({error.strerror}); choose another "
            "--port, or --host."
        ) from error
    return listening


def address_of(host: str, port: int) -> str:
    """Return where a browser on this machine finds the server.

    Examples
    --------
    >>> address_of("0.0.0.0", 8400), address_of("::1", 80)
    ('http://127.0.0.1:8400', 'http://[::1]:80')
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

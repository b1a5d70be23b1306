"""Who may ask: the Host, Origin and key of each request are checked before anything is read.

**Host**: a page of somebody else's can have its own name point to 127.0.0.1 and so speak to a
server on the visitor's machine (DNS rebinding). Its requests carry that name, which is refused;
addresses in numbers cannot be used so. **Origin** and **Sec-Fetch-Site**: a page of another site
may post a form here without being asked, and browsers say from where it comes.
"""

from __future__ import annotations

import hmac
import socket
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memnet.web.addresses import is_address, is_loopback
from memnet.web.problems import Problem, log
from memnet.web.settings import Settings

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)

_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""On every answer that does not set one itself."""

_SAFE = ("GET", "HEAD", "OPTIONS")

_KEPT_BY_ITS_ADDRESS = "/v1/comparisons/"
"""A report is opened as a page, which brings no key: its address is random and known to nobody
else."""


class Guard:
    """Refuses what must not be answered, and adds the security headers to what is.

    Parameters
    ----------
    app : what answers.
    settings : host, names and key.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._key = app, settings.key
        self._names = host_names(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            if (problem := self._refusal(scope)) is not None:
                await problem.response()(scope, receive, send_with_headers)
            else:
                await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        except Exception:
            log.exception("a fault of memnet's own")
            if not started:
                problem = Problem(500, "A fault of memnet's own; the server's log has it.")
                await problem.response()(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            return Problem(
                403,
                "The server is not called by this name; use its address, or start it with "
                "--allow-host NAME.",
            )
        if scope["method"] not in _SAFE and not _is_same_site(headers, host):
            return Problem(403, "A page of another site may not send anything here.")
        return self._check_key(scope, headers)

    def _is_ours(self, host: str) -> bool:
        name = _name_of(host)
        return name in self._names or ("" in self._names and is_address(name))

    def _check_key(self, scope: Scope, headers: Headers) -> Problem | None:
        path: str = scope["path"]
        is_report = path.startswith(_KEPT_BY_ITS_ADDRESS) and scope["method"] in _SAFE
        if not self._key or is_report or not path.startswith(("/v1/", "/metrics")):
            return None
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and hmac.compare_digest(given.encode(), self._key.encode()):
            return None
        return Problem(
            401,
            "This is not the key of this server; who runs it can tell you."
            if given
            else "This server wants its key: the header `Authorization: Bearer KEY`.",
            headers={"WWW-Authenticate": "Bearer"},
        )


def host_names(settings: Settings) -> frozenset[str]:
    """Return the names that a Host header may have; "" among them: any address in numbers."""
    names = {settings.host.lower(), *(name.lower() for name in settings.names)}
    names |= {"localhost", "127.0.0.1", "::1"}
    if not is_loopback(settings.host):
        names |= {"", socket.gethostname().lower()}
    return frozenset(names)


def _name_of(host: str) -> str:
    """Return the name of ``name:port``, in lower case; "?" of what is neither."""
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018  # it is read here: a wrong one raises
    except ValueError:
        return "?"
    return (parts.hostname or "?").rstrip(".") if parts.netloc == host else "?"


def _is_same_site(headers: Headers, host: str) -> bool:
    """Whether a browser says nothing of another site; what is no browser says nothing at all."""
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    scheme, _, rest = origin.partition("://")
    return scheme in ("http", "https") and rest.lower() == host.lower()

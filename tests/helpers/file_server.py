"""A server on this machine that serves one file, well or badly."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler

from local_server import LocalServer


class FileServer(LocalServer):
    """Serves ``content`` under every path and notes what was asked and how much was sent."""

    def __init__(self, content: bytes) -> None:
        super().__init__(Handler)
        self.url += "/model.pt"
        self.content = content
        self.ranges = True  # whether it understands Range
        self.length = True  # whether it says how long the answer is
        self.gzip = False  # whether it compresses for those who accept that
        self.status = 200
        self.cut: int | None = None  # the connection closes after so many bytes
        self.stall = threading.Event()  # what a server with a cut does before it closes
        self.stall.set()
        self.asked: list[str | None] = []
        self.sent: list[int] = []

    def shutdown(self) -> None:
        self.stall.set()
        super().shutdown()


class Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.answer(302, b"", Location=self.server.url)
            return
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        content, status, headers = self.server.content, self.server.status, {}
        if status != 200:
            content = b"<html>sorry</html>"
        elif asked and self.server.ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.answer(416, b"", **{"Content-Range": f"bytes */{len(content)}"})
                return
            whole, status = len(content), 206
            content = content[start:]
            headers["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
        elif self.server.gzip and "gzip" in self.headers.get("Accept-Encoding", ""):
            content = gzip.compress(content)
            headers["Content-Encoding"] = "gzip"
        self.answer(status, content, **headers)

    def answer(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        if self.server.length:
            self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        content = content[: self.server.cut]
        self.server.sent.append(len(content))  # before: whoever has the last byte looks at once
        self.wfile.write(content)
        if self.server.cut is not None:
            self.wfile.flush()
            self.server.stall.wait(10)

    def log_message(self, *_: object) -> None:
        pass

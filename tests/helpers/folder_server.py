"""A web server on this machine that serves the files of a folder."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

from local_server import LocalServer


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if "broken" in self.path:
            self.send_error(500)
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


class FolderServer(LocalServer):
    """Serves a folder; ``asked`` notes the paths that were fetched."""

    def __init__(self, folder: Path) -> None:
        super().__init__(partial(_Handler, directory=str(folder)))
        self.asked: list[str] = []

"""Downloads that resume where the last try stopped, and are checked before anyone uses them."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import requests
from tqdm import tqdm

from memnet.errors import MemnetError
from memnet.weights.digests import file_digest
from memnet.weights.entry import WeightEntry

_CHUNK = 1 << 20
_TIMEOUT_S = 30


@dataclass(frozen=True)
class ResumingDownloader:
    """A downloader that keeps what has arrived in ``part`` and asks only for the rest."""

    part: Path

    def __call__(self, url: str, output_file: Path) -> None:
        """Download ``url`` to ``output_file`` through ``part``."""
        have = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Accept-Encoding": "identity"}  # so that Content-Length is the file's size
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
            if answer.status_code == 416:  # the part is complete, or longer than the file
                shutil.move(self.part, output_file)
                return
            answer.raise_for_status()
            if answer.status_code != 206:  # the server starts from the beginning
                have = 0
            expected = int(answer.headers.get("Content-Length", 0)) + have
            with (
                self.part.open("ab" if have else "wb") as file,
                tqdm(
                    total=expected or None,
                    initial=have,
                    unit="B",
                    unit_scale=True,
                    desc=self.part.stem,
                    file=sys.stderr,
                    disable=None,
                ) as bar,
            ):
                for piece in answer.iter_content(_CHUNK):
                    file.write(piece)
                    bar.update(len(piece))
        if expected and self.part.stat().st_size < expected:
            raise requests.exceptions.ChunkedEncodingError("closed before the end")
        shutil.move(self.part, output_file)


def download_file(entry: WeightEntry, folder: Path) -> Path:
    """Download a published file, resumed and checked against its sha256 before use.

    Raises
    ------
    MemnetError
        if the server cannot be reached, the transfer breaks off (what arrived is kept and the
        next try goes on from there), or the checksum differs (nothing is kept).
    """
    path = folder / f"{entry.name}.pt"
    part = folder / f"{entry.name}.part"
    try:
        os.makedirs(folder, exist_ok=True)
        if path.exists() and file_digest(path).startswith(entry.sha256):
            return path  # its conversion failed, or the process was killed before it
        ResumingDownloader(part)(entry.url, path)
        right = file_digest(path).startswith(entry.sha256)
        if not right:
            path.unlink()
    except requests.RequestException as error:  # an OSError, so it goes before that one
        kept = f"; {part.stat().st_size:,} bytes are kept, run it again" if part.exists() else ""
        raise MemnetError(
            f"{entry.url} could not be downloaded: {_reason(error)}{kept}. "
            f"Or get the weights with `{entry.obtain}`."
        ) from error
    except OSError as error:
        raise MemnetError(f"The download cannot be stored in {folder} ({error}).") from error
    if not right:
        raise MemnetError(
            f"What {entry.url} sent is not the published file of {entry.name} (its sha256 "
            f"differs) and was thrown away. Get the weights with `{entry.obtain}`."
        )
    return path


def _reason(error: requests.RequestException) -> str:
    """Say in a clause why a download failed; urllib3's own words name objects in memory."""
    inner = type(error.args[0]).__name__ if error.args else ""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate was not accepted (look at this machine's date and proxy)"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy cannot be reached (look at the environment variable HTTPS_PROXY)"
    if isinstance(error, requests.Timeout) or inner == "ReadTimeoutError":
        return f"the server did not answer for {_TIMEOUT_S} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.ConnectionError):
        return (
            "no connection to the server (is this machine online? A proxy is named by the "
            "environment variable HTTPS_PROXY)"
        )
    return f"the request failed ({type(error).__name__})"

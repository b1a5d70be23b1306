"""The option ``--open``: the page that a command wrote, in the browser."""

from __future__ import annotations

import os
from pathlib import Path

from memnet.util.messages import say

OPEN_HELP = "Open the page in the browser once it is written."


def open_page(page: Path) -> None:
    """Open the page of a file in the browser; where there is none, say where the page is."""
    page = page.resolve()
    open_address(page.as_uri(), f"{page} ({page.as_uri()})")


def open_address(address: str, place: str = "") -> None:
    """Open an address in the browser; where there is none, say where the page is.

    A browser of the terminal (lynx, w3m) is not taken unless the variable BROWSER names it: it
    would hold the terminal, and show no figures.
    """
    import webbrowser

    try:
        browser = webbrowser.get()
        in_terminal = type(browser) is webbrowser.GenericBrowser and "BROWSER" not in os.environ
        opened = not in_terminal and browser.open(address)
    except (webbrowser.Error, OSError):
        opened = False
    if not opened:
        say(f"no browser could be opened; the page is {place or address}")

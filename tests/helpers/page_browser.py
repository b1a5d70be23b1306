"""A browser that looks at the page of `memnet serve`, and what people do to it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from needs import skip_for

PATIENCE = 60_000
"""Milliseconds that a test waits at most: other tests may share the cores."""

_AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def chromium() -> Iterator:
    """The system's Chromium without a window, driven by Playwright; skips where one is missing."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        skip_for("Playwright", "pip install playwright")
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        skip_for("Chromium", "apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser, address: str, **context) -> Iterator:
    """Open the page; what the browser complains of (a blocked style, a fault) fails the test."""
    complaints: list[str] = []
    context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **context})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: said.type in ("error", "warning") and complaints.append(said.text),
    )
    page.goto(address)
    page.wait_for_selector("#models section")
    page.complaints = complaints
    yield page
    context.close()
    assert not complaints


def add(page, paths: Sequence[Path]) -> None:
    """Choose pictures, as the button's dialog does, and wait for their scores."""
    page.set_input_files("#files", [str(path) for path in paths])
    wait_for_scores(page)


def wait_for_scores(page) -> None:
    """Wait until nothing is waiting. (No script as text: the page's policy forbids it.)"""
    page.locator("#rows tr").first.wait_for()
    page.locator("#progress").wait_for(state="hidden")


def drop(page, paths: Sequence[Path]) -> None:
    """Drag files or folders of the disk over the page, and let them go there."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 160, "data": data})


def rows(page) -> list[list[str]]:
    """The table as it is seen: the text of each cell."""
    return page.eval_on_selector_all(
        "#rows tr", "rows => rows.map(row => [...row.children].map(cell => cell.innerText))"
    )


def names(page) -> list[str]:
    """The pictures' names in the order of the table."""
    return page.locator("#rows .name").all_inner_texts()


def axe_violations(page) -> list[str]:
    """What axe-core finds: rule, help and the element; skips where AXE_CORE names no axe.min.js."""
    script = Path(os.environ.get("AXE_CORE", ""))
    if not script.is_file():
        skip_for("axe-core", "npm install axe-core, and let AXE_CORE name its axe.min.js")
    page.evaluate(script.read_text(encoding="utf-8") + ";0")
    found = page.evaluate("rules => axe.run(document, {runOnly: rules})", _AXE_RULES)
    assert found["passes"], "axe-core looked at nothing"
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:200] for node in each['nodes']]}"
        for each in found["violations"]
    ]

"""`--open`: the page of a run in the browser."""

from __future__ import annotations

import webbrowser

import pytest

from memnet.cli.browser import open_page


class Browser:
    """A browser that opens a page, or does not."""

    def __init__(self, opens: bool) -> None:
        self.opens = opens
        self.opened: list[str] = []

    def open(self, address: str) -> bool:
        self.opened.append(address)
        return self.opens


def test_the_page_is_opened_by_its_whole_address(monkeypatch, tmp_path, capsys):
    browser = Browser(opens=True)
    monkeypatch.setattr(webbrowser, "get", lambda: browser)
    open_page(tmp_path / "größe 1" / "report.html")
    assert browser.opened == [f"{tmp_path.as_uri()}/gr%C3%B6%C3%9Fe%201/report.html"]
    assert capsys.readouterr().err == ""


def none():
    raise webbrowser.Error("could not locate runnable browser")


def in_terminal():
    return webbrowser.GenericBrowser("w3m")


@pytest.mark.parametrize("get", [lambda: Browser(opens=False), none, in_terminal])
def test_where_no_browser_opens_the_place_of_the_page_is_said(monkeypatch, tmp_path, capsys, get):
    monkeypatch.delenv("BROWSER", raising=False)
    monkeypatch.setattr(webbrowser, "get", get)
    open_page(tmp_path / "report.html")
    assert f"the page is {tmp_path / 'report.html'} (file://" in capsys.readouterr().err


@pytest.mark.usefixtures("quick_figures")
def test_a_command_opens_its_page(monkeypatch, memnet_command, golden, tmp_path):
    browser = Browser(opens=True)
    monkeypatch.setattr(webbrowser, "get", lambda: browser)
    memnet_command("report", golden / "record_v1.json", "--out", "one", "--open")
    assert browser.opened == [(tmp_path / "one" / "report.html").resolve().as_uri()]

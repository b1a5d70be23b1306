"""The page by keyboard, on a phone, in the dark, in print, and as axe-core sees it."""

from __future__ import annotations

import pytest

from page_browser import PATIENCE, add, axe_violations, names, opened, wait_for_scores

pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LIGHTS = {"light": {}, "dark": {"color_scheme": "dark"}, "phone": PHONE}


@pytest.fixture
def three(golden_pictures, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    return [*list(golden_pictures.values())[:2], broken]


@pytest.mark.parametrize("light", LIGHTS)
def test_axe_finds_nothing(browser, address, three, light, tmp_path):
    with opened(browser, address, **LIGHTS[light]) as page:
        assert axe_violations(page) == []
        add(page, three)
        assert axe_violations(page) == []
        for path in three[:2]:
            page.get_by_label(f"Compare {path.name}").check()
        page.get_by_role("button", name="Compare two").click()
        assert axe_violations(page) == []
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Look closely").first.click()
        page.get_by_role("button", name="Show where").click()
        page.locator("#picture .overlay").wait_for(timeout=5 * PATIENCE)
        assert axe_violations(page) == []
        page.keyboard.press("Escape")
        table = tmp_path / "people.csv"
        lines = [f"{path.name},0.{i}" for i, path in enumerate(three, 5)]
        table.write_text("\n".join(["name,hit_rate", *lines]), encoding="utf-8")
        page.set_input_files("#table-file", str(table))
        page.get_by_text("3 of the 3 pictures above are in this column.").wait_for()
        assert axe_violations(page) == []


def test_a_phone_scrolls_down_only(browser, address, three):
    with opened(browser, address, **PHONE) as page:
        add(page, three)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.get_by_role("button", name="Look closely").first.click()
        assert page.evaluate("document.getElementById('picture').scrollWidth") <= 390
        # A table for screen readers, although its rows are cards to the eye.
        page.keyboard.press("Escape")
        assert page.get_by_role("rowheader").count() == 3
        assert page.get_by_role("cell").count() == 9
        small = page.evaluate(
            "[...document.querySelectorAll('button, select, input')].filter(each => {"
            " const box = each.getBoundingClientRect();"
            " return box.height && (box.height < 24 || box.width < 24); }).length"
        )
        assert small == 0  # WCAG 2.2, 2.5.8


def test_the_dark_is_dark(browser, address):
    grounds = {}
    for light in ("light", "dark"):
        with opened(browser, address, color_scheme=light) as page:
            grounds[light] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert grounds == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 28)"}


def test_everything_can_be_done_by_keyboard(browser, address, three):
    with opened(browser, address) as page:
        page.on("filechooser", lambda chooser: chooser.set_files([str(path) for path in three]))
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "choose-files"
        page.keyboard.press("Enter")
        wait_for_scores(page)
        tab_to(page, "document.activeElement.id === 'sort'")
        page.keyboard.type("name")
        for path in three[:2]:
            tab_to(page, f"document.activeElement.ariaLabel === 'Compare {path.name}'", "Shift+Tab")
            page.keyboard.press("Space")
        tab_to(page, "document.activeElement.id === 'compare'", "Shift+Tab")
        page.keyboard.press("Enter")
        assert page.locator("#pair").is_visible()
        assert page.evaluate("document.activeElement.textContent") == "Close"
        page.keyboard.press("Enter")
        assert page.locator("#pair").is_hidden()
        assert page.evaluate("document.activeElement.id") == "compare"  # focus comes back
        shown = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert shown == "3px"


def tab_to(page, reached: str, key: str = "Tab") -> None:
    for _ in range(80):
        if page.evaluate(reached):
            return
        page.keyboard.press(key)
    raise AssertionError(f"Never reached by {key}: {reached}")


def test_a_screen_reader_is_told_when_scores_are_there(browser, address, three):
    with opened(browser, address) as page:
        add(page, three)
        assert page.inner_text("#announcer") == "2 pictures scored, 1 without a score."


def test_print_shows_scores_and_no_controls(browser, address, three):
    with opened(browser, address) as page:
        add(page, three)
        page.emulate_media(media="print")
        assert page.locator("#drop").is_hidden()
        assert page.locator(".toolbar").first.is_hidden()
        assert page.locator("#rows .score").first.is_visible()
        assert len(names(page)) == 3
        page.set_viewport_size({"width": 640, "height": 900})  # of a sheet, about
        score = page.locator("#rows .score").first
        assert score.bounding_box()["height"] < 35  # in one line
        assert page.evaluate("document.documentElement.scrollWidth") <= 640


def test_motion_stands_still_for_those_who_ask(browser, address):
    moving = "getComputedStyle(document.getElementById('drop')).transitionDuration"
    with opened(browser, address, reduced_motion="no-preference") as page:
        assert page.evaluate(moving) == "0.2s"
    with opened(browser, address, reduced_motion="reduce") as page:
        assert page.evaluate(moving) == "0s"

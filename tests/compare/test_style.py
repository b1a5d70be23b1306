"""The design of all pages: colours that can be read, in both lights."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = files("memnet.compare.report").joinpath("templates", "style.css").read_text(encoding="utf-8")
DARK = "@media screen and (prefers-color-scheme: dark)"


def colours(light: str) -> dict[str, str]:
    """Name -> colour, in light or dark."""
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.S)
    assert len(blocks) == 2
    names = [dict(re.findall(r"(--[a-z-]+):\s*(#[0-9a-f]{3,6})\b", block)) for block in blocks]
    return names[0] if light == "light" else {**names[0], **names[1]}


def luminance(colour: str) -> float:
    digits = colour[1:]
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(w * s for w, s in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(a: str, b: str) -> float:
    """WCAG 2's contrast ratio."""
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def pairs() -> set[tuple[str, str]]:
    """Names of a text's colour and of its ground, as the rules use them together."""
    found = {("--ink", "--page")}
    for rule in re.findall(r"\{([^{}]*)\}", re.sub(r"/\*.*?\*/", "", CSS, flags=re.S)):
        text = re.search(r"(?<![-\w])color:\s*var\((--[a-z-]+)\)", rule)
        ground = re.search(r"(?<![-\w])background:\s*var\((--[a-z-]+)\)", rule)
        if text or ground:
            found.add((text[1] if text else "--ink", ground[1] if ground else "--page"))
            if ground and not text:  # a link or small print may stand on it
                found |= {(other, ground[1]) for other in ("--link", "--quiet")}
    return found


def test_the_contrast_is_that_of_wcag():
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.005)  # WCAG's known near miss


@pytest.mark.parametrize("light", ["light", "dark"])
def test_every_text_contrasts_with_its_ground(light):
    known = colours(light)
    assert len(pairs()) > 9
    ratios = {pair: contrast(*(known[name] for name in pair)) for pair in pairs()}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}


def test_no_rule_has_a_colour_of_its_own_that_one_of_the_lights_would_not_change():
    rules = re.sub(r":root \{.*?\}|/\*.*?\*/", "", CSS, flags=re.S)
    grounds_of_figures = re.findall(r"#fff\b", rules)
    assert len(re.findall(r"#[0-9a-f]{3,6}\b", rules)) == len(grounds_of_figures)


def test_the_dark_colours_are_for_screens_only():
    assert CSS.count("prefers-color-scheme") == CSS.count(DARK)


def print_rules() -> list[tuple[str, str]]:
    """Selectors and declarations of the print style."""
    block = re.sub(r"/\*.*?\*/", "", CSS[CSS.index("@media print {") + 14 :], flags=re.S)
    return re.findall(r"([^{}]+)\{([^{}]*)\}", block)


def in_print(selector: str) -> str:
    """What print says of a selector, all its rules in one."""
    return " ".join(
        declarations
        for selectors, declarations in print_rules()
        if selector in [part.strip() for part in re.split(r",(?![^(]*\))", selectors)]
    )


@pytest.mark.parametrize("what", ["h2", "h3", "summary", "p:has(+ .scroll)", "thead"])
def test_in_print_what_leads_to_a_table_is_not_parted_from_it(what):
    assert "break-after: avoid" in in_print(what)


@pytest.mark.parametrize("what", ["tr", "figure", ".note", ".copy"])
def test_in_print_no_box_is_torn_that_fits_a_page(what):
    assert "break-inside: avoid" in in_print(what)


def test_in_print_no_name_is_squeezed_and_no_table_shrunk_below_seven_points():
    assert float(re.search(r"min-width: ([\d.]+)rem", in_print("tbody th"))[1]) >= 7
    sizes = re.findall(r"font-size: ([\d.]+)pt", " ".join(text for _, text in print_rules()))
    assert min(map(float, sizes)) >= 7
    assert "max-height" in in_print("body figure .scroll img")  # a taller one would be cut


def test_on_wide_pages_no_column_of_words_is_a_word_wide():
    assert "min-width: 7rem" in re.search(r"body\.wide td:not\(\.num\) \{([^}]*)\}", CSS)[1]
    assert "min-width: 5rem" in in_print("body.wide td:not(.num)")

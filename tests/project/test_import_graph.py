"""The picture of the import graph: drawn right, and current."""

from __future__ import annotations

from pathlib import Path

import import_graph

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


def tree(folder: Path, **files: str) -> Path:
    """Write a package `p`; ``a__b`` is the module ``p/a/b.py``, every folder is a package."""
    root = folder / "p"
    for name, text in files.items():
        path = root.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in [root, *root.rglob("*")]:
        if path.is_dir():
            (path / "__init__.py").touch()
    return root


def test_the_page_shows_the_imports_of_today():
    page = PAGE.read_text(encoding="utf-8")
    assert import_graph.with_picture(page) == page, (
        "the imports have changed: python tools/import_graph.py docs/architecture.md"
    )


def test_imports_of_every_kind_are_seen_and_those_for_types_are_not(tmp_path):
    root = tree(
        tmp_path,
        a__one="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import p.c\n",
        a__two="def f():\n    from . import one\n",
        b="from p.a.two import f\nfrom p.a import one as other\nimport numpy\n",
        c="import p.b\nfrom .a.one import TYPE_CHECKING\n",
    )
    assert import_graph.module_graph(import_graph.modules(root)) == {
        "p": set(),
        "p.a": set(),
        "p.a.one": set(),
        "p.a.two": {"p.a.one"},
        "p.b": {"p.a.one", "p.a.two"},
        "p.c": {"p.b", "p.a.one"},
    }
    assert "    c --> b\n    b\n    b --> a\n    a\n```" in import_graph.picture(root)
    counted = dict(import_graph.counts(root))
    assert (counted["files"], counted["packages"], counted["floors at the top"]) == (6, 2, 3)
    assert (counted["floors of modules"], counted["cycles of modules"]) == (4, 0)


def test_cycles_are_found_among_modules_and_among_packages(tmp_path):
    root = tree(
        tmp_path,
        a__one="import p.b.one",
        a__two="",
        b__one="",
        b__two="import p.a.two",
        c="import p.d",
        d="import p.c",
    )
    graph = import_graph.module_graph(import_graph.modules(root))
    assert import_graph.cycles(graph) == [{"p.c", "p.d"}]
    top = import_graph.sibling_graph(graph, "p")
    assert sorted(map(sorted, import_graph.cycles(top))) == [["p.a", "p.b"], ["p.c", "p.d"]]
    assert set(import_graph.floors(top).values()) == {1}

"""The import graph of the package, from the code's own import statements.

    python tools/import_graph.py                       # the counts
    python tools/import_graph.py docs/architecture.md  # and rewrite the picture of that page
    python tools/import_graph.py --root OTHER/memnet   # the counts of another checkout

Imports inside functions count, those for type checkers alone do not. A floor is a level of the
graph: what imports nothing of the package stands on floor 1, everything else one above the highest
thing that it imports; the members of a cycle share a floor.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1] / "memnet"
BEGIN, END = "<!-- import graph: begin -->", "<!-- import graph: end -->"

Graph = dict[str, set[str]]
"""Name -> the names that it imports, without itself."""


def modules(root: Path) -> dict[str, Path]:
    """Every module's name and file; a package's name stands for its ``__init__.py``."""
    paths = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return paths


def module_graph(files: Mapping[str, Path]) -> Graph:
    graph: Graph = {}
    for name, path in files.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        targets = _imports(ast.parse(path.read_text(encoding="utf-8")), package)
        known = {_longest_known(target, files) for target in targets}
        graph[name] = known - {name, ""}
    return graph


def _longest_known(target: str, files: Mapping[str, Path]) -> str:
    """The module of which ``target`` is the name or an attribute, or ``""``."""
    while target and target not in files:
        target = target.rpartition(".")[0]
    return target


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield what is imported as dotted names, ``from a import b`` as ``a.b``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from _imports(ast.Module([other], []), package)
        else:
            yield from _imports(node, package)


def sibling_graph(graph: Graph, parent: str) -> Graph:
    """The graph between the children of a package, each standing for all that lies in it."""

    def child(name: str) -> str:
        return ".".join(name.split(".")[: parent.count(".") + 2])

    inside = {name for name in graph if name.startswith(parent + ".")}
    edges: Graph = {child(name): set() for name in inside}
    for name in inside:
        edges[child(name)] |= {child(other) for other in graph[name] & inside}
    return {name: others - {name} for name, others in edges.items()}


def components(graph: Graph) -> list[set[str]]:
    """The strongly connected components, those first that others import (Tarjan)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[set[str]] = []

    def visit(name: str) -> None:
        number[name] = low[name] = len(number)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in number:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == number[name]:
            at = stack.index(name)
            groups.append(set(stack[at:]))
            del stack[at:]

    for name in sorted(graph):
        if name not in number:
            visit(name)
    return groups


def cycles(graph: Graph) -> list[set[str]]:
    return [members for members in components(graph) if len(members) > 1]


def floors(graph: Graph) -> dict[str, int]:
    """Name -> its floor, from 1."""
    floor: dict[str, int] = {}
    for members in components(graph):
        below = set().union(*(graph[name] for name in members)) - members
        height = 1 + max((floor[name] for name in below), default=0)
        floor.update(dict.fromkeys(members, height))
    return floor


def direct(graph: Graph) -> Graph:
    """Leave out the imports that another way leads to as well; for a graph without cycles."""
    above: Graph = {}
    for members in components(graph):
        for name in members:
            above[name] = set(graph[name]).union(*(above.get(other, ()) for other in graph[name]))
    return {
        name: {o for o in others if not any(o in above[p] for p in others - {o})}
        for name, others in graph.items()
    }


def counts(root: Path) -> list[tuple[str, int]]:
    files = modules(root)
    graph = module_graph(files)
    packages = [name for name, path in files.items() if path.name == "__init__.py"]
    top = sibling_graph(graph, root.name)
    entangled = [cycle for name in packages for cycle in cycles(sibling_graph(graph, name))]
    return [
        ("files", len(files)),
        ("lines", sum(len(p.read_text(encoding="utf-8").splitlines()) for p in files.values())),
        ("packages", len(packages)),
        ("packages and modules at the top", len(top)),
        ("floors at the top", max(floors(top).values())),
        ("floors of modules", max(floors(graph).values())),
        ("cycles at the top", len(cycles(top))),
        ("cycles between siblings at any level", len(entangled)),
        ("cycles of modules", len(cycles(graph))),
        ("modules in cycles", sum(map(len, cycles(graph)))),
    ]


def picture(root: Path) -> str:
    """The packages at the top as a Mermaid diagram and, for readers of the text, as a list."""
    graph = sibling_graph(module_graph(modules(root)), root.name)
    graph = {name: others for name, others in graph.items() if not name.endswith("__main__")}
    floor = floors(graph)
    lines = ["```mermaid", "flowchart TD"]
    for name in sorted(graph, key=lambda name: (-floor[name], name)):
        lines.append(f"    {_short(name)}")
        lines += [
            f"    {_short(name)} --> {_short(other)}" for other in sorted(direct(graph)[name])
        ]
    lines += ["```", "", "An arrow means: imports. What another way leads to has no arrow.", ""]
    lines += ["| floor | packages and modules |", "| ---: | --- |"]
    for height in sorted(set(floor.values()), reverse=True):
        names = ", ".join(f"`{_short(name)}`" for name in sorted(graph) if floor[name] == height)
        lines.append(f"| {height} | {names} |")
    return "\n".join(lines)


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def with_picture(page: str, root: Path = ROOT) -> str:
    """Return the page with the picture between its markers drawn anew."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"The page has no markers {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n{picture(root)}\n{END}{after}"


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("page", type=Path, nargs="?", help="a page with the two markers")
    parser.add_argument("--root", type=Path, default=ROOT, help="the package's folder")
    parser.add_argument("--cycles", action="store_true", help="name the members of each cycle")
    given = parser.parse_args(None if arguments is None else list(arguments))
    root = given.root.resolve()
    for what, count in counts(root):
        print(f"{count:7,}  {what}")
    if given.cycles:
        for members in cycles(module_graph(modules(root))):
            print("cycle:", ", ".join(sorted(members)))
    if given.page:
        given.page.write_text(
            with_picture(given.page.read_text(encoding="utf-8"), root), encoding="utf-8"
        )


if __name__ == "__main__":
    main()

"""The documents tell the truth: links lead somewhere, commands exist, examples run."""

from __future__ import annotations

import ast
import doctest
import functools
import importlib
import inspect
import pkgutil
import re
import shlex
from pathlib import Path

import pytest
import typer

import memnet
from memnet.util.resources import tomllib

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS.glob("*.md")]
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _prose(page: Path) -> str:
    """The page without its code blocks: a comment in them is no heading, an index no link."""
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", _prose(page), flags=re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{_name(page)}: {link}"
        if anchor:
            assert anchor in _anchors(target), f"{_name(page)}: {link}"


def test_the_index_leads_to_every_page():
    linked = set(re.findall(r"\]\(([^)#\s]+)", _prose(DOCS / "index.md")))
    assert {page.name for page in DOCS.glob("*.md")} - {"index.md"} <= linked


def _commands(page: Path) -> list[list[str]]:
    """Every ``memnet ...`` of a page's blocks and sentences, as words; ``|`` and ``#`` end one."""
    text = page.read_text(encoding="utf-8")
    lines = [
        part
        for language, block in BLOCK.findall(text)
        if language in ("sh", "bash", "")
        for line in block.replace("\\\n", " ").splitlines()
        for part in line.split("&&")
    ]
    lines += re.findall(r"`(memnet [^`]+)`", BLOCK.sub("", text))
    words = [
        shlex.split(line.split(" #")[0].split(" | ")[0], posix=True)
        for line in lines
        if "memnet" in line
    ]
    return [line[1:] for line in words if line and line[0] == "memnet" and len(line) > 1]


@pytest.fixture(scope="module")
def command_tree():
    from memnet.cli import app

    return typer.main.get_command(app)


def test_commands_are_read_from_the_pages():
    assert sum(len(_commands(page)) for page in PAGES) > 80
    assert ["weights", "list"] in _commands(DOCS / "weights.md")


FOLLOWED = DOCS / "extending.md"
"""Its commands are run by test_extending.py; one of them exists only after what the page adds."""


@pytest.mark.parametrize("page", [page for page in PAGES if page != FOLLOWED], ids=_name)
def test_commands_and_options_exist(page, command_tree):
    for words in _commands(page):
        command, at = command_tree, 0
        while at < len(words) and hasattr(command, "commands"):
            word, at = words[at], at + 1
            if word.startswith("-"):
                assert word in _options(command), f"{_name(page)}: memnet {' '.join(words)}"
            elif word.isupper() or word == "...":  # a placeholder: `memnet COMMAND --help`
                break
            else:
                command = command.get_command(typer.Context(command), word)
                assert command is not None, f"{_name(page)}: memnet {' '.join(words)}"
        if hasattr(command, "commands"):
            continue
        for word in words[at:]:
            if word.startswith("-") and not re.match(r"-\d", word):
                option = word.split("=")[0]
                assert option in _options(command), f"{_name(page)}: memnet {' '.join(words)}"


def _options(command) -> set[str]:
    named = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    return named | {"-h", "--help"}


def test_every_command_is_on_the_page_of_commands(command_tree):
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    for name in command_tree.commands:
        assert f"`memnet {name}`" in page, name


def _python(page: Path) -> list[str]:
    return [
        code for kind, code in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == "python"
    ]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_python_blocks_compile_and_import_what_exists(page):
    for code in _python(page):
        if ">>>" in code:
            code = "".join(example.source for example in doctest.DocTestParser().get_examples(code))
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("memnet"):
                module = importlib.import_module(node.module)
                for name in node.names:
                    assert hasattr(module, name.name), f"{_name(page)}: {node.module}.{name.name}"


def test_the_page_of_the_interface_has_every_public_name():
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    for name in memnet.__all__:
        value = getattr(memnet, name)
        if isinstance(value, str) or (isinstance(value, type) and issubclass(value, Exception)):
            assert f"`{name}`" in text, name
        else:
            assert re.search(rf"^### .*\b{name}\b", text, flags=re.MULTILINE), name


def test_the_signatures_on_the_page_of_the_interface_are_those_of_the_code():
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    signatures = re.findall(r"^`memnet\.([\w.]+)\((.*)\) -> [\w\[\]]+`$", text, flags=re.MULTILINE)
    assert len(signatures) >= 7
    for name, shown in signatures:
        function = functools.reduce(getattr, name.split("."), memnet)
        expected = list(inspect.signature(function).parameters.values())
        arguments = ast.parse(f"def f({shown}): pass").body[0].args
        assert [a.arg for a in (*arguments.args, *arguments.kwonlyargs)] == [
            p.name for p in expected if p.name != "command"
        ], name
        defaults = [None] * (len(arguments.args) - len(arguments.defaults)) + arguments.defaults
        for parameter, default in zip(expected, [*defaults, *arguments.kw_defaults], strict=False):
            assert (default is None) == (parameter.default is parameter.empty), (name, parameter)
            if default is not None:
                assert ast.literal_eval(default) == parameter.default, (name, parameter)


@pytest.mark.parametrize(("name", "least"), [("api.md", 31), ("inspect.md", 9)])
def test_the_examples_of_a_page_are_true(name, least, tmp_path, monkeypatch):
    """The page's examples, in its order, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    page = DOCS / name
    text = "\n".join(code for code in _python(page) if ">>>" in code)
    names = {"__name__": "docs_page"}
    test = doctest.DocTestParser().get_doctest(text, names, page.name, str(page), 0)
    assert len(test.examples) >= least
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    report: list[str] = []
    result = runner.run(test, out=report.append)
    assert not result.failed, "".join(report)


@pytest.mark.parametrize("page", [page for page in PAGES if page != FOLLOWED], ids=_name)
def test_files_and_modules_named_in_sentences_exist(page):
    packages = {folder.name for folder in (ROOT / "memnet").iterdir() if folder.is_dir()}
    for word in re.findall(r"`([^`\s]+)`", _prose(page)):
        if re.match(r"(memnet|tools|benchmarks|tests|docs)/", word):
            assert (ROOT / word).exists(), f"{_name(page)}: {word}"
        name = re.match(r"memnet(\.\w+)+", word)
        if name is None or name[0].split(".")[1] not in packages or page.name == "CHANGELOG.md":
            continue
        pkgutil.resolve_name(name[0])  # fails where the page names what is not there


def _defines(file: Path, name: str) -> bool:
    code = file.read_text(encoding="utf-8")
    return bool(re.search(rf"^(def|class) {name}\b|^{name}\b.*=", code, flags=re.MULTILINE))


def test_the_map_of_the_code_names_files_and_functions_that_exist():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = 0
    for line in text.splitlines():
        file = None
        for word in re.findall(r"`([^`]+)`", line):
            if word.startswith(("memnet/", "tests/", "tools/", "docs/", "benchmarks/")):
                file = ROOT / word
                assert file.exists(), line
                named += 1
            elif file is not None and file.suffix == ".py" and re.fullmatch(r"[A-Za-z_]+", word):
                assert _defines(file, word), line
    assert named > 60


def test_the_floors_on_the_page_are_those_that_the_linter_holds():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contracts["tool"]["importlinter"]["contracts"][0]["layers"]
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("## The floors")[2].partition("\n## ")[0]
    floors = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)
    assert floors == [part for layer in layers for part in layer.split(" | ")]

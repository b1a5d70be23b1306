"""The Dockerfile and compose.yaml name what is there; nothing is built here."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
import typer

from memnet.util.resources import tomllib

ROOT = Path(__file__).parents[2]
LINES = re.sub(
    r"\\\n", "", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
).splitlines()


def told(instruction):
    return [line.split(None, 1)[1] for line in LINES if line.startswith(f"{instruction} ")]


def test_what_is_copied_is_there_and_let_in():
    let_in = (ROOT / ".dockerignore").read_text().splitlines()
    assert let_in[0] == "*"
    for copied in told("COPY"):
        for name in copied.split()[:-1]:
            assert (ROOT / name).exists(), name
            assert f"!{name}" in let_in, name


def test_what_the_package_is_built_of_is_copied():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    copied = " ".join(told("COPY")).split()
    assert {project["readme"], *project["license-files"]} <= set(copied)
    (extras,) = re.findall(r'"\.\[(.+?)\]"', " ".join(told("RUN")))
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_its_command_and_options_exist():
    from memnet.cli import app

    (entry,) = told("ENTRYPOINT")
    program, *words = json.loads(entry)
    assert program == "memnet"
    command = typer.main.get_command(app)
    context = typer.Context(command)
    place = words.index("serve")
    command.make_context("memnet", [*words[:place], "serve"], resilient_parsing=True)
    serve = command.get_command(context, "serve")
    given = serve.make_context("serve", words[place + 1 :], resilient_parsing=True).params
    assert (given["host"], given["port"]) == ("0.0.0.0", int(told("EXPOSE")[0]))
    assert not given["allow_anyone"]  # who wants that must say so


def test_it_runs_without_rights_and_asks_for_its_health():
    pytest.importorskip("fastapi", reason="needs the extra `web`")
    from memnet.web.health import router

    assert told("USER") == ["10001"]
    assert LINES.index("USER 10001") > max(i for i, line in enumerate(LINES) if "RUN" in line)
    (check,) = told("HEALTHCHECK")
    python, option, code = json.loads(check[check.index("[") :])
    assert (python, option) == ("python", "-c")
    (address,) = re.findall(r"'(http[^']+)'", code)
    ast.parse(code)
    assert address.partition(":8400")[2] in {route.path for route in router.routes}


def test_compose_reaches_this_machine_only_and_wants_a_key():
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    (service,) = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].values()
    assert service["ports"] == ["127.0.0.1:8400:8400"]
    assert ":?" in service["environment"]["MEMNET_API_KEY"]  # compose stops without it
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]

"""`memnet serve`: what it refuses to begin, and a server that ends at Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "0.0.0.0"), "--allow-anyone"),
        (("--model", "resmem.publishd"), "Did you mean 'resmem.published'?"),
        (("--api-key-file", "nothing"), "The key in nothing cannot be read"),
        (("--api-key-file", "empty"), "empty is empty"),
        (("--api-key-file", "two"), "A server's key is one word"),
        (("--allow-host", "http://lab.example/"), "give the name alone"),
        (("--allow-host", "lab.example:80"), "give the name alone"),
    ],
)
def test_what_cannot_be_served_is_said(memnet_command, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    Path("empty").write_text("\n")
    Path("two").write_text("two words\n")
    result = memnet_command("serve", *arguments, check=2)
    assert said in result.stderr


def test_a_port_that_is_taken_is_said(memnet_command, tiny_weights):
    from tiny import register

    register()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = memnet_command("serve", "--model", tiny_weights, "--port", port, check=2)
    assert f"cannot listen at 127.0.0.1, port {port}" in result.stderr


@pytest.mark.process
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end(tiny_weights, sent):
    program = Path(__file__).parents[1] / "helpers" / "tiny.py"
    command = [sys.executable, program, "serve", "--model", tiny_weights, "--port", "0", "--demo"]
    variables = {**os.environ, "MEMNET_API_KEY": ""}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables) as server:
        line = server.stderr.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
        with urllib.request.urlopen(f"{address}/v1/models") as answer:
            assert b"/page/samples/chelsea_451x300.png" in answer.read()
        with urllib.request.urlopen(f"{address}/page/samples/chelsea_451x300.png") as answer:
            assert answer.read(4) == b"\x89PNG"
        server.send_signal(sent)
        _, rest = server.communicate(timeout=60)
        assert rest == ""
        assert server.returncode in (0, -signal.SIGTERM)


@pytest.mark.process
def test_a_second_ctrl_c_ends_it_at_once_and_in_words(tiny_weights, golden_pictures):
    program = Path(__file__).parents[1] / "helpers" / "tiny.py"
    command = [sys.executable, program, "serve", "--model", tiny_weights, "--port", "0"]
    command += ["--host", "0.0.0.0"]
    variables = {**os.environ, "MEMNET_API_KEY": "a-long-word", "TINY_SLEEP": "30"}
    headers = {"Authorization": "Bearer a-long-word"}
    picture = [("files", ("a.png", next(iter(golden_pictures.values())).read_bytes()))]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables) as server,
        ThreadPoolExecutor(1) as client,
    ):
        line = server.stderr.readline()
        assert "from other machines by this one's address or name, for who brings its key" in line
        address = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
        answer = client.submit(httpx.post, f"{address}/v1/scores", files=picture, headers=headers)
        metrics = ""
        while "memnet_waiting_pictures 1.0" not in metrics:
            metrics = httpx.get(f"{address}/metrics", headers=headers).text
        server.send_signal(signal.SIGINT)
        assert "finishing what was accepted" in server.stderr.readline()
        server.send_signal(signal.SIGINT)
        _, rest = server.communicate(timeout=20)
        assert rest == "memnet: ended at once; what was not answered is lost\n"
        assert server.returncode == 130
        assert isinstance(answer.exception(), httpx.TransportError)

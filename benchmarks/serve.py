"""`memnet serve` under load, from a second process on the same machine.

    python benchmarks/serve.py --chromium /usr/bin/chromium --out benchmarks/results/serve.json
    python benchmarks/serve.py --model FILE.safetensors   # a small one: what is not the network

The pictures are made JPEG files of 1024 x 768 (those of `memnet bench`), in memory. Nothing comes
from the score cache. In this order:

- `alone`: one picture at a time, by the API and by `Predictor.score` on the same bytes, in turns.
- `on_screen`: from a picture's appearance on the page to that of its score, in Chromium, and by
  `Predictor.score` on the same file, in turns: the first picture of a page, which the browser has
  to draw for the first time, and the next one. Only with `--chromium PROGRAM` and Playwright.
- `sustained`: four clients, eight pictures a request, in turns with the engine on the same pictures
  (`score_items`, batches of eight), while the other one rests. The clients need some of the cores.
  Where other programs are busy, compare the core seconds that each needs for a picture.
- `overload`: single pictures at ten times the sustained rate, sent whether or not others were
  answered. Latency is that of accepted requests; memory is that of the server and its decoders
  (proportional set size), before, at most, and afterwards.
- `slow`: 200 clients that send the head of a request byte by byte, and 1,000 that connect and say
  nothing: how long a picture takes meanwhile.
- `hang_ups`: 200 requests whose clients leave at once: how many of their pictures were computed,
  and whether all is as before.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

import memnet
from memnet.scoring.engine import score_items
from memnet.scoring.numeric_environment import scoring_environment
from memnet.scoring.speed import made_pictures

os.environ["MEMNET_NO_CACHE"] = "1"
CLIENTS, PER_REQUEST, TIMES = 4, 8, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resmem.published")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="alternations")
    parser.add_argument("--chromium", help="such as /usr/bin/chromium, for `on_screen`")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    pictures = [item.picture for item in made_pictures()]
    model = memnet.load(options.model, device=options.device)
    with serving(options.model, options.device) as (url, process):
        load = Load(url, process, pictures)
        load.sustained(5)  # the first passes also plan and allocate
        results: dict[str, Any] = {}

        def keep(name: str, result: Any) -> None:
            results[name] = result
            print(name, json.dumps(result), file=sys.stderr, flush=True)

        keep("alone", alone(load, model, options.rounds))
        if options.chromium:
            keep("on_screen", on_screen(load, model, options))
        keep("sustained", sustained(load, model, options))
        rate = TIMES * results["sustained"]["server"]
        keep("overload", load.overload(rate, options.seconds))
        keep("slow", load.slow_clients())
        keep("hang_ups", load.hang_ups())
    text = json.dumps(
        {
            "model": model.label,
            "environment": scoring_environment(model.device),
            "load_of_the_machine": os.getloadavg(),
            **results,
        },
        indent=1,
    )
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


@contextmanager
def serving(model: str, device: str):
    """Start a server; yields its address and process."""
    command = [sys.executable, "-m", "memnet", "--no-cache", "serve", "--port", "0"]
    command += ["--model", model, "--device", device]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        for line in server.stderr:
            if found := re.search(r"http://\S+:\d+", line):
                break
        threading.Thread(target=server.stderr.read, daemon=True).start()
        yield found[0], server.pid
        server.terminate()


class Load:
    """Clients of a server."""

    def __init__(self, url: str, process: int, pictures: list[bytes]) -> None:
        self.url, self.process, self.pictures = url, process, pictures
        self.session = requests.Session()

    def post(self, pictures: list[bytes], session: Any = requests) -> Any:
        """Score pictures in one request."""
        files = [("files", ("a.jpg", data)) for data in pictures]
        return session.post(f"{self.url}/v1/scores", files=files, timeout=300)

    def post_one(self) -> float:
        """Return the seconds that one picture takes."""
        began = time.perf_counter()
        answer = self.post(self.pictures[:1], self.session)
        assert answer.json()["pictures"][0]["scores"], answer.text
        return time.perf_counter() - began

    def sustained(self, seconds: float) -> float:
        """Return how many pictures a second come back to clients that never pause."""
        end = time.perf_counter() + seconds
        done = 0

        def work(number: int) -> None:
            nonlocal done
            with requests.Session() as session:
                while time.perf_counter() < end:
                    answer = self.post(self.pictures[number * 5 % 16 :][:PER_REQUEST], session)
                    assert answer.status_code == 200, answer.text
                    done += PER_REQUEST

        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(work, range(CLIENTS)))
        return done / (time.perf_counter() - began)

    def overload(self, rate: float, seconds: float) -> dict[str, Any]:
        """Send single pictures at a rate, whatever comes back."""
        statuses: Counter[int] = Counter()
        latencies: list[float] = []
        before = memory(self.process)
        most = before
        wanted = int(rate * seconds)

        def work(number: int) -> None:
            began = time.perf_counter()
            answer = self.post([self.pictures[number % len(self.pictures)]])
            statuses[answer.status_code] += 1
            if answer.status_code == 200:
                latencies.append(time.perf_counter() - began)
            else:
                assert answer.json()["retry_after"] == int(answer.headers["Retry-After"])

        with ThreadPoolExecutor(400) as clients:
            began = time.perf_counter()
            for number in range(wanted):
                time.sleep(max(0.0, began + number / rate - time.perf_counter()))
                clients.submit(work, number)
                if number % max(1, int(rate)) == 0:
                    most = max(most, memory(self.process))
            took = time.perf_counter() - began
        time.sleep(2)
        return {
            "sent_per_second": wanted / took,
            "statuses": dict(statuses),
            "accepted_seconds": quantiles(latencies),
            "memory_mb": {"before": before, "most": most, "after": memory(self.process)},
            "one_picture_afterwards": self.post_one(),
        }

    def slow_clients(self) -> dict[str, Any]:
        """Let many clients say nothing, or very slowly, and others be served."""
        host, port = re.findall(r"http://(\S+):(\d+)", self.url)[0]
        found: dict[str, Any] = {"usual_seconds": statistics.median(self._some())}
        for name, count, begin in (
            ("slow_loris", 200, b"POST /v1/scores HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "),
            ("idle", 1000, b""),
        ):
            with ExitStack() as stack:
                began = time.perf_counter()
                connections = []
                for _ in range(count):
                    connection = socket.create_connection((host, int(port)), timeout=30)
                    connections.append(stack.enter_context(connection))
                    connection.sendall(begin)
                stop = threading.Event()

                def trickle(open_ones: list[socket.socket], stop: threading.Event) -> None:
                    while not stop.wait(1):
                        for connection in list(open_ones):
                            try:
                                connection.sendall(b"x")
                            except OSError:  # it was cut off
                                open_ones.remove(connection)

                if begin:
                    left = connections.copy()
                    thread = threading.Thread(target=trickle, args=(left, stop))
                    thread.start()
                taken = self._some()
                while begin and left and time.perf_counter() - began < 90:
                    time.sleep(1)
                found[name] = {
                    "connections": count,
                    "seconds": quantiles(taken),
                    "still_open": len(left) if begin else None,
                    "seconds_until_all_were_cut_off": time.perf_counter() - began
                    if begin
                    else None,
                }
                stop.set()
        return found

    def _some(self) -> list[float]:
        return [self.post_one() for _ in range(10)]

    def hang_ups(self) -> dict[str, Any]:
        """Send requests and leave."""
        before, scored = memory(self.process), self.counted("memnet_batch_pictures_sum")
        body = requests.Request(
            "POST", f"{self.url}/v1/scores", files=[("files", ("a.jpg", self.pictures[0]))]
        ).prepare()
        host, port = re.findall(r"http://(\S+):(\d+)", self.url)[0]
        lines = [f"{name}: {value}" for name, value in body.headers.items()]
        head = "\r\n".join(["POST /v1/scores HTTP/1.1", f"Host: {host}", *lines, "", ""])
        for _ in range(200):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(head.encode() + body.body)
        while self.counted("memnet_waiting_pictures"):
            time.sleep(0.2)
        return {
            "requests": 200,
            "pictures_computed": self.counted("memnet_batch_pictures_sum") - scored,
            "memory_mb": {"before": before, "after": memory(self.process)},
            "one_picture_afterwards": self.post_one(),
        }

    def counted(self, name: str) -> float:
        """Return one of the server's metrics."""
        text = self.session.get(f"{self.url}/metrics").text
        return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])


def alone(load: Load, model: memnet.Predictor, rounds: int) -> dict[str, float]:
    """Time one picture, in turns."""
    served, direct = [], []
    for _ in range(rounds * 5):
        began = time.perf_counter()
        model.score(load.pictures[0])
        direct.append(time.perf_counter() - began)
        served.append(load.post_one())
    result = {"server": statistics.median(served), "predictor": statistics.median(direct)}
    return result | {"ratio": result["server"] / result["predictor"]}


_WATCH = """() => {
  const count = (what) => document.querySelectorAll(what).length;
  const before = { rows: count("#rows tr"), scores: count("#rows .score") };
  window.shown = window.scored = null;
  window.watcher?.disconnect();
  window.watcher = new MutationObserver(() => {
    if (count("#rows tr") > before.rows) window.shown ??= performance.now();
    if (count("#rows .score") > before.scores) window.scored ??= performance.now();
  });
  window.watcher.observe(document.getElementById("rows"), { childList: true, subtree: true });
}"""


def on_screen(load: Load, model: memnet.Predictor, options: argparse.Namespace) -> dict[str, Any]:
    """Time the first picture of a page, and the next one on it."""
    from playwright.sync_api import sync_playwright

    found: dict[str, list[tuple[float, float]]] = {"first": [], "next": []}
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox"]
        )
        for number in range(0, options.rounds * 10 + 2, 2):
            page = browser.new_page()
            page.goto(load.url)
            page.wait_for_selector("#models section")
            for at, which in enumerate(found):
                path = Path(folder, f"{number + at}.jpg")
                path.write_bytes(load.pictures[(number + at) % len(load.pictures)])
                time.sleep(2)  # nobody chooses a picture sooner
                began = time.perf_counter()
                model.score(path)
                direct = time.perf_counter() - began
                page.evaluate(_WATCH)
                page.set_input_files("#files", str(path))
                page.locator("#rows .score").nth(at).wait_for()
                found[which].append((page.evaluate("(scored - shown) / 1000"), direct))
            page.close()
        browser.close()
    return {
        which: {
            "page": statistics.median(page for page, _ in pairs[1:]),
            "predictor": statistics.median(direct for _, direct in pairs[1:]),
            "ratio": statistics.median(page / direct for page, direct in pairs[1:]),
        }
        for which, pairs in found.items()
    }


def sustained(load: Load, model: memnet.Predictor, options: argparse.Namespace) -> dict[str, Any]:
    """Measure pictures per second, in turns."""
    server, engine = [], []
    cores: dict[str, list[float]] = {"server": [], "engine": []}
    for _ in range(options.rounds):
        done, began, used = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - began < options.seconds:
            done += sum(len(rows) for rows in score_items(model, made_items(load.pictures)))
        engine.append(done / (time.perf_counter() - began))
        cores["engine"].append((time.process_time() - used) / done)
        before, used = load.counted("memnet_batch_pictures_sum"), cpu_seconds(load.process)
        server.append(load.sustained(options.seconds))
        used = cpu_seconds(load.process) - used
        cores["server"].append(used / (load.counted("memnet_batch_pictures_sum") - before))
    result = {"server": statistics.median(server), "engine": statistics.median(engine)}
    ratios = [one / other for one, other in zip(server, engine, strict=True)]
    return result | {
        "ratio": statistics.median(ratios),
        "rounds": [server, engine],
        "core_seconds_per_picture": {name: statistics.median(of) for name, of in cores.items()},
    }


def made_items(pictures: list[bytes]) -> list[Any]:
    from memnet.data.inputs import Item

    return [Item(f"{number}", "", data) for number, data in enumerate(pictures)]


def quantiles(values: list[float]) -> dict[str, float] | None:
    if len(values) < 2:
        return None
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"median": cuts[49], "p95": cuts[94], "most": max(values)}


def memory(process: int) -> int:
    """Return the megabytes of a process and all that it started."""
    total = 0
    for number in [process, *descendants(process)]:
        try:
            text = Path(f"/proc/{number}/smaps_rollup").read_text()
        except OSError:  # it has ended
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])
    return total // 1000


def cpu_seconds(process: int) -> float:
    """Return the seconds of cores that a process and all that it started have used."""
    ticks = 0
    for number in [process, *descendants(process)]:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def descendants(process: int) -> list[int]:
    children = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        children += [int(number) for number in path.read_text().split()]
    return [*children, *(each for child in children for each in descendants(child))]


if __name__ == "__main__":
    main()

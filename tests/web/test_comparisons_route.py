"""`/v1/comparisons`: the record and report of `memnet compare`, kept in memory for a while."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future

import pandas as pd
import pytest
from pebble import ProcessExpired

import memnet
from memnet.compare.report.answer import write_answer
from memnet.data.targets import TARGETS
from memnet.errors import MemnetError
from memnet.web import comparisons
from memnet.web.comparisons import Comparisons, NewComparison
from memnet.web.problems import PROBLEM, Problem
from memnet.web.reports import Report, make_report

NAMES = [f"{number}.jpg" for number in range(30)]
HIT_RATES = [0.4 + (number * 7 % 30) / 60 for number in range(30)]
SCORES = [0.5 + (number * 7 % 30) / 90 + (number % 4) / 50 for number in range(30)]
TRUTH = "picture;hit_rate\n" + "".join(
    f"{name};{rate:.3f}\n".replace(".", ",", 2).replace(",jpg", ".jpg")
    for name, rate in zip(NAMES, HIT_RATES, strict=True)
)
ASKED = {
    "truth": TRUTH,
    "truth_column": "hit_rate",
    "id_column": "picture",
    "match": "exact",
    "rows": [
        {"image_id": name, "model": "tiny.test", "score": score}
        for name, score in zip(NAMES, SCORES, strict=True)
    ],
}


@pytest.fixture(scope="module")
def made(client):
    answer = client.post("/v1/comparisons", json=ASKED)
    assert answer.status_code == 201, answer.text
    return answer


def test_the_answer_is_that_of_memnet_compare(made, weights):
    truth = pd.DataFrame({"image_id": NAMES, "hit_rate": [round(rate, 3) for rate in HIT_RATES]})
    scores = pd.DataFrame({"image_id": NAMES, "model": "tiny.test", "score": SCORES})
    scores.attrs["models"] = {"tiny.test": memnet.load(weights, device="cpu").identity()}
    record = memnet.compare(truth, scores, truth_column="hit_rate")
    told = made.json()
    assert told["answer"] == write_answer(record)
    assert told["matched"] == 30
    assert told["notes"] == record.warnings


def test_the_report_is_one_page_whose_policy_lets_its_own_script_run_and_no_other(client, made):
    url = made.json()["url"]
    assert made.headers["location"] == url
    page = client.get(url)
    assert page.headers["content-type"].startswith("text/html")
    assert made.json()["answer"].partition(":")[0] in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert page.headers["cache-control"] == "no-store"


def test_the_server_says_of_its_models_what_decides_their_scores():
    identity = {"weights_sha256": "0" * 64, "trained_on": ["lamem"]}
    report = make_report(
        "image_id,hit_rate\n" + "".join(f"{i},{0.5 + i / 100}\n" for i in range(20)),
        [(str(i), "mine.v1:web", 0.5 + i / 90) for i in range(20)],
        {"mine.v1:web": identity},
        truth_column="hit_rate",
        dataset="lamem",
    )
    assert "was trained on this data set" in report.html.decode()


def test_what_does_not_match_is_named():
    truth = "image_id,hit_rate\n" + "".join(f"{i},{0.5 + i / 100}\n" for i in range(20))
    rows = [(str(i), "mine", 0.5 + i / 90) for i in range(20)]
    report = make_report(
        f"{truth}x,0.3\n",
        [*rows, ("y", "mine", 0.5), ("z", "mine", None)],
        {},
        truth_column="hit_rate",
    )
    assert report.matched == 20
    notes = "\n".join(report.notes)
    assert "1 picture(s) with a human score were left out" in notes
    assert "left out, since they are not in the comparison: y" in notes
    assert "(z): score is missing" in notes


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"truth_column": "HR"}, "HR"),
        ({"truth": "picture,hit_rate\nother.jpg,0.5\n"}, "No id of the table"),
        ({"truth": "\x00"}, "bytes of value 0"),
        ({"truth": "   \n"}, "empty"),
        ({"rows": []}, "rows"),
        ({"rows": [{"image_id": "a", "model": "m", "score": "high"}]}, "rows.0.score"),
        ({"match": "nearly"}, "match"),
        ({"truth_column": ""}, "truth_column"),
    ],
)
def test_what_cannot_be_compared_says_why(client, change, sentence):
    answer = client.post("/v1/comparisons", json=ASKED | change)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert sentence in answer.json()["detail"]
    assert "/" not in answer.json()["detail"]  # no path of the server's


def test_what_human_scores_are_can_be_told(client):
    rows = [row | {"model": "alarms.v1"} for row in ASKED["rows"]]
    asked = ASKED | {"truth_column": "hit_rate", "rows": rows, "target": "false_alarm_rate"}
    notes = client.post("/v1/comparisons", json=asked).json()["notes"]
    assert any("was taken for false-alarm rates: is it the right one?" in note for note in notes)
    assert client.post("/v1/comparisons", json=asked | {"target": "rate"}).status_code == 422
    offered = NewComparison.model_json_schema()["properties"]["target"]["enum"]
    assert offered == ["", *TARGETS]


def test_numbers_that_are_none_and_other_kinds_are_refused(client):
    row = '{"image_id": "a", "model": "m", "score": NaN}'
    body = f'{{"truth": "a", "truth_column": "b", "rows": [{row}]}}'
    headers = {"Content-Type": "application/json"}
    assert client.post("/v1/comparisons", content=body, headers=headers).status_code == 422
    assert client.post("/v1/comparisons", content=b"\xff", headers=headers).status_code == 422
    form = client.post("/v1/comparisons", data={"truth": "a"})
    assert (form.status_code, form.headers["content-type"]) == (415, PROBLEM)


def test_too_much_is_refused(client, monkeypatch):
    monkeypatch.setattr(comparisons, "_MOST_PICTURES", 20)
    assert client.post("/v1/comparisons", json=ASKED).status_code == 413
    monkeypatch.setattr(comparisons, "_MOST_BYTES", 500)
    assert client.post("/v1/comparisons", json=ASKED).status_code == 413


def test_an_address_that_was_never_given_has_no_report(client):
    answer = client.get("/v1/comparisons/AAAAAAAAAAAAAAAAAAAAAA")
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)
    assert "kept for 30 minutes" in answer.json()["detail"]


REPORT = Report(b"<p>", "", "", 1, ())


class Pool:
    """Stands for the process: what it is given to do ends as the test says."""

    def __init__(self, result=REPORT):
        self.futures = []
        self.result = result

    def schedule(self, function, args, kwargs, timeout):
        self.futures.append(Future())
        return self.futures[-1]

    def finish(self):
        for future in self.futures:
            if isinstance(self.result, Exception):
                future.set_exception(self.result)
            else:
                future.set_result(self.result)
        self.futures = []


def kept_by(pool, **options):
    made = Comparisons(**options)
    made.__dict__["_pool"] = pool
    return made


async def make(comparisons, pool):
    task = asyncio.create_task(comparisons.make())
    await asyncio.sleep(0)
    pool.finish()
    return await task


def test_old_reports_are_forgotten(monkeypatch):
    pool = Pool()
    made = kept_by(pool, minutes=10)
    keys = [asyncio.run(make(made, pool))[0] for _ in range(20)]
    assert len(set(keys)) == 20
    assert all(len(key) >= 22 for key in keys)  # 128 bits
    assert [made.get(key) is None for key in keys] == [True] * 4 + [False] * 16
    later = time.monotonic() + 601
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert made.get(keys[-1]) is None


def test_few_may_wait():
    async def ask_often():
        pool = Pool()
        made = kept_by(pool)
        waiting = [asyncio.create_task(made.make()) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await made.make()
        pool.finish()
        await asyncio.gather(*waiting)
        assert (await make(made, pool))[1] is REPORT  # there is room again
        return refused.value

    refused = asyncio.run(ask_often())
    assert (refused.status_code, refused.retry_after) == (503, 15)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (asyncio.TimeoutError(), "longer than 300 seconds"),
        (ProcessExpired("gone"), "more than the server has"),
    ],
)
def test_a_comparison_without_end_ends_alone(error, sentence):
    pool = Pool(error)
    with pytest.raises(Problem, match=sentence):
        asyncio.run(make(kept_by(pool), pool))


def test_what_the_process_says_reaches_the_client():
    pool = Pool(MemnetError("There is no column."))
    with pytest.raises(MemnetError, match="no column"):
        asyncio.run(make(kept_by(pool), pool))


def test_a_process_that_takes_too_long_is_ended():
    made = Comparisons(seconds=0.2)
    try:
        with pytest.raises(Problem, match=r"longer than 0\.2 seconds"):
            asyncio.run(made.make(ASKED["truth"], [], {}, truth_column="hit_rate"))
    finally:
        made.stop()


def test_a_client_that_hangs_up_ends_its_comparison():
    async def hang_up():
        pool = Pool()
        made = kept_by(pool)
        task = asyncio.create_task(made.make())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert pool.futures[0].cancelled()  # pebble ends its process
        pool.futures = []
        return await make(made, pool)  # and there is room again

    assert asyncio.run(hang_up())[1] is REPORT

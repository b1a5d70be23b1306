"""Who may ask: names, other sites, keys; and the headers of every answer."""

from __future__ import annotations

import pytest

from memnet.web.addresses import is_loopback
from memnet.web.guard import PAGE_POLICY

GOOD = {"files": ("a.jpg", b"no picture")}


@pytest.mark.parametrize("host", ["127.0.0.1:8400", "localhost", "localhost:1", "[::1]:8400"])
def test_its_own_names_are_answered(client, host):
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "10.0.0.1", "localhost@evil", "", "[", "a:b"]
)
def test_another_name_is_refused_since_dns_may_have_been_rebound(client, host):
    answer = client.get("/healthz", headers={"Host": host})
    assert answer.status_code == 403
    assert "--allow-host" in answer.json()["detail"]


def test_on_a_network_addresses_and_named_hosts_are_answered(open_client):
    with open_client(host="0.0.0.0", key="k", names=("lab.example",)) as client:
        for host, status in {"10.1.2.3:80": 200, "Lab.Example": 200, "evil.example": 403}.items():
            assert client.get("/healthz", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_may_not_post(client, headers):
    answer = client.post("/v1/scores", files=GOOD, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["detail"] == "A page of another site may not send anything here."


def test_its_own_page_may_post(client):
    headers = {"Origin": "http://127.0.0.1:8400", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/v1/scores", files=GOOD, headers=headers).status_code == 200


def test_a_key_is_wanted_for_the_api_and_not_for_the_page(open_client):
    with open_client(key="open-sesame") as client:
        for path in ("/v1/models", "/metrics"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            for wrong in ("Bearer open", "Basic open-sesame", "Bearer öpen", ""):
                headers = {"Authorization": wrong.encode()}
                assert client.get(path, headers=headers).status_code == 401
            headers = {"Authorization": "Bearer open-sesame"}
            assert client.get(path, headers=headers).status_code == 200
        assert client.post("/v1/scores", files=GOOD).status_code == 401
        for path in ("/", "/healthz", "/readyz", "/openapi.json"):
            assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/", "/v1/models", "/nothing", "/page/index.html", "/page/no"])
def test_every_answer_has_the_security_headers(client, path):
    headers = client.get(path).headers
    assert headers["content-security-policy"] == PAGE_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"]
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/v1/scores", 405), ("GET", "/page/../app.py", 404)],
)
def test_errors_are_problem_details(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem.keys() == {"type", "title", "status", "detail"}
    assert problem["status"] == status


def test_a_fault_of_its_own_is_a_problem_without_details(open_client, monkeypatch):
    with open_client() as client:

        def fail() -> None:
            raise RuntimeError("a secret")

        monkeypatch.setattr(client.app.state.service, "check_room", fail)
        answer = client.post("/v1/scores", files=GOOD)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert "secret" not in answer.text


def test_loopback_is_this_machine_alone():
    assert is_loopback("127.0.0.2")
    assert is_loopback("::1")
    assert not is_loopback("192.168.0.1")
    assert not is_loopback("lab.example")

"""The OpenAPI document is true: whatever may be sent by it is answered as it says."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from live_server import LiveServer, tiny_settings

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis")


@pytest.fixture(scope="module")
def document(weights):
    with LiveServer(tiny_settings(weights)) as live:
        yield schemathesis.openapi.from_url(f"{live.url}/openapi.json")


@pytest.mark.slow
def test_whatever_is_sent_is_answered_as_described(document):
    # A schema cannot say which labels, base64 texts and tables make sense.
    not_said = [schemathesis.specs.openapi.checks.positive_data_acceptance]
    operations = [each.ok() for each in document.get_all_operations()]
    assert "POST /v1/scores" in [operation.label for operation in operations]
    for operation in operations:

        @settings(
            max_examples=20,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def answered_as_described(case):
            case.call_and_validate(excluded_checks=not_said, timeout=120)

        answered_as_described()


def test_the_document_describes_problems_and_has_examples(client):
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            for status, answer in operation["responses"].items():
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"], path
    body = document["paths"]["/v1/scores"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/json"}
    assert body["application/json"]["example"]["pictures"]
    assert "ProblemDetails" in document["components"]["schemas"]

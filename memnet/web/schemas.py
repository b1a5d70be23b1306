"""Bodies that a route reads by itself: their JSON schemas for the OpenAPI document, and reading."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from memnet.web.problems import Problem, describe

Read = TypeVar("Read", bound=BaseModel)

FIELD = "files"
"""What a form calls its pictures."""

FILE = {"type": "string", "format": "binary"}


def form_schema(pictures: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a form with nothing but pictures."""
    return {"type": "object", "required": [FIELD], "properties": {FIELD: pictures}}


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's schema in one piece: references lead nowhere within an OpenAPI document.

    Examples
    --------
    >>> from memnet.web.comparisons import NewComparison
    >>> body_schema(NewComparison)["properties"]["rows"]["items"]["title"]
    'ScoreRow'
    """
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})

    def whole(node: Any) -> Any:
        if isinstance(node, dict):
            if reference := node.get("$ref"):
                return whole(parts[reference.rpartition("/")[2]])
            return {key: whole(value) for key, value in node.items()}
        return [whole(value) for value in node] if isinstance(node, list) else node

    resolved: dict[str, Any] = whole(schema)
    return resolved


def read_json(model: type[Read], body: bytes) -> Read:
    """Read a body as a model; raises :class:`.problems.Problem` (422) where it is none."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise Problem(422, describe(error.errors(include_input=False))) from None

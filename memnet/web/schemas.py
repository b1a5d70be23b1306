"""JSON schemas of bodies that a route reads by itself, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


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

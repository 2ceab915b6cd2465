"""JSON schemas as models want them, and validation errors as models understand them."""

from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

# What OpenAI's strict mode accepts (its guide to structured outputs, "Supported schemas").
STRICT_WORDS = frozenset(
    {
        *("type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf"),
        *("$ref", "$defs", "description", "pattern", "format", "multipleOf", "minItems", "maxItems"),
        *("maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
    }
)


def json_schema(shape: type[BaseModel] | TypeAdapter[Any]) -> dict[str, Any]:
    """Return the schema of ``shape`` without the titles that pydantic makes from names."""
    made = shape.json_schema() if isinstance(shape, TypeAdapter) else shape.model_json_schema()
    schema = _without_titles(made)
    assert isinstance(schema, dict)
    return schema


def strict_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return ``schema`` closed for strict mode, or ``None`` when strict mode cannot express it.

    Strict mode wants every property required, and knows no objects with free keys.
    """
    try:
        return _close(schema)
    except _NotStrict:
        return None


def validation_sentence(error: ValidationError) -> str:
    """Say what is wrong, place by place, without the input."""
    places = (
        (".".join(str(part) for part in problem["loc"]) or "the whole", problem["msg"])
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    )
    return "; ".join(f"{place}: {message}" for place, message in places)


class _NotStrict(Exception):
    """The schema says what strict mode cannot."""


def _close(schema: dict[str, Any]) -> dict[str, Any]:
    if not schema.keys() <= STRICT_WORDS or not schema:
        raise _NotStrict
    closed = dict(schema)
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        if set(schema.get("required", ())) != set(properties) or schema.get("additionalProperties"):
            raise _NotStrict
        closed |= {
            "properties": _each(properties),
            "required": list(properties),
            "additionalProperties": False,
        }
    if "items" in schema:
        closed["items"] = _close(schema["items"])
    if "anyOf" in schema:
        closed["anyOf"] = [_close(part) for part in schema["anyOf"]]
    if "$defs" in schema:
        closed["$defs"] = _each(schema["$defs"])
    return closed


def _each(parts: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: _close(part) for name, part in parts.items()}


def _without_titles(schema: Any, *, of_names: bool = False) -> Any:
    if isinstance(schema, list):
        return [_without_titles(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    # Below "properties" the keys are names of fields, one of which may be "title".
    return {
        key: _without_titles(part, of_names=not of_names and key in {"properties", "$defs"})
        for key, part in schema.items()
        if of_names or key != "title" or not isinstance(part, str)
    }

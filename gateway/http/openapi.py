"""The API's description, OpenAPI 3.1, drawn from the verbs."""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata
from typing import Any

from aiohttp import web
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from gateway import outcomes
from gateway.verbs.core import Page, Verb
from gateway.verbs.table import VERBS

_REF = "#/components/schemas/{model}"
_ERROR = {"$ref": _REF.format(model="Error")}
_ERROR_SCHEMA = {
    "type": "object",
    "required": ["code", "reason", "message", "status", "@type"],
    "properties": {
        **{name: {"type": "string"} for name in ("code", "reason", "message", "status", "referenceError", "@type")},
        **{name: {"type": ["string", "null"]} for name in ("field", "fix")},
    },
}


class _Describing(GenerateJsonSchema):
    """Describes an id by the text that it is at the edge, coming and going."""

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> JsonSchemaValue:
        """The text's schema, which an id declares for what comes in."""
        told = schema.get("json_schema_input_schema")
        return super().function_plain_schema(schema) if told is None else self.generate_inner(told)


async def serve(request: web.Request) -> web.Response:
    """The description as JSON."""
    return web.json_response(document())


@cache
def document() -> dict[str, Any]:
    """The whole description."""
    models = [*((verb.asks, "validation") for verb in VERBS), *((verb.gives, "serialization") for verb in VERBS)]
    references, schemas = models_json_schema(
        list(dict.fromkeys(models)),  # type: ignore[arg-type]  # a pair of a class and one of two words
        ref_template=_REF,
        schema_generator=_Describing,
    )
    paths: dict[str, dict[str, Any]] = {}
    for verb in VERBS:
        takes, gives = references[verb.asks, "validation"], references[verb.gives, "serialization"]
        definition = schemas["$defs"][takes["$ref"].rpartition("/")[2]]
        paths.setdefault(verb.path, {})[verb.method.lower()] = _operation(verb, definition, gives, schemas["$defs"])
    return {
        "openapi": "3.1.0",
        "info": {"title": "Trunkline", "version": metadata.version("trunkline")},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**schemas["$defs"], "Error": _ERROR_SCHEMA},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(
    verb: Verb[Any, Any], asks: dict[str, Any], gives: dict[str, Any], schemas: dict[str, Any]
) -> dict[str, Any]:
    fields = asks.get("properties", {})
    in_path = set(re.findall(r"\{(\w+)\}", verb.path))
    in_query = set(fields) - in_path if verb.method == "GET" else set()
    headers = [_parameter(verb.headers[name], "header", fields[name], required=True) for name in verb.headers]
    parameters = [_parameter(name, "path", fields[name], required=True) for name in fields if name in in_path]
    parameters += [_parameter(name, "query", fields[name], required=False) for name in fields if name in in_query]
    found: dict[str, Any] = {
        "operationId": verb.name,
        "summary": verb.summary,
        "tags": [verb.name.partition(".")[0]],
        "parameters": [*parameters, *headers],
        "responses": _responses(verb, gives, schemas),
    }
    left = {name: schema for name, schema in fields.items() if name not in {*in_path, *in_query, *verb.headers}}
    if verb.method == "POST" and left:
        required = [name for name in asks.get("required", []) if name in left]
        schema = {"type": "object", "additionalProperties": False, "properties": left, "required": required}
        found["requestBody"] = {"required": bool(required), "content": {"application/json": {"schema": schema}}}
    return found


def _parameter(name: str, place: str, schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": schema}


def _responses(verb: Verb[Any, Any], gives: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = gives
    if issubclass(verb.gives, Page) and verb.gives.model_fields.keys() == Page.model_fields.keys():
        schema = schemas[gives["$ref"].rpartition("/")[2]]["properties"]["items"]
    told = {outcome.status: outcome.reason for outcome in outcomes.OUTCOMES if outcome.status >= 400}
    expected = (400, 401, 403, 404, 409, 413, 503)
    errors = {
        str(status): {"description": told[status], "content": {"application/json": {"schema": _ERROR}}}
        for status in expected
    }
    good = {"description": verb.summary, "content": {"application/json": {"schema": schema}}}
    return {str(verb.status): good, **errors}

"""GET /openapi.json: the door in OpenAPI 3.1, made of what validates, answers and refuses.

Routes, scopes, contract, rules, types and the status table are read; nothing is told twice.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from flask import Flask, Response, current_app
from werkzeug.routing import Rule as Route

from portal import ledger, signing
from portal.internal import rules
from portal.internal.answers import reply
from portal.internal.blueprint import blueprint
from portal.internal.contract import TERMS, refusals_of
from portal.internal.door import SCOPES
from portal.internal.problems import TABLE
from portal.internal.refusals import http_problem_schema, problem_schema, undone_schema
from portal.internal.rule import Rule, Schema
from portal.internal.schemas import Schemas

VERSION: Final = "1.0.0"
PROBLEM: Final = "application/problem+json"
PARAMETERS: Final[Mapping[str, Rule]] = {
    "account_id": rules.account_id,
    "hold_id": rules.public_id,
    "key": rules.idempotency_key,
}
_PARAMETER: Final = re.compile(r"<(?:\w+:)?(\w+)>")
_TEXT: Final[Schema] = {"type": "string"}
_SIGNED: Final = ("Signature-Input", "Signature")
_INTRODUCTION: Final = (
    "Signed JSON for services. Every request carries an HTTP message signature (RFC 9421) of one"
    " fixed profile, and with content its digest (RFC 9530). Every refusal is a problem (RFC 9457)"
    " with a `code`, whether it is `retryable`, and the numbers needed to act. The version is the"
    " door's own: its first number is that of the path /internal/v1. The portal's is another."
)


@blueprint.get("/openapi.json")
def get_openapi() -> Response:
    """This document. Any good key may read it."""
    return reply(200, document(current_app))


def document(app: Flask) -> dict[str, Any]:
    """The door of an application; the same code gives the same document."""
    schemas = Schemas()
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route, method in routes(app):
        path = _PARAMETER.sub(r"{\1}", route.rule)
        view = app.view_functions[route.endpoint]
        paths[path][method.lower()] = _operation(route, method, view.__doc__ or "", schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Credits", "version": VERSION, "description": _INTRODUCTION},
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "security": [dict.fromkeys(_SIGNED, ())],
        "paths": dict(paths),
        "components": {
            "securitySchemes": {name: _security(name) for name in _SIGNED},
            "schemas": dict(sorted(schemas.named.items())),
        },
    }


def routes(app: Flask) -> Iterator[tuple[Route, str]]:
    """Every route of the door with its method, in the order of the contract."""
    order = list(TERMS)
    found = [each for each in app.url_map.iter_rules() if each.endpoint.startswith("internal.")]
    for route in sorted(found, key=lambda each: order.index(each.endpoint)):
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            yield route, method


def _operation(route: Route, method: str, told: str, schemas: Schemas) -> dict[str, Any]:
    summary, _, more = told.partition("\n")
    terms = TERMS[route.endpoint]
    scopes = SCOPES[route.endpoint]
    needs = f"Needs a key with the scope {' or '.join(scopes)}." if scopes else "Any good key may."
    found: dict[str, Any] = {
        "operationId": route.endpoint.removeprefix("internal."),
        "summary": summary,
        "description": "\n\n".join(part for part in (" ".join(more.split()), needs) if part),
        "parameters": [*_parameters(route, method)],
    }
    if terms.body is not None:
        content = _content("application/json", schemas.of(terms.body), _requests(route.endpoint))
        found["requestBody"] = {"required": True, "content": content}
    found["responses"] = _responses(route, method, schemas)
    return found


def _parameters(route: Route, method: str) -> Iterator[dict[str, Any]]:
    for name in _PARAMETER.findall(route.rule):
        yield {"name": name, "in": "path", "required": True, "schema": PARAMETERS[name].schema}
    query = TERMS[route.endpoint].query
    for name, rule in query.SINGLE.items() if query else ():
        yield {"name": name, "in": "query", "schema": rule.schema}
    for name, rule in query.SEVERAL.items() if query else ():
        yield {"name": name, "in": "query", "schema": {"type": "array", "items": rule.schema}}
    if method == "POST":
        told = {"description": f"quoted, {rules.idempotency_key.schema['description']}"}
        quoted = {"type": "string", "pattern": f'^"{rules.IDEMPOTENCY_KEY}"$', **told}
        yield {"name": "Idempotency-Key", "in": "header", "required": True, "schema": quoted}
    if method != "GET":
        digest = {"type": "string", "pattern": "^sha-256=:[A-Za-z0-9+/]{43}=:$"}
        digest["description"] = "of the content's bytes, as RFC 9530 writes it"
        yield {"name": "Content-Digest", "in": "header", "required": True, "schema": digest}


def _responses(route: Route, method: str, schemas: Schemas) -> dict[str, Any]:
    endpoint = route.endpoint
    found: dict[str, Any] = {}
    for status, kind in TERMS[endpoint].answers.items():
        schema = {"type": "object"} if kind is dict else schemas.of(kind)
        content = _content("application/json", schema, _answers(endpoint, status))
        found[str(status)] = {"description": _SAID[status], "content": content}
        if status == 201 and method == "POST":
            found[str(status)]["headers"] = _headers("Idempotency-Replayed")
    problem = undone_schema if endpoint == "internal.post_batch" else problem_schema
    refused: dict[int, dict[str, Schema]] = defaultdict(dict)
    for error in refusals_of(endpoint, method):
        status, code = TABLE[error].status, ledger.code_of(error)
        refused[status][code] = problem(error, schemas)
    if "<" in route.rule:
        refused[404]["not_found"] = http_problem_schema(404, schemas)
    for status, codes in sorted(refused.items()):
        schema = {"oneOf": [*codes.values()]} if len(codes) > 1 else next(iter(codes.values()))
        content = _content(PROBLEM, schema, _answers(endpoint, status))
        found[str(status)] = {"description": ", ".join(codes), "content": content}
        if headers := _HEADERS.get(status, ()):
            found[str(status)]["headers"] = _headers(*headers)
    return found


_SAID: Final = {200: "What is so.", 201: "What was made."}
_HEADERS: Final = {
    401: ("WWW-Authenticate",),
    402: ("Idempotency-Replayed",),
    403: ("Retry-After",),
    409: ("Retry-After",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"schema": _TEXT} for name in names}


def _content(kind: str, schema: Schema, examples: dict[str, Any]) -> dict[str, Any]:
    told = {"examples": examples} if examples else {}
    return {kind: {"schema": schema, **told}}


def _security(name: str) -> dict[str, Any]:
    covered = '"@method" "@authority" "@path"'
    told = (
        f"RFC 9421, label sig1. With content it covers {covered} and the headers content-type,"
        f' content-digest and, of a POST, idempotency-key; of a GET {covered} "@query".'
        f" Parameters, in this order: created; expires (at most {signing.WINDOW_MAX} s later);"
        f' keyid; alg="{signing.HMAC}", or "{signing.ED25519}" with a key pair; nonce;'
        f' tag="{signing.TAG}".'
    )
    return {"type": "apiKey", "in": "header", "name": name, "description": told}


@cache
def examples() -> list[dict[str, Any]]:
    """A conversation with the door, in order: each step a request and the answer it got."""
    text = files("portal.internal").joinpath("examples.json").read_text("utf-8")
    found: list[dict[str, Any]] = json.loads(text)
    return found


def _requests(endpoint: str) -> dict[str, Any]:
    return {
        each["name"]: {"value": each["body"]}
        for each in examples()
        if f"internal.{each['endpoint']}" == endpoint and each["status"] < 300
    }


def _answers(endpoint: str, status: int) -> dict[str, Any]:
    return {
        each["name"]: {"value": each["answer"]}
        for each in examples()
        if f"internal.{each['endpoint']}" == endpoint and each["status"] == status
    }

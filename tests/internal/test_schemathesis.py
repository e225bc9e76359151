"""Schemathesis at the door, in process: whatever it sends, no 5xx and nothing unpublished.

Requests are made of the published document alone, of its schemas and against them, and signed on
their way in. OPENAPI_EXAMPLES=5000 asks each endpoint more often, and other things each time.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections import Counter
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from portal import signing
from portal.internal.contract import TERMS
from portal.internal.openapi import document
from tests.internal.service import ROOT, SECOND, Service, new_key

EXAMPLES: Final = int(os.environ.get("OPENAPI_EXAMPLES", "30"))
KEY: Final = re.compile(r'"([A-Za-z0-9._:~-]{16,128})"')
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


class Signing:
    """The application behind a signer: what comes in is signed as it is, and let through."""

    def __init__(self, app: Flask, service: Service) -> None:
        self.app, self.service = app, service
        self.seen: Counter[int] = Counter()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        key = KEY.fullmatch(environ.get("HTTP_IDEMPOTENCY_KEY", ""))
        now = self.service.clock.now // SECOND
        path, query = environ["REQUEST_URI"].partition("?")[0], environ["QUERY_STRING"]
        environ["REQUEST_URI"] = environ["RAW_URI"] = f"{path}?{query}" if query else path
        headers = signing.sign(
            method=environ["REQUEST_METHOD"],
            authority=self.service.authority,
            path=path,
            query=query,
            body=content,
            kid=self.service.key.kid,
            secret=self.service.secret,
            created=now,
            expires=now + signing.WINDOW,
            nonce=new_key(),
            content_type=environ.get("CONTENT_TYPE", ""),
            idempotency_key=key and key[1],
        )
        for name, value in headers.items():
            plain = name.upper().replace("-", "_")
            environ[plain if plain == "CONTENT_TYPE" else f"HTTP_{plain}"] = value
        environ["wsgi.input"] = io.BytesIO(content)
        environ["HTTP_HOST"] = self.service.authority

        def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            self.seen[int(status[:3])] += 1
            return start_response(status, headers, *more)

        return self.app(environ, started)


def found(held: Any, made: dict[str, list[str]]) -> Any:
    """Members with ids that are there, for three of four that were drawn."""
    if isinstance(held, dict):
        return {name: known(name, found(value, made), made) for name, value in held.items()}
    return held


def known(name: str, value: Any, made: dict[str, list[str]]) -> Any:
    if name in made and isinstance(value, str) and len(value) % 4:
        return made[name][len(value) % len(made[name])]
    return value


@pytest.fixture
def made(service: Service) -> dict[str, list[str]]:
    """What there is to be named: by the name of its member or parameter."""
    debit = service.debit(10, key="key-of-schemathesis").json["entry"]["id"]
    holds = [service.held(100) for _ in range(10)]
    quote = {"account": "acme", "operation": "generate", "quantity": 1}
    return {
        "account": ["acme"], "account_id": ["acme"], "operation": ["generate", "clone"],
        "entry": [debit], "hold_id": holds, "key": ["key-of-schemathesis"], "tier": ["pro"],
        "quote": [service.post("/quotes", quote).json["quote"]["id"]], "time_zone": ["UTC"],
    }  # fmt: skip


@pytest.mark.gate
@pytest.mark.parametrize("endpoint", [name.removeprefix("internal.") for name in TERMS])
def test_schemathesis_finds_nothing_unpublished(
    app: Flask, service: Service, made: dict[str, list[str]], endpoint: str, dialect: str
) -> None:
    behind = Signing(app, service)
    examples = EXAMPLES if dialect == "sqlite" else EXAMPLES // 3
    explore(behind, document(app), endpoint, made, examples)
    assert sum(behind.seen.values()) >= examples // 2
    assert endpoint == "get_openapi" or len(behind.seen) > 1


@pytest.mark.gate
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_it_finds_a_status_that_is_not_published(
    app: Flask, service: Service, made: dict[str, list[str]]
) -> None:
    """The control: a document that keeps the 404 of a hold for itself."""
    told = json.loads(json.dumps(document(app)))
    del told["paths"]["/internal/v1/holds/{hold_id}"]["get"]["responses"]["404"]
    with pytest.raises(FailureGroup, match="Undocumented status code"):
        explore(Signing(app, service), told, "get_hold", made, EXAMPLES)


def explore(
    behind: Signing, told: dict[str, Any], endpoint: str, made: dict[str, list[str]], examples: int
) -> None:
    """Ask one endpoint whatever its schemas allow, and what they do not."""
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(told)))
    schema.app, schema.location = behind, f"{ROOT}/openapi.json"
    operation, terms = schema.find_operation_by_id(endpoint), TERMS[f"internal.{endpoint}"]
    cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if terms.body or terms.query:
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(
        max_examples=examples,
        database=None,
        derandomize="OPENAPI_EXAMPLES" not in os.environ,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def ask(case: Any) -> None:
        case.path_parameters = found(case.path_parameters, made)
        case.body = found(case.body, made)
        behind.service.clock.advance(seconds=1)
        case.validate_response(case.call(), checks=CHECKS)

    ask()

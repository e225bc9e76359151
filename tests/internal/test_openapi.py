"""The published document: whole, true, and the same whoever makes it; its examples are real."""

import json

import pytest
from flask import Flask
from jsonschema import Draft202012Validator

from portal import ledger
from portal.internal.contract import TERMS, refusals_of
from portal.internal.door import SCOPES
from portal.internal.openapi import document, examples, routes
from tests.internal.conversation import held, plain
from tests.internal.published import published
from tests.internal.service import Clock, Service, issue


@pytest.fixture
def fresh(app: Flask, clock: Clock) -> Service:
    """A service of a portal that has no account yet."""
    return issue(app, clock)


def test_every_step_of_the_examples_is_answered_as_it_is_published(fresh: Service) -> None:
    for step, answer, went in held(fresh, examples()):
        stale = f"{step['name']}: stale; write them anew: python -m tests.internal.conversation"
        assert answer.status_code == step["status"], answer.text
        assert plain(went["answer"]) == plain(step["answer"]), stale


def test_every_endpoint_has_an_example_and_each_is_in_the_document(app: Flask) -> None:
    shown = {f"internal.{step['endpoint']}" for step in examples()}
    assert shown == set(TERMS) - {"internal.get_openapi"}
    text = json.dumps(document(app))
    for step in examples():
        assert json.dumps({step["name"]: {"value": step["answer"]}})[1:-1] in text, step["name"]


def test_published_examples_are_of_the_published_schemas(app: Flask) -> None:
    known = published(app)
    for step in examples():
        kind = "application/problem+json" if step["status"] >= 400 else "application/json"
        body = json.dumps(step["answer"]).encode()
        path = step["path"].partition("?")[0]
        faults = [*known.faults(step["method"], path, step["status"], kind, body)]
        assert faults == [], step["name"]
        operation = known.find(step["method"], path)
        assert operation is not None
        if "body" in step and step["status"] < 300:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            assert known.validator(json.dumps(schema)).is_valid(step["body"]), step["name"]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("scope", ["debit", "read"])
def test_any_good_key_may_read_it_and_nobody_else(service: Service, scope: str) -> None:
    answer = service.issue("reader", scopes=(scope,)).get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json == json.loads(json.dumps(document(service.app)))
    stranger = service.prepare("GET", "/openapi.json", kid="nobody").send()
    assert stranger.status_code == 401


def test_it_says_every_route_scope_and_refusal_of_the_contract(app: Flask) -> None:
    told = document(app)
    assert told["openapi"] == "3.1.0"
    assert {route.endpoint for route, _ in routes(app)} == set(TERMS) == set(SCOPES)
    for route, method in routes(app):
        operation = published(app).find(method, route.rule.replace("<", "").replace(">", ""))
        assert operation is not None
        for scope in SCOPES[route.endpoint]:
            assert scope in operation["description"]
        for error in refusals_of(route.endpoint, method):
            codes = [code for status in operation["responses"] for code in
                     published(app).codes(operation, status)]  # fmt: skip
            assert ledger.code_of(error) in codes


def test_its_version_is_that_of_the_door_s_path(app: Flask) -> None:
    info = document(app)["info"]
    major = info["version"].partition(".")[0]
    assert all(path.startswith(f"/internal/v{major}/") for path in document(app)["paths"])
    assert "The version is the door's own" in info["description"]


def test_every_schema_is_one(app: Flask) -> None:
    for schema in json.loads(json.dumps(document(app)))["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": 418}, "does not publish 418"),
        ({"member": 1}, "Additional properties"),
        ({"code": "hold_captured"}, "does not publish 404 hold_captured"),
        ({"kind": "text/plain"}, "answers text/plain"),
    ],
    ids=str,
)
def test_what_is_not_published_is_noticed(app: Flask, change: dict[str, object], says: str) -> None:
    """The control of all tests of the door: each holds its answers against the document."""
    step = next(step for step in examples() if step["name"] == "absent")
    told = step["answer"] | {k: v for k, v in change.items() if k in ("member", "code")}
    status, kind = change.get("status", 404), change.get("kind", "application/problem+json")
    asked = step["method"], step["path"], status, kind, json.dumps(told).encode()
    assert any(says in fault for fault in published(app).faults(*asked))  # type: ignore[arg-type]

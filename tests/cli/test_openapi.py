"""docs/openapi.md: written from the door, and never stale."""

import json
from pathlib import Path

import pytest
from flask import Flask

from portal.cli import openapi
from portal.internal.openapi import document, examples
from tests.cli.conftest import Operate

COMMITTED = Path(__file__).parents[2] / openapi.DOCUMENT
pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def told(app: Flask) -> dict[str, object]:
    found: dict[str, object] = json.loads(json.dumps(document(app)))
    return found


def test_the_committed_page_is_current(operate: Operate) -> None:
    result = operate("openapi", "--check", "--output", str(COMMITTED))
    assert result.exit_code == 0, result.output


def test_it_prints_the_document_itself(operated: Flask, operate: Operate) -> None:
    assert json.loads(operate("openapi", "--json").output) == told(operated)


def test_the_page_has_every_request_member_and_example(operated: Flask, operate: Operate) -> None:
    page = operate("openapi", "--output", "-").output
    found = document(operated)
    for path, methods in found["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path.replace('{', '<').replace('}', '>')}`" in page
    for name, schema in found["components"]["schemas"].items():
        if "code" in schema["properties"]:
            assert f"`{name.removesuffix('_of_batch')}`" in page
        else:
            assert f"### {name}\n" in page
            assert all(f"| `{member}` |" in page for member in schema["properties"])
    assert all(f"`{step['name']}`:" in page for step in examples())


def test_another_rule_makes_another_page(operated: Flask) -> None:
    changed = told(operated)
    schemas = changed["components"]["schemas"]  # type: ignore[index]
    schemas["CaptureRequest"]["properties"]["credits"]["maximum"] = 77
    assert "| `credits` | yes | a whole number from 0 to 77 |" in openapi.render_page(changed)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "array", "items": {"type": "string"}}, "a list of a text"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "true or false or null"),
        ({"$ref": "#/components/schemas/Hold"}, "[Hold](#hold)"),
        ({"type": "string", "pattern": "^a|b$"}, r"a text like `^a\|b$`"),
    ],
)
def test_a_schema_is_said_in_words(schema: dict[str, object], words: str, dialect: str) -> None:
    assert openapi.said(schema) == words

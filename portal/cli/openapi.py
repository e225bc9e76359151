"""The door, request by request: a page written from its OpenAPI document."""

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Final

import click
from flask import current_app
from flask.cli import with_appcontext

from portal.cli import documents
from portal.cli.errors import codes_of
from portal.internal.openapi import document

DOCUMENT: Final = "docs/openapi.md"
_REQUEST: Final = "Request"
_PLAIN: Final = {
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
    "object": "an object",
}


@click.command("openapi")
@documents.options(DOCUMENT)
@click.option("--json", "as_json", is_flag=True, help="Print the OpenAPI document itself.")
@with_appcontext
def openapi(check: bool, output: Path, as_json: bool) -> None:
    """Write the page of the service door from its OpenAPI document."""
    told = json.loads(json.dumps(document(current_app)))
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    text = render_page(told)
    documents.write(output, text, check=check, command="openapi", source="the door")


def render_page(told: dict[str, Any]) -> str:
    """The page, in Markdown; the same document gives the same text."""
    text = files("portal.cli").joinpath("openapi.md").read_text(encoding="utf-8")
    operations = [
        "\n\n".join(_operation(method, path, operation))
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
    ]
    schemes = told["components"]["securitySchemes"]
    plain = {
        name: schema
        for name, schema in told["components"]["schemas"].items()
        if "code" not in schema["properties"]
    }
    return Template(text).substitute(
        version=told["info"]["version"],
        security="\n\n".join(f"`{name}`: {each['description']}" for name, each in schemes.items()),
        operations="\n\n".join(operations),
        schemas="\n\n".join("\n\n".join(_schema(*each)) for each in plain.items()),
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"## {operation['operationId']}"
    written = path.replace("{", "<").replace("}", ">")
    yield f"`{method.upper()} {written}`"
    yield f"{operation['summary']} {operation['description']}".replace("\n\n", " ")
    if operation["parameters"]:
        yield _table(
            ("parameter", "in", "needed", "is"),
            [
                (
                    f"`{each['name']}`",
                    each["in"],
                    _needed(each.get("required")),
                    said(each["schema"]),
                )
                for each in operation["parameters"]
            ],
        )
    if body := operation.get("requestBody"):
        content = body["content"]["application/json"]
        yield f"Takes {said(content['schema'])}."
        yield from _examples(content, "")
    rows = []
    for status, answer in operation["responses"].items():
        [content] = answer["content"].values()
        codes = codes_of(answer)
        told = ", ".join(f"`{code}`" for code in codes) if codes else said(content["schema"])
        rows.append((status, told, ", ".join(answer.get("headers", ())) or "–"))
    yield _table(("status", "is", "headers"), rows)
    for status, answer in operation["responses"].items():
        [content] = answer["content"].values()
        yield from _examples(content, f"{status}, ")


def _parameter(told: dict[str, Any]) -> tuple[str, ...]:
    return f"`{told['name']}`", told["in"], _needed(told.get("required")), said(told["schema"])


def _examples(content: dict[str, Any], prefix: str) -> Iterator[str]:
    for name, example in content.get("examples", {}).items():
        yield f"{prefix}`{name}`:"
        yield f"```json\n{json.dumps(example['value'], indent=2, ensure_ascii=False)}\n```"


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}"
    if "description" in schema:
        yield schema["description"]
    required = schema["required"]
    yield _table(
        ("member", "needed" if name.endswith(_REQUEST) else "always", "is"),
        [
            (f"`{member}`", _needed(member in required), said(each))
            for member, each in schema["properties"].items()
        ],
    )


def _needed(required: object) -> str:
    return "yes" if required else "no"


def said(schema: dict[str, Any]) -> str:
    """A schema in a few words of Markdown."""
    match schema:
        case {"$ref": ref}:
            name = str(ref).rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": kinds}:
            return " or ".join(said(kind) for kind in kinds)
        case {"enum": words}:
            return "one of " + ", ".join(f"`{word}`" for word in words)
        case {"description": told}:
            return str(told)
        case {"type": "array", "items": items}:
            return f"a list of {said(items)}"
        case {"type": "object", "properties": members}:
            told = (f"`{name}` ({said(each)})" for name, each in members.items())
            return "an object of " + ", ".join(told)
        case {"type": "integer", "minimum": low, "maximum": high}:
            return f"a whole number from {low} to {high}"
        case {"format": "date-time"}:
            return "a UTC time"
        case {"pattern": str(pattern)}:
            return f"a text like `{pattern}`".replace("|", r"\|")
    return _PLAIN[schema["type"]]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(line)} |" for line in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])

"""The catalogue of errors: written from the status table and the types of the errors."""

import json
from collections import defaultdict
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Final

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from portal import ledger
from portal.cli import documents
from portal.internal.advice import ADVICE
from portal.internal.openapi import document, examples
from portal.internal.problems import HTTP, TABLE, UNEXPECTED

DOCUMENT: Final = "docs/errors.md"
SHOWN: Final = "short"  # the example that the page shows
# What no request of the contract is answered by, and when it comes all the same.
UNPUBLISHED: Final = {
    "internal_error": "any, should the door fail",
    "method_not_allowed": "none of these: a path of theirs by another method",
}
_ALWAYS: Final = 7  # members of every problem


@click.command("errors")
@documents.options(DOCUMENT)
@with_appcontext
def errors(check: bool, output: Path) -> None:
    """Write the catalogue of errors from the status table."""
    text = render_errors(current_app)
    documents.write(output, text, check=check, command="errors", source="the status table")


def render_errors(app: Flask) -> str:
    """The catalogue, in Markdown; the same code gives the same text."""
    text = files("portal.cli").joinpath("errors.md").read_text(encoding="utf-8")
    return Template(text).substitute(
        example=_example(), rows="\n".join(_rows()), members="\n".join(_members(document(app)))
    )


def _example() -> str:
    shown: dict[str, Any] = next(e["answer"] for e in examples() if e["name"] == SHOWN)
    return json.dumps(shown, indent=2, ensure_ascii=False)


def _rows() -> list[str]:
    known = [(ledger.code_of(error), row) for error, row in TABLE.items()]
    every = sorted([*known, *HTTP.values(), UNEXPECTED], key=lambda each: each[1].status)
    return [
        f"| `{code}` | {row.status} | {'yes' if row.retryable else 'no'} | {ADVICE[code].means}"
        f" | {ADVICE[code].does} |"
        for code, row in dict(every).items()
    ]


def _members(told: dict[str, Any]) -> list[str]:
    asked: dict[str, list[str]] = defaultdict(list)
    every = 0
    for methods in told["paths"].values():
        for operation in methods.values():
            every += 1
            for answer in operation["responses"].values():
                for code in codes_of(answer):
                    asked[code].append(operation["operationId"])
    found = {code: f"| `{code}` | – | {when} |" for code, when in UNPUBLISHED.items()}
    for code, names in asked.items():
        answers = "all" if len(names) == every else ", ".join(f"`{name}`" for name in names)
        numbers = _numbers(told["components"]["schemas"][code])
        found[code] = f"| `{code}` | {numbers} | {answers} |"
    return [found[code] for code in sorted(found)]


def codes_of(answer: dict[str, Any]) -> list[str]:
    """The codes of one published answer."""
    schema = answer["content"].get("application/problem+json", {"schema": {}})["schema"]
    found = schema.get("oneOf", [schema] if schema else [])
    names = [each["$ref"].rpartition("/")[2] for each in found]
    return [name.removesuffix("_of_batch") for name in names]


def _numbers(schema: dict[str, Any]) -> str:
    names = list(schema["properties"])[_ALWAYS:]
    required = schema["required"]
    return ", ".join(f"`{name}`" if name in required else f"`{name}`?" for name in names) or "–"

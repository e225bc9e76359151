"""What the door publishes of itself, and whether an answer is one of those it publishes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from portal.internal.openapi import PROBLEM, document

BASE = "urn:door"


class Published:
    """The published document, and a validator of each of its schemas."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        resource = DRAFT202012.create_resource(told)
        self._registry = Registry().with_resource(BASE, resource)
        self._paths = [
            (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), methods)
            for path, methods in told["paths"].items()
        ]
        self.validator = cache(self._validator)

    def find(self, method: str, path: str) -> dict[str, Any] | None:
        """The operation of a request, if it is one."""
        for form, methods in self._paths:
            if form.fullmatch(path):
                found: dict[str, Any] | None = methods.get(method.lower())
                return found
        return None

    def codes(self, operation: dict[str, Any], status: int) -> list[str]:
        """The codes that an operation publishes for a status."""
        content = operation["responses"].get(str(status), {}).get("content", {})
        schema = content.get(PROBLEM, {}).get("schema", {})
        names = [each["$ref"].rpartition("/")[2] for each in schema.get("oneOf", [schema]) if each]
        return [name.removesuffix("_of_batch") for name in names]

    def faults(self, method: str, path: str, status: int, kind: str, body: bytes) -> Iterator[str]:
        """What of an answer is not published."""
        operation = self.find(method, path)
        if operation is None:
            return
        if str(status) not in operation["responses"]:
            yield f"{method} {path} does not publish {status}: {body.decode()}"
            return
        [(media, content)] = operation["responses"][str(status)]["content"].items()
        told = json.loads(body)
        schema = content["schema"]
        if media == PROBLEM:
            codes = self.codes(operation, status)
            if told["code"] not in codes:
                yield f"{method} {path} does not publish {status} {told['code']}"
                return
            name = told["code"] + ("_of_batch" if path.endswith("/batch") else "")
            schema = {"$ref": f"#/components/schemas/{name}"}
        if kind != media:
            yield f"{method} {path} answers {kind}"
        for error in self.validator(json.dumps(schema)).iter_errors(told):
            yield f"{method} {path} {status}: {error.json_path} {error.message}"

    def _validator(self, schema: str) -> Draft202012Validator:
        whole = json.loads(schema.replace('"#/', f'"{BASE}#/'))
        return Draft202012Validator(whole, registry=self._registry)


@cache
def _published(text: str) -> Published:
    return Published(json.loads(text))


def published(app: Flask) -> Published:
    """What an application publishes."""
    found: Published | None = app.extensions.get("published")
    if found is None:
        found = app.extensions["published"] = _published(json.dumps(document(app)))
    return found

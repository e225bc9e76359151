"""The service hatch: signed JSON under /internal/v1, one file a resource."""

from portal.internal import (
    accounts,
    batch,
    debits,
    entries,
    grants,
    holds,
    openapi,
    quotes,
    refunds,
    requests,
)
from portal.internal.blueprint import blueprint
from portal.internal.door import CONTENT_MAX, SCOPES
from portal.internal.problems import http_problem, internal_error
from portal.internal.shortcut import Shortcut

__all__ = [
    "CONTENT_MAX",
    "SCOPES",
    "Shortcut",
    "accounts",
    "batch",
    "blueprint",
    "debits",
    "entries",
    "grants",
    "holds",
    "http_problem",
    "internal_error",
    "openapi",
    "quotes",
    "refunds",
    "requests",
]

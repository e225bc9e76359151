"""Logs as lines of JSON, one an occurrence, with the request's id and never a secret.

What may hide a secret is cut out of every text before it is written, whoever wrote it: known
secrets, what follows a telling name, parameters of statements, rows a database quotes.
"""

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from flask import has_request_context, request

from portal.config import Config

REQUEST_ID: Final = "portal.request_id"
REQUESTS: Final = "portal.requests"
CUT: Final = "[cut]"
TEXT_MAX: Final = 16_384
SECRET_MIN: Final = 8
# Names after which the rest of the line is nobody's business.
TELLING: Final = (
    r"signature(?:-input)?|authorization|cookie|set-cookie|passw(?:or)?d\w*|secret\w*|tokens?"
    r"|csrf\w*|hash"
)
CUTS: Final = (
    (re.compile(rf"(?i)\b({TELLING})\b([\"']?[ \t]*[=:])[^\n]+"), rf"\1\2 {CUT}"),
    (re.compile(r"\bsig1=:[^\n]*"), CUT),
    (re.compile(r"\[parameters: [^\n]*"), f"[parameters: {CUT}]"),
    (re.compile(r"\b(Failing row contains|Key) \([^\n]*"), rf"\1 {CUT}"),
    (re.compile(r"://[^\s/@:]*:[^\s/@]+@"), f"://{CUT}@"),
)
_silent: set[str] = set()


def keep_silent(config: Config) -> None:
    """Never write this portal's own secrets, wherever they turn up."""
    known = (config.secret_key, config.metrics_token or b"")
    found = [secret.decode(errors="replace") for secret in known]
    for url in (config.database_url, config.database_owner_url):
        login, at, _ = url.partition("://")[2].rpartition("@")
        found.append(login.partition(":")[2] if at else "")
    _silent.update(secret for secret in found if len(secret) >= SECRET_MIN)


def scrubbed(text: str) -> str:
    """A text without what may be a secret, and not longer than a line may be."""
    text = text[:TEXT_MAX]
    for secret in _silent:
        text = text.replace(secret, CUT)
    for pattern, instead in CUTS:
        text = pattern.sub(instead, text)
    return text


class JsonLines(logging.Formatter):
    """Each record as one line of JSON: at, level, logger, message, request, error, and more.

    `more` is the record's own `told`: names and values that become members.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line; whatever is in the texts, it stays one."""
        members: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrubbed(record.getMessage()),
        }
        if has_request_context():
            members["request"] = request.environ.get(REQUEST_ID)
        told: Mapping[str, Any] = getattr(record, "told", {})
        for name, value in told.items():
            members[name] = scrubbed(value) if isinstance(value, str) else value
        if record.exc_info:
            members["error"] = scrubbed(self.formatException(record.exc_info))
        return json.dumps(members, default=str)


# What the server is given (portal/cli/serving.py): everything to stderr, as lines of JSON.
LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": "portal.operations.logs.JsonLines"}},
    "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"level": "WARNING", "handlers": ["lines"]},
    "loggers": {
        REQUESTS: {"level": "INFO", "handlers": ["lines"], "propagate": False},
        "gunicorn.error": {"handlers": ["lines"], "propagate": False},
        "gunicorn.access": {"handlers": ["lines"], "propagate": False},
    },
}

"""From a command to an answer: submit, then say what the ledger said."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Response, request

from portal import ledger
from portal.internal.caps import submit_capped
from portal.internal.disclosure import disclosed
from portal.internal.door import Caller
from portal.internal.problems import problem
from portal.internal.replies import posted_reply
from portal.internal.strict_json import write
from portal.internal.units import limit_sentence

Headers = list[tuple[str, str]]
_FRESH: Final[Headers] = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
_REPLAYED: Final[Headers] = [*_FRESH, ("Idempotency-Replayed", "true")]


def answer(
    asking: Caller, command: ledger.Command, units: int = 0, operation: str | None = None
) -> Response:
    """Submit a command and answer with its outcome, once that is committed.

    units: what it counts for in the caps of its key, of all operations and of its own.
    """
    outcome = submit_capped(asking, command, units, operation)
    outcome = disclosed(outcome, command, asking.key.service)
    detail = None
    if isinstance(outcome, ledger.Refused) and isinstance(outcome.error, ledger.LimitReachedError):
        detail = limit_sentence(outcome.error, command)
    return outcome_answer(outcome, request.path, detail)


def outcome_answer(outcome: ledger.Outcome, instance: str, detail: str | None = None) -> Response:
    """201 with what was done, or the problem; marked if the key had its outcome before."""
    if isinstance(outcome, ledger.Refused):
        told, refusal = outcome.replayed, outcome.refusal_id
        return problem(outcome.error, instance, replayed=told, refusal=refusal, detail=detail)
    return _response(201, posted_reply(outcome), _REPLAYED if outcome.replayed else _FRESH)


def reply(status: int, body: Mapping[str, Any]) -> Response:
    """A JSON answer, compact, that nobody may cache."""
    return _response(status, body, _FRESH)


def _response(status: int, body: Mapping[str, Any], headers: Headers) -> Response:
    return Response(write(body), status, headers)

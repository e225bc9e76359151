"""From a command to an answer: submit, then say what the ledger said."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Response, request

from portal import ledger
from portal.internal.caps import Counted, submit_one
from portal.internal.disclosure import disclosed
from portal.internal.door import Caller
from portal.internal.flat import flat_posted
from portal.internal.problems import problem
from portal.internal.strict_json import write
from portal.internal.units import limit_sentence

Headers = list[tuple[str, str]]
_FRESH: Final[Headers] = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
_REPLAYED: Final[Headers] = [*_FRESH, ("Idempotency-Replayed", "true")]


def answer(asking: Caller, counted: Counted) -> Response:
    """Submit a command and answer with its outcome, once that is committed."""
    outcome = submit_one(asking, counted)
    outcome = disclosed(outcome, counted.command, asking.key.service, asking.named)
    return outcome_answer(outcome, request.path, find_sentence(outcome, counted.command, asking))


def find_sentence(outcome: ledger.Outcome, command: ledger.Command, asking: Caller) -> str | None:
    """The sentence of a refusal where more is known than its error says."""
    if isinstance(outcome, ledger.Refused) and isinstance(outcome.error, ledger.LimitReachedError):
        return limit_sentence(outcome.error, command, asking.named)
    return None


def outcome_answer(outcome: ledger.Outcome, instance: str, detail: str | None = None) -> Response:
    """201 with what was done, or the problem; marked if the key had its outcome before."""
    if isinstance(outcome, ledger.Refused):
        told, refusal = outcome.replayed, outcome.refusal_id
        return problem(outcome.error, instance, replayed=told, refusal=refusal, detail=detail)
    return written(201, flat_posted(outcome), replayed=outcome.replayed)


def reply(status: int, body: Mapping[str, Any]) -> Response:
    """A JSON answer, compact, that nobody may cache."""
    return written(status, write(body))


def written(status: int, text: str, *, replayed: bool = False) -> Response:
    """The same of members that are written down already."""
    return Response(text, status, _REPLAYED if replayed else _FRESH)

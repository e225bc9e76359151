"""The status table: what each refusal is on the wire, and how it is written (RFC 9457).

The only place where a domain error meets a status code. Its code is the name of its class.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from flask import Response, has_request_context, request
from werkzeug.exceptions import HTTPException

from portal import ledger, pricing, signing
from portal.internal import errors
from portal.internal.errors import Fault
from portal.internal.strict_json import write
from portal.internal.times import write_time
from portal.limits import RateLimitedError


class Row(NamedTuple):
    """One line of the table. retryable: whether the same request may succeed by itself later."""

    status: int
    title: str
    retryable: bool = False


TABLE: Final[Mapping[type[Exception], Row]] = {
    errors.MalformedRequestError: Row(400, "Malformed request"),
    errors.IdempotencyKeyMissingError: Row(400, "Idempotency key missing"),
    signing.SignatureInvalidError: Row(401, "Signature not valid"),
    signing.SignatureExpiredError: Row(401, "Signature not valid now", True),
    ledger.InsufficientCreditsError: Row(402, "Insufficient credits"),
    errors.ScopeDeniedError: Row(403, "Not in this key's scope"),
    errors.KeyCapError: Row(403, "Over this key's cap"),
    ledger.LimitReachedError: Row(403, "Limit reached"),
    ledger.AccountSuspendedError: Row(403, "Account suspended"),
    ledger.AccountNotFoundError: Row(404, "No such account"),
    ledger.HoldNotFoundError: Row(404, "No such hold"),
    ledger.EntryNotFoundError: Row(404, "No such entry"),
    errors.RequestNotFoundError: Row(404, "No such request"),
    errors.BodyTimeoutError: Row(408, "Content came too slowly", True),
    ledger.InProgressError: Row(409, "In progress", True),
    ledger.AlreadyChargedError: Row(409, "Already charged"),
    ledger.AlreadyGrantedError: Row(409, "Already granted"),
    ledger.HoldCapturedError: Row(409, "Hold captured"),
    ledger.HoldReleasedError: Row(409, "Hold released"),
    ledger.HoldExpiredError: Row(409, "Hold expired"),
    ledger.CaptureExceedsHoldError: Row(409, "Capture exceeds hold"),
    ledger.RefundExceedsError: Row(409, "Refund exceeds charge"),
    errors.PayloadTooLargeError: Row(413, "Content too large"),
    errors.UnsupportedMediaTypeError: Row(415, "Unsupported media type"),
    errors.ValidationError: Row(422, "Members break rules"),
    pricing.UnknownOperationError: Row(422, "Unknown operation"),
    ledger.IdempotencyKeyReusedError: Row(422, "Idempotency key reused"),
    ledger.BalanceLimitError: Row(422, "Balance limit"),
    ledger.AccountFrozenError: Row(423, "Account frozen"),
    RateLimitedError: Row(429, "Too many requests", True),
    ledger.StorageUnavailableError: Row(503, "Storage unavailable", True),
}
# What the framework refuses before a view is found.
HTTP: Final[Mapping[int, tuple[str, Row]]] = {
    400: ("malformed_request", Row(400, "Malformed request")),
    404: ("not_found", Row(404, "No such resource")),
    405: ("method_not_allowed", Row(405, "Method not allowed")),
    413: ("payload_too_large", Row(413, "Content too large")),
    415: ("unsupported_media_type", Row(415, "Unsupported media type")),
}
UNEXPECTED: Final = ("internal_error", Row(500, "Internal error", True))
# Where the code of a refusal stands for those who count and log it.
PROBLEM: Final = "portal.problem"
# Where statuses and codes of a batch's commands stand for the same.
COMMANDS: Final = "portal.commands"
RENAMED: Final = {"status": "account_status"}  # a problem's own `status` is the HTTP one


def problem(
    error: Exception,
    instance: str,
    *,
    replayed: bool = False,
    refusal: str | None = None,
    detail: str | None = None,
) -> Response:
    """The answer to a refused request. instance: its path. refusal: where the ledger wrote it.

    detail: its sentence, where more is known than the error says.
    """
    body = problem_body(error, instance, refusal=refusal, detail=detail)
    response = problem_answer(body)
    if isinstance(error, RateLimitedError):
        response.headers.update(error.headers())
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def problem_body(
    error: Exception, instance: str, *, refusal: str | None = None, detail: str | None = None
) -> dict[str, Any]:
    """The members of a problem, its status among them."""
    known = as_door_error(error)
    numbers = _numbers(known)
    if refusal is not None:
        numbers["refusal"] = refusal
    code = ledger.code_of(type(known))
    return _body(code, TABLE[type(known)], detail or _sentence(str(known)), instance, numbers)


def problem_answer(body: Mapping[str, Any]) -> Response:
    """A problem as an answer of its own."""
    if has_request_context():
        request.environ[PROBLEM] = body["code"]
    response = Response(write(body), body["status"], content_type="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    if "retry_after" in body:
        response.headers["Retry-After"] = str(body["retry_after"])
    if body["status"] == 401:
        response.headers["WWW-Authenticate"] = f'Signature tag="{signing.TAG}"'
    return response


def http_problem(error: HTTPException, instance: str) -> Response:
    """The answer to what the framework refused: no such path, no such method."""
    code, row = HTTP.get(error.code or 500, UNEXPECTED)
    detail = error.description if row.status == 400 else None
    response = problem_answer(_body(code, row, detail or f"{row.title}.", instance, {}))
    allow = dict(error.get_headers()).get("Allow")
    if allow is not None:
        response.headers["Allow"] = allow
    return response


def internal_error(instance: str) -> Response:
    """The answer when the door itself is broken; never part of the contract."""
    return problem_answer(internal_error_body(instance))


def internal_error_body(instance: str) -> dict[str, Any]:
    """Its members."""
    code, row = UNEXPECTED
    detail = (
        "The door failed, and whether this was done is not known: send it again with the same key,"
        " which never does it twice."
    )
    return _body(code, row, detail, instance, {})


def as_door_error(error: Exception) -> Exception:
    """The error as the table knows it: one broken member is a validation, whoever noticed it.

    What belongs to another service is told as what is not there.
    """
    match error:
        case ledger.ScopeDeniedError(subject=subject):
            is_hold = subject.startswith("hld_")
            return (ledger.HoldNotFoundError if is_hold else ledger.EntryNotFoundError)(subject)
        case ledger.ValidationError():
            got = error.got
            if error.member.endswith("_at") and isinstance(got, int):
                got = write_time(got)
            return errors.ValidationError([Fault(error.member, error.rule, got)])
        case pricing.QuantityError():
            return errors.ValidationError([Fault("quantity", error.rule, str(error.quantity))])
        case pricing.UnknownTierError():
            rule = f"must be one of {', '.join(error.known)}"
            return errors.ValidationError([Fault("tier", rule, error.tier)])
        case pricing.NoTariffError():
            return errors.ValidationError(
                [Fault("occurred_at", "must be priced by a tariff", None)]
            )
        case pricing.PeriodError():
            return errors.ValidationError([Fault("anchor_at", error.rule, None)])
    return error


def _numbers(error: Exception) -> dict[str, Any]:
    match error:
        case ledger.LedgerError() | errors.DoorError() | RateLimitedError():
            found = error.numbers()
        case signing.SignatureExpiredError(server_time=at):
            found = {"server_time": write_time(at)}
        case pricing.UnknownOperationError(operation=operation, known=known):
            found = {"operation": operation, "known": known}
        case _:
            found = {}
    return {RENAMED.get(name, name): _told(name, value) for name, value in found.items()}


def is_time(name: str) -> bool:
    """Whether a number of this name is an instant."""
    return name.endswith("_at") or name == "until"


def _told(name: str, value: Any) -> Any:
    return write_time(value) if isinstance(value, int) and is_time(name) else value


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text[:1].upper()}{text[1:]}."


def _body(
    code: str, row: Row, detail: str, instance: str, numbers: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "type": f"urn:credits:problem:{code}",
        "title": row.title,
        "status": row.status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "retryable": row.retryable,
        **numbers,
    }

"""Holds, the two-phase path of a job: place, read, capture, release, extend."""

from typing import Any

from flask import Response

from portal import current, ledger
from portal.internal.answers import answer, reply
from portal.internal.blueprint import blueprint
from portal.internal.bodies import CaptureBody, ExtendBody, HoldBody, ReleaseBody
from portal.internal.caps import Counted, refuse_over
from portal.internal.door import Caller, caller
from portal.internal.overflow import units_beyond
from portal.internal.replies import hold_reply
from portal.internal.spending import spending


@blueprint.post("/holds")
def place_hold() -> Response:
    """Set the price of a job aside. Refused for lack of credits, the key may try again."""
    asking = caller()
    return answer(asking, hold_asked(asking, asking.members()))


def hold_asked(asking: Caller, members: dict[str, Any]) -> Counted:
    """The hold that members ask for."""
    body = HoldBody.read(members)
    terms = spending(asking, "hold", members, body)
    command = ledger.PlaceHold(**terms, ttl_seconds=body.ttl_seconds)
    return Counted(command, body.quantity, body.operation)


@blueprint.get("/holds/<hold_id>")
def get_hold(hold_id: str) -> Response:
    """The hold as it is now: expired is a predicate, whether or not that is written yet."""
    now = current.now()
    with current.database.reading() as connection:
        hold = ledger.find_hold(connection, hold_id)
    if hold is None or hold.service != caller().key.service:
        raise ledger.HoldNotFoundError(hold_id)
    if hold.status == "open" and hold.expires_at <= now:
        hold = hold._replace(status="expired")
    return reply(200, {"hold": hold_reply(hold)})


@blueprint.post("/holds/<hold_id>/capture")
def capture_hold(hold_id: str) -> Response:
    """Charge all, part or nothing of a hold."""
    asking = caller()
    return answer(asking, capture_asked(asking, hold_id, asking.members()))


def capture_asked(asking: Caller, hold_id: str, members: dict[str, Any]) -> Counted:
    """The capture of a hold that members ask for."""
    body = CaptureBody.read(members)
    hold = _of_limited(asking, hold_id)
    command = ledger.CaptureHold(
        hold_id=hold_id,
        credits=body.credits,
        final=body.final,
        **_asked(asking, "capture", hold_id, members),
    )
    if hold is None:
        return Counted(command)
    return Counted(command, _beyond(asking, hold, body.credits), hold.operation)


@blueprint.post("/holds/<hold_id>/release")
def release_hold(hold_id: str) -> Response:
    """Return all that a hold still sets aside, and charge nothing."""
    asking = caller()
    return answer(asking, release_asked(asking, hold_id, asking.members()))


def release_asked(asking: Caller, hold_id: str, members: dict[str, Any]) -> Counted:
    """The release of a hold that members ask for."""
    body = ReleaseBody.read(members)
    _of_limited(asking, hold_id)
    asked = _asked(asking, "release", hold_id, members)
    return Counted(ledger.ReleaseHold(hold_id=hold_id, reason=body.reason, **asked))


@blueprint.post("/holds/<hold_id>/extend")
def extend_hold(hold_id: str) -> Response:
    """Let a hold live on; a larger quantity sets more aside."""
    asking = caller()
    return answer(asking, extend_asked(asking, hold_id, asking.members()))


def extend_asked(asking: Caller, hold_id: str, members: dict[str, Any]) -> Counted:
    """The extension of a hold that members ask for."""
    body = ExtendBody.read(members)
    quantity = body.quantity or 0
    refuse_over(asking.key, None, quantity)
    hold = _of_limited(asking, hold_id)
    command = ledger.ExtendHold(
        hold_id=hold_id,
        ttl_seconds=body.ttl_seconds,
        quantity=body.quantity,
        **_asked(asking, "extend", hold_id, members),
    )
    if hold is None:
        return Counted(command)
    refuse_over(asking.key, hold.operation, quantity)
    return Counted(command, max(0, quantity - hold.quantity), hold.operation)


def _asked(asking: Caller, command: str, hold_id: str, members: dict[str, Any]) -> dict[str, Any]:
    request = asking.request(command, {**members, "hold": hold_id})
    return {"actor": asking.actor, "request": request}


def _beyond(asking: Caller, hold: ledger.Hold, credits: int) -> int:
    """Units a capture takes beyond its hold, within what the key may ask for in one request."""
    beyond = units_beyond(hold, credits, current.tariffs().named(hold.tariff))
    if beyond.units and not asking.is_known():
        refuse_over(asking.key, hold.operation, beyond.quantity)
    return beyond.units


def _of_limited(asking: Caller, hold_id: str) -> ledger.Hold | None:
    """The service's hold, if its key has limits; for a key without them nothing is read.

    Raises ScopeDeniedError for a hold of an operation that the key was not issued for.
    """
    if not asking.key.is_limited:
        return None
    hold = asking.named.find_hold(hold_id)
    if hold is None or hold.service != asking.key.service:
        return None
    refuse_over(asking.key, hold.operation, 0)
    return hold

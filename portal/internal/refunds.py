"""POST /refunds: all or part of a charge goes back to where it came from."""

from flask import Response

from portal import ledger
from portal.internal.answers import answer
from portal.internal.blueprint import blueprint
from portal.internal.bodies import RefundBody
from portal.internal.door import caller


@blueprint.post("/refunds")
def post_refund() -> Response:
    """Refund an entry of this service, never more than it took."""
    asking = caller()
    members = asking.members()
    body = RefundBody.read(members)
    command = ledger.Refund(
        actor=asking.actor,
        request=asking.request("refund", members),
        entry_id=body.entry,
        reason=body.reason,
        credits=body.credits,
    )
    return answer(asking, command)

"""POST /refunds: all or part of a charge goes back to where it came from."""

from typing import Any

from flask import Response

from portal import ledger
from portal.internal.answers import answer
from portal.internal.blueprint import blueprint
from portal.internal.bodies import RefundBody
from portal.internal.caps import Counted, refuse_over
from portal.internal.door import Caller, caller


@blueprint.post("/refunds")
def post_refund() -> Response:
    """Refund an entry of this service, never more than it took."""
    asking = caller()
    return answer(asking, refund_asked(asking, asking.members()))


def refund_asked(asking: Caller, members: dict[str, Any]) -> Counted:
    """The refund that members ask for."""
    body = RefundBody.read(members)
    _refuse_other_operations(asking, body.entry)
    command = ledger.Refund(
        actor=asking.actor,
        request=asking.request("refund", members),
        entry_id=body.entry,
        reason=body.reason,
        credits=body.credits,
    )
    return Counted(command)


def _refuse_other_operations(asking: Caller, entry_id: str) -> None:
    """A key undoes what it may do: charges of its own operations, if it has such."""
    if asking.key.operations is None:
        return
    entry = asking.named.find_entry(entry_id)
    if entry is not None and entry.actor == asking.key.service:
        refuse_over(asking.key, entry.operation, 0)

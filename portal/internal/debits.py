"""POST /debits: a one-shot charge."""

from typing import Any

from flask import Response

from portal import ledger
from portal.internal.answers import answer
from portal.internal.blueprint import blueprint
from portal.internal.bodies import DebitBody
from portal.internal.caps import Counted
from portal.internal.door import Caller, caller
from portal.internal.spending import spending


@blueprint.post("/debits")
def post_debit() -> Response:
    """Charge a quantity of an operation. A refusal for lack of credits stays with the key."""
    asking = caller()
    return answer(asking, debit_asked(asking, asking.members()))


def debit_asked(asking: Caller, members: dict[str, Any]) -> Counted:
    """The debit that members ask for."""
    body = DebitBody.read(members)
    command = ledger.Debit(**spending(asking, "debit", members, body))
    return Counted(command, body.quantity, body.operation)

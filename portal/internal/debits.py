"""POST /debits: a one-shot charge."""

from flask import Response

from portal import ledger
from portal.internal.answers import answer
from portal.internal.blueprint import blueprint
from portal.internal.bodies import DebitBody
from portal.internal.door import caller
from portal.internal.spending import spending


@blueprint.post("/debits")
def post_debit() -> Response:
    """Charge a quantity of an operation. A refusal for lack of credits stays with the key."""
    asking = caller()
    members = asking.members()
    body = DebitBody.read(members)
    command = ledger.Debit(**spending(asking, "debit", members, body))
    return answer(asking, command, body.quantity, body.operation)

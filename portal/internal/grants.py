"""POST /grants: a lot of credits for what was bought, promised or made good."""

from flask import Response

from portal import ledger
from portal.internal.answers import answer
from portal.internal.blueprint import blueprint
from portal.internal.bodies import GrantBody
from portal.internal.caps import Counted, refuse_over
from portal.internal.door import caller
from portal.internal.nonces import good_once


@blueprint.post("/grants")
def post_grant() -> Response:
    """Give an account credits, once per payment.

    It makes credits: its bytes are good once, so that a copy of it is refused where a copy of a
    debit would be answered again.
    """
    asking = caller()
    members = asking.members()
    body = GrantBody.read(members)
    refuse_over(asking.key, None, body.credits, noun="credit")
    command = ledger.IssueGrant(
        actor=asking.actor,
        request=asking.request("grant", members),
        account_id=body.account,
        credits=body.credits,
        origin=body.origin,
        reference=body.reference,
        expires_at=body.expires_at,
        effective_at=body.effective_at,
        priority=body.priority,
        operations=body.operations,
    )
    good_once(asking)
    return answer(asking, Counted(command, body.credits))

"""POST /quotes: what an operation would cost an account now, honoured for half an hour."""

from flask import Response

from portal import current, ledger, pricing
from portal.internal.answers import reply
from portal.internal.blueprint import blueprint
from portal.internal.bodies import QuoteBody
from portal.internal.caps import refuse_over
from portal.internal.door import Caller, caller
from portal.internal.replies import quote_reply
from portal.internal.sealed_quotes import Quoted, seal_quote


@blueprint.post("/quotes")
def post_quote() -> Response:
    """The price, the grants that would pay it and what would be left; nothing is written.

    Nothing is remembered either: the same key again is answered anew.
    """
    asking = caller()
    body = QuoteBody.read(asking.members())
    refuse_over(asking.key, body.operation, body.quantity)
    now, tariffs = current.now(), current.tariffs()
    tariff = tariffs.in_force(now)
    price = pricing.quote(tariff, body.operation, body.quantity)
    secret = current.config.secret_key
    quoted = seal_quote(secret, tariff, body.account, body.operation, body.quantity, now)
    outcome = _preview(asking, body, quoted, now)
    return reply(201, {"quote": quote_reply(body.account, price, quoted, outcome)})


def _preview(asking: Caller, body: QuoteBody, quoted: Quoted, now: int) -> ledger.Outcome:
    """The debit that the quote is for, as it would go now."""
    command = ledger.Debit(
        actor=asking.actor,
        account_id=body.account,
        operation=body.operation,
        quantity=body.quantity,
        reference=ledger.Reference("task", quoted.id),
    )
    with current.database.reading() as connection:
        outcome = ledger.preview(
            connection, command, now=now, tariffs=current.tariffs(), ids=current.ids
        )
    return outcome

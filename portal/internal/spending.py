"""What a debit and a hold have in common: the same members, caps and price list."""

from typing import Any

from portal import current
from portal.internal.bodies import DebitBody, shape_of
from portal.internal.caps import refuse_over
from portal.internal.door import Caller
from portal.internal.sealed_quotes import open_quote, quote_expired
from portal.internal.strict_json import canonical, quoted


def spending(
    asking: Caller, command: str, members: dict[str, Any], body: DebitBody
) -> dict[str, Any]:
    """The members of a Debit or PlaceHold command. Raises what the door refuses it for."""
    refuse_over(asking.key, body.operation, body.quantity)
    return {
        "actor": asking.actor,
        "request": asking.bound(intention(command, members, body)),
        "account_id": body.account,
        "operation": body.operation,
        "quantity": body.quantity,
        "reference": body.reference,
        "occurred_at": body.occurred_at,
        "tariff": None if body.quote is None else _quoted_tariff(asking, body, body.quote),
        "labels": body.labels,
        "metadata": body.metadata,
    }


def intention(command: str, members: dict[str, Any], body: DebitBody) -> str:
    """The canonical body. Of nothing but what must be there, as most are, it is written flat."""
    if len(members) > len(shape_of(DebitBody).required):
        return canonical({"command": command, **members})
    reference = body.reference
    return (
        f'{{"account":{quoted(body.account)},"command":{quoted(command)},'
        f'"operation":{quoted(body.operation)},"quantity":{body.quantity},'
        f'"reference":{{"id":{quoted(reference.id)},"type":{quoted(reference.type)}}}}}'
    )


def _quoted_tariff(asking: Caller, body: DebitBody, quote: str) -> str:
    """The tariff a quote was made by; an expired one still serves a retry of what it served."""
    secret, tariffs = current.config.secret_key, current.tariffs()
    quoted = open_quote(secret, tariffs, quote, body.account, body.operation, body.quantity)
    if current.now() >= quoted.expires_at and not asking.is_known():
        raise quote_expired(quoted)
    return quoted.tariff

"""Accounts: provisioning, terms, and balances now, as recorded at an instant or after an entry."""

from flask import Response, request

from portal import current, ledger
from portal.internal.answers import reply
from portal.internal.blueprint import blueprint
from portal.internal.bodies import AccountBody
from portal.internal.caps import Counted, refuse_over, submit_one
from portal.internal.door import Caller, caller
from portal.internal.errors import Fault, ValidationError
from portal.internal.members import Standing
from portal.internal.nonces import good_once
from portal.internal.queries import BalanceQuery
from portal.internal.replies import account_reply, balance_reply
from portal.internal.rules import account_id as account_id_rule


@blueprint.put("/accounts/<account_id>")
def put_account(account_id: str) -> Response:
    """Open an account under the caller's own id, or change its terms; the same again is none.

    A copy of the request is refused: what it says may have been changed back since.
    """
    asking = caller()
    body = AccountBody.read(asking.members())
    faults: list[Fault] = []
    account_id_rule(account_id, "account", faults)
    if faults:
        raise ValidationError(faults)
    good_once(asking)
    with current.database.reading() as connection:
        status = 201 if ledger.find_account(connection, account_id) is None else 200
    command = ledger.PutAccount(
        actor=asking.actor,
        account_id=account_id,
        name=body.name,
        tier=body.tier,
        anchor_at=body.anchor_at,
        time_zone=body.time_zone,
    )
    units = _given(asking, command)
    refuse_over(asking.key, None, units, noun="credit")
    outcome = submit_one(asking, Counted(command, units))
    if isinstance(outcome, ledger.Refused):
        raise outcome.error
    return reply(status, _standing(outcome.account))


@blueprint.get("/accounts/<account_id>")
def get_account(account_id: str) -> Response:
    """The account's terms and balance now."""
    return reply(200, _standing(_as_of_now(account_id)))


@blueprint.get("/accounts/<account_id>/balance")
def get_balance(account_id: str) -> Response:
    """The balance now, or `as_of` a time (as recorded then) or a seq (right after that entry)."""
    as_of = BalanceQuery.read(request.query_string).as_of
    if as_of is None:
        account = _as_of_now(account_id)
        found = (account.posted, account.held, account.seq)
    else:
        with current.database.reading() as connection:
            reading = ledger.balance_at_seq if as_of.is_seq else ledger.balance_recorded_at
            balance = reading(connection, account_id, as_of.value)
        found = (balance.posted, balance.held, balance.seq)
    return reply(200, {"balance": balance_reply(account_id, *found)})


def _given(asking: Caller, command: ledger.PutAccount) -> int:
    """Credits that a plan gives at once: a key's caps are as good for these as for grants."""
    if not asking.key.is_limited:
        return 0
    entry = _preview(command).entry
    return 0 if entry is None else entry.amount


def _as_of_now(account_id: str) -> ledger.Account:
    """The account with all that has fallen due, whether or not that is written yet."""
    return _preview(ledger.Advance(account_id=account_id)).account


def _preview(command: ledger.Command) -> ledger.Posted:
    now, tariffs, ids = current.now(), current.tariffs(), current.ids
    with current.database.reading() as connection:
        outcome = ledger.preview(connection, command, now=now, tariffs=tariffs, ids=ids)
    if isinstance(outcome, ledger.Refused):
        raise outcome.error
    return outcome


def _standing(account: ledger.Account) -> Standing:
    balance = balance_reply(account.id, account.posted, account.held, account.seq)
    return {"account": account_reply(account), "balance": balance}

"""Where an account stands at this instant, as the balance card shows it; nothing is written.

What has fallen due since anybody last touched the account (a hold that ran out, a grant that
lapsed, a new period) is not in the tables yet: the ledger previews it.
"""

from typing import NamedTuple

from sqlalchemy import Connection

from portal import current, ledger, pricing
from portal.web.formats import utc_day


class Standing(NamedTuple):
    """An account at an instant: its terms, live grants in burn order and holds still running.

    `allocated` and `allocation_left` are of this period's allocation, upgrades included; `caps`
    are those on spending, with what counts against them.
    """

    account: ledger.Account
    grants: tuple[ledger.Grant, ...]
    holds: tuple[ledger.Hold, ...]
    tier: pricing.Tier | None
    allocated: int
    allocation_left: int
    next_allocation: int
    caps: tuple[ledger.Use, ...]

    @property
    def owed(self) -> int:
        """Credits spent beyond all grants: the overdraft in use."""
        return sum(grant.remaining for grant in self.grants) - self.account.posted


def standing_of(
    connection: Connection, account_id: str, now: int, tariffs: pricing.Tariffs
) -> Standing:
    """The account's state at `now`, by the code that would write it; nothing is written."""
    outcome = ledger.preview(
        connection,
        ledger.Advance(account_id=account_id),
        now=now,
        tariffs=tariffs,
        ids=current.ids,
    )
    if isinstance(outcome, ledger.Refused):
        raise outcome.error
    account, tiers = outcome.account, tariffs.in_force(now).tiers
    coming = tiers.get(account.next_tier or account.tier)
    holds = ledger.open_holds(connection, account_id)
    running = tuple(hold for hold in holds if hold.expires_at > now)
    allocations = allocations_of(connection, outcome)
    tier = tiers.get(account.tier)
    return Standing(
        account,
        outcome.grants,
        running,
        tier,
        sum(grant.amount for grant in allocations),
        sum(grant.remaining for grant in allocations),
        coming.allocation if coming else 0,
        ledger.cap_uses(connection, account, tier, running, now),
    )


def allocations_of(connection: Connection, standing: ledger.Posted) -> list[ledger.Grant]:
    """This period's allocations, spent ones too, as the preview leaves them."""
    account = standing.account
    grants = {grant.id: grant for grant in ledger.grants_of(connection, account.id)}
    spent = {grant.id: grant._replace(remaining=0) for grant in grants.values()}
    live = {grant.id: grant for grant in standing.grants}
    return [
        grant
        for grant in (spent | live).values()
        if grant.origin == "allocation" and grant.effective_at >= account.period_start
    ]


def tag_of(connection: Connection, account_id: str, now: int) -> str | None:
    """What a page shows of an account, which one that is included: it changes when, and only
    when, the page would.

    One indexed row. None while something has fallen due that nobody has written yet: then
    only a preview can tell.
    """
    return tag_at(ledger.get_account(connection, account_id), now)


def tag_at(account: ledger.Account, now: int) -> str | None:
    """The tag of an account's row at `now`."""
    if account.next_due_at is not None and account.next_due_at <= now:
        return None
    return f"{account.id}.{account.seq}.{account.revision}.{utc_day(now)}"


def account_in(tag: str) -> str:
    """The account that a tag names; there may be none of that name."""
    return tag.rsplit(".", 3)[0]

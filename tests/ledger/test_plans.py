"""Plans: opening, upgrade now, downgrade at the period's end, and what each status allows."""

import json
from typing import Any

import pytest

from portal import pricing
from portal.database import Database
from portal.ledger import audit
from portal.ledger import commands as asked
from portal.ledger.errors import (
    AccountFrozenError,
    AccountNotFoundError,
    AccountSuspendedError,
    ValidationError,
)
from portal.ledger.model import DAY, Reference
from portal.ledger.stamps import day_of
from tests.ledger.memory import MemoryLedger
from tests.ledger.stories import (
    ADMIN,
    FIRST,
    Story,
    at,
    done,
    entry_of,
    ids,
    refused,
    table,
)
from tests.ledger.vault import Vault

# From 1 March nobody can be on pro any more; published while nobody is.
ENDING = (
    FIRST.replace('"first"', '"ending"')
    .replace("2026-01-01T", "2026-03-01T")
    .partition("[tiers.pro]")[0]
)


def story() -> Story:
    texts = (FIRST, ENDING)
    tariffs = pricing.Tariffs(pricing.parse_tariff(text, "a tariff") for text in texts)
    return Story(MemoryLedger(tariffs, ids()))


@pytest.mark.parametrize("before", [None, "free"])
def test_nobody_goes_to_a_plan_that_a_published_price_list_ends(before: str | None) -> None:
    ada = story()
    if before is not None:
        ada.open(before)
    command = asked.PutAccount(account_id="ada", name="Ada", tier="pro", actor=ADMIN)
    refused(ada.ask(command), pricing.UnknownTierError)
    ada.open("plus")
    ada.now = at("2026-03-20")
    done(ada.debit(1))


@pytest.mark.parametrize(
    "command",
    [
        asked.PutAccount(account_id="ada", name="Ada", tier="pro", actor=ADMIN),
        asked.IssueGrant(
            account_id="ada", credits=5, origin="goodwill", reference=Reference("ticket", "1")
        ),
    ],
)
def test_a_closed_account_gets_no_more_credits(command: asked.Command) -> None:
    ada = Story()
    ada.open("free")
    ada.status("closed")
    refused(ada.ask(command), AccountSuspendedError, status="closed")
    allocated = ada.account.posted
    ada.now = ada.account.period_end
    assert allocated > 0
    assert ada.advance().posted == 0


# Opening ---------------------------------------------------------------------------------------


def test_an_account_opens_with_a_whole_allocation_in_the_period_that_now_is_in() -> None:
    ada = Story()
    opened = ada.open("basic", anchor_at=at("2025-10-31"))
    account, entry = opened.account, entry_of(opened)
    assert (day_of(account.period_start), day_of(account.period_end)) == (
        "2025-12-31",
        "2026-01-31",
    )
    assert (entry.reason, entry.amount, entry.reference_id) == ("allocation", 300, "2025-12-31")
    assert (entry.tariff, entry.expires_at) == ("first", account.period_end)
    assert (account.tier, account.status, account.revision) == ("basic", "active", 1)
    assert account.created_at == account.changed_at == ada.now


def test_an_account_may_be_anchored_in_the_future() -> None:
    ada = Story()
    account = ada.open("basic", anchor_at=ada.now + 3 * DAY).account
    assert account.period_end == ada.now + 3 * DAY


@pytest.mark.parametrize("anchor_at", [2**62, -(2**62)])
def test_an_anchor_outside_the_calendar_is_refused(anchor_at: int) -> None:
    command = asked.PutAccount(
        account_id="ada", name="Ada", tier="free", actor=ADMIN, anchor_at=anchor_at
    )
    ada = Story()
    refused(ada.ask(command), ValidationError, member="anchor_at")
    refused(ada.ledger.preview(command, ada.now), ValidationError, member="anchor_at")


def test_a_plan_that_nobody_knows_opens_no_account() -> None:
    ada = Story()
    refused(ada.ask(put("gold")), pricing.UnknownTierError)
    refused(ada.ask(asked.Advance(account_id="ada")), AccountNotFoundError, account="ada")
    assert ada.ledger.tables.accounts == {}


def test_before_the_first_price_list_nobody_opens_anything() -> None:
    ada = Story()
    ada.now = at("2025-12-31")
    refused(ada.ask(put("free")), pricing.NoTariffError)


# Terms -----------------------------------------------------------------------------------------


def put(tier: str, **members: Any) -> asked.PutAccount:
    """Open Ada's account, or change its terms."""
    members = {"account_id": "ada", "name": "Ada", "actor": ADMIN} | members
    return asked.PutAccount(tier=tier, **members)


def reasons(ada: Story) -> list[str]:
    """Why Ada's terms changed, in order."""
    return [row.reason for row in ada.ledger.tables.revisions["ada"]]


def test_the_same_again_is_no_change() -> None:
    ada = Story()
    opened = ada.open("basic")
    again = ada.open("basic", anchor_at=opened.account.anchor_at)
    assert (again.entry, again.account) == (None, opened.account)
    assert reasons(ada) == ["opened"]


def test_a_name_and_a_time_zone_change_without_an_entry() -> None:
    ada = Story()
    ada.open("basic")
    renamed = ada.open("basic", name="Ada Lovelace", time_zone="Europe/London")
    assert (renamed.account.name, renamed.account.time_zone) == ("Ada Lovelace", "Europe/London")
    assert renamed.entry is None
    [row] = ada.ledger.tables.revisions["ada"][1:]
    assert (row.reason, row.actor_kind, row.actor, row.as_of_seq) == (
        "renamed",
        "admin",
        ADMIN.name,
        1,
    )


def test_an_anchor_never_changes() -> None:
    ada = Story()
    ada.open("basic")
    refused(ada.ask(put("basic", anchor_at=ada.now + 1)), ValidationError, member="anchor_at")
    refused(ada.ask(put("pro", name="New", anchor_at=0)), ValidationError, member="anchor_at")
    assert ada.account.name == "Ada"


# Upgrades --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "credits"), [(0, 700), (1, 677), (15, 361), (30, 22)])
def test_an_upgrade_gives_its_share_of_the_rest_of_the_period_at_once(
    days: int, credits: int
) -> None:
    ada = Story()
    ada.open("basic")
    ada.wait(days * DAY)
    outcome = ada.open("plus")
    entry, [grant] = entry_of(outcome), outcome.grants
    end, left = ada.account.period_end, (31 - days) * DAY
    assert (entry.reason, entry.amount) == ("upgrade", credits)
    assert credits == 700 * left // (31 * DAY)
    assert (entry.reference_type, entry.reference_id) == ("period", "2026-01-10/plus")
    assert json.loads(entry.metadata or "") == {
        "from": "basic",
        "left_us": left,
        "period_us": 31 * DAY,
        "to": "plus",
    }
    assert (grant.origin, grant.expires_at, entry.expires_at) == ("allocation", end, end)
    assert ada.grants == [("allocation", 300, 0), ("allocation", credits, 0)]
    assert (outcome.account.tier, reasons(ada)) == ("plus", ["opened", "upgrade"])


def test_an_upgrade_in_the_last_moment_is_worth_nothing_but_counts() -> None:
    ada = Story()
    ada.open("basic")
    ada.now = ada.account.period_end - 1
    assert ada.open("plus").entry is None
    assert ada.account.tier == "plus"
    ada.wait(1)
    ada.advance()
    assert ada.statement(1) == table("""
        expiry rolled_over -300 0 ->    0 0
        grant  rollover     300 0 ->  300 0
        grant  allocation  1000 0 -> 1300 0
    """)


def test_one_upgrade_after_another_in_one_period() -> None:
    ada = Story()
    ada.open("free")
    ada.wait(DAY)
    ada.open("basic")
    ada.wait(DAY)
    ada.open("pro")
    ids = [entry.reference_id for entry in ada.entries()]
    assert ids == ["2026-01-10", "2026-01-10/basic", "2026-01-10/pro"]
    assert [entry.amount for entry in ada.entries()] == [100, 193, 1_590]


def test_plans_that_change_places_twice_in_one_period_give_each_share(database: Database) -> None:
    swapped = FIRST.replace("allocation = 300", "allocation = 1_400")
    lists = {"first": FIRST, "second": swapped, "third": FIRST}
    days = dict(zip(lists, ("2026-01-01", "2026-01-12", "2026-01-14"), strict=True))
    tariffs = pricing.Tariffs(
        pricing.parse_tariff(
            text.replace('"first"', f'"{name}"').replace("2026-01-01", days[name]), name
        )
        for name, text in lists.items()
    )
    vault = Vault(database, tariffs, ids())
    vault.publish()
    ada = Story(vault)
    ada.open("basic")
    for tier in ("plus", "basic", "plus"):
        ada.open(tier)
        ada.wait(2 * DAY)
    references = [entry.reference_id for entry in ada.entries()]
    assert references == [
        "2026-01-10",
        "2026-01-10/plus",
        "2026-01-10/basic/second",
        "2026-01-10/plus/third",
    ]
    assert [entry.amount > 0 for entry in ada.entries()] == [True] * 4
    with database.reading() as connection:
        assert audit(connection, now=ada.now).differences == ()


def test_an_upgrade_brings_the_overdraft_of_its_tier() -> None:
    ada = Story()
    ada.open("basic")
    ada.open("scale")
    assert ada.account.overdraft_limit == 200
    done(ada.debit(700))
    assert ada.account.posted == -200


# Downgrades ------------------------------------------------------------------------------------


def test_a_smaller_plan_begins_with_the_next_period() -> None:
    ada = Story()
    ada.open("plus")
    assert ada.open("free").account.next_tier == "free"
    assert (ada.account.tier, ada.statement(1)) == ("plus", "")
    ada.open("free")
    ada.now = ada.account.period_end
    account = ada.advance()
    assert (account.tier, account.next_tier) == ("free", None)
    assert ada.statement(1) == table("""
        expiry period_end  -600 0 -> 400 0
        expiry rolled_over -400 0 ->   0 0
        grant  rollover     400 0 -> 400 0
        grant  allocation   100 0 -> 500 0
    """)
    assert reasons(ada) == ["opened", "downgrade", "turnover"]


def test_a_downgrade_can_be_taken_back_or_changed_until_then() -> None:
    ada = Story()
    ada.open("plus")
    for tier, following in (("free", "free"), ("basic", "basic"), ("plus", None), ("plus", None)):
        assert ada.open(tier).account.next_tier == following
    assert reasons(ada) == ["opened", "downgrade", "downgrade", "kept"]
    ada.open("free")
    assert ada.open("pro").account.next_tier is None
    ada.now = ada.account.period_end
    assert ada.advance().tier == "pro"


def test_who_cancels_keeps_what_was_bought_and_gets_nothing_more() -> None:
    ada = Story()
    ada.open("plus")
    ada.grant(50)
    ada.open("quit")
    ada.now = at("2026-06-01")
    ada.advance()
    assert ada.grants == [("purchase", 50, 0)]
    allocations = [entry.amount for entry in ada.entries() if entry.reason == "allocation"]
    assert allocations == [1_000, 0, 0, 0, 0]


# Status ----------------------------------------------------------------------------------------


def test_a_status_changes_with_a_note_and_the_same_again_is_no_change() -> None:
    ada = Story()
    ada.open("free")
    changed = done(ada.status("suspended", note="card"))
    assert (changed.account.status, changed.entry) == ("suspended", None)
    ada.status("suspended", note="again")
    [row] = ada.ledger.tables.revisions["ada"][1:]
    assert (row.reason, row.note, row.actor) == ("suspended", "card", ADMIN.name)
    refused(ada.status("gone"), ValidationError, member="status", got="gone")
    refused(ada.status("active", account_id="bob"), AccountNotFoundError)


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_nothing_new_is_spent_on_an_account_that_is_not_active(status: str) -> None:
    ada = Story()
    ada.open("free")
    hold = ada.place(10)
    ada.status(status)
    refused(ada.debit(1), AccountSuspendedError, status=status)
    refused(ada.hold(1), AccountSuspendedError, status=status)
    done(ada.capture(hold, 10))
    done(ada.adjust(-5))
    ada.status("active")
    done(ada.debit(1))


def test_nothing_changes_on_a_frozen_account_until_it_is_lifted() -> None:
    ada = Story()
    ada.open("free")
    charged, hold = ada.debit(10), ada.place(10)
    ada.status("frozen")
    outcomes = [
        ada.debit(1),
        ada.hold(1),
        ada.extend(hold),
        ada.capture(hold, 1),
        ada.release(hold),
        ada.refund(charged),
        ada.grant(5),
        ada.adjust(5),
        ada.ask(put("plus")),
    ]
    for outcome in outcomes:
        refused(outcome, AccountFrozenError, account="ada")
    assert len(ada.ledger.tables.refusals) == len(outcomes)
    ada.status("active")
    done(ada.release(hold))

"""Forged rows that do not follow from the rows before: both databases must refuse each of them."""

from __future__ import annotations

from tests.gate.attacks import (
    LIVE_GRANT,
    OPEN_HOLD,
    ZERO,
    Attack,
    account,
    attack,
    beside,
    charged,
    copied,
    draw,
    entry,
    grant,
    of_hold,
    revision,
)

PAYMENT = "(SELECT reference_id FROM entries WHERE reference_type = 'payment' LIMIT 1)"
PERIOD = charged("grant", "reference_id")
BOBS_GRANT = "(SELECT min(id) FROM grants WHERE account_id = 'bob' AND remaining > 0)"
SPENT = "(SELECT min(id) FROM grants WHERE account_id = 'ada' AND remaining = 0)"
REST = f"(SELECT amount - captured FROM holds WHERE id = {OPEN_HOLD})"
PINNED = (
    "(SELECT min(coalesce(d.grant_id, e.grant_id)) FROM entries e"
    " LEFT JOIN draws d ON d.account_id = e.account_id AND d.seq = e.seq"
    f" WHERE e.hold_id = {OPEN_HOLD})"
)
A_DRAW = "account_id = 'ada' AND grant_id IS NOT NULL ORDER BY seq LIMIT 1"
A_REQUEST = "account_id = 'bob' AND seq IS NOT NULL ORDER BY seq LIMIT 1"
A_REFUSAL = "(SELECT min(id) FROM refusals)"
THEIRS = {
    "operation": charged("debit", "operation"),
    "reference_type": charged("debit", "reference_type"),
    "reference_id": charged("debit", "reference_id"),
}
# Of ada's debits that are their draw and were not refunded, the first; and where it may go back.
UNDONE = (
    "FROM entries e WHERE e.account_id = 'ada' AND e.kind = 'debit' AND e.grant_id IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM entries r WHERE r.reverses_id = e.id) ORDER BY e.seq LIMIT 1)"
)
TAKEN_FROM = f"(SELECT e.grant_id {UNDONE}"
ANOTHER = LIVE_GRANT.replace("remaining", f"id <> {TAKEN_FROM} AND remaining", 1)
A_REFUND = {"kind": "'refund'", "reason": "'failed'", "reverses_id": f"(SELECT e.id {UNDONE}"}


def of_open_hold(name: str, amount: str, hold_amount: str, **members: str) -> Attack:
    """An entry about the open hold, with the draw that goes with it."""
    return attack(
        name,
        draw(PINNED, amount, hold_amount),
        entry(amount=amount, hold_amount=hold_amount, hold_id=OPEN_HOLD, **members),
    )


def own(name: str, amount: str, hold_amount: str, grant: str = PINNED, **members: str) -> Attack:
    """An entry that is its draw, about the open hold unless another is named."""
    about = {"hold_id": OPEN_HOLD, **members}
    return attack(name, entry(amount=amount, hold_amount=hold_amount, grant_id=grant, **about))


ACCOUNTS = [
    attack("an account born with credits", account(posted="1000")),
    attack("an account born with credits set aside", account(held="1000")),
    attack("an account born with an overdraft", account(overdraft_limit="1000")),
    attack("an account born in a tier", account(tier="'scale'", period_end="next_due_at")),
    attack("an account born with a past", account(seq="7", changed_at="changed_at")),
    attack("an account born with a head", account(head_hash="head_hash")),
    attack("an account whose next due time is forged", account(next_due_at="9")),
    attack("an account of the same name", account(id="id")),
]
REVISIONS = [
    attack("a revision that leaves a gap", revision(revision="revision + 2")),
    attack("a revision again", revision(revision="revision")),
    attack("a revision off the chain", revision(prev_hash=ZERO)),
    attack("a revision without a hash", revision(hash="CAST('' AS {blob})")),
    attack("a revision in the past", revision(recorded_at="changed_at - 1")),
    attack("a revision to a status that is none", revision(status="'rich'")),
    attack("a revision to an overdraft below zero", revision(overdraft_limit="-1")),
]
GRANTS = [
    attack("a grant that is full already", grant(remaining="1000")),
    attack("a grant that is pinned already", grant(remaining="1000", pinned="1000")),
    attack("a grant without an entry", grant()),
    attack("a grant of an entry that stands", grant(seq="seq")),
    attack("a grant a second time", grant(id=LIVE_GRANT)),
    attack("a grant of nobody", grant(account_id="'nobody'")),
    attack("a grant of an origin that is none", grant(origin="'luck'")),
]
DRAWS = [
    attack("a draw without an entry", draw(LIVE_GRANT, "1000", "0")),
    attack("a draw of an entry that stands", draw(LIVE_GRANT, "1000", "0", seq="seq", at=50)),
    attack("a draw a second time", copied("draws", A_DRAW)),
    attack("a draw on another's grant", draw(BOBS_GRANT, "-1", "0"), entry(amount="-1")),
    attack("a draw on another's grant, behind one of theirs",
           beside(draw(BOBS_GRANT, "-1", "0", "bob"), draw(BOBS_GRANT, "1000", "0")),
           entry("bob", amount="-1"), entry(kind="'grant'", reason="'goodwill'", amount="1000")),
    attack("an overdraft repaid that nobody owes", draw("NULL", "1000", "0"), entry(
        kind="'grant'", reason="'goodwill'", amount="1000")),
    attack("an overdraft freed that nobody pinned", draw("NULL", "0", f"-{REST}"), entry(
        kind="'release'", reason="'failed'", resolution="'released'", hold_amount=f"-{REST}",
        hold_id=OPEN_HOLD)),
    attack("a draw on no grant", draw("'grt_none'", "-1", "0"), entry(amount="-1")),
    attack("a draw of more than remains", draw(SPENT, "-1", "0"), entry(amount="-1")),
    attack("a draw that pins more than remains", draw(SPENT, "0", "1"), entry(
        kind="'hold'", reason="'placed'", hold_amount="1", hold_id="'hld_forged'",
        operation="'generate'", quantity="1", tariff="'2026-01'", reference_type="'task'",
        reference_id="'t'", expires_at="changed_at")),
    attack("an entry that draws on another's grant", entry(amount="-1", grant_id=BOBS_GRANT)),
    attack("an entry that draws on no grant", entry(amount="-1", grant_id="'grt_none'")),
    attack("an entry that draws more than remains", entry(amount="-1", grant_id=SPENT)),
    attack("an entry that gives what its grant is not", entry(
        kind="'grant'", reason="'goodwill'", amount="1000", grant_id=BOBS_GRANT)),
    attack("an entry that pins more than remains", entry(
        kind="'hold'", reason="'placed'", hold_amount="1", hold_id="'hld_forged'",
        operation="'generate'", quantity="1", tariff="'2026-01'", reference_type="'task'",
        reference_id="'t'", expires_at="changed_at", grant_id=SPENT)),
    attack("an entry that is its draw, and has another", draw(LIVE_GRANT, "0", "0"),
           entry(kind="'grant'", reason="'goodwill'", amount="0", grant_id=LIVE_GRANT)),
    attack("an entry that is its draw, and has it twice", draw(LIVE_GRANT, "-1", "0"),
           entry(amount="-1", grant_id=LIVE_GRANT)),
    attack("draws that move one grant against another", draw(LIVE_GRANT, "5", "0"),
           draw(SPENT, "-5", "0", at=1), entry()),
]  # fmt: skip
CHAIN = [
    attack("credits from nowhere", entry(kind="'grant'", reason="'purchase'", amount="1000")),
    attack("an entry less than its draws", draw(LIVE_GRANT, "1000", "0"),
           entry(kind="'grant'", reason="'goodwill'", amount="999")),
    attack("an entry that leaves a gap", entry(seq="seq + 2")),
    attack("an entry again", entry(seq="seq")),
    attack("an entry before the first", entry(seq="0")),
    attack("an entry that says another balance", entry(posted_after="posted + 1000")),
    attack("an entry that says less is held", entry(held_after="held - 1")),
    attack("an entry off the chain", entry(prev_hash=ZERO)),
    attack("an entry without a hash", entry(hash="CAST('' AS {blob})")),
    attack("an entry in the past", entry(recorded_at="changed_at - 1")),
    attack("an entry of nobody", entry(account_id="'nobody'")),
    attack("an entry with a known id", entry(id=charged("debit", "id"))),
    attack("an entry of a kind that is none", entry(kind="'gift'")),
    attack("an entry of the wrong sign", draw(LIVE_GRANT, "1", "0"), entry(amount="1")),
    attack("an entry below zero", draw("NULL", "-1000000", "0"), entry(amount="-1000000")),
    attack("a debit that is set aside too", draw(LIVE_GRANT, "0", "1"), entry(hold_amount="1")),
    attack("an adjustment nobody approved", entry(kind="'adjustment'", reason="'correction'")),
]  # fmt: skip
# What an entry says that does not follow from the one before, whatever it draws on.
ODD = {
    "leaves a gap": {"seq": "seq + 3"},
    "says another balance": {"posted_after": "posted + 1000"},
    "says less is held": {"held_after": "held - 1"},
    "is off the chain": {"prev_hash": ZERO},
    "has no hash": {"hash": "CAST('' AS {blob})"},
    "is in the past": {"recorded_at": "changed_at - 1"},
    "is of nobody": {"account_id": "'nobody'"},
}
BOBS = entry("bob", amount="-1", grant_id=BOBS_GRANT)
SECOND = {
    "seq": "seq + 2",
    "id": "'ent_' || (seq + 2)",
    "posted_after": "posted - 2",
    "amount": "-1",
    "grant_id": LIVE_GRANT,
}
TOGETHER = [
    each
    for name, odd in ODD.items()
    for each in (
        attack(f"an entry that is its draw, and {name}",
               entry(**{"amount": "-1", "grant_id": LIVE_GRANT, **odd})),
        attack(f"an entry beside another's that {name}",
               beside(BOBS, entry(**{"amount": "-1", "grant_id": LIVE_GRANT, **odd}))),
        attack(f"an entry behind one of its own that {name}",
               beside(entry(amount="-1", grant_id=LIVE_GRANT), entry(**{**SECOND, **odd}))),
    )
]  # fmt: skip
TWICE = [
    attack("a reference debited twice", entry(**THEIRS)),
    attack("a payment that gives twice", entry(
        kind="'grant'", reason="'purchase'", reference_type="'payment'", reference_id=PAYMENT)),
    attack("a payment that gives another account", entry(
        "cy", kind="'grant'", reason="'purchase'", reference_type="'payment'",
        reference_id=PAYMENT)),
    attack("a period that allocates twice", entry(
        kind="'grant'", reason="'allocation'", reference_type="'period'", reference_id=PERIOD)),
    attack("a key that is answered twice", copied("requests", A_REQUEST)),
    attack("a key answered by nothing", copied("requests", A_REQUEST, key="'new'", seq="77")),
    attack("a key answered by another's entry", copied("requests", A_REQUEST, key="'new'")),
    attack("a key of another service", copied("requests", A_REQUEST, service="'eve'")),
    attack("a key answered by no refusal", copied(
        "requests", A_REQUEST, key="'new'", seq="NULL", refusal_id="'rfs_none'")),
    attack("a key answered by another's refusal", copied(
        "requests", A_REQUEST, key="'new'", seq="NULL", refusal_id=A_REFUSAL)),
    attack("a refusal a second time", copied("refusals", "account_id = 'cy'")),
    attack("a price list of the same name", copied("tariffs", "1 = 1", effective_at="1")),
    attack("a price list of the same time", copied("tariffs", "1 = 1", name="'mine'")),
]  # fmt: skip
HOLDS = [
    attack("a release of a hold that is captured", entry(
        kind="'release'", reason="'failed'", resolution="'released'",
        hold_id=of_hold("captured", "id"))),
    attack("a capture of a hold that is released", draw(LIVE_GRANT, "-1", "-1"), entry(
        kind="'capture'", reason="'completed'", amount="-1", hold_amount="-1",
        resolution="'captured'", hold_id=of_hold("released", "id"))),
    attack("a capture of a hold of another", draw(BOBS_GRANT, "0", "0", "bob"), entry(
        "bob", kind="'capture'", reason="'partial'", hold_id=OPEN_HOLD)),
    attack("an extension of a hold that is none", draw(LIVE_GRANT, "0", "1"), entry(
        kind="'hold'", reason="'extended'", hold_amount="1", hold_id="'hld_none'")),
    of_open_hold("a capture that says it is placed", "-1", "-1",
                 kind="'capture'", reason="'placed'", resolution="'captured'"),
    of_open_hold("a release that keeps some aside", "0", f"1 - {REST}",
                 kind="'release'", reason="'failed'", resolution="'released'"),
    of_open_hold("a capture that keeps some aside", "-1", "-1",
                 kind="'capture'", reason="'completed'", resolution="'captured'"),
    of_open_hold("a part captured for less than it frees", "-1", "-2",
                 kind="'capture'", reason="'partial'"),
    of_open_hold("an expiry about a hold", "-1", "0", kind="'expiry'", reason="'lapsed'"),
    of_open_hold("a late capture of a hold that is open", "-1", "0", reason="'late_capture'"),
    attack("a hold without a price", draw(LIVE_GRANT, "0", "1"), entry(
        kind="'hold'", reason="'placed'", hold_amount="1", hold_id="'hld_x'",
        reference_type="'task'", reference_id="'x'", expires_at="changed_at")),
    attack("a debit of no quantity", draw(LIVE_GRANT, "-1", "0"), entry(
        amount="-1", operation="'generate'", reference_type="'task'", reference_id="'x'")),
    attack("a hold that is placed twice", draw(LIVE_GRANT, "0", "1"), entry(
        kind="'hold'", reason="'placed'", hold_amount="1", hold_id=OPEN_HOLD,
        operation="'generate'", quantity="1", tariff="'2026-01'", reference_type="'task'",
        reference_id="'t'", expires_at="changed_at")),
]  # fmt: skip
A_HOLD = {
    "kind": "'hold'",
    "reason": "'placed'",
    "hold_id": "'hld_forged'",
    "operation": "'generate'",
    "quantity": "1",
    "tariff": "'2026-01'",
    "reference_type": "'task'",
    "reference_id": "'t'",
    "expires_at": "changed_at",
}
# Of entries that are their draw: they come to another part of the guards on PostgreSQL.
OWN_HOLDS = [
    own("a release that is its draw, and keeps some aside", "0", f"1 - {REST}",
        kind="'release'", reason="'failed'", resolution="'released'"),
    own("a capture that is its draw, and keeps some aside", "-1", "-1",
        kind="'capture'", reason="'completed'", resolution="'captured'"),
    own("a capture that is its draw, and says it is placed", "-1", "-1",
        kind="'capture'", reason="'placed'", resolution="'captured'"),
    own("a part that is its draw, and is captured for less than it frees", "-1", "-2",
        kind="'capture'", reason="'partial'"),
    own("a late capture that is its draw, of a hold that is open", "-1", "0",
        reason="'late_capture'"),
    own("an expiry that is its draw, about a hold", "-1", "0",
        kind="'expiry'", reason="'lapsed'"),
    own("a capture that is its draw, of a hold that is captured", "-1", "-1", LIVE_GRANT,
        kind="'capture'", reason="'partial'", hold_id=of_hold("captured", "id")),
    own("a release that is its draw, of a hold that is released", "0", "0", LIVE_GRANT,
        kind="'release'", reason="'failed'", resolution="'released'",
        hold_id=of_hold("released", "id")),
    attack("a capture that is its draw, of a hold of another", entry(
        "bob", kind="'capture'", reason="'partial'", amount="-1", hold_amount="-1",
        hold_id=OPEN_HOLD, grant_id=BOBS_GRANT)),
    own("an extension that is its draw, of a hold that is none", "0", "1", LIVE_GRANT,
        kind="'hold'", reason="'extended'", hold_id="'hld_none'"),
    own("a hold that is its draw, and is placed twice", "0", "1", LIVE_GRANT,
        **{**A_HOLD, "hold_id": OPEN_HOLD}),
    own("a hold that is its draw, without a price", "0", "1", LIVE_GRANT,
        **{**A_HOLD, "operation": "NULL"}),
    own("a hold that is its draw, and refunds", "0", "1", LIVE_GRANT,
        **{**A_HOLD, "reverses_id": charged("debit", "id")}),
]  # fmt: skip
REFUNDS = [
    attack("a refund of more than was charged", draw(LIVE_GRANT, "1000000", "0"), entry(
        kind="'refund'", reason="'failed'", amount="1000000",
        reverses_id=charged("debit", "id"))),
    attack("a refund of what was refunded", draw(LIVE_GRANT, "1", "0"), entry(
        kind="'refund'", reason="'failed'", amount="1", reverses_id=charged("debit", "id"))),
    attack("a refund of another's charge", draw(LIVE_GRANT, "1", "0"), entry(
        kind="'refund'", reason="'failed'", amount="1",
        reverses_id=charged("capture", "id", "bob"))),
    attack("a refund of a grant", draw(LIVE_GRANT, "1", "0"), entry(
        kind="'refund'", reason="'failed'", amount="1", reverses_id=charged("grant", "id"))),
    attack("a refund of nothing", draw(LIVE_GRANT, "1", "0"), entry(
        kind="'refund'", reason="'failed'", amount="1", reverses_id="'ent_none'")),
    attack("a refund that gives nothing back", entry(**A_REFUND)),
    attack("a refund that gives nothing back to a grant", entry(**A_REFUND, grant_id=TAKEN_FROM)),
    attack("a refund to a grant that was not drawn on", entry(
        **A_REFUND, amount="1", grant_id=ANOTHER)),
    attack("a refund in part to a grant that was not drawn on",
           draw(TAKEN_FROM, "1", "0"), draw(ANOTHER, "1", "0", at=1),
           entry(**A_REFUND, amount="2")),
    attack("a refund of an overdraft that was not drawn on", draw("NULL", "1", "0"), entry(
        **A_REFUND, amount="1")),
    attack("a debit that says it refunds", entry(reverses_id=charged("capture", "id"))),
]  # fmt: skip

FORGERIES = [
    *ACCOUNTS, *REVISIONS, *GRANTS, *DRAWS, *CHAIN, *TOGETHER, *TWICE, *HOLDS, *OWN_HOLDS, *REFUNDS
]  # fmt: skip
# What follows in all from the rows before is let through: the guards are no wall but a gate.
HONEST = [
    attack("a debit that is its draw", entry(amount="-1", grant_id=LIVE_GRANT)),
    attack("debits of two accounts in one statement",
           beside(BOBS, entry(amount="-1", grant_id=LIVE_GRANT))),
    attack("debits of one account in one statement",
           beside(entry(amount="-1", grant_id=LIVE_GRANT), entry(**SECOND))),
    own("a hold that is its draw", "0", "1", LIVE_GRANT, **A_HOLD),
    own("an extension that is its draw", "0", "1",
        **{**A_HOLD, "reason": "'extended'", "hold_id": OPEN_HOLD, "quantity": "99"}),
    own("a part captured that is its draw", "-1", "-1", kind="'capture'", reason="'partial'"),
    own("a release in full that is its draw", "0", f"-{REST}",
        kind="'release'", reason="'failed'", resolution="'released'"),
    own("a capture in full that is its draw", "-1", f"-{REST}",
        kind="'capture'", reason="'partial'", resolution="'captured'"),
    attack("a refund", entry(**A_REFUND, amount="1", grant_id=TAKEN_FROM)),
    attack("an empty account", account()),
    attack("a debit", draw(LIVE_GRANT, "-1", "0"), entry(amount="-1")),
    attack("an entry that follows", entry()),
    attack("a revision that follows", revision(name="'Ada Lovelace'")),
    attack("a part captured", *of_open_hold("", "-1", "-1", kind="'capture'",
                                           reason="'partial'").statements),
    attack("a release in full", *of_open_hold("", "0", f"-{REST}", kind="'release'",
                                             reason="'failed'",
                                             resolution="'released'").statements),
    attack("a capture in full", *of_open_hold("", "-1", f"-{REST}", kind="'capture'",
                                             reason="'partial'",
                                             resolution="'captured'").statements),
]  # fmt: skip

"""Why was I charged: arithmetic, funding, the hold's steps, refunds both ways, and the hash."""

import pytest

from portal import ledger, pricing
from tests.web.desk import DAY, MINUTE, NOW, SECOND, STUDIO, Desk, Visitor, words


def page(visitor: Visitor, found_id: str) -> str:
    answer = visitor.get(f"/ledger/{found_id}")
    assert answer.status_code == 200
    return words(answer.text)


def test_a_charge_is_explained_by_the_arithmetic_that_made_it(desk: Desk, ada: Visitor) -> None:
    entry = desk.entry(desk.debit("acme", 1205, "generate.fast"))
    text = page(ada, entry.id)
    assert "Why was this charged? \u2212603 credits" in text
    lines = pricing.explain(desk.tariffs[0], "generate.fast", 1205)
    assert lines
    assert all(line in text for line in lines)
    assert "By the price list 2026-01 , in force on 22 Nov 13:52" in text
    assert "Posted before 100,000 This entry \u2212603 Posted after 99,397 Of that held 0" in text
    assert "Grants that paid" in text
    assert "Monthly allocation since 1 Nov 00:00 UTC 1 Dec 00:00 0 \u2212603" in text
    assert "Nothing of this has been refunded." in text


def test_the_record_holds_every_fact_and_both_hashes(desk: Desk, ada: Visitor) -> None:
    before = desk.entry(desk.debit("acme", 1))
    reference = ledger.Reference("task", "job-of-facts")
    request = ledger.Request("studio", "key-0123456789abcdef", "{}")
    entry = desk.entry(
        desk.debit("acme", 2, reference=reference, request=request, labels='{"team":"x"}')
    )
    text = page(ada, entry.id)
    assert f"Entry {entry.id} Number on this account 3" in text
    assert "Recorded 22 Nov 2026, 13:52:00 UTC 2026-11-22T13:52:00.250000Z" in text
    assert "Occurred" not in text
    assert "Operation generate, 2 characters" in text
    assert "Reference task job-of-facts" in text
    assert "Asked by service studio key studio-1" in text
    assert "Idempotency key key-0123456789abcdef" in text
    assert 'Labels {"team":"x"}' in text.replace("&#34;", '"')
    assert f"Hash of this entry {entry.hash.hex()}" in text
    assert f"Hash of the entry before {before.hash.hex()}" in text


def test_a_charge_from_two_grants_names_both(desk: Desk, ada: Visitor) -> None:
    desk.done(
        ledger.IssueGrant(
            account_id="acme", credits=300, origin="promotion", expires_at=NOW + DAY,
            reference=ledger.Reference("ticket", "t_1"),
        )
    )  # fmt: skip
    text = page(ada, desk.entry(desk.debit("acme", 1000)).id)
    assert "Promotion since 22 Nov 13:52 UTC 23 Nov 13:52 0 \u2212300" in text
    assert "Monthly allocation since 1 Nov 00:00 UTC 1 Dec 00:00 0 \u2212700" in text
    assert "This entry 0 \u22121,000" in text


def test_overdraft_is_named_as_what_paid(desk: Desk) -> None:
    desk.account("crab", tier="scale")
    desk.person("cleo@crab.example", "crab")
    for quantity in (200_000, 200_000):
        desk.done(desk.debit("crab", quantity))
    entry = desk.entry(desk.debit("crab", 120_000))
    text = page(desk.signed_in("cleo@crab.example"), entry.id)
    assert "Overdraft 0 \u221220,000" in text


def test_a_capture_shows_its_hold_step_by_step(desk: Desk, ada: Visitor) -> None:
    hold = desk.hold("acme", 400, NOW - MINUTE)
    captured = desk.entry(ledger.CaptureHold(hold_id=hold.id, credits=150, actor=STUDIO))
    text = page(ada, captured.id)
    assert "400 characters × 1 credit per character = 400 credits" in text
    assert (
        "= 400 credits Held for the job while it ran: 400 credits"
        " Went back, because it was not used: 250 credits Charged for what was used: 150 credits"
    ) in text
    assert "22 Nov 2026, 13:51:00 UTC Hold 400 credits held" in text
    assert "22 Nov 2026, 13:52:00 UTC Charge 150 credits charged, 250 returned" in text
    assert "Not charged yet" not in text


def test_a_second_capture_tells_what_was_charged_before(desk: Desk, ada: Visitor) -> None:
    hold = desk.hold("acme", 400)
    desk.done(ledger.CaptureHold(hold_id=hold.id, credits=150, final=False, actor=STUDIO))
    last = desk.entry(ledger.CaptureHold(hold_id=hold.id, credits=250, actor=STUDIO))
    text = page(ada, last.id)
    assert "Charged before: 150 credits Still held for the job: 250 credits" in text
    assert "Charged for what was used: 250 credits" in text


def test_a_capture_before_the_last_tells_what_is_held_on(desk: Desk, ada: Visitor) -> None:
    hold = desk.hold("acme", 400)
    first = ledger.CaptureHold(hold_id=hold.id, credits=150, final=False, actor=STUDIO)
    text = page(ada, desk.entry(first).id)
    assert (
        "Held for the job while it ran: 400 credits Held on, for the rest of the job: 250 credits"
        " Charged for what was used: 150 credits"
    ) in text
    assert "Went back" not in text


def test_an_open_hold_says_it_is_not_charged_yet(desk: Desk, ada: Visitor) -> None:
    placed = desk.done(
        ledger.PlaceHold(
            account_id="acme", operation="clone", quantity=1, reference=desk.task(), actor=STUDIO
        )
    ).entry
    assert placed is not None
    text = page(ada, placed.id)
    assert "Why are these credits held? +500 credits held" in text
    assert "Not charged yet. The credits come back by themselves in 60 minutes." in text
    assert "Nothing of this has been refunded" not in text


def test_an_extension_says_what_was_held_before(desk: Desk, ada: Visitor) -> None:
    hold = desk.hold("acme", 400)
    extended = desk.entry(
        ledger.ExtendHold(hold_id=hold.id, ttl_seconds=600, quantity=500, actor=STUDIO)
    )
    text = page(ada, extended.id)
    assert "500 characters × 1 credit per character = 500 credits" in text
    assert "Held before: 400 credits Held in addition: 100 credits" in text


def test_a_release_says_why_and_where_the_credits_went(desk: Desk, ada: Visitor) -> None:
    hold = desk.hold("acme", 400)
    released = desk.entry(ledger.ReleaseHold(hold_id=hold.id, reason="timed_out", actor=STUDIO))
    text = page(ada, released.id)
    assert "Why did credits come back? \u2212400 credits held" in text
    assert "The job timed out." in text
    assert "Grants the credits returned to" in text


def test_refunds_are_told_in_both_directions(desk: Desk, ada: Visitor) -> None:
    charged = desk.entry(desk.debit("acme", 1204), NOW - DAY)
    _, refund = (
        desk.entry(
            ledger.Refund(entry_id=charged.id, reason="partial", credits=credits, actor=STUDIO)
        )
        for credits in (200, 4)
    )
    text = page(ada, charged.id)
    assert "+200 Generate speech: only part delivered, refunded" in text
    assert "1,204 charged \u2212 204 refunded = 1,000 still charged." in text
    text = page(ada, refund.id)
    assert "This gives back 4 of the 1,204 taken by Generate speech on 21 Nov 2026" in text
    assert "Only part of the job was delivered" in text


def test_what_fell_due_by_itself_says_when_and_why(desk: Desk) -> None:
    desk.clock.now += 10 * DAY
    desk.done(desk.debit("bolt", 1))
    bob = desk.signed_in("bob@bolt.example")
    with desk.database.reading() as connection:
        wanted = ledger.Filter(kinds=("expiry",))
        (expiry,) = ledger.page(connection, "bolt", wanted).entries
    text = page(bob, expiry.id)
    assert "The period ended, and your plan does not carry this part over." in text
    assert "Occurred 1 Dec 2026, 00:00:00 UTC" in text
    assert "Asked by the ledger itself, because it fell due" in text


def test_an_adjustment_shows_its_note_and_who_approved(desk: Desk, ada: Visitor) -> None:
    entry = desk.entry(
        ledger.Adjust(
            account_id="acme", amount=-5, reason="correction", approved_by="olga@portal.example",
            reference=ledger.Reference("ticket", "t_9"), note="Counted twice <b>here</b>",
            actor=ledger.Actor("admin", "otto@portal.example"),
        )
    )  # fmt: skip
    text = page(ada, entry.id)
    assert "Approved by olga@portal.example" in text
    assert "Counted twice &lt;b&gt;here&lt;/b&gt;" in text


@pytest.mark.parametrize("quantity", [50_001, 99_999])
def test_a_refusal_says_what_was_missing_and_what_would_help(
    desk: Desk, bob: Visitor, quantity: int
) -> None:
    desk.done(desk.debit("bolt", 700))
    short = desk.post(desk.debit("bolt", 400))
    large = desk.post(desk.debit("bolt", quantity))
    assert isinstance(short, ledger.Refused)
    assert isinstance(large, ledger.Refused)
    text = page(bob, str(short.refusal_id))
    assert "Not enough credits Refusal" in text
    assert "needed 400 credits, and 300 could be spent on it: 100 short. Nothing was" in text
    assert "Needed 400 Available then 300 Held then 0" in text
    assert "waiting for the next allocation on 1 Dec 2026 00:00 UTC" in text
    assert "a larger plan: Starter, Pro, Scale" in text
    text = page(bob, str(large.refusal_id))
    assert f"allows 1,000 units in one job, and this would have made it {quantity:,}." in text


def test_another_accounts_ids_are_as_unknown_as_any(desk: Desk, ada: Visitor, bob: Visitor) -> None:
    entry = desk.entry(desk.debit("acme", 5))
    refused = desk.post(desk.debit("acme", 60_000))
    assert isinstance(refused, ledger.Refused)
    made_up = f"ent_{'0' * 32}"
    bodies = set()
    for found_id in (entry.id, str(refused.refusal_id), made_up, "x", "%00", "ent_%F0%9F"):
        answer = bob.get(f"/ledger/{found_id}")
        assert answer.status_code == 404
        bodies.add(words(answer.text))
    assert len(bodies) == 1
    assert ada.get(f"/ledger/{entry.id}").status_code == 200


def test_an_unsettled_hold_that_ran_out_says_so(desk: Desk, ada: Visitor) -> None:
    hold = desk.hold("acme", 400)
    desk.clock.now += 900 * SECOND
    with desk.database.reading() as connection:
        (placed,) = ledger.chain_of_hold(connection, "acme", hold.id)
    assert "The hold has run out; its credits are available again." in page(ada, placed.id)

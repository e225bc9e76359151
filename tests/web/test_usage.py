"""The usage page: numbers that close, a report by span, and a poll that costs one row."""

import re
from typing import Any

import pytest
import sqlalchemy as sa

from portal import ledger
from tests.web.desk import DAY, HOUR, MONTH_START, NOW, STUDIO, Desk, Shape, Visitor, words


def polled(visitor: Visitor, tag: str, path: str = "/usage") -> tuple[int, str, str]:
    answer = visitor.part(path, "section#balance", HX_PTag=tag)
    return answer.status_code, answer.headers["HX-PTag"], answer.text


def tag_in(text: str) -> str:
    found = re.search(r'hx-ptag="([^"]+)"', text)
    assert found is not None
    return found[1]


def test_the_card_says_what_is_available_held_allocated_and_when_it_resets(
    desk: Desk, ada: Visitor
) -> None:
    desk.done(desk.debit("acme", 1204))
    desk.hold("acme", 500)
    text = words(ada.get("/usage").text)
    assert "Available 98,296 credits" in text
    assert "98,796 posted \u2212 500 held = 98,296 available" in text
    assert "98,796 of 100,000 left" in text
    assert "500 for 1 running job" in text
    assert "Next period begins 1 Dec 00:00 UTC in 8 days, with +100,000" in text
    assert "Pro" in text


def cap(desk: Desk, limit: str, credits: int | None = None, **members: Any) -> None:
    admin = ledger.Actor("admin", "olga@example.com")
    command = ledger.SetCap(actor=admin, account_id="acme", limit=limit, credits=credits, **members)
    desk.done(command)


def test_the_card_says_which_caps_are_set_and_what_is_left_of_them(
    desk: Desk, ada: Visitor
) -> None:
    assert "Cap for the" not in ada.get("/usage").text
    desk.done(desk.debit("acme", 300), NOW - 2 * DAY)
    desk.done(desk.debit("acme", 200))
    desk.hold("acme", 100)
    cap(desk, "credits_per_day", 1_000)
    cap(desk, "credits_per_period", 250, operation="generate.fast")
    cap(desk, "stop_loss_per_period", 600)
    text = words(ada.get("/usage").text)
    assert "Cap for the day 700 of 1,000 left until 23 Nov 00:00" in text
    assert "Cap for the period, Generate speech, fast model 250 of 250 left until 1 Dec" in text
    assert "Stop-loss for the period 0 of 600 left reached: new jobs are refused until 1" in text
    cap(desk, "stop_loss_per_period", lift=True)
    assert "0 of 600 left lifted until 1 Dec" in words(ada.get("/usage").text)


def test_the_chart_and_its_table_hold_the_same_numbers(desk: Desk, ada: Visitor) -> None:
    desk.done(desk.debit("acme", 1204), NOW - 2 * DAY)
    desk.done(desk.debit("acme", 2, "clone"), NOW - 2 * DAY)
    desk.done(desk.debit("acme", 301), NOW)
    text = ada.get("/usage").text
    assert "20 Nov 2026: 2,204 credits (Generate speech 1,204 · Clone a voice 1,000)" in text
    assert "2,505 credits charged on 2 days of 30; the most on 20 Nov 2026: 2,204." in text
    table = words(text.partition('<table id="days"')[2].partition("</table>")[0])
    assert "20 Nov 2026 1,204 1,000 2,204 0" in table
    assert "22 Nov 2026 301 0 301 0" in table
    assert "All days 1,505 1,000 2,505 0" in table


def test_the_legend_reads_as_a_bar_stands_from_top_to_bottom(desk: Desk, ada: Visitor) -> None:
    desk.done(desk.debit("acme", 600))
    desk.done(desk.debit("acme", 1, "clone"))
    text = ada.get("/usage").text
    legend = text.partition('<ul class="legend">')[2].partition("</ul>")[0]
    upwards = re.findall(r'<rect class="(series-\d)" x', text)
    assert words(legend).split(" Generate") == ["Clone a voice", " speech"]
    assert re.findall(r"series-\d", legend) == upwards[::-1] == ["series-2", "series-1"]


def test_the_breakdown_sums_up_with_refunds_beside(desk: Desk, ada: Visitor) -> None:
    charged = desk.entry(desk.debit("acme", 1204))
    desk.done(desk.debit("acme", 301, "generate.fast"))
    desk.done(ledger.Refund(entry_id=charged.id, reason="partial", credits=204, actor=STUDIO))
    text = words(ada.get("/usage").text)
    assert "Generate speech 1 1,204 characters 1,204 204 1,000 89 %" in text
    assert "Generate speech, fast model 1 301 characters 151 0 151 11 %" in text
    assert "All operations 2 1,355 204 1,151" in text


def test_shares_of_the_breakdown_add_up(desk: Desk, ada: Visitor) -> None:
    desk.done(desk.debit("acme", 955))
    desk.done(desk.debit("acme", 90, "generate.fast"))
    text = words(ada.get("/usage").text)
    assert "Generate speech 1 955 characters 955 0 955 95.5 %" in text
    assert "Generate speech, fast model 1 90 characters 45 0 45 4.5 %" in text


def test_a_row_leads_to_its_entries(desk: Desk, ada: Visitor) -> None:
    desk.done(desk.debit("acme", 5, "generate.fast"))
    text = ada.get("/usage?period=7d").text
    assert "/ledger?operation=generate.fast&amp;from=2026-11-16&amp;to=2026-11-22" in text


def test_a_row_leads_to_its_entries_in_every_zone(desk: Desk) -> None:
    """Usage counts whole days in UTC, and history those of the account: the link says which."""
    desk.account("kiwi", time_zone="Pacific/Auckland")
    desk.person("kim@kiwi.example", "kiwi")
    desk.done(desk.debit("kiwi", 5, "generate.fast"), NOW // DAY * DAY + 23 * HOUR)
    kim = desk.signed_in("kim@kiwi.example")
    kept = "/ledger?operation=generate.fast&from=2026-11-16&to=2026-11-22"
    assert f"{kept}&days=utc".replace("&", "&amp;") in kim.get("/usage?period=7d").text
    assert "whole days in UTC" in words(kim.get(f"{kept}&days=utc").text)
    assert kim.get(f"{kept}&days=utc").text.count("generate.fast") > kim.get(kept).text.count(
        "generate.fast"
    )


@pytest.mark.parametrize(
    ("period", "shown"),
    [("cycle", 1), ("prev", 2), ("7d", 1), ("30d", 2), ("90d", 3), ("nonsense", 1)],
)
def test_a_span_shows_its_own_days_alone(desk: Desk, period: str, shown: int) -> None:
    october = MONTH_START - 31 * DAY
    desk.account("carp", anchor_at=october)
    desk.person("cleo@carp.example", "carp")
    for at in (october + HOUR, october + 29 * DAY, NOW):
        desk.done(desk.debit("carp", 100), at)
    text = words(desk.signed_in("cleo@carp.example").get(f"/usage?period={period}").text)
    assert f"All operations {shown} {100 * shown}" in text


def test_the_last_ten_entries_are_shown_newest_first(desk: Desk, ada: Visitor) -> None:
    for quantity in range(1, 13):
        desk.done(desk.debit("acme", quantity))
    recent = ada.get("/usage").text.partition('<section id="recent"')[2]
    rows = re.findall(r"<tr role=\"row\">.*?</tr>", recent, re.DOTALL)
    shown = [words(row) for row in rows if "Charge" in row]
    assert len(shown) == 10
    assert "12 characters" in shown[0]
    assert "3 characters" in shown[9]


def test_grants_stand_in_the_order_they_are_spent_and_sum_up(desk: Desk, ada: Visitor) -> None:
    desk.done(
        ledger.IssueGrant(
            account_id="acme", credits=20_000, origin="purchase",
            reference=ledger.Reference("payment", "pay_1"),
        )
    )  # fmt: skip
    desk.done(
        ledger.IssueGrant(
            account_id="acme", credits=300, origin="promotion", operations=("clone",),
            reference=ledger.Reference("ticket", "t_1"), expires_at=NOW + 5 * DAY,
        )
    )  # fmt: skip
    grants = words(ada.get("/usage").text.partition('<section id="grants"')[2])
    promotion, allocation, purchase = (
        grants.index(word) for word in ("Promotion", "Monthly allocation", "Purchased credits")
    )
    assert promotion < allocation < purchase
    assert "Clone a voice 27 Nov 13:52 300 0 300" in grants
    assert "everything never 20,000 0 20,000" in grants
    assert "Posted 120,300" in grants


def test_overdraft_in_use_is_subtracted_so_that_grants_still_sum_up(desk: Desk) -> None:
    desk.account("crab", tier="scale")
    desk.person("cleo@crab.example", "crab")
    for quantity in (200_000, 200_000, 120_000):
        desk.done(desk.debit("crab", quantity))
    cleo = desk.signed_in("cleo@crab.example")
    page = cleo.get("/usage").text
    assert "balance-bad" not in page
    text = words(page)
    assert "\u221220,000 posted \u2212 0 held = \u221220,000 available" in text
    assert "overdraft up to 50,000" in text
    assert "No credits are left but the overdraft: 30,000 of it can still be spent." in text
    assert "larger plan" not in text  # there is none
    assert "Overdraft in use \u221220,000 Posted \u221220,000" in text
    desk.done(desk.debit("crab", 30_000))
    page = cleo.get("/usage").text
    assert "balance-bad" in page
    assert "No credits are available, so new jobs are refused." in words(page)


def test_an_empty_account_says_what_is_blocked_and_the_ways_out(desk: Desk, bob: Visitor) -> None:
    desk.done(desk.debit("bolt", 1000))
    text = bob.get("/usage").text
    assert "balance-bad" in text
    assert "No credits are available, so new jobs are refused." in words(text)
    assert "larger plan" in text


def test_a_suspended_account_says_so(desk: Desk, ada: Visitor) -> None:
    desk.done(ledger.SetStatus(account_id="acme", status="suspended"))
    text = ada.get("/usage").text
    assert "balance-bad" in text
    assert "This account is suspended: new jobs are refused." in words(text)


def test_an_account_without_usage_has_no_empty_chart(ada: Visitor) -> None:
    text = ada.get("/usage").text
    assert "Nothing was charged in these days." in text
    assert 'class="chart"' not in text
    assert "Monthly allocation" in text


def test_a_poll_is_answered_with_nothing_until_something_changes(desk: Desk, ada: Visitor) -> None:
    tag = tag_in(ada.get("/usage").text)
    assert polled(ada, tag) == (304, tag, "")
    desk.done(desk.debit("acme", 1204))
    status, changed, text = polled(ada, tag)
    assert status == 200
    assert changed == tag_in(text) != tag
    assert "98,796" in text
    assert "<html" not in text
    for name in ("chart", "days", "breakdown", "recent", "grants"):
        assert f'<hx-partial hx-target="#{name}" hx-swap="outerHTML">' in text
        assert f'id="{name}"' in text
    assert "1,204 characters" in text
    assert polled(ada, changed) == (304, changed, "")


def test_a_page_that_shows_another_account_is_told_to_change(
    desk: Desk, ada: Visitor, bob: Visitor
) -> None:
    """Two tabs, and in one of them somebody else has signed in: both accounts are as old."""
    tag = tag_in(ada.get("/usage").text)
    assert (polled(ada, tag)[0], polled(bob, tag)[0]) == (304, 200)
    ada.borrow(bob.cookie())
    assert "1,000 posted" in words(polled(ada, tag)[2])


def test_a_poll_keeps_the_span_that_is_shown(desk: Desk, ada: Visitor) -> None:
    desk.done(desk.debit("acme", 5))
    _, _, text = polled(ada, "old", "/usage?period=7d")
    assert "16–22 Nov 2026" in text


def test_a_poll_shows_what_fell_due_though_nothing_was_written(desk: Desk, ada: Visitor) -> None:
    desk.hold("acme", 500)
    tag = tag_in(ada.get("/usage").text)
    desk.clock.now += 15 * 60_000_000
    status, changed, text = polled(ada, tag)
    assert (status, changed) == (200, "none")
    assert "100,000 posted \u2212 0 held" in words(text)


def test_an_unchanged_poll_reads_a_session_and_one_row(desk: Desk, ada: Visitor) -> None:
    tag = tag_in(ada.get("/usage").text)
    polled(ada, tag)
    engine = desk.database._reader
    statements: list[str] = []

    def count(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    sa.event.listen(engine, "before_cursor_execute", count)
    assert polled(ada, tag)[0] == 304
    sa.event.remove(engine, "before_cursor_execute", count)
    selects = [statement for statement in statements if statement.startswith("SELECT")]
    assert len(selects) == 2


def test_another_span_swaps_the_report_alone_and_is_read_out(desk: Desk, ada: Visitor) -> None:
    desk.done(desk.debit("acme", 1204))
    text = ada.part("/usage?period=30d", "div#report").text
    assert text.lstrip().startswith('<div id="report">')
    assert 'id="balance"' not in text
    assert "Report updated: 1,204 credits charged, 24 Oct – 22 Nov 2026" in text
    assert "HX-PTag" not in ada.part("/usage?period=30d", "div#report").headers


def test_the_chosen_span_stays_chosen(ada: Visitor) -> None:
    assert '<option value="90d" selected>' in ada.get("/usage?period=90d").text


def test_every_target_of_a_part_is_on_the_page(ada: Visitor) -> None:
    ids = Shape(ada.get("/usage").text).ids
    assert {"balance", "chart", "days", "breakdown", "recent", "grants", "report", "live"} <= set(
        ids
    )
    assert len(ids) == len(set(ids))


def test_times_are_those_of_the_accounts_zone(desk: Desk) -> None:
    desk.account("delta", time_zone="America/New_York")
    desk.person("dan@delta.example", "delta")
    text = words(desk.signed_in("dan@delta.example").get("/usage").text)
    assert "30 Nov 19:00 EST" in text
    assert "When, EST" in text

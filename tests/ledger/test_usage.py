"""Usage per operation and day: the table, the totals, and the count from entries."""

from portal.ledger import usage
from portal.ledger.history import page
from portal.ledger.model import DAY
from tests.ledger.conftest import Lived

ALWAYS = (0, 10**6)


def test_the_daily_table_is_what_the_entries_count_to(lived: Lived) -> None:
    with lived.database.reading() as connection:
        for account in ("ada", "bob", "cy"):
            found = usage.usage_days(connection, account, *ALWAYS)
            assert found == usage.recount_usage(connection, account)
            assert bool(found) == (account != "cy")


def test_what_was_charged_less_refunded_is_what_left_the_account_for_jobs(lived: Lived) -> None:
    with lived.database.reading() as connection:
        entries = page(connection, "ada", limit=1_000).entries
        totals = usage.usage_totals(connection, "ada", *ALWAYS)
    for total in totals:
        own = [entry for entry in entries if entry.operation == total.operation]
        assert total.charged == -sum(e.amount for e in own if e.kind in ("debit", "capture"))
        assert total.refunded == sum(e.amount for e in own if e.kind == "refund")
        done = [e for e in own if e.kind == "debit" or e.resolution == "captured"]
        assert (total.jobs, total.quantity) == (len(done), sum(e.quantity or 0 for e in done))
    assert [total.operation for total in totals] == ["generate", "stream"]


def test_a_range_of_days_has_both_its_ends(lived: Lived) -> None:
    with lived.database.reading() as connection:
        every = usage.usage_days(connection, "ada", *ALWAYS)
        days = sorted({each.day for each in every})
        first, last = days[1], days[-2]
        some = usage.usage_days(connection, "ada", first, last)
        totals = usage.usage_totals(connection, "ada", first, last)
    assert some == tuple(each for each in every if first <= each.day <= last)
    assert sum(total.charged for total in totals) == sum(each.charged for each in some)
    assert {type(value) for total in totals for value in total[1:]} == {int}


def test_late_usage_counts_on_the_day_it_occurred(lived: Lived) -> None:
    with lived.database.reading() as connection:
        entries = page(connection, "ada", limit=1_000).entries
        late = next(entry for entry in entries if entry.quantity == 77)
        found = usage.usage_days(connection, "ada", *[late.occurred_at // DAY] * 2)
    assert late.occurred_at // DAY < late.recorded_at // DAY
    assert found[0].quantity == 77

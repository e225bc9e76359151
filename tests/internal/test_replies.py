"""Bodies of answers, from values alone."""

from portal import ledger, pricing
from portal.internal.replies import entry_reply, posted_reply, quote_reply, reference_reply
from portal.internal.sealed_quotes import Quoted
from portal.ledger import Account, Draw, Entry, Posted

ENTRY = Entry(
    "acme", 7, "ent_1", "debit", -5, 0, 95, 10, None, "usage", "task", "job", "generate", 5,
    "2026-01", "service", "tts", "tts-1", "key", None, None, None, None, None, None,
    '{"a":"b"}', '{"n":1,"ok":true}', 1_000_000, 2_000_000, bytes(32), b"\x01" * 32,
)  # fmt: skip
ACCOUNT = Account(
    "acme", "Acme", "pro", None, "active", 0, "UTC", 0, 0, 0, 100, 20, 6, bytes(32), 0, None, 1,
    bytes(32), 0,
)  # fmt: skip
QUOTED = Quoted("qte_1", "2026-01", 3_000_000)
PRICE = pricing.Quote("generate", 5, 50, "2026-01")


def test_an_entry_says_what_its_row_says() -> None:
    reply = entry_reply(
        ENTRY, [Draw("acme", 7, 0, "grt_1", -3, 0), Draw("acme", 7, 1, None, -2, 0)]
    )
    assert reply["labels"] == {"a": "b"}
    assert reply["metadata"] == {"n": 1, "ok": True}
    assert reply["draws"] == [{"grant": "grt_1", "amount": -3}, {"grant": None, "amount": -2}]
    assert reply["occurred_at"] == "1970-01-01T00:00:01.000000Z"
    assert reply["recorded_at"] == "1970-01-01T00:00:02.000000Z"
    assert reply["hash"] == "01" * 32


def test_an_entry_without_labels_has_empty_ones() -> None:
    reply = entry_reply(ENTRY._replace(labels=None, metadata=None), [])
    assert (reply["labels"], reply["metadata"]) == ({}, {})


def test_draws_of_holds_and_releases_say_what_is_pinned() -> None:
    draws = [Draw("acme", 7, 0, "grt_1", 0, 5)]
    for kind in ("hold", "release"):
        reply = entry_reply(ENTRY._replace(kind=kind), draws)
        assert reply["draws"] == [{"grant": "grt_1", "amount": 5}]


def test_the_balance_is_the_one_after_the_entry_and_not_the_account_s() -> None:
    reply = posted_reply(Posted(ACCOUNT, ENTRY))
    assert reply["balance"] == {
        "account": "acme", "posted": 95, "held": 10, "available": 85, "seq": 7,
    }  # fmt: skip


def test_nothing_is_about_nothing() -> None:
    assert reference_reply(None, None) is None
    assert reference_reply("task", "x") == {"type": "task", "id": "x"}


def test_a_quote_says_who_pays_and_what_is_left() -> None:
    outcome = Posted(ACCOUNT, ENTRY, (Draw("acme", 7, 0, "grt_1", -50, 0),))
    reply = quote_reply("acme", PRICE, QUOTED, outcome)
    assert reply["draws"] == [{"grant": "grt_1", "amount": 50}]
    assert (reply["available_after"], reply["sufficient"]) == (80, True)


def test_a_quote_that_cannot_be_paid_says_how_much_is_missing() -> None:
    error = ledger.InsufficientCreditsError(50, 20, 0, 20, 30, None, 0, ())
    reply = quote_reply("acme", PRICE, QUOTED, ledger.Refused(error))
    assert (reply["available_after"], reply["sufficient"], reply["draws"]) == (-30, False, [])

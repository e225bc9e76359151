"""The checker of histories: an honest one passes, and each thing that may go wrong is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults.history import Asked
from tests.faults.past import ABOUT, Past, job

# Where things stand in `honest()`: answers by place, entries by seq.
DEBIT, HELD, CAPTURED, REFUNDED, POOR, READ, AGAIN, TOO_LATE, TOO_MUCH = range(9)


def honest() -> Past:
    """A debit, a hold captured in part, a refund, a forgotten hold, refusals, a read, a replay."""
    past = Past()
    past.row("grant", 1_000, reason="allocation")
    row = past.row("debit", -100, **ABOUT, reference_id="a")
    past.done("debit", "/debits", job("a"), row)
    row = past.row("hold", 0, 100, **ABOUT, reference_id="b", hold_id="hld_1", reason="placed",
                   expires_at=900)  # fmt: skip
    past.done("hold", "/holds", job("b"), row)
    row = past.row("capture", -40, -100, **ABOUT, hold_id="hld_1", reason="partial",
                   resolution="captured")  # fmt: skip
    past.done("capture", "/holds/hld_1/capture", {"credits": 40}, row)
    row = past.row("refund", 30, reverses_id="ent_2", reason="failed")
    members = {"entry": "ent_2", "credits": 30, "reason": "failed"}
    past.done("refund", "/refunds", members, row)
    past.refusals["rfs_1"] = SimpleNamespace(account_id="acme", as_of_seq=5)
    past.refuse(Asked("debit", "acme", "/debits", job("c", quantity=5_000), "key-c"), 402,
                "insufficient_credits", refusal="rfs_1", required=5_000, available=890,
                held=0)  # fmt: skip
    past.read(5)
    past.told.append(past.told[DEBIT]._replace(began=6.0, ended=6.5, replayed=True))
    past.refuse(Asked("release", "acme", "/holds/hld_1/release", {"reason": "failed"}, "key-r"),
                409, "hold_captured", entry="ent_4")  # fmt: skip
    past.refuse(Asked("refund", "acme", "/refunds", members | {"credits": 71}, "key-m"),
                409, "refund_exceeds")  # fmt: skip
    row = past.row("hold", 0, 50, **ABOUT | {"quantity": 50}, reference_id="d", hold_id="hld_2",
                   reason="placed", expires_at=1)  # fmt: skip
    past.done("hold", "/holds", job("d", quantity=50, ttl_seconds=1), row)
    past.row("release", 0, -50, hold_id="hld_2", reason="expired", resolution="expired")
    past.read(7)
    return past


def test_an_honest_history_passes() -> None:
    assert honest().found() == []


def lose(past: Past) -> None:
    """An acknowledged refund is not there, and all that follows is in order."""
    del past.rows[4]
    for row in past.rows[4:]:
        row.seq -= 1
        row.posted_after -= 30


def double(past: Past) -> None:
    """A debit is there twice under its key."""
    past.row("debit", -100, **ABOUT, reference_id="a", idempotency_key="key-2")


def twice_under_another_key(past: Past) -> None:
    """A debit is there twice, the second time under a key that nobody sent."""
    past.row("debit", -100, **ABOUT, reference_id="a", idempotency_key="key-of-nobody")


def expire_early(past: Past) -> None:
    """A hold has ended by itself before its time."""
    past.rows[5].expires_at = 100


def answer(past: Past, place: int, **changed: Any) -> None:
    """Change what an answer said of its entry."""
    told = past.told[place]
    said = told.answer | {"entry": told.answer["entry"] | changed}
    past.told[place] = told._replace(body=json.dumps(said).encode())


def refusal(past: Past, place: int, **changed: Any) -> None:
    """Change what a refusal said."""
    told = past.told[place]
    past.told[place] = told._replace(body=json.dumps(told.answer | changed).encode())


def balance(past: Past, place: int, **changed: Any) -> None:
    """Change what an answer said of the balance."""
    refusal(past, place, balance=past.told[place].answer["balance"] | changed)


def at(past: Past, place: int, began: float, ended: float) -> None:
    """Something was asked and answered at another time."""
    past.told[place] = past.told[place]._replace(began=began, ended=ended)


def asked(past: Past, place: int, **changed: Any) -> None:
    """Something else was asked than the ledger has."""
    told = past.told[place]
    members = told.asked.members | changed
    past.told[place] = told._replace(asked=told.asked._replace(members=members))


def overspend(past: Past) -> None:
    """A debit of more than there is, asked and answered in good order."""
    row = past.row("debit", -5_000, operation="generate", quantity=5_000, reference_id="e")
    past.done("debit", "/debits", job("e", quantity=5_000), row)


def tell_twice(past: Past) -> None:
    """A second answer under the same key that is fresh, too."""
    past.told.append(past.told[HELD]._replace(began=20.0, ended=20.5))


def tell_otherwise(past: Past) -> None:
    """A replay in other bytes."""
    told = past.told[AGAIN]
    past.told[AGAIN] = told._replace(body=told.body.replace(b": ", b":"))


def forget_refusal(past: Past) -> None:
    """A refusal of which the ledger knows nothing."""
    past.refusals.clear()


def refuse_what_is_there(past: Past) -> None:
    """A refund that was made and called too much."""
    refusal(past, REFUNDED, code="refund_exceeds")
    past.told[REFUNDED] = past.told[REFUNDED]._replace(status=409)


def turn_round(past: Past) -> None:
    """The first entry was asked for when the second one had been answered."""
    at(past, DEBIT, 2.1, 2.2)
    at(past, AGAIN, 2.3, 2.4)


def refuse_as_of_before(past: Past) -> None:
    """A refusal that was right before the refund, which had been answered."""
    past.refusals["rfs_1"].as_of_seq = 4
    refusal(past, POOR, available=860)


SPOILED: dict[str, tuple[str, Callable[[Past], object]]] = {
    "a lost effect": ("lost: key-5", lose),
    "a doubled effect": ("doubled: key-2", double),
    "a doubled effect under another key": ("phantom: nobody", twice_under_another_key),
    "an amount nobody asked for": ("unlike its request", lambda p: asked(p, DEBIT, quantity=99)),
    "another operation": ("unlike its request", lambda p: asked(p, HELD, operation="design")),
    "another reference": ("unlike its request",
                          lambda p: asked(p, DEBIT, reference={"type": "task", "id": "z"})),
    "a hold that ended early": ("unlike its request", expire_early),
    "another hash": ("unlike its answer", lambda p: answer(p, CAPTURED, hash="ff")),
    "another seq": ("unlike its answer", lambda p: answer(p, CAPTURED, seq=3)),
    "sums that do not add up": ("sums", lambda p: setattr(p.rows[3], "posted_after", 861)),
    "a gap in seq": ("sums", lambda p: setattr(p.rows[6], "seq", 8)),
    "a balance below zero": ("overspent", overspend),
    "two fresh answers": ("answers: key-3 has 1", tell_twice),
    "two answers under one key": ("answers: key-2 has 2", tell_otherwise),
    "a replay of nothing": ("answers: key-5 replays",
                            lambda p: p.told.append(p.told.pop(REFUNDED)._replace(replayed=True))),
    "an effect that was refused": ("untold: key-5", refuse_what_is_there),
    "an answer that never came": ("unknown", lambda p: p.told.append(
        p.told.pop(HELD)._replace(status=0, body=b""))),
    "an open triple": ("triple", lambda p: balance(p, READ, available=1)),
    "a balance that never was": ("balance", lambda p: balance(p, READ, held=7, available=883)),
    "an answer's balance": ("balance", lambda p: balance(p, CAPTURED, posted=1, available=1)),
    "a stale read": ("time", lambda p: p.read(4)),
    "a read before its time": ("time", lambda p: at(p, READ, -2.0, -1.0)),
    "an order turned round": ("time", turn_round),
    "a 402 with funds": ("refused wrongly", lambda p: refusal(p, POOR, required=890)),
    "a 402 of another balance": ("refused wrongly", lambda p: refusal(p, POOR, available=889)),
    "a 402 that nobody wrote": ("refused wrongly", forget_refusal),
    "a 402 of a stale balance": ("time", refuse_as_of_before),
    "a 409 of an open hold": ("refused wrongly",
                              lambda p: setattr(p.rows[3], "resolution", None)),
    "a 409 of what was still to come": ("refused wrongly", lambda p: at(p, TOO_LATE, 0.0, 1.0)),
    "a 409 of a refund that was due": ("refused wrongly", lambda p: asked(p, TOO_MUCH, credits=70)),
    "a 500": ("refused wrongly", lambda p: p.refuse(
        Asked("read", "acme", "/accounts/acme/balance", {}), 500, "internal_error")),
    "a 404 of one's own": ("refused wrongly", lambda p: refusal(p, TOO_LATE, code="not_found")),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_a_history_that_is_spoiled_is_told(name: str) -> None:
    text, spoil = SPOILED[name]
    past = honest()
    spoil(past)
    assert [each for each in past.found() if each.startswith(text)], past.found()


def test_a_balance_may_tell_of_holds_that_ran_out_before_they_are_written() -> None:
    """As the door's balance does: its seq is that of the entry to come, or of another."""
    past = honest()
    past.told.pop()
    ahead = past.read(7)
    past.told.remove(ahead)
    past.told.append(ahead._replace(began=11.0, ended=11.5))
    row = past.row("debit", -100, **ABOUT, reference_id="f")
    past.rows[6], past.rows[7] = past.rows[7], past.rows[6]
    past.rows[6].seq, past.rows[7].seq = 7, 8
    past.rows[6].held_after, past.rows[7].posted_after = 50, 790
    past.done("debit", "/debits", job("f"), row, began=10.0, ended=12.0)
    assert past.found() == []

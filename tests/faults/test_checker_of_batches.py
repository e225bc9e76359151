"""The checker on histories with batches: an honest one passes, and what goes wrong is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from portal.internal.strict_json import write
from tests.faults.history import Asked, Told, batch_of
from tests.faults.past import ABOUT, Past, job

# Where things stand in `honest()`: answers by place.
APART, POOR, WHOLE, AGAIN, FULL, LATE, MIXED = range(7)


def debit(name: str, **more: Any) -> Asked:
    """A debit of a hundred credits, unless told."""
    return Asked("debit", "acme", "/debits", job(name, **more), f"key-{name}")


def hold(name: str, **more: Any) -> Asked:
    """A hold of a hundred credits, unless told."""
    return Asked("hold", "acme", "/holds", job(name, **more), f"key-{name}")


CAPTURE = Asked("capture", "acme", "/holds/hld_1/capture", {"credits": 40}, "key-capture")
REFUND = Asked("refund", "acme", "/refunds", {"entry": "ent_2", "credits": 30, "reason": "failed"},
               "key-refund")  # fmt: skip


def result(status: int, body: Any, *, replayed: bool = False) -> dict[str, Any]:
    """What is answered to one command."""
    return {"status": status, "body": body, "replayed": replayed}


def undo(past: Past, commands: list[Asked], status: int, code: str, **more: Any) -> Told:
    """A batch of which nothing was done, for its last command."""
    named = {"index": len(commands) - 1, "idempotency_key": commands[-1].key}
    answer = {"status": status, "code": code, **more, **named}
    return past.say(batch_of(commands, atomic=True), status, answer)


def honest() -> Past:
    """A batch of which each is on its own, and ones that are undone, whole, and said again."""
    past = Past()
    past.row("grant", 1_000, reason="allocation")
    first = past.made(debit("a"), past.row("debit", -100, **ABOUT, reference_id="a"))
    held = past.row("hold", 0, 100, **ABOUT, reference_id="b", hold_id="hld_1", reason="placed",
                    expires_at=900)  # fmt: skip
    second = past.made(hold("b"), held)
    past.refusals["rfs_1"] = SimpleNamespace(account_id="acme", as_of_seq=3)
    short = {"code": "insufficient_credits", "refusal": "rfs_1", "required": 5_000,
             "available": 800, "held": 100}  # fmt: skip
    apart = batch_of([debit("a"), hold("b"), debit("c", quantity=5_000)], atomic=False)
    past.say(apart, 201, {"results": [result(201, first), result(201, second), result(402, short)]})
    undo(past, [debit("d"), REFUND, CAPTURE, hold("e", quantity=5_000)], 402,
         "insufficient_credits", required=5_000, available=790, held=0)  # fmt: skip
    rows = [
        (debit("d"), past.row("debit", -100, **ABOUT, reference_id="d")),
        (CAPTURE, past.row("capture", -40, -100, **ABOUT, hold_id="hld_1", reason="partial",
                           resolution="captured")),
        (REFUND, past.row("refund", 30, reverses_id="ent_2", reason="failed")),
    ]  # fmt: skip
    whole = batch_of([asked for asked, _ in rows], atomic=True)
    bodies = [past.made(*each) for each in rows]
    past.say(whole, 201, {"results": [result(201, body) for body in bodies]})
    past.say(whole, 201, {"results": [result(201, body, replayed=True) for body in bodies]},
             replayed=True)  # fmt: skip
    undo(past, [hold("f"), hold("g"), hold("h")], 403, "limit_reached", limit="open_holds",
         maximum=2, available=590, held=200)  # fmt: skip
    late = [debit("i"), CAPTURE._replace(key="key-late")]
    undo(past, late, 409, "hold_captured", entry="ent_5")
    third = past.made(debit("i"), past.row("debit", -100, **ABOUT, reference_id="i"))
    mixed = batch_of([debit("a"), debit("i")], atomic=False)
    past.say(mixed, 201, {"results": [result(201, first, replayed=True), result(201, third)]})
    return past


def test_an_honest_history_passes() -> None:
    assert honest().found() == []


def results(past: Past, place: int, spoil: Callable[[list[Any]], object]) -> None:
    """Change what an answer says of its commands."""
    told = past.told[place]
    found = told.answer["results"]
    spoil(found)
    past.told[place] = told._replace(body=write({"results": found}).encode())


def problem(past: Past, place: int, **changed: Any) -> None:
    """Change by what a batch was undone."""
    told = past.told[place]
    past.told[place] = told._replace(body=write(told.answer | changed).encode())


def told(past: Past, place: int, **changed: Any) -> None:
    """Change what is known of an answer."""
    past.told[place] = past.told[place]._replace(**changed)


def rebatched(past: Past, place: int, *, atomic: bool) -> None:
    """The same commands were asked for in the other way."""
    told(past, place, asked=batch_of(past.told[place].asked.commands, atomic=atomic))


def leave_a_part(past: Past) -> None:
    """A command of a batch that was undone is there."""
    past.row("hold", 0, 100, **ABOUT, reference_id="f", hold_id="hld_2", reason="placed",
             expires_at=900, idempotency_key="key-f")  # fmt: skip


def come_between(past: Past) -> None:
    """The entry in the middle of a batch was asked for by somebody else, at the same time."""
    alone = past.told[WHOLE]
    answer = alone.answer["results"].pop(1)["body"]
    for place in (WHOLE, AGAIN):
        told(past, place, asked=batch_of([debit("d"), REFUND], atomic=True)._replace(key="key-w"))
        results(past, place, lambda found: found.pop(1))
    past.told.append(Told(CAPTURE, alone.began, alone.ended, 201, write(answer).encode(), False, 0))


def find_a_part(past: Past) -> None:
    """A batch found its first command done, though nobody had asked for that alone."""
    results(past, WHOLE, lambda found: found[0].update(replayed=True))


def tell_the_poor_otherwise(past: Past) -> None:
    """The 402 of a debit is told again by itself, of another balance."""
    short = past.told[APART].answer["results"][2]["body"] | {"available": 799}
    past.say(debit("c", quantity=5_000), 402, short, replayed=True)


SPOILED: dict[str, tuple[str, Callable[[Past], object]]] = {
    "a lost effect": ("lost: key-i", lambda p: p.rows.pop()),
    "a batch that never had an answer": ("unknown", lambda p: told(p, FULL, status=0, body=b"")),
    "a part of what was undone": ("untold: key-f", leave_a_part),
    "a part that was done before": ("batch: .* was done in part before", find_a_part),
    "somebody's entry within": ("batch: key-w was not done at once: ent_5", come_between),
    "a refusal in what is done": ("batch: .* is done in part",
                                  lambda p: rebatched(p, APART, atomic=True)),
    "an answer too few": ("batch: .* has 2 answers to 3",
                          lambda p: results(p, APART, lambda found: found.pop())),
    "answers in another order": ("batch: .* is done in another order",
                                 lambda p: results(p, APART, lambda found: found.reverse())),
    "other JSON": ("batch: .* in other JSON",
                   lambda p: told(p, WHOLE, body=p.told[WHOLE].body.replace(b":", b": "))),
    "a replay without its mark": ("batch: .* as a replay",
                                  lambda p: told(p, AGAIN, replayed=False)),
    "a mark without a replay": ("batch: .* as a replay", lambda p: told(p, MIXED, replayed=True)),
    "two fresh answers": ("answers: key-d has 1",
                          lambda p: results(p, AGAIN, lambda each: each[0].update(replayed=False))),
    "a refusal of all of what is not atomic": ("batch: .* refused as a whole",
                                               lambda p: rebatched(p, POOR, atomic=False)),
    "a refusal of nobody": ("batch: .* refused as a whole", lambda p: problem(p, POOR, index=7)),
    "a refusal of another": ("batch: .* refused as a whole", lambda p: problem(p, POOR, index=0)),
    "a 402 with funds": ("refused wrongly: 402", lambda p: problem(p, POOR, required=790)),
    "a 402 of another balance": ("refused wrongly: 402", lambda p: problem(p, POOR, available=791)),
    "a 402 of a balance that was": ("refused wrongly: 402",
                                    lambda p: told(p, POOR, began=8.0, ended=8.5)),
    "a 402 of a balance to come": ("refused wrongly: 402",
                                   lambda p: told(p, POOR, began=-2.0, ended=-1.0)),
    "a 403 within the limit": ("refused wrongly: 403", lambda p: problem(p, FULL, maximum=3)),
    "a 409 of an open hold": ("refused wrongly: 409",
                              lambda p: setattr(p.rows[4], "resolution", None)),
    "a 409 of what was still to come": ("refused wrongly: 409",
                                        lambda p: told(p, LATE, began=-2.0, ended=-1.0)),
    "a 402 in two wordings": ("answers: key-c has 2", tell_the_poor_otherwise),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_a_history_that_is_spoiled_is_told(name: str) -> None:
    pattern, spoil = SPOILED[name]
    past = honest()
    spoil(past)
    found = past.found()
    assert [each for each in found if re.match(pattern, each)], found

"""Batches over the door: each command its own answer, or all or none, on both databases."""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from portal import ledger
from portal.current import Application
from portal.database import Database, DatabaseError
from portal.internal import SCOPES, batch, rules
from portal.internal.bodies import BatchBody
from portal.internal.door import Caller
from portal.internal.problems import COMMANDS
from portal.internal.turns import Turns
from portal.limits import find_limits
from tests.internal.service import (
    BESIDE,
    ROOT,
    Answer,
    Clock,
    Service,
    debit_of,
    digest_of,
    issue,
    new_key,
)

Members = dict[str, Any]
SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
UNREADABLE: dict[str, tuple[Any, list[str]]] = {
    "no commands": ({}, ["commands"]),
    "an empty list": ({"commands": []}, ["commands"]),
    "too many": ({"commands": [{}] * 1001}, ["commands"]),
    "no list": ({"commands": {"0": {}}}, ["commands"]),
    "an odd flag": ({"commands": [None], "atomic": "yes"}, ["commands.0", "atomic"]),
    "another member": ({"commands": ["x"], "mode": 1}, ["commands.0", "mode"]),
    "no object": ({"commands": [7, []]}, ["commands.0", "commands.1"]),
    "no name, no key": (
        {"commands": [{"command": "grant"}, {"idempotency_key": "short"}]},
        [
            "commands.0.command", "commands.0.idempotency_key",
            "commands.1.command", "commands.1.idempotency_key",
        ],
    ),
}  # fmt: skip


def command(name: str, key: str | None = None, /, **members: Any) -> Members:
    """One command of a batch under a key of its own."""
    return {"command": name, "idempotency_key": key or new_key(), **members}


def debit(quantity: int = 100, key: str | None = None, /, **more: Any) -> Members:
    return command("debit", key, **debit_of(quantity, **more))


def hold(quantity: int = 100, key: str | None = None, /, **more: Any) -> Members:
    return command("hold", key, **debit_of(quantity, **more))


def send(service: Service, *commands: Members, **more: Any) -> Answer:
    return service.post("/batch", {"commands": commands, **more})


def results(service: Service, *commands: Members) -> list[Members]:
    answer = send(service, *commands)
    assert answer.status_code == 201, answer.text
    found: list[Members] = answer.json["results"]
    assert all(list(each) == ["status", "body", "replayed"] for each in found)
    assert all(each["body"].get("status", 201) == each["status"] for each in found)
    return found


def open_small(service: Service) -> None:
    """An account that has 500 credits left."""
    service.put("/accounts/small", {"name": "Small Ltd", "tier": "free"})
    assert service.debit(500, account="small").status_code == 201


def statuses(found: Sequence[Members]) -> list[int]:
    return [each["status"] for each in found]


def codes(found: Sequence[Members]) -> list[str | None]:
    return [each["body"].get("code") for each in found]


def available(service: Service, account: str = "acme") -> int:
    found: int = service.get(f"/accounts/{account}/balance").json["balance"]["available"]
    return found


# --- each on its own -----------------------------------------------------------------------------


def test_every_kind_of_command_is_done_and_answered_in_order(service: Service) -> None:
    first, second, third = (service.held(quantity) for quantity in (100, 200, 300))
    charged = service.debit(50).json["entry"]["id"]
    found = results(
        service,
        debit(10),
        hold(20),
        command("capture", hold=first, credits=60),
        command("release", hold=second, reason="cancelled"),
        command("extend", hold=third, ttl_seconds=60, quantity=301),
        command("refund", entry=charged, reason="partial", credits=5),
    )
    assert statuses(found) == [201] * 6
    entries = [each["body"]["entry"] for each in found]
    assert [(each["kind"], each["amount"], each["hold_amount"]) for each in entries] == [
        ("debit", -10, 0),
        ("hold", 0, 20),
        ("capture", -60, -100),
        ("release", 0, -200),
        ("hold", 0, 1),
        ("refund", 5, 0),
    ]
    assert [each["seq"] - entries[0]["seq"] for each in entries] == list(range(6))
    assert len({each["recorded_at"] for each in entries}) == 1
    kinds = [list(each["body"]) for each in found]
    assert kinds == [
        ["entry", "balance"], *[["hold", "entry", "balance"]] * 4, ["entry", "balance"],
    ]  # fmt: skip


def test_a_refusal_touches_no_neighbour_and_says_what_it_would_say_alone(
    service: Service,
) -> None:
    reused = new_key()
    service.debit(1, key=reused)
    gone = f"hld_{0:032}"
    captured = service.held(5)
    service.post(f"/holds/{captured}/capture", {"credits": 5})
    open_small(service)
    service.put("/accounts/third", {"name": "Third Ltd", "tier": "pro"})
    refused = [
        debit(900, account="small"),
        hold(900, account="small"),
        debit(50_001),
        hold(-1),
        debit(1, account="nobody"),
        debit(1, operation="sing"),
        debit(2, reused),
        command("capture", hold=gone, credits=1),
        command("capture", hold=captured, credits=1),
        command("refund", entry=f"ent_{0:032}", reason="failed"),
        command("extend", hold=gone, ttl_seconds=0),
        command("refund"),
    ]
    found = results(service, debit(1), *refused, debit(2, account="third"))
    assert statuses(found[1:-1]) == [402, 402, 403, 422, 404, 422, 422, 404, 409, 404, 422, 422]
    for members, result in zip(refused, found[1:-1], strict=True):
        alone = asked_alone(service, members)
        assert result["status"] == alone.status_code
        assert told(result["body"], members) == told(alone.json, members)
    assert statuses([found[0], found[-1]]) == [201, 201]
    assert (available(service), available(service, "third")) == (100_000 - 1 - 5 - 1, 99_998)


def told(body: Members, members: Members) -> Members:
    """A problem; where none is bound to the key, each blocked attempt is a refusal of its own."""
    return (
        body
        if members["command"] == "debit" and body["status"] == 402
        else {name: value for name, value in body.items() if name != "refusal"}
    )


def asked_alone(service: Service, members: Members) -> Answer:
    """The same command by a request of its own, under the same key."""
    rest = {k: v for k, v in members.items() if k not in ("command", "idempotency_key", "hold")}
    paths = {"debit": "/debits", "hold": "/holds", "refund": "/refunds"}
    name = members["command"]
    path = paths.get(name) or f"/holds/{members['hold']}/{name}"
    return service.post(path, rest, key=members["idempotency_key"])


def test_a_hold_is_named_by_its_id_and_never_by_the_key_of_an_earlier_command(
    service: Service,
) -> None:
    key = new_key()
    found = results(service, hold(10, key), command("capture", hold=key, credits=10))
    assert statuses(found) == [201, 422]
    [fault] = found[1]["body"]["members"]
    assert (fault["member"], fault["rule"]) == ("hold", "must be an id of ours")
    assert found[1]["body"]["instance"] == f"{ROOT}/batch"
    [alone] = results(service, command("release", reason="failed"))
    assert alone["body"]["members"][0]["member"] == "hold"


def test_what_belongs_to_another_service_is_not_there(
    service: Service, app: Flask, clock: Clock
) -> None:
    mine, charged = service.held(10), service.debit(10).json["entry"]["id"]
    other = issue(app, clock, "other")
    found = results(
        other,
        command("capture", hold=mine, credits=1),
        command("refund", entry=charged, reason="failed"),
    )
    assert codes(found) == ["hold_not_found", "entry_not_found"]
    assert service.get(f"/holds/{mine}").json["hold"]["status"] == "open"


def test_an_unforeseen_failure_touches_no_neighbour(
    service: Service, app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    state: Application = app.extensions["portal"]
    post = state.batches.post

    def poisoned(commands: Sequence[ledger.Command], **how: Any) -> list[ledger.Outcome]:
        for each in commands:
            if isinstance(each, ledger.Debit) and each.quantity in FAILURES:
                raise FAILURES[each.quantity]
        return post(commands, **how)

    monkeypatch.setattr(state.batches, "post", poisoned)
    with caplog.at_level(logging.CRITICAL, "portal"):
        found = results(service, debit(1), debit(13), debit(2), debit(14), debit(15))
    assert statuses(found) == [201, 500, 201, 503, 409]
    assert codes(found)[1::2] == ["internal_error", "storage_unavailable"]
    assert available(service) == 99_997
    with caplog.at_level(logging.CRITICAL, "portal"):
        assert send(service, debit(1), debit(13), atomic=True).status_code == 500
        assert send(service, debit(15), debit(15)).status_code == 409
    assert available(service) == 99_997


FAILURES: dict[int, Exception] = {
    13: ledger.LawBrokenError(1, "acme", 7),
    14: DatabaseError("of the driver's"),
    15: ledger.InProgressError(),
}


def test_a_database_that_does_not_write_answers_for_all(
    service: Service, vault: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(_: object) -> None:
        raise DatabaseError("the disk is full")

    before = digest_of(vault)
    commands = [debit(1), debit(2)]
    with monkeypatch.context() as patched:
        patched.setattr(vault, "run", down)
        for atomic in (False, True):
            answer = send(service, *commands, atomic=atomic)
            assert (answer.status_code, answer.json["code"]) == (503, "storage_unavailable")
            assert answer.headers["Retry-After"] == "1"
    assert digest_of(vault) == before
    assert statuses(results(service, *commands)) == [201, 201]


@SQLITE
def test_one_service_leaves_places_to_others(
    service: Service, app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = Turns(places=3, patience=0.01, abreast=1)
    monkeypatch.setattr(batch, "TURNS", turns)
    other = issue(app, clock, "other")
    with turns.turn():
        turns.taken["tts"] = 2
        answer = send(service, debit(1))
        assert (answer.status_code, answer.json["code"]) == (503, "storage_unavailable")
        assert answer.headers["Retry-After"] == "1"
        assert "this service has 2" in answer.json["detail"]
        assert "took too long" in send(other, debit(1)).json["detail"]


def test_who_waits_for_the_ledger_has_a_place_and_no_turn(
    service: Service, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = Turns(places=3, patience=0.01, abreast=1)
    monkeypatch.setattr(batch, "TURNS", turns)
    state = app.extensions["portal"]
    post, taken = state.batches.post, []

    def noted(commands: Sequence[ledger.Command]) -> list[ledger.Outcome]:
        with turns.turn():
            taken.append(dict(turns.taken))
        return post(commands)

    monkeypatch.setattr(state.batches, "post", noted)
    assert statuses(results(service, debit(1))) == [201]
    assert taken == [{"tts": 1}]
    assert not turns.taken


@dataclass
class Side:
    """One of two accounts of one portal that are asked the same, each in a way of its own."""

    service: Service
    account: str
    holds: list[str]
    entry: str

    @classmethod
    def opened(cls, service: Service, account: str) -> Side:
        """900 of 1,000 credits left: a charge of 50, and two holds of 25."""
        service.put(f"/accounts/{account}", {"name": account, "tier": "free"})
        charged = service.debit(50, account=account).json["entry"]["id"]
        return cls(service, account, [service.held(25, account=account) for _ in range(2)], charged)

    def command(self, drawn: tuple[str, int, int, int]) -> Members:
        """A drawn command as it concerns this account."""
        kind, number, job, key = drawn
        members: Members = {"quantity": number, "reference": {"type": "task", "id": f"job-{job}"}}
        members |= {"account": self.account, "operation": "generate"}
        if kind in ("capture", "release", "extend"):
            own: dict[str, Members] = {
                "capture": {"credits": number // 10},
                "release": {"reason": "failed"},
                "extend": {"ttl_seconds": 60, "quantity": 1 + number // 8},
            }
            members = {"hold": self.holds[job % 2], **own[kind]}
        elif kind == "refund":
            members = {"entry": self.entry, "reason": "partial", "credits": 1 + number // 10}
        return command(kind, f"{self.account}-of-key-{key:010}", **members)

    def seen(self, status: int, body: Members, replayed: bool) -> tuple[Any, ...]:
        """What of an answer is the same on either account."""
        entry = body["entry"] if status == 201 else {}
        numbers = [entry.get(name) for name in ("kind", "amount", "hold_amount", "posted_after",
                                                "held_after", "seq")]  # fmt: skip
        return (status, body.get("code"), body.get("shortfall"), *numbers, replayed)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=st.lists(
        st.tuples(
            st.sampled_from(rules.COMMANDS),
            st.integers(1, 400),
            st.integers(0, 5),
            st.integers(0, 9),
        ),
        min_size=1,
        max_size=10,
    )
)
def test_a_batch_answers_as_its_commands_would_one_by_one(
    service: Service, drawn: list[tuple[str, int, int, int]]
) -> None:
    name = new_key()
    alone, together = (Side.opened(service, f"{name}-{side}") for side in ("a", "b"))
    singly = []
    for each in drawn:
        answer = asked_alone(service, alone.command(each))
        replayed = answer.headers.get("Idempotency-Replayed") == "true"
        singly.append(alone.seen(answer.status_code, answer.json, replayed))
    commands = [together.command(each) for each in drawn]
    found = results(service, *commands)
    seen = [together.seen(each["status"], each["body"], each["replayed"]) for each in found]
    assert seen == singly
    assert available(service, together.account) == available(service, alone.account)
    for before, after in zip(found, results(service, *commands), strict=True):
        if before["status"] == 201:
            assert after == before | {"replayed": True}


# --- keys ----------------------------------------------------------------------------------------


def test_a_batch_again_is_answered_command_by_command(service: Service, clock: Clock) -> None:
    open_small(service)
    commands = [debit(10), debit(900, account="small"), hold(30), debit(1, operation="sing")]
    first = send(service, *commands[:3])
    assert "Idempotency-Replayed" not in first.headers
    clock.advance(seconds=400 * 86_400)
    again = send(service, *commands)
    assert "Idempotency-Replayed" not in again.headers  # one of them never happened before
    found, before = again.json["results"], first.json["results"]
    assert [each["replayed"] for each in found] == [True, True, True, False]
    assert [each | {"replayed": False} for each in found[:3]] == before
    whole = send(service, *commands[:3])
    assert whole.headers["Idempotency-Replayed"] == "true"
    assert whole.json["results"] == found[:3]


def test_a_key_means_the_same_in_a_batch_and_alone(service: Service) -> None:
    placed = service.held(100)
    commands = [debit(10), command("capture", hold=placed, credits=5)]
    in_batch = results(service, *commands)
    for members, result in zip(commands, in_batch, strict=True):
        alone = asked_alone(service, members)
        assert (alone.status_code, alone.json) == (result["status"], result["body"])
        assert alone.headers["Idempotency-Replayed"] == "true"
        told = service.get(f"/requests/{members['idempotency_key']}").json
        assert told == {"status": result["status"], "body": result["body"]}
    other = debit(20)
    alone = asked_alone(service, other)
    [result] = results(service, other)
    assert (result["body"], result["replayed"]) == (alone.json, True)


def test_one_key_twice_in_a_batch_is_done_once(service: Service) -> None:
    key, members = new_key(), debit_of(10)
    once = command("debit", key, **members)
    found = results(service, once, once, command("debit", key, **{**members, "quantity": 11}))
    assert statuses(found) == [201, 201, 422]
    assert found[1] == found[0] | {"replayed": True}
    assert found[2]["body"]["code"] == "idempotency_key_reused"
    assert found[2]["body"]["members"] == ["quantity"]
    assert available(service) == 99_990


def test_the_key_of_the_batch_itself_is_due_and_bound_to_nothing(service: Service) -> None:
    key = new_key()
    without = service.post("/batch", {"commands": [debit(1)]}, idempotency_key=None)
    assert (without.status_code, without.json["code"]) == (400, "idempotency_key_missing")
    for quantity in (1, 2):
        answer = service.post("/batch", {"commands": [debit(quantity)]}, key=key)
        assert answer.status_code == 201
        assert answer.json["results"][0]["replayed"] is False
    assert service.get(f"/requests/{key}").status_code == 404
    assert available(service) == 99_997
    one = results(service, debit(4, key))
    assert statuses(one) == [201]


# --- all or nothing ------------------------------------------------------------------------------


def test_one_refusal_undoes_all_and_is_named(service: Service, vault: Database) -> None:
    open_small(service)
    commands = [debit(10), hold(20), debit(900, account="small"), debit(30)]
    before = digest_of(vault)
    answer = send(service, *commands, atomic=True)
    assert (answer.status_code, answer.json["code"]) == (402, "insufficient_credits")
    assert answer.content_type == "application/problem+json"
    assert (answer.json["index"], answer.json["shortfall"]) == (2, 400)
    assert answer.json["idempotency_key"] == commands[2]["idempotency_key"]
    assert answer.json["instance"] == f"{ROOT}/batch"
    assert answer.json["detail"].startswith(
        "Nothing was done, as commands.2 was refused: This needs 900 credits"
    )
    assert "refusal" not in answer.json
    assert digest_of(vault) == before
    for each in commands:
        assert service.get(f"/requests/{each['idempotency_key']}").status_code == 404
    purchase = {"account": "small", "credits": 400, "origin": "purchase"}
    reference = {"type": "payment", "id": new_key()}
    assert service.post("/grants", {**purchase, "reference": reference}).status_code == 201
    again = send(service, *commands, atomic=True)
    assert (again.status_code, statuses(again.json["results"])) == (201, [201] * 4)
    assert send(service, *commands, atomic=True).headers["Idempotency-Replayed"] == "true"
    assert available(service, "small") == 0


ATOMIC: dict[str, tuple[Members, int, str]] = {
    "members": (debit(-1), 422, "validation"),
    "scope": (command("refund", entry=f"ent_{0:032}", reason="failed"), 403, "scope_denied"),
    "operation": (debit(1, operation="clone"), 403, "scope_denied"),
    "units of a request": (debit(101), 403, "key_cap"),
    "units of a day": (debit(91), 403, "key_cap"),
    "a limit": (debit(60_000, operation="design"), 403, "limit_reached"),
    "another's": (command("capture", hold=f"hld_{0:032}", credits=1), 404, "hold_not_found"),
}


@pytest.mark.parametrize("name", ATOMIC)
def test_whatever_refuses_a_command_refuses_all(
    service: Service, app: Flask, clock: Clock, vault: Database, name: str
) -> None:
    wrong, status, code = ATOMIC[name]
    narrow = service
    if status == 403 and code != "limit_reached":
        narrow = issue(
            app, clock, "narrow", scopes=("debit", "hold"), operations=("generate",),
            max_units=100, daily_units=100,
        )  # fmt: skip
    before = digest_of(vault, without=BESIDE)
    answer = send(narrow, debit(10), wrong, debit(10), atomic=True)
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.text
    assert answer.json["index"] == 1
    assert digest_of(vault, without=BESIDE) == before
    assert send(narrow, debit(50), debit(50), atomic=True).status_code == 201


UNPRICED = debit(1, operation="sing")  # is refused when it is decided
UNREADABLE_ALONE = debit(-1)
OVER_THE_DAY = debit(91)
FIRST: list[tuple[list[Members], int, str]] = [
    ([UNPRICED, UNREADABLE_ALONE], 1, "validation"),
    ([UNPRICED, UNREADABLE_ALONE, debit(101), debit(-2)], 1, "validation"),
    ([UNPRICED, debit(101), UNREADABLE_ALONE], 1, "key_cap"),
    ([UNPRICED, command("capture", hold=f"hld_{0:032}", credits=1)], 0, "unknown_operation"),
    ([UNPRICED, debit(10), OVER_THE_DAY], 2, "key_cap"),
    ([OVER_THE_DAY, debit(10), UNREADABLE_ALONE], 2, "validation"),
    ([debit(10), UNPRICED, debit(1, account="nobody")], 1, "unknown_operation"),
    ([debit(10), debit(1, account="nobody"), UNPRICED], 1, "account_not_found"),
]


@pytest.mark.parametrize(("commands", "index", "code"), FIRST)
def test_what_no_ledger_needs_to_refuse_is_told_before_anything_is_decided(
    service: Service, vault: Database, commands: list[Members], index: int, code: str
) -> None:
    """Members and what the key may ask for, then its units of the day, then the ledger's word."""
    narrow = service.issue("narrow", scopes=("debit", "hold"), max_units=100, daily_units=100)
    before = digest_of(vault, without=BESIDE)
    answer = send(narrow, *commands, atomic=True)
    assert (answer.json["index"], answer.json["code"]) == (index, code)
    assert answer.json["idempotency_key"] == commands[index]["idempotency_key"]
    assert digest_of(vault, without=BESIDE) == before


def test_a_bound_refusal_undoes_all_as_it_was_told_before(service: Service) -> None:
    open_small(service)
    short = debit(900, account="small")
    kept = results(service, short)[0]["body"]
    answer = send(service, debit(1), short, atomic=True)
    assert (answer.status_code, answer.json["index"]) == (402, 1)
    assert answer.json["refusal"] == kept["refusal"]
    assert available(service) == 100_000


# --- what a key may ask for ----------------------------------------------------------------------


def test_scopes_operations_and_caps_are_those_of_each_command(
    service: Service, app: Flask, clock: Clock
) -> None:
    narrow = issue(
        app, clock, service.key.service, scopes=("debit",), operations=("generate",),
        max_units=100,
    )  # fmt: skip
    placed, designed = service.held(1), service.debit(1, operation="design").json["entry"]["id"]
    commands = [
        debit(100),
        debit(101),
        debit(1, operation="design"),
        command("capture", hold=placed, credits=1),
        command("refund", entry=designed, reason="failed"),
    ]
    found = results(narrow, *commands)
    assert codes(found) == [None, "key_cap", "scope_denied", "scope_denied", "scope_denied"]
    assert found[3]["body"]["needs"] == ["hold"]
    wider = issue(
        app, clock, service.key.service, scopes=("hold", "refund"), operations=("generate",)
    )
    found = results(wider, *commands[3:], command("release", hold=service.held(
        1, operation="design"), reason="failed"))  # fmt: skip
    assert codes(found) == [None, "scope_denied", "scope_denied"]
    assert found[1]["body"]["operations"] == ["generate"]


def test_the_units_of_a_day_go_to_the_first_that_fit(
    service: Service, app: Flask, clock: Clock
) -> None:
    narrow = issue(app, clock, "narrow", daily_units=100)
    commands = [debit(60), debit(50), debit(40), debit(5), debit(1, account="nobody")]
    found = results(narrow, *commands)
    assert codes(found) == [None, "key_cap", None, "key_cap", "key_cap"]
    again = results(narrow, *commands)
    assert [each["replayed"] for each in again] == [True, False, True, False, False]
    assert again[0]["body"] == found[0]["body"]
    assert codes(results(narrow, debit(1, account="nobody"))) == ["key_cap"]
    clock.advance(seconds=86_400)
    assert codes(results(narrow, *commands[4:], debit(100))) == ["account_not_found", "key_cap"]
    assert codes(results(narrow, debit(100))) == [None]  # what did nothing counts for nothing


def test_an_account_s_rate_counts_each_command(service: Service, app: Flask, tmp_path: Any) -> None:
    state: Application = app.extensions["portal"]
    rates = {"key": (3, 60), "account": (4, 60), "address": None}
    state.limits = find_limits(tmp_path, b"secret", rates)
    placed = service.held(1)
    found = results(service, *(debit(1) for _ in range(5)), command("capture", hold=placed,
                                                                     credits=1))  # fmt: skip
    assert codes(found) == [None, None, None, "rate_limited", "rate_limited", None]
    assert found[3]["body"]["retry_after"] > 0
    answer = send(service, command("release", hold=placed, reason="failed"), debit(1), atomic=True)
    assert (answer.status_code, answer.json["index"]) == (429, 1)
    assert int(answer.headers["Retry-After"]) == answer.json["retry_after"]
    assert send(service, debit(1)).status_code == 429  # the key's own requests


def test_what_is_named_is_looked_up_in_one_read_of_a_kind(
    service: Service, app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = issue(app, clock, service.key.service, operations=("generate",), daily_units=10**6)
    placed = [service.held(1) for _ in range(9)]
    charged = [service.debit(1).json["entry"]["id"] for _ in range(9)]
    reads: list[str] = []
    for name in ("holds_by_id", "entries_by_id", "known_keys"):
        real = getattr(ledger, name)

        def counted(*asked: Any, name: str = name, real: Any = real) -> Any:
            reads.append(name)
            return real(*asked)

        monkeypatch.setattr(ledger, name, counted)
    found = results(
        narrow,
        *(command("capture", hold=each, credits=0) for each in placed),
        *(command("refund", entry=each, reason="failed") for each in charged),
        *(debit(10**6, account="nobody") for _ in range(9)),
        *(debit(10**6 + each) for each in range(1, 9)),
    )
    assert statuses(found) == [201] * 18 + [404] + [403] * 16
    assert sorted(reads) == ["entries_by_id", "holds_by_id", "known_keys"]


# --- one group -----------------------------------------------------------------------------------


def test_a_thousand_commands_are_one_database_transaction(
    service: Service, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    state: Application = app.extensions["portal"]
    posted: list[int] = []
    post = ledger.post

    def counted(connection: Connection, commands: Sequence[ledger.Command], **terms: Any) -> Any:
        posted.append(len(commands))
        return post(connection, commands, **terms)

    monkeypatch.setattr(ledger, "post", counted)
    commands = [debit(1) for _ in range(1000)]
    found = results(service, *commands)
    assert (posted, set(statuses(found))) == ([1000], {201})
    assert [each["body"]["entry"]["amount"] for each in found] == [-1] * 1000
    assert available(service) == 99_000
    whole = send(service, *commands)
    assert whole.headers["Idempotency-Replayed"] == "true"
    assert [each["body"] for each in whole.json["results"]] == [each["body"] for each in found]
    with state.database.reading() as connection:
        report = ledger.audit(connection, tariffs=state.tariffs(), now=state.clock())
    assert report.differences == ()


@SQLITE
def test_those_who_count_are_told_what_became_of_each_command(
    service: Service, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    served = app.wsgi_app

    def noted(environ: dict[str, Any], start_response: Any) -> Any:
        answer = served(environ, start_response)
        told.append(environ.get(COMMANDS))
        return answer

    monkeypatch.setattr(app, "wsgi_app", noted)
    results(service, debit(1), debit(2), debit(50_001), debit(1, account="nobody"))
    assert told[-1] == {
        (201, None): 2, (403, "limit_reached"): 1, (404, "account_not_found"): 1,
    }  # fmt: skip
    assert send(service, debit(50_001), atomic=True).status_code == 403
    assert told[-1] is None


@SQLITE
@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_batch_is_refused_as_a_whole(
    service: Service, vault: Database, name: str
) -> None:
    body, faults = UNREADABLE[name]
    before = digest_of(vault)
    answer = service.post("/batch", body)
    assert (answer.status_code, answer.json["code"]) == (422, "validation")
    assert [each["member"] for each in answer.json["members"]] == faults
    assert digest_of(vault) == before


@SQLITE
def test_a_batch_may_be_a_mebibyte_and_a_debit_may_not(service: Service) -> None:
    whole = json.dumps({"commands": [debit(1)]}).encode()
    full = whole + b" " * (1024 * 1024 - len(whole))
    assert service.post("/batch", full).status_code == 201
    answer = service.post("/batch", full + b" ")
    assert (answer.status_code, answer.json["maximum"]) == (413, 1024 * 1024)
    assert service.post("/debits", whole + b" " * 16_384).json["maximum"] == 16 * 1024
    for odd in (b'{"commands":[{"a":1,"a":2}]}', b'{"commands":' + b"[" * 9 + b"]" * 9 + b"}"):
        assert service.post("/batch", odd).json["code"] == "malformed_request"


def test_every_command_has_what_reads_it_and_its_endpoint() -> None:
    assert list(batch.KINDS) == list(rules.COMMANDS)
    assert {kind.endpoint for kind in batch.KINDS.values()} <= set(SCOPES)
    body = BatchBody.read({"commands": [debit(1)]})
    assert body.atomic is False


def test_nobody_looks_for_cycles_before_all_of_a_batch_is_gone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its answers still there a look would cost a tenth of the batch and free nothing."""
    seen: list[bool] = []
    answered = batch.answered

    def watched(asking: Caller) -> Response:
        answer = answered(asking)
        seen.append(gc.isenabled())
        return answer

    monkeypatch.setattr(batch, "answered", watched)
    results(service, debit(1))
    assert (seen, gc.isenabled()) == ([False], True)

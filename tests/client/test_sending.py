"""Tries: what is repeated, under which key and signature, for how long, and what is told then."""

from __future__ import annotations

import email.utils
import json
import time
from typing import Any

import pytest

from portal import signing
from portal.client import Credits, Patience, Settings
from portal.client.errors import (
    InProgressError,
    InsufficientCreditsError,
    MisconfiguredError,
    OutcomeUnknownError,
    RateLimitedError,
    SignatureExpiredError,
    SignatureInvalidError,
    UnreachableError,
)
from portal.client.times import write_time
from portal.clock import utc_now
from tests.client.conftest import opened
from tests.client.portals import (
    BALANCE,
    HASTY,
    KID,
    POSTED,
    SECRET,
    Real,
    Scripted,
    Step,
    breaks_off,
    hangs_up,
    problem,
    refuses,
    says,
    waits,
)
from tests.faults.relay import Relay

DONE = says(201, POSTED)
BUSY = refuses("storage_unavailable", 503, retryable=True, retry_after=1)


def debit(credits: Credits, **more: Any) -> Any:
    return credits.debit("acme", "generate", quantity=12, reference="job-1", **more)


@pytest.mark.parametrize(
    "failing",
    [
        hangs_up,
        breaks_off,
        says(200, b"<html>not an answer</html>"),
        says(200, b"[]"),
        says(502, b"<html>Bad Gateway</html>"),
        says(429, b"", Retry_After="0"),
        refuses("storage_unavailable", 503, retryable=True),
        refuses("in_progress", 409, retryable=True),
        refuses("internal_error", 500, retryable=True),
    ],
    ids=["hung-up", "half", "html", "list", "502", "429", "503", "in-progress", "500"],
)
def test_what_may_succeed_is_repeated_as_the_same_request(failing: Step) -> None:
    with Scripted([failing, failing, DONE]) as portal, portal.credits() as credits:
        posted = debit(credits)
        assert posted.balance.available == 88
        assert len(set(portal.bodies)) == 1
        assert set(portal.header("Idempotency-Key")) == {f'"{posted.key}"'}
        assert len(portal.heads) == 3


def test_every_try_is_signed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted([hangs_up, BUSY, hangs_up, DONE]) as portal, portal.credits() as credits:
        debit(credits)
        inputs, macs = portal.header("Signature-Input"), portal.header("Signature")
        digests, keys = portal.header("Content-Digest"), portal.header("Idempotency-Key")
        authority = portal.url.removeprefix("http://")
    assert len(set(inputs)) == len(set(macs)) == 4
    for number, mac in enumerate(macs):
        parsed = signing.read_signature(
            method="POST", authority=authority, path="/internal/v1/debits", query="",
            content_type="application/json", content_digest=digests[number],
            idempotency_key=keys[number], signature_input=inputs[number], signature=mac,
        )  # fmt: skip
        key = signing.Key(signing.HMAC, SECRET.encode(), 0)
        signing.check(parsed, key, utc_now(), portal.bodies[number])


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 413, 415, 422, 423])
def test_what_is_refused_for_good_is_told_at_once(status: int) -> None:
    with Scripted([refuses("insufficient_credits", status)]) as portal:
        with portal.credits() as credits, pytest.raises(InsufficientCreditsError) as refused:
            debit(credits, key="the-key-of-the-job")
        assert len(portal.heads) == 1
    assert (refused.value.status, refused.value.key) == (status, "the-key-of-the-job")


@pytest.mark.parametrize(
    ("asked", "least"),
    [("1", 1.0), ("date", 1.0), ("0", 0.0), ("soon", 0.0), ("-1", 0.0), ("", 0.0)],
)
def test_it_waits_as_long_as_it_is_asked_to(asked: str, least: float) -> None:
    if asked == "date":  # of whole seconds: between one and two from now
        asked = email.utils.formatdate(time.time() + 2, usegmt=True)
    limited = says(429, problem("rate_limited", 429), Retry_After=asked)
    with Scripted([limited, DONE]) as portal, portal.credits() as credits:
        began = time.monotonic()
        debit(credits)
        assert least * 0.95 <= time.monotonic() - began < least + 2.5


def test_it_does_not_wait_past_its_deadline() -> None:
    limited = says(429, problem("rate_limited", 429, retry_after=60), Retry_After="60")
    with Scripted([limited]) as portal, portal.credits() as credits:
        began = time.monotonic()
        with pytest.raises(RateLimitedError) as refused:
            debit(credits, deadline=5)
        assert time.monotonic() - began < 4
        assert len(portal.heads) == 1
    assert refused.value.retry_after == 60


def test_it_gives_up_after_its_tries() -> None:
    with Scripted([refuses("in_progress", 409, retryable=True)]) as portal:
        with portal.credits() as credits, pytest.raises(InProgressError):
            debit(credits)
        assert len(portal.heads) == 6


def test_it_gives_up_at_its_deadline() -> None:
    for step in (hangs_up, waits(10)):
        patience = Patience(tries=10_000, first=0.01, longest=0.05)
        with Scripted([step]) as portal, portal.credits(patience) as credits:
            began = time.monotonic()
            with pytest.raises(OutcomeUnknownError):
                debit(credits, deadline=0.5)
            assert time.monotonic() - began < 4


def test_what_may_have_happened_is_told_as_unknown() -> None:
    """A broken connection first, and refusals that decide nothing after it."""
    busy = refuses("in_progress", 409, retryable=True)
    with (
        Scripted([hangs_up, busy]) as portal,
        portal.credits() as credits,
        pytest.raises(OutcomeUnknownError) as lost,
    ):
        debit(credits, key="the-key-of-the-job")
    assert (lost.value.key, lost.value.tries) == ("the-key-of-the-job", 6)
    with (
        Scripted([BUSY]) as portal,
        portal.credits(patience=HASTY._replace(tries=2)) as credits,
        pytest.raises(OutcomeUnknownError, match="storage_unavailable"),
    ):
        debit(credits)


def test_a_refusal_after_a_broken_connection_decides() -> None:
    """Had the first try done it, the same key would have told so."""
    steps = [hangs_up, refuses("insufficient_credits", 402)]
    with (
        Scripted(steps) as portal,
        portal.credits() as credits,
        pytest.raises(InsufficientCreditsError),
    ):
        debit(credits)


def test_where_nobody_listens_nothing_can_have_happened() -> None:
    with Scripted([DONE]) as portal:
        gone = portal.credits()
    with pytest.raises(UnreachableError):
        debit(gone)


def test_reading_is_repeated_as_well_and_never_unknown() -> None:
    good = says(200, {"balance": BALANCE})
    with Scripted([hangs_up, BUSY, good]) as portal, portal.credits() as credits:
        assert credits.balance("acme").available == 88
    with (
        Scripted([hangs_up]) as portal,
        portal.credits() as credits,
        pytest.raises(UnreachableError),
    ):
        credits.balance("acme")


def test_a_url_that_leads_elsewhere_is_a_fault_of_the_set_up() -> None:
    with (
        Scripted([says(308, b"", Location="https://other.example/")]) as portal,
        portal.credits() as credits,
        pytest.raises(MisconfiguredError, match=r"other\.example"),
    ):
        debit(credits)


# --- clocks --------------------------------------------------------------------------------------


def test_a_clock_that_is_wrong_is_set_by_the_portals(portal: Real) -> None:
    for ahead in (-86_400_000_000, 3_600_000_000):
        with portal.credits(clock=lambda ahead=ahead: utc_now() + ahead) as credits:
            name = opened(credits)
            assert credits.debit(name, "generate", quantity=1, reference="job").entry.amount == -1


def test_a_clock_is_set_once_and_no_more() -> None:
    late = refuses(
        "signature_expired", 401, retryable=True, server_time=write_time(utc_now() + 10**10)
    )
    with Scripted([late]) as portal, portal.credits() as credits:
        with pytest.raises(SignatureExpiredError):
            debit(credits)
        assert len(portal.heads) == 2
    with (
        Scripted([refuses("signature_expired", 401, retryable=True)]) as portal,
        portal.credits() as credits,
        pytest.raises(SignatureExpiredError),
    ):
        debit(credits)


def test_any_other_signature_is_refused_at_once() -> None:
    with Scripted([refuses("signature_invalid", 401)]) as portal:
        with portal.credits() as credits, pytest.raises(SignatureInvalidError):
            debit(credits)
        assert len(portal.heads) == 1


# --- the real portal behind a bad wire -----------------------------------------------------------


def test_an_answer_lost_after_the_commit_charges_once(portal: Real) -> None:
    """The connection is cut when the portal says that it is done."""
    port = int(portal.authority.rpartition(":")[2])
    with portal.credits() as straight:
        name = opened(straight)
        before = straight.balance(name).available
        for number in range(10):
            with Relay(port, word=b"HTTP/1.1 201", cut="after") as wire:
                with portal.credits("http://{}:{}".format(*wire.address)) as credits:
                    posted = credits.debit(name, "generate", quantity=3, reference=f"j{number}")
                assert wire.cuts == 1
            assert posted.replayed
        assert straight.balance(name).available == before - 30


def test_a_request_lost_on_the_way_charges_once(portal: Real) -> None:
    port = int(portal.authority.rpartition(":")[2])
    with portal.credits() as straight:
        name = opened(straight)
        before = straight.balance(name).available
        with Relay(port, word=b"POST /internal", cut="before") as wire:
            with portal.credits("http://{}:{}".format(*wire.address)) as credits:
                posted = credits.debit(name, "generate", quantity=3, reference="job")
            assert wire.cuts == 1
        assert not posted.replayed
        assert straight.balance(name).available == before - 3


def test_a_grant_is_signed_anew_where_its_answer_was_lost(portal: Real) -> None:
    """Its nonce is good once: the same bytes again would be refused."""
    port = int(portal.authority.rpartition(":")[2])
    with portal.credits() as straight:
        name = opened(straight)
        payment = ("payment", f"pay-{name}")
        with Relay(port, word=b"HTTP/1.1 201", cut="after") as wire:
            with portal.credits("http://{}:{}".format(*wire.address)) as credits:
                given = credits.grant(name, 50, origin="purchase", reference=payment)
            assert wire.cuts == 1
        assert given.replayed
        assert [entry.amount for entry in straight.entries(name, newest=1)] == [50]


def test_control_with_one_try_the_outcome_is_unknown_and_asked_for_later(portal: Real) -> None:
    """So the wire does lose answers to what was done; the key finds them."""
    port = int(portal.authority.rpartition(":")[2])
    once = HASTY._replace(tries=1)
    with portal.credits() as straight:
        name = opened(straight)
        before = straight.balance(name).available
        with (
            Relay(port, word=b"HTTP/1.1 201", cut="after") as wire,
            portal.credits("http://{}:{}".format(*wire.address), once) as credits,
            pytest.raises(OutcomeUnknownError) as lost,
        ):
            credits.debit(name, "generate", quantity=3, reference="job")
        key = lost.value.key
        outcome = straight.find_outcome(key)
        assert outcome is not None
        assert outcome.status == 201
        again = straight.debit(name, "generate", quantity=3, reference="job", key=key)
        assert again.replayed
        assert again.entry.id == outcome.body["entry"]["id"]
        assert straight.balance(name).available == before - 3


def test_the_host_is_the_one_that_is_signed() -> None:
    with Scripted([DONE]) as portal:
        settings = Settings.of(portal.url, KID, SECRET, authority="credits.internal:8443")
        with Credits(settings) as credits:
            debit(credits)
        assert portal.header("Host") == ["credits.internal:8443"]


def test_bodies_are_what_was_asked() -> None:
    with Scripted([DONE]) as portal, portal.credits(HASTY) as credits:
        debit(credits, labels={"voice": "ada"}, occurred_at=0)
        assert json.loads(portal.bodies[0]) == {
            "account": "acme",
            "operation": "generate",
            "quantity": 12,
            "reference": {"type": "task", "id": "job-1"},
            "occurred_at": "1970-01-01T00:00:00.000000Z",
            "labels": {"voice": "ada"},
        }

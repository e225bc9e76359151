"""Every verb of the client against the real portal, on both databases."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal.client import (
    AlreadyChargedError,
    ArgumentError,
    CaptureHold,
    CreditsError,
    Debit,
    IdempotencyKeyReusedError,
    InsufficientCreditsError,
    PlaceHold,
    Posted,
    Reference,
    Refund,
    RefundExceedsError,
    ScopeDeniedError,
    SignatureInvalidError,
    ValidationError,
)
from portal.client.credits import Credits
from portal.clock import utc_now
from portal.internal.keys import SCOPES
from tests.client.conftest import opened
from tests.client.portals import Real
from tests.house.tree import ROOT

Task = Callable[[], str]


def test_a_text_is_charged_as_it_is_counted(credits: Credits, account: str, task: Task) -> None:
    before = credits.balance(account)
    posted = credits.debit(account, "generate", text="Grüße\r\n漢字", reference=task())
    assert posted.entry.quantity == 8
    assert posted.entry.amount == -8
    assert posted.balance.available == before.available - 8
    assert posted.hold is None
    assert not posted.replayed
    assert abs(posted.entry.recorded_at - utc_now()) < 60_000_000
    assert sum(draw.amount for draw in posted.entry.draws) == -8


def test_one_key_is_one_intention(credits: Credits, account: str, task: Task) -> None:
    job, key = task(), f"the-key-of-{task():>08}".replace(" ", "0")
    first = credits.debit(account, "generate", quantity=5, reference=job, key=key)
    again = credits.debit(account, "generate", quantity=5, reference=job, key=key)
    assert again == first._replace(replayed=True)
    assert first.key == key
    with pytest.raises(IdempotencyKeyReusedError) as refused:
        credits.debit(account, "generate", quantity=6, reference=job, key=key)
    assert "quantity" in str(refused.value.members)
    outcome = credits.find_outcome(key)
    assert outcome is not None
    assert outcome.status == 201
    assert outcome.body["entry"]["id"] == first.entry.id
    assert credits.find_outcome("a-key-nobody-has-used") is None


def test_keys_that_are_made_are_all_different(credits: Credits, account: str, task: Task) -> None:
    job = task()
    first = credits.debit(account, "generate", quantity=5, reference=Reference("generation", job))
    with pytest.raises(AlreadyChargedError) as refused:
        credits.debit(account, "generate", quantity=5, reference=("generation", job))
    assert refused.value.original == first.entry.id
    assert refused.value.key != first.key


def test_a_quote_is_honoured(credits: Credits, account: str, task: Task) -> None:
    quote = credits.quote(account, "generate", quantity=700)
    assert (quote.credits, quote.sufficient) == (700, True)
    posted = credits.debit(account, "generate", quantity=700, quote=quote, reference=task())
    assert posted.entry.amount == -quote.credits
    assert posted.entry.tariff == quote.tariff
    assert posted.balance.available == quote.available_after


def test_a_batch_tells_of_each_command_what_became_of_it(
    credits: Credits, account: str, task: Task
) -> None:
    held = credits.hold(account, "generate", quantity=100, reference=task())
    charged = credits.debit(account, "generate", quantity=50, reference=task())
    commands = [
        Debit(account, "generate", quantity=10, reference=task()),
        PlaceHold(account, "generate", quantity=20, reference=task(), ttl_seconds=60),
        CaptureHold(held.id, 60),
        Debit(account, "generate", quantity=999, reference=task()),
        Refund(charged.entry, "partial", 5),
    ]
    first = credits.batch(commands)
    assert [each.entry.kind for each in first if isinstance(each, Posted)] == [
        "debit", "hold", "capture", "refund",
    ]  # fmt: skip
    [refused] = (each for each in first if isinstance(each, CreditsError))
    assert isinstance(refused, InsufficientCreditsError)
    assert refused.key == commands[3].key
    again = credits.batch(commands)
    assert [each.replayed for each in again if isinstance(each, Posted)] == [True] * 4
    assert credits.balance(account).available == 1000 - 60 - 50 - 10 - 20 + 5


def test_a_batch_is_larger_than_any_other_request(
    credits: Credits, account: str, task: Task
) -> None:
    commands = [Debit(account, "generate", quantity=1, reference=task()) for _ in range(400)]
    for replayed in (False, True):
        results = credits.batch(commands)
        assert {each.replayed for each in results if isinstance(each, Posted)} == {replayed}
        assert [each.key for each in results] == [each.key for each in commands]
    assert credits.balance(account).available == 600


def test_an_atomic_batch_is_done_whole_or_raises_which_command_refused(
    credits: Credits, account: str, task: Task
) -> None:
    commands = [
        Debit(account, "generate", quantity=quantity, reference=task()) for quantity in (600, 600)
    ]
    with pytest.raises(InsufficientCreditsError) as raised:
        credits.batch(commands, atomic=True)
    assert raised.value.index == 1
    assert raised.value.idempotency_key == commands[1].key
    assert credits.balance(account).available == 1000
    assert len(credits.batch(commands[:1], atomic=True)) == 1
    with pytest.raises(ValidationError):
        credits.batch([])


def test_a_refusal_tells_the_numbers_to_act_on(credits: Credits, account: str, task: Task) -> None:
    have = credits.balance(account).available
    credits.debit(account, "generate", quantity=have - 3, reference=task())
    with pytest.raises(InsufficientCreditsError) as refused:
        credits.debit(account, "generate", quantity=7, reference=task())
    assert refused.value.required == 7
    assert refused.value.available == 3
    assert refused.value.shortfall == 4
    assert refused.value.next_allocation_at is not None
    assert refused.value.next_allocation_at > utc_now()
    assert (refused.value.status, refused.value.code) == (402, "insufficient_credits")
    assert "4 short" in refused.value.detail


def test_refunds_go_back_in_parts_and_no_further(
    credits: Credits, account: str, task: Task
) -> None:
    charged = credits.debit(account, "generate", quantity=100, reference=task())
    part = credits.refund(charged.entry, "partial", credits=30)
    assert part.entry.amount == 30
    with pytest.raises(RefundExceedsError) as refused:
        credits.refund(charged.entry.id, "partial", credits=71)
    assert refused.value.refundable == 70
    assert credits.refund(charged.entry, "failed").entry.amount == 70


def test_the_two_phases_may_lie_in_different_places(
    credits: Credits, account: str, task: Task
) -> None:
    hold = credits.hold(account, "generate", quantity=100, reference=task()).id
    assert credits.get_hold(hold).status == "open"
    extended = credits.extend(hold, 600, quantity=150)
    assert extended.hold is not None
    assert (extended.hold.amount, extended.hold.quantity) == (150, 150)
    part = credits.capture(hold, 40, final=False)
    assert part.hold is not None
    assert (part.hold.status, part.hold.captured) == ("open", 40)
    assert credits.capture(hold, 0).entry is not None
    assert credits.get_hold(hold).captured == 40
    other = credits.hold(account, "generate", quantity=100, reference=task()).id
    released = credits.release(other, "moderated")
    assert released.hold is not None
    assert released.hold.status == "released"
    assert released.entry.reason == "moderated"


def test_credits_are_given_once_for_a_payment(credits: Credits, account: str, task: Task) -> None:
    before, ends = credits.balance(account).posted, utc_now() + 86_400_000_000
    payment = Reference("payment", task())
    given = credits.grant(
        account, 500, origin="purchase", reference=payment, expires_at=ends, key="k" * 20 + task()
    )
    assert given.balance.posted == before + 500
    again = credits.grant(
        account, 500, origin="purchase", reference=payment, expires_at=ends, key=given.key
    )
    assert again.replayed


def test_accounts_are_opened_and_read(credits: Credits) -> None:
    name = opened(credits)
    found = credits.account(name)
    assert (found.id, found.name, found.tier) == (name, "Acme Ltd", "free")
    assert found.period_start <= utc_now() < found.period_end
    assert credits.open_account(name, "Acme Ltd", "free", time_zone="UTC") == found
    long_ago = utc_now() - 40 * 86_400_000_000
    older = credits.open_account(f"{name}-older", "Acme", "free", anchor_at=long_ago)
    assert older.anchor_at == long_ago


def test_entries_are_read_page_by_page(
    credits: Credits, account: str, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = utc_now()
    for quantity in range(1, 8):
        credits.debit(account, "generate", quantity=quantity, reference=task())
    monkeypatch.setattr("portal.client.reads.PAGE", 3)
    every = list(credits.entries(account))
    assert [entry.seq for entry in every] == list(range(len(every), 0, -1))
    assert [entry.quantity for entry in credits.entries(account, newest=4)] == [7, 6, 5, 4]
    debits = list(credits.entries(account, kind=["debit"], from_=began))
    assert [entry.quantity for entry in debits] == [7, 6, 5, 4, 3, 2, 1]
    only = list(credits.entries(account, reference=every[2].reference.id))  # type: ignore[union-attr]
    assert only == [every[2]]
    assert list(credits.entries(account, to=began, kind="debit")) == []
    assert credits.balance(account, as_of=every[1].seq).posted == every[1].posted_after


def test_what_the_portal_does_not_take_is_told_with_its_rules(
    credits: Credits, account: str, task: Task
) -> None:
    with pytest.raises(ValidationError) as refused:
        credits.debit(account, "generate", text="", reference=("no-type", task()))
    assert {fault["member"] for fault in refused.value.members} == {"quantity", "reference.type"}


def test_what_cannot_be_sent_is_told_before(credits: Credits, account: str) -> None:
    with pytest.raises(ArgumentError, match="quantity or a text"):
        credits.debit(account, "generate", reference="job")
    with pytest.raises(ArgumentError, match="not both"):
        credits.debit(account, "generate", quantity=1, text="a", reference="job")
    with pytest.raises(ArgumentError, match="key must be 16 to 128"):
        credits.debit(account, "generate", quantity=1, reference="job", key="short")
    with pytest.raises(ArgumentError, match="hold must be 1 to 128"):
        credits.capture("../accounts/acme", 1)
    with pytest.raises(ArgumentError, match="half a surrogate pair"):
        credits.debit(account, "generate", text="\ud800", reference="job")
    with pytest.raises(ArgumentError, match="JSON"):
        credits.debit(account, "generate", quantity=1, reference="j", metadata={"x": float("nan")})


def test_keys_do_what_they_were_issued_for(portal: Real, credits: Credits, account: str) -> None:
    with portal.key_of(("read",)).credits() as reader:
        assert reader.balance(account) == credits.balance(account)
        with pytest.raises(ScopeDeniedError) as refused:
            reader.debit(account, "generate", quantity=1, reference="job")
    assert refused.value.needs == ["debit"]


def test_a_service_signs_with_a_key_pair_of_its_own(portal: Real, account: str) -> None:
    private = Ed25519PrivateKey.generate()
    raw = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = private.private_bytes(pem, form, serialization.NoEncryption()).decode()
    signs = replace(portal.key_of(SCOPES, public_key=raw), secret=secret)
    with signs.credits() as credits:
        paid = credits.debit(account, "generate", quantity=1, reference="job")
        assert paid.entry.amount == -1
    mistaken = replace(signs, secret=raw)  # the public key is no secret
    with mistaken.credits() as stranger, pytest.raises(SignatureInvalidError):
        stranger.balance(account)


def test_a_client_is_made_of_three_words(portal: Real, account: str) -> None:
    with Credits.to(f"http://{portal.authority}", portal.kid, portal.secret) as straight:
        assert straight.balance(account).account == account


def test_a_wrong_secret_is_told_at_once(portal: Real, account: str) -> None:
    wrong = Real(portal.config, portal.authority, portal.kid, "csk_not-the-secret-at-all")
    with wrong.credits() as stranger, pytest.raises(SignatureInvalidError) as refused:
        stranger.balance(account)
    assert refused.value.status == 401


def test_sixty_four_threads_share_one_client(portal: Real, credits: Credits, task: Task) -> None:
    """What there is is spent exactly, and no thread hears another's answer."""
    account = opened(credits)
    have = credits.balance(account).available
    each, jobs = have // 40, [task() for _ in range(64)]

    def spend(job: str) -> str | None:
        try:
            posted = credits.debit(account, "generate", quantity=each, reference=job, deadline=90)
        except InsufficientCreditsError:
            return None
        assert posted.entry.reference == Reference("task", job)
        return posted.entry.id

    with ThreadPoolExecutor(64) as threads:
        entries = [entry for entry in threads.map(spend, jobs) if entry is not None]
    assert len(set(entries)) == len(entries) == have // each
    assert credits.balance(account).available == have - each * len(entries)


def test_sixty_four_threads_with_one_key_charge_once(
    credits: Credits, account: str, task: Task
) -> None:
    job, key = task(), f"the-only-key-of-{task()}"

    def spend(_: int) -> tuple[str, bool]:
        posted = credits.debit(account, "generate", quantity=9, reference=job, key=key, deadline=90)
        return posted.entry.id, posted.replayed

    with ThreadPoolExecutor(64) as threads:
        told = list(threads.map(spend, range(64)))
    assert len({entry for entry, _ in told}) == 1
    assert [replayed for _, replayed in told].count(False) == 1


def test_every_error_of_the_client_is_a_credits_error(portal: Real) -> None:
    with portal.credits("http://127.0.0.1:1") as nowhere, pytest.raises(CreditsError):
        nowhere.balance("acme")


PARTS = ("__init__.py", "client", "pricing", "signing", "clock.py")


def test_it_needs_nothing_but_python(tmp_path: Path) -> None:
    """The files it is made of, as docs/client.md lists them, and no other package in reach."""
    package = tmp_path / "portal"
    package.mkdir()
    for part in PARTS:
        subprocess.run(["cp", "-r", str(ROOT / "portal" / part), str(package)], check=True)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r});"
        "from portal.client import Credits;"
        "Credits.to('https://credits.example', 'tts-202611a', 'csk_0123456789abcdef');"
        "assert not {'flask', 'sqlalchemy', 'asyncio'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)

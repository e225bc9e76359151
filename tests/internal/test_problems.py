"""The status table: every row is provoked, and the code, the documents and the table agree."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portal import current, ledger, pricing
from portal.database import BusyError, Database
from portal.internal.errors import ValidationError
from portal.internal.problems import HTTP, TABLE, UNEXPECTED, Row, as_door_error
from portal.limits import find_limits
from tests.internal.service import Answer, Clock, Service, debit_of, new_key

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
ROWS = [(ledger.code_of(error), row) for error, row in TABLE.items()]
# Codes that one request provokes by itself, where acme has its 100,000 credits.
SIMPLE: dict[str, Callable[[Service], Answer]] = {
    "malformed_request": lambda service: service.post("/debits", b"{"),
    "idempotency_key_missing": lambda service: service.post("/debits", b"{}", idempotency_key=None),
    "signature_invalid": lambda service: service.get("/accounts/acme", kid="nobody"),
    "signature_expired": lambda service: service.get(
        "/accounts/acme", created=1_000_000_000, expires=1_000_000_060
    ),
    "limit_reached": lambda service: service.debit(50_001),
    "account_not_found": lambda service: service.debit(1, account="nobody"),
    "hold_not_found": lambda service: service.post("/holds/hld_1/capture", {"credits": 1}),
    "entry_not_found": lambda service: service.post(
        "/refunds", {"entry": "ent_00000000", "reason": "failed"}
    ),
    "request_not_found": lambda service: service.get(f"/requests/{new_key()}"),
    "body_timeout": lambda service: service.prepare("POST", "/debits", b"{").send_slowly(),
    "payload_too_large": lambda service: service.post("/debits", b" " * 20_000),
    "unsupported_media_type": lambda service: service.post(
        "/debits", b"{}", content_type="text/plain"
    ),
    "validation": lambda service: service.debit(0),
    "unknown_operation": lambda service: service.debit(1, operation="sing"),
}  # fmt: skip


class Provoke:
    """Codes that need a story; each method tells the one of the code of its name."""

    def __init__(self, service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.service, self.clock, self.monkeypatch = service, clock, monkeypatch

    def insufficient_credits(self) -> Answer:
        assert self.service.debit(50_000).status_code == 201
        assert self.service.debit(50_000).status_code == 201
        return self.service.debit(1)

    def scope_denied(self) -> Answer:
        return self.service.issue("reader", scopes=("read",)).debit(1)

    def key_cap(self) -> Answer:
        return self.service.issue("small", max_units=1).debit(2)

    def account_suspended(self) -> Answer:
        self.set_status("suspended")
        return self.service.debit(1)

    def account_frozen(self) -> Answer:
        self.set_status("frozen")
        return self.service.debit(1)

    def in_progress(self) -> Answer:
        def busy(*_: object) -> None:
            raise BusyError("another writer")

        self.service.get("/accounts/acme")
        self.monkeypatch.setattr(Database, "run", busy)
        return self.service.debit(1)

    def already_charged(self) -> Answer:
        self.service.debit(1, "job-1")
        return self.service.debit(1, "job-1")

    def already_granted(self) -> Answer:
        self.grant()
        return self.grant()

    def hold_captured(self) -> Answer:
        return self.twice("capture", {"credits": 1})

    def hold_released(self) -> Answer:
        return self.twice("release", {"reason": "failed"})

    def hold_expired(self) -> Answer:
        hold = self.service.held(1, ttl_seconds=1)
        self.clock.advance(seconds=1)
        return self.service.post(f"/holds/{hold}/release", {"reason": "failed"})

    def capture_exceeds_hold(self) -> Answer:
        return self.service.post(f"/holds/{self.service.held(1)}/capture", {"credits": 2})

    def refund_exceeds(self) -> Answer:
        entry = self.service.debit(1).json["entry"]["id"]
        members = {"entry": entry, "reason": "failed", "credits": 2}
        return self.service.post("/refunds", members)

    def idempotency_key_reused(self) -> Answer:
        key = new_key()
        self.service.post("/debits", debit_of(1), key=key)
        return self.service.post("/debits", debit_of(1), key=key)

    def balance_limit(self) -> Answer:
        self.monkeypatch.setattr("portal.ledger.book.BALANCE_MAX", 100_000)
        return self.grant()

    def storage_unavailable(self) -> Answer:
        with self.service.app.app_context():
            path = current.config.sqlite_file
        assert path is not None
        self.service.app.extensions["portal"].database.dispose()
        path.write_bytes(b"not a database " * 1000)
        return self.service.debit(1)

    def rate_limited(self) -> Answer:
        state = self.service.app.extensions["portal"]
        folder = state.config.sqlite_file.parent / "shared"
        state.limits = find_limits(folder, b"s" * 32, {"key": (1, 60)})
        assert self.service.debit(1).status_code == 201
        return self.service.debit(1)

    def twice(self, action: str, members: dict[str, Any]) -> Answer:
        hold = self.service.held(1)
        assert self.service.post(f"/holds/{hold}/{action}", members).status_code == 201
        return self.service.post(f"/holds/{hold}/{action}", members)

    def grant(self) -> Answer:
        reference = {"type": "payment", "id": "pay-1"}
        members = {"account": "acme", "credits": 1, "origin": "purchase", "reference": reference}
        return self.service.post("/grants", members)

    def set_status(self, status: str) -> None:
        admin = ledger.Actor("admin", "root@example.com")
        with self.service.app.app_context():
            current.submit(ledger.SetStatus(account_id="acme", status=status, actor=admin))


@pytest.mark.parametrize(("code", "row"), ROWS, ids=[code for code, _ in ROWS])
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_every_row_of_the_table_is_answered_over_http(
    service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch, code: str, row: Row
) -> None:
    if code in SIMPLE:
        answer = SIMPLE[code](service)
    else:
        answer = getattr(Provoke(service, clock, monkeypatch), code)()
    assert (answer.status_code, answer.json["code"]) == (row.status, code), answer.text
    told = answer.json
    assert list(told)[:7] == [
        "type", "title", "status", "detail", "instance", "code", "retryable",
    ]  # fmt: skip
    assert told["type"] == f"urn:credits:problem:{code}"
    assert (told["title"], told["status"]) == (row.title, row.status)
    assert told["retryable"] is row.retryable
    assert told["detail"].endswith(".")
    assert "{" not in told["detail"]
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"


def test_every_refusal_of_the_ledger_and_the_price_list_has_its_row() -> None:
    elsewhere = {
        # Told as a validation, whoever noticed the broken member.
        ledger.ValidationError, pricing.QuantityError, pricing.UnknownTierError,
        pricing.NoTariffError, pricing.PeriodError,
        # Told as not found: what belongs to another service is not there.
        ledger.ScopeDeniedError,
        # Never come of a request: publishing, counting texts, tariffs by name, bases of others,
        # and what carries the refusal that undid a batch.
        ledger.LedgerError, ledger.TariffRefusedError, ledger.LawBrokenError,
        pricing.PricingError, pricing.TariffError, pricing.UnknownTariffError,
        ledger.UndoneError, pricing.RolloverError, pricing.DeliveryError, pricing.SurrogateError,
    }  # fmt: skip
    refusals = {
        kind
        for room in (ledger, pricing)
        for kind in vars(room).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert refusals - elsewhere <= set(TABLE)
    assert not elsewhere & set(TABLE)


@pytest.mark.parametrize(
    ("error", "member", "got"),
    [
        (ledger.ValidationError("reason", "must be one of a", "b"), "reason", "b"),
        (
            ledger.ValidationError("occurred_at", "must be past", 1_000_000),
            "occurred_at",
            "1970-01-01T00:00:01.000000Z",
        ),
        (pricing.QuantityError(0, "must be from 1"), "quantity", "0"),
        (pricing.UnknownTierError("gold", ("free", "pro")), "tier", "gold"),
        (pricing.NoTariffError(5), "occurred_at", None),
        (pricing.PeriodError("outside the calendar"), "anchor_at", None),
    ],
)
def test_broken_members_are_validations_whoever_noticed(
    error: Exception, member: str, got: object
) -> None:
    told = as_door_error(error)
    assert isinstance(told, ValidationError)
    assert [(fault.member, fault.got) for fault in told.faults] == [(member, got)]


@pytest.mark.parametrize(
    ("subject", "told"),
    [("hld_1", ledger.HoldNotFoundError), ("ent_1", ledger.EntryNotFoundError)],
)
def test_what_belongs_to_another_service_is_not_there(subject: str, told: type[Exception]) -> None:
    error = as_door_error(ledger.ScopeDeniedError(subject, "tts"))
    assert type(error) is told
    assert str(error) == str(told(subject))


def test_the_document_has_every_code_with_its_status_and_advice() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\d+) \| (yes|no) \| (.+?) \| (.+?) \|$", DOCUMENT.read_text(), re.M
    )
    told = {(code, int(status), retry == "yes") for code, status, retry, *_ in rows}
    wanted = {(code, row.status, row.retryable) for code, row in ROWS}
    wanted |= {(code, row.status, row.retryable) for code, row in [*HTTP.values(), UNEXPECTED]}
    assert told == wanted
    assert len(rows) == len(told)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_document_s_example_has_the_members_of_a_real_one(
    service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = re.findall(r"```json\n(.+?)```", DOCUMENT.read_text(), re.S)[0]
    answer = Provoke(service, clock, monkeypatch).insufficient_credits()
    assert list(json.loads(text)) == list(answer.json)


def test_whose_outcome_is_not_known_may_always_be_asked_for_again() -> None:
    """A program that acts on `retryable` alone asks again with the same key, and hears."""
    assert all(row.retryable for row in [*TABLE.values(), UNEXPECTED[1]] if row.status >= 500)

"""The contract is exact: each endpoint is refused for everything it says, one request each.

No refusal but a debit's 402 is bound to the key it came for (docs/idempotency.md).
That it says everything is held by every other test of the door: each answer is held against it.
"""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from portal import current, ledger, pricing
from portal.database import BusyError, Database, DatabaseError
from portal.internal import errors
from portal.internal.contract import TERMS, refusals_of
from portal.internal.openapi import routes
from portal.internal.problems import TABLE
from portal.internal.times import write_time
from portal.limits import find_limits
from tests.internal.service import Answer, Sent, Service, debit_of, new_key

DAY = 86_400
MINUTE = 60_000_000
ADMIN = ledger.Actor("admin", "root@example.com")


class Scene:
    """One endpoint; each method provokes the code of its name."""

    def __init__(self, service: Service, patch: pytest.MonkeyPatch, name: str) -> None:
        self.service, self.clock, self.patch, self.name = service, service.clock, patch, name
        self.key = ""  # of the last request

    def sent(self, service: Service | None = None, /, **more: Any) -> Sent:
        """A request that the endpoint takes, signed. key: its idempotency key."""
        signed = {name: more.pop(name) for name in [*more] if name in SIGNED}
        method, path, members = self.base(**more)
        sent = (service or self.service).prepare(method, path, members, **signed)
        self.key = sent.headers.get("Idempotency-Key", "").strip('"')
        return sent

    def base(self, **more: Any) -> tuple[str, str, Any]:
        """Method, path and members of a request that the endpoint takes."""
        hold, account = more.pop("hold", None), more.get("account", "acme")
        quoted = {"account": "acme", "operation": "generate", "quantity": 1}
        match self.name:
            case "post_quote":
                return "POST", "/quotes", {**quoted, **more}
            case "post_debit" | "place_hold":
                path = "/debits" if self.name == "post_debit" else "/holds"
                return "POST", path, {**debit_of(1), **more}
            case "get_hold":
                return "GET", f"/holds/{hold or self.service.held(10)}", None
            case "capture_hold" | "release_hold" | "extend_hold":
                action, members = ON_HOLD[self.name]
                return (
                    "POST",
                    f"/holds/{hold or self.service.held(10)}/{action}",
                    {**members, **more},
                )
            case "post_refund":
                entry = more.pop("entry", None) or self.service.debit(10).json["entry"]["id"]
                return "POST", "/refunds", {"entry": entry, "reason": "failed", **more}
            case "post_grant":
                return "POST", "/grants", {**grant(new_key()), **more}
            case "put_account":
                more.pop("account", None)
                return "PUT", f"/accounts/{account}", {"name": "A", "tier": "pro", **more}
            case "get_request":
                return "GET", f"/requests/{new_key()}", None
            case "get_openapi":
                return "GET", "/openapi.json", None
        suffix = {"get_account": "", "get_balance": "/balance", "get_entries": "/entries"}
        return "GET", f"/accounts/{account}{suffix[self.name]}", None

    @property
    def reads(self) -> bool:
        return self.name.startswith("get_")

    def malformed_request(self) -> Answer:
        sent = self.sent()
        sent.headers["Transfer-Encoding"] = "chunked"
        return sent.send()

    def signature_invalid(self) -> Answer:
        return self.sent(kid="nobody").send()

    def signature_expired(self) -> Answer:
        return self.sent(created=1_000_000_000, expires=1_000_000_060).send()

    def body_timeout(self) -> Answer:
        return self.sent().send_slowly()

    def payload_too_large(self) -> Answer:
        sent = self.sent()
        self.patch.setattr("portal.internal.door.CONTENT_MAX", -1)
        return sent.send()

    def rate_limited(self) -> Answer:
        sent = self.sent()
        state = self.service.app.extensions["portal"]
        folder = state.config.sqlite_file.parent / "shared"
        self.patch.setattr(state, "limits", find_limits(folder, b"s" * 32, {"key": (1, 60)}))
        sent.send()
        return sent.send()

    def storage_unavailable(self) -> Answer:
        sent = self.sent()
        self.service.app.extensions.pop("service_keys", None)
        self.patch.setattr(Database, "reading", fails(DatabaseError))
        return sent.send()

    def scope_denied(self) -> Answer:
        other = "grant" if self.name != "post_grant" else "read"
        return self.sent(self.service.issue("narrow", scopes=(other,))).send()

    def unsupported_media_type(self) -> Answer:
        return self.sent(content_type="text/plain").send()

    def idempotency_key_missing(self) -> Answer:
        return self.sent(idempotency_key=None).send()

    def validation(self) -> Answer:
        return self.sent(query="limit=x&as_of=x").send() if self.reads else self.sent(odd=1).send()

    def in_progress(self) -> Answer:
        sent = self.sent()
        self.patch.setattr(ledger, "post", fails(BusyError))
        return sent.send()

    def idempotency_key_reused(self) -> Answer:
        key = new_key()
        hold = self.service.held(10) if self.name in ON_HOLD else None
        given: dict[str, Any] = {"hold": hold} if hold else {}
        assert self.sent(key=key, **given).send().status_code == 201
        return self.sent(key=key, **given, **CHANGED.get(self.name, {})).send()

    def account_not_found(self) -> Answer:
        return self.sent(account="nobody").send()

    def account_suspended(self) -> Answer:
        opens = self.name in ("post_grant", "put_account")
        sent = self.beyond() if self.name in ON_HOLD else self.sent()
        self.set_status("closed" if opens else "suspended")
        return sent.send()

    def account_frozen(self) -> Answer:
        sent = self.sent()
        self.set_status("frozen")
        return sent.send()

    def limit_reached(self) -> Answer:
        if self.name == "post_grant":
            self.patch.setattr("portal.ledger.grants.LIVE_GRANTS_MAX", 1)
            return self.sent().send()
        return self.sent(quantity=50_001).send()

    def key_cap(self) -> Answer:
        if self.name in ON_HOLD:
            return self.beyond(self.service.issue("tts", max_units=10)).send()
        narrow = self.service.issue("tts", max_units=1)
        if self.name == "put_account":
            return self.sent(narrow, account="other").send()
        more = {"credits": 2} if self.name == "post_grant" else {"quantity": 2}
        return self.sent(narrow, **more).send()

    def unknown_operation(self) -> Answer:
        return self.sent(operation="sing").send()

    def insufficient_credits(self) -> Answer:
        sent = self.beyond() if self.name in ON_HOLD else self.sent()
        self.spend_all()
        return sent.send()

    def already_charged(self) -> Answer:
        job = new_key()
        if self.name == "capture_hold":
            hold = self.service.held(10, task=job, ttl_seconds=1)
            self.clock.advance(seconds=2)
            assert self.service.debit(1, job).status_code == 201
            return self.sent(hold=hold).send()
        assert self.service.debit(1, job).status_code == 201
        return self.sent(reference={"type": "task", "id": job}).send()

    def already_granted(self) -> Answer:
        reference = {"type": "payment", "id": "pay-1"}
        assert self.sent(reference=reference).send().status_code == 201
        return self.sent(reference=reference).send()

    def hold_not_found(self) -> Answer:
        return self.sent(hold="hld_00000000").send()

    def hold_captured(self) -> Answer:
        return self.after("capture", {"credits": 1})

    def hold_released(self) -> Answer:
        return self.after("release", {"reason": "failed"})

    def hold_expired(self) -> Answer:
        hold = self.service.held(10, ttl_seconds=1)
        self.clock.advance(seconds=2 * DAY)
        return self.sent(hold=hold).send()

    def capture_exceeds_hold(self) -> Answer:
        return self.sent(credits=11).send()

    def entry_not_found(self) -> Answer:
        return self.sent(entry="ent_00000000").send()

    def refund_exceeds(self) -> Answer:
        return self.sent(credits=11).send()

    def balance_limit(self) -> Answer:
        sent = self.sent(tier="scale") if self.name == "put_account" else self.sent()
        self.patch.setattr("portal.ledger.book.BALANCE_MAX", 1)
        return sent.send()

    def request_not_found(self) -> Answer:
        return self.sent().send()

    def beyond(self, service: Service | None = None) -> Sent:
        """A capture or an extension that takes a credit more than its hold of 10."""
        if self.name == "extend_hold":
            return self.sent(service, quantity=11)
        self.let_captures_overflow()
        return self.sent(service, credits=11)

    def after(self, action: str, members: dict[str, Any]) -> Answer:
        """The endpoint on a hold that has ended."""
        hold = self.service.held(10)
        assert self.service.post(f"/holds/{hold}/{action}", members).status_code == 201
        return self.sent(hold=hold).send()

    def set_status(self, status: str) -> None:
        with self.service.app.app_context():
            current.submit(ledger.SetStatus(account_id="acme", status=status, actor=ADMIN))

    def let_captures_overflow(self) -> None:
        """From now on, by a price list of its own."""
        database: Database = self.service.app.extensions["portal"].database
        with database.reading() as connection:
            if len(ledger.load_tariffs(connection)) > 1:
                return
        now, text = self.clock.now, pricing.shipped_tariff().document
        text = text.replace('name = "2026-01"', 'name = "overflow"')
        text = text.replace("2026-01-01T00:00:00Z", f"{write_time(now + MINUTE)[:19]}Z")
        text = text.replace('unit = "character"', 'unit = "character"\nover_capture = "overflow"')
        tariff = pricing.parse_tariff(text, "overflow.toml")
        terms: Any = {"now": now, "published_by": "tests"}
        database.run(lambda connection: ledger.publish_tariff(connection, tariff, **terms))
        self.clock.advance(microseconds=MINUTE)

    def spend_all(self) -> None:
        while left := self.service.get("/accounts/acme").json["balance"]["available"]:
            assert self.service.debit(min(left, 50_000)).status_code == 201


USED = ("idempotency_key_reused", "rate_limited")  # their scenes send a key that was used
SIGNED = ("kid", "created", "expires", "content_type", "idempotency_key", "key", "query")
ON_HOLD: dict[str, tuple[str, dict[str, Any]]] = {
    "capture_hold": ("capture", {"credits": 1}),
    "release_hold": ("release", {"reason": "failed"}),
    "extend_hold": ("extend", {"ttl_seconds": 60}),
}

CHANGED: dict[str, dict[str, Any]] = {
    "capture_hold": {"credits": 2},
    "release_hold": {"reason": "cancelled"},
    "extend_hold": {"quantity": 11},
}


def grant(payment: str) -> dict[str, Any]:
    reference = {"type": "payment", "id": payment}
    return {"account": "acme", "credits": 1, "origin": "purchase", "reference": reference}


def fails(error: type[Exception]) -> Callable[..., Any]:
    def failing(*_: object, **__: object) -> Any:
        raise error("as the test says")

    return failing


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
# Of a batch it is its commands that are refused; tests of it have scenes of their own.
@pytest.mark.parametrize("endpoint", [name for name in TERMS if name != "internal.post_batch"])
def test_it_is_refused_for_all_that_its_contract_says(
    app: Flask, service: Service, endpoint: str
) -> None:
    name = endpoint.removeprefix("internal.")
    [method] = [method for route, method in routes(app) if route.endpoint == endpoint]
    for error in sorted(refusals_of(endpoint, method), key=last):
        code = ledger.code_of(error)
        with pytest.MonkeyPatch.context() as patch:
            scene = Scene(service, patch, name)
            scene.set_status("active")
            answer = getattr(scene, code)()
        told = (answer.status_code, answer.json.get("code"))
        assert told == (TABLE[error].status, code), (code, answer.text)
        if scene.key and code not in USED:
            bound = service.get(f"/requests/{scene.key}").status_code == 200
            assert bound == ((name, code) == ("post_debit", "insufficient_credits")), code


# Scenes that leave another price list, or an account that is spent or stopped, come last.
ENDS = (
    errors.KeyCapError,
    ledger.AccountSuspendedError,
    ledger.AccountFrozenError,
    ledger.InsufficientCreditsError,
)


def last(error: type[Exception]) -> int:
    return ENDS.index(error) if error in ENDS else -1


def test_no_endpoint_says_one_thing_twice(app: Flask) -> None:
    for route, method in routes(app):
        found = refusals_of(route.endpoint, method)
        assert len(found) == len({*found})

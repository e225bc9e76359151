"""A portal with customers in it, seen through a browser: who is there, and a service that charges.

Entries are posted by the real engine; later ones come over HTTP, signed as any service signs.
"""

import http.client
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import ConsoleMessage, Page
from sqlalchemy import Connection

from portal import identity, ledger, pricing, signing
from portal.clock import utc_now
from portal.database import Database
from portal.internal.keys import SCOPES, issue_key
from tests.databases import Databases
from tests.serving import Portal, serving

DAY: Final = 86_400_000_000
HOUR: Final = 3_600_000_000
PASSWORD: Final = "correct horse battery"
ADA: Final = "ada@acme.example"
BOB: Final = "bob@bolt.example"
CLEO: Final = "cleo@crow.example"
FAY: Final = "fay@fern.example"
OLGA: Final = "olga@portal.example"
PEOPLE: Final = {ADA: "acme", BOB: "bolt", CLEO: "crow", FAY: "fern", OLGA: None}
STUDIO: Final = ledger.Actor("service", "studio", "studio-1")


@dataclass
class Scene:
    """What a furnished portal holds; ids of entries by what they are."""

    url: str
    authority: str
    kid: str
    secret: str
    log: Path
    ids: dict[str, str] = field(default_factory=dict)

    def debit(self, quantity: int, account: str = "crow") -> dict[str, Any]:
        """Charge an account over HTTP, as a service that has nothing to do with the browser."""
        reference = {"type": "task", "id": f"live-{secrets.token_hex(4)}"}
        members = {
            "account": account, "operation": "generate", "quantity": quantity,
            "reference": reference,
        }  # fmt: skip
        body = json.dumps(members).encode()
        created = utc_now() // 1_000_000
        headers = signing.sign(
            method="POST",
            authority=self.authority,
            path="/internal/v1/debits",
            kid=self.kid,
            secret=self.secret,
            created=created,
            expires=created + 60,
            nonce=secrets.token_urlsafe(16),
            body=body,
            idempotency_key=secrets.token_hex(16),
        )
        connection = http.client.HTTPConnection(self.authority, timeout=10)
        try:
            connection.request("POST", "/internal/v1/debits", body, headers)
            answer = connection.getresponse()
            told = json.loads(answer.read())
        finally:
            connection.close()
        assert answer.status == 201, told
        return dict(told["entry"])


@contextmanager
def furnished(databases: Databases, dialect: str, folder: Path) -> Iterator[Scene]:
    """A portal of its own, filled and served until the block is left."""
    with databases.fresh(dialect) as config, serving(config, folder) as served:
        yield furnish(served)


def furnish(portal: Portal) -> Scene:
    """Fill a portal's database: a busy customer, one without credits, a new one, and an admin.

    Nobody but the test that watches charges appear charges the account `crow`.
    """
    database = Database(portal.config)
    now = utc_now()
    tariff = pricing.shipped_tariff()
    try:
        with database.writing() as connection:
            ledger.publish_tariff(connection, tariff, now=now - 20 * DAY, published_by="tests")
            ids = Teller(connection, pricing.Tariffs([tariff]), now).tell()
            for email, account in PEOPLE.items():
                role = "customer" if account else "admin"
                identity.add_person(
                    connection, email, PASSWORD, account_id=account, role=role, now=now
                )
            key = issue_key(
                connection, service="studio", scopes=SCOPES, operations=None, max_units=None,
                daily_units=None, not_after=now + DAY, now=now,
            )  # fmt: skip
    finally:
        database.dispose()
    secret = signing.derive_secret(portal.config.secret_key, key.kid)
    return Scene(portal.url, portal.authority, key.kid, secret, portal.log, ids)


class Teller:
    """Posts the history, all in one database transaction; keeps ids by what they are."""

    def __init__(self, connection: Connection, tariffs: pricing.Tariffs, now: int) -> None:
        self.connection, self.tariffs, self.now = connection, tariffs, now
        self.source = ledger.Ids(os.urandom)
        self.ids: dict[str, str] = {}

    def post(self, command: ledger.Command, ago: int, name: str = "") -> ledger.Outcome:
        """Post one command some time ago."""
        at = self.now - ago
        (outcome,) = ledger.post(
            self.connection, [command], now=at, tariffs=self.tariffs, ids=self.source
        )
        entry = outcome.entry if isinstance(outcome, ledger.Posted) else None
        refusal = outcome.refusal_id if isinstance(outcome, ledger.Refused) else None
        found = entry.id if entry is not None else refusal
        if name and found is not None:
            self.ids[name] = found
        return outcome

    def debit(self, account: str, operation: str, quantity: int, job: str) -> ledger.Debit:
        """A charge the studio asks for."""
        return ledger.Debit(
            account_id=account, operation=operation, quantity=quantity,
            reference=ledger.Reference("task", job), actor=STUDIO,
        )  # fmt: skip

    def hold(self, quantity: int, job: str) -> ledger.PlaceHold:
        """Voices the studio is about to clone for acme."""
        return ledger.PlaceHold(
            account_id="acme", operation="clone", quantity=quantity,
            reference=ledger.Reference("task", job), actor=STUDIO,
        )  # fmt: skip

    def tell(self) -> dict[str, str]:
        """Seventy charges and a refund, a hold captured in part, one open, and denials."""
        for account, tier in (("acme", "pro"), ("bolt", "free"), ("crow", "pro"), ("fern", "free")):
            name = f"{account.title()} Ltd"
            put = ledger.PutAccount(account_id=account, name=name, tier=tier)
            self.post(put, 0 if account == "fern" else 20 * DAY, f"{account} grant")
        for number in range(70):
            operation = ("generate", "generate.fast", "design")[number % 3]
            quantity = 1 if operation == "design" else 100 + 7 * number
            debit = self.debit("acme", operation, quantity, f"job-{number:04d}")
            self.post(debit, 20 * DAY - number * 6 * HOUR, "debit")
        refund = ledger.Refund(entry_id=self.ids["debit"], reason="partial", credits=5)
        self.post(refund, 2 * DAY, "refund")
        placed = self.post(self.hold(2, "job-0900"), HOUR // 2, "hold")
        assert isinstance(placed, ledger.Posted)
        assert placed.hold is not None
        capture = ledger.CaptureHold(hold_id=placed.hold.id, credits=500, actor=STUDIO)
        self.post(capture, HOUR // 3, "capture")
        self.post(self.hold(1, "job-0901"), HOUR // 4, "open hold")
        refused = (
            ("acme", 60_000, "job-0902"),
            ("bolt", 1000, "job-0903"),
            ("bolt", 1, "job-0904"),
        )
        for account, quantity, job in refused:
            self.post(
                self.debit(account, "generate", quantity, job), HOUR // 5, f"{account} refused"
            )
        return self.ids


class Watch:
    """Whatever a page complains of while a journey goes on.

    `expected` are paths that may answer with an error, which the console repeats.
    """

    def __init__(self, page: Page, expected: tuple[str, ...] = ()) -> None:
        self.complaints: list[str] = []
        self._expected = expected
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        repeated = message.text.startswith("Failed to load resource")
        if repeated and message.location["url"].endswith(self._expected or ("\n",)):
            return
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")


def assert_quiet(scene: Scene, watch: Watch) -> None:
    """The page has not complained, and the portal has heard no complaint and made none."""
    assert watch.complaints == []
    told = scene.log.read_text(errors="replace")
    assert "blocked by the content security policy" not in told
    assert "Traceback" not in told


def sign_in(page: Page, scene: Scene, email: str = ADA) -> None:
    """Fill in the form and send it."""
    page.goto(f"{scene.url}/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()

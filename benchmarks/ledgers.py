"""Databases to measure on: made anew on a disk, with accounts that have credits to spend."""

import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from benchmarks.requests import Signer
from portal import ledger, pricing, signing
from portal.cli.auditing import audited
from portal.clock import utc_now
from portal.config import ROOT, Config
from portal.database import Database
from portal.database.sqlite import UNSAFE_FILESYSTEMS, filesystem_of
from portal.internal.keys import issue_key
from tests.databases import Databases

ROOM: Final = "TEST_POSTGRES_DATA"
AT_ONCE: Final = 500
CREDITS: Final = 10**9
SERVICE: Final = ledger.Actor("service", "bench", "bench-key")
SCOPES: Final = ("debit", "hold", "refund", "quote", "read")


@dataclass(frozen=True)
class Ledger:
    """One filled database: its configuration, accounts, and a service key to sign with."""

    dialect: str
    config: Config
    database: Database
    tariffs: pricing.Tariffs
    ids: ledger.Ids
    accounts: tuple[str, ...]
    kid: str
    server: int | None

    def post(self, commands: Sequence[ledger.Command], now: int | None = None) -> None:
        """Post commands in one database transaction, as the portal does, or did at an instant.

        Raises RuntimeError where one is refused.
        """
        at = utc_now() if now is None else now

        def work(connection: Connection) -> list[ledger.Outcome]:
            return ledger.post(connection, commands, now=at, tariffs=self.tariffs, ids=self.ids)

        with ledger.uncollected():
            outcomes = self.database.run(work)
            refused = [each for each in outcomes if not isinstance(each, ledger.Posted)]
            del outcomes
        if refused:
            raise RuntimeError(f"a command was refused: {refused[0]}")

    def audit(self, jobs: int) -> ledger.Report:
        """Audit all of it, as the command does."""
        return audited(self.database, self.config, now=utc_now(), jobs=jobs, quiet=True)

    def signer(self, authority: str) -> Signer:
        """Who signs requests for a portal at that authority."""
        secret = signing.derive_secret(self.config.secret_key, self.kid)
        return Signer(authority, self.kid, secret)

    def spread(self, count: int) -> list[str]:
        """Accounts for `count` jobs, each as often as any other, in no order."""
        rounds, rest = divmod(count, len(self.accounts))
        chosen = [*self.accounts * rounds, *random.sample(self.accounts, rest)]
        random.shuffle(chosen)
        return chosen


@contextmanager
def databases() -> Iterator[Databases]:
    """The source of databases: all on a disk, where a flush is a flush, and gone at the end."""
    place = Path(tempfile.gettempdir())
    if filesystem_of(place) in UNSAFE_FILESYSTEMS:
        place = ROOT / "var"
        place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="portal-bench-", dir=place) as name:
        folder = Path(name)
        os.environ[ROOM] = str(place)
        yield Databases(folder, folder, os.getpid())
        if (folder / "server.done").exists():
            Databases(folder, folder, os.getpid()).server().stop()


@contextmanager
def filled(source: Databases, dialect: str, count: int) -> Iterator[Ledger]:
    """A fresh database with `count` accounts of the pro tier, each with a purchase besides."""
    with source.fresh(dialect) as config:
        database, tariff = Database(config), pricing.shipped_tariff()
        now = utc_now()
        database.run(
            lambda each: ledger.publish_tariff(each, tariff, now=now, published_by="bench")
        )
        key = database.run(lambda each: issue_key(each, service="bench", scopes=SCOPES, now=now))
        names = tuple(f"account-{number:05}" for number in range(count))
        made = Ledger(
            dialect,
            config,
            database,
            pricing.Tariffs([tariff]),
            ledger.Ids(os.urandom),
            names,
            key.kid,
            None if dialect == "sqlite" else source.server().keeper,
        )
        for first in range(0, count, AT_ONCE):
            open_accounts(made, names[first : first + AT_ONCE])
        yield made
        database.dispose()


def open_accounts(made: Ledger, names: Sequence[str], now: int | None = None) -> None:
    """Provision accounts, now or at an instant, and sell each of them credits."""
    bought = ledger.IssueGrant
    commands: list[ledger.Command] = [
        ledger.PutAccount(account_id=name, name=name.title(), tier="pro") for name in names
    ]
    commands += [
        bought(account_id=name, credits=CREDITS, origin="purchase", reference=payment(name))
        for name in names
    ]
    made.post(commands, now)


def payment(name: str) -> ledger.Reference:
    """The payment that an account's credits were bought with."""
    return ledger.Reference("payment", f"pay-{name}")

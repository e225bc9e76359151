"""Accounts on which work falls due, time that passes when told, and what is written at last."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from portal import ledger, pricing
from portal.config import Config
from portal.current import Application
from portal.database import Database

SECOND = ledger.MICROSECONDS
HOUR, DAY = 3_600 * SECOND, ledger.DAY
NOW = 1_795_355_520_000_000
OPERATOR = ledger.Actor("admin", "root@example.com")
SERVICE = ledger.Actor("service", "tts", "tts-202611a")
# What an entry says whoever wrote it and whenever: all but ids, hashes and the recording's time.
ALIKE = (
    "seq", "kind", "amount", "hold_amount", "posted_after", "held_after", "due_after", "reason",
    "reference_type", "reference_id", "operation", "quantity", "tariff", "actor_kind", "actor",
    "resolution", "expires_at", "occurred_at",
)  # fmt: skip


class World:
    """A portal's state whose time passes when told."""

    def __init__(self, config: Config, now: int = NOW) -> None:
        self.now = now
        self.state = Application(config, Database(config), lambda: self.now, os.urandom)
        with self.state.database.writing() as connection:
            shipped = pricing.shipped_tariff()
            ledger.publish_tariff(connection, shipped, now=now, published_by="tests")

    def open(self, accounts: Iterable[str], tier: str = "pro") -> None:
        """Open accounts, all in one database transaction."""
        commands = [
            ledger.PutAccount(account_id=name, name=name, tier=tier, actor=OPERATOR)
            for name in accounts
        ]
        assert all(isinstance(each, ledger.Posted) for each in self.state.post(commands))

    def hold(self, accounts: Iterable[str], seconds: int, task: str = "job") -> None:
        """Set credits of accounts aside for some time."""
        commands = [
            ledger.PlaceHold(
                account_id=name, operation="generate", quantity=100, actor=SERVICE,
                reference=ledger.Reference("task", f"{task}-{name}"), ttl_seconds=seconds,
            )
            for name in accounts
        ]  # fmt: skip
        assert all(isinstance(each, ledger.Posted) for each in self.state.post(commands))

    def give(self, account: str, credits: int, expires_at: int) -> None:
        """Give credits that lapse."""
        reference = ledger.Reference("promotion", f"gift-{expires_at}")
        command = ledger.IssueGrant(
            account_id=account, credits=credits, origin="promotion", reference=reference,
            expires_at=expires_at, actor=OPERATOR,
        )  # fmt: skip
        assert isinstance(self.state.post([command])[0], ledger.Posted)

    def touch(self, account: str) -> None:
        """Somebody comes by: a debit of one character."""
        command = ledger.Debit(
            account_id=account, operation="generate", quantity=1, actor=SERVICE,
            reference=ledger.Reference("task", f"touch-{self.now}"),
        )  # fmt: skip
        assert isinstance(self.state.post([command])[0], ledger.Posted)

    def entries(self, account: str) -> list[dict[str, Any]]:
        """Everything an account's entries say that does not depend on who wrote them when."""
        with self.state.database.reading() as connection:
            page = ledger.page(connection, account, limit=200).entries
            told = []
            for entry in reversed(page):
                draws = ledger.draws_of(connection, [entry])
                said = {name: getattr(entry, name) for name in ALIKE}
                told.append({**said, "draws": drawn(draws)})
        return told

    def audit(self) -> ledger.Report:
        """The audit of everything."""
        with self.state.database.reading() as connection:
            return ledger.audit(connection, now=self.now)

    def close(self) -> None:
        """Close its connections."""
        self.state.database.dispose()


def drawn(found: Any) -> list[tuple[int, int]]:
    """What draws moved, without the ids of their grants."""
    rows = [draw for draws in found.values() for draw in draws]
    return [(draw.amount, draw.pinned) for draw in rows]

"""The commands of the demo as a service would send them through the signed door.

Each carries its key and the canonical request behind it, so that replays and
`GET /requests/{key}` work on the demo's history as on any other.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from portal import ledger
from portal.internal.strict_json import canonical
from portal.internal.times import write_time

Labels: TypeAlias = Mapping[str, str]


class Service:
    """Asks the ledger in the name of one service and one of its keys."""

    def __init__(self, name: str, kid: str) -> None:
        self.actor = ledger.Actor("service", name, kid)

    def account(
        self, account: str, name: str, tier: str, anchor_at: int, time_zone: str
    ) -> ledger.PutAccount:
        """Open an account, or change its plan."""
        return ledger.PutAccount(
            actor=self.actor,
            account_id=account,
            name=name,
            tier=tier,
            anchor_at=anchor_at,
            time_zone=time_zone,
        )

    def debit(
        self,
        account: str,
        operation: str,
        quantity: int,
        job: str,
        labels: Labels | None = None,
        *,
        occurred_at: int | None = None,
    ) -> ledger.Debit:
        """Charge a finished job at once."""
        when = {} if occurred_at is None else {"occurred_at": write_time(occurred_at)}
        members = {**spending(account, operation, quantity, job, labels), **when}
        return ledger.Debit(
            actor=self.actor,
            request=self._request(f"{job}.debit", "debit", members),
            account_id=account,
            operation=operation,
            quantity=quantity,
            reference=ledger.Reference("generation", job),
            occurred_at=occurred_at,
            labels=canonical(labels) if labels else None,
        )

    def hold(
        self,
        account: str,
        operation: str,
        quantity: int,
        job: str,
        labels: Labels | None = None,
        *,
        ttl_seconds: int | None = None,
    ) -> ledger.PlaceHold:
        """Set the price of a job aside before it runs."""
        life = {} if ttl_seconds is None else {"ttl_seconds": ttl_seconds}
        members = {**spending(account, operation, quantity, job, labels), **life}
        return ledger.PlaceHold(
            actor=self.actor,
            request=self._request(f"{job}.hold", "hold", members),
            account_id=account,
            operation=operation,
            quantity=quantity,
            reference=ledger.Reference("generation", job),
            ttl_seconds=ttl_seconds,
            labels=canonical(labels) if labels else None,
        )

    def extend(self, hold: ledger.Hold, ttl_seconds: int) -> ledger.ExtendHold:
        """Let a hold live on while its job still runs."""
        members = {"hold": hold.id, "ttl_seconds": ttl_seconds}
        request = self._request(f"{hold.reference_id}.extend", "extend", members)
        return ledger.ExtendHold(
            actor=self.actor, request=request, hold_id=hold.id, ttl_seconds=ttl_seconds
        )

    def capture(self, hold: ledger.Hold, credits: int) -> ledger.CaptureHold:
        """Charge what a job came to."""
        members = {"hold": hold.id, "credits": credits}
        request = self._request(f"{hold.reference_id}.capture", "capture", members)
        return ledger.CaptureHold(
            actor=self.actor, request=request, hold_id=hold.id, credits=credits
        )

    def release(self, hold: ledger.Hold, reason: str) -> ledger.ReleaseHold:
        """Charge nothing for a job that came to nothing."""
        members = {"hold": hold.id, "reason": reason}
        request = self._request(f"{hold.reference_id}.release", "release", members)
        return ledger.ReleaseHold(actor=self.actor, request=request, hold_id=hold.id, reason=reason)

    def refund(self, entry: ledger.Entry, reason: str, credits: int | None = None) -> ledger.Refund:
        """Give back all or part of a charge."""
        part = {} if credits is None else {"credits": credits}
        members = {"entry": entry.id, "reason": reason, **part}
        request = self._request(f"{entry.reference_id}.refund", "refund", members)
        return ledger.Refund(
            actor=self.actor, request=request, entry_id=entry.id, reason=reason, credits=credits
        )

    def grant(
        self,
        account: str,
        credits: int,
        origin: str,
        reference: ledger.Reference,
        expires_at: int | None = None,
        operations: tuple[str, ...] | None = None,
    ) -> ledger.IssueGrant:
        """Give credits that were bought or promised."""
        limits: dict[str, Any] = {}
        if expires_at is not None:
            limits["expires_at"] = write_time(expires_at)
        if operations is not None:
            limits["operations"] = list(operations)
        about = {"account": account, "credits": credits, "origin": origin}
        members = {**about, "reference": reference._asdict(), **limits}
        return ledger.IssueGrant(
            actor=self.actor,
            request=self._request(f"{account}.{reference.id}.grant", "grant", members),
            account_id=account,
            credits=credits,
            origin=origin,
            reference=reference,
            expires_at=expires_at,
            operations=operations,
        )

    def _request(self, key: str, command: str, members: dict[str, Any]) -> ledger.Request:
        body = canonical({"command": command, **members})
        return ledger.Request(self.actor.name, key.ljust(16, "-"), body)


def spending(
    account: str, operation: str, quantity: int, job: str, labels: Labels | None
) -> dict[str, Any]:
    """The members that a debit and a hold have in common."""
    members: dict[str, Any] = {
        "account": account,
        "operation": operation,
        "quantity": quantity,
        "reference": {"type": "generation", "id": job},
    }
    return {**members, "labels": dict(labels)} if labels else members

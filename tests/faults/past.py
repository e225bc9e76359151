"""A history of one account as it may be, which a test may spoil before it is checked."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from portal.internal.strict_json import write
from tests.faults.checker import FIELDS, Checker
from tests.faults.clients import after
from tests.faults.history import Asked, Told

TIERS = {"acme": "free"}
JOB = {"account": "acme", "operation": "generate", "quantity": 100}
ABOUT: dict[str, Any] = {"operation": "generate", "quantity": 100}


class Past:
    """Entries, refusals and answers that fit together."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.told: list[Told] = []
        self.refusals: dict[str, Any] = {}

    def row(self, kind: str, amount: int, hold_amount: int = 0, **more: Any) -> Any:
        """One entry more."""
        seq, last = len(self.rows) + 1, self.rows[-1] if self.rows else None
        members: dict[str, Any] = {
            "id": f"ent_{seq}", "account_id": "acme", "seq": seq, "kind": kind, "amount": amount,
            "hold_amount": hold_amount, "posted_after": (last.posted_after if last else 0) + amount,
            "held_after": (last.held_after if last else 0) + hold_amount, "reason": "usage",
            "operation": None, "quantity": None, "tariff": None, "hold_id": None,
            "reverses_id": None, "reference_id": None, "resolution": None, "expires_at": None,
            "idempotency_key": None, "recorded_at": seq, "hash": bytes([seq]),
        }  # fmt: skip
        self.rows.append(SimpleNamespace(**members | more))
        return self.rows[-1]

    def tell(self, asked: Asked, status: int, answer: Any, **more: Any) -> Told:
        """One answer more, at its own time."""
        at = float(len(self.told))
        told = Told(asked, at, at + 0.5, status, json.dumps(answer).encode(), False, 0)
        self.told.append(told._replace(**more))
        return self.told[-1]

    def done(self, kind: str, path: str, members: dict[str, Any], row: Any, **more: Any) -> Told:
        """A request that made a row, and its answer."""
        asked = Asked(kind, "acme", path, members, f"key-{row.seq}")
        return self.tell(asked, 201, self.made(asked, row), **more)

    def say(self, asked: Asked, status: int, answer: Any, **more: Any) -> Told:
        """One answer more, in the bytes that the door writes."""
        return self.tell(asked, status, {}, body=write(answer).encode(), **more)

    def made(self, asked: Asked, row: Any) -> dict[str, Any]:
        """The body that tells of a row that a request made."""
        row.idempotency_key = asked.key
        entry = {name: getattr(row, own) for name, own in FIELDS.items()}
        entry |= {"hash": row.hash.hex()}
        return {"entry": entry, "balance": after(entry)}

    def refuse(self, asked: Asked, status: int, code: str, **numbers: Any) -> Told:
        """A request that was refused."""
        return self.tell(asked, status, {"code": code, **numbers})

    def read(self, seq: int) -> Told:
        """A balance that was read."""
        balance = after({name: getattr(self.rows[seq - 1], own) for name, own in FIELDS.items()})
        return self.tell(Asked("read", "acme", "/accounts/acme/balance", {}), 200,
                         {"balance": balance})  # fmt: skip

    def found(self) -> list[str]:
        """The violations."""
        return Checker(self.told, {"acme": self.rows}, self.refusals, TIERS).found


def job(name: str, **more: Any) -> dict[str, Any]:
    """Members of a debit or hold."""
    return JOB | {"reference": {"type": "task", "id": name}} | more

"""Plain values of the ledger for tests of words: everything usual but what a test names."""

from typing import Any

from portal import ledger


def entry(**known: Any) -> ledger.Entry:
    """A charge of 1,204 characters."""
    usual: dict[str, Any] = dict.fromkeys(ledger.Entry._fields) | {
        "account_id": "acme", "seq": 7, "id": "ent_1", "kind": "debit", "amount": -1204,
        "hold_amount": 0, "posted_after": 0, "held_after": 0, "reason": "usage",
        "operation": "generate", "quantity": 1204, "tariff": "2026-01", "actor_kind": "service",
        "actor": "studio", "occurred_at": 0, "recorded_at": 0, "prev_hash": b"", "hash": b"",
    }  # fmt: skip
    return ledger.Entry(**(usual | known))


def grant(**known: Any) -> ledger.Grant:
    """A month's allocation."""
    usual: dict[str, Any] = dict.fromkeys(ledger.Grant._fields) | {
        "id": "grt_1", "account_id": "acme", "seq": 1, "origin": "allocation", "priority": 20,
        "amount": 1000, "effective_at": 0, "remaining": 1000, "pinned": 0,
    }  # fmt: skip
    return ledger.Grant(**(usual | known))


def refusal(**known: Any) -> ledger.Refusal:
    """A charge that was refused for want of credits."""
    usual: dict[str, Any] = dict.fromkeys(ledger.Refusal._fields) | {
        "id": "rfs_1", "account_id": "acme", "as_of_seq": 7, "command": "debit",
        "code": "insufficient_credits", "operation": "generate", "quantity": 1204,
        "required": 1204, "available": 300, "held": 0, "actor_kind": "service",
        "actor": "studio", "details": "{}", "recorded_at": 0, "hash": b"",
    }  # fmt: skip
    return ledger.Refusal(**(usual | known))

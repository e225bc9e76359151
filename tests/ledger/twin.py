"""The triggers' twin: what the database moves when rows come in, in plain Python.

It shares no code with the ledger and knows columns by name alone. It moves rows as they are
given, in order, and checks nothing: checking is the guards' work.
"""

from typing import Any

Row = dict[str, Any]
Tables = dict[str, list[Row]]
DAY = 24 * 60 * 60 * 1_000_000
TERMS = [
    "name",
    "tier",
    "next_tier",
    "status",
    "overdraft_limit",
    "time_zone",
    "anchor_at",
    "period_start",
    "period_end",
    "caps",
]


class Twin:
    """Accounts, grants, holds and usage as rows coming in would make them."""

    def __init__(self, accounts: list[Row], grants: list[Row]) -> None:
        self.accounts = {row["id"]: opened(row) for row in accounts}
        self.grants = {row["id"]: {**row, "remaining": 0, "pinned": 0} for row in grants}
        self.holds: dict[str, Row] = {}
        self.usage: dict[tuple[str, int, str], Row] = {}

    def revise(self, row: Row) -> None:
        """A revision says the terms."""
        account = self.accounts[row["account_id"]]
        account.update({name: row[name] for name in TERMS})
        account.update(revision=row["revision"], revision_hash=row["hash"])
        account["changed_at"] = max(account["changed_at"], row["recorded_at"])

    def draw(self, row: Row) -> None:
        """A draw moves its grant; overdraft has none."""
        if row["grant_id"] is not None:
            self.grants[row["grant_id"]]["remaining"] += row["amount"]
            self.grants[row["grant_id"]]["pinned"] += row["pinned"]

    def enter(self, row: Row) -> None:
        """An entry moves its account, its hold and the usage of its day."""
        account = self.accounts[row["account_id"]]
        account["posted"] += row["amount"]
        account["held"] += row["hold_amount"]
        account.update(seq=row["seq"], head_hash=row["hash"], next_due_at=row["due_after"])
        account["changed_at"] = max(account["changed_at"], row["recorded_at"])
        if row["hold_id"] is not None and row["kind"] != "debit":
            self.hold(row)
        if row["operation"] is not None and row["kind"] in ("debit", "capture", "refund"):
            self.count(row)

    def hold(self, row: Row) -> None:
        """Place, extend, capture or close a hold."""
        if row["reason"] == "placed":
            same = "account_id seq operation quantity tariff reference_type reference_id expires_at"
            self.holds[row["hold_id"]] = {
                **{name: row[name] for name in same.split()},
                "id": row["hold_id"],
                "service": row["actor"],
                "amount": row["hold_amount"],
                "captured": 0,
                "created_at": row["recorded_at"],
                "status": "open",
                "resolved_seq": None,
            }
            return
        hold = self.holds[row["hold_id"]]
        if row["kind"] == "hold":
            hold["amount"] += row["hold_amount"]
            hold.update(quantity=row["quantity"], expires_at=row["expires_at"])
        hold["captured"] -= row["amount"]
        if row["resolution"] is not None:
            hold.update(status=row["resolution"], resolved_seq=row["seq"])

    def count(self, row: Row) -> None:
        """Count what an operation took or gave back on the day it occurred."""
        key = (row["account_id"], row["occurred_at"] // DAY, row["operation"])
        day = self.usage.setdefault(
            key,
            dict(zip(("account_id", "day", "operation"), key, strict=True))
            | {"charged": 0, "refunded": 0, "quantity": 0, "jobs": 0},
        )
        if row["kind"] == "refund":
            day["refunded"] += row["amount"]
            return
        day["charged"] -= row["amount"]
        if row["kind"] == "debit" or row["resolution"] == "captured":
            day["quantity"] += row["quantity"]
            day["jobs"] += 1


def opened(row: Row) -> Row:
    """An account before its first revision and entry."""
    nothing = {"posted": 0, "held": 0, "seq": 0, "changed_at": 0, "next_due_at": None}
    return {"id": row["id"], "created_at": row["created_at"], "head_hash": bytes(32), **nothing}


def replay(tables: Tables) -> Twin:
    """Move everything that was ever appended, in the order of each account's history."""
    twin = Twin(tables["accounts"], tables["grants"])
    for row in sorted(tables["account_revisions"], key=lambda row: row["revision"]):
        twin.revise(row)
    for row in tables["draws"]:
        twin.draw(row)
    for row in tables["entries"]:
        if row["grant_id"] is not None:
            twin.draw(row | {"pinned": row["hold_amount"]})
    for row in sorted(tables["entries"], key=lambda row: row["seq"]):
        twin.enter(row)
    return twin

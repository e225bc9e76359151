"""Attacks as lists of SQL statements, in words that both databases read.

`ZERO` stands for the hash before the first. A statement may fail; what counts is whether anything
has changed when all of them were tried and the rest was committed.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from portal.ledger import metadata

ZERO = "(SELECT prev_hash FROM entries WHERE account_id = 'ada' AND seq = 1)"
LIVE_GRANT = "(SELECT min(id) FROM grants WHERE account_id = 'ada' AND remaining > pinned)"
OPEN_HOLD = "(SELECT min(id) FROM holds WHERE account_id = 'ada' AND status = 'open')"


class Attack(NamedTuple):
    """What is tried, and the statements that try it."""

    name: str
    statements: tuple[str, ...]


def attack(name: str, *statements: str) -> Attack:
    """One attack."""
    return Attack(name, statements)


def columns(table: str) -> list[str]:
    """The columns of one of the ledger's tables, in order, less what is computed from others."""
    return [column.name for column in metadata.tables[table].columns if column.computed is None]


def nothing(table: str, column: str) -> str:
    """NULL, of the column's kind where rows beside each other would make a text of it."""
    kind = metadata.tables[table].c[column].type.python_type
    return "CAST(NULL AS BIGINT)" if kind is int else "NULL"


def insert(table: str, members: dict[str, str], source: str, verb: str = "INSERT") -> str:
    """An INSERT of one row whose members are SQL over the row that `source` names."""
    names = ", ".join(f'"{name}"' for name in members)
    return f"{verb} INTO {table} ({names}) SELECT {', '.join(members.values())} FROM {source}"


def copied(table: str, where: str, verb: str = "INSERT", **changed: str) -> str:
    """An INSERT of a copy of one row, some members changed."""
    members = {name: f'"{name}"' for name in columns(table)} | changed
    return insert(table, members, f"{table} WHERE {where}", verb)


def entry(account: str = "ada", verb: str = "INSERT", **changed: str) -> str:
    """An INSERT of an entry that follows the account's last one in all, and moves nothing."""
    members = {name: nothing("entries", name) for name in columns("entries")} | {
        "account_id": "id",
        "seq": "seq + 1",
        "id": "'ent_' || (seq + 1)",
        "kind": "'debit'",
        "amount": "0",
        "hold_amount": "0",
        "posted_after": f"posted + {changed.get('amount', '0')}",
        "held_after": f"held + {changed.get('hold_amount', '0')}",
        "due_after": "next_due_at",
        "reason": "'usage'",
        "actor_kind": "'service'",
        "actor": "'studio'",
        "occurred_at": "changed_at",
        "recorded_at": "changed_at",
        "prev_hash": "head_hash",
        "hash": "head_hash",
    }
    return insert("entries", members | changed, f"accounts WHERE id = '{account}'", verb)


def beside(first: str, *others: str) -> str:
    """One INSERT of the rows that several would insert into the same columns."""
    rows = [other.partition(") SELECT ")[2] for other in others]
    return " UNION ALL SELECT ".join([first, *rows])


def draw(
    grant: str,
    amount: str,
    pinned: str,
    account: str = "ada",
    verb: str = "INSERT",
    at: int = 0,
    seq: str = "seq + 1",
) -> str:
    """An INSERT of a draw of the account's next entry."""
    members = {
        "account_id": "id",
        "seq": seq,
        "position": str(at),
        "grant_id": grant,
        "amount": amount,
        "pinned": pinned,
    }
    return insert("draws", members, f"accounts WHERE id = '{account}'", verb)


def account(**changed: str) -> str:
    """An INSERT of an account that is empty but for what is changed."""
    members = {"id": "'eve'", "head_hash": ZERO, "revision_hash": ZERO, "created_at": "0"}
    return insert("accounts", members | changed, "accounts WHERE id = 'ada'")


def grant(**changed: str) -> str:
    """An INSERT of a grant that belongs to the account's next entry."""
    members = {
        "id": "'grt_forged'",
        "account_id": "id",
        "seq": "seq + 1",
        "origin": "'purchase'",
        "priority": "50",
        "amount": "1000",
        "effective_at": "changed_at",
    }
    return insert("grants", members | changed, "accounts WHERE id = 'ada'")


def revision(**changed: str) -> str:
    """An INSERT of a revision that follows the account's last one in all, but for the changed."""
    kept = "name tier next_tier status overdraft_limit time_zone anchor_at period_start period_end"
    members = {name: name for name in kept.split()} | {
        "account_id": "id",
        "revision": "revision + 1",
        "reason": "'renamed'",
        "actor_kind": "'admin'",
        "actor": "'eve'",
        "as_of_seq": "seq",
        "occurred_at": "changed_at",
        "recorded_at": "changed_at",
        "prev_hash": "revision_hash",
        "hash": "revision_hash",
    }
    return insert("account_revisions", members | changed, "accounts WHERE id = 'ada'")


def charged(kind: str, what: str, account: str = "ada") -> str:
    """A column of the first debit or capture of an account."""
    first = f"account_id = '{account}' AND kind = '{kind}' ORDER BY seq LIMIT 1"
    return f"(SELECT {what} FROM entries WHERE {first})"


def of_hold(status: str, what: str) -> str:
    """A column of one hold in a status."""
    return f"(SELECT {what} FROM holds WHERE status = '{status}' ORDER BY id LIMIT 1)"


def edits() -> list[sa.Table]:
    """The tables that nobody edits, but for the cache of usage, which is only the ledger's."""
    return [table for table in metadata.sorted_tables if table.name != "usage_days"]

"""What the database tells of the ledger's state: alike on whichever machine it is asked."""

import json
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from portal import ledger
from portal.operations.tallies import read, replace

SECOND: Final = ledger.MICROSECONDS
AGES: Final = (0, 60, 600, 3_600, 86_400)
# An entry may be committed this long after its id was made: then it is counted.
SETTLED: Final = 30 * SECOND
ENTRIES: Final = "entries.json"
AUDIT: Final = "audit.json"
UPTO: Final = "upto"
_holds = ledger.metadata.tables["holds"].c
_accounts = ledger.metadata.tables["accounts"].c
_entries = ledger.metadata.tables["entries"].c
_NOW: Final = sa.bindparam("now", type_=sa.BigInteger)
HOLDS: Final = sa.select(
    *(
        sa.func.coalesce(
            sa.func.sum(sa.case((_holds.created_at <= _NOW - age * SECOND, 1), else_=0)), 0
        )
        for age in AGES
    ),
    sa.func.coalesce(sa.func.sum(sa.case((_holds.expires_at <= _NOW, 1), else_=0)), 0),
    sa.func.min(_holds.created_at),
).where(_holds.status == "open")
DUE: Final = sa.select(sa.func.count(), sa.func.min(_accounts.next_due_at)).where(
    _accounts.next_due_at <= _NOW
)
WRITTEN: Final = (
    sa.select(_entries.kind, sa.func.count())
    .where(_entries.id >= sa.bindparam("first"), _entries.id < sa.bindparam("last"))
    .group_by(_entries.kind)
)


class Standing(NamedTuple):
    """How the ledger stands. Ages in whole seconds; older: open holds by the least of their age."""

    older: dict[int, int]
    oldest: int
    overdue: int
    due: int
    late: int


class Audited(NamedTuple):
    """The last audit of the whole ledger: when (µs), whether nothing differed, what did."""

    at: int
    clean: bool
    differences: int
    entries: int


def standing(connection: Connection, now: int) -> Standing:
    """Open holds by age, and accounts on which something fell due that is not written yet."""
    *older, overdue, first = connection.execute(HOLDS, {"now": now}).one()
    due, earliest = connection.execute(DUE, {"now": now}).one()
    return Standing(
        dict(zip(AGES, map(int, older), strict=True)),
        0 if first is None else max(0, now - first) // SECOND,
        int(overdue),
        due,
        0 if earliest is None else (now - earliest) // SECOND,
    )


def entries_so_far(connection: Connection, folder: Path, now: int) -> Counter[str]:
    """Entries by kind since the counting began, of whoever wrote them; half a minute behind.

    Ids are in the order of time, so that only what is new is read. Whoever calls is alone at the
    folder.
    """
    counts, upto = read(folder / ENTRIES), now - SETTLED
    first = counts.pop(UPTO, upto)
    if upto > first:
        span = {"first": mark(first), "last": mark(upto)}
        for kind, count in connection.execute(WRITTEN, span):
            counts[kind] += count
    replace(folder / ENTRIES, Counter({**counts, UPTO: max(first, upto)}))
    return counts


def mark(at: int) -> str:
    """What comes before the id of every entry made at an instant or later."""
    return f"ent_{at // 1_000:012x}"


def note_audit(folder: Path, audited: Audited) -> None:
    """Keep what an audit of the whole ledger found, for the metrics."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = folder / f"{AUDIT}.draft"
    draft.write_text(json.dumps(audited._asdict()))
    draft.replace(folder / AUDIT)


def find_audit(folder: Path) -> Audited | None:
    """The last audit of the whole ledger on this machine, if there was one."""
    try:
        return Audited(**json.loads((folder / AUDIT).read_text()))
    except (OSError, ValueError, TypeError):
        return None

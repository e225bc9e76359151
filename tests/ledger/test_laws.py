"""Laws 1 to 5, 7 and 10 on both databases, each with a control: broken, it is found or refused."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from portal import ledger
from portal.config import Config
from portal.database import Database
from portal.database.upgrading import owner_connection
from portal.ledger.appending import Pages, seal
from portal.ledger.book import Draft
from portal.ledger.commands import Command, Outcome, Posted
from portal.ledger.deciding import decide
from portal.ledger.loading import load
from portal.ledger.model import DAY, Draw, Entry, Reference
from tests.ledger.laws import LAWS, broken_laws, law_1, law_2, law_3, law_7
from tests.ledger.memory import Tables
from tests.ledger.stories import HOUR, TARIFFS, Story, debit, done, entry_of, ids, key
from tests.ledger.vault import Vault


def eventful(story: Story) -> None:
    """Ada borrows, holds, repays, is refunded, refused and turned over; Bob just opens."""
    story.open("scale", account_id="ada")
    story.open("free", account_id="bob")
    story.grant(40, "promotion", life=3 * DAY, operations=("speak",))
    charged = story.debit(600)
    done(story.refund(charged, 70))
    story.grant(90, reference=Reference("payment", "p-1"))
    part, gone, late = (story.place(20, "fast") for _ in range(3))
    done(story.capture(part, 4, final=False))
    done(story.extend(part, quantity=30))
    done(story.capture(part, 3))
    done(story.release(gone))
    story.debit(10_000)
    story.wait(HOUR)
    done(story.capture(late, 9))
    done(story.adjust(15))
    story.open("plus")
    story.wait(5 * DAY)
    done(story.refund(charged, reason="goodwill"))
    story.wait(30 * DAY)
    story.place(50)
    done(story.debit(3))


@pytest.fixture
def story(database: Database) -> Story:
    told = Story.on(database)
    eventful(told)
    return told


def change(rows: dict[Any, Any], pick: Callable[[Any], bool], **values: Any) -> None:
    """Change the last row that is picked; values may be functions of what was there."""
    name = [key for key, row in rows.items() if pick(row)][-1]
    row = rows[name]
    rows[name] = row._replace(**{key: value(getattr(row, key)) for key, value in values.items()})


def more(value: int) -> int:
    return value + 1


def change_entry(tables: Tables, kind: str, **values: Any) -> None:
    """Change the last entry of a kind everywhere it is found."""
    change(tables.entries, lambda row: row.kind == kind, **values)
    entry = [row for row in tables.entries.values() if row.kind == kind][-1]
    tables.of_account[entry.account_id][entry.seq - 1] = entry
    for found in (
        tables.chains.get(entry.hold_id or ""),
        tables.reversing.get(entry.reverses_id or ""),
    ):
        for place, row in enumerate(found or ()):
            if row.id == entry.id:
                found[place] = entry  # type: ignore[index]


def change_draw(tables: Tables, **values: Any) -> None:
    """Change the first draw of the first charge."""
    here = next((e.account_id, e.seq) for e in tables.entries.values() if e.kind == "debit")
    first, *rest = tables.draws[here]
    changed = {key: value(getattr(first, key)) for key, value in values.items()}
    tables.draws[here] = (first._replace(**changed), *rest)


def ada(row: Any) -> bool:
    return row.id == "ada" or getattr(row, "account_id", "") == "ada"


BREAKING: dict[str, tuple[int, Callable[[Tables], None]]] = {
    "posted": (1, lambda t: change(t.accounts, ada, posted=more)),
    "held": (1, lambda t: change(t.accounts, ada, held=more)),
    "an amount": (1, lambda t: change_entry(t, "debit", amount=more)),
    "a hold amount": (1, lambda t: change_entry(t, "release", hold_amount=more)),
    "an open hold": (1, lambda t: change(t.holds, lambda h: h.status == "open", amount=more)),
    "what remains": (1, lambda t: change(t.grants, lambda g: g.remaining > 0, remaining=more)),
    "what is pinned": (1, lambda t: change(t.grants, lambda g: g.pinned > 0, pinned=more)),
    "a draw": (1, lambda t: change_draw(t, amount=more)),
    "a pin": (1, lambda t: change_draw(t, pinned=more)),
    "posted after": (2, lambda t: change_entry(t, "capture", posted_after=more)),
    "held after": (2, lambda t: change_entry(t, "hold", held_after=more)),
    "a balance that moves alone": (2, lambda t: change(t.accounts, ada, posted=more)),
    "a gap": (2, lambda t: change_entry(t, "refund", seq=more)),
    "the limit": (3, lambda t: change(t.accounts, ada, posted=lambda _: -1)),
    "a grant overdrawn": (3, lambda t: change(t.grants, ada, pinned=lambda _: 10**6)),
    "a grant overdrawn once": (3, lambda t: change_draw(t, amount=lambda n: n - 10**6)),
    "a refund": (3, lambda t: change_entry(t, "refund", amount=lambda n: n + 10**4)),
    "a limit that was lower": (
        3,
        lambda t: t.revisions["ada"].__setitem__(
            0, t.revisions["ada"][0]._replace(overdraft_limit=0)
        ),
    ),
    "a note": (7, lambda t: change_entry(t, "adjustment", note=lambda _: "other")),
    "an actor": (7, lambda t: change_entry(t, "debit", actor=lambda _: "other")),
    "a draw's grant": (7, lambda t: change_draw(t, grant_id=lambda _: "grt_x")),
    "a grant's end": (7, lambda t: change(t.grants, ada, expires_at=lambda _: 5)),
    "a hash": (7, lambda t: change_entry(t, "debit", hash=lambda _: bytes(32))),
    "the head": (7, lambda t: change(t.accounts, ada, head_hash=lambda _: bytes(32))),
    "the head of terms": (7, lambda t: change(t.accounts, ada, revision_hash=lambda _: bytes(32))),
    "a revision": (
        7,
        lambda t: t.revisions["ada"].__setitem__(0, t.revisions["ada"][0]._replace(note="x")),
    ),
    "a refusal": (7, lambda t: change(t.refusals, ada, required=more)),
}


def test_everything_that_happened_keeps_the_laws(story: Story) -> None:
    tables = story.ledger.tables
    assert broken_laws(tables) == []
    kinds = {entry.kind for entry in tables.entries.values()}
    assert kinds == {
        "grant",
        "debit",
        "hold",
        "capture",
        "release",
        "expiry",
        "refund",
        "adjustment",
    }
    assert tables.refusals


@pytest.mark.parametrize("breaking", BREAKING)
def test_a_row_that_breaks_a_law_is_found(breaking: str) -> None:
    story = Story()
    eventful(story)
    law, tamper = BREAKING[breaking]
    assert list(LAWS[law](story.ledger.tables)) == []
    tamper(story.ledger.tables)
    assert list(LAWS[law](story.ledger.tables)) != []


# Laws 1, 3 and 5 in the database: the real append, with a draft that was tampered with -----------


def spend(draft: Draft, credits: int) -> Draft:
    """The draft of a debit that takes `credits` more, from the overdraft, and says so truly."""
    entry, draws, made = draft
    entry = entry._replace(amount=entry.amount - credits, posted_after=entry.posted_after - credits)
    lent = Draw(entry.account_id, entry.seq, len(draws), None, -credits, 0)
    return Draft(entry, (*draws, lent), made)


def with_entry(draft: Draft, **values: Any) -> Draft:
    return draft._replace(entry=draft.entry._replace(**values))


def apart(draft: Draft) -> Draft:
    """The draft with its draws as rows of their own."""
    return with_entry(draft, grant_id=None)


def as_draw(draft: Draft, amount: int = 0, pinned: int = 0, **values: Any) -> Draft:
    """The draft as its draw itself, of more than it was, with balances that go along."""
    entry = draft.entry
    moved = {
        "amount": entry.amount + amount,
        "posted_after": entry.posted_after + amount,
        "hold_amount": entry.hold_amount + pinned,
        "held_after": entry.held_after + pinned,
        "grant_id": draft.draws[0].grant_id,
    }
    return with_entry(draft, **(moved | values))


FORGED: dict[str, Callable[[Draft], Draft]] = {
    "law 1: posted after": lambda d: with_entry(d, posted_after=d.entry.posted_after + 1),
    "law 1: held after": lambda d: with_entry(d, held_after=d.entry.held_after + 1),
    "law 1: amount": lambda d: with_entry(
        d, amount=d.entry.amount - 1, posted_after=d.entry.posted_after - 1
    ),
    "law 1: a draw too few": lambda d: d._replace(draws=()),
    "law 1: a draw too many": lambda d: d._replace(
        draws=(*d.draws, Draw("ada", d.entry.seq, 9, None, -1, 0))
    ),
    "law 3: past the overdraft": lambda d: spend(d, 10**6),
    "law 3: a grant overdrawn": lambda d: d._replace(
        draws=(
            d.draws[0]._replace(amount=d.draws[0].amount - 10**6),
            Draw("ada", d.entry.seq, 9, None, 10**6, 0),
        )
    ),
    "law 3: more pinned than there is": lambda d: d._replace(
        draws=(d.draws[0]._replace(pinned=10**6), Draw("ada", d.entry.seq, 9, None, 0, -(10**6)))
    ),
    "law 3: another account's grant": lambda d: d._replace(
        draws=(d.draws[0]._replace(grant_id="bob's"),)
    ),
    "law 1: another balance, being its draw": lambda d: as_draw(d, posted_after=10**6),
    "law 3: past the overdraft, being its draw": lambda d: as_draw(d, -(10**6)),
    "law 3: more pinned than there is, being its draw": lambda d: as_draw(
        d, -d.entry.amount, 10**6, kind="adjustment", approved_by="olga"
    ),
    "law 3: another account's grant, being its draw": lambda d: as_draw(d, grant_id="bob's"),
    "law 3: no grant, being its draw": lambda d: as_draw(d, grant_id="grt_none"),
    "law 5: a gap": lambda d: Draft(
        d.entry._replace(seq=d.entry.seq + 1),
        tuple(draw._replace(seq=draw.seq + 1) for draw in d.draws),
        (),
    ),
    "law 5: an old head": lambda d: with_entry(d, prev_hash=bytes(32)),
    "law 5: a short hash": lambda d: with_entry(d, hash=b"x"),
    "law 5: time backwards": lambda d: with_entry(d, recorded_at=1),
}


def drafted(connection: sa.Connection, story: Story, command: Command) -> Pages:
    """What a command would append, on pages of its own."""
    known = load(connection, [command], story.now)
    decision = decide(
        known.states["ada"],
        command,
        known.facts_of(command),
        now=story.now,
        tariffs=TARIFFS,
        ids=ids(7),
    )
    pages = Pages()
    pages.drafts, _ = seal(known.states["ada"].account, decision.drafts)
    return pages


def append(story: Story, forge: Callable[[Draft], Draft]) -> None:
    """Append a debit of 5 as the ledger would, but for what `forge` makes of it."""
    assert isinstance(story.ledger, Vault)
    with story.ledger.database.writing() as connection:
        pages = drafted(connection, story, debit(5, reference=story.job()))
        pages.drafts = [forge(draft) for draft in pages.drafts]
        pages.append(connection)


def grant_of(tables: Tables, account_id: str) -> str:
    return next(row.id for row in tables.grants.values() if row.account_id == account_id)


@pytest.mark.parametrize("forged", FORGED)
def test_the_database_refuses_an_entry_that_breaks_a_law(story: Story, forged: str) -> None:
    before = story.ledger.tables
    bobs = grant_of(before, "bob")

    def forge(draft: Draft) -> Draft:
        draft = FORGED[forged](apart(draft))
        if draft.entry.grant_id == "bob's":
            draft = with_entry(draft, grant_id=bobs)
        named = (d._replace(grant_id=bobs) if d.grant_id == "bob's" else d for d in draft.draws)
        return draft._replace(draws=tuple(named))

    with pytest.raises(Exception, match=r"(?i)guard|check|constraint|foreign"):
        append(story, forge)
    assert story.ledger.tables.__dict__ == before.__dict__


def test_the_same_append_untampered_is_let_in(story: Story) -> None:
    append(story, lambda draft: draft)
    assert broken_laws(story.ledger.tables) == []
    assert story.entries()[-1].amount == -5


# Laws 4 and 5: rows stay, and only the database moves a balance ----------------------------------

WRITTEN = ("entries", "draws", "account_revisions", "requests", "refusals", "tariffs")
KEPT = ("accounts", "grants", "holds")
REWRITING = [f"UPDATE {table} SET account_id = account_id" for table in WRITTEN[:-1]]
REWRITING += [f"DELETE FROM {table}" for table in (*WRITTEN, *KEPT)]
REWRITING += [
    "UPDATE tariffs SET document = document",
    "UPDATE accounts SET posted = posted + 1",
    "UPDATE accounts SET held = 0, overdraft_limit = 10",
    "UPDATE grants SET remaining = remaining + 1",
    "UPDATE grants SET expires_at = NULL",
    "UPDATE holds SET status = 'open'",
    "UPDATE usage_days SET charged = 0",
]


@pytest.mark.parametrize("statement", REWRITING)
def test_nobody_rewrites_or_moves_anything_by_hand(story: Story, statement: str) -> None:
    assert isinstance(story.ledger, Vault)
    before, writing = story.ledger.tables, story.ledger.database.writing
    refusal = r"(?i)guard|denied|not authorized|prohibited"
    with pytest.raises(Exception, match=refusal), writing() as connection:
        connection.exec_driver_sql(statement)
    assert story.ledger.tables.__dict__ == before.__dict__


@contextmanager
def unguarded(config: Config, table: str, sqlite: str, postgresql: str) -> Iterator[sa.Connection]:
    """The owner's connection, with one guard taken away."""
    with owner_connection(config) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"DROP TRIGGER {sqlite}")
        else:
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER {postgresql}")
        connection.commit()
        yield connection


def test_control_without_its_guard_an_entry_is_rewritten_and_found(
    story: Story, config: Config
) -> None:
    with unguarded(config, "entries", "entries_stay_put", "entries_stay") as connection:
        connection.exec_driver_sql("UPDATE entries SET note = 'rewritten' WHERE seq = 4")
        connection.commit()
    assert list(law_7(story.ledger.tables)) != []
    assert [*law_1(story.ledger.tables), *law_3(story.ledger.tables)] == []


def test_control_without_its_trigger_an_entry_moves_no_balance_and_is_found(
    story: Story, config: Config
) -> None:
    with unguarded(config, "entries", "entries_move", "entries_move"):
        pass
    before = story.account
    append(story, lambda draft: draft)
    assert story.account == before
    assert list(law_1(story.ledger.tables)) != []
    assert list(law_2(story.ledger.tables)) != []


# Law 10: what cannot be written is not acknowledged ---------------------------------------------

BROKEN_DISK = {
    "sqlite": "CREATE TRIGGER broken BEFORE INSERT ON {table} BEGIN"
    " SELECT RAISE(ABORT, 'guard: disk'); END",
    "postgresql": "ALTER TABLE {table} ADD CONSTRAINT broken CHECK (false) NOT VALID",
}
MENDED = {
    "sqlite": "DROP TRIGGER broken",
    "postgresql": "ALTER TABLE {table} DROP CONSTRAINT broken",
}


def unkept(acknowledged: list[Outcome], tables: Tables) -> list[Entry]:
    """Entries that somebody was told of, and that are not there."""
    told = [each.entry for each in acknowledged if isinstance(each, Posted) and each.entry]
    return [entry for entry in told if tables.entries.get(entry.id) != entry]


@pytest.mark.parametrize("table", ["entries", "draws", "requests"])
def test_a_ledger_that_cannot_write_grants_nothing_and_says_so(
    story: Story, config: Config, table: str
) -> None:
    vault = story.ledger
    assert isinstance(vault, Vault)
    credits = vault.account("ada").available if table == "draws" else 5  # from several grants
    before = vault.tables
    by_owner(config, BROKEN_DISK, table)
    queue = ledger.Queue(lambda commands: vault.post(commands, story.now))
    command = debit(credits, reference=story.job(), request=key("k-10"))
    acknowledged: list[Outcome] = []
    with pytest.raises(Exception, match=r"(?i)disk|constraint"):
        acknowledged.append(queue.submit(command))
    assert vault.tables.__dict__ == before.__dict__
    assert unkept(acknowledged, vault.tables) == []
    by_owner(config, MENDED, table)
    acknowledged.append(queue.submit(command))
    assert entry_of(acknowledged[0]).amount == -credits
    assert unkept(acknowledged, vault.tables) == []


def test_control_an_answer_before_the_commit_is_found(story: Story) -> None:
    vault = story.ledger
    assert isinstance(vault, Vault)
    told: list[Outcome] = []

    def answer_too_early() -> None:
        with vault.database.writing() as connection:
            asked = [debit(5, reference=story.job())]
            told.extend(
                ledger.post(connection, asked, now=story.now, tariffs=TARIFFS, ids=vault.ids)
            )
            raise InterruptedError

    with pytest.raises(InterruptedError):
        answer_too_early()
    assert len(unkept(told, vault.tables)) == 1


def by_owner(config: Config, statements: dict[str, str], table: str) -> None:
    """Run one statement with the owner's rights."""
    with owner_connection(config) as connection:
        statement = statements[connection.dialect.name].format(table=table)
        connection.exec_driver_sql(statement)
        connection.commit()

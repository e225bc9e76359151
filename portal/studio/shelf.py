"""Where jobs and what was made of them are kept: one SQLite file that outlives every worker."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from portal.studio.jobs import Job, Wish

SCHEMA: Final = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL, operation TEXT NOT NULL, text TEXT NOT NULL,
    quantity INTEGER NOT NULL, ending TEXT NOT NULL,
    stage TEXT NOT NULL DEFAULT 'waiting', quote TEXT NOT NULL DEFAULT '',
    quoted INTEGER NOT NULL DEFAULT 0, hold TEXT NOT NULL DEFAULT '',
    sent INTEGER NOT NULL DEFAULT 1, replays INTEGER NOT NULL DEFAULT 0,
    said TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE IF NOT EXISTS sounds (
    job TEXT NOT NULL REFERENCES jobs (id), number INTEGER NOT NULL, sound BLOB NOT NULL,
    PRIMARY KEY (job, number)
) STRICT;
CREATE TABLE IF NOT EXISTS seals (seal TEXT NOT NULL) STRICT;
"""
_JOBS: Final = (
    "SELECT id, stage, quote, quoted, hold, sent, replays, said, note,"
    " key, account, operation, text, quantity, ending FROM jobs"
)
_ADD: Final = (
    "INSERT INTO jobs (id, key, account, operation, text, quantity, ending)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
)


class Shelf:
    """Keeps jobs; any thread may use it. What it is told is on disk when it returns."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / "studio.db"
        self._path.touch(mode=0o600)
        with closing(sqlite3.connect(self._path, timeout=30)) as connection:
            connection.executescript(SCHEMA)

    def seal(self) -> bytes:
        """What forms of this studio are recognised by, made once."""
        with self._writing() as connection:
            found = connection.execute("SELECT seal FROM seals").fetchone()
            if found is None:
                found = (secrets.token_urlsafe(32),)
                connection.execute("INSERT INTO seals VALUES (?)", found)
            return str(found[0]).encode()

    # --- jobs ------------------------------------------------------------------------------------

    def add(self, wish: Wish) -> tuple[Job, bool]:
        """A new job, waiting, and True; the job that came by the same form, and False."""
        with self._writing() as connection:
            made = connection.execute(_ADD, (f"job-{secrets.token_hex(8)}", *wish))
            if not made.rowcount:
                connection.execute("UPDATE jobs SET sent = sent + 1 WHERE key = ?", (wish.key,))
            row = connection.execute(f"{_JOBS} WHERE key = ?", (wish.key,)).fetchone()
            return _job(row), bool(made.rowcount)

    def find(self, job_id: str) -> Job | None:
        """A job by its id."""
        with self._writing() as connection:
            row = connection.execute(f"{_JOBS} WHERE id = ?", (job_id,)).fetchone()
            return None if row is None else _job(row)

    def get(self, job_id: str) -> Job:
        """A job that is there."""
        job = self.find(job_id)
        assert job is not None
        return job

    def newest(self, limit: int) -> list[Job]:
        """The last jobs, newest first."""
        with self._writing() as connection:
            rows = connection.execute(f"{_JOBS} ORDER BY number DESC LIMIT ?", (limit,))
            return [_job(row) for row in rows]

    def at_stage(self, stage: str) -> list[Job]:
        """All jobs at a stage, oldest first."""
        with self._writing() as connection:
            rows = connection.execute(f"{_JOBS} WHERE stage = ? ORDER BY number", (stage,))
            return [_job(row) for row in rows]

    # --- what became of them ---------------------------------------------------------------------

    def price(self, job_id: str, quote: str, credits: int) -> None:
        """It was quoted."""
        self._write("UPDATE jobs SET quote = ?, quoted = ? WHERE id = ?", quote, credits, job_id)

    def renew(self, job_id: str) -> bool:
        """Let a job wait once more that came to an end before it held anything; whether it does."""
        asked = (
            "UPDATE jobs SET stage = 'waiting', said = '' WHERE id = ? AND hold = ''"
            " AND stage IN ('refused', 'undecided')"
        )
        with self._writing() as connection:
            return connection.execute(asked, (job_id,)).rowcount == 1

    def begin(self, job_id: str, hold: str) -> None:
        """Its price is set aside, and work begins."""
        self._write("UPDATE jobs SET stage = 'working', hold = ? WHERE id = ?", hold, job_id)

    def end(self, job_id: str, stage: str, said: str) -> None:
        """It came to an end, for good or for now."""
        self._write("UPDATE jobs SET stage = ?, said = ? WHERE id = ?", stage, said, job_id)

    def note(self, job_id: str, note: str) -> None:
        """What the ledger says of its credits."""
        self._write("UPDATE jobs SET note = ? WHERE id = ?", note, job_id)

    def replayed(self, job_id: str) -> None:
        """The portal gave its first answer again."""
        self._write("UPDATE jobs SET replays = replays + 1 WHERE id = ?", job_id)

    # --- what was made ---------------------------------------------------------------------------

    def keep(self, job_id: str, number: int, sound: bytes) -> None:
        """Keep a piece, so that it can be fetched for as long as the job is remembered."""
        self._write("INSERT OR REPLACE INTO sounds VALUES (?, ?, ?)", job_id, number, sound)

    def discard(self, job_id: str) -> None:
        """Throw away whatever was made."""
        self._write("DELETE FROM sounds WHERE job = ?", job_id)

    def kept(self, job_id: str) -> list[int]:
        """The numbers of the pieces that are kept."""
        with self._writing() as connection:
            asked = "SELECT number FROM sounds WHERE job = ? ORDER BY number"
            return [number for (number,) in connection.execute(asked, (job_id,))]

    def find_sound(self, job_id: str, number: int) -> bytes | None:
        """A piece that was kept."""
        with self._writing() as connection:
            asked = "SELECT sound FROM sounds WHERE job = ? AND number = ?"
            row = connection.execute(asked, (job_id, number)).fetchone()
            return None if row is None else bytes(row[0])

    # ---------------------------------------------------------------------------------------------

    def _write(self, statement: str, *values: object) -> None:
        with self._writing() as connection:
            connection.execute(statement, values)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30)) as connection, connection:
            yield connection


def _job(row: tuple[Any, ...]) -> Job:
    job_id, *became, key, account, operation, text, quantity, ending = row
    return Job(job_id, Wish(key, account, operation, text, quantity, ending), *became)

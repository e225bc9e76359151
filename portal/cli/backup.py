"""`flask db backup`: a copy of the SQLite database, of one instant, while the portal serves."""

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

import click
from flask.cli import with_appcontext
from tqdm import tqdm

from portal import current
from portal.database import DatabaseError, sqlite

PAGES: Final = 2_048  # a step of the copy


class TakenError(Exception):
    """A file stands where one would be written."""


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_appcontext
def backup(file: Path) -> None:
    """Copy the SQLite database to FILE, which must not be there yet, while the portal serves."""
    source = current.config.sqlite_file
    if source is None:
        raise click.ClickException("PostgreSQL has pg_dump for that; see docs/operations.md")
    try:
        size = copy(source, file)
    except (sqlite3.Error, OSError, DatabaseError, TakenError) as error:
        raise click.ClickException(f"Nothing was backed up: {error}") from None
    click.echo(f"backed up {size:,} bytes to {file}")


def copy(source: Path, target: Path) -> int:
    """Copy a database as of one instant; gives its size. What is at `target` is whole, or absent.

    Writers are not kept waiting. Raises TakenError rather than writing over anything.
    """
    taken = TakenError(
        f"there is a file {target}, and a backup never replaces one; name another, or move that one"
        " away"
    )
    if os.path.lexists(target):  # told before a long copy, and not instead of the link below
        raise taken
    draft = target.with_name(f".{target.name}.draft")
    file = begin(draft)
    try:
        fill(source, draft)
        os.fsync(file)
        os.link(draft, target)  # unlike a rename it never takes another file's place
    except FileExistsError:
        raise taken from None
    finally:
        os.close(file)
        draft.unlink()
    folder = os.open(target.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    return target.stat().st_size


def begin(draft: Path) -> int:
    """Open a draft for nobody but its owner. Raises TakenError where there is one."""
    try:
        return os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise TakenError(
            f"there is a file {draft}, the draft of another backup of this name; if none is"
            " running, remove it"
        ) from None


def fill(source: Path, draft: Path) -> None:
    """Copy page by page out of one snapshot, so that no writer makes it begin anew."""
    bar = tqdm(desc="backup", unit=" pages", file=sys.stderr, disable=None, leave=False, delay=0.3)

    def told(_: int, remaining: int, total: int) -> None:
        bar.total = total
        bar.update(total - remaining - bar.n)

    with (
        bar,
        closing(sqlite.connect(source, writes=False)) as live,
        closing(sqlite3.connect(draft)) as copied,
    ):
        live.execute("BEGIN")
        live.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # the snapshot is taken
        live.backup(copied, pages=PAGES, progress=told)
        live.execute("ROLLBACK")

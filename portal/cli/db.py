"""`flask db`: bring the database to the newest migration, and say how it stands."""

from collections.abc import Iterator
from typing import Final

import click
from flask.cli import with_appcontext

from portal import current, database, ledger, pricing
from portal.cli.backup import backup
from portal.config import Config

MISSING: Final = "migrations are missing; run: flask --app wsgi db upgrade"


@click.group("db", help="Upgrade the database and check it.")
def db() -> None:
    """Hold the database's commands."""


db.add_command(backup)


@db.command("upgrade")
@with_appcontext
def upgrade() -> None:
    """Run missing migrations; a first database gets the tariff that comes with the portal."""
    settings = current.config
    click.echo(f"database at migration {prepare(settings)}")


def prepare(settings: Config) -> str:
    """Migrate, and publish the shipped tariff where none is published; gives the revision."""
    revision = database.upgrade(settings)
    with current.database.writing() as connection:
        if not ledger.load_tariffs(connection):
            shipped = pricing.shipped_tariff()
            ledger.publish_tariff(connection, shipped, now=current.now(), published_by="system")
    return revision


@db.command("check")
@with_appcontext
def check() -> None:
    """Exit 1 unless the database is safe to use and at the newest migration."""
    try:
        for line in proved(current.database):
            click.echo(line)
    except database.DatabaseError as error:
        raise click.ClickException(str(error)) from None


def proved(opened: database.Database) -> Iterator[str]:
    """What a database is and at which migration; whoever serves it asks first.

    Raises UnsafeDatabaseError for one that could lose what it acknowledges, DatabaseError for one
    that cannot be reached or lacks migrations.
    """
    yield opened.check()
    with opened.reading() as connection:
        if not database.is_current(connection):
            raise database.DatabaseError(MISSING)
    yield f"at migration {database.head()}"

"""Filling a database with the demo, once: key, history and people in one database transaction."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from portal import current, ledger, signing
from portal.cli import db
from portal.cli.demo.cast import CUSTOMERS, SERVICE
from portal.cli.demo.history import write_history
from portal.cli.demo.orders import Service
from portal.cli.demo.people import known_password, let_in
from portal.cli.demo.sheet import Sheet, SigningKey, find_sheet, write_sheet
from portal.cli.demo.stage import Scene
from portal.config import Config
from portal.internal.keys import SCOPES, ServiceKey, issue_key, list_keys

DAYS: Final = 90
Told = Callable[[Scene, int], object]


class ForeignAccountsError(Exception):
    """This database holds accounts that are not the demo's, and the demo leaves it alone."""

    def __init__(self, account: str) -> None:
        super().__init__(
            f"This database holds other accounts ({account}), so the demo leaves it alone; "
            "name an empty one: PORTAL_DATABASE_URL=sqlite:///var/demo.db make run"
        )


def prepare(settings: Config, told: Told, days: int = DAYS) -> Sheet:
    """Migrate, fill where the demo is absent, and write the sheet; a second time it is quick.

    `told` gets the scene and each simulated instant while there is history to write. Raises
    ForeignAccountsError, stage.RefusedStepError, identity.IdentityError.
    """
    folder = settings.root / "var"
    with alone(folder):
        db.prepare(settings)
        password = known_password(find_sheet(folder))
        with current.database.writing() as connection:
            scene = Scene(current.now(), days)
            if not is_filled(connection):
                fill(connection, scene, told)
            key = usable_key(connection, scene.now)
            people = let_in(connection, password, scene.now)
        secret = signing.derive_secret(settings.secret_key, key.kid)
        signs = SigningKey(key.kid, secret, settings.authority)
        accounts = tuple(customer.account for customer in CUSTOMERS)
        sheet = Sheet(settings.public_url, people, signs, accounts)
        write_sheet(folder, sheet)
    return sheet


def is_filled(connection: Connection) -> bool:
    """Whether the demo is there; raises ForeignAccountsError where others are in its place."""
    if all(ledger.find_account(connection, customer.account) for customer in CUSTOMERS):
        return True
    for account in ledger.list_accounts(connection, limit=1):
        raise ForeignAccountsError(account.id)
    return False


def fill(connection: Connection, scene: Scene, told: Told) -> int:
    """Write the demo's key and history; gives the number of commands. Never commits."""
    key = issue_key(connection, service=SERVICE, scopes=SCOPES, now=scene.opens)
    service = Service(key.service, key.kid)
    tariffs = ledger.load_tariffs(connection)
    return write_history(connection, scene, service, tariffs, lambda at: told(scene, at))


def usable_key(connection: Connection, now: int) -> ServiceKey:
    """The newest key of the demo's service that may do everything; a new one where none may."""
    for key in reversed(list_keys(connection)):
        if key.service == SERVICE and is_usable(key, now):
            return key
    return issue_key(connection, service=SERVICE, scopes=SCOPES, now=now)


def is_usable(key: ServiceKey, now: int) -> bool:
    """Whether a key is good now for every request."""
    live = key.revoked_at is None and key.not_before <= now
    lasts = key.not_after is None or now < key.not_after
    free = key.operations is None and key.max_units is None and key.daily_units is None
    return live and lasts and free and all(key.allows(scope) for scope in SCOPES)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one process of this checkout prepare at a time; a second one waits, and finds it done."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

"""Filling a database with the demo, once: a key, a history in chapters, and last the people.

Where the people are, the demo is whole. A filling that was cut short goes on where it stopped.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection

from portal import current, identity, ledger, signing
from portal.cli import db
from portal.cli.demo.cast import ADMIN, CUSTOMERS, SERVICE
from portal.cli.demo.chapters import Chapters, rehearsing, written_until
from portal.cli.demo.history import new_ids, tell
from portal.cli.demo.orders import Service
from portal.cli.demo.people import known_password, let_in
from portal.cli.demo.sheet import Sheet, SigningKey, find_sheet, write_sheet
from portal.cli.demo.stage import DAY, Scene
from portal.config import Config
from portal.internal.keys import SCOPES, ServiceKey, issue_key, list_keys

DAYS: Final = 90
DAYS_MAX: Final = 180
KEY_LIFE: Final = 3_650 * DAY
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
        with current.database.reading() as connection:
            whole = is_filled(connection)
            begun = None if whole else find_begun(connection)
        now = current.now()
        if not whole:
            fill(settings, begun, Scene(now, days), told)
        with current.database.writing() as connection:
            key = usable_key(connection, now)
            people = let_in(connection, password, now)
        secret = signing.derive_secret(settings.secret_key, key.kid)
        signs = SigningKey(key.kid, secret, settings.authority)
        accounts = tuple(customer.account for customer in CUSTOMERS)
        sheet = Sheet(settings.public_url, people, signs, accounts)
        write_sheet(folder, sheet)
    return sheet


class Begun(NamedTuple):
    """A history that was begun: the key that signs it, its scene, and how far it came."""

    key: ServiceKey
    scene: Scene
    until: int


def is_filled(connection: Connection) -> bool:
    """Whether the whole demo is there: its people come last."""
    return identity.find_person(connection, ADMIN) is not None and all(
        ledger.find_account(connection, customer.account) for customer in CUSTOMERS
    )


def find_begun(connection: Connection) -> Begun | None:
    """What an earlier filling left half done, or None where nothing is.

    Raises ForeignAccountsError where accounts are not the demo's.
    """
    until = written_until(connection)
    key = next((key for key in list_keys(connection) if key.service == SERVICE), None)
    scene = None if key is None else scene_of(key)
    ours = {customer.account for customer in CUSTOMERS}
    for account in ledger.list_accounts(connection, limit=len(ours) + 1):
        if account.id not in ours or scene is None:
            raise ForeignAccountsError(account.id)
    if key is None or scene is None or until is None:
        return None
    return Begun(key, scene, until)


def fill(settings: Config, begun: Begun | None, scene: Scene, told: Told) -> None:
    """Write the demo's key and history, or the rest of one that was begun; commits by chapters.

    What is written already is told once more in a database apart, by the same steps and with
    the same ids, so that the scripts know where they are.
    """
    tariffs, ids = current.tariffs(), new_ids()
    with Chapters(current.database, tariffs, ids) as chapters:
        if begun is None:
            service = service_of(begin(chapters.connection, scene))
            tell(scene, service, chapters.post, lambda at: told(scene, at))
            return
        until, before = begun.until, begun.scene
        with (
            rehearsing(settings, tariffs, before.now) as apart,
            Chapters(apart, tariffs, ids) as rehearsed,
        ):

            def post(at: int, command: ledger.Command) -> ledger.Outcome:
                known = at <= until and not isinstance(command, ledger.Advance)
                return (rehearsed if known else chapters).post(at, command)

            tell(before, service_of(begun.key), post, lambda at: told(before, at))


def begin(connection: Connection, scene: Scene) -> ServiceKey:
    """The key that signs a history: good from its first instant on, and for a while after it."""
    return issue_key(
        connection, service=SERVICE, scopes=SCOPES, now=scene.opens, not_after=scene.now + KEY_LIFE
    )


def scene_of(key: ServiceKey) -> Scene | None:
    """The scene of the history that a key was issued for; None for another's key."""
    if key.not_after is None:
        return None
    now = key.not_after - KEY_LIFE
    days, rest = divmod(now - key.not_before, DAY)
    return Scene(now, days) if 1 <= days <= DAYS_MAX and rest == 0 else None


def service_of(key: ServiceKey) -> Service:
    """Who asks the ledger with a key."""
    return Service(key.service, key.kid)


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

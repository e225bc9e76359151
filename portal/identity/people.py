"""People: who may sign in, for which account and in which role. It knows no sessions."""

import re
import secrets
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from portal.identity.errors import (
    AccountMissingError,
    EmailError,
    EmailTakenError,
    PersonNotFoundError,
)
from portal.identity.passwords import check_new_password, hash_password
from portal.identity.tables import people, sessions

EMAIL: Final = re.compile(r"[^\s@\x00-\x20\x7f<>,;:\"\\]{1,64}@[^\s@\x00-\x20\x7f<>,;:\"\\]{1,190}")


class Person(NamedTuple):
    """Someone who may sign in. `account_id` is None only for an admin without an account."""

    id: str
    email: str
    account_id: str | None
    role: str
    created_at: int
    disabled_at: int | None

    @property
    def is_admin(self) -> bool:
        """Whether the person may see the admins' pages."""
        return self.role == "admin"

    # What Flask-Login asks of a person.
    @property
    def is_active(self) -> bool:
        """Whether the person may sign in at all."""
        return self.disabled_at is None

    @property
    def is_authenticated(self) -> bool:
        """True: only a person whose session was found is ever loaded."""
        return True

    @property
    def is_anonymous(self) -> bool:
        """False: see is_authenticated."""
        return False

    def get_id(self) -> str:
        """The person's id."""
        return self.id


COLUMNS: Final = tuple(people.c[name] for name in Person._fields)


def add_person(
    connection: Connection,
    email: str,
    password: str,
    *,
    account_id: str | None,
    role: str = "customer",
    now: int,
) -> Person:
    """Let someone sign in for an account; the caller has checked that the account exists.

    Raises EmailError, EmailTakenError, PasswordError, AccountMissingError.
    """
    address = normal_email(email)
    check_new_password(password, address)
    if account_id is None and role != "admin":
        raise AccountMissingError
    person = Person(f"prs_{secrets.token_hex(10)}", address, account_id, role, now, None)
    values = {**person._asdict(), "password_hash": hash_password(password)}
    if find_person(connection, address) is not None:
        raise EmailTakenError(address)
    connection.execute(people.insert().values(values))
    return person


def find_person(connection: Connection, email: str) -> Person | None:
    """The person with that email, disabled or not; what is no email belongs to nobody."""
    address = email.strip().lower()
    if EMAIL.fullmatch(address) is None:
        return None
    row = connection.execute(sa.select(*COLUMNS).where(people.c.email == address)).first()
    return None if row is None else Person._make(row)


def get_person(connection: Connection, email: str) -> Person:
    """The person with that email; raises PersonNotFoundError."""
    person = find_person(connection, email)
    if person is None:
        raise PersonNotFoundError(email)
    return person


def find_password_hash(connection: Connection, person_id: str) -> str | None:
    """The hash of a person's password."""
    return connection.scalar(sa.select(people.c.password_hash).where(people.c.id == person_id))


def set_password_hash(connection: Connection, person_id: str, password_hash: str) -> None:
    """Store a password's new hash; sessions stay as they are."""
    connection.execute(
        people.update().where(people.c.id == person_id).values(password_hash=password_hash)
    )


def list_people(connection: Connection) -> tuple[Person, ...]:
    """Everyone, by email."""
    rows = connection.execute(sa.select(*COLUMNS).order_by(people.c.email))
    return tuple(Person._make(row) for row in rows)


def disable_person(connection: Connection, email: str, now: int) -> Person:
    """Shut a person out and end all their sessions; raises PersonNotFoundError."""
    person = get_person(connection, email)
    connection.execute(sessions.delete().where(sessions.c.person_id == person.id))
    if person.disabled_at is None:
        connection.execute(people.update().where(people.c.id == person.id).values(disabled_at=now))
    return get_person(connection, email)


def normal_email(email: str) -> str:
    """The one way an email is written here: trimmed and in lower case; raises EmailError."""
    address = email.strip().lower()
    if EMAIL.fullmatch(address) is None:
        raise EmailError(email)
    return address

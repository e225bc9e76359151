"""The people of the demo: one password for all of them, made here and known to this checkout."""

import secrets
from typing import Final

from sqlalchemy import Connection

from portal import identity
from portal.cli.demo.cast import ADMIN, CUSTOMERS
from portal.cli.demo.sheet import Login, Sheet

# No letter or digit that looks like another.
ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"


def logins(password: str) -> tuple[Login, ...]:
    """Everyone of the demo with a password."""
    customers = [Login(one.email, password, "customer", one.account) for one in CUSTOMERS]
    return (*customers, Login(ADMIN, password, "admin", None))


def new_password() -> str:
    """A password that can be read out and typed: 19 characters, 79 bits."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def known_password(sheet: Sheet | None) -> str:
    """The password of the last demo, or a new one."""
    return sheet.people[0].password if sheet and sheet.people else new_password()


def let_in(connection: Connection, password: str, now: int) -> tuple[Login, ...]:
    """See to it that everyone of the demo can sign in with a password; gives their logins.

    People who are there keep their hash where it fits. Raises identity.IdentityError.
    """
    everyone = logins(password)
    for login in everyone:
        person = identity.find_person(connection, login.email)
        if person is None:
            identity.add_person(
                connection,
                login.email,
                password,
                account_id=login.account,
                role=login.role,
                now=now,
            )
        elif not fits(connection, person, password):
            identity.set_password_hash(connection, person.id, identity.hash_password(password))
    return everyone


def fits(connection: Connection, person: identity.Person, password: str) -> bool:
    """Whether a person can sign in with a password already."""
    known = identity.find_password_hash(connection, person.id)
    return known is not None and identity.verify_password(known, password)

"""Passwords: argon2id hashes, and what a new password must be. It knows no people."""

from functools import cache
from typing import Final
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from portal.identity.errors import PasswordError

LENGTH_MIN: Final = 15
LENGTH_MAX: Final = 1024

# 19 MiB, two passes, one lane: OWASP's second setting for argon2id.
HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def check_new_password(password: str, email: str) -> None:
    """Raise PasswordError unless this may be the new password of the person with that email."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise PasswordError(f"must have {LENGTH_MIN} to {LENGTH_MAX:,} characters")
    if len(set(password)) < 5:
        raise PasswordError("must have at least 5 different characters")
    if password.casefold() == email.casefold():
        raise PasswordError("must not be the email address")


def hash_password(password: str) -> str:
    """The argon2id hash of a password, in its encoded form with parameters and salt."""
    return HASHER.hash(_normal(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one behind the hash; None costs as much time and says no."""
    known = None if len(password) > LENGTH_MAX else password_hash
    try:
        HASHER.verify(known or _decoy(), _normal(password[:LENGTH_MAX]))
    except (VerificationError, InvalidHashError):
        return False
    return known is not None


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return HASHER.check_needs_rehash(password_hash)


@cache
def _decoy() -> str:
    return HASHER.hash("nobody has this password")


def _normal(password: str) -> str:
    # One keyboard writes é as one code point, another as two: both must open the door.
    # A lone surrogate can come in through a form; replacing it never makes a match.
    return normalize("NFKC", password).encode("utf-8", "replace").decode()

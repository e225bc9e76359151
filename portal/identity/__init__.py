"""Who may come to the front desk: people, their passwords, and sessions the server ends."""

from portal.identity.attempts import ATTEMPTS_MAX, count_attempt, forget_attempts
from portal.identity.errors import (
    AccountMissingError,
    EmailError,
    EmailTakenError,
    IdentityError,
    PasswordError,
    PersonNotFoundError,
    TooManyAttemptsError,
)
from portal.identity.passwords import (
    check_new_password,
    hash_password,
    is_outdated,
    verify_password,
)
from portal.identity.people import (
    Person,
    add_person,
    disable_person,
    find_password_hash,
    find_person,
    get_person,
    list_people,
    normal_email,
    set_password_hash,
)
from portal.identity.sessions import (
    LIVE,
    SEEN_EVERY,
    Lifetime,
    Session,
    begin_session,
    end_session,
    find_session,
    live_at,
    new_token,
    renew_session,
    session_of,
)
from portal.identity.sweeping import sweep
from portal.identity.tables import ROLES, metadata

__all__ = [
    "ATTEMPTS_MAX",
    "LIVE",
    "ROLES",
    "SEEN_EVERY",
    "AccountMissingError",
    "EmailError",
    "EmailTakenError",
    "IdentityError",
    "Lifetime",
    "PasswordError",
    "Person",
    "PersonNotFoundError",
    "Session",
    "TooManyAttemptsError",
    "add_person",
    "begin_session",
    "check_new_password",
    "count_attempt",
    "disable_person",
    "end_session",
    "find_password_hash",
    "find_person",
    "find_session",
    "forget_attempts",
    "get_person",
    "hash_password",
    "is_outdated",
    "list_people",
    "live_at",
    "metadata",
    "new_token",
    "normal_email",
    "renew_session",
    "session_of",
    "set_password_hash",
    "sweep",
    "verify_password",
]

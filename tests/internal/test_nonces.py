"""A nonce is good once for its key, for as long as its signature may come."""

import pytest

from portal.database import Database
from portal.internal.keys import issue_key
from portal.internal.nonces import spend_nonce
from portal.signing import SKEW, SignatureInvalidError

SECOND = 1_000_000


def test_a_nonce_is_spent_once_for_each_key(database: Database) -> None:
    one, two = issued(database), issued(database)
    database.run(lambda connection: spend_nonce(connection, one, "n-1", 100, 0))
    database.run(lambda connection: spend_nonce(connection, two, "n-1", 100, 0))
    with pytest.raises(SignatureInvalidError):
        database.run(lambda connection: spend_nonce(connection, one, "n-1", 100, 0))
    database.run(lambda connection: spend_nonce(connection, one, "n-2", 100, 0))


def test_it_is_remembered_to_the_last_microsecond_of_its_window(database: Database) -> None:
    kid = issued(database)
    last = 100 * SECOND + SKEW
    database.run(lambda connection: spend_nonce(connection, kid, "n-1", 100, 0))
    with pytest.raises(SignatureInvalidError):
        database.run(lambda connection: spend_nonce(connection, kid, "n-1", 100, last))
    database.run(lambda connection: spend_nonce(connection, kid, "n-1", 500, last + 1))


def issued(database: Database) -> str:
    key = database.run(
        lambda connection: issue_key(connection, service="pay", scopes=["grant"], now=0)
    )
    return key.kid

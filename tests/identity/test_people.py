"""People: who may be added, how they are found, and what disabling does."""

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from portal import identity, ledger
from tests.identity.conftest import NOW, PASSWORD


def add(connection: Connection, email: str = "ada@acme.example", **more: object) -> identity.Person:
    values: dict[str, object] = {"account_id": "acme", "now": NOW} | more
    return identity.add_person(connection, email, PASSWORD, **values)  # type: ignore[arg-type]


def test_a_person_is_found_by_their_email_however_it_is_written(connection: Connection) -> None:
    added = add(connection, " Ada@Acme.Example ")
    assert added.email == "ada@acme.example"
    assert identity.find_person(connection, "ADA@acme.example") == added
    assert identity.get_person(connection, "ada@acme.example\n") == added


def test_the_password_itself_is_not_kept(connection: Connection) -> None:
    person = add(connection)
    known = identity.find_password_hash(connection, person.id)
    assert known is not None
    assert known.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in known
    identity.set_password_hash(connection, person.id, "another")
    assert identity.find_password_hash(connection, person.id) == "another"


def test_an_email_belongs_to_one_person(connection: Connection) -> None:
    add(connection)
    with pytest.raises(identity.EmailTakenError, match=r"ada@acme\.example is taken"):
        add(connection, "ADA@acme.example")


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@acme", "a da@acme.example", "a\x00@b.c"])
def test_what_is_no_email_is_refused_and_belongs_to_nobody(
    connection: Connection, email: str
) -> None:
    with pytest.raises(identity.EmailError):
        add(connection, email)
    assert identity.find_person(connection, email) is None
    with pytest.raises(identity.PersonNotFoundError):
        identity.get_person(connection, email)


def test_a_customer_needs_an_account_and_an_admin_does_not(connection: Connection) -> None:
    with pytest.raises(identity.AccountMissingError):
        add(connection, account_id=None)
    admin = add(connection, "olga@portal.example", account_id=None, role="admin")
    assert admin.is_admin
    assert not add(connection).is_admin


def test_the_database_itself_refuses_a_customer_without_an_account(connection: Connection) -> None:
    person = add(connection, "olga@portal.example", account_id=None, role="admin")
    with pytest.raises(sa.exc.IntegrityError), connection.begin_nested():
        connection.execute(
            identity.metadata.tables["people"]
            .update()
            .where(identity.metadata.tables["people"].c.id == person.id)
            .values(role="customer")
        )


def test_an_account_must_exist(connection: Connection) -> None:
    with pytest.raises(sa.exc.IntegrityError), connection.begin_nested():
        add(connection, account_id="nobody")


def test_disabling_ends_every_session_and_keeps_the_first_instant(connection: Connection) -> None:
    person = add(connection)
    tokens = [identity.begin_session(connection, person, NOW) for _ in range(2)]
    disabled = identity.disable_person(connection, "ada@acme.example", NOW + 5)
    assert disabled.disabled_at == NOW + 5
    assert not disabled.is_active
    assert all(identity.find_session(connection, token, NOW + 6) is None for token in tokens)
    assert identity.disable_person(connection, "ada@acme.example", NOW + 9).disabled_at == NOW + 5


def test_everyone_is_listed_by_email(connection: Connection) -> None:
    zoe, ada = add(connection, "zoe@acme.example"), add(connection)
    assert identity.list_people(connection) == (ada, zoe)


def test_profiles_name_the_first_person_of_an_account(connection: Connection) -> None:
    profile = ledger.find_profile(connection, "acme")
    assert profile is not None
    assert profile.owner is None
    add(connection, "zoe@acme.example")
    add(connection, now=NOW + 1)
    profile = ledger.find_profile(connection, "acme")
    assert profile is not None
    assert (profile.owner, profile.credits_remaining) == ("zoe@acme.example", 1000)


def test_flask_login_is_told_who_a_person_is(connection: Connection) -> None:
    person = add(connection)
    assert person.get_id() == person.id
    assert (person.is_authenticated, person.is_anonymous, person.is_active) == (True, False, True)

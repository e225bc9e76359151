"""Everybody of the demo can sign in with the password that the sheet names."""

import re

from portal import identity
from portal.cli.demo.cast import ADMIN, CUSTOMERS
from portal.cli.demo.people import ALPHABET, fits, known_password, let_in, logins, new_password
from tests.cli.demo.conftest import NOW, Filled
from tests.cli.demo.test_sheet import SHEET


def test_a_password_can_be_read_out_and_is_taken() -> None:
    password = new_password()
    assert re.fullmatch(rf"([{ALPHABET}]{{4}}-){{3}}[{ALPHABET}]{{4}}", password)
    assert not {*"ilo01"} & {*ALPHABET}
    assert new_password() != password
    identity.check_new_password(password, ADMIN)


def test_the_password_of_the_last_demo_stays() -> None:
    assert known_password(SHEET) == "a password"
    assert known_password(None) != known_password(SHEET._replace(people=()))


def test_three_customers_and_an_admin_sign_in() -> None:
    everyone = logins("secret")
    assert [(login.email, login.account, login.role) for login in everyone] == [
        *((one.email, one.account, "customer") for one in CUSTOMERS),
        (ADMIN, None, "admin"),
    ]


def test_everyone_is_let_in_by_the_sheet(own: Filled) -> None:
    with own.database.reading() as connection:
        for login in own.sheet.people:
            person = identity.get_person(connection, login.email)
            assert (person.account_id, person.role) == (login.account, login.role)
            assert fits(connection, person, login.password)
            assert not fits(connection, person, login.password + "x")


def test_a_lost_password_is_replaced_and_a_known_one_stays(own: Filled) -> None:
    def hashes() -> list[str | None]:
        with own.database.reading() as connection:
            people = identity.list_people(connection)
            return [identity.find_password_hash(connection, person.id) for person in people]

    before = hashes()
    with own.database.writing() as connection:
        let_in(connection, own.sheet.people[0].password, NOW)
    assert hashes() == before
    with own.database.writing() as connection:
        let_in(connection, "another-password-2", NOW)
    assert not {*hashes()} & {*before}
    with own.database.reading() as connection:
        assert fits(connection, identity.get_person(connection, ADMIN), "another-password-2")

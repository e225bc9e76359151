"""`flask people`: adding with a password asked twice or piped, listing, and shutting out."""

import json
import secrets
from collections.abc import Iterator

import pytest
from click.testing import Result
from flask import Flask

from portal import create_app, identity, ledger, pricing
from portal.config import Config
from portal.current import Application

PASSWORD = "correct horse battery"


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    made = create_app(config)
    state: Application = made.extensions["portal"]
    tariff = pricing.shipped_tariff()
    with state.database.writing() as connection:
        ledger.publish_tariff(connection, tariff, now=state.clock(), published_by="tests")
        ledger.post(
            connection,
            [ledger.PutAccount(account_id="acme", name="Acme", tier="free")],
            now=state.clock(),
            tariffs=pricing.Tariffs([tariff]),
            ids=ledger.Ids(secrets.token_bytes),
        )
    yield made
    state.database.dispose()


def run(app: Flask, *words: str, typed: str | None = None) -> Result:
    return app.test_cli_runner().invoke(args=["people", *words], input=typed)


def find(app: Flask, email: str) -> identity.Person | None:
    state: Application = app.extensions["portal"]
    with state.database.reading() as connection:
        return identity.find_person(connection, email)


def test_the_password_is_asked_for_twice_and_not_shown(app: Flask) -> None:
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    done = run(app, "add", "Ada@acme.example", "--account", "acme", typed=typed)
    assert done.exit_code == 0
    assert "ada@acme.example may sign in for account acme as customer" in done.output
    assert PASSWORD not in done.output
    assert find(app, "ada@acme.example") is not None


def test_two_different_answers_are_asked_again(app: Flask) -> None:
    typed = f"{PASSWORD}\nanother horse battery\n{PASSWORD}\n{PASSWORD}\n"
    done = run(app, "add", "ada@acme.example", "--account", "acme", typed=typed)
    assert done.exit_code == 0
    assert "do not match" in done.output


def test_a_script_pipes_the_password_in(app: Flask) -> None:
    words = ("add", "ada@acme.example", "--account", "acme", "--password-stdin")
    assert run(app, *words, typed=f"{PASSWORD}\r\n").exit_code == 0
    state: Application = app.extensions["portal"]
    person = find(app, "ada@acme.example")
    assert person is not None
    with state.database.reading() as connection:
        known = identity.find_password_hash(connection, person.id)
    assert identity.verify_password(known, PASSWORD)


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (("ada@acme.example", "--account", "acme"), "short\n", "15 to 1,024 characters"),
        (("ada@acme.example", "--account", "nobody"), f"{PASSWORD}\n", "no account nobody"),
        (("ada@acme.example",), f"{PASSWORD}\n", "a customer needs an account"),
        (("ada", "--account", "acme"), f"{PASSWORD}\n", "not an email address"),
        (("ada@acme.example", "--account", "acme"), "", "15 to 1,024 characters"),
    ],
)
def test_what_cannot_be_is_told_and_adds_nobody(
    app: Flask, words: tuple[str, ...], typed: str, said: str
) -> None:
    done = run(app, "add", *words, "--password-stdin", typed=typed)
    assert done.exit_code == 1
    assert said in done.output
    assert find(app, "ada@acme.example") is None


def test_an_email_is_added_once(app: Flask) -> None:
    words = ("add", "ada@acme.example", "--account", "acme", "--password-stdin")
    run(app, *words, typed=PASSWORD)
    again = run(app, *words, typed=PASSWORD)
    assert (again.exit_code, "is taken" in again.output) == (1, True)


def test_an_admin_may_have_no_account(app: Flask) -> None:
    done = run(app, "add", "olga@portal.example", "--admin", "--password-stdin", typed=PASSWORD)
    assert done.exit_code == 0
    assert "olga@portal.example may sign in as admin" in done.output


def test_everybody_is_listed_with_their_state(app: Flask) -> None:
    run(app, "add", "olga@portal.example", "--admin", "--password-stdin", typed=PASSWORD)
    run(app, "add", "ada@acme.example", "--account", "acme", "--password-stdin", typed=PASSWORD)
    done = run(app, "disable", "ada@acme.example")
    assert (done.exit_code, "all sessions have ended" in done.output) == (0, True)
    assert run(app, "list").output.splitlines() == [
        "email                account  role      state",
        "ada@acme.example     acme     customer  disabled",
        "olga@portal.example  -        admin     active",
    ]
    told = json.loads(run(app, "list", "--json").output)
    assert [(each["email"], each["account"]) for each in told] == [
        ("ada@acme.example", "acme"), ("olga@portal.example", None),
    ]  # fmt: skip


def test_nobody_cannot_be_disabled(app: Flask) -> None:
    done = run(app, "disable", "nobody@acme.example")
    assert (done.exit_code, "there is no person" in done.output) == (1, True)

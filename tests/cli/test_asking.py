"""How operators ask: by keys that no service can take, with failures as sentences."""

import re

import click
import pytest
from flask import Flask

from portal import ledger
from portal.cli.asking import ask, intention, operator, say
from tests.cli.conftest import Operate

SERVICES_KEY = re.compile(r"[A-Za-z0-9._:~-]{16,128}")


def test_an_operators_key_is_none_that_a_service_could_send() -> None:
    first = intention("olga", "grant", "acme payment:1", {"b": 1, "a": 2})
    assert first == ("olga", "grant acme payment:1", '{"a":2,"b":1,"command":"grant"}')
    assert not SERVICES_KEY.fullmatch(first.key)


def test_an_operator_is_an_admin() -> None:
    assert operator("olga") == ledger.Actor("admin", "olga")


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_ledger_that_cannot_be_written_is_told(
    operated: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: ledger.Command) -> ledger.Outcome:
        raise ledger.StorageUnavailableError

    monkeypatch.setattr(operated.extensions["portal"], "submit", fail)
    with operated.app_context(), pytest.raises(click.ClickException, match="is not known"):
        ask(ledger.Advance(account_id="acme"))


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_what_made_no_entry_cannot_be_told_as_one(operated: Flask) -> None:
    with operated.app_context():
        account = ledger.PutAccount(account_id="acme", name="Acme", tier="free")
        opened = ask(account)
        again = ask(account)
    assert opened.entry is not None
    with pytest.raises(ValueError, match="always has an entry"):
        say(again, as_json=False)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("frozen", "nothing on it can change until an admin lifts it."),
        ("closed", "nothing new can be spent on it."),
    ],
)
def test_an_account_that_stands_still_is_told_with_the_command_that_lifts_it(
    operate: Operate, status: str, told: str
) -> None:
    operate("account", "put", "acme", "--name", "Acme", "--tier", "free")
    operate("account", "status", "acme", status)
    grant = ("grant", "issue", "acme", "5", "--origin", "goodwill", "--reference", "ticket:1")
    refused = operate(*grant)
    assert (refused.exit_code, refused.stderr) == (
        1,
        f"Error: Account acme is {status}: {told}"
        " Lift it with: flask --app wsgi account status acme active\n",
    )
    assert operate("account", "status", "acme", "active").exit_code == 0
    assert operate(*grant).exit_code == 0

"""The admins' page: for admins alone, and honest about what there is."""

import re

import click
from flask import Flask

from portal import cli
from tests.web.desk import Desk, Visitor, words


def test_customers_are_told_there_is_no_such_page(ada: Visitor) -> None:
    missing, hidden = ada.get("/nowhere"), ada.get("/admin")
    assert (missing.status_code, hidden.status_code) == (404, 404)
    assert words(missing.text) == words(hidden.text)


def test_the_page_names_every_command_of_an_operator_and_no_other(
    desk: Desk, olga: Visitor
) -> None:
    """All but those that stand for a service, write the documentation, or are the demo's."""
    app: Flask = desk.app
    others = {"call", "demo", "errors", "openapi", "rules"}
    known = {
        f"{group} {name}".strip()
        for group in cli.COMMANDS
        if group not in others
        for command in [app.cli.get_command(click.Context(app.cli), group)]
        for name in getattr(command, "commands", {"": command})
    }
    codes = re.findall(r"<td><code>([a-z ]+[a-z])", olga.get("/admin").text)
    assert len(codes) == len(set(codes))
    assert set(codes) == known


def test_the_page_says_what_it_is_and_promises_nothing(olga: Visitor) -> None:
    text = words(olga.get("/admin").text)
    assert "No page shows or changes the account of somebody else." in text
    assert " today" not in text
    assert " yet" not in text


def test_an_admin_without_an_account_is_not_shown_pages_that_need_one(olga: Visitor) -> None:
    text = olga.get("/admin").text
    assert "/usage" not in text
    assert "/ledger" not in text
    assert olga.get("/plans").status_code == 200
    for path in ("/usage", "/ledger", "/ledger/ent_1"):
        answer = olga.get(path)
        assert answer.status_code == 404
        assert "no account of your own" in answer.text


def test_an_admin_with_an_account_has_both(desk: Desk) -> None:
    desk.person("amy@acme.example", "acme", "admin")
    amy = desk.signed_in("amy@acme.example")
    assert amy.get("/").location == "/usage"
    assert "an account of your own" in amy.get("/admin").text

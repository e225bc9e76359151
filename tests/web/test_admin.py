"""The admins' page: for admins alone, and honest about what there is."""

from flask import Flask

from tests.web.desk import Desk, Visitor, words


def test_customers_are_told_there_is_no_such_page(ada: Visitor) -> None:
    missing, hidden = ada.get("/nowhere"), ada.get("/admin")
    assert (missing.status_code, hidden.status_code) == (404, 404)
    assert words(missing.text) == words(hidden.text)


def test_every_command_the_page_names_exists(desk: Desk, olga: Visitor) -> None:
    text = words(olga.get("/admin").text)
    app: Flask = desk.app
    named = [
        f"{group} {name}"
        for group, command in app.cli.commands.items()
        for name in getattr(command, "commands", {})
        if f" {group} {name} " in text
    ]
    assert {"people add", "people list", "people disable", "keys issue", "tariff check"} <= set(
        named
    )
    assert {"tariff publish", "ledger audit"} <= set(named)


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

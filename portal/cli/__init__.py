"""The operator's commands: `flask --app wsgi …`, one module a group."""

from flask import Flask

from portal.cli import db, keys, ledger, rules, tariff


def register(app: Flask) -> None:
    """Hang every command on the application."""
    for command in (db.db, keys.keys, ledger.ledger_commands, rules.rules, tariff.tariff):
        app.cli.add_command(command)

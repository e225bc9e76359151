"""The operator's commands: `flask --app wsgi …`, one module a group."""

from flask import Flask

from portal.cli import db, keys, rules, tariff


def register(app: Flask) -> None:
    """Hang every command on the application."""
    for command in (db.db, keys.keys, rules.rules, tariff.tariff):
        app.cli.add_command(command)

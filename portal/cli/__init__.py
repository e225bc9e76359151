"""The operator's commands: `flask --app wsgi …`, one module a group."""

from flask import Flask

from portal.cli import (
    account,
    adjustments,
    backup,
    call,
    clock,
    db,
    demo,
    errors,
    grants,
    keys,
    ledger,
    openapi,
    people,
    rules,
    tariff,
)

COMMANDS = (
    account.account,
    adjustments.adjust,
    call.call,
    clock.clock,
    db.db,
    demo.demo,
    errors.errors,
    grants.grant,
    keys.keys,
    ledger.ledger_commands,
    openapi.openapi,
    people.people,
    rules.rules,
    tariff.tariff,
)

db.db.add_command(backup.backup)


def register(app: Flask) -> None:
    """Hang every command on the application."""
    for command in COMMANDS:
        app.cli.add_command(command)

"""The operator's commands: `flask --app wsgi …`, one module a group, loaded when it is asked for.

Whoever serves runs none of them, and each takes time to load.
"""

from pkgutil import resolve_name
from typing import Any, Final

import click
from flask import Flask
from flask.cli import AppGroup

COMMANDS: Final = {
    "account": "account:account",
    "adjust": "adjustments:adjust",
    "call": "call:call",
    "clock": "clock:clock",
    "db": "db:db",
    "demo": "demo:demo",
    "errors": "errors:errors",
    "grant": "grants:grant",
    "keys": "keys:keys",
    "ledger": "ledger:ledger_commands",
    "openapi": "openapi:openapi",
    "people": "people:people",
    "rules": "rules:rules",
    "tariff": "tariff:tariff",
}


class Commands(AppGroup):
    """All of them by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in order, and of what else was hung on the application."""
        return sorted({*COMMANDS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> Any:
        """The one of that name, or None."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        return resolve_name(f"{__name__}.{place}")


def register(app: Flask) -> None:
    """Hang every command on the application."""
    app.cli = Commands(app.name)

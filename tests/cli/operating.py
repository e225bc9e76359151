"""Running `flask ledger …` as an operator does, on a test's own database."""

import os

from click.testing import Result
from flask import Flask

from portal.cli.ledger import ledger_commands
from portal.config import Config
from portal.current import Application
from portal.database import Database

NOW = 2_000_000_000_000_000


def run(config: Config, *arguments: str, now: int = NOW) -> Result:
    """One command on an application that has nothing but the ledger's commands."""
    app = Flask("portal")
    database = Database(config)
    app.extensions["portal"] = Application(config, database, lambda: now, os.urandom)
    app.cli.add_command(ledger_commands)
    try:
        return app.test_cli_runner().invoke(args=["ledger", *arguments])
    finally:
        database.dispose()

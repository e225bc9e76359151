"""Migrations written in SQL, one file per dialect; statements are separated by blank lines."""

from pathlib import Path

from sqlalchemy.engine import Connection

HERE = Path(__file__).parent


def run(connection: Connection, name: str) -> None:
    """Run `NAME.DIALECT.sql`, statement by statement."""
    text = (HERE / f"{name}.{connection.dialect.name}.sql").read_text("utf-8")
    for statement in text.split("\n\n"):
        if any(line and not line.startswith("--") for line in statement.splitlines()):
            connection.exec_driver_sql(statement)

"""Statements of the posting path: built in Core, compiled once, run on the driver's cursor.

A Core execution costs about 50 µs of CPU, the same compiled text on the driver's cursor 10:
at thousands of debits a second that is the difference between one machine and three.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement

Row = tuple[Any, ...]
POSTGRESQL: Final = "postgresql"


class AnyOf(ColumnElement[bool]):
    """A column that equals one of a list given as a single parameter, on both databases."""

    inherit_cache = True
    type = sa.Boolean()

    def __init__(self, column: sa.Column[Any], name: str) -> None:
        self.column = column
        self.list: sa.BindParameter[Any] = sa.bindparam(name, type_=ARRAY(column.type))
        self.text: sa.BindParameter[Any] = sa.bindparam(name, type_=sa.Text())

    def self_group(self, against: object = None) -> "AnyOf":
        """Itself: SQLAlchemy would append `= 1` for SQLite, and an index would not serve."""
        return self


@compiles(AnyOf)
def _any_of(element: AnyOf, compiler: SQLCompiler, **_: object) -> str:
    return f"{compiler.process(element.column)} = ANY ({compiler.process(element.list)})"


@compiles(AnyOf, "sqlite")
def _any_of_sqlite(element: AnyOf, compiler: SQLCompiler, **_: object) -> str:
    place = compiler.process(element.text)
    names = f"(SELECT value FROM json_each({place}))"  # noqa: S608 - a placeholder
    return f"{compiler.process(element.column)} IN {names}"


class Compiled(NamedTuple):
    """A statement's text in one dialect, and how its parameters are passed."""

    text: str
    bind: Callable[[dict[str, Any]], Any]


class Statement:
    """A SELECT compiled once per dialect; rows come back as plain tuples.

    A clause that cannot be the same on both databases is a function of the dialect's name.
    """

    __slots__ = ("_clause", "_compiled")

    def __init__(self, clause: sa.Select[Any] | Callable[[str], sa.Select[Any]]) -> None:
        self._clause = clause
        self._compiled: dict[str, Compiled] = {}

    def compiled(self, dialect: Dialect) -> Compiled:
        """The statement in a dialect, from the first compilation on."""
        known = self._compiled.get(dialect.name)
        if known is None:
            clause = self._clause(dialect.name) if callable(self._clause) else self._clause
            compiler = clause.compile(dialect=dialect)
            known = Compiled(str(compiler), binder(dialect, compiler))
            self._compiled[dialect.name] = known
        return known


def binder(dialect: Dialect, compiler: Any) -> Callable[[dict[str, Any]], Any]:
    """How a dialect's driver takes named parameters: a dict, or values by place."""
    if dialect.name == POSTGRESQL:
        return lambda values: values
    places: Sequence[str] = compiler.positiontup or ()

    def by_place(values: dict[str, Any]) -> list[Any]:
        given = (values[name] for name in places)
        return [json.dumps(value) if isinstance(value, list) else value for value in given]

    return by_place


class Insert:
    """Appends rows of one table: one statement for all of them where the database can."""

    __slots__ = ("_columns", "_many", "_one", "_table")

    def __init__(self, table: sa.Table, columns: Iterable[str] | None = None) -> None:
        self._table = table
        self._columns = tuple(columns or table.columns.keys())
        self._one: dict[str, str] = {}
        self._many = ""

    def run(self, cursor: Any, dialect: Dialect, rows: Sequence[Row]) -> None:
        """Insert rows, tuples in column order."""
        if dialect.name == POSTGRESQL and len(rows) > 1:
            cursor.execute(self.unnested(), [list(column) for column in zip(*rows, strict=True)])
        elif len(rows) == 1:
            cursor.execute(self.values(dialect), rows[0])
        elif rows:
            cursor.executemany(self.values(dialect), rows)

    def values(self, dialect: Dialect) -> str:
        """`INSERT … VALUES (…)` with placeholders by place."""
        if dialect.name not in self._one:
            mark = "%s" if dialect.name == POSTGRESQL else "?"
            marks = ", ".join([mark] * len(self._columns))
            self._one[dialect.name] = f"{self._into()} VALUES ({marks})"
        return self._one[dialect.name]

    def unnested(self) -> str:
        """`INSERT … SELECT * FROM unnest(…)`: one array a column, so triggers fire once."""
        if not self._many:
            dialect = sa.create_mock_engine("postgresql+psycopg://", lambda *_: None).dialect
            types = (self._table.c[name].type.compile(dialect) for name in self._columns)
            arrays = ", ".join(f"%s::{type_}[]" for type_ in types)
            self._many = f"{self._into()} SELECT * FROM unnest({arrays})"  # noqa: S608 - own types
        return self._many

    def _into(self) -> str:
        columns = ", ".join(f'"{name}"' for name in self._columns)
        return f"INSERT INTO {self._table.name} ({columns})"


def read_all(
    connection: Connection, asked: Sequence[tuple[Statement, dict[str, Any]]]
) -> list[list[Row]]:
    """Run SELECTs in order and give each one's rows; on PostgreSQL in a single round trip."""
    dialect = connection.dialect
    driver: Any = connection.connection.driver_connection
    texts = [(statement.compiled(dialect), values) for statement, values in asked]
    if dialect.name != POSTGRESQL:
        return [driver.execute(text, bind(values)).fetchall() for (text, bind), values in texts]
    with driver.pipeline():
        cursors = [driver.cursor().execute(text, values) for (text, _), values in texts]
        return [cursor.fetchall() for cursor in cursors]


def append_all(connection: Connection, asked: Sequence[tuple[Insert, Sequence[Row]]]) -> None:
    """Run INSERTs in order; on PostgreSQL in a single round trip."""
    dialect = connection.dialect
    driver: Any = connection.connection.driver_connection
    if dialect.name != POSTGRESQL:
        for insert, rows in asked:
            insert.run(driver, dialect, rows)
        return
    with driver.pipeline():
        for insert, rows in asked:
            if rows:
                insert.run(driver.cursor(), dialect, rows)

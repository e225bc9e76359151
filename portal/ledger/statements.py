"""Statements of the posting path: built in Core, compiled once, run on the driver's cursor.

A Core execution costs about 50 µs of CPU, the same compiled text on the driver's cursor 10:
at thousands of debits a second that is the difference between one machine and three.
"""

import json
import re
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
# Under this name each PostgreSQL connection carries what runs its statements in one round trip:
# texts with `$1` places and their values in, the rows of each out.
PIPELINE: Final = "pipeline"
Pipeline = Callable[[Sequence[tuple[str, Sequence[Any]]]], list[list[Row]]]
NAMED: Final = re.compile(r"%\((\w+)\)s")


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
    """A statement's text in one dialect, and the names of its parameters by place."""

    text: str
    places: Sequence[str]


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
            known = numbered(str(compiler)) if dialect.name == POSTGRESQL else by_place(compiler)
            self._compiled[dialect.name] = known
        return known


def by_place(compiler: Any) -> Compiled:
    """A statement whose parameters are `?` already."""
    return Compiled(str(compiler), compiler.positiontup or ())


def numbered(text: str) -> Compiled:
    """A statement whose parameters are named `%(…)s`, with `$1`, `$2`, … instead."""
    places = tuple(dict.fromkeys(NAMED.findall(text)))
    numbers = {name: f"${place}" for place, name in enumerate(places, 1)}
    return Compiled(NAMED.sub(lambda found: numbers[found[1]], text).replace("%%", "%"), places)


class Insert:
    """Appends rows of one table: one statement for all of them where the database can."""

    __slots__ = ("_columns", "_many", "_one", "_table")

    def __init__(self, table: sa.Table, columns: Iterable[str] | None = None) -> None:
        self._table = table
        self._columns = tuple(columns or table.columns.keys())
        self._one: dict[str, str] = {}
        self._many = ""

    def run(self, driver: Any, rows: Sequence[Row]) -> None:
        """Insert rows, tuples in column order, on SQLite's own connection."""
        if len(rows) == 1:
            driver.execute(self.values("?"), rows[0])
        elif rows:
            driver.executemany(self.values("?"), rows)

    def asked(self, rows: Sequence[Row]) -> tuple[str, Sequence[Any]]:
        """Text and values that insert rows on PostgreSQL: one row, or one array a column."""
        if len(rows) == 1:
            return self.values("$"), rows[0]
        return self.unnested(), [list(column) for column in zip(*rows, strict=True)]

    def values(self, mark: str) -> str:
        """`INSERT … VALUES (…)` with `?`, or with `$` and a number, as placeholders."""
        if mark not in self._one:
            numbers = range(1, len(self._columns) + 1)
            marks = ", ".join(mark if mark == "?" else f"{mark}{number}" for number in numbers)
            self._one[mark] = f"{self._into()} VALUES ({marks})"
        return self._one[mark]

    def unnested(self) -> str:
        """`INSERT … SELECT * FROM unnest(…)`: one array a column, so triggers fire once."""
        if not self._many:
            dialect = sa.create_mock_engine("postgresql+psycopg://", lambda *_: None).dialect
            types = [self._table.c[name].type.compile(dialect) for name in self._columns]
            arrays = ", ".join(f"${place}::{type_}[]" for place, type_ in enumerate(types, 1))
            self._many = f"{self._into()} SELECT * FROM unnest({arrays})"  # noqa: S608 - own names
        return self._many

    def _into(self) -> str:
        columns = ", ".join(f'"{name}"' for name in self._columns)
        return f"INSERT INTO {self._table.name} ({columns})"


def read_all(
    connection: Connection, asked: Sequence[tuple[Statement, dict[str, Any]]]
) -> list[list[Row]]:
    """Run SELECTs in order and give each one's rows; on PostgreSQL in a single round trip."""
    dialect = connection.dialect
    texts = [
        (compiled.text, [values[name] for name in compiled.places])
        for compiled, values in ((each.compiled(dialect), values) for each, values in asked)
    ]
    if dialect.name == POSTGRESQL:
        return pipeline_of(connection)(texts)
    driver: Any = connection.connection.driver_connection
    return [driver.execute(text, as_json(values)).fetchall() for text, values in texts]


def append_all(connection: Connection, asked: Sequence[tuple[Insert, Sequence[Row]]]) -> None:
    """Run INSERTs in order; on PostgreSQL in a single round trip."""
    if connection.dialect.name == POSTGRESQL:
        texts = [insert.asked(rows) for insert, rows in asked if rows]
        if texts:
            pipeline_of(connection)(texts)
        return
    driver: Any = connection.connection.driver_connection
    for insert, rows in asked:
        insert.run(driver, rows)


def pipeline_of(connection: Connection) -> Pipeline:
    """What runs statements on a PostgreSQL connection; whoever made the engine put it there."""
    found: Pipeline = connection.info[PIPELINE]
    return found


def as_json(values: Sequence[Any]) -> list[Any]:
    """Values as SQLite takes them: a list as one text."""
    return [json.dumps(value) if isinstance(value, list) else value for value in values]

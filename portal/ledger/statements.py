"""Statements of the posting path: built in Core, compiled once, run on the driver's cursor.

A Core execution costs about 50 µs of CPU, the same compiled text on the driver's cursor 10:
at thousands of debits a second that is the difference between one machine and three.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement

Row = tuple[Any, ...]
POSTGRESQL: Final = "postgresql"
# Under this name each PostgreSQL connection carries its pipeline.
PIPELINE: Final = "pipeline"
Asked = tuple[str, Sequence[Any]]
NAMED: Final = re.compile(r"%\((\w+)\)s")
# Rows of one statement on SQLite at most: to begin a statement costs as much as most rows do.
TOGETHER: Final = 64


class Pipeline(Protocol):
    """What runs statements on a PostgreSQL connection, many in one round trip."""

    def __call__(self, asked: Sequence[Asked], /) -> list[list[Row]]:
        """The rows of each statement."""

    def later(self, asked: Sequence[Asked], /) -> None:
        """Run statements with whatever is run next, COMMIT included."""

    def send_ahead(self) -> None:
        """Let the server begin with what was left for later."""


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
    """A SELECT compiled once per dialect; rows come back as plain tuples."""

    __slots__ = ("_clause", "_compiled")

    def __init__(self, clause: sa.Select[Any]) -> None:
        self._clause = clause
        self._compiled: dict[str, Compiled] = {}

    def compiled(self, dialect: Dialect) -> Compiled:
        """The statement in a dialect, from the first compilation on."""
        known = self._compiled.get(dialect.name)
        if known is None:
            compiler = self._clause.compile(dialect=dialect)
            known = numbered(str(compiler)) if dialect.name == POSTGRESQL else by_place(compiler)
            self._compiled[dialect.name] = known
        return known

    def rows(self, driver: Any, dialect: Dialect, values: dict[str, Any]) -> list[Row]:
        """Its rows, read over SQLite's own connection."""
        text, places = self.compiled(dialect)
        given = as_json([value_of(values, name) for name in places])
        found: list[Row] = driver.execute(text, given).fetchall()
        return found


def by_place(compiler: Any) -> Compiled:
    """A statement whose parameters are `?` already."""
    return Compiled(str(compiler), compiler.positiontup or ())


def numbered(text: str) -> Compiled:
    """A statement whose parameters are named `%(…)s`, with `$1`, `$2`, … instead."""
    places = tuple(dict.fromkeys(NAMED.findall(text)))
    numbers = {name: f"${place}" for place, name in enumerate(places, 1)}
    return Compiled(NAMED.sub(lambda found: numbers[found[1]], text).replace("%%", "%"), places)


class Insert:
    """Appends rows of one table: one statement for all of them where the database can.

    `seldom` are columns side by side that most rows leave NULL: SQLite's driver takes twice as
    long to bind a None as a text, so they are left out where no row of a statement fills them.
    """

    __slots__ = ("_columns", "_seldom", "_short", "_table", "_texts")

    def __init__(
        self,
        table: sa.Table,
        columns: Iterable[str] | None = None,
        *,
        seldom: Sequence[str] = (),
    ) -> None:
        self._table = table
        self._columns = tuple(columns or table.columns.keys())
        self._texts: dict[tuple[str, int], str] = {}
        first = self._columns.index(seldom[0]) if seldom else 0
        self._seldom = slice(first, first + len(seldom))
        others = (name for name in self._columns if name not in seldom)
        self._short = Insert(table, others) if seldom else None

    def run(self, driver: Any, rows: Sequence[Row]) -> None:
        """Insert rows, tuples in column order, on SQLite's own connection."""
        seldom, short = self._seldom, self._short
        none = (None,) * (seldom.stop - seldom.start)
        for some in parts(rows):
            if short is not None and {row[seldom] for row in some} == {none}:
                short.run(driver, [row[: seldom.start] + row[seldom.stop :] for row in some])
            else:
                driver.execute(self._text("?", len(some)), [*chain(*some)])

    def asked(self, rows: Sequence[Row], after: int = 0) -> Asked:
        """Text and values that insert rows on PostgreSQL: one row, or one array a column.

        Places are counted from the one `after` those that other values have taken.
        """
        if len(rows) == 1:
            return self._text("$", after), rows[0]
        return self._text("unnest", after), [list(column) for column in zip(*rows, strict=True)]

    def _text(self, marks: str, number: int) -> str:
        """`INSERT …` with `?` for a number of rows, or for PostgreSQL with places after a number.

        Those are `$` for one row, or one array a column to unnest.
        """
        known = self._texts.get((marks, number))
        if known is None:
            known = self._into() + self._values(marks, number)
            self._texts[marks, number] = known
        return known

    def _into(self) -> str:
        columns = ", ".join(f'"{name}"' for name in self._columns)
        return f"INSERT INTO {self._table.name} ({columns}) "

    def _values(self, marks: str, number: int) -> str:
        if marks == "?":
            row = f"({', '.join('?' * len(self._columns))})"
            return f"VALUES {', '.join([row] * number)}"
        places = list(enumerate(self._columns, number + 1))
        if marks == "$":
            return f"VALUES ({', '.join(f'${place}' for place, _ in places)})"
        dialect = sa.create_mock_engine("postgresql+psycopg://", lambda *_: None).dialect
        types = [(place, self._table.c[name].type.compile(dialect)) for place, name in places]
        arrays = ", ".join(f"${place}::{type_}[]" for place, type_ in types)
        return f"SELECT * FROM unnest({arrays})"  # noqa: S608 - own names


class InsertBoth:
    """Appends rows of one table, each with its rows of another.

    On PostgreSQL by one statement: what guards either table sees the rows of both, and neither
    can be written without the other. On SQLite the others go first.
    """

    __slots__ = ("_ones", "_others")

    def __init__(self, ones: Insert, others: Insert) -> None:
        self._ones, self._others = ones, others

    def run(self, driver: Any, rows: Sequence[tuple[Row, Sequence[Row]]]) -> None:
        """Insert rows on SQLite's own connection.

        Whoever has others waits for neighbours of the same account (the first column) that have
        none: those may have made what its others move.
        """
        first = 0
        for place in range(1, len(rows)):
            (before, theirs), (one, others) = rows[place - 1 : place + 1]
            if others and not theirs and before[0] == one[0]:
                self._run(driver, rows[first:place])
                first = place
        self._run(driver, rows[first:])

    def _run(self, driver: Any, rows: Sequence[tuple[Row, Sequence[Row]]]) -> None:
        self._others.run(driver, [other for _, others in rows for other in others])
        self._ones.run(driver, [one for one, _ in rows])

    def asked(self, rows: Sequence[tuple[Row, Sequence[Row]]]) -> Asked:
        """Text and values that insert rows on PostgreSQL."""
        text, values = self._ones.asked([one for one, _ in rows])
        others = [other for _, of_one in rows for other in of_one]
        if not others:
            return text, values
        other_text, other_values = self._others.asked(others, len(values))
        return f"WITH ones AS ({text}) {other_text}", [*values, *other_values]


def read_all(
    connection: Connection, asked: Sequence[tuple[Statement, dict[str, Any]]]
) -> list[list[Row]]:
    """Run SELECTs in order and give each one's rows; on PostgreSQL in a single round trip."""
    dialect = connection.dialect
    if dialect.name != POSTGRESQL:
        driver: Any = connection.connection.driver_connection
        return [each.rows(driver, dialect, values) for each, values in asked]
    texts = [
        (compiled.text, [value_of(values, name) for name in compiled.places])
        for compiled, values in ((each.compiled(dialect), values) for each, values in asked)
    ]
    return pipeline_of(connection)(texts)


def append_all(
    connection: Connection, asked: Sequence[tuple[Insert | InsertBoth, Sequence[Any]]]
) -> None:
    """Run INSERTs in order; on PostgreSQL with the next round trip, which may be that of COMMIT."""
    if connection.dialect.name == POSTGRESQL:
        pipeline_of(connection).later([insert.asked(rows) for insert, rows in asked if rows])
        return
    driver: Any = connection.connection.driver_connection
    for insert, rows in asked:
        insert.run(driver, rows)


def parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Rows in parts of halves of halves, so that few texts serve any number of rows."""
    done, count = 0, TOGETHER
    while done < len(rows):
        while count > len(rows) - done:
            count //= 2
        yield rows[done : done + count]
        done += count


def send_ahead(connection: Connection) -> None:
    """Let a PostgreSQL server work on what was appended; the next round trip tells what failed."""
    pipeline_of(connection).send_ahead()


def pipeline_of(connection: Connection) -> Pipeline:
    """What runs statements on a PostgreSQL connection; whoever made the engine put it there."""
    found: Pipeline = connection.info[PIPELINE]
    return found


def value_of(values: dict[str, Any], name: str) -> Any:
    """A parameter's value: `wanted_1` is the list of what comes second in the tuples `wanted`."""
    if name in values:
        return values[name]
    listed, _, place = name.rpartition("_")
    return [each[int(place)] for each in values[listed]]


def as_json(values: Sequence[Any]) -> list[Any]:
    """Values as SQLite takes them: a list as one text."""
    return [json.dumps(value) if isinstance(value, list) else value for value in values]

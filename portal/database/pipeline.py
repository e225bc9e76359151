"""Statements sent to PostgreSQL together, on the driver's own handle: one round trip for all.

The driver's own pipeline costs 25 µs of CPU a statement, libpq itself three. Whatever comes of
the statements, the driver finds its connection as it knows it: out of pipeline mode, and in the
database transaction that it was in or that was begun here.
"""

import select
from collections.abc import Sequence
from typing import Any, Final

from psycopg import Connection, OperationalError, errors, pq
from psycopg.adapt import Transformer

from portal.database.literals import literal

Row = tuple[Any, ...]
Asked = tuple[str, Sequence[Any]]
Sent = tuple[str, list[bytes | None]]
BINARY: Final = 1
# Each statement has 5 seconds (statement_timeout): a server that is silent for longer is frozen.
ANSWER_MILLISECONDS: Final = 15_000


class Pipeline:
    """Runs statements on one connection; each is prepared when it is first sent."""

    def __init__(self, connection: Connection[Any], patience: int | None = None) -> None:
        self._connection = connection
        self._patience = patience
        self._pgconn = connection.pgconn
        self._loader = Transformer(connection)
        self._names: dict[str, bytes] = {}
        self._named = 0
        self._later: list[Sent] = []
        self._readable = select.poll()
        self._readable.register(self._pgconn.socket, select.POLLIN)

    def __call__(self, asked: Sequence[Asked]) -> list[list[Row]]:
        """The rows of each statement in order; values stand for `$1`, `$2`, … in its text.

        Raises the driver's error for the first statement that failed; none after it was run.
        """
        sent = as_sent(asked)
        return [self._rows(result) for result in self._run(sent)[-len(sent) :]] if sent else []

    def at_once(self, asked: Sequence[Asked]) -> list[list[Row]]:
        """The rows of each statement, in a database transaction that this trip begins and ends.

        Nothing may be left for later. Raises as a call does.
        """
        return [self._rows(result) for result in self._results(as_sent(asked))]

    def later(self, asked: Sequence[Asked]) -> None:
        """Run statements whose rows nobody wants before whatever is run next, COMMIT included."""
        self._later += as_sent(asked)

    def flush(self) -> None:
        """Run now what was left for later. Raises as a call does."""
        if self._later:
            self._run([])

    def commit(self) -> None:
        """Run what was left for later and COMMIT in one trip; the driver has nothing to end then.

        Raises as a call does: what failed before COMMIT was undone, an answer that never came
        says nothing.
        """
        if self._later:
            try:
                self._run([("COMMIT", [])])
            except BaseException:
                self.forget()  # the pool rolls back, and says so to nobody
                raise

    def forget(self) -> None:
        """Leave off what was for later, and prepare everything anew: at rollback the driver drops
        all that was prepared here."""
        self._later.clear()
        self._names.clear()

    def _run(self, asked: Sequence[Sent]) -> list[pq.abc.PGresult]:
        """One trip, with what was left for later first, in a database transaction."""
        sent = [*self._later, *asked]
        self._later = []
        if self._pgconn.transaction_status == pq.TransactionStatus.IDLE:
            sent.insert(0, (self._begin(), []))
        return self._results(sent)

    def _results(self, sent: Sequence[Sent]) -> list[pq.abc.PGresult]:
        """One trip. Raises the error of the first statement that failed."""
        try:
            results = self._trip(sent)
        except BaseException:
            self._connection.close()  # mid-trip: what came next would answer what was asked before
            raise
        for result in results:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise errors.error_from_result(result)
        return results

    def _begin(self) -> str:
        """What begins a database transaction of the kind that the connection was set to."""
        level, words = self._connection.isolation_level, "BEGIN"
        if level is not None:
            words += " ISOLATION LEVEL " + level.name.replace("_", " ")
        return words + " READ ONLY" if self._connection.read_only else words

    def _trip(self, sent: Sequence[Sent]) -> list[pq.abc.PGresult]:
        """Send all, then wait for all; a statement that could not be prepared is forgotten."""
        pgconn = self._pgconn
        pgconn.enter_pipeline_mode()
        answers: list[str | None] = []  # the text that an answer says was prepared, or None: rows
        for text, values in sent:
            if text not in self._names:
                self._names[text] = self._new_name()
                pgconn.send_prepare(self._names[text], text.encode())
                answers.append(text)
            pgconn.send_query_prepared(self._names[text], values, result_format=BINARY)
            answers.append(None)
        pgconn.pipeline_sync()
        self._flush()
        results = []
        for prepared in answers:
            result = self._result()
            if self._result() is not None or result is None:
                raise OperationalError("the server's answers are out of step")
            if prepared is None:
                results.append(result)
            elif result.status != pq.ExecStatus.COMMAND_OK:
                del self._names[prepared]
                results.append(result)
        self._result()  # the end of the trip
        pgconn.exit_pipeline_mode()
        return results

    def _new_name(self) -> bytes:
        self._named += 1
        return b"portal_%d" % self._named

    def _flush(self) -> None:
        """Hand everything to the system; what the server says meanwhile is taken in, or both
        would wait for each other with full buffers."""
        while self._pgconn.flush():
            both = select.poll()
            both.register(self._pgconn.socket, select.POLLIN | select.POLLOUT)
            for _, ready in both.poll():
                if ready & ~select.POLLOUT:
                    self._pgconn.consume_input()

    def _result(self) -> pq.abc.PGresult | None:
        """The next answer, waited for without the interpreter's lock, which libpq would keep."""
        while self._pgconn.is_busy():
            if not self._readable.poll(self._patience or ANSWER_MILLISECONDS):
                raise OperationalError("the server does not answer")
            self._pgconn.consume_input()
        return self._pgconn.get_result()

    def _rows(self, result: pq.abc.PGresult) -> list[Row]:
        self._loader.set_pgresult(result)
        return self._loader.load_rows(0, result.ntuples, tuple)


def as_sent(asked: Sequence[Asked]) -> list[Sent]:
    """Statements with their values as they go over the wire."""
    return [(text, [literal(value) for value in values]) for text, values in asked]

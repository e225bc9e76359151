"""Statements sent to PostgreSQL together, on the driver's own handle: one round trip for all.

The driver's own pipeline costs 25 µs of CPU a statement, libpq itself three. Whatever comes of
the statements, the driver finds its connection as it knows it: out of pipeline mode, and in the
database transaction that it was in or that was begun here.
"""

import select
from collections.abc import Sequence
from typing import Any, Final

from psycopg import Connection, Error, OperationalError, errors, pq
from psycopg.adapt import Transformer

from portal.database.literals import literal

Row = tuple[Any, ...]
Asked = tuple[str, Sequence[Any]]
Sent = tuple[str, list[bytes | None]]
BINARY: Final = 1
# Else what is asked with an array is planned anew each time, as it is guessed to hold more than it
# does: a third of what a debit alone costs the server.
KEEP_PLANS: Final = "SET LOCAL plan_cache_mode = force_generic_plan"
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
        # Of each part on its way, its answers: the text that one says was prepared, or None: rows.
        self._awaited: list[list[str | None]] = []
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

    def send_ahead(self) -> None:
        """Send now what was left for later, and let the server work on it meanwhile.

        The next trip waits for its answers, and raises what failed in it. Raises here only where
        it cannot be sent. Each part ends as a trip does: a server that hears no more gives up as
        between two trips, and after a part that failed it refuses all but the rollback.
        """
        if not self._later:
            return
        sent, self._later = self._later, []
        if self._pgconn.transaction_status == pq.TransactionStatus.IDLE:
            # In a trip of its own: parts behind a BEGIN that failed would each be committed.
            self._results(self._begin())
        try:
            self._send(sent)
        except BaseException:
            self._close()
            raise

    def flush(self) -> None:
        """Run now what was left for later, and wait for what was sent ahead. Raises as a call."""
        if self._later or self._awaited:
            self._run([])

    def commit(self) -> None:
        """Run what was left for later and COMMIT in one trip; the driver has nothing to end then.

        Raises as a call does: what failed before COMMIT was undone, an answer that never came
        says nothing.
        """
        if self._later or self._awaited:
            try:
                self._run([("COMMIT", [])])
            except BaseException:
                self.forget()  # the pool rolls back, and says so to nobody
                raise

    def forget(self) -> None:
        """Leave off what was for later, wait out what was sent ahead, and prepare everything anew:
        at rollback the driver drops all that was prepared here."""
        self._later.clear()
        if self._awaited:
            try:
                self._answers()
            except BaseException as error:
                self._close()
                if not isinstance(error, Error):
                    raise
        self._names.clear()

    def _run(self, asked: Sequence[Sent]) -> list[pq.abc.PGresult]:
        """One trip, with what was left for later first, in a database transaction.

        While parts are on their way, the connection is active, not idle.
        """
        sent = [*self._later, *asked]
        self._later = []
        if self._pgconn.transaction_status == pq.TransactionStatus.IDLE:
            sent[:0] = self._begin()
        return self._results(sent)

    def _results(self, sent: Sequence[Sent]) -> list[pq.abc.PGresult]:
        """One trip. Raises the error of the first statement that failed."""
        try:
            self._send(sent)
            results = self._answers()
        except BaseException:
            self._close()
            raise
        for result in results:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise errors.error_from_result(result)
        return results

    def _begin(self) -> list[Sent]:
        """What begins a database transaction of the kind that the connection was set to.

        A writer's keeps its plans. Readers' are made for what is asked: some say in a value what
        an index has as its condition.
        """
        level, words = self._connection.isolation_level, "BEGIN"
        if level is not None:
            words += " ISOLATION LEVEL " + level.name.replace("_", " ")
        if self._connection.read_only:
            return [(words + " READ ONLY", [])]
        return [(words, []), (KEEP_PLANS, [])]

    def _send(self, sent: Sequence[Sent]) -> None:
        """Send a part, and all of it: for the rest of a statement the server would wait."""
        pgconn = self._pgconn
        if not self._awaited:
            pgconn.enter_pipeline_mode()
        answers: list[str | None] = []
        self._awaited.append(answers)
        for text, values in sent:
            if text not in self._names:
                self._names[text] = self._new_name()
                pgconn.send_prepare(self._names[text], text.encode())
                answers.append(text)
            pgconn.send_query_prepared(self._names[text], values, result_format=BINARY)
            answers.append(None)
        pgconn.pipeline_sync()
        self._flush()

    def _answers(self) -> list[pq.abc.PGresult]:
        """Those of all parts, waited for; a statement that could not be prepared is forgotten."""
        results = []
        for answers in self._awaited:
            for prepared in answers:
                result = self._result()
                if self._result() is not None or result is None:
                    raise OperationalError("the server's answers are out of step")
                if prepared is None:
                    results.append(result)
                elif result.status != pq.ExecStatus.COMMAND_OK:
                    del self._names[prepared]
                    results.append(result)
            self._result()  # the end of the part
        self._pgconn.exit_pipeline_mode()
        self._awaited.clear()
        return results

    def _close(self) -> None:
        """Give the connection up in mid-trip: what came next would answer what was asked before."""
        self._awaited.clear()
        self._connection.close()

    def _new_name(self) -> bytes:
        self._named += 1
        return b"portal_%d" % self._named

    def _flush(self) -> None:
        """Hand everything to the system; what the server says meanwhile is taken in, or both
        would wait for each other with full buffers."""
        while self._pgconn.flush():
            both = select.poll()
            both.register(self._pgconn.socket, select.POLLIN | select.POLLOUT)
            found = both.poll(self._patience or ANSWER_MILLISECONDS)
            if not found:
                raise OperationalError("the server does not answer")
            for _, ready in found:
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

"""A process that forks children which post one command each and are killed on the way.

    python -m tests.faults.nursery DATABASE_URL

It reads one JSON line a child (what to post, at which step to die), and answers with one: what
the child acknowledged, or null where it was killed. It has a single thread, so a fork is safe,
and imports everything once, so a child costs milliseconds.
"""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection

from portal import ledger, pricing
from portal.database import Database
from portal.database.pipeline import Pipeline
from portal.internal.replies import posted_reply
from portal.internal.strict_json import write
from portal.ledger import posting
from tests.databases import config_for

TARIFFS = pricing.Tariffs([pricing.shipped_tariff()])
SERVICE = ledger.Actor("service", "tts", "tts-1")


def command(asked: dict[str, Any]) -> ledger.Command:
    """The command that a line asks for: its class, its members, its key."""
    members = dict(asked["members"])
    if "reference" in members:
        members["reference"] = ledger.Reference("task", members["reference"])
    key = asked["key"]
    request = ledger.Request("tts", key, json.dumps(asked["members"]))
    kind: Callable[..., ledger.Command] = getattr(ledger, asked["command"])
    return kind(actor=SERVICE, request=request, **members)


def post(database: Database, asked: dict[str, Any], early: Callable[[str], object] = str) -> str:
    """Post it as the door would; gives the very bytes of the answer.

    `early` is told the answer before it is committed, as nobody should be.
    """
    ids = ledger.Ids(os.urandom)

    terms = {"now": asked["now"], "tariffs": TARIFFS, "ids": ids, "atomic": "before" in asked}
    commands = [*map(command, asked.get("before", ())), command(asked)]

    def work(connection: Connection) -> list[ledger.Outcome]:
        outcomes = ledger.post(connection, commands, **terms)
        early(said(outcomes))
        return outcomes

    return said(database.run(work))


def said(outcomes: Sequence[ledger.Outcome]) -> str:
    """Outcomes in the bytes of their answer: the last one, and what went before it in a batch."""
    *before, outcome = outcomes
    if isinstance(outcome, ledger.Refused):
        return f"refused: {outcome.error}"
    return write({**posted_reply(outcome), "before": [said([each]) for each in before]})


class Fuse:
    """Counts steps, and kills this very process at the one that was chosen."""

    def __init__(self, step: int) -> None:
        self.left = step

    def burn(self, *_: object) -> None:
        """One step further."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def lay_sqlite(database: Database, fuse: Fuse) -> None:
    """Burn at each statement SQLite begins, those of triggers and COMMIT too."""
    with contextlib.closing(database._writer.raw_connection()) as connection:
        connection.driver_connection.set_trace_callback(fuse.burn)  # type: ignore[union-attr]


def lay_postgresql(fuse: Fuse) -> None:
    """Burn before each exchange with the server, when all of it is sent, and at each answer."""
    wait, flush, result = psycopg.Connection.wait, Pipeline._flush, Pipeline._result
    send = Pipeline._send

    def burning_wait(connection: Any, exchange: Any, *arguments: Any, **more: Any) -> Any:
        fuse.burn()
        answer = wait(connection, burning(exchange), *arguments, **more)
        fuse.burn()
        return answer

    def burning(exchange: Any) -> Generator[Any, Any, Any]:
        """An exchange of the driver's; COMMIT is sent and not answered at its first wait."""
        try:
            asked = exchange.send(None)
            fuse.burn()
            while True:
                asked = exchange.send((yield asked))
        except StopIteration as end:
            return end.value

    def burning_send(pipeline: Pipeline, sent: Any) -> None:
        fuse.burn()  # at its end libpq has sent most of it, before it is asked to
        send(pipeline, sent)

    def burning_flush(pipeline: Pipeline) -> None:
        fuse.burn()
        flush(pipeline)
        fuse.burn()

    def burning_result(pipeline: Pipeline) -> Any:
        answer = result(pipeline)
        if answer is not None:
            fuse.burn()
        return answer

    psycopg.Connection.wait = burning_wait  # type: ignore[assignment, method-assign]
    Pipeline._send = burning_send  # type: ignore[assignment, method-assign]
    Pipeline._flush = burning_flush  # type: ignore[assignment, method-assign]
    Pipeline._result = burning_result  # type: ignore[assignment, method-assign]


def child(url: str, asked: dict[str, Any], pipe: int) -> None:
    """Post with a fuse laid; if it lives to tell, the answer goes into the pipe."""
    database = Database(config_for(url, Path.cwd()))
    fuse = Fuse(asked["step"])
    if database.dialect == "sqlite":
        lay_sqlite(database, fuse)
    else:
        with database.reading():
            pass  # the exchanges of connecting are nobody's business here
        lay_postgresql(fuse)
    posting.PARTS.update(asked.get("parts", {}))
    if asked.get("early"):
        post(database, asked, lambda answer: os.write(pipe, answer.encode()))
        return
    answer = post(database, asked)
    fuse.burn()  # committed, and killed before a word of it was said
    os.write(pipe, answer.encode())


def main(url: str) -> None:
    """Fork a child a line until the lines end."""
    for line in sys.stdin:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            child(url, json.loads(line), writing)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read().decode()
        _, status = os.waitpid(pid, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        failed = not killed and status != 0
        print(json.dumps({"acked": told or None, "killed": killed, "failed": failed}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

"""What every request passes on its way in and out: it gets an id, is counted, may get a line.

It stands before Flask, so that nothing is answered past it, and it costs a debit about a
microsecond: no lock, no system call, no look at the content.
"""

import itertools
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from portal.internal.problems import COMMANDS, PROBLEM
from portal.operations.logs import REQUEST_ID, REQUESTS

Environ = dict[str, Any]
Start = Callable[..., Any]
# Ids of others that are taken over: what they name is looked for in logs, so nothing odd.
SANE: Final = re.compile(r"[A-Za-z0-9._:-]{8,64}")
LEAST: Final = {"failures": "500", "refusals": "400", "all": "100"}
# How the portal is may be asked under any name: a probe knows addresses only.
UNNAMED: Final = frozenset({"/healthz", "/readyz", "/metrics"})
log = logging.getLogger(REQUESTS)


class Passed(NamedTuple):
    """One request that was answered. code: the problem's, if it was refused at the door.

    commands: of a batch, how often each status and code was answered.
    """

    method: str
    path: str
    status: str
    nanoseconds: int
    code: str | None
    commands: Mapping[tuple[int, str | None], int] = MappingProxyType({})


class Passage:
    """A WSGI application around another.

    note: told of each request, or None where nobody counts. lines: of which answers a line is
    written (failures, refusals, all). host: the name for those who ask under any.
    """

    def __init__(
        self,
        application: Callable[[Environ, Start], Iterable[bytes]],
        *,
        note: Callable[[Passed], object] | None,
        lines: str,
        host: str,
    ) -> None:
        self._application, self._note, self._host = application, note, host
        self._least = LEAST[lines]
        self._numbers = itertools.count(1)
        self._prefix = ""

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        """Answer a request, with its id in X-Request-Id."""
        given = environ.get("HTTP_X_REQUEST_ID")
        known = given if given and SANE.fullmatch(given) else self._new_id()
        environ[REQUEST_ID] = known
        path = environ["PATH_INFO"]
        if path in UNNAMED:
            environ["HTTP_HOST"] = self._host
        began = time.perf_counter_ns()
        answered = "500"

        def start(status: str, headers: list[tuple[str, str]], *failed: Any) -> Any:
            nonlocal answered
            answered = status
            headers.append(("X-Request-Id", known))
            return start_response(status, headers, *failed)

        try:
            return self._application(environ, start)
        finally:
            if self._note is not None or answered >= self._least:
                took = time.perf_counter_ns() - began
                code = environ.get(PROBLEM)
                passed = Passed(environ["REQUEST_METHOD"], path, answered[:3], took, code)
                if COMMANDS in environ:
                    passed = passed._replace(commands=environ[COMMANDS])
                if self._note is not None:
                    self._note(passed)
                if answered >= self._least:
                    write_line(passed, known, environ.get("REMOTE_ADDR"))

    def _new_id(self) -> str:
        """An id nobody else has: made of the process's own random number and a count."""
        if not self._prefix:
            self._prefix = os.urandom(6).hex()
        return f"{self._prefix}-{next(self._numbers):08x}"


def write_line(passed: Passed, known: str, address: str | None) -> None:
    """The line of one request: no header, no query, no content."""
    told = {
        "request": known,
        "method": passed.method,
        "path": passed.path[:200],
        "status": int(passed.status),
        "milliseconds": round(passed.nanoseconds / 1e6, 3),
        "address": address,
    }
    if passed.code is not None:
        told["code"] = passed.code
    level = logging.ERROR if passed.status >= "500" else logging.INFO
    log.log(level, "%s %s", passed.method, passed.status, extra={"told": told})

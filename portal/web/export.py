"""The history as a CSV file: all entries that the filters keep, sent as they are read.

Nobody waits for who reads slowly: each part is read in a short database transaction of its own,
which has ended before the part is sent. The parts are one statement all the same: which entries
belong to it is settled before the first, and entries never change.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from flask import Blueprint, Response, request
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, TooManyRequests

from portal import current, ledger, pricing
from portal.web.cells import BOM, HEAD, lines
from portal.web.filters import TAKEN, Asked
from portal.web.formats import zone_of
from portal.web.visitor import account_id, members_only

bp = members_only(Blueprint("export", __name__))

ROWS: Final = 10_000  # read at once
SECONDS_MAX: Final = 900
AT_ONCE: Final = 8  # of a worker, whose threads others need as well
AT_ONCE_EACH: Final = 2  # of them, of one account
RETRY_AFTER: Final = 60
KNOWN: Final = (*TAKEN, "excel")
SHOWN_MAX: Final = 40  # of a name that is not known
Reading = Callable[[], AbstractContextManager[Connection]]
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Disposition": 'attachment; filename="ledger.csv"',
    "Content-Type": "text/csv; charset=utf-8; header=present",
}


class ExportTooLongError(Exception):
    """An export took too long: it is broken off, which its reader is told by its missing end."""


class Underway:
    """How many exports a worker is sending, in all and of each account."""

    def __init__(self) -> None:
        self._each: Counter[str] = Counter()
        self._lock = threading.Lock()

    def begin(self, account: str) -> None:
        """Count one more, until `end`. Raises TooManyRequests where that is one too many."""
        with self._lock:
            if self._each[account] >= AT_ONCE_EACH or self._each.total() >= AT_ONCE:
                raise TooManyRequests(
                    "Exports are being sent already. Try again when they have ended.",
                    retry_after=RETRY_AFTER,
                )
            self._each[account] += 1

    def end(self, account: str) -> None:
        """Count one less."""
        with self._lock:
            self._each[account] -= 1
            self._each += Counter()  # and forget whoever has none


UNDERWAY: Final = Underway()


@bp.get("/ledger.csv")
def entries() -> Response:
    """The file, with the filters that the history page has in its address."""
    asked, tariffs = asked_for(request.args), current.tariffs()
    marked = request.args.get("excel", "").strip()
    with current.database.reading() as connection:
        account = ledger.get_account(connection, account_id())
        wanted = asked.filter(zone_of(account.time_zone))
        span = ledger.seq_range(connection, account.id, wanted)
    if asked.refusals_only:  # they are no entries
        span = span._replace(first=1, last=0)
    start = BOM + HEAD if marked else HEAD
    sent = parts(current.database.reading, start, tariffs, account.id, wanted, span)
    UNDERWAY.begin(account.id)
    response = Response(sent, headers=HEADERS)
    response.call_on_close(partial(UNDERWAY.end, account.id))
    return response


def asked_for(args: MultiDict[str, str]) -> Asked:
    """The filters of an address, all of which are at work.

    Raises BadRequest where one is not known, cannot be read, or keeps nothing: a file shows no
    filters, and one that lacks some would pass for what was asked.
    """
    for name in sorted(args.keys() - set(KNOWN)):
        taken = f"{', '.join(KNOWN[:-1])} and {KNOWN[-1]}"
        raise BadRequest(f"“{name[:SHOWN_MAX]}” in the address is not known: a file takes {taken}.")
    asked, marked = Asked.read(args), args.get("excel", "").strip()
    for name in asked.unread(args) + (["excel"] if marked not in ("", "1") else []):
        raise BadRequest(f"“{name}” in the address cannot be read: a file would not show that.")
    if asked.fault:
        raise BadRequest(asked.fault)
    return asked


def parts(
    reading: Reading,
    start: bytes,
    tariffs: pricing.Tariffs,
    account: str,
    wanted: ledger.Filter,
    span: ledger.Range,
) -> Iterator[bytes]:
    """The start of the file, then the lines of a range of seq, newest first.

    Raises ExportTooLongError, and what the database raises: who reads then sees no proper end.
    """
    until = time.monotonic() + SECONDS_MAX
    yield start
    for last in range(span.last, span.first - 1, -ROWS):
        if time.monotonic() > until:
            raise ExportTooLongError(f"an export took more than {SECONDS_MAX} seconds")
        first = max(span.first, last - ROWS + 1)
        with reading() as connection:
            found = ledger.export_rows(connection, account, wanted, first, last)
        if found:
            yield lines(found, tariffs)

"""The history page: every entry of the account, newest first, with refusals beside."""

from typing import Final, NamedTuple

from flask import Blueprint, Response, abort, request, url_for
from sqlalchemy import Connection

from portal import current, ledger, pricing
from portal.web import wording
from portal.web.filters import TYPES, Asked
from portal.web.formats import counted, long_day, signed, zone_of
from portal.web.pages import Blocks, Part, asked_target, page
from portal.web.paths import path_of
from portal.web.visitor import account_id, members_only

bp = members_only(Blueprint("history", __name__))

BLOCKS: Final[Blocks] = {
    "results": (Part("results"), Part("problem", "textContent")),
    "more": (Part("more"), Part("rows", "beforeend")),
}
ROWS: Final = 50
REFUSALS_MAX: Final = 200
REFUSALS_KEPT: Final = 35 * 86_400_000_000


class Line(NamedTuple):
    """One row of the history: an entry, or a refusal."""

    at: int
    entry: ledger.Entry | None = None
    refusal: ledger.Refusal | None = None


@bp.get("/ledger")
def entries() -> Response:
    """The page, its results for other filters, or the next rows."""
    asked = Asked.read(request.args)
    before = request.args.get("before", type=int)
    if before is not None and not 0 < before < 2**63:
        abort(400, "There is no such place in the history.")
    now, tariffs, going_on = current.now(), current.tariffs(), asked_target() == "more"
    with current.database.reading() as connection:
        account = ledger.get_account(connection, account_id())
        if before is not None and before > account.seq:
            before = None
        zone = zone_of(account.time_zone)
        wanted = asked.filter(zone)
        found = rows_of(connection, account.id, asked, wanted, before)
        # Older rows alone leave the sums as they are; over a long history those cost most.
        strip = None if going_on else ledger.strip(connection, account.id, wanted)
        lines = with_refusals(connection, account.id, asked, wanted, found, before, now)
    context = {
        "asked": asked,
        "before": before,
        "chips": chips(asked, tariffs),
        "lines": lines,
        "now": now,
        "older": found.next,
        "operations": operations(tariffs),
        "strip": strip,
        "tariffs": tariffs,
        "types": [(word, title) for word, (_, title) in TYPES.items()],
        "zone": zone,
    }
    answer = page("history/entries.html", context, BLOCKS, spoken(asked, strip, lines))
    return addressed(answer, asked)


def rows_of(
    connection: Connection,
    account: str,
    asked: Asked,
    wanted: ledger.Filter,
    before: int | None,
) -> ledger.Page:
    """A page of entries; none where only refusals are wanted."""
    if asked.refusals_only:
        return ledger.Page((), None)
    return ledger.page(connection, account, wanted, before=before, limit=ROWS)


def with_refusals(
    connection: Connection,
    account: str,
    asked: Asked,
    wanted: ledger.Filter,
    found: ledger.Page,
    before: int | None,
    now: int,
) -> list[Line]:
    """The page's entries with the refusals of the same stretch of time between them."""
    lines = [Line(entry.recorded_at, entry) for entry in found.entries]
    if asked.type not in (None, "refusal"):
        return lines
    since = max(wanted.since or 0, now - REFUSALS_KEPT)
    if found.next is not None:
        since = max(since, found.entries[-1].recorded_at)
    until = wanted.until or now + 1
    if before is not None:
        until = min(until, ledger.balance_at_seq(connection, account, before).at)
    refused = ledger.recent_refusals(
        connection, account, since=since, until=until, limit=REFUSALS_MAX
    )
    lines += [Line(one.recorded_at, None, one) for one in refused if fits(one, wanted)]
    return sorted(lines, key=lambda line: -line.at)


def fits(refusal: ledger.Refusal, wanted: ledger.Filter) -> bool:
    """Whether a refusal is about the operation and reference asked for."""
    operation = not wanted.operations or refusal.operation in wanted.operations
    return operation and wanted.reference in (None, refusal.reference_id)


def chips(asked: Asked, tariffs: pricing.Tariffs) -> list[tuple[str, str]]:
    """The filters at work, each with the address that lacks it."""
    words = {
        "type": TYPES[asked.type][1] if asked.type else "",
        "operation": wording.operation_title(asked.operation, None, tariffs),
        "reference": f"reference {asked.reference}",
        "from": f"from {long_day(asked.since)}" if asked.since else "",
        "to": f"to {long_day(asked.until)}" if asked.until else "",
    }
    return [
        (words[name], url_for("history.entries", **asked.query(name)))
        for name in asked.query()
        if name in words
    ]


def operations(tariffs: pricing.Tariffs) -> dict[str, str]:
    """Every operation that was ever priced, with its title, the newest tariff's first."""
    names = [name for tariff in reversed(tariffs) for name in tariff.operations]
    return {name: wording.operation_title(name, None, tariffs) for name in names}


def spoken(asked: Asked, strip: ledger.Strip | None, lines: list[Line]) -> str:
    """What a screen reader hears when other rows come in; a fault is read out by itself."""
    if asked.fault:
        return ""
    if strip is None:
        return counted(len(lines), "more entry", "more entries")
    if asked.refusals_only:
        return counted(len(lines), "refusal")
    change = signed(strip.matched_in - strip.matched_out)
    return f"{counted(strip.matched, 'entry', 'entries')}, {change} credits"


def addressed(answer: Response, asked: Asked) -> Response:
    """The answer with the address its filters have, so that Back and a reload find them."""
    if asked_target() == "results":
        clean = url_for("history.entries", **asked.query())
        shown = path_of(request.headers.get("HX-Current-URL", ""))
        answer.headers["HX-Push-Url"] = "false" if clean == shown else clean
    return answer

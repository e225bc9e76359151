"""The usage page: what is left, what was used day by day, and what is left to use it from."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from flask import Blueprint, Response, request
from sqlalchemy import Connection

from portal import current, ledger, pricing
from portal.web import charts, wording
from portal.web.formats import counted, shares, utc_day, zone_of
from portal.web.pages import Blocks, Part, asked_target, page, tagged, unchanged
from portal.web.spans import CHOICES, Span, span_of
from portal.web.standing import standing_of, tag_of
from portal.web.visitor import account_id, members_only

bp = members_only(Blueprint("usage", __name__))

# A poll asks for the balance; when that has changed, so has everything else with numbers.
BLOCKS: Final[Blocks] = {
    "balance": tuple(
        Part(name) for name in ("balance", "chart", "days", "breakdown", "recent", "grants")
    ),
    "report": (Part("report"),),
}
RECENT: Final = 10


class Row(NamedTuple):
    """One operation's part of the report; net = charged - refunded."""

    operation: str
    title: str
    place: int
    units: str
    jobs: int
    charged: int
    refunded: int
    share: str

    @property
    def net(self) -> int:
        """Credits charged and not given back."""
        return self.charged - self.refunded


@bp.get("/usage")
def report() -> Response:
    """The page, its report for another span, or its balance if anything has changed."""
    now, tariffs = current.now(), current.tariffs()
    polled = asked_target() == "balance"
    with current.database.reading() as connection:
        tag = tag_of(connection, account_id(), now)
        if polled and tag is not None and request.headers.get("HX-PTag") == tag:
            return unchanged(tag)
        standing = standing_of(connection, account_id(), now, tariffs)
        account = standing.account
        span = span_of(request.args.get("period", ""), account, now)
        context = {
            "standing": standing,
            "recent": ledger.page(connection, account.id, limit=RECENT).entries,
            **report_of(connection, account, span, tariffs, utc_day(now)),
        }
    context |= {
        "choices": CHOICES,
        "now": now,
        "tag": tag,
        "tariffs": tariffs,
        "zone": zone_of(account.time_zone),
    }
    if polled:
        return tagged(page("usage/report.html", context, BLOCKS), tag)
    said = f"Report updated: {counted(context['charged'], 'credit')} charged, {span.title}"
    return page("usage/report.html", context, BLOCKS, said)


def report_of(
    connection: Connection,
    account: ledger.Account,
    span: Span,
    tariffs: pricing.Tariffs,
    today: int,
) -> dict[str, Any]:
    """What the report block shows: chart, days and breakdown of one span."""
    days = ledger.usage_days(connection, account.id, span.first, span.last)
    totals = ledger.usage_totals(connection, account.id, span.first, span.last)
    series = charts.series_of(titles_of(totals, tariffs))
    amounts = {(day.day, day.operation): day.charged for day in days}
    rows = breakdown(totals, series, tariffs)
    return {
        "span": span,
        "chart": charts.stacked_days(amounts, span.days, series, today),
        "series": series,
        "rows": rows,
        "charged": sum(row.charged for row in rows),
        "refunded": sum(row.refunded for row in rows),
        "jobs": sum(row.jobs for row in rows),
        "refunds": refunds_by_day(days),
    }


def titles_of(totals: Sequence[ledger.UsageTotal], tariffs: pricing.Tariffs) -> dict[str, str]:
    """Operations with their titles: those of the tariff in its order, then any older ones."""
    known = tuple(tariffs.latest.operations) if tariffs else ()
    used = [total.operation for total in totals]
    names = [name for name in known if name in used]
    names += [name for name in used if name not in known]
    return {name: wording.operation_title(name, None, tariffs) for name in names}


def breakdown(
    totals: Sequence[ledger.UsageTotal],
    series: Sequence[charts.Series],
    tariffs: pricing.Tariffs,
) -> tuple[Row, ...]:
    """One row an operation, the dearest first."""
    by_key = {one.key: one for one in series}
    dearest = sorted(totals, key=lambda total: (-total.charged, total.operation))
    shown = shares([total.charged for total in dearest])
    return tuple(
        Row(
            total.operation,
            by_key[total.operation].title,
            by_key[total.operation].place,
            wording.units(total.operation, total.quantity, None, tariffs),
            total.jobs,
            total.charged,
            total.refunded,
            share,
        )
        for total, share in zip(dearest, shown, strict=True)
    )


def refunds_by_day(days: Sequence[ledger.UsageDay]) -> Counter[int]:
    """Credits given back by day, over all operations."""
    refunds: Counter[int] = Counter()
    for day in days:
        refunds[day.day] += day.refunded
    return refunds

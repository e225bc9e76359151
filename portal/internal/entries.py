"""GET /accounts/{id}/entries: the account's history, newest first, page by page."""

from flask import Response, request

from portal import current, ledger
from portal.internal.answers import reply
from portal.internal.blueprint import blueprint
from portal.internal.queries import EntriesQuery
from portal.internal.replies import entry_reply


@blueprint.get("/accounts/<account_id>/entries")
def get_entries(account_id: str) -> Response:
    """One page; `next` is the `before` of the page that follows, null on the last."""
    query = EntriesQuery.read(request.query_string)
    wanted = ledger.Filter(
        kinds=query.kind,
        operations=query.operation,
        reference=query.reference,
        since=query.since,
        until=query.until,
    )
    with current.database.reading() as connection:
        ledger.get_account(connection, account_id)
        page = ledger.page(connection, account_id, wanted, before=query.before, limit=query.limit)
        draws = ledger.draws_of(connection, page.entries)
    entries = [
        entry_reply(entry, draws.get((entry.account_id, entry.seq), ())) for entry in page.entries
    ]
    return reply(200, {"entries": entries, "next": page.next})

"""GET /requests/{idempotency-key}: what came of a request whose answer was lost."""

from flask import Response, url_for

from portal import current, ledger
from portal.internal.answers import outcome_answer, reply
from portal.internal.blueprint import blueprint
from portal.internal.door import caller
from portal.internal.errors import RequestNotFoundError


@blueprint.get("/requests/<key>")
def get_request(key: str) -> Response:
    """The status and body that a retry with the key would get, or 404: it never happened."""
    with current.database.reading() as connection:
        outcome = ledger.find_outcome(connection, caller().key.service, key)
    if outcome is None:
        raise RequestNotFoundError(key=key)
    # Only a debit's refusal stays with its key, so that its path is known.
    then = outcome_answer(outcome, url_for("internal.post_debit"))
    return reply(200, {"status": then.status_code, "body": then.json})

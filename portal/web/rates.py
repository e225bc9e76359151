"""How often one address may ask for pages; styles, scripts and probes are not counted."""

from typing import Final

from flask import Flask, request
from werkzeug.exceptions import TooManyRequests

from portal import current
from portal.limits import RateLimitedError, network_of
from portal.web.headers import is_page

UNCOUNTED: Final = frozenset({"static", "operations.live", "operations.ready", "metrics.show"})


def register(app: Flask) -> None:
    """Count every page that is asked for, where a limit is set."""
    if app.extensions["portal"].config.rate_address is not None:
        app.before_request(count_address)


def count_address() -> None:
    """429 with the time to come back where an address asked too often; nothing was done then."""
    limits = current.application().limits
    if limits is None or request.endpoint in UNCOUNTED or not is_page():
        return
    try:
        limits.count("address", network_of(request.remote_addr or ""), current.now())
    except RateLimitedError as error:
        raise TooManyRequests(
            f"Nothing was changed. Try again in {error.retry_after} seconds.",
            retry_after=error.retry_after,
        ) from error

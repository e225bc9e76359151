"""The front desk: pages for people. It reads the ledger, and changes nothing in it."""

from flask import Flask

from portal.web import (
    admin,
    assets,
    auth,
    csrf,
    entry,
    errors,
    export,
    headers,
    history,
    home,
    plans,
    rates,
    reports,
    templating,
    usage,
    visitor,
)
from portal.web.polls import UNCHANGED, Polls

BLUEPRINTS = (
    home.bp,
    auth.bp,
    usage.bp,
    history.bp,
    export.bp,
    entry.bp,
    plans.bp,
    admin.bp,
    reports.bp,
)
for _blueprint in BLUEPRINTS:
    errors.register(_blueprint)


def register(app: Flask) -> None:
    """Open the front desk: guards in front of it, its blueprints, its templates' words."""
    assets.register(app)
    headers.register(app)
    rates.register(app)
    visitor.register(app)
    app.before_request(csrf.check_token)
    templating.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)


__all__ = ["UNCHANGED", "Polls", "errors", "register"]

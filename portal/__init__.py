"""The credits portal: what customers may still spend, on one immutable ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from portal.config import Config


def create_app(config: Config | None = None, *, clock: Callable[[], int] | None = None) -> Flask:
    """The portal as an application; the database is opened when used.

    `config` defaults to the environment's PORTAL_*; `clock` gives UTC microseconds, else the
    system's does. What it is made of is loaded here: whoever wants but a room of the portal, as a
    service its client, needs neither the time nor the packages.
    """
    from portal.application import assembled

    return assembled(config, clock)

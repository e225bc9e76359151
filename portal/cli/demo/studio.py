"""The studio beside the demo: on a port of its own, with a key for what it does and no more."""

import os
import signal
import socket
import threading
from collections.abc import Iterable, Mapping
from typing import Final

from flask import Flask
from sqlalchemy import Connection

from portal import signing
from portal.cli.demo.cast import SERVICE
from portal.cli.demo.sheet import SigningKey
from portal.cli.serve import HOST, Beside, BusyPortError, listen
from portal.config import OWN, Config
from portal.internal.keys import issue_key, list_keys
from portal.studio import create_studio

SCOPES: Final = ("quote", "hold", "refund", "read")
WORDS: Final = ("-m", "gunicorn", "--config", "python:portal.cli.studio", "--log-level", "warning")
APPLICATION: Final = "portal.cli.demo.studio:attached()"


def listen_beside(port: int) -> socket.socket:
    """A socket on the port after the portal's; where that is taken, on any that is free."""
    try:
        return listen(port + 1 if port < 65_535 else 0)
    except BusyPortError:
        return listen(0)


def url_of(listener: socket.socket) -> str:
    """The address of what listens on this machine alone."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


def studio_key(connection: Connection, settings: Config, now: int) -> SigningKey:
    """The studio's own key of the demo's service; a new one where none may do just what it does."""
    live = [
        key
        for key in list_keys(connection)
        if (key.service, key.scopes) == (SERVICE, " ".join(SCOPES))
        and key.revoked_at is None
        and key.not_after is None
        and not key.is_limited
    ]
    key = live[-1] if live else issue_key(connection, service=SERVICE, scopes=SCOPES, now=now)
    secret = signing.derive_secret(settings.secret_key, key.kid)
    return SigningKey(key.kid, secret, settings.authority)


def beside(
    listener: socket.socket,
    environment: Mapping[str, str],
    port: int,
    key: SigningKey,
    accounts: Iterable[str],
) -> Beside:
    """The studio as a program beside a portal; it is told none of the portal's secrets."""
    told = {
        "PORTAL_CLIENT_URL": f"http://{HOST}:{port}",
        "PORTAL_CLIENT_AUTHORITY": key.authority,
        "PORTAL_CLIENT_KID": key.kid,
        "PORTAL_CLIENT_SECRET": key.secret,
        "STUDIO_ACCOUNTS": ",".join(accounts),
    }
    kept = {
        name: value
        for name, value in environment.items()
        if not OWN.match(name) and not name.startswith("PORTAL_CLIENT_")
    }
    words = (*WORDS, "--bind", f"fd://{listener.fileno()}", APPLICATION)
    return Beside(words, kept | told, (listener,))


def attached() -> Flask:
    """The studio in a worker whose server ends when its input does: with the portal."""
    server = os.getppid()

    def watch() -> None:
        while os.read(0, 4_096):
            pass
        os.kill(server, signal.SIGTERM)

    threading.Thread(target=watch, name="attached", daemon=True).start()
    return create_studio()

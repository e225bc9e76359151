"""The facts of the demo that is being served, in var/demo.json for its owner alone."""

import json
import os
import secrets
from pathlib import Path
from typing import Any, Final, NamedTuple

NAME: Final = "demo.json"


class Login(NamedTuple):
    """A person who may sign in; `account` is None for an admin without one."""

    email: str
    password: str
    role: str
    account: str | None


class SigningKey(NamedTuple):
    """What a service signs with, and the authority it signs for."""

    kid: str
    secret: str
    authority: str


class Sheet(NamedTuple):
    """Where the demo is served, who may sign in, how to sign, and which accounts there are.

    studio_url: None while no studio is served beside it.
    """

    url: str
    people: tuple[Login, ...]
    service_key: SigningKey
    accounts: tuple[str, ...]
    studio_url: str | None = None


def write_sheet(folder: Path, sheet: Sheet) -> Path:
    """Put the sheet into a folder (mode 600), in place of an older one; gives its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    draft = folder / f".{NAME}.{secrets.token_hex(8)}"
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(json.dumps(told(sheet), indent=2) + "\n")
    draft.replace(path)
    return path


def find_sheet(folder: Path) -> Sheet | None:
    """The sheet of the last demo; None where there is none, or none that can be read."""
    try:
        members = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return Sheet(
            members["url"],
            tuple(Login(**login) for login in members["people"]),
            SigningKey(**members["service_key"]),
            tuple(members["accounts"]),
            members.get("studio_url"),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def told(sheet: Sheet) -> dict[str, Any]:
    """The sheet as JSON members."""
    return {
        "url": sheet.url,
        "people": [login._asdict() for login in sheet.people],
        "service_key": sheet.service_key._asdict(),
        "accounts": list(sheet.accounts),
        "studio_url": sheet.studio_url,
    }

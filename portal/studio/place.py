"""What the pages stand on, found from within a request."""

from dataclasses import dataclass
from typing import Final

from flask import current_app

from portal.client import Credits
from portal.studio.crew import Crew
from portal.studio.shelf import Shelf

NAME: Final = "studio"


@dataclass(frozen=True, slots=True)
class Place:
    """credits: a client that does not wait long, as a browser waits for it."""

    credits: Credits
    portal_url: str
    accounts: tuple[str, ...]
    shelf: Shelf
    crew: Crew


def place() -> Place:
    """The place this request is in."""
    found: Place = current_app.extensions[NAME]
    return found

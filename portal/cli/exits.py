"""What `flask call` exits with, and the sentence that says why."""

import sys
from collections.abc import Sequence
from typing import Final, Never

import click

from portal.client import RefusedError

REFUSED, MISTAKEN, UNKNOWN = 1, 2, 3
TOLD: Final = (
    "Exits with 0: all was done; 1: refused, or nobody could be asked; 2: asked wrongly or"
    " misconfigured, and nothing was sent; 3: nobody knows, so repeat it with the key shown."
)


def fail(sentence: str, status: int) -> Never:
    """Say why not, beside what the command shows, and exit."""
    click.echo(f"Error: {sentence}", err=True)
    sys.exit(status)


def fail_of_batch(refused: Sequence[RefusedError], total: int) -> Never:
    """Exit by the worst that became of its commands: where the door failed, nobody knows."""
    unknown = sum(each.status >= 500 for each in refused)
    rest = len(refused) - unknown
    were = f"{'was' if rest == 1 else 'were'} refused"
    if not unknown:
        fail(f"{rest} of {total} commands {were}", REFUSED)
    also = f", and {rest} {were}" if rest else ""
    told = f"The outcome of {unknown} of {total} commands is unknown{also}"
    fail(f"{told}. Repeat what is unknown, each with its key", UNKNOWN)

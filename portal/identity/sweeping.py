"""Forgetting sessions that ran out and attempts that count no more.

Whoever signs in sweeps in passing: nothing is let in, or kept out, by rows that are still there.
"""

from sqlalchemy import Connection

from portal.identity.attempts import WINDOW
from portal.identity.sessions import OVER, USUAL, Lifetime, ends
from portal.identity.tables import login_attempts, sessions


def sweep(connection: Connection, now: int, lifetime: Lifetime = USUAL) -> int:
    """Delete what is past use; gives how many rows that were."""
    ended = connection.execute(sessions.delete().where(OVER), ends(now, lifetime))
    outdated = login_attempts.c.first_at <= now - WINDOW
    past = connection.execute(login_attempts.delete().where(outdated))
    return ended.rowcount + past.rowcount

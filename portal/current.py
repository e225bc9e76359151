"""The one seam from views to the application's state: database, tariffs, queue, clock."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from flask import Flask, current_app, has_request_context, request
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError, TimeoutError
from werkzeug.exceptions import SecurityError
from werkzeug.wsgi import get_host

from portal import ledger, pricing
from portal.config import Config
from portal.database import BusyError, Database, DatabaseError, LockedError
from portal.limits import RateLimitedError, find_limits

TARIFFS_FRESH = ledger.MICROSECONDS
# In a request's environ: what posts a command of a queue with others of the same server thread.
TOGETHER = "portal.together"
# What a command is answered with where the database does not write now.
AWAY = (ledger.StorageUnavailableError, ledger.InProgressError)
# What is raised where the database does not answer a read or a write now.
UNAVAILABLE = (DatabaseError, ledger.StorageUnavailableError, OperationalError, TimeoutError)


class Application:
    """State of one application: made once by `create_app`, reached through this module."""

    def __init__(
        self,
        config: Config,
        database: Database,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
    ) -> None:
        self.config = config
        self.database = database
        self.clock = clock
        self.ids = ledger.Ids(random)
        self.queue = ledger.Queue(self.post)
        # Apart, so that nobody's single command waits for all batches that came before.
        self.batches = ledger.Queue(self.post, group_max=ledger.BATCHED_MAX)
        rates = {"key": config.rate_key, "account": config.rate_account}
        rates["address"] = config.rate_address
        self.limits = find_limits(config.shared_folder, config.secret_key, rates)
        self._tariffs = pricing.Tariffs()
        self._tariffs_at = -TARIFFS_FRESH

    def tariffs(self) -> pricing.Tariffs:
        """All published tariffs, at most a second old."""
        now = self.clock()
        if not self._tariffs or not 0 <= now - self._tariffs_at < TARIFFS_FRESH:
            with self.database.reading() as connection:
                self._tariffs = ledger.load_tariffs(connection)
            self._tariffs_at = now
        return self._tariffs

    def post(
        self, commands: Sequence[ledger.Command], *, atomic: bool = False
    ) -> list[ledger.Outcome]:
        """Post commands in one database transaction of their own. Raises as `submit` does.

        Where another writer keeps one of several accounts, raises LockedError: none was posted.
        atomic: all of them or none, for which it raises UndoneError.
        """
        try:
            terms: dict[str, Any] = {"now": self.clock(), "tariffs": self.tariffs()}
            terms |= {"ids": self.ids, "atomic": atomic}

            def work(connection: Connection) -> list[ledger.Outcome]:
                return ledger.post(connection, commands, **terms)

            return self.database.run(work)
        except LockedError as error:
            named = {ledger.account_of(command) for command in commands}
            if not atomic and len(commands) > 1 and (len(named) > 1 or "" in named):
                raise  # only some may be kept: each account is asked for by itself
            unavailable(error)
        except DatabaseError as error:
            unavailable(error)

    def submit(self, command: ledger.Command) -> ledger.Outcome:
        """Post one command, with others that arrive at the same time if so configured.

        Raises InProgressError and StorageUnavailableError; then nothing was acknowledged, and
        what broke at COMMIT may still have been posted: the same key tells. Raises
        RateLimitedError where services ask too often for one account.
        """
        self._count(command)
        if self.config.group_commit:
            together = request.environ.get(TOGETHER) if has_request_context() else None
            return together(self.queue, command) if together else self.queue.submit(command)
        return self.post([command])[0]

    def submit_all(
        self, commands: Sequence[ledger.Command], *, atomic: bool = False
    ) -> list[ledger.Outcome | Exception]:
        """Post commands in order, in one group; gives each one's outcome, or its error.

        A group is one database transaction, and takes in what others ask for at the same time if
        so configured. None of them touches its neighbours, unless all are to be done or none
        (`atomic`): they have one of their own then, and the first refusal is raised as UndoneError.
        Where the database writes none of them, raises as `submit` does.
        """
        if atomic:
            for place, command in enumerate(commands):
                if (limited := self._find_limited(command)) is not None:
                    raise ledger.UndoneError(place, limited)
            return [*self.batches.post(commands, atomic=True)]
        errors = [self._find_limited(command) for command in commands]
        tickets = [ledger.Ticket(command) for command in commands]
        group = [ticket for ticket, error in zip(tickets, errors, strict=True) if error is None]
        if not group:
            return [*filter(None, errors)]
        if self.config.group_commit:
            self.batches.submit_all(group)
        else:
            ledger.settle(self.batches.post, group, ordered=True)
        answers = [ticket.told() for ticket in group]
        away = [answer for answer in answers if isinstance(answer, AWAY)]
        if len(away) == len(answers):
            raise away[0]
        told = iter(answers)
        return [error or next(told) for error in errors]

    def _find_limited(self, command: ledger.Command) -> RateLimitedError | None:
        try:
            self._count(command)
        except RateLimitedError as error:
            return error
        return None

    def _count(self, command: ledger.Command) -> None:
        """Count a command of a service against its account; raises RateLimitedError.

        What ends a hold or gives credits back names no account, and always goes.
        """
        account_id = self.limits and getattr(command, "account_id", None)
        if self.limits and account_id and command.actor.kind == "service":
            self.limits.count("account", account_id, self.clock())


def unavailable(error: DatabaseError) -> NoReturn:
    """Raise the ledger's word for a database that did not write."""
    if isinstance(error, BusyError):
        raise ledger.InProgressError from error
    raise ledger.StorageUnavailableError from error


def is_trusted(app: Flask, scheme: str, host: str | None) -> bool:
    """Whether the framework would let a request for this host's name in."""
    try:
        known = {"wsgi.url_scheme": scheme, "HTTP_HOST": host}
        return host is not None and bool(get_host(known, app.config["TRUSTED_HOSTS"]))
    except SecurityError:
        return False


def application() -> Application:
    """The state of the application that is answering."""
    found: Application = current_app.extensions["portal"]
    return found


def now() -> int:
    """The time now by the application's clock, in UTC microseconds."""
    return application().clock()


def tariffs() -> pricing.Tariffs:
    """All published tariffs, at most a second old."""
    return application().tariffs()


def submit(command: ledger.Command) -> ledger.Outcome:
    """Post one command; gives its outcome once that is committed."""
    return application().submit(command)


def submit_all(
    commands: Sequence[ledger.Command], *, atomic: bool = False
) -> list[ledger.Outcome | Exception]:
    """Post commands in one group; gives each one's outcome, or its error."""
    return application().submit_all(commands, atomic=atomic)


if TYPE_CHECKING:
    config: Config
    database: Database
    ids: ledger.Ids
else:

    def __getattr__(name: str) -> object:
        """`current.config`, `current.database`, `current.ids` of the application answering."""
        if name in ("config", "database", "ids"):
            return getattr(application(), name)
        raise AttributeError(name)

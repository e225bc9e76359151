"""A connection of a worker: how it is closed."""

from gunicorn.workers.gthread import TConn

from portal.cli.departures import Departures


class Conn(TConn):  # type: ignore[misc]  # it ships no types
    """A connection of a worker that departs where gunicorn would have the worker wait."""

    departures: Departures

    def close(self, graceful: bool = False) -> None:
        """Close it, at once or once the other side had its answer."""
        if graceful and not self.cfg.is_ssl:
            self.departures.leave(self.sock)
        else:
            super().close(graceful)

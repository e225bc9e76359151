"""A port is taken before there is work done for it, or told to be taken."""

import socket

import pytest

from portal.cli import serve
from portal.cli.serve import BusyPortError, listen


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_it_listens_on_this_machine_alone() -> None:
    port = free_port()
    with listen(port) as listener:
        assert listener.getsockname() == ("127.0.0.1", port)
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass


def test_a_port_in_use_is_told_with_another_to_try() -> None:
    port = free_port()
    with listen(port), pytest.raises(BusyPortError, match=f"{port} .* in use .*PORT={port + 2}"):
        listen(port)
    listen(port).close()


def test_a_port_that_only_root_may_have_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(BusyPortError, match=r"Port 80 on 127\.0\.0\.1 is kept for root"):
        listen(80)


def test_another_failure_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "HOST", "192.0.2.1")
    with pytest.raises(OSError, match="assign requested address"):
        listen(free_port())

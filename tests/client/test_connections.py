"""Connections: kept, shared, replaced when stale, and never believed beyond their time."""

from __future__ import annotations

import datetime
import ipaddress
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from portal.client import connections
from portal.client.connections import Connections, LostError, StaleError, UnsentError
from portal.client.credits import Credits
from portal.client.errors import MisconfiguredError
from portal.client.settings import Settings
from tests.client.portals import (
    BALANCE,
    KID,
    SECRET,
    Scripted,
    Step,
    breaks_off,
    hangs_up,
    says,
    then_closes,
    trickles,
    waits,
    written,
)
from tests.house.tree import ROOT

GOOD = says(200, {"balance": BALANCE})


def ask(asked: Connections, seconds: float = 5.0, **more: bool) -> int:
    return asked.exchange("GET", "/x", {}, b"", seconds=seconds, **more).status


def test_one_connection_serves_one_thread() -> None:
    with Scripted([GOOD]) as portal:
        kept = Connections(portal.url, None)
        assert {ask(kept) for _ in range(20)} == {200}
        assert portal.connections == 1
        kept.close()
        assert ask(kept) == 200
        assert portal.connections == 2
        kept.close()


def test_threads_that_ask_at_once_have_one_each() -> None:
    together = threading.Barrier(8)

    def step(plug: socket.socket) -> bool:
        together.wait(10)  # answered only once all eight have come
        plug.sendall(written(200, {}))
        return True

    with Scripted([step]) as portal, ThreadPoolExecutor(8) as threads:
        kept = Connections(portal.url, None)
        for _ in range(5):
            assert list(threads.map(lambda _: ask(kept), range(8))) == [200] * 8
        assert portal.connections == 8
        kept.close()


def test_a_connection_that_was_closed_meanwhile_is_not_used() -> None:
    with Scripted([then_closes(GOOD)]) as portal:
        kept = Connections(portal.url, None)
        for number in range(1, 6):
            assert ask(kept) == 200
            assert connections._is_readable(kept._idle[0][1].sock, 10)  # its end has arrived
            assert portal.connections == number
        kept.close()


def test_a_connection_that_hangs_up_when_used_again_is_stale() -> None:
    with Scripted([GOOD, hangs_up, GOOD]) as portal:
        kept = Connections(portal.url, None)
        assert ask(kept) == 200
        with pytest.raises(StaleError):
            ask(kept)
        assert ask(kept, fresh=True) == 200
        kept.close()


def test_a_new_connection_that_hangs_up_is_lost() -> None:
    with Scripted([hangs_up]) as portal, pytest.raises(LostError) as told:
        ask(Connections(portal.url, None))
    assert type(told.value) is LostError


@pytest.mark.parametrize("step", [breaks_off, waits(5), trickles], ids=["half", "none", "trickle"])
def test_an_answer_that_does_not_come_in_time_is_lost(step: Step) -> None:
    with Scripted([step]) as portal:
        began = time.monotonic()
        with pytest.raises(LostError):
            ask(Connections(portal.url, None), 0.3)
        assert time.monotonic() - began < 2


def test_more_than_anybody_answers_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CONTENT_MAX", 100_000)
    with Scripted([says(200, b" " * 200_000)]) as portal, pytest.raises(LostError):
        ask(Connections(portal.url, None))


def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    for host in (f"127.0.0.1:{port}", "nobody.invalid"):
        with pytest.raises(UnsentError):
            ask(Connections(f"http://{host}", None))


def test_old_connections_are_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_MAX", 0.05)
    with Scripted([GOOD]) as portal:
        kept = Connections(portal.url, None)
        ask(kept)
        time.sleep(0.1)
        ask(kept)
        assert portal.connections == 2
        kept.close()


def test_what_nobody_used_for_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted([GOOD]) as portal:
        kept = Connections(portal.url, None)
        first, second = (kept._connect(time.monotonic() + 5) for _ in range(2))
        kept._keep(first, True)
        monkeypatch.setattr(connections, "IDLE_MAX", 0.05)
        time.sleep(0.1)
        kept._keep(second, True)
        assert first.sock is None
        assert second.sock is not None
        kept.close()


def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "KEPT_MAX", 1)
    with Scripted([GOOD]) as portal:
        kept = Connections(portal.url, None)
        first, second = (kept._connect(time.monotonic() + 5) for _ in range(2))
        kept._keep(first, True)
        kept._keep(second, True)
        assert first.sock is not None
        assert second.sock is None
        kept.close()


FORKING = """
import os, sys
if "careless" in sys.argv:
    os.getpid = lambda: 0
from portal.client import Credits

with Credits.to(*sys.argv[1:4]) as credits:
    assert credits.balance("acme").seq == 2
    child = os.fork()
    if child == 0:
        os._exit(0 if credits.balance("acme").seq == 2 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert credits.balance("acme").seq == 2
"""


@pytest.mark.parametrize(("more", "opened"), [((), 2), (("careless",), 1)], ids=["it", "control"])
def test_a_child_does_not_speak_on_its_parents_connection(
    more: tuple[str, ...], opened: int
) -> None:
    """The control knows no process from another: parent and child share one connection."""
    with Scripted([GOOD]) as portal:
        words = [sys.executable, "-c", FORKING, portal.url, KID, SECRET, *more]
        subprocess.run(words, check=True, cwd=ROOT, timeout=60)
        assert portal.connections == opened


def test_a_portal_that_closes_each_time_is_asked_on_new_connections() -> None:
    closing = then_closes(says(200, {"balance": BALANCE}, Connection="close"))
    with Scripted([closing]) as portal, portal.credits() as credits:
        assert [credits.balance("acme").seq for _ in range(3)] == [2, 2, 2]
        assert portal.connections == 3


class InterruptedJobError(Exception):
    """Somebody wants this thread to do something else."""


def test_an_answer_that_nobody_waits_for_is_never_taken_for_another() -> None:
    """A thread that was interrupted leaves its connection, and the answer on it, behind."""

    def late(plug: socket.socket) -> bool:
        time.sleep(0.5)
        plug.sendall(written(200, {"balance": {**BALANCE, "seq": 1}}))
        return True

    def interrupt(*_: object) -> None:
        raise InterruptedJobError

    with Scripted([GOOD, late, GOOD]) as portal, portal.credits() as credits:
        assert credits.balance("acme").seq == 2
        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            with pytest.raises(InterruptedJobError):
                credits.balance("acme")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        time.sleep(0.5)
        assert credits.balance("acme").seq == 2
        assert portal.connections == 2


# --- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now, host = datetime.datetime.now(datetime.UTC), ipaddress.ip_address("127.0.0.1")
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(host)]), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    kept = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (folder / "certificate.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(kept)
    return folder / "certificate.pem", folder / "key.pem"


class Secure(Scripted):
    """A scripted portal behind TLS."""

    def wrap(self, certificate: tuple[Path, Path]) -> Secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        plain = self._answer

        def answer(plug: socket.socket) -> None:
            try:
                with context.wrap_socket(plug, server_side=True) as wrapped:
                    plain(wrapped)
            except OSError:
                plug.close()

        self._answer = answer  # type: ignore[method-assign]
        return self


def test_a_certificate_that_is_trusted_is_let_pass(certificate: tuple[Path, Path]) -> None:
    with Secure([GOOD]).wrap(certificate) as portal:
        url = portal.url.replace("http:", "https:")
        settings = Settings.of(url, KID, SECRET, ca_file=str(certificate[0]))
        with Credits(settings) as credits:
            assert [credits.balance("acme").seq for _ in range(3)] == [2, 2, 2]
        assert portal.connections == 1


def test_any_other_certificate_is_refused_at_once(certificate: tuple[Path, Path]) -> None:
    """Unless told what to trust, or by another name than the certificate's."""
    with Secure([GOOD]).wrap(certificate) as portal:
        url = portal.url.replace("http:", "https:")
        named = url.replace("127.0.0.1", "localhost")
        for settings in (
            Settings.of(url, KID, SECRET),
            Settings.of(named, KID, SECRET, ca_file=str(certificate[0])),
        ):
            with Credits(settings) as credits, pytest.raises(MisconfiguredError) as refused:
                credits.balance("acme")
            assert "is not trusted" in str(refused.value)
        assert portal.heads == []


def test_speaking_tls_to_who_does_not_sends_nothing() -> None:
    with Scripted([GOOD]) as portal, pytest.raises(UnsentError):
        ask(Connections(portal.url, ssl.create_default_context()), 0.5)
    assert portal.bodies == []

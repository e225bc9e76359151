"""The real portal behind TLS: asked by the library and by `flask call`, trusted or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from portal import create_app
from portal.client import Credits, MisconfiguredError, Settings
from portal.config import Config
from tests.client.conftest import opened
from tests.client.front import Front, Signer
from tests.client.portals import STEADY, Real


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """Who signed the certificate of the portal."""
    return Signer(tmp_path_factory.mktemp("trusted"), "Credits Ltd")


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """Who did not."""
    return Signer(tmp_path_factory.mktemp("another"), "Somebody else")


@pytest.fixture
def front(portal: Real, trusted: Signer) -> Iterator[Front]:
    """The portal behind TLS."""
    with Front(portal.authority, trusted.certify("127.0.0.1")) as front:
        yield front


@pytest.fixture
def account(portal: Real) -> str:
    """A fresh account, opened past the front."""
    with portal.credits(patience=STEADY) as credits:
        return opened(credits)


def credits_of(portal: Real, front: Front, ca_file: Path | None) -> Credits:
    """A client that reaches the portal by its front."""
    trusts = None if ca_file is None else str(ca_file)
    settings = Settings.of(
        front.url, portal.kid, portal.secret, authority=portal.authority, ca_file=trusts
    )
    return Credits(settings, patience=STEADY)


def calling(portal: Real, front: Front, root: Path) -> Callable[..., Result]:
    """Runs `flask call debit` by the front of the portal."""
    app = create_app(Config.from_environment({}, root=root))
    environment = {
        "PORTAL_CLIENT_URL": front.url,
        "PORTAL_CLIENT_AUTHORITY": portal.authority,
        "PORTAL_CLIENT_KID": portal.kid,
        "PORTAL_CLIENT_SECRET": portal.secret,
    }

    def run(account: str, *words: str) -> Result:
        asked = ("call", "debit", "--account", account, "--quantity", "7", *words)
        return app.test_cli_runner().invoke(args=asked, env=environment)

    return run


def seq_of(portal: Real, account: str) -> Any:
    """How much has happened on an account, asked past the front."""
    with portal.credits(patience=STEADY) as credits:
        return credits.balance(account).seq


def test_a_signed_debit_goes_by_tls_to_who_is_trusted(
    portal: Real, front: Front, trusted: Signer, account: str
) -> None:
    with credits_of(portal, front, trusted.file) as credits:
        made = credits.debit(account, "generate", quantity=7, reference="job-1")
        assert made.entry.amount == -7
        assert credits.balance(account).posted == 993
    assert front.heard.startswith(b"POST /internal/v1/debits HTTP/1.1\r\n")


def test_to_any_other_nothing_is_sent(
    portal: Real, front: Front, another: Signer, account: str
) -> None:
    before = seq_of(portal, account)
    for ca_file in (another.file, None):
        with (
            credits_of(portal, front, ca_file) as credits,
            pytest.raises(MisconfiguredError, match=r"certificate of .* is not trusted") as refused,
        ):
            credits.debit(account, "generate", quantity=7, reference="job-1")
        assert front.url.removeprefix("https://") in str(refused.value)
    assert (front.heard, seq_of(portal, account)) == (b"", before)


def test_flask_call_goes_by_tls_to_who_is_trusted(
    portal: Real, front: Front, trusted: Signer, account: str, tmp_path: Path
) -> None:
    result = calling(portal, front, tmp_path)(account, "--ca-file", str(trusted.file))
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["entry"]["amount"] == -7


def test_flask_call_sends_nothing_to_any_other(
    portal: Real, front: Front, another: Signer, account: str, tmp_path: Path
) -> None:
    before, call = seq_of(portal, account), calling(portal, front, tmp_path)
    for words in (("--ca-file", str(another.file)), ()):
        result = call(account, *words)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "is not trusted" in result.stderr
    assert (front.heard, seq_of(portal, account)) == (b"", before)

"""Misconfiguration is told at once, all of it, and never with the secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from portal.client.errors import MisconfiguredError
from portal.client.settings import Settings
from portal.signing import PrivateKey

GOOD = {"url": "https://credits.example", "kid": "tts-202611a", "secret": "csk_0123456789abcdef"}


@pytest.mark.parametrize(
    ("changed", "authority", "url"),
    [
        ({}, "credits.example", "https://credits.example"),
        ({"url": "https://credits.example/"}, "credits.example", "https://credits.example"),
        ({"url": "http://127.0.0.1:8000"}, "127.0.0.1:8000", "http://127.0.0.1:8000"),
        ({"url": "http://[::1]:8000"}, "[::1]:8000", "http://[::1]:8000"),
        ({"url": "https://Credits.Example"}, "credits.example", "https://Credits.Example"),
        ({"authority": "inside:443"}, "inside:443", "https://credits.example"),
    ],
    ids=str,
)
def test_it_takes_what_makes_sense(changed: dict[str, str], authority: str, url: str) -> None:
    made = Settings.of(**{**GOOD, **changed})
    assert (made.authority, made.url) == (authority, url)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"url": "credits.example"}, "the url must be like"),
        ({"url": "ftp://credits.example"}, "the url must be like"),
        ({"url": "https://credits.example/internal/v1"}, "the url must be like"),
        ({"url": "https://credits.example?x=1"}, "the url must be like"),
        ({"url": "https://me:pw@credits.example"}, "the url must be like"),
        ({"url": "https://credits.example:port"}, "the url must be like"),
        ({"url": "https://[::1"}, "the url must be like"),
        ({"url": "https://grün.example"}, "the url must be like"),
        ({"url": ""}, "the url must be like"),
        ({"authority": "https://credits.example"}, "the authority must be"),
        ({"kid": ""}, "the kid must be"),
        ({"kid": "a b"}, "the kid must be"),
        ({"kid": GOOD["secret"]}, "are the two exchanged"),
        ({"secret": ""}, "the secret must be"),
        ({"secret": "csk_with a blank in it"}, "the secret must be"),
        ({"secret": "csk_with_a_newline_\n"}, "the secret must be"),
        ({"secret": "-----BEGIN PRIVATE KEY-----\n"}, "the private key cannot be read"),
        ({"url": None}, "the url must be a text, not None"),
        ({"url": b"https://credits.example"}, "the url must be a text, not bytes"),
        ({"kid": None}, "the kid must be a text, not None"),
        ({"kid": 7}, "the kid must be a text, not a whole number"),
        ({"secret": None}, "the secret must be a text, not None"),
        ({"secret": GOOD["secret"].encode()}, "the secret must be a text, not bytes"),
        ({"authority": 8000}, "the authority must be a text, not a whole number"),
        ({"ca_file": True}, "the ca_file must be a path, not True"),
        ({"ca_file": "/nowhere/ca.pem"}, "no file of certificates at /nowhere/ca.pem"),
    ],
    ids=str,
)
def test_it_refuses_what_does_not(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(MisconfiguredError, match=told) as refused:
        Settings.of(**{**GOOD, **changed})
    secret = {**GOOD, **changed}["secret"]
    shown = secret.decode() if isinstance(secret, bytes) else secret
    assert not shown or shown not in str(refused.value)


@pytest.mark.parametrize("url", ["https://me:hush@credits.example", "https://hush@[::1", "hush@x"])
def test_what_may_be_a_password_is_not_told(url: str) -> None:
    with pytest.raises(MisconfiguredError, match="without a path or a password") as refused:
        Settings.of(**{**GOOD, "url": url})
    assert "hush" not in str(refused.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(MisconfiguredError) as refused:
        Settings.of("nowhere", "?", "?")
    assert str(refused.value).count(";") == 2


def test_a_secret_is_not_shown() -> None:
    assert GOOD["secret"] not in repr(Settings.of(**GOOD))


PRIVATE = """\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
"""


def test_a_private_key_stands_where_a_secret_does(tmp_path: Path) -> None:
    file = tmp_path / "private.pem"
    file.write_text(PRIVATE)
    mounted = {**ENVIRONMENT, "PORTAL_CLIENT_SECRET": "", "PORTAL_CLIENT_SECRET_FILE": str(file)}
    for made in (Settings.from_environment(mounted), Settings.of(**{**GOOD, "secret": PRIVATE})):
        assert isinstance(made.secret, PrivateKey)
        assert "MC4CAQAw" not in repr(made)


def test_without_the_extra_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.signing.ed25519.PRESENT", False)
    with pytest.raises(MisconfiguredError, match=r"pip install '\.\[ed25519\]'"):
        Settings.of(**{**GOOD, "secret": PRIVATE})


ENVIRONMENT = {f"PORTAL_CLIENT_{name.upper()}": value for name, value in GOOD.items()}


def test_the_environment_is_read(tmp_path: Path) -> None:
    assert Settings.from_environment(ENVIRONMENT) == Settings.of(**GOOD)
    file = tmp_path / "secret"
    file.write_text(GOOD["secret"] + "\n")
    mounted = {**ENVIRONMENT, "PORTAL_CLIENT_SECRET": "", "PORTAL_CLIENT_SECRET_FILE": str(file)}
    assert Settings.from_environment(mounted) == Settings.of(**GOOD)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"PORTAL_CLIENT_URL": " "}, "PORTAL_CLIENT_URL is missing"),
        ({"PORTAL_CLIENT_KID": ""}, "PORTAL_CLIENT_KID is missing"),
        ({"PORTAL_CLIENT_SECRET": ""}, "PORTAL_CLIENT_SECRET is missing"),
        ({"PORTAL_CLIENT_TIMEOUT": "1"}, "PORTAL_CLIENT_TIMEOUT is not a setting"),
        ({"PORTAL_CLIENT_KID": None}, "PORTAL_CLIENT_KID must be a text, not None"),
        ({"PORTAL_CLIENT_SECRET": b"csk_0123456789abcdef"}, "must be a text, not bytes"),
        ({"PORTAL_CLIENT_SECRET_FILE": "/nowhere"}, "SECRET_FILE exclude each other"),
        (
            {"PORTAL_CLIENT_SECRET": "", "PORTAL_CLIENT_SECRET_FILE": "/nowhere"},
            "SECRET_FILE cannot be read",
        ),
    ],
    ids=str,
)
def test_an_environment_that_makes_no_sense_is_told(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(MisconfiguredError, match=told) as refused:
        Settings.from_environment({**ENVIRONMENT, **changed})
    assert GOOD["secret"] not in str(refused.value)


def test_certificates_that_are_none_are_told(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    with pytest.raises(MisconfiguredError, match="holds no certificates"):
        Settings.of(**GOOD, ca_file=str(file)).tls()
    assert Settings.of("http://a", GOOD["kid"], GOOD["secret"]).tls() is None

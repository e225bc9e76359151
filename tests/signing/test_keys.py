"""What signatures are checked with."""

from __future__ import annotations

from portal.signing import Key, derive_secret


def test_secrets_are_a_function_of_master_and_kid() -> None:
    secret = derive_secret(b"m" * 32, "tts")
    assert secret == derive_secret(b"m" * 32, "tts")
    assert secret != derive_secret(b"m" * 32, "ttt")
    assert secret != derive_secret(b"n" * 32, "tts")
    assert secret.startswith("csk_")
    assert len(secret) == 47
    assert secret.isascii()
    assert "+" not in secret
    assert "/" not in secret
    assert "=" not in secret


def test_what_a_key_is_checked_with_is_not_shown() -> None:
    shown = repr(Key("hmac-sha256", b"csk_hunter2", 0))
    assert "hunter2" not in shown
    assert shown == "Key('hmac-sha256', from 0 until None)"


def test_a_key_is_good_from_its_beginning_to_just_before_its_end_unless_revoked() -> None:
    key = Key("hmac-sha256", b"", 5, 9)
    assert [now for now in range(12) if key.good_at(now)] == [5, 6, 7, 8]
    assert not any(key._replace(revoked_at=100).good_at(now) for now in range(12))

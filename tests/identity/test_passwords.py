"""Passwords: what may be one, how it is hashed, and that wrong ones all cost the same."""

import time
from statistics import median

import pytest
from argon2 import PasswordHasher

from portal import identity
from portal.identity.passwords import LENGTH_MAX


def test_a_hash_opens_for_its_own_password_alone() -> None:
    known = identity.hash_password("correct horse battery")
    assert identity.verify_password(known, "correct horse battery")
    for wrong in ("", "Correct horse battery", "correct horse battery ", "\udc80", "\x00"):
        assert not identity.verify_password(known, wrong)


def test_one_password_typed_on_two_keyboards_is_one_password() -> None:
    known = identity.hash_password("crème brûlée à gogo")
    assert identity.verify_password(known, "cre\u0300me bru\u0302le\u0301e a\u0300 gogo")


def test_two_hashes_of_one_password_differ() -> None:
    first, second = (identity.hash_password("correct horse battery") for _ in range(2))
    assert first != second


def test_no_hash_and_a_broken_hash_open_for_nothing() -> None:
    assert not identity.verify_password(None, "nobody has this password")
    assert not identity.verify_password("not a hash", "not a hash")


def test_a_password_longer_than_allowed_is_never_right() -> None:
    longest = "abcdefgh" * (LENGTH_MAX // 8)
    known = identity.hash_password(longest)
    assert identity.verify_password(known, longest)
    assert not identity.verify_password(known, longest + "x")


def test_a_hash_of_weaker_parameters_is_outdated() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash("x" * 20)
    assert identity.is_outdated(weak)
    assert not identity.is_outdated(identity.hash_password("correct horse battery"))


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("fourteen signs", "15 to 1,024"),
        ("a" * 1025, "15 to 1,024"),
        ("abababababababab", "5 different"),
        ("ada.lovelace@acme.example", "email"),
    ],
)
def test_a_bad_new_password_is_told_why(password: str, rule: str) -> None:
    with pytest.raises(identity.PasswordError, match=rule):
        identity.check_new_password(password, "Ada.Lovelace@acme.example")


def test_a_good_new_password_passes() -> None:
    identity.check_new_password("fifteen signs !", "ada@acme.example")
    identity.check_new_password("correct horse battery staple " * 30, "ada@acme.example")


def test_an_email_nobody_has_costs_as_much_time_as_a_wrong_password() -> None:
    known = identity.hash_password("correct horse battery")

    def cost(password_hash: str | None) -> float:
        start = time.thread_time()
        identity.verify_password(password_hash, "a wrong password")
        return time.thread_time() - start

    cost(None)  # makes the decoy
    pairs = [(cost(known), cost(None)) for _ in range(15)]
    somebody, nobody = (median(side) for side in zip(*pairs, strict=True))
    assert nobody == pytest.approx(somebody, rel=0.5)

"""What to do about each code: there for every code, short, and without a full stop."""

import pytest

from portal import ledger
from portal.internal.advice import ADVICE
from portal.internal.problems import HTTP, TABLE, UNEXPECTED


def test_every_code_has_its_advice_and_no_other() -> None:
    codes = {ledger.code_of(error) for error in TABLE} | {code for code, _ in HTTP.values()}
    assert set(ADVICE) == codes | {UNEXPECTED[0]}


@pytest.mark.parametrize("code", ADVICE)
def test_it_is_two_sentences_of_a_table(code: str) -> None:
    for text in ADVICE[code]:
        assert text.strip() == text != ""
        assert "|" not in text
        assert "\n" not in text
        assert not text.endswith(".")

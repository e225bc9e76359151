"""What to do about each code: there for every code, short, and without a full stop."""

import pytest

from portal import ledger
from portal.internal.advice import ADVICE
from portal.internal.problems import (
    HTTP,
    TABLE,
    UNEXPECTED,
    internal_error_body,
    problem_body,
)


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


@pytest.mark.parametrize("code", ["storage_unavailable", "internal_error"])
def test_where_a_commit_may_have_gone_unheard_nothing_is_promised(code: str) -> None:
    """The database may have done it and only its answer be lost: the same key is always right."""
    told = {
        "storage_unavailable": problem_body(ledger.StorageUnavailableError(), "/")["detail"],
        "internal_error": internal_error_body("/")["detail"],
    }[code]
    assert "whether this was done is not known" in told
    assert "the same key" in told
    means, does = ADVICE[code]
    assert "not known" in means
    assert "with the same key" in does
    assert "never does it twice" in does
    assert "nothing was" not in told.lower()

"""docs/errors.md: written from the status table, complete, and never stale."""

from pathlib import Path

import pytest
from flask import Flask

from portal import ledger
from portal.cli import errors
from portal.internal.advice import ADVICE
from portal.internal.problems import HTTP, TABLE, UNEXPECTED
from tests.cli.conftest import Operate

COMMITTED = Path(__file__).parents[2] / errors.DOCUMENT
pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def test_the_committed_catalogue_is_current(operate: Operate) -> None:
    result = operate("errors", "--check", "--output", str(COMMITTED))
    assert result.exit_code == 0, result.output


def test_every_code_is_in_it_with_its_advice_and_no_advice_is_left_over(
    operated: Flask,
) -> None:
    page = errors.render_errors(operated)
    rows = {ledger.code_of(error): row for error, row in TABLE.items()}
    rows |= dict([*HTTP.values(), UNEXPECTED])
    assert set(ADVICE) == set(rows)
    for code, row in rows.items():
        means, does = ADVICE[code]
        retry = "yes" if row.retryable else "no"
        assert f"| `{code}` | {row.status} | {retry} | {means} | {does} |" in page


def test_each_code_tells_its_members_and_what_it_answers(operated: Flask) -> None:
    page = errors.render_errors(operated)
    for code in ADVICE:
        assert page.count(f"| `{code}` | ") == 2, code
    assert "| `hold_not_found` | `hold` | `get_hold`, `capture_hold`, `release_hold`, " in page
    assert "| `signature_expired` | `server_time` | all |" in page
    assert "`retry_after`?, `operation`? |" in page

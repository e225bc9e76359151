"""From an outcome to an answer."""

import pytest

from portal import ledger
from portal.internal.answers import outcome_answer, reply
from tests.internal.test_replies import ACCOUNT, ENTRY

SHORT = ledger.InsufficientCreditsError(50, 20, 0, 20, 30, None, 0, ("purchase",))


@pytest.mark.parametrize("replayed", [False, True])
def test_what_was_done_is_a_201_with_the_same_bytes_each_time(replayed: bool) -> None:
    answer = outcome_answer(ledger.Posted(ACCOUNT, ENTRY, replayed=replayed), "/debits")
    assert answer.status_code == 201
    assert answer.headers.get("Idempotency-Replayed") == ("true" if replayed else None)
    first = outcome_answer(ledger.Posted(ACCOUNT._replace(posted=7), ENTRY), "/debits")
    assert answer.data == first.data


@pytest.mark.parametrize("replayed", [False, True])
def test_what_was_refused_is_a_problem_that_names_its_refusal(replayed: bool) -> None:
    outcome = ledger.Refused(SHORT, replayed=replayed, refusal_id="rfs_1")
    answer = outcome_answer(outcome, "/internal/v1/debits")
    assert answer.status_code == 402
    assert answer.headers.get("Idempotency-Replayed") == ("true" if replayed else None)
    assert answer.json is not None
    assert (answer.json["refusal"], answer.json["instance"]) == ("rfs_1", "/internal/v1/debits")


def test_a_command_without_an_entry_is_no_answer_for_a_service() -> None:
    with pytest.raises(ValueError, match="always has an entry"):
        outcome_answer(ledger.Posted(ACCOUNT), "/debits")


def test_a_reply_is_compact_and_cached_by_nobody() -> None:
    answer = reply(200, {"a": [1, {"b": "é"}]})
    assert answer.data == '{"a":[1,{"b":"é"}]}'.encode()
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"

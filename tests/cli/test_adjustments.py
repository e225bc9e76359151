"""`flask adjust`: corrections by two people, once for each reference."""

import json

import pytest

from tests.cli.conftest import Operate

WORDS = (
    "adjust", "acme", "--credits", "-40", "--reason", "correction", "--reference", "ticket:T-1",
    "--note", "counted twice", "--by", "olga", "--approved-by", "otto",
)  # fmt: skip


@pytest.fixture(autouse=True)
def acme(operate: Operate) -> None:
    put = ("account", "put", "acme", "--name", "Acme", "--tier", "free")
    assert operate(*put).exit_code == 0


def changed(name: str, value: str) -> tuple[str, ...]:
    at = WORDS.index(name) + 1
    return (*WORDS[:at], value, *WORDS[at + 1 :])


def test_an_account_is_corrected_once(operate: Operate) -> None:
    first, second = (operate(*WORDS, "--json") for _ in range(2))
    assert first.exit_code == 0, first.output
    assert first.stdout == second.stdout
    entry = json.loads(first.stdout)["entry"]
    assert (entry["kind"], entry["amount"], entry["posted_after"]) == ("adjustment", -40, 960)
    assert operate("ledger", "audit").exit_code == 0


def test_credits_can_be_added(operate: Operate) -> None:
    told = operate(*changed("--credits", "250")).stdout
    assert told.startswith("adjustment correction of +250 credits on acme: ent_")
    assert told.endswith("1,250 available\n")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("--approved-by", "olga", "approved_by must be somebody else"),
        ("--reason", "whim", "reason must be one of correction, compensation"),
        ("--credits", "0", "amount must be from 1 to"),
        ("--credits", "-1001", "This needs 1001 credits"),
    ],
)
def test_what_is_refused_is_told_in_a_sentence(
    operate: Operate, name: str, value: str, told: str
) -> None:
    result = operate(*changed(name, value))
    assert result.exit_code == 1
    assert told in result.stderr


def test_nobody_approves_by_silence(operate: Operate) -> None:
    result = operate(*WORDS[:-2])
    assert (result.exit_code, "--approved-by" in result.stderr) == (2, True)

"""`flask grant issue`: credits once for each reference, whoever types it twice."""

import json

import pytest

from tests.cli.conftest import Operate

BOUGHT = ("acme", "5000", "--origin", "purchase", "--reference", "payment:pay_1")


@pytest.fixture(autouse=True)
def acme(operate: Operate) -> None:
    put = ("account", "put", "acme", "--name", "Acme", "--tier", "free")
    assert operate(*put).exit_code == 0


def test_credits_are_given(operate: Operate) -> None:
    result = operate("grant", "issue", *BOUGHT, "--by", "olga", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert (answer["entry"]["amount"], answer["balance"]["available"]) == (5_000, 6_000)
    assert answer["entry"]["reference"] == {"type": "payment", "id": "pay_1"}


def test_the_same_again_gives_nothing_more(operate: Operate) -> None:
    first, second = (operate("grant", "issue", *BOUGHT) for _ in range(2))
    assert first.stdout.startswith("grant purchase of +5,000 credits on acme: ent_")
    assert second.stdout == f"done before: {first.stdout}"
    assert first.stdout.endswith("seq 2, 6,000 available\n")


def test_the_same_reference_for_something_else_is_refused(operate: Operate) -> None:
    operate("grant", "issue", *BOUGHT)
    other = operate("grant", "issue", "acme", "6000", *BOUGHT[2:])
    assert (other.exit_code, "stands for another request" in other.stderr) == (1, True)
    bob = operate("grant", "issue", *BOUGHT, "--by", "bob")
    assert (bob.exit_code, "already gave credits" in bob.stderr) == (1, True)


def test_a_gift_may_be_limited(operate: Operate) -> None:
    limits = ("--operations", "generate, design", "--expires-at", "2026-12-24T00:00:00Z")
    given = operate(
        "grant", "issue", "acme", "70", "--origin", "promotion", "--reference", "ticket:T-1",
        *limits, "--priority", "3",
    )  # fmt: skip
    assert given.exit_code == 0, given.output
    shown = json.loads(operate("ledger", "show", "acme", "--json").stdout)
    [gift] = [grant for grant in shown["grants"] if grant["origin"] == "promotion"]
    assert (gift["amount"], gift["priority"]) == (70, 3)
    assert gift["operations"] == "generate,design"
    assert operate("ledger", "audit").exit_code == 0


@pytest.mark.parametrize("reference", ["pay_1", "period:2026-11-01", "payment:", "payment: x"])
def test_a_reference_that_is_none_is_told(operate: Operate, reference: str) -> None:
    result = operate("grant", "issue", *BOUGHT[:-1], reference)
    assert (result.exit_code, "'--reference'" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nobody", *BOUGHT[1:]), "There is no account nobody."),
        ((*BOUGHT, "--expires-at", "2026-11-01T00:00:00Z"), "expires_at must be later than now"),
    ],
)
def test_what_is_refused_is_told_in_a_sentence(
    operate: Operate, words: tuple[str, ...], told: str
) -> None:
    result = operate("grant", "issue", *words)
    assert (result.exit_code, told in result.stderr) == (1, True)

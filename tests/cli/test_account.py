"""`flask account`: open, change, show, list, suspend; what is wrong is told in a sentence."""

import json
from typing import Any

import pytest

from portal import pricing
from tests.cli.conftest import Operate

ACME = ("acme", "--name", "Acme Ltd", "--tier", "pro")


def done(operate: Operate, *words: str) -> Any:
    result = operate("account", *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_an_account_is_opened_with_its_first_allocation(operate: Operate) -> None:
    made = done(operate, "put", *ACME, "--anchor-at", "2026-11-01T00:00:00Z")
    assert made["balance"] == {
        "account": "acme", "posted": 100_000, "held": 0, "available": 100_000, "seq": 1,
    }  # fmt: skip
    account = made["account"]
    assert (account["name"], account["tier"], account["time_zone"]) == ("Acme Ltd", "pro", "UTC")
    assert account["period_end"] == "2026-12-01T00:00:00.000000Z"
    assert done(operate, "put", *ACME) == made
    assert done(operate, "show", "acme") == made


def test_terms_are_changed_and_the_time_zone_stays(operate: Operate) -> None:
    done(operate, "put", *ACME, "--time-zone", "Europe/Oslo")
    changed = done(operate, "put", "acme", "--name", "Acme", "--tier", "free")["account"]
    assert (changed["name"], changed["time_zone"]) == ("Acme", "Europe/Oslo")
    assert (changed["tier"], changed["next_tier"]) == ("pro", "free")
    shown = operate("account", "show", "acme").stdout
    assert "tier       pro, free from the next period on\n" in shown
    assert "available  100,000\n" in shown


def test_accounts_are_listed_a_page_at_a_time(operate: Operate) -> None:
    for name in ("b", "a", "c"):
        done(operate, "put", name, "--name", name.upper(), "--tier", "free")
    assert [each["account"]["id"] for each in done(operate, "list")] == ["a", "b", "c"]
    page = operate("account", "list", "--limit", "2")
    assert [line.split()[0] for line in page.stdout.splitlines()] == ["id", "a", "b"]
    assert page.stderr == "there may be more: --after b\n"
    last = operate("account", "list", "--after", "b")
    assert last.stdout.splitlines() == [
        "id  tier  status  posted  held  available  name",
        "c   free  active   1,000     0      1,000  C",
    ]
    assert last.stderr == ""


def test_an_account_is_suspended_and_made_active_again(operate: Operate) -> None:
    done(operate, "put", *ACME)
    for status in ("suspended", "active"):
        told = done(operate, "status", "acme", status, "--note", "card", "--by", "olga")
        assert told["account"]["status"] == status


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("put", "a b", "--name", "A", "--tier", "free"), "ID must be 1 to 64 of"),
        (("put", "a", "--name", "", "--tier", "free"), "name must be 1 to 200 visible"),
        (("put", "a", "--name", "A", "--tier", "gold"), "unknown tier 'gold'"),
        (
            ("put", "a b", "--name", "A", "--tier", "free", "--time-zone", "Mars"),
            "; time_zone must be the name",
        ),
        (("show", "nobody"), "There is no account nobody."),
        (("status", "nobody", "closed"), "There is no account nobody."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_a_sentence(
    operate: Operate, words: tuple[str, ...], told: str
) -> None:
    result = operate("account", *words)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_time_that_is_none_is_told(operate: Operate) -> None:
    result = operate("account", "put", *ACME, "--anchor-at", "yesterday")
    assert result.exit_code == 2
    assert "must be a UTC time like" in result.stderr


def test_the_help_says_what_a_limit_may_be(operate: Operate) -> None:
    told = operate("account", "cap", "--help").stdout
    assert "account cap [OPTIONS] ID LIMIT [CREDITS]\n" in told
    for limit in pricing.CREDIT_CAPS + pricing.STOP_LOSSES:
        assert limit in told


def test_caps_are_set_removed_and_lifted(operate: Operate) -> None:
    done(operate, "put", *ACME, "--anchor-at", "2026-11-01T00:00:00Z")
    done(operate, "cap", "acme", "credits_per_day", "500", "--operation", "generate")
    done(operate, "cap", "acme", "stop_loss_per_period", "9000", "--note", "asked for it")
    shown = operate("account", "cap", "acme", "stop_loss_per_period", "--lift").stdout
    assert shown.splitlines()[-1] == (
        "caps       credits_per_day of generate 500;"
        " stop_loss_per_period 9,000 (lifted until 2026-12-01T00:00:00.000000Z)"
    )
    words = ("credits_per_day", "--operation", "generate", "--remove")
    [left] = done(operate, "cap", "acme", *words)["caps"]
    assert (left["limit"], left["credits"]) == ("stop_loss_per_period", 9_000)
    done(operate, "cap", "acme", "stop_loss_per_period", "--remove")
    assert operate("account", "show", "acme").stdout.endswith("caps       those of its tier\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["credits_per_day"], "give one of CREDITS, --remove and --lift"),
        (["credits_per_day", "5", "--remove"], "give one of CREDITS, --remove and --lift"),
        (["credits_per_day", "--lift"], "limit must be one of stop_loss_per_day"),
        (["credits_per_day", "5", "--operation", "sing"], "sing"),
        (["credits_per_year", "5"], "credits_per_year"),
    ],
)
def test_a_cap_that_makes_no_sense_is_refused(
    operate: Operate, words: list[str], said: str
) -> None:
    done(operate, "put", *ACME)
    result = operate("account", "cap", "acme", *words)
    assert result.exit_code != 0
    assert said in result.output

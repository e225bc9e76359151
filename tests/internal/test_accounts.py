"""Accounts over the door: opened under the caller's id, and read now, then, or after an entry."""

import pytest

from portal.database import Database
from tests.internal.service import BESIDE, Clock, Service, digest_of

TERMS = {"name": "Beta GmbH", "tier": "starter", "time_zone": "Europe/Berlin"}


def test_an_account_is_opened_with_its_first_allocation(service: Service) -> None:
    answer = service.put("/accounts/beta:1", TERMS)
    assert answer.status_code == 201, answer.text
    account = answer.json["account"]
    assert list(account) == [
        "id", "name", "status", "tier", "next_tier", "overdraft_limit", "time_zone", "anchor_at",
        "period_start", "period_end", "created_at",
    ]  # fmt: skip
    assert (account["id"], account["name"], account["status"]) == ("beta:1", "Beta GmbH", "active")
    assert account["anchor_at"] == account["created_at"] == "2026-11-22T13:52:00.250000Z"
    assert account["period_end"] == "2026-12-22T13:52:00.250000Z"
    assert answer.json["balance"] == {
        "account": "beta:1", "posted": 30_000, "held": 0, "available": 30_000, "seq": 1,
    }  # fmt: skip
    assert service.get("/accounts/beta:1").json == answer.json


def test_the_same_again_changes_nothing(service: Service, vault: Database) -> None:
    first = service.put("/accounts/beta", TERMS)
    before = digest_of(vault, without=BESIDE)
    again = service.put("/accounts/beta", TERMS)
    assert (again.status_code, again.data) == (200, first.data)
    assert digest_of(vault, without=BESIDE) == before


def test_a_larger_tier_is_taken_now_and_a_smaller_one_at_the_period_s_end(
    service: Service, clock: Clock
) -> None:
    service.put("/accounts/beta", TERMS)
    upgraded = service.put("/accounts/beta", {**TERMS, "tier": "pro"})
    assert upgraded.status_code == 200
    assert upgraded.json["account"]["tier"] == "pro"
    assert upgraded.json["balance"]["posted"] == 100_000
    lower = service.put("/accounts/beta", {**TERMS, "tier": "free"})
    assert (lower.json["account"]["tier"], lower.json["account"]["next_tier"]) == ("pro", "free")
    clock.advance(seconds=40 * 86_400)
    later = service.get("/accounts/beta").json
    assert (later["account"]["tier"], later["account"]["next_tier"]) == ("free", None)


def test_a_copy_of_a_change_of_terms_is_refused(service: Service) -> None:
    service.put("/accounts/beta", TERMS)
    upgrade = service.prepare("PUT", "/accounts/beta", {**TERMS, "tier": "pro"})
    assert upgrade.send().status_code == 200
    left = service.put("/accounts/beta", {**TERMS, "tier": "free"})
    answer = upgrade.send()
    assert (answer.status_code, answer.json["code"]) == (401, "signature_invalid")
    assert service.get("/accounts/beta").json == left.json
    assert left.json["account"]["next_tier"] == "free"


def test_an_unknown_tier_is_told_with_the_known_ones(service: Service, vault: Database) -> None:
    before = digest_of(vault, without=BESIDE)
    answer = service.put("/accounts/beta", {**TERMS, "tier": "platinum"})
    assert (answer.status_code, answer.json["code"]) == (422, "validation")
    (fault,) = answer.json["members"]
    assert (fault["member"], fault["got"]) == ("tier", "platinum")
    assert "starter" in fault["rule"]
    assert digest_of(vault, without=BESIDE) == before


def test_an_anchor_is_set_once(service: Service) -> None:
    terms = {**TERMS, "anchor_at": "2026-01-31T00:00:00Z"}
    opened = service.put("/accounts/beta", terms).json["account"]
    assert opened["period_start"] == "2026-10-31T00:00:00.000000Z"
    assert opened["period_end"] == "2026-11-30T00:00:00.000000Z"
    answer = service.put("/accounts/beta", {**TERMS, "anchor_at": "2026-02-01T00:00:00Z"})
    assert (answer.status_code, answer.json["members"][0]["member"]) == (422, "anchor_at")


@pytest.mark.parametrize("name", ["~x", "a" * 65, ".", ".."])
def test_account_ids_of_paths_obey_the_same_rule(service: Service, name: str) -> None:
    answer = service.put(f"/accounts/{name}", TERMS)
    assert (answer.status_code, answer.json["members"][0]["member"]) == (422, "account")


def test_a_put_needs_no_idempotency_key_and_takes_no_query(service: Service) -> None:
    assert service.put("/accounts/beta", TERMS).status_code == 201
    answer = service.put("/accounts/beta", TERMS, query="x=1")
    assert (answer.status_code, answer.json["code"]) == (400, "malformed_request")


def test_a_balance_is_read_now_and_after_any_entry_and_at_any_time(
    service: Service, clock: Clock
) -> None:
    clock.advance(seconds=10)
    service.debit(100)
    clock.advance(seconds=10)
    service.held(500)

    def balance(query: str = "") -> tuple[int, int, int]:
        found = service.get("/accounts/acme/balance", query).json["balance"]
        assert found["available"] == found["posted"] - found["held"]
        return found["posted"], found["held"], found["seq"]

    assert balance() == (99_900, 500, 3)
    assert balance("as_of=0") == (0, 0, 0)
    assert balance("as_of=1") == (100_000, 0, 1)
    assert balance("as_of=2") == (99_900, 0, 2)
    assert balance("as_of=2026-11-22T13:51:59Z") == (0, 0, 0)
    assert balance("as_of=2026-11-22T13:52:10.249999Z") == (100_000, 0, 1)
    assert balance("as_of=2026-11-22T13:52:10.25Z") == (99_900, 0, 2)
    assert balance("as_of=2027-01-01T00%3A00%3A00Z") == (99_900, 500, 3)


def test_a_balance_now_has_what_fell_due_though_nobody_wrote_it(
    service: Service, clock: Clock, vault: Database
) -> None:
    service.held(500, ttl_seconds=60)
    clock.advance(seconds=60)
    before = digest_of(vault)
    assert service.get("/accounts/acme/balance").json["balance"]["held"] == 0
    assert service.get("/accounts/acme").json["balance"]["held"] == 0
    assert digest_of(vault) == before


@pytest.mark.parametrize(
    ("query", "member"),
    [
        ("as_of=x", "as_of"),
        ("as_of=", "as_of"),
        ("as_of=-1", "as_of"),
        ("as_of=9223372036854775808", "as_of"),
        ("as_of=2026-11-22", "as_of"),
        ("as_of=1&as_of=2", "as_of"),
        ("at=1", "at"),
        ("as_of=99", "seq"),
    ],
)
def test_other_queries_are_refused_by_name(service: Service, query: str, member: str) -> None:
    answer = service.get("/accounts/acme/balance", query)
    assert (answer.status_code, answer.json["code"]) == (422, "validation")
    assert member in [fault["member"] for fault in answer.json["members"]]


def test_accounts_that_are_not_there_are_not_found(service: Service) -> None:
    for path in ("", "/balance", "/entries"):
        answer = service.get(f"/accounts/nobody{path}")
        assert (answer.status_code, answer.json["code"]) == (404, "account_not_found")
    answer = service.get("/accounts/nobody/balance", "as_of=1")
    assert answer.status_code == 404

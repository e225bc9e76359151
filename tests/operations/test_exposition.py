"""portal/operations/exposition.py: what Prometheus' own parser reads is what was counted."""

from __future__ import annotations

from collections import Counter

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_text

from portal import ledger
from portal.operations.exposition import Told, text_of
from portal.operations.facts import Audited, Standing

COUNTS = Counter(
    {
        "requests POST /internal/v1/debits 201": 7,
        "requests GET /internal/v1/accounts/<account_id> 404": 1,
        "refusals account_not_found": 1,
        "batch_commands 402": 3,
        "seconds /internal/v1/debits 0": 4,
        "seconds /internal/v1/debits 3": 2,
        "seconds /internal/v1/debits 11": 1,
        "seconds_sum /internal/v1/debits": 2_500_000_000,
        "groups 0": 3,
        "groups 4": 1,
        "groups_sum": 19,
    }
)
STATE = Standing({0: 5, 60: 2}, 4_100, 1, 2, 30)
OPEN = "application/openmetrics-text; version=1.0.0"
Samples = dict[tuple[str, tuple[str, ...]], float]


def told(
    state: Standing | None = STATE, audited: Audited | None = None, accept: str = ""
) -> Samples:
    text, kind = text_of(Told(COUNTS, Counter({"debit": 9}), state, audited), accept)
    read = read_open if kind.startswith("application/openmetrics") else read_text
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in read(text.decode())
        for sample in family.samples
    }


def test_counts_are_told_by_label() -> None:
    found = told()
    assert found["portal_requests_total", ("POST", "/internal/v1/debits", "201")] == 7
    route = "/internal/v1/accounts/<account_id>"
    assert found["portal_requests_total", ("GET", route, "404")] == 1
    assert found["portal_refusals_total", ("account_not_found",)] == 1
    assert found["portal_batch_commands_total", ("402",)] == 3


def test_times_are_a_histogram_by_route() -> None:
    found, route = told(), "/internal/v1/debits"
    assert found["portal_request_seconds_bucket", ("0.001", route)] == 4
    assert found["portal_request_seconds_bucket", ("0.01", route)] == 6
    assert found["portal_request_seconds_bucket", ("5.0", route)] == 6
    assert found["portal_request_seconds_bucket", ("+Inf", route)] == 7
    assert found["portal_request_seconds_count", (route,)] == 7
    assert found["portal_request_seconds_sum", (route,)] == 2.5


def test_sizes_of_commits_are_a_histogram() -> None:
    found = told()
    assert found["portal_group_commit_size_bucket", ("1",)] == 3
    assert found["portal_group_commit_size_bucket", ("16",)] == 4
    assert found["portal_group_commit_size_count", ()] == 4
    assert found["portal_group_commit_size_sum", ()] == 19


def test_the_state_of_the_ledger_is_told() -> None:
    found = told()
    assert {k[1][0]: v for k, v in found.items() if k[0] == "portal_entries_total"} == {
        kind: 9 if kind == "debit" else 0 for kind in ledger.KINDS
    }
    assert found["portal_open_holds", ("0",)] == 5
    assert found["portal_open_holds", ("60",)] == 2
    assert found["portal_open_hold_age_seconds_max", ()] == 4_100
    assert found["portal_open_holds_overdue", ()] == 1
    assert found["portal_accounts_due", ()] == 2
    assert found["portal_due_seconds_max", ()] == 30
    assert found["portal_database_up", ()] == 1


def test_without_a_database_the_counts_are_told_alone() -> None:
    found = told(state=None)
    assert found["portal_database_up", ()] == 0
    assert found["portal_refusals_total", ("account_not_found",)] == 1
    assert not {name for name, _ in found if "hold" in name or "entries" in name}


def test_an_audit_is_told_if_there_was_one() -> None:
    assert not {name for name, _ in told() if "audit" in name}
    found = told(audited=Audited(1_795_355_520_250_000, False, 3, 1_204))
    assert found["portal_audit_clean", ()] == 0
    assert found["portal_audit_differences", ()] == 3
    assert found["portal_audit_entries", ()] == 1_204
    assert found["portal_audit_finished_timestamp_seconds", ()] == 1_795_355_520.25


def test_openmetrics_are_told_to_whoever_prefers_them() -> None:
    assert told(accept=OPEN) == told()

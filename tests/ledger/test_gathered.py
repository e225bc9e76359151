"""Findings of parts put together: in any order, as if one had checked all in turn."""

import random

from portal.ledger.findings import KEPT, Findings, Overdue
from portal.ledger.gathered import Gathered


def found(*seqs: int, account: str | None = "ada") -> Findings:
    """What some part says of these entries."""
    findings = Findings()
    for seq in seqs:
        findings.counts["entries"] += 1
        findings.note(account, seq, "hash", 1, 2)
        findings.note_overdue(Overdue("ada", seq, "hld_1", 5, 6))
    return findings


def test_nothing_found_is_clean() -> None:
    gathered = Gathered()
    gathered.add(0, Findings())
    report = gathered.report()
    assert report.clean
    assert (report.counts, report.differences, report.found, report.overdue) == ({}, (), 0, ())


def test_differences_are_told_by_account_and_seq_and_then_by_what_they_say() -> None:
    findings = Findings()
    findings.note("bob", 2, "hash", b"\x01", b"\x02", "ent_1")
    findings.note("ada", 9, "seq", 9, 10)
    findings.note("ada", 3, "seq", 3, None)
    findings.note("ada", 3, "hash", 3, None)
    findings.note(None, None, "sha256", "a", "b", "tariff 2026-01")
    gathered = Gathered()
    gathered.add(0, findings)
    told = gathered.report().differences
    assert [(each.account, each.seq, each.rule) for each in told] == [
        (None, None, "sha256"),
        ("ada", 3, "hash"),
        ("ada", 3, "seq"),
        ("ada", 9, "seq"),
        ("bob", 2, "hash"),
    ]
    assert told[4] == ("bob", 2, "hash", "01", "02", "ent_1")
    assert told[2].found == "None"


def test_parts_may_come_in_any_order_and_the_first_thousand_are_kept() -> None:
    parts = [(place, found(*range(place * 300, place * 300 + 300))) for place in range(9)]
    in_turn = Gathered()
    for place, findings in parts:
        in_turn.add(place, findings)
    random.Random(3).shuffle(parts)
    mixed = Gathered()
    for place, findings in parts:
        mixed.add(place, findings)
    report = mixed.report()
    assert report == in_turn.report()
    assert (report.found, report.overdue_found, report.counts) == (2_700, 2_700, {"entries": 2_700})
    assert [each.seq for each in report.differences] == list(range(KEPT))
    assert [each.seq for each in report.overdue] == list(range(KEPT))
    assert not report.clean

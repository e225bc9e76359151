"""What an audit collects: all counted, the first thousand kept, told by account and seq."""

from portal.ledger.findings import KEPT, Findings, Overdue, shown


def test_nothing_found_is_clean() -> None:
    report = Findings().report()
    assert report.clean
    assert (report.differences, report.found, report.overdue) == ((), 0, ())


def test_differences_are_told_by_account_and_seq() -> None:
    findings = Findings()
    findings.note("bob", 2, "hash", b"\x01", b"\x02", "ent_1")
    findings.note("ada", 9, "seq", 9, 10)
    findings.note("ada", 3, "seq", 3, None)
    findings.note(None, None, "sha256", "a", "b", "tariff 2026-01")
    found = findings.report().differences
    assert [(each.account, each.seq) for each in found] == [
        (None, None),
        ("ada", 3),
        ("ada", 9),
        ("bob", 2),
    ]
    assert found[3] == ("bob", 2, "hash", "01", "02", "ent_1")
    assert found[1].found == "None"


def test_each_column_that_differs_is_a_difference() -> None:
    findings = Findings()
    findings.compare("ada", 1, (1, 2, 3), (1, 5, 6), ("a", "b", "c"), "account")
    findings.compare("ada", 1, (1,), (1,), ("a",), "account")
    assert [each.rule for each in findings.kept] == ["b", "c"]


def test_all_are_counted_and_a_thousand_are_kept() -> None:
    findings = Findings()
    for seq in range(KEPT + 5):
        findings.note("ada", seq, "hash", 1, 2)
        findings.note_overdue(Overdue("ada", seq, "hld_1", 5, 6))
    report = findings.report()
    assert (report.found, len(report.differences)) == (KEPT + 5, KEPT)
    assert (report.overdue_found, len(report.overdue)) == (KEPT + 5, KEPT)
    assert not report.clean


def test_an_open_hold_that_ran_out_is_no_difference() -> None:
    findings = Findings()
    findings.note_overdue(Overdue("ada", 1, "hld_1", 5, 6))
    assert findings.report().clean


def test_values_are_shown_so_that_they_can_be_printed() -> None:
    assert shown(b"\xff\x00") == "ff00"
    assert shown(memoryview(b"\x01")) == "01"
    assert shown("half \udcff") == "half \\udcff"
    assert shown(12) == "12"

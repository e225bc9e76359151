"""The customer whose page is polled: signed in over HTTP, and told nothing until there is news."""

from __future__ import annotations

from pathlib import Path

from benchmarks.ledgers import filled
from benchmarks.load import Orders, drive
from benchmarks.vault import debit
from benchmarks.visitors import ACCOUNT, Visitor
from tests.databases import Databases
from tests.serving import serving


def test_a_poll_has_no_answer_until_the_account_is_charged(
    databases: Databases, dialect: str, tmp_path: Path
) -> None:
    with (
        filled(databases, dialect, 1) as made,
        serving(made.config, tmp_path, threads=4) as portal,
    ):
        visitor = Visitor.signed_in(made, portal.authority)
        port, poll = int(portal.authority.rpartition(":")[2]), visitor.poll()
        polls = Orders(port, 4, 60.0, [poll] * 40)
        assert drive(polls).statuses == {304: 40}
        made.post([debit(made.accounts[0])])
        assert drive(polls).statuses == {304: 40}
        made.post([debit(ACCOUNT)])
        assert drive(polls).statuses == {200: 40}
        assert drive(Orders(port, 4, 60.0, [visitor.poll()] * 40)).statuses == {304: 40}

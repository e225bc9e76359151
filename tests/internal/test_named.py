"""What a request names is read once, whether it is there or not, and all of a kind together."""

from typing import Any

import pytest
from flask import Flask

from portal import ledger
from portal.internal.named import Named
from tests.internal.service import Service, debit_of, new_key


def test_each_kind_is_read_once(
    service: Service, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed, key = service.held(10), new_key()
    charged = service.post("/debits", debit_of(10), key=key).json["entry"]["id"]
    gone = "hld_00000000"
    reads: list[list[str]] = []
    for name in ("holds_by_id", "entries_by_id", "known_keys"):
        real = getattr(ledger, name)

        def counted(*asked: Any, real: Any = real) -> Any:
            reads.append(asked[-1])
            return real(*asked)

        monkeypatch.setattr(ledger, name, counted)
    named = Named("tts", holds=[placed, gone], entries=[charged], keys=[key])
    with app.app_context():
        for _ in range(2):
            found = named.find_hold(placed)
            assert found is not None
            assert (found.id, found.service) == (placed, "tts")
            assert named.find_hold(gone) is None
            entry = named.find_entry(charged)
            assert entry is not None
            assert entry.amount == -10
            assert named.knows(key)
        assert reads == [[gone, placed], [charged], [key]]
        assert named.find_hold("hld_00000001") is None
        assert named.find_entry("ent_00000001") is None
        assert not named.knows(new_key())
        assert not Named("another").knows(key)

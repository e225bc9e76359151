"""The chain: every field counts, no two rows share an encoding."""

import hashlib
from typing import Any

import pytest

from portal.ledger.chain import digest, entry_hash, refusal_hash, request_hash, revision_hash
from portal.ledger.model import GENESIS, Answered, Draw, Entry, Grant, Refusal, Revision

ENTRY = Entry(
    "ada",
    7,
    "ent_1",
    "debit",
    -5,
    0,
    95,
    0,
    1_000,
    "usage",
    "task",
    "job-1",
    "speak",
    5,
    "first",
    "service",
    "studio",
    "studio-1",
    "k1",
    None,
    None,
    None,
    None,
    None,
    "é",
    '{"a":"b"}',
    None,
    500,
    600,
    GENESIS,
    GENESIS,
)
DRAWS = (Draw("ada", 7, 0, "grt_1", -3, 0), Draw("ada", 7, 1, None, -2, 0))
GRANT = Grant("grt_2", "ada", 7, "goodwill", 30, 5, 500, None, None, None, 0, 0)


def other(value: Any) -> Any:
    """Another value of the same kind, or of none."""
    if value is None:
        return "x"
    return value + 1 if isinstance(value, int) else f"{value}x"


def test_a_hash_is_that_of_the_published_encoding() -> None:
    fields = "3:ada1:7-5:ent_1"
    message = b"credits-portal/entry/1\n" + bytes(32) + b"\n" + fields.encode()
    expected = hashlib.sha256(message).digest()
    assert digest(b"credits-portal/entry/1", ["ada", 7, None, "ent_1"], GENESIS) == expected


@pytest.mark.parametrize("field", Entry._fields[:29])
def test_every_field_of_an_entry_counts(field: str) -> None:
    changed = ENTRY._replace(**{field: other(getattr(ENTRY, field))})
    assert entry_hash(changed, DRAWS, (), GENESIS) != entry_hash(ENTRY, DRAWS, (), GENESIS)


@pytest.mark.parametrize("field", ["position", "grant_id", "amount", "pinned"])
def test_every_field_of_a_draw_counts(field: str) -> None:
    changed = (DRAWS[0], DRAWS[1]._replace(**{field: other(getattr(DRAWS[1], field))}))
    assert entry_hash(ENTRY, changed, (), GENESIS) != entry_hash(ENTRY, DRAWS, (), GENESIS)


@pytest.mark.parametrize("field", Grant._fields[:10])
def test_every_field_of_a_grant_it_makes_counts(field: str) -> None:
    changed = GRANT._replace(**{field: other(getattr(GRANT, field))})
    assert entry_hash(ENTRY, DRAWS, (changed,), GENESIS) != entry_hash(
        ENTRY, DRAWS, (GRANT,), GENESIS
    )


def test_what_moves_later_does_not_count() -> None:
    spent = GRANT._replace(remaining=3, pinned=1)
    assert entry_hash(ENTRY, DRAWS, (spent,), GENESIS) == entry_hash(
        ENTRY, DRAWS, (GRANT,), GENESIS
    )


def test_rows_that_come_and_go_and_change_places_count() -> None:
    hashes = {
        entry_hash(ENTRY, DRAWS, (), GENESIS),
        entry_hash(ENTRY, DRAWS[:1], (), GENESIS),
        entry_hash(ENTRY, DRAWS[::-1], (), GENESIS),
        entry_hash(ENTRY, (), (), GENESIS),
        entry_hash(ENTRY, DRAWS, (GRANT,), GENESIS),
        entry_hash(ENTRY, DRAWS, (), b"\1" * 32),
    }
    assert len(hashes) == 6


def test_nothing_is_not_a_dash_and_fields_do_not_run_together() -> None:
    encodings: list[list[str | None]] = [
        [None],
        ["-"],
        ["1:-"],
        ["a", "b"],
        ["ab"],
        ["a", None, "b"],
        ["", ""],
        [""],
        [],
    ]
    assert len({digest(b"d", fields, GENESIS) for fields in encodings}) == len(encodings)


def test_lengths_are_counted_in_characters_and_text_is_utf_8() -> None:
    assert digest(b"d", ["é"], b"") == hashlib.sha256("d\n\n1:é".encode()).digest()


def test_kinds_of_rows_have_domains_of_their_own() -> None:
    domains = {digest(name, ["x"], GENESIS) for name in (b"entry", b"revision", b"refusal")}
    assert len(domains) == 3


REVISION = Revision(
    "ada",
    2,
    "upgrade",
    "Ada",
    "plus",
    None,
    "active",
    0,
    "UTC",
    1,
    2,
    3,
    "admin",
    "olga",
    None,
    4,
    5,
    6,
    "[]",
    GENESIS,
    GENESIS,
)
REFUSAL = Refusal(
    "rfs_1",
    "ada",
    3,
    "debit",
    "insufficient_credits",
    "speak",
    5,
    5,
    4,
    0,
    "task",
    "job-1",
    "service",
    "studio",
    "studio-1",
    None,
    "{}",
    600,
    GENESIS,
)
ANSWERED = Answered("studio", "k1", "ada", 7, None, "{}", 600, GENESIS)


@pytest.mark.parametrize("field", Revision._fields[:-2])
def test_every_field_of_a_revision_counts(field: str) -> None:
    changed = REVISION._replace(**{field: other(getattr(REVISION, field))})
    assert revision_hash(changed, GENESIS) != revision_hash(REVISION, GENESIS)
    assert revision_hash(REVISION, b"\1" * 32) != revision_hash(REVISION, GENESIS)


def test_a_revision_without_caps_is_hashed_as_before_there_were_any() -> None:
    bare = REVISION._replace(caps=None)
    assert revision_hash(bare, GENESIS) == digest(
        b"credits-portal/revision/1", REVISION[:18], GENESIS
    )


@pytest.mark.parametrize("field", Refusal._fields[:-1])
def test_every_field_of_a_refusal_counts(field: str) -> None:
    changed = REFUSAL._replace(**{field: other(getattr(REFUSAL, field))})
    assert refusal_hash(changed) != refusal_hash(REFUSAL)


@pytest.mark.parametrize("field", Answered._fields[:-1])
def test_every_field_of_an_answered_request_counts(field: str) -> None:
    changed = ANSWERED._replace(**{field: other(getattr(ANSWERED, field))})
    assert request_hash(changed) != request_hash(ANSWERED)

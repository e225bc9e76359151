"""The burn order: total, deterministic, paid credits last; and what may be spent in all."""

import itertools
import random
from typing import Any

import pytest

from portal.ledger import burn
from portal.ledger.burn import Part
from portal.ledger.model import GENESIS, ORIGINS, Account, Grant, State

NOW = 1_000


def lot(name: str, origin: str = "purchase", amount: int = 10, **members: Any) -> Grant:
    """A grant with everything left."""
    usual: dict[str, Any] = {"effective_at": 0, "expires_at": None, "operations": None, "pinned": 0}
    usual |= {"priority": burn.PRIORITY[origin]} | members
    return Grant(
        id=name,
        account_id="ada",
        seq=1,
        origin=origin,
        amount=amount,
        parent_id=None,
        remaining=amount,
        **usual,
    )


def state(*grants: Grant, owed: int = 0, pinned: int = 0, limit: int = 0) -> State:
    """A state with these grants; `pinned` credits of overdraft are held."""
    posted = sum(grant.remaining for grant in grants) - owed
    held = sum(grant.pinned for grant in grants) + pinned
    account = Account(
        "ada",
        "Ada",
        "plus",
        None,
        "active",
        limit,
        "UTC",
        0,
        0,
        10**9,
        posted,
        held,
        1,
        GENESIS,
        0,
        None,
        1,
        GENESIS,
        0,
    )
    return State(account, burn.in_burn_order(grants), {}, {})


IN_ORDER = [
    lot("g01", "promotion", priority=0),
    lot("g02", "purchase", priority=5, expires_at=5_000),
    lot("g03", "promotion", expires_at=2_000),
    lot("g04", "promotion", expires_at=3_000),
    lot("g05", "promotion"),
    lot("g06", "rollover", expires_at=4_000),
    lot("g07", "reinstatement", expires_at=4_000),
    lot("g08", "rollover", expires_at=5_000),
    lot("g09", "allocation", expires_at=4_000),
    lot("g10", "goodwill", expires_at=9_000),
    lot("g11", "goodwill"),
    lot("g12", "import"),
    lot("g13", "purchase", expires_at=9_000),
    lot("g14", "purchase", effective_at=1),
    lot("g15", "purchase", effective_at=2),
    lot("g16", "purchase", effective_at=2),
]


def test_grants_burn_by_priority_expiry_origin_age_and_id() -> None:
    shuffled = IN_ORDER.copy()
    for seed in range(20):
        random.Random(seed).shuffle(shuffled)
        assert list(burn.in_burn_order(shuffled)) == IN_ORDER


def test_the_order_is_total_so_that_no_two_grants_tie() -> None:
    keys = [burn.burn_key(grant) for grant in IN_ORDER]
    assert all(one != other for one, other in itertools.combinations(keys, 2))


def test_every_origin_has_a_rank_and_a_priority_of_its_own() -> None:
    assert set(burn.ORIGIN_RANK) == set(burn.PRIORITY) == set(ORIGINS)
    assert len(set(burn.ORIGIN_RANK.values())) == len(ORIGINS)


def test_paid_credits_go_last_unless_a_grant_says_otherwise() -> None:
    assert burn.PRIORITY == {
        "promotion": 10,
        "rollover": 15,
        "reinstatement": 15,
        "allocation": 20,
        "goodwill": 30,
        "import": 40,
        "purchase": 50,
    }


def test_origin_decides_where_priority_and_expiry_do_not() -> None:
    alike = [lot(f"g{n}", origin, priority=1) for n, origin in enumerate(ORIGINS)]
    assert [grant.origin for grant in burn.in_burn_order(alike)] == [
        "promotion",
        "rollover",
        "allocation",
        "reinstatement",
        "goodwill",
        "import",
        "purchase",
    ]


@pytest.mark.parametrize(
    ("members", "operation", "pays"),
    [
        ({}, "speak", True),
        ({"effective_at": NOW}, "speak", True),
        ({"effective_at": NOW + 1}, "speak", False),
        ({"expires_at": NOW + 1}, "speak", True),
        ({"expires_at": NOW}, "speak", False),
        ({"operations": "speak"}, "speak", True),
        ({"operations": "fast,speak"}, "speak", True),
        ({"operations": "fast,speaking"}, "speak", False),
        ({"operations": "fast"}, None, True),
    ],
)
def test_a_grant_pays_while_it_lives_for_what_it_may(
    members: dict[str, Any], operation: str | None, pays: bool
) -> None:
    assert burn.pays(lot("g", **members), operation, NOW) is pays


def test_it_takes_in_burn_order_and_the_overdraft_last() -> None:
    grants = [lot("b"), lot("a", "promotion"), lot("c", pinned=4, effective_at=1)]
    standing = state(*grants, limit=5)
    assert burn.take(standing, 12, None, NOW) == ([Part("a", 10), Part("b", 2)], 0)
    assert burn.take(standing, 10, None, NOW) == ([Part("a", 10)], 0)
    all_of_it = [Part("a", 10), Part("b", 10), Part("c", 6), Part(None, 3)]
    assert burn.take(standing, 29, None, NOW) == (all_of_it, 0)
    assert burn.take(standing, 0, None, NOW) == ([], 0)
    assert burn.spendable(standing, None, NOW) == 31


def test_it_takes_less_than_asked_when_there_is_less_and_says_what_is_lacking() -> None:
    standing = state(lot("a"), lot("b", operations="fast"), limit=5)
    assert burn.take(standing, 99, "speak", NOW) == ([Part("a", 10), Part(None, 5)], 84)
    assert burn.spendable(standing, "speak", NOW) == 15
    assert burn.take(state(lot("a", pinned=10)), 5, "speak", NOW) == ([], 5)


def test_what_is_owed_is_what_grants_hold_beyond_what_is_posted() -> None:
    standing = state(lot("a"), owed=7, limit=20)
    assert burn.owed(standing) == 7
    assert burn.overdraft_used(standing) == 7
    assert burn.overdraft_room(standing) == 13
    assert burn.spendable(standing, None, NOW) == 23


def test_overdraft_that_a_hold_has_pinned_is_in_use_but_not_owed() -> None:
    standing = state(lot("a", pinned=3), owed=2, pinned=4, limit=10)
    assert (burn.owed(standing), burn.overdraft_used(standing)) == (2, 6)
    assert burn.overdraft_room(standing) == 4


def test_an_overdraft_in_full_use_lends_nothing() -> None:
    assert burn.overdraft_room(state(owed=10, limit=10)) == 0
    assert burn.overdraft_room(state(owed=10, limit=7)) == 0

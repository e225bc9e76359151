"""Reading accounts."""

import pytest

from portal.ledger import accounts
from portal.ledger.errors import AccountNotFoundError
from tests.ledger.conftest import Lived


def test_it_finds_an_account_or_says_there_is_none(lived: Lived) -> None:
    with lived.database.reading() as connection:
        account = accounts.get_account(connection, "ada")
        assert accounts.find_account(connection, "ada") == account
        assert (account.name, account.tier, account.status) == ("Ada L.", "starter", "active")
        assert accounts.find_account(connection, "nobody") is None
        with pytest.raises(AccountNotFoundError, match="There is no account nobody"):
            accounts.get_account(connection, "nobody")


def test_it_lists_accounts_by_id_from_after_one(lived: Lived) -> None:
    with lived.database.reading() as connection:
        first = accounts.list_accounts(connection, limit=2)
        rest = accounts.list_accounts(connection, first[-1].id)
        assert [account.id for account in first] == ["ada", "bob"]
        assert [account.id for account in rest] == ["cy"]
        assert accounts.list_accounts(connection, "cy") == ()


def test_the_profile_derives_what_is_left_to_spend(lived: Lived) -> None:
    with lived.database.reading() as connection:
        account = accounts.get_account(connection, "bob")
        profile = accounts.find_profile(connection, "bob")
        assert profile is not None
        assert profile.credits_remaining == account.posted - account.held == account.available
        assert (profile.name, profile.tier) == (account.name, account.tier)
        assert accounts.find_profile(connection, "nobody") is None


def test_it_pages_through_the_changes_of_terms_newest_first(lived: Lived) -> None:
    with lived.database.reading() as connection:
        every = accounts.revisions_of(connection, "ada")
        newest = accounts.revisions_of(connection, "ada", limit=2)
        older = accounts.revisions_of(connection, "ada", before=newest[-1].revision)
    numbers = [each.revision for each in every]
    assert numbers == list(range(len(every), 0, -1))
    assert newest + older == every
    assert every[-1].reason == "opened"

"""Refusals of identity carry what is needed to act on them."""

from portal import identity


def test_each_refusal_says_what_is_wrong() -> None:
    said = {
        str(identity.PasswordError("must be long")): "a password must be long",
        str(identity.EmailError("x")): "not an email address: 'x'",
        str(identity.EmailTakenError("a@b.c")): "a@b.c is taken",
        str(identity.PersonNotFoundError("a@b.c")): "there is no person a@b.c",
        str(identity.TooManyAttemptsError(9)): (
            "too many attempts to sign in; try again in 9 seconds"
        ),
    }
    assert list(said) == list(said.values())
    assert "--account" in str(identity.AccountMissingError())


def test_all_are_one_family() -> None:
    assert issubclass(identity.TooManyAttemptsError, identity.IdentityError)

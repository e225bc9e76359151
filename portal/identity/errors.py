"""What identity refuses, each refusal with the words needed to act on it."""


class IdentityError(Exception):
    """A person could not be added, found or let in."""


class PasswordError(IdentityError):
    """That cannot be a password."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(f"a password {rule}")


class EmailError(IdentityError):
    """That is no email address."""

    def __init__(self, email: str) -> None:
        self.email = email
        super().__init__(f"not an email address: {email!r}")


class EmailTakenError(IdentityError):
    """A person with that email exists."""

    def __init__(self, email: str) -> None:
        self.email = email
        super().__init__(f"{email} is taken")


class PersonNotFoundError(IdentityError):
    """There is no such person."""

    def __init__(self, email: str) -> None:
        self.email = email
        super().__init__(f"there is no person {email}")


class AccountMissingError(IdentityError):
    """A customer needs an account; only an admin may have none."""

    def __init__(self) -> None:
        super().__init__("a customer needs an account (--account); only an admin may have none")


class TooManyAttemptsError(IdentityError):
    """Too many attempts to sign in; `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"too many attempts to sign in; try again in {retry_after} seconds")

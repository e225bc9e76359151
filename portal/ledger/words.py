"""The wire words of refusals: `InsufficientCreditsError` is `insufficient_credits`."""

import re


def code_of(error: type[Exception]) -> str:
    """A class of errors as its code: snake case, without `Error`."""
    name = error.__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()

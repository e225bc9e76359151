"""Refusals as schemas: the numbers of each code, and which of them may be missing."""

import pytest

from portal import ledger, signing
from portal.internal import errors
from portal.internal.problems import TABLE
from portal.internal.refusals import http_problem_schema, problem_schema
from portal.internal.schemas import Schemas

FIXED = ["type", "title", "status", "detail", "instance", "code", "retryable"]


@pytest.mark.parametrize("error", TABLE, ids=lambda error: error.__name__)
def test_every_row_of_the_table_has_a_schema(error: type[Exception]) -> None:
    schemas, code = Schemas(), ledger.code_of(error)
    assert problem_schema(error, schemas) == {"$ref": f"#/components/schemas/{code}"}
    told = schemas.named[code]
    assert list(told["properties"])[:7] == FIXED
    assert told["properties"]["status"] == {"const": TABLE[error].status}
    assert set(FIXED) <= set(told["required"])
    assert told["additionalProperties"] is False


@pytest.mark.parametrize(
    ("error", "numbers", "missing"),
    [
        (signing.SignatureExpiredError, ["server_time"], []),
        (ledger.HoldNotFoundError, ["hold"], []),
        (ledger.AccountSuspendedError, ["account", "account_status", "refusal"], ["refusal"]),
        (errors.BodyTimeoutError, ["got", "length", "seconds"], []),
        (errors.PayloadTooLargeError, ["maximum", "got"], []),
        (errors.MalformedRequestError, ["at", "maximum", "member"], ["at", "maximum", "member"]),
        (errors.ValidationError, ["members"], []),
    ],
)
def test_its_numbers_are_those_of_the_error(
    error: type[Exception], numbers: list[str], missing: list[str]
) -> None:
    schemas = Schemas()
    problem_schema(error, schemas)
    told = schemas.named[ledger.code_of(error)]
    assert list(told["properties"])[7:] == numbers
    assert [name for name in numbers if name not in told["required"]] == missing


def test_instants_are_times_and_what_may_be_null_says_so() -> None:
    schemas = Schemas()
    problem_schema(ledger.InsufficientCreditsError, schemas)
    at = schemas.named["insufficient_credits"]["properties"]["next_allocation_at"]
    assert at["anyOf"][0]["format"] == "date-time"
    assert at["anyOf"][1] == {"type": "null"}


def test_the_framework_s_refusals_have_theirs() -> None:
    schemas = Schemas()
    assert http_problem_schema(404, schemas) == {"$ref": "#/components/schemas/not_found"}
    assert list(schemas.named["not_found"]["properties"]) == FIXED

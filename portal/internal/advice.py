"""What each code of a problem means to whoever sent the request, and what to do about it.

Both are sentences without their full stop, in Markdown; the catalogue of errors and the published
schemas are written from them.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Advice(NamedTuple):
    """What a code means, and what to do."""

    means: str
    does: str


ADVICE: Final[Mapping[str, Advice]] = {
    "malformed_request": Advice(
        "the content is no strict JSON object, a query stands where none may, or a header has"
        " another form",
        "mend the request; `detail` says where",
    ),
    "idempotency_key_missing": Advice(
        "a POST came without an `Idempotency-Key`",
        "choose one key for each job, and keep it for retries",
    ),
    "signature_invalid": Advice(
        "no signature, an unknown, revoked or spent one, or content that does not match it; "
        "all read alike",
        "compare the signed lines with the profile; see that the key is not revoked; sign a "
        "grant anew for each try",
    ),
    "signature_expired": Advice(
        "the signature was right, but not at this time",
        "set the clock by `server_time` and sign anew",
    ),
    "insufficient_credits": Advice(
        "fewer credits may be spent on this operation than it needs",
        "show `shortfall` and `next_allocation_at`. A debit's key is used up; a hold's key "
        "may be tried again after a top-up",
    ),
    "scope_denied": Advice(
        "the key was not issued for this scope, or not for this operation",
        "use a key with a scope of `needs`, or one for the operation; this one has `has` or "
        "`operations`",
    ),
    "key_cap": Advice(
        "more units than this key may ask for, in one request (`max_units`) or on one UTC day"
        " (`daily_units`), of all operations or of `operation`; what a capture takes beyond "
        "its hold counts, and so do credits of grants and plans",
        "split the job, wait `retry_after` seconds, or have a key issued with a larger cap",
    ),
    "limit_reached": Advice(
        "a limit of the account's tier: `limit`, `maximum`, `requested`",
        "wait until `until` if it is given, or upgrade",
    ),
    "account_suspended": Advice(
        "nothing new may be spent on the account",
        "an operator lifts it; refunds, captures and releases still go",
    ),
    "account_not_found": Advice(
        "nobody opened this account",
        "`PUT /internal/v1/accounts/<account>` first",
    ),
    "hold_not_found": Advice(
        "there is no such hold, or it is another service's",
        "compare the id with the one that placing it gave",
    ),
    "entry_not_found": Advice(
        "there is no such entry, or it is another service's",
        "compare the id with the one in the answer to the charge",
    ),
    "request_not_found": Advice(
        "the request had no outcome; it never will have one once its signature has ended",
        "send it again with the same key",
    ),
    "not_found": Advice(
        "no resource has this path",
        "compare it with the table of resources",
    ),
    "method_not_allowed": Advice(
        "the resource has no such method",
        "use one of the `Allow` header",
    ),
    "body_timeout": Advice(
        "the content came too slowly: `got` of its `length` bytes in the `seconds` that it was"
        " waited for; nothing was done",
        "send it again with the same key; of large batches smaller ones, if the line is slow",
    ),
    "in_progress": Advice(
        "another request holds the account",
        "try again after `Retry-After` seconds",
    ),
    "already_charged": Advice(
        "this operation was charged, or is held, for this reference: see `original`",
        "nothing, if it is the same job; else give the new job a reference of its own",
    ),
    "already_granted": Advice(
        "this payment gave credits before, by `entry`",
        "nothing",
    ),
    "hold_captured": Advice(
        "the hold was captured by `entry` at `ended_at`",
        "nothing; to give credits back, refund that entry",
    ),
    "hold_released": Advice(
        "the hold was released by `entry` at `ended_at`",
        "place a new hold",
    ),
    "hold_expired": Advice(
        "the hold ran out at `ended_at`, and what it asks is not covered any more",
        "place a new hold; extend holds of long jobs in time",
    ),
    "capture_exceeds_hold": Advice(
        "more was to be captured than is set aside",
        "extend the hold with a larger quantity first",
    ),
    "refund_exceeds": Advice(
        "more was to be refunded than is left of the charge: see `refundable`",
        "refund at most that",
    ),
    "payload_too_large": Advice(
        "the content is larger than `maximum` bytes",
        "send less",
    ),
    "unsupported_media_type": Advice(
        "the content is not `application/json` in UTF-8",
        "say so in `Content-Type`",
    ),
    "validation": Advice(
        "members break rules, all of them in `members`: `member`, `rule`, and what was `got`",
        "mend them; the key may be used again",
    ),
    "unknown_operation": Advice(
        "the tariff prices no such operation; `known` names those it does",
        "use one of those",
    ),
    "idempotency_key_reused": Advice(
        "the key stands for another request; `members` differ",
        "use a new key for a new job",
    ),
    "balance_limit": Advice(
        "the account would hold more than `maximum` credits",
        "give less",
    ),
    "account_frozen": Advice(
        "nothing on the account can change",
        "an admin lifts it",
    ),
    "rate_limited": Advice(
        "more requests than `limit` in `window_seconds` by one key, account or address (`limited`)",
        "try again after `retry_after` seconds with the same key; spread the work",
    ),
    "internal_error": Advice(
        "the door itself failed, and whether the request was done is not known; none should ever "
        "see this",
        "send it again with the same key: that is right, and never does it twice; where it goes "
        "on failing, report it",
    ),
    "storage_unavailable": Advice(
        "the ledger could not be read or written, and whether it was done is not known; or too many"
        " batches are waiting, and nothing was done (`detail` says which)",
        "send it again with the same key after `Retry-After` seconds: that is right, and never "
        "does it twice",
    ),
}

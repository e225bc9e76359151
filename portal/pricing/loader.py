"""Reading tariff documents: TOML in, a Tariff or every broken rule out."""

from __future__ import annotations

import hashlib
import re
import tomllib
from functools import cache
from importlib.resources import files
from os import PathLike
from pathlib import Path
from types import MappingProxyType

from portal.pricing.errors import Fault, TariffError
from portal.pricing.prices import BlockPrice, FlatPrice, GraduatedPrice, Price, Step, UnitPrice
from portal.pricing.quote import CREDITS_MAX, QUANTITY_MAX
from portal.pricing.section import Section
from portal.pricing.tariff import Operation, OverCapture, Tariff
from portal.pricing.tiers import (
    CREDIT_CAPS,
    STOP_LOSSES,
    Caps,
    Rollover,
    RolloverPolicy,
    SpendCap,
    Tier,
)

BYTES_MAX = 262_144
STEPS_MAX = 32
HOLD_TTL_MAX = 86_400
LIFE_PERIODS_MAX = 120
SHIPPED = "2026-01.toml"

NAME = r"[a-z0-9][a-z0-9._-]{0,31}"
NAME_RULE = "must be 1 to 32 of a-z 0-9 . _ - and begin with a letter or digit"
TITLE = r"(?! )[^\x00-\x1f\x7f-\x9f|]{1,80}(?<! )"
TITLE_RULE = "must be 1 to 80 characters of one line, without | and outer spaces"
UNIT = r"[a-z](?:[a-z -]{0,30}[a-z])?"
UNIT_RULE = "must be a singular noun of 1 to 32 of a-z, space and hyphen"

OVER_CAPTURES: tuple[OverCapture, ...] = ("refuse", "cap", "overflow")
POLICIES: tuple[RolloverPolicy, ...] = ("none", "full", "cap", "percent", "multiple")
KINDS = ("flat", "unit", "block", "graduated")
AMOUNT_MAX = {"cap": CREDITS_MAX, "percent": 100, "multiple": 1_000}


@cache
def shipped_tariff() -> Tariff:
    """The tariff that comes with the portal."""
    document = files("portal.pricing").joinpath("tariffs", SHIPPED).read_bytes()
    return parse_tariff(document.decode(), SHIPPED)


def load_tariff(path: str | PathLike[str]) -> Tariff:
    """Read a tariff document from a file; raises TariffError, also when it cannot be read."""
    source = str(path)
    try:
        document = Path(path).read_bytes()
    except OSError as error:
        raise _refusal(source, f"cannot be read: {error.strerror}") from None
    try:
        text = document.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refusal(source, f"must be UTF-8; byte {error.start} is not") from None
    return parse_tariff(text, source)


def parse_tariff(text: str, source: str) -> Tariff:
    """Read a tariff document. `source` names it in errors.

    Raises one TariffError with every fault: file, dotted key, rule. Unknown keys are faults.
    """
    document, values = _toml(text, source)
    faults: list[Fault] = []
    root = Section(values, "", faults)
    tariff = Tariff(
        name=root.text("name", NAME, NAME_RULE),
        effective_at=root.instant("effective_at"),
        sha256=hashlib.sha256(document).hexdigest(),
        document=text,
        operations=MappingProxyType(
            {name: _operation(name, one) for name, one in _named(root, "operations")}
        ),
        tiers=MappingProxyType({name: _tier(name, one) for name, one in _named(root, "tiers")}),
    )
    root.close()
    faults += _uncapped(tariff)
    if faults:
        raise TariffError(source, tuple(faults))
    return tariff


def _toml(text: str, source: str) -> tuple[bytes, dict[str, object]]:
    try:
        document = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _refusal(source, f"must be UTF-8; character {error.start} is not") from None
    if len(document) > BYTES_MAX:
        raise _refusal(source, f"must be at most {BYTES_MAX} bytes, not {len(document)}")
    try:
        return document, tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise _refusal(source, f"must be TOML: {error}") from None
    except RecursionError:
        raise _refusal(source, "must be TOML of moderate nesting") from None


def _refusal(source: str, rule: str) -> TariffError:
    return TariffError(source, (Fault("document", rule),))


def _named(root: Section, key: str) -> list[tuple[str, Section]]:
    table = root.section(key)
    if root.has(key) and not table.names():
        table.faults.append(Fault(table.path, "must hold at least one entry"))
    for name in table.names():
        if re.fullmatch(NAME, name) is None:
            table.note(name, f"its name {NAME_RULE}")
    return [(name, table.section(name)) for name in table.names()]


def _operation(name: str, table: Section) -> Operation:
    operation = Operation(
        name=name,
        title=table.text("title", TITLE, TITLE_RULE),
        unit=table.text("unit", UNIT, UNIT_RULE),
        price=_price(table.section("price")),
        minimum=table.whole("minimum", 0, CREDITS_MAX, None),
        maximum=table.whole("maximum", 0, CREDITS_MAX, None),
        hold_ttl_seconds=table.whole("hold_ttl_seconds", 1, HOLD_TTL_MAX),
        over_capture=table.choice("over_capture", OVER_CAPTURES, "refuse"),
    )
    least, most = operation.minimum, operation.maximum
    if least is not None and most is not None and least > most:
        table.note("minimum", f"must not exceed the maximum: {least} > {most}")
    table.close()
    return operation


def _price(table: Section) -> Price:
    kind = table.choice("kind", KINDS, None)
    if table.values.get("kind") != kind:
        return FlatPrice(0)  # the fault is noted; keys of an unknown kind cannot be judged
    price: Price
    if kind == "flat":
        price = FlatPrice(table.whole("credits", 0, CREDITS_MAX))
    elif kind == "unit":
        price = UnitPrice(_base(table), *_ratio(table))
    elif kind == "block":
        block = table.whole("block", 1, QUANTITY_MAX)
        price = BlockPrice(_base(table), block, table.whole("credits", 0, CREDITS_MAX))
    else:
        price = GraduatedPrice(_base(table), _steps(table))
    table.close()
    return price


def _base(table: Section) -> int:
    return table.whole("base", 0, CREDITS_MAX, 0)


def _ratio(table: Section) -> tuple[int, int]:
    return table.whole("numerator", 0, CREDITS_MAX), table.whole("denominator", 1, QUANTITY_MAX)


def _steps(table: Section) -> tuple[Step, ...]:
    steps = []
    sections = table.sections("steps", STEPS_MAX)
    below = 0
    for section in sections:
        up_to = section.whole("up_to", 1, QUANTITY_MAX, None)
        steps.append(Step(up_to, *_ratio(section)))
        last, bounded = section is sections[-1], section.has("up_to")
        if last and bounded:
            section.note("up_to", "must be absent from the last step, which is open")
        elif not last and not bounded:
            section.note("up_to", "is missing (only the last step is open)")
        elif up_to is not None and up_to <= below:
            section.note("up_to", f"must exceed the step before: {up_to} <= {below}")
        below = up_to or below
        section.close()
    return tuple(steps)


def _tier(name: str, table: Section) -> Tier:
    tier = Tier(
        name=name,
        title=table.text("title", TITLE, TITLE_RULE),
        allocation=table.whole("allocation", 0, CREDITS_MAX),
        rollover=_rollover(table.section("rollover")),
        overdraft=table.whole("overdraft", 0, CREDITS_MAX, 0),
        caps=_caps(table.section("caps", required=False)),
    )
    table.close()
    return tier


def _rollover(table: Section) -> Rollover:
    policy = table.choice("policy", POLICIES, None)
    if table.values.get("policy") != policy:
        return Rollover("none")  # the fault is noted; so are no others that follow from it
    most = AMOUNT_MAX.get(policy)
    amount = 0 if most is None else table.whole("amount", 1, most)
    life = 1 if policy == "none" else table.whole("life_periods", 1, LIFE_PERIODS_MAX, 1)
    table.close()
    return Rollover(policy, amount, life)


def _caps(table: Section) -> Caps:
    caps = Caps(
        open_holds=table.whole("open_holds", 1, QUANTITY_MAX, None),
        units_per_job=table.whole("units_per_job", 1, QUANTITY_MAX, None),
        spend=_spend(table),
    )
    table.close()
    return caps


def _spend(table: Section) -> tuple[SpendCap, ...]:
    found = _spend_caps(table, None, (*CREDIT_CAPS, *STOP_LOSSES))
    operations = table.section("operations", required=False)
    for name in operations.names():
        one = operations.section(name)
        found += _spend_caps(one, name, CREDIT_CAPS)
        one.close()
    return tuple(found)


def _spend_caps(table: Section, operation: str | None, limits: tuple[str, ...]) -> list[SpendCap]:
    found = ((limit, table.whole(limit, 0, CREDITS_MAX, None)) for limit in limits)
    return [SpendCap(limit, operation, credits) for limit, credits in found if credits is not None]


def _uncapped(tariff: Tariff) -> list[Fault]:
    return [
        Fault(
            f"tiers.{tier.name}.caps.operations.{cap.operation}", "is no operation of this tariff"
        )
        for tier in tariff.tiers.values()
        for cap in tier.caps.spend
        if cap.operation is not None and cap.operation not in tariff.operations
    ]

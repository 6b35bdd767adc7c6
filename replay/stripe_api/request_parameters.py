"""What values a parameter of a Stripe write may have: words, numbers, times, IDs, or any text.

The data (``data/request_parameters.json``) is made from the SDK by
``scripts/generate_request_parameters.py``. It holds a number of a shape for each operation; a shape
maps names to alternatives, split by ``|``: ``=a,b`` words, ``i`` an integer, ``d`` a decimal, ``b``
a boolean, ``c`` a currency, ``t`` a time, ``s`` a text, ``#n`` the parameters of shape n, ``[]n`` a
list and ``*n`` a map under any names, whose items shape n has under the empty name.

Stripe's schemas call references to other objects plain texts. A table here names the usual ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from replay.model.own_data import read_text
from replay.stripe_api.prefixes import types_by_prefix


class ParameterClass(Enum):
    """What a parameter's values are, so far as the schema says."""

    ENUM = "enum"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    CURRENCY = "currency"
    TIME = "time"
    REFERENCE = "reference"
    FREE_TEXT = "free text"


_CODES = {
    "b": ParameterClass.BOOLEAN,
    "i": ParameterClass.INTEGER,
    "d": ParameterClass.DECIMAL,
    "c": ParameterClass.CURRENCY,
    "t": ParameterClass.TIME,
    "s": ParameterClass.FREE_TEXT,
}

_FITS = {
    ParameterClass.BOOLEAN: re.compile(r"(?i:true|false)"),
    ParameterClass.INTEGER: re.compile(r"0|-?[1-9][0-9]{0,14}"),
    ParameterClass.DECIMAL: re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,12})?"),
    ParameterClass.CURRENCY: re.compile(r"[A-Za-z]{3}|usdc"),
    ParameterClass.TIME: re.compile(r"[1-9][0-9]{8,10}"),
}

_ABOUT_SOMEBODY = frozenset(
    {
        "annual_revenue", "date_of_birth", "dob", "estimated_worker_count", "exp_month", "exp_year",
        "monthly_estimated_revenue", "percent_ownership", "registration_date",
    }
)  # fmt: skip
"""Numbers that tell of a person or a business. They are free text wherever they stand."""

_REFERENCES: Mapping[str, tuple[str, ...]] = {
    "account": ("account",),
    "application_fee": ("application_fee",),
    "charge": ("charge",),
    "client_id": ("application",),
    "coupon": ("coupon",),
    "credit_note": ("credit_note",),
    "customer": ("customer",),
    "customer_account": ("account",),
    "default_payment_method": ("payment_method", "card", "source", "bank_account"),
    "default_price": ("price",),
    "default_source": ("source", "card", "bank_account"),
    "destination": ("account", "bank_account", "card"),
    "dispute": ("dispute",),
    "from_invoice": ("invoice",),
    "from_subscription": ("subscription",),
    "invoice": ("invoice",),
    "mandate": ("mandate",),
    "meter": ("billing.meter",),
    "on_behalf_of": ("account",),
    "payment_intent": ("payment_intent",),
    "payment_method": ("payment_method", "card", "source", "bank_account"),
    "plan": ("plan", "price"),
    "price": ("price", "plan"),
    "product": ("product",),
    "promotion_code": ("promotion_code",),
    "refund": ("refund",),
    "setup_intent": ("setup_intent",),
    "source_transaction": ("charge",),
    "stripe_user_id": ("account",),
    "subscription": ("subscription",),
    "subscription_item": ("subscription_item",),
    "tax_rate": ("tax_rate",),
    "tax_rates": ("tax_rate",),
    "test_clock": ("test_helpers.test_clock",),
    "default_tax_rates": ("tax_rate",),
}
"""Name of a text parameter -> the types of the object that it names."""

_REFERENCE_PLACES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("invoice_settings", "default_payment_method"): _REFERENCES["default_payment_method"],
    ("items", "id"): ("subscription_item",),
}
"""Last two names of a text parameter -> the types, where the last name alone does not tell."""

CLIENT_CHOSEN = frozenset({"coupon", "plan", "price", "product"})
"""Types whose IDs a client may choose, so that an ID may be a person's words."""

_CATALOGUE_PREFIXES = {"ca": "application", "plan": "plan", "price": "price", "prod": "product"}
_MADE_BY_STRIPE = re.compile(r"(ca|plan|price|prod)_(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{14,40}")
"""IDs of types that the table of prefixes leaves out, as clients may choose theirs. A capital
tells those that Stripe made from words joined together."""

_MAX_ID = 80
"""Characters of a reference; a longer one is free text."""

_PLACE = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class Parameter:
    """What is known of one parameter of one operation.

    Attributes:
        classes: what its values may be; only free text for a parameter that no table knows.
        words: the words of an enum, the empty text left out.
        references: the types of object that a reference may name.
        known: whether the schema of the operation has the parameter.
    """

    classes: frozenset[ParameterClass]
    words: frozenset[str] = frozenset()
    references: tuple[str, ...] = ()
    known: bool = True

    @property
    def is_client_chosen(self) -> bool:
        """Whether it may name an object by an ID that a client chose: no prefix tells its type."""
        return not CLIENT_CHOSEN.isdisjoint(self.references)

    def class_of(self, value: str) -> ParameterClass:
        """The class of one value, in the spelling of a form.

        A value that fits no class of its parameter is free text, and so is the empty text.
        An ID that a client chose is free text too: only IDs that Stripe made are references.
        """
        if ParameterClass.ENUM in self.classes and value in self.words:
            return ParameterClass.ENUM
        for kind, pattern in _FITS.items():
            if kind in self.classes and pattern.fullmatch(value):
                return kind
        if not _types_named(value).isdisjoint(self.references):
            return ParameterClass.REFERENCE
        return ParameterClass.FREE_TEXT


def _types_named(id: str) -> frozenset[str]:
    """The types that an ID made by Stripe may be of; none for any other text."""
    if not id.isascii() or len(id) > _MAX_ID:
        return frozenset()
    made = _MADE_BY_STRIPE.fullmatch(id)
    return frozenset((_CATALOGUE_PREFIXES[made[1]],) if made else types_by_prefix(id))


_UNKNOWN = Parameter(frozenset({ParameterClass.FREE_TEXT}), known=False)


def parameter(method: str, template: str, name: str) -> Parameter:
    """What is known of a parameter.

    Args:
        method: ``POST`` or ``DELETE``, in capitals.
        template: the path with its parameters in braces, such as ``/v1/customers/{customer}``. The
            names in braces do not matter.
        name: the parameter in a form's spelling, such as ``items[0][price]``; ``[]`` and a position
            in its place are the same.
    """
    return _parameter(_operation(method, template), _segments(name))


def is_about_somebody(name: str) -> bool:
    """Whether a parameter tells of a person or a business, so that no value of it is kept."""
    return not _ABOUT_SOMEBODY.isdisjoint(_segments(name))


def operations() -> tuple[str, ...]:
    """Method and path template of each operation that the data knows."""
    return tuple(_data()["operations"])


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(
        read_text("replay.stripe_api", "data/request_parameters.json")
    )
    return data


@cache
def _numbers() -> Mapping[str, int]:
    return {_without_names(call): number for call, number in _data()["operations"].items()}


def _operation(method: str, template: str) -> int | None:
    return _numbers().get(_without_names(f"{method} {template}"))


def _without_names(call: str) -> str:
    return re.sub(r"\{\w+\}", "{}", call)


def _segments(name: str) -> tuple[str, ...]:
    """The names in a form's spelling; empty for one that is not well formed."""
    first, bracket, rest = name.partition("[")
    places = _PLACE.findall(bracket + rest)
    if not first or "".join(f"[{place}]" for place in places) != bracket + rest:
        return ()
    return (first, *places)


def _parameter(number: int | None, segments: Sequence[str]) -> Parameter:
    if number is None or not segments or not _ABOUT_SOMEBODY.isdisjoint(segments):
        return _UNKNOWN
    shapes = _data()["shapes"]
    alternatives, names = [f"#{number}"], []
    for segment in segments:
        is_position = segment == "" or (segment.isascii() and segment.isdigit())
        following: list[str] = []
        for code in alternatives:
            if code[0] == "#" and segment:
                field = shapes[int(code[1:])].get(segment)
            elif (code[:2] == "[]" and is_position) or (code[0] == "*" and segment):
                field = shapes[int(code.lstrip("[]*"))][""]
            else:
                field = None
            following += field.split("|") if field else ()
        alternatives = following
        if not is_position:
            names.append(segment)
    return _known(alternatives, names) if alternatives else _UNKNOWN


def _known(alternatives: Sequence[str], names: Sequence[str]) -> Parameter:
    words = {word for code in alternatives if code[0] == "=" for word in code[1:].split(",")} - {""}
    classes = {_CODES[code] for code in alternatives if code in _CODES}
    references: tuple[str, ...] = ()
    if words:
        classes.add(ParameterClass.ENUM)
    if ParameterClass.FREE_TEXT in classes and "metadata" not in names:
        references = _REFERENCE_PLACES.get(tuple(names[-2:]), _REFERENCES.get(names[-1], ()))
    if references:
        classes = classes - {ParameterClass.FREE_TEXT} | {ParameterClass.REFERENCE}
    return Parameter(frozenset(classes or {ParameterClass.FREE_TEXT}), frozenset(words), references)

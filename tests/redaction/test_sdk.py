"""The real SDK reads redacted bodies into the same types as the originals."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from importlib import import_module
from types import NoneType
from typing import Any, ForwardRef, Literal, get_args, get_origin

import stripe

from replay.redaction.redactor import redact

stripe_object = import_module("stripe._object_classes")
event_classes = import_module("stripe.events._event_classes")

PRIVATE = "PRIVATE Jenny"
ID = "cus_QaTestAbCdEf12"
NUMBERS = {int: 1_750_000_000, float: 2.5, bool: True, Decimal: "12.125"}
ENCODED = {"int64_string": "1750", "decimal_string": "12.125"}
NO_BODIES = {"list", "search_result"}  # the base classes of lists: their items are tested


def parsed(body: dict[str, Any]) -> Any:
    return stripe.Invoice.construct_from(body, key=None)


def types(value: Any) -> Any:
    if isinstance(value, stripe.StripeObject):
        return type(value), {k: types(v) for k, v in value.to_dict(recursive=False).items()}
    if isinstance(value, dict):
        return {key: types(child) for key, child in value.items()}
    if isinstance(value, list):
        return [types(child) for child in value]
    return type(value)


def test_a_redacted_invoice_has_the_same_types(invoice):
    assert types(parsed(invoice)) == types(parsed(redact(invoice, owner="x").body))


def test_a_redacted_decimal_string_is_still_a_decimal(invoice):
    invoice["lines"]["data"][0]["pricing"]["unit_amount_decimal"] = "12.125"
    invoice["lines"]["data"][0]["quantity_decimal"] = "1.5"
    line = parsed(redact(invoice, owner="x").body).lines.data[0]
    assert Decimal("12.125") == line.pricing.unit_amount_decimal
    assert isinstance(line.quantity_decimal, Decimal)


def classes() -> Iterator[tuple[str, type[stripe.StripeObject], str]]:
    """Mode, class and name of each type that the SDK makes of an answer."""
    for mode, table in (
        ("V1", stripe_object.OBJECT_CLASSES),
        ("V2", stripe_object.V2_OBJECT_CLASSES),
        ("V2", event_classes._V2_EVENT_CLASS_LOOKUP),
    ):
        for name, (module, found) in table.items():
            if name not in NO_BODIES:
                yield mode, getattr(import_module(module), found), name


def generated(kind: Any, encoding: str | None, above: tuple[type, ...]) -> Any:
    """A value of an annotation: text is private, and objects have all their fields."""
    if isinstance(kind, ForwardRef):
        kind = kind.__forward_arg__
    if isinstance(kind, str):
        kind = eval(kind, dict(_names(above[-1].__module__)))  # noqa: S307 - the SDK's own words
    origin, arguments = get_origin(kind), get_args(kind)
    if encoding is not None and origin is not list:
        return ENCODED[encoding]
    if origin is Literal:
        return arguments[0]
    if origin in {list, dict} or getattr(origin, "__name__", "") == "UntypedStripeObject":
        inner = generated(arguments[-1], encoding, above)
        return [inner] if origin is list else {"eur": inner}
    if getattr(origin, "__name__", "") == "ListObject":
        items = [generated(arguments[0], None, above)]
        return {"object": "list", "data": items, "has_more": False, "url": "/v1/x"}
    if arguments:  # a union: an ID for what may be expanded, else the first choice
        choices = [choice for choice in arguments if choice is not NoneType]
        return ID if str in choices and _named(choices) else generated(choices[0], encoding, above)
    if isinstance(kind, type) and issubclass(kind, stripe.StripeObject):
        return body_of(kind, above)
    return NUMBERS.get(kind, PRIVATE)


@cache
def _names(module: str) -> dict[str, Any]:
    """The names in a module, with those that it imports for type checkers only."""
    found = import_module(module)
    return vars(found) | {
        alias.asname or alias.name: getattr(import_module(line.module), alias.name)
        for line in ast.walk(ast.parse(inspect.getsource(found)))
        if isinstance(line, ast.ImportFrom) and line.module is not None
        for alias in line.names
    }


def _named(choices: list[Any]) -> bool:
    return any(isinstance(choice, ForwardRef) for choice in choices)


def body_of(cls: type[stripe.StripeObject], above: tuple[type, ...] = ()) -> dict[str, Any]:
    """A body with every field that a class of the SDK declares."""
    if above and (name := getattr(cls, "OBJECT_NAME", "")):
        return {"id": ID, "object": name}  # a type of its own has its turn
    if cls in above:
        return {}
    declared = {
        name.rstrip("_"): kind
        for base in reversed(cls.__mro__)
        if issubclass(base, stripe.StripeObject) and base is not stripe.StripeObject
        for name, kind in base.__annotations__.items()
        if name[0] != "_" and name != "OBJECT_NAME"
    }
    encodings = cls._field_encodings
    return {
        name: generated(kind, encodings.get(name), (*above, cls)) for name, kind in declared.items()
    }


def test_every_type_of_the_sdk_reads_its_redacted_form():
    """Each field of each type is read, with the type that it had; the text in it is gone."""
    read, wrong = 0, []
    for mode, cls, name in classes():
        body = {**body_of(cls), "object": getattr(cls, "OBJECT_NAME", name)}
        redacted = redact(body, owner="x").body
        forms = [cls.construct_from(b, "sk_test_x", api_mode=mode) for b in (body, redacted)]
        before, after = forms
        fields = [*map(before.__getattr__, body)], [*map(after.__getattr__, body)]
        same = types(before) == types(after) and [*map(types, fields[0])] == [
            *map(types, fields[1])
        ]
        if not same or PRIVATE in str(redacted):
            wrong.append(name)
        read += len(body)
    assert not wrong
    assert read > 4000

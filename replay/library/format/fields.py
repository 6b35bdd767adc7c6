"""Reads the fields of a parsed document strictly: no other was written by replay. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from replay.library.format import forms as frame
from replay.model.cassette import Headers
from replay.stripe_api.headers import Forms, why_not_recorded

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHOWN_KEY = re.compile("[a-z][a-z_-]{0,39}")


class Unfit(ValueError):
    """A value of the parsed document does not fit the format."""


def value_of(mapping: Mapping[str, Any], name: str, kind: type[Any], at: str) -> Any:
    """The value of a name, which has to be of exactly this type.

    Raises:
        Unfit: it is missing, or of another type.
    """
    value = mapping.get(name)
    if type(value) is not kind:
        raise unfit(f"{at}{name} is missing or of another type")
    return value


def text_of(mapping: Mapping[str, Any], name: str, at: str) -> str:
    """A text without control characters.

    Raises:
        Unfit: it is none.
    """
    value: str = value_of(mapping, name, str, at)
    no_control(value, f"{at}{name}")
    return value


def formed(mapping: Mapping[str, Any], name: str, at: str, form: str) -> str:
    """A text of a form, a regular expression that it has to match whole.

    Raises:
        Unfit: it is none.
    """
    value = text_of(mapping, name, at)
    if not re.fullmatch(form, value):
        raise unfit(f"{at}{name} does not have the form that replay writes there")
    return value


def no_control(value: str, at: str) -> None:
    """Make sure that a text has no control characters and no line ends.

    Raises:
        Unfit: it has one.
    """
    # Messages show these texts, and clients get the address.
    if _CONTROL.search(value):
        raise unfit(f"{at} holds a control character or a line end")


def only(mapping: Mapping[str, Any], known: frozenset[str], at: str) -> None:
    """Make sure that a mapping has no other names than these.

    Raises:
        Unfit: it has one.
    """
    for name in mapping:
        if name not in known:
            shown = f"{at}.{name}".lstrip(".") if _SHOWN_KEY.fullmatch(name) else ""
            raise unfit(
                f"{shown} is a key that replay does not write"
                if shown
                else f"{at or 'the top level'} holds a key that replay does not write"
            )


def unfit(why: str) -> Unfit:
    """The error of a document that is not in the format."""
    return Unfit(f"is not in the format: {why}")


def redacted_of(item: Mapping[str, Any], at: str) -> Mapping[str, str]:
    """The ``redacted`` of an answer: pointer -> class.

    Raises:
        Unfit: it is none.
    """
    redacted: Mapping[str, Any] = value_of(item, "redacted", dict, f"{at}.")
    for pointer, kind in redacted.items():
        if type(kind) is not str:
            raise unfit(f"{at}.redacted maps a pointer to no text")
        no_control(pointer, f"{at}.redacted")
        if pointer[:1] != "/" or not frame.names_classes(kind):
            raise unfit(f"{at}.redacted maps what is no pointer, or to what is no class")
    return redacted


def headers_of(message: Mapping[str, Any], at: str, forms: Forms) -> Headers:
    """The ``headers`` of a message, each a list of one text.

    Raises:
        Unfit: one is none that a recording holds.
    """
    lines: list[tuple[str, str]] = []
    for name, values in value_of(message, "headers", dict, at).items():
        if type(values) is not list or [str] != [type(value) for value in values]:
            raise unfit(f"{at}headers holds a value that is not a list of one text")
        lines.append((name, values[0]))
    if why := why_not_recorded(tuple(lines), forms):
        raise unfit(f"{at}headers {why}")
    return tuple(lines)

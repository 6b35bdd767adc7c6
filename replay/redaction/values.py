"""The forms of single values: which may be kept as a kind, and the class of any other.

The field alone is never trusted: a value that does not look like the field's kind is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache

from replay.redaction.personal import Form, form_of, is_personal_tail
from replay.redaction.pseudonyms import CHOSEN, is_masked
from replay.redaction.secrets import is_secret
from replay.stripe_api.versions import is_version, kept_version

TOKEN = re.compile(
    r"(?!.{65})[a-z]{1,30}[0-9]{0,3}(?:[_.-](?:[a-z]{1,30}[0-9]{0,3}|[0-9]{1,4}[a-z]{0,3}))*\Z"
)
"""A lower-case word of the API, such as ``requires_action``, ``p24`` or ``invoice.paid``."""

_CHOSEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")
_WORD = re.compile(rf"{TOKEN.pattern}|[A-Za-z]{{2,3}}\Z")
_TAX_CODE = re.compile(r"txcd_[0-9]{8}\Z")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,3}\Z")
_CURRENCY = re.compile(r"[a-z]{3}\Z|[A-Z]{3}\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_LOCALE = re.compile(r"[a-z]{2,3}(?:[-_](?:[A-Z]{2}|[0-9]{3}|[A-Z][a-z]{3}))?\Z|auto\Z")
_VERSION = re.compile(r"v\d\Z|\d(?:\.\d){1,2}\Z", re.ASCII)
_PARAM = re.compile(r"[a-z][a-z_]{0,63}(?:\[(?:[a-z_]{0,64}|\d{1,3})\])*\Z", re.ASCII)
_DOC_URL = re.compile(
    r"https://(?:docs\.stripe\.com|stripe\.com/docs)(?:/[a-z]+(?:[-_][a-z]+)*)+\Z"
)
_DECIMAL = re.compile(r"-?\d+(?:\.\d+)?\Z", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)\Z", re.ASCII
)

_PLAIN_KEY = re.compile(r"(?!.*\d{5})[A-Za-z_][A-Za-z0-9_-]{0,63}\Z")
_RANDOM = re.compile(r"(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9]{12,}")

_LOOKS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("url", re.compile(r"https?://\S+\Z", re.IGNORECASE)),
    ("email", re.compile(r"[^@\s]+@(?=[^@\s]*\.)[^@\s]+\Z")),
    ("secret", re.compile(r"REDACTED_SECRET_")),
    ("datetime", _INSTANT),
    ("date", re.compile(r"\d{4}-\d\d-\d\d\Z")),
    ("integer", re.compile(r"-?\d+\Z")),
    ("decimal", re.compile(r"-?\d+\.\d+\Z")),
    ("ip", re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z")),
    ("phone", re.compile(r"\+?\(?\d[\d ().-]{5,24}\Z")),
)

FIRST_TIME, LAST_TIME = 1_000_000_000, 4_102_444_800
"""Integers in this range are taken for unix times (2001 to 2100), a class of their own."""


_LEAST_CARD, _ABOVE_CARDS = 10**12, 10**19


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not _is_card(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not _is_card(value)


def _is_decimal(value: object) -> bool:
    return isinstance(value, str) and _DECIMAL.match(value) is not None and not _is_card(value)


def _is_card(value: int | float | str) -> bool:
    """Whether a number is that of a card, by its check digit: no amount or count is as large."""
    if isinstance(value, str):
        digits = value.partition(".")[0].lstrip("-0")
        return len(digits) >= 13 and form_of(digits) is Form.CARD
    return _LEAST_CARD <= abs(value) < _ABOVE_CARDS and form_of(str(abs(int(value)))) is Form.CARD


def _is_chosen(value: object) -> bool:
    return isinstance(value, str) and _CHOSEN.match(value) is not None and form_of(value) is None


def _matches(regex: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and regex.match(value) is not None


def _is_word(regex: re.Pattern[str]) -> Callable[[object], bool]:
    """A word of the API, which is no number or address of a person written like one."""

    @lru_cache(maxsize=4096)  # there are few of them, and this is asked for each
    def fits(value: str) -> bool:
        return regex.match(value) is not None and form_of(value) is None

    return lambda value: isinstance(value, str) and fits(value)


def _is_version(value: object) -> bool:
    if not isinstance(value, str) or len(value) > 40:
        return False
    return _VERSION.match(value) is not None or (
        is_version(value) and kept_version(value, None) == value
    )


SIMPLE_KINDS: dict[str, Callable[[object], bool]] = {
    "amount": _is_int,  # minor units of the currency
    "int": _is_int,  # counts, versions, sequence numbers
    "time": lambda value: _is_int(value) or _matches(_INSTANT)(value),
    "rate": _is_number,
    "decimal": lambda value: _is_number(value) or _is_decimal(value),
    "enum": _is_word(TOKEN),
    "chosen": _is_chosen,  # an ID that a person may have chosen
    "word": _is_word(_WORD),  # an ID that is a word of the API, such as card_payments, US or usd
    "code": _matches(_CODE),  # a short code of a public code list
    "currency": _matches(_CURRENCY),
    "country": _matches(_COUNTRY),
    "locale": _matches(_LOCALE),
    "version": _is_version,
    "param": _is_word(_PARAM),
    "doc_url": _matches(_DOC_URL),
    "bool": lambda _: False,  # booleans are kept everywhere; this kind only names the field
    "group": lambda _: False,  # likewise: an object or a list of objects
}
"""Kind that a field may keep -> whether a value looks like it."""


def is_generated(value: object, prefixes: Collection[str], *, strict: bool = False) -> bool:
    """Whether a string is an ID that Stripe generated: known prefix, alphabet, length.

    A shorter one, and a number of a person behind a prefix, may have been chosen by somebody.

    Args:
        value: any JSON value.
        prefixes: the known ones, without the last underscore.
        strict: for fields that no policy names: the ID must have digits and letters of both cases.
    """
    if not isinstance(value, str) or not value.isascii() or len(value) > 255:
        return False
    prefix, _, tail = value.rpartition("_")
    length = len(tail)
    if length < 10 or not tail.isalnum():
        return not strict and _TAX_CODE.match(value) is not None  # a code of a public list
    if not _is_prefix(prefix, prefixes):
        return prefix == CHOSEN and is_masked(value)
    if strict or length < 14:
        digit = any(map(str.isdigit, tail))
        mixed = digit and tail != tail.lower() and tail != tail.upper()
        if not mixed or (strict and length < 14):
            return False
    return not is_personal_tail(tail) or is_masked(value)


def _is_prefix(prefix: str, prefixes: Collection[str]) -> bool:
    return prefix in prefixes or prefix.removesuffix("_test").removesuffix("_live") in prefixes


def _may_be_id(key: str, prefixes: Collection[str]) -> bool:
    """Whether a map's key is an ID, generated or chosen: known prefix, alphabet, some digits."""
    prefix, _, tail = key.rpartition("_")
    if len(tail) < 8 or not tail.isalnum() or not _is_prefix(prefix, prefixes):
        return False
    return any(map(str.isdigit, tail)) or (tail != tail.lower() and tail != tail.upper())


def is_plain_key(key: str, prefixes: Collection[str]) -> bool:
    """Whether a map's key is a plain identifier: not random, not an ID, a secret or a number."""
    return (
        _PLAIN_KEY.match(key) is not None
        and _RANDOM.search(key) is None
        and not _may_be_id(key, prefixes)
        and form_of(key) is None
        and not is_secret(key)
    )


def may_be_kept(value: str) -> bool:
    """Whether a team's own rule may keep an ID or a parameter: not a secret or a person's number.

    A plain number of seven digits or more may be a phone number, or the number of a boat: there the
    team decides.
    """
    return form_of(value) in {None, Form.PHONE} and not is_secret(value)


def look(value: str | int | float) -> str:
    """The format class of a value that is not kept; its stand-in has the same class."""
    if isinstance(value, int):
        return "time" if FIRST_TIME <= value <= LAST_TIME else "int"
    if isinstance(value, float):
        return "float"
    for kind, regex in _LOOKS:
        if regex.match(value):
            return kind
    return "secret" if is_secret(value) else "text"

"""Forms that name a person: numbers of cards, accounts, people and phones, addresses. Pure.

An ID of such a form never stays, even if the policy keeps other IDs of its kind. Card and bank
account numbers are recognised by their check digits, all others by how they are written.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Form(StrEnum):
    """What a text is, by its form."""

    EMAIL = "email"
    CARD = "card"
    IBAN = "iban"
    NATIONAL = "national number"
    PHONE = "phone"
    """Also any other number of seven digits or more: by its form, it could be one."""


_EMAIL = re.compile(
    r"[A-Za-z0-9](?:@|%40|[-_.+](?:at|AT)[-_.+])[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
)
_DIGITS = re.compile(r"\d(?:[^A-Za-z0-9]*\d){6,}")
_DATE = re.compile(
    r"(?<!\d)20\d\d([-_.])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)(?!\1\d\d\d\d)"
)
_MACHINE = re.compile(
    r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=\d*[a-f]+\d+[a-f])[0-9a-f]{16,64})\Z",
    re.IGNORECASE,
)
"""A UUID, or a long number in hex: digits in a row are chance there."""
_ZEROS = re.compile(r"[0\W_]*")
_CAPITALS = re.compile(r"[A-Z0-9]{15,}")
_LONG = re.compile(r"\d{13,}")
_CARD_STARTS = re.compile(r"3[0-9]|[245]|6[0-9]|81|1800")

_NATIONAL = re.compile(
    r"""(?<![A-Za-z0-9])(?:
        \d{3}([-_. ])\d{2}\1\d{4}                                        # US, social security
      | [A-Z]{2}[-_. ]?\d\d[-_. ]?\d\d[-_. ]?\d\d[-_. ]?[A-D]  # UK
      | [A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]                      # Italy
      | [A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d                             # Mexico, CURP
      | [A-Z]{4}\d{6}[A-Z0-9]{3}                                         # Mexico, RFC
      | [A-Z]{5}\d{4}[A-Z]                                                # India, PAN
      | [XYZ][-_. ]?\d{7}[-_. ]?[A-Z] | \d{8}[-_. ]?[A-Z]                # Spain
      | [STFGM]\d{7}[A-Z]                                                # Singapore
      | \d{17}[0-9X]                                                     # China
    )(?![A-Za-z0-9])""",
    re.VERBOSE | re.IGNORECASE,
)
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28,
    "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23,
    "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26,
    "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20,
    "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30,
    "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22,
    "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28,
    "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
_IBAN = re.compile(r"(?=([A-Z]{2})\d\d[A-Z0-9]{11})")
_SEPARATORS = re.compile(r"[^A-Za-z0-9]+")


def form_of(text: str) -> Form | None:
    """The form of a text that a person may have chosen; None where it has none of these.

    The form may be a part of the text, between or behind other words.
    """
    if _EMAIL.search(text):
        return Form.EMAIL
    if not any(map(str.isdigit, text)):
        return None
    runs = [re.sub(r"\D", "", run) for run in _DIGITS.findall(text)]
    if any(map(_is_card, runs)):
        return Form.CARD
    if _has_iban(_SEPARATORS.sub("", text).upper()):
        return Form.IBAN
    if _NATIONAL.search(text.replace("_", "-")):
        return Form.NATIONAL
    if not runs or _MACHINE.match(text):
        return None
    numbers = _DIGITS.finditer(_DATE.sub(" ", text))
    return Form.PHONE if any(_is_long(number[0]) for number in numbers) else None


def is_personal_tail(tail: str) -> bool:
    """Whether what follows the prefix of an ID is a number of a person, not a generated ID.

    Generated IDs hold digits by chance, so less counts here: a number of only digits, a card's
    number beside letters, and the others if they are all that there is.
    """
    found = _LONG.search(tail)
    if found is not None and (len(found[0]) == len(tail) or _is_card(found[0])):
        return len(tail.lstrip("0")) >= 7
    if tail.upper() != tail and tail.lower() != tail:
        return False  # two cases: as random as Stripe makes them
    upper = tail.upper()
    return (_IBAN_LENGTHS.get(upper[:2]) == len(upper) and _has_iban(upper)) or _NATIONAL.fullmatch(
        upper
    ) is not None


def is_in_token(text: str) -> bool:
    """Whether random letters and digits hold a card's number or an IBAN as they are written.

    Of these alone it can be told: their check digits are not right by chance.
    """
    return any(_is_card(found[0]) for found in _LONG.finditer(text)) or any(
        _has_iban(found[0]) for found in _CAPITALS.finditer(text)
    )


def _is_long(number: str) -> bool:
    """Whether a number has seven digits or more without the zeros before them, as counters have."""
    zeros = _ZEROS.match(number)
    significant = number[zeros.end() :] if zeros else number
    return sum(map(str.isdigit, significant)) >= 7


def _is_card(digits: str) -> bool:
    """Whether these are a card's number: its first digits, length and check digit."""
    if not 13 <= len(digits) <= 19 or not _CARD_STARTS.match(digits):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def _has_iban(text: str) -> bool:
    """Whether upper-case letters and digits hold an IBAN whose check digits are right."""
    for found in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(found[1])
        candidate = text[found.start() : found.start() + (length or 0)]
        if length == len(candidate):
            moved = candidate[4:] + candidate[:4]
            if int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1:
                return True
    return False

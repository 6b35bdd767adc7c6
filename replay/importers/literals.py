"""Reads values that stand in a text as literals of a programming language, or nearly as JSON.

A hash of Ruby's, a dict of Python's, an array of PHP's, an object of JavaScript's, JSON5, JSON with
comments or a mistake, and a snapshot of a test are so alike that one reader takes them all.
Brackets hold keys and values, `=>`, `:` or `=` stands between the two, and commas between pairs.
The reader passes through code as well; what code computes is no value. The time grows with the text
alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from replay.importers.documents import Unreadable, put

MAX_DEPTH = 150
_OBJECT = re.compile(
    r"""(?:(?P<quote>["'])object(?P=quote)|(?<![\w"'$.\\-])object|:object)\s*(?:=>|:|=)\s*["']\w"""
)
"""The key by which an object of Stripe's says what it is, in any of the languages."""
_TOKEN = re.compile(
    r"""
      (?P<space>\s+ | //[^\n]* | \#(?!\{)[^\n]* | /\*.*?(?:\*/|\Z))
    | (?P<long>\"{3}.*?(?:\"{3}|\Z) | '{3}.*?(?:'{3}|\Z))
    | (?P<string>
        (?:\b[bBrRuUfF]{1,2}|(?<![A-Za-z0-9]))
        (?:"(?:[^"\\]|\\.)*(?:"|\Z) | '(?:[^'\\]|\\.)*(?:'|\Z))
      | `(?:[^`\\]|\\.)*(?:`|\Z))
    | (?P<symbol>:[A-Za-z_]\w*(?=\s*=>))
    | (?P<open>[\[({])
    | (?P<close>[\])}])
    | (?P<arrow>=> | :(?!:) | =(?!=))
    | (?P<comma>[,;])
    | (?P<number>[-+]?\d[\w.]*)
    | (?P<word>[A-Za-z_$][\w$]*[?!]?(?:(?:\.|::|->)[A-Za-z_$][\w$]*)*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_CONSTANTS = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "null": None, "nil": None, "None": None, "NULL": None, "undefined": None,
}  # fmt: skip
_ESCAPE = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|(\r?\n)|(.))", re.DOTALL
)
_SHORT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}
_CLOSES = {"{": "}", "[": "]", "(": ")"}


class Literal(NamedTuple):
    """A value in a text.

    Attributes:
        value: dicts, lists, strings, numbers, booleans and None.
        start: where it starts in the text.
        end: where it ends.
        clean: whether all in it was understood: there is no code in it, and no mistake.
    """

    value: Any
    start: int
    end: int
    clean: bool


class _Name(str):
    """A name of a variable or a word of the language: a key, but no value."""

    __slots__ = ()


_KINDS = frozenset({"Object", "Array"})
"""What snapshots of Jest write before a bracket."""
_CASTS = frozenset({"as", "const"})
"""What TypeScript writes behind a value that is what it is."""
_NOTHING = object()


class _Open:
    """A bracket that is not closed yet."""

    __slots__ = ("clean", "closes", "computed", "items", "joins", "key", "last", "pairs")

    def __init__(self, closes: str) -> None:
        self.closes = closes
        self.pairs: dict[Any, Any] = {}
        self.items: list[Any] = []
        self.key: Any = _NOTHING
        self.last: Any = _NOTHING
        self.joins = False
        self.clean = True
        self.computed = False

    def put(self, value: Any) -> None:
        """Take a value; strings side by side, or with a sign between them, are one."""
        self.clean &= self.last is _NOTHING
        last = self.last
        if isinstance(last, _Name) and last not in _KINDS:
            self.computed = True
            if isinstance(value, list):  # what a function is given, or an index
                value = [one for one in value if isinstance(one, dict | list)] or last
        elif type(last) is str:
            if isinstance(value, _Name) and value in _CASTS:
                return
            if type(value) is str and self.joins:
                value = last + value
            else:
                self.computed = True
        elif isinstance(last, dict | list):
            if isinstance(value, _Name):
                self.computed = True
                return
            self.flush()
        self.last, self.joins = value, True

    def arrow(self) -> None:
        """What came last is a key, or the first half of a choice: ``one ? 'a' : 'b'``."""
        if self.key is not _NOTHING:
            self.clean = False
            self.computed, self.last = True, _NOTHING
        elif self.last is not _NOTHING and not isinstance(self.last, dict | list):
            self.key, self.last = str(self.last), _NOTHING

    def flush(self) -> None:
        """A value is complete."""
        value = self.last
        unknown = isinstance(value, _Name) or (self.computed and not isinstance(value, dict | list))
        self.clean &= not unknown
        if value is _NOTHING or unknown:
            value = None
        if self.key is not _NOTHING:
            put(self.pairs, self.key, value)
        elif value is not None:
            self.items.append(value)
        self.key = self.last = _NOTHING
        self.computed = False

    def value(self) -> Any:
        """The value of the whole bracket."""
        self.flush()
        if not self.pairs:
            return self.items
        self.clean &= not self.items
        among = [one for one in self.items if isinstance(one, dict | list)]
        return {**self.pairs, "": among} if among else self.pairs


def literals(text: str, spans: list[tuple[int, int]]) -> Iterator[Literal]:
    """The outermost values around each object of Stripe's in a text.

    Args:
        text: any text.
        spans: stretches of it that were read already, in order: start and end.

    Raises:
        Unreadable: the search was given up, because it would take too long.
    """
    end, work, at = 0, 3 * len(text) + 262_144, 0
    for found in _OBJECT.finditer(text):
        place = found.start()
        while at < len(spans) and spans[at][1] <= place:
            at += 1
        if place < end or (at < len(spans) and spans[at][0] <= place):
            continue
        around, end = _brackets(text, max(end, place - _REACH), place), found.end()
        # The innermost one too: the outermost may be one that only looks so, outside a string.
        for start in dict.fromkeys((*around[:1], *around[-1:])):
            found_here, seen = _read(text, start, place)
            work -= found_here.end - start
            if work < 0:
                raise Unreadable("holds too much that starts as a value and is none", bounded=True)
            yield found_here
            if seen:
                end = max(found_here.end, end)
                break


_REACH = 64 * 1024
_BRACKET = re.compile(r"[\[\](){}]")


def _brackets(text: str, first: int, place: int) -> list[int]:
    """Where the brackets start that are open at a place, the outermost first."""
    opened: list[int] = []
    for found in _BRACKET.finditer(text, first, place):
        if found[0] in _CLOSES:
            opened.append(found.start())
        elif opened:
            opened.pop()
    return opened


def _read(text: str, start: int, place: int) -> tuple[Literal, bool]:
    """The value in the bracket at a place, and whether another place is a key in it."""
    stack = [_Open("")]
    seen, clean = False, True
    for token in _TOKEN.finditer(text, start):
        kind, here = token.lastgroup, stack[-1]
        seen |= token.start() == place
        if kind == "open":
            if len(stack) > MAX_DEPTH:
                raise Unreadable(f"is nested deeper than {MAX_DEPTH}", bounded=True)
            stack.append(_Open(_CLOSES[token[0]]))
        elif kind == "close":
            if token[0] != here.closes:
                clean = False
                continue
            stack.pop()
            stack[-1].put(here.value())
            clean &= here.clean
            if len(stack) == 1:
                return Literal(stack[0].last, start, token.end(), clean), seen
        elif kind == "string" or kind == "long":
            here.put(_Name() if _is_made(token[0]) else _text(token[0]))
        elif kind == "symbol":
            here.put(token[0][1:])
        elif kind == "arrow":
            here.arrow()
        elif kind == "comma":
            here.flush()
        elif kind == "number":
            here.put(_number(token[0]))
        elif kind == "word":
            here.put(_CONSTANTS.get(token[0], _Name(token[0])))
        elif kind == "other":
            here.joins = token[0] in "+.~&\\"
            clean = False
    while len(stack) > 1:
        value = stack.pop().value()
        stack[-1].put(value)
    return Literal(stack[0].last, start, len(text), clean=False), seen


def _is_made(literal: str) -> bool:
    """Whether code puts values into a string."""
    if literal[0] in "fF" or (literal[1:2] in {"f", "F"} and literal[0] in "rR"):
        return "{" in literal
    return (literal[0] == "`" and "${" in literal) or (literal[0] == '"' and "#{" in literal)


def _text(literal: str) -> str:
    """What a string in quotes says."""
    literal = literal.lstrip("bBrRuUfF") if literal[0] not in "\"'`" else literal
    quote = literal[:3] if literal[:3] in {'"""', "'''"} else literal[:1]
    inner = literal[len(quote) :].removesuffix(quote)
    return _ESCAPE.sub(_meant, inner) if "\\" in inner else inner


def _meant(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2] or escape[3]
    if code:
        number = int(code, 16)
        return chr(number) if number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else "\ufffd"
    return "" if escape[4] else _SHORT.get(escape[5], escape[5])


def _number(digits: str) -> int | float | str:
    if re.fullmatch(r"[-+]?\d{1,18}", digits):
        return int(digits)
    return float(digits) if re.fullmatch(r"[-+]?\d{1,18}\.\d{1,18}", digits) else digits

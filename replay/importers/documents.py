"""Reads a text as a document: JSON, YAML or TOML of any kind, with the lines of its values.

Reading is loose, because these files are not ours: tags are passed over, aliases are followed, a
second value of a key is kept beside the first, and several documents become a list. It is
bounded all the same, and nothing is constructed but dicts, lists, strings, bytes and constants.
"""

from __future__ import annotations

import binascii
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_DEPTH = 150
MOST_TOML = 4 * 1024 * 1024
"""Characters of a TOML text; its parser is slow."""
_MOST_ALIASED = 500_000
"""Values that all aliases of a document may stand for."""
AGAIN = " (again)"
"""What the name of a key gets where the key comes a second time."""

_YAML = re.compile(
    r"^[ \t]*(?:-[ \t]+)*[\"']?(?:object|request|http_interactions|interactions)[\"']?[ \t]*:",
    re.MULTILINE,
)
_TOML = re.compile(r"^[ \t]*(?:\[{1,2}[\w.\"'-]+\]{1,2}|object[ \t]*=)", re.MULTILINE)
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\Z")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}\Z")
_CONSTANTS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class Unreadable(ValueError):
    """The text is no document of its kind. The message never quotes the text."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says.

    Attributes:
        root: dicts, lists, strings, bytes, numbers, booleans and None.
        lines: for each dict and list, by its `id`, the lines (from 1) of its values in order. Empty
            for JSON and TOML, whose parsers tell none.
    """

    root: Any = field(repr=False)
    lines: dict[int, list[int]] = field(default_factory=dict, repr=False)


def document(text: str, suffix: str) -> Document | None:
    """The document in a text; None if it holds none.

    Args:
        text: a whole text.
        suffix: the end of its file's name, such as ``.yaml``.

    Raises:
        Unreadable: the name says that it is YAML or TOML, and it cannot be read as such.
    """
    if text.lstrip()[:1] in {"{", "[", '"'}:
        try:
            return Document(read_json(text))
        except Unreadable:
            pass
    if suffix in {".yaml", ".yml"}:
        return read_yaml(text) if _YAML.search(text) else None
    if suffix == ".toml":
        return Document(read_toml(text)) if _TOML.search(text) else None
    try:
        if _YAML.search(text[:65536]) and suffix not in _CODE:
            return read_yaml(text)
        if "[[interactions]]" in text[:4096] or "[interactions." in text[:4096]:
            return Document(read_toml(text))
    except Unreadable:
        pass  # the name promises nothing
    return None


_CODE = frozenset({".py", ".rb", ".js", ".ts", ".tsx", ".jsx", ".go", ".java", ".php", ".ex",
                   ".exs", ".md", ".rst", ".html", ".css", ".c", ".h", ".rs", ".json"})  # fmt: skip


def read_json(text: str) -> Any:
    """The JSON value that is a whole text.

    Raises:
        Unreadable: it is none, or nested too deep.
    """
    try:
        return json.loads(text, object_pairs_hook=_pairs)
    except RecursionError:
        raise Unreadable("is nested too deep") from None
    except ValueError:
        pass
    try:  # an integer of more digits than Python converts is text enough
        return json.loads(text, object_pairs_hook=_pairs, parse_int=_integer)
    except (ValueError, RecursionError):
        raise Unreadable("is not readable as JSON") from None


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) < 1000 else digits


def _pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) != len(items):
        found = {}
        for key, value in items:
            _put(found, key, value)
    return found


def _put(mapping: dict[Any, Any], key: Any, value: Any) -> None:
    """Put a value beside those that the key has already."""
    while key in mapping:
        key = f"{key}{AGAIN}"
    mapping[key] = value


def embedded_json(text: str, needle: str = '"object"') -> Iterator[tuple[Any, int]]:
    """JSON objects and arrays inside a longer text, each with its position, outermost ones only.

    This finds one value per line, the body of an HTTP message, and a block in a page of
    documentation. Only values whose text holds the needle are given.

    Args:
        text: any text.
        needle: what a value must hold.

    Raises:
        Unreadable: the search was given up, because it would take too long.
    """
    end, work = 0, 3 * len(text) + 262_144
    wanted = text.find(needle)
    for start in _OPENING.finditer(text):
        position = start.start()
        if wanted < 0:
            return
        if work < 0:
            raise Unreadable("holds too much that starts as JSON and is none")
        if position < end:
            continue
        found, length, cost = _value_at(text, position)
        work -= cost
        if not length:
            continue
        end = position + length
        if wanted < position:
            wanted = text.find(needle, position)
        if 0 <= wanted < end:
            yield found, position


_OPENING = re.compile(r"\{\s*\"|\[\s*\{\s*\"")
_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_integer)


def _value_at(text: str, position: int) -> tuple[Any, int, int]:
    """The JSON value at a position, its length (0 if there is none), and how much was read.

    An error of the decoder takes time that grows with its whole text, so it gets a little first.
    """
    size, cost = 2048, 64
    while True:
        segment = text[position : position + size]
        try:
            found, length = _DECODER.raw_decode(segment)
        except json.JSONDecodeError as error:
            cut = error.msg.startswith("Unterminated") or error.pos > len(segment) - 12
            if not cut or len(segment) < size:
                return None, 0, cost
            cost += len(segment)
            size *= 16
        except (RecursionError, ValueError):
            return None, 0, cost + 4096
        else:
            return found, length, 0


def read_toml(text: str) -> Any:
    """The TOML document in a text.

    Raises:
        Unreadable: it is none, or too large for TOML's slow parser.
    """
    if len(text) > MOST_TOML:
        raise Unreadable(f"is TOML of more than {MOST_TOML // 1024 // 1024} MB")
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        line = f" (line {found[1]})" if found else ""
        raise Unreadable(f"is not readable as TOML{line}") from None
    except (RecursionError, ValueError):
        raise Unreadable("is not readable as TOML") from None


def sides(text: str) -> tuple[tuple[str, str], int] | None:
    """Both sides of a text with git's conflict markers, and the first marker's line."""
    ours: list[str] = []
    theirs: list[str] = []
    first, inside = 0, ""
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        mark = line[:7] if line[7:8] in {" ", "\n", "\r", ""} else ""
        if mark == "<<<<<<<":
            first, inside = first or number, "ours"
        elif inside and mark == "|||||||":
            inside = "neither"
        elif inside and mark == "=======":
            inside = "theirs"
        elif inside and mark == ">>>>>>>":
            inside = ""
        else:
            if inside in {"", "ours"}:
                ours.append(line)
            if inside in {"", "theirs"}:
                theirs.append(line)
    return (("".join(ours), "".join(theirs)), first) if first else None


# YAML


def read_yaml(text: str) -> Document:
    """The YAML document in a text; a list if there are several.

    Raises:
        Unreadable: it is none, or more than is followed: depth, or what aliases stand for.
    """
    try:
        parser = yaml.CSafeLoader(text)
    except UnicodeEncodeError:  # half of a surrogate pair
        raise Unreadable("is not readable as YAML") from None
    try:
        return _Reader(parser).read()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark is not None else ""
        raise Unreadable(f"is not readable as YAML{line}") from None
    finally:
        parser.dispose()


_NO_KEY = object()


class _Reader:
    """Builds values from the parser's events."""

    def __init__(self, parser: Any) -> None:
        self.parser = parser
        self.lines: dict[int, list[int]] = {}
        self.anchors: dict[str, Any] = {}
        self.open: set[int] = set()
        self.aliased = 0

    def read(self) -> Document:
        roots: list[Any] = []
        stack: list[Any] = [roots]
        keys: list[Any] = [_NO_KEY]
        lines: list[list[int]] = [[]]
        get = self.parser.get_event
        while True:
            event = get()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                value = self.scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                if len(stack) > MAX_DEPTH:
                    raise Unreadable(f"is nested deeper than {MAX_DEPTH}")
                value = {} if kind is yaml.MappingStartEvent else []
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self.open.discard(id(stack.pop()))
                keys.pop()
                lines.pop()
                continue
            elif kind is yaml.AliasEvent:
                value = self.alias(event.anchor)
            elif kind is yaml.StreamEndEvent:
                break
            else:
                continue
            top, place = stack[-1], event.start_mark.line + 1
            if type(top) is list:
                top.append(value)
                lines[-1].append(place)
            elif keys[-1] is _NO_KEY:
                # A key that is a mapping or a list is looked into like a value.
                plain = isinstance(value, str | int | float | bool | None)
                keys[-1] = value if plain else f"(a key in line {place})"
                if not plain:
                    _put(top, f"{keys[-1]} itself", value)
                    lines[-1].append(place)
            else:
                _put(top, keys[-1], value)
                lines[-1].append(place)
                keys[-1] = _NO_KEY
            if kind is not yaml.AliasEvent:
                if event.anchor is not None:
                    self.anchors[event.anchor] = value
                if kind is not yaml.ScalarEvent:
                    stack.append(value)
                    keys.append(_NO_KEY)
                    lines.append([])
                    self.lines[id(value)] = lines[-1]
                    self.open.add(id(value))
        self.lines[id(roots)] = lines[0]
        return Document(roots[0] if len(roots) == 1 else roots, self.lines)

    def alias(self, name: str) -> Any:
        value = self.anchors.get(name)
        if id(value) in self.open:  # it holds itself
            return None
        self.aliased += _size(value, _MOST_ALIASED - self.aliased)
        if self.aliased >= _MOST_ALIASED:
            raise Unreadable(f"has aliases that stand for more than {_MOST_ALIASED:,} values")
        return value

    def scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.tag is not None and event.tag.endswith("binary"):
            try:
                return binascii.a2b_base64(text.encode("ascii", "replace")) or text
            except binascii.Error:
                return text
        if not event.implicit[0]:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INT.match(text):
            return int(text)
        return float(text) if _FLOAT.match(text) else text


def _size(value: Any, most: int) -> int:
    """How many values a value holds, itself included, counted up to a limit."""
    count, left = 0, [value]
    while left and count < most:
        one = left.pop()
        count += 1
        if isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list):
            left += one
    return count
